"""Sets of arrays as one table of integers, and a stage that runs over it on any backend."""
