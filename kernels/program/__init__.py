"""What a graph becomes: stages over arrays, numbers beside them, and how both are spelled."""
