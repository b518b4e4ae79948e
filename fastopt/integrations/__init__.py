"""Optimizers in the shape that other libraries call: their training loops run on fastopt's kernels unchanged.

Each module imports its library, and warns if the library's version was not tested.
"""
