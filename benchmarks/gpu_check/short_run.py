"""A few steps of every kind of kernel, for compute-sanitizer: ends with 1 if a bit differs from the CPU's."""

import sys

from .device import Gpu
from .ways import compared

# An update with packs of 128 bits; one with 16-bit storage; norms, in shared memory; a norm that needs another.
CASES = (("adamw", "float32"), ("momentum", "bfloat16"), ("lamb", "float32"), ("in_two_waves", "float64"))
SIZES = (7, 129, 66_000)


def main() -> int:
    gpu = Gpu()
    # Each array in an allocation of its own, so that the sanitizer sees where it ends.
    gpu.without_pool()
    wrong = [said for case in CASES for said in compared(*case, gpu, SIZES)["wrong"]]
    print(*wrong, sep="\n", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
