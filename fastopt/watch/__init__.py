"""The file that `Optimizer.watch` writes, and its picture."""
