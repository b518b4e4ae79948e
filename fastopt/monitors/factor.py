"""A factor of a hyperparameter, which multiplies numbers and schedules instead of taking their place."""

import math
from collections.abc import Callable
from typing import Any

from ..kernels.language.hyperparameters import plain_number, real
from .known import has_state, known, value_at

Base = float | Callable[[int], float]


class Multiplied:
    """What multiplies and is multiplied, and enters no other arithmetic."""

    def _refuse(self, *others: Any) -> Any:
        raise TypeError(
            f"{self!r} can only be multiplied, by a number or a function of the step; for a sum, a difference or a "
            "quotient make a schedule of it, as in fastopt.schedules.function(plateau * 0.1) + 1e-3"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __neg__ = _refuse


class Product(Multiplied):
    """A function of the step: the product of numbers and functions of the step.

    base: a number or function of the step. factors: its factors. lowest: the factors do not bring the product below it;
    a base that is itself below it stays as it is.
    """

    def __init__(self, base: Base, factors: tuple[Base, ...], lowest: float = 0.0) -> None:
        self.base, self.factors, self.lowest = checked(base), factors, lowest

    def __call__(self, t: int) -> float:
        base = at(self.base, t)
        product = base
        for factor in self.factors:
            product = at(factor, t) * product
        return product if product >= self.lowest else min(base, self.lowest)

    def __mul__(self, other: Any) -> "Product":
        return Product(self, (checked(other),)) if is_base(other) else NotImplemented

    __rmul__ = __mul__

    def __repr__(self) -> str:
        floor = f", at least {self.lowest!r}" if self.lowest else ""
        return f"<{' * '.join(map(repr, (*self.factors, self.base)))}{floor}>"


class Factor(Multiplied):
    """A factor that changes with a loss: `factor * 0.1` or `factor * schedule` is a rate.

    value: the factor now, 1.0 at first.
    """

    value: float

    def __call__(self, t: int) -> float:
        if has_state(self):
            known(self)
        return self.value

    def of(self, base: Base, *, lowest: float = 0.0) -> Product:
        """The product of this factor and a number or a function of the step, itself a function of the step.

        lowest: the factor does not bring the product below it (torch's and keras's min_lr); a base that is itself below
        it stays as it is.
        """
        lowest = real("lowest", lowest)
        if not 0 <= lowest < math.inf:
            raise ValueError(f"lowest must be 0 or more, and finite; got {lowest!r}")
        return Product(base, (self,), lowest)

    def __mul__(self, other: Any) -> Product:
        return self.of(other) if is_base(other) else NotImplemented

    __rmul__ = __mul__


def at(base: Base, t: int) -> float:
    """The value of a number or a function in a step."""
    return value_at(base, t) if callable(base) else base


def is_base(value: Any) -> bool:
    value = plain_number(value)
    return callable(value) or (isinstance(value, int | float) and not isinstance(value, bool))


def checked(base: Any) -> Base:
    """A number as a Python float, or a function of the step. Raises TypeError or ValueError for anything else."""
    if not is_base(base):
        raise TypeError(f"a factor multiplies a number or a function of the step; got {base!r}")
    if callable(base):
        return base  # type: ignore[no-any-return]
    if math.isnan(number := float(base)):
        raise ValueError("a factor multiplies a number or a function of the step; got NaN")
    return number
