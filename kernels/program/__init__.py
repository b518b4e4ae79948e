"""From a graph to a program: stages over arrays, numbers beside the arrays, and how both are spelled."""
