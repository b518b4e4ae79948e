"""Compiled code that sees whether arrays are where they were. Importing these modules imports numba."""
