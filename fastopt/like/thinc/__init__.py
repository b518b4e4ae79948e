"""thinc by its own names."""
