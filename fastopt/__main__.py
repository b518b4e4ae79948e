"""python -m fastopt: the same as the command fastopt."""

from .cli import main

main()
