"""The language of update rules: operations, functions, reductions, and the graph that tracing a formula gives."""
