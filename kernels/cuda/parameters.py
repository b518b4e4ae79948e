"""One list of parameters for a kernel's text and for its call."""

from collections import namedtuple
from collections.abc import Callable
from typing import Any


class KernelParameters:
    """The parameters of a kernel, in their order.

    declarations: each as CUDA C++ has it, its name last; {compute} stands for the type that computes.
    arguments: makes the arguments of a call, a tuple, of a value for each name; it raises TypeError for others.
    """

    def __init__(self, *declarations: str) -> None:
        self._declarations = declarations
        names = [text.replace("*", " ").split()[-1] for text in declarations]
        self.arguments: Callable[..., tuple[Any, ...]] = namedtuple("arguments", names)  # type: ignore[misc]

    def declared(self, compute: str = "") -> str:
        """The list as it stands in a kernel's text, a line for each, indented."""
        return ",\n".join(f"    {text.replace('{compute}', compute)}" for text in self._declarations)
