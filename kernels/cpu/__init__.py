"""The CPU backend: numba source, threads, launches."""
