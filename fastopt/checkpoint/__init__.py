"""State to a file and back."""
