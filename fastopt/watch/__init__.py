"""What `Optimizer.watch` writes, and its picture."""
