"""The functions that a formula calls: those of elements, products that are `scaled`, norms and totals of arrays."""

from typing import Any

from . import reductions
from .decoupled import decayed as decayed
from .elementary import exp as exp
from .elementary import log as log
from .elementary import maximum as maximum
from .elementary import minimum as minimum
from .elementary import sign as sign
from .elementary import sqrt as sqrt
from .elementary import where as where
from .parts import conjugate as conjugate
from .parts import over_parts as over_parts
from .quotient import quotient as quotient
from .scaled import scaled as scaled
from .trace import Symbol


def _reduce(name: str, x: Any, over: str) -> Any:
    if isinstance(x, Symbol):
        return x.trace.reduce(name, x, over)
    of_model = reductions.OVER_MODEL.get() if over != "array" else None
    return of_model(name, x) if of_model else reductions.REDUCTIONS[name].array(x)


def norm(x: Any, over: str = "array") -> Any:
    """Euclidean norm of an array, or of a list of arrays (a Python float), summed in float64 in one fixed order.

    over: "array", or "model" for all arrays of an optimizer that the rule updates, taken as one.
    """
    return _reduce("norm", x, over)


def max_norm(x: Any, over: str = "array") -> Any:
    """The largest magnitude in an array or a list of arrays (a Python float); NaN if any is; 0.0 if there is none.

    over: as in `norm`.
    """
    return _reduce("max_norm", x, over)


def total(x: Any, over: str = "array") -> Any:
    """The sum of an array, or of a list of arrays (a Python float), in float64 in one fixed order.

    over: as in `norm`. `total(a * b)` is an inner product, and `total(a > b)` says how many elements of a are greater.
    """
    return _reduce("total", x, over)


def size(x: Any, over: str = "array") -> Any:
    """The number of elements of an array (a Python float); a complex number counts as two.

    over: as in `total`.
    """
    # True for NaN too.
    return total((x == x) | (x != x), over=over)


def mean(x: Any, over: str = "array") -> Any:
    """The mean of the elements of an array, total(x) / size(x); 0 if it has none.

    over: as in `total`.
    """
    return total(x, over=over) / maximum(size(x, over=over), 1)
