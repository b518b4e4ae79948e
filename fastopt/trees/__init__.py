"""Nested containers of arrays."""
