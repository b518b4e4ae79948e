"""From text to machine code for this processor, by numba, kept on disk. Importing these modules imports numba."""
