"""Word vectors of the standard library's source, with sparse rows."""
