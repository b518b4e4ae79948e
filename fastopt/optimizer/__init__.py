"""`fastopt.Optimizer`, its classes, and its captured steps."""
