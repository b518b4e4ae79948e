"""Parameters, their state, their counts and plans: what a step changes, for whatever stands above it."""
