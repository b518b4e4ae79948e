"""The CUDA backend for CuPy arrays: CUDA C++ source, compiling, launches."""
