"""A step: take the arrays, decide the numbers, write."""
