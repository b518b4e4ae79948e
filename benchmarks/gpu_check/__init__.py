"""What settles the claims about a real GPU, in two commands, each within nine minutes, from the root of the repository.

    python -m benchmarks.gpu_check bits --out benchmarks/results/gpu-bits.json
    python -m benchmarks.gpu_check speed --out benchmarks/results/gpu-speed.json

bits: the tests marked gpu, every rule and type on every kernel against the CPU, arrays of more than 2**31 elements, a
training run, compute-sanitizer. speed: kernels and whole steps beside a copy and torch. Each writes its results after
every row of every section, so that a stop loses little; skips what would not fit into the time that is left; and ends
with 1 if a section failed or a bit differed. Without a GPU both say what is missing and end with 2.
"""
