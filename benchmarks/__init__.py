"""Figures, each measured by a script of its own; results/ has what they wrote."""
