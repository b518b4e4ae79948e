"""Runs generated CUDA C++, compiled with address and undefined-behaviour sanitizers, on arrays with exact bounds.

A program of its own, since the sanitizer has to be there before Python: test_sanitized.py starts it.
"""

import ctypes
import json
import sys
from typing import Any

import cuda_shim
import numpy as np
from examples import arrays_for
from own_rules import EVERY
from updated_sets import check_sets, numbers_of
from updating import update

from fastopt.kernels import RULES, Rule
from fastopt.kernels.language.storages import BLOCK
from fastopt.kernels.riders import SCALES_OF, with_riders

FLAGS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-O1", "-g1")
# Around packs of 2, 4 and 8 elements, lanes of 1,024 and pieces of 65,536.
SIZES = (0, 1, 2, 3, 5, 7, 8, 9, 15, 17, 127, 1023, 1025)
LARGE = 65537

_c = ctypes.CDLL(None)
_c.malloc.restype = ctypes.c_void_p
_c.malloc.argtypes = [ctypes.c_size_t]
_c.__asan_poison_memory_region.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


# How far past an aligned address an array lies, in bytes, by its element's: for parameter, gradient and slots in turn.
PAST = {"at it": lambda item: 0, "one element": lambda item: item, "eight bytes": lambda item: 8}
PLACES = [
    ["at it"],
    ["one element"],
    ["eight bytes"],
    ["at it", "one element", "at it", "at it"],
    ["at it", "at it", "eight bytes"],
]


def exact(array: Any, place: str) -> Any:
    """A copy in a block of its own, up to its end.

    The sanitizer knows of eight bytes how many from the first on may be touched: what is before the copy is forbidden
    if it is whole eights.
    """
    past = PAST[place](array.itemsize)
    block = _c.malloc(past + array.nbytes)
    if past % 8 == 0:
        _c.__asan_poison_memory_region(block, past)
    memory = (ctypes.c_char * array.nbytes).from_address(block + past)
    result = np.frombuffer(memory, array.dtype).reshape(array.shape)
    result[...] = array
    return result


def run(tested: Rule, storage: str) -> int:
    """Every size in every place, many sets at once and each alone, dense and not; returns how many sets."""
    count = 0
    whole_model = any(node.value == "model" for node in tested.program(tested.hyper).reductions)
    for places in PLACES:
        sizes = [*SIZES, *([LARGE] if places == ["eight bytes"] else [])]
        made = {size: arrays_for(tested, size, storage, seed=size, special=True) for size in sizes}
        # Every second element, of which the last is the last of the block, or all of them backwards.
        cuts = [slice(None), slice(None, None, 2), slice(None, None, -1)]
        sets = [
            [[exact(a, places[k % len(places)])[cut] for k, a in enumerate(made[size])] for size in sizes]
            for cut in cuts
        ]
        if not whole_model:
            check_sets(tested, sets[0])
        for some in sets:
            for arrays in some:
                check_sets(tested, [arrays])
        count += len(sizes) * (len(sets) + (not whole_model))
    return count


# Around one block, two, a task.
CODED_SIZES = (1, 255, 256, 257, 511, 512, 513, 2049, LARGE)


def run_coded(name: str) -> int:
    """The same of a rule with its state in codes, whose parameter and gradient are dense or not."""
    definition = with_riders(RULES[name], ("state_format", "8bit"), ("min_8bit_size", 1))
    program, scales = definition.program(definition.hyper), [SCALES_OF.format(slot) for slot in definition.coded]
    numbers = {**definition.hyper, **definition.step_numbers(3, 1.0), **definition.counted(3, definition.hyper)}
    count = 0
    for place in PAST:
        for step in (1, 2, -1):
            sets = []
            for size in CODED_SIZES:
                values = np.random.default_rng(size).integers(1, 100, size * abs(step))
                floats = [exact(values.astype("float32"), place)[::step] for _ in range(2)]
                kinds = ["uint8" if slot in definition.never_negative else "int8" for slot in definition.coded]
                codes = [exact(values[:size].astype(kind), place) for kind in kinds]
                own = [exact(np.ones(-(-size // BLOCK), "float32"), place) for _ in scales]
                sets.append([*floats, *codes, *own])
            for chosen in (sets, *([arrays] for arrays in sets)):
                update(program, chosen, [numbers] * len(chosen))
                count += len(chosen)
    return count


def record(tested: Rule, storage: str) -> None:
    """Show the shim every kernel, for it to compile all in one go."""
    for step in (1, 2):
        sets = [[a[::step] for a in arrays_for(tested, 6, storage)] for _ in range(2)]
        for chosen in (sets, sets[:1]):
            update(tested.program(tested.hyper), chosen, [numbers_of(tested)])


if __name__ == "__main__":
    storage, edits, *names = sys.argv[1:]
    shim = cuda_shim.Shim(json.loads(edits), FLAGS)
    if storage == "codes":
        with cuda_shim.simulated(shim):
            print(sum(map(run_coded, names)))
        sys.exit()
    with cuda_shim.simulated(shim):
        shim.recording = True
        for name in names:
            record(EVERY[name], storage)
        shim.recording = False
        assert shim.edited == set(shim.edits)
        print(sum(run(EVERY[name], storage) for name in names))
