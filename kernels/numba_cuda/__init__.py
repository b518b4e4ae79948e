"""The CUDA backend for every other array on a GPU, by numba-cuda."""
