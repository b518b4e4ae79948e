"""Word vectors of the standard library's documentation, with sparse rows."""
