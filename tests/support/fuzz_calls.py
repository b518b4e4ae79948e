"""What a bad call is to the fuzzer: a call of an optimizer that must raise a documented error and change nothing."""

from collections.abc import Callable
from typing import Any

WRONG = (TypeError, ValueError)
# The call and the errors that may come; None where the optimizer cannot be called wrongly so.
Made = tuple[Callable[[], Any], tuple[type[Exception], ...]] | None
Maker = Callable[[Any, Any], Made]


class Calls(dict[str, Maker]):
    """By name what makes a bad call, of the machine, with its optimizer, and hypothesis' data."""

    def add(self, name: str) -> Callable[[Maker], Maker]:
        """For use as a decorator."""

        def note(function: Maker) -> Maker:
            self[name] = function
            return function

        return note
