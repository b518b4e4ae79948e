"""Many runs side by side: the range test of learning rates, and sweeps."""
