"""The parts that all pictures share."""
