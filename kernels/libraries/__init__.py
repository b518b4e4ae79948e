"""Arrays of NumPy, CuPy, torch and others: how each library makes, reads and describes them."""
