"""One list of parameters for a kernel's text and for its call."""

from typing import Any


class Parameters:
    """The parameters of a kernel, in their order.

    declarations: each as CUDA C++ has it, its name last; {compute} stands for the type that computes.
    """

    def __init__(self, *declarations: str) -> None:
        self._declarations = declarations
        self.names = tuple(text.replace("*", " ").split()[-1] for text in declarations)

    def declared(self, compute: str = "") -> str:
        """The list as it stands in a kernel's text, a line for each, indented."""
        return ",\n".join(f"    {text.replace('{compute}', compute)}" for text in self._declarations)

    def arguments(self, **values: Any) -> tuple[Any, ...]:
        """The arguments of a call in their order. Raises TypeError unless there is a value for each name."""
        if values.keys() != set(self.names):
            raise TypeError(f"the kernel takes {', '.join(self.names)}; got {', '.join(values)}")
        return tuple(values[name] for name in self.names)
