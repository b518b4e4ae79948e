"""What an update rule is written in: operations, functions, reductions, and the graph that tracing a formula gives."""
