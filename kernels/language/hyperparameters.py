"""Hyperparameters: their defaults and valid ranges, checked once, before anything is computed."""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .spellings import meant
from .values import shown

_BELOW = {"<": lambda a, b: a < b, "<=": lambda a, b: a <= b}
_CLAUSE = re.compile(
    r"^(?:(?P<low>\S+)\s*(?P<after>[<]=?)\s*)?(?P<name>\w+)\s*(?:(?P<before>[<>]=?)\s*(?P<high>\S+))?$"
)


# The keyword-only argument that is the loss of a step, if it has no default.
LOSS = "loss"


@dataclass(frozen=True)
class Range:
    """The numbers that a hyperparameter may be; `text` is as the rule's author wrote it. whole: no fractions."""

    text: str
    low: float = -math.inf
    high: float = math.inf
    above: str = "<="
    below: str = "<="
    whole: bool = False

    def holds(self, value: float) -> bool:
        if self.whole and value % 1 > 0:
            return False
        return bool(_BELOW[self.above](self.low, value) and _BELOW[self.below](value, self.high))


def parse_ranges(require: str, names: Iterable[str]) -> dict[str, Range]:
    """The ranges in a text such as "lr >= 0, 0 <= beta1 < 1", by hyperparameter."""
    names = set(names)
    ranges: dict[str, Range] = {}
    for clause in filter(None, (part.strip() for part in require.split(","))):
        match = _CLAUSE.match(clause)
        if not match or not (match["low"] or match["high"]):
            raise ValueError(f'require={require!r}: {clause!r} is not of the form "lr >= 0" or "0 <= beta1 < 1"')
        name = match["name"]
        if name not in names:
            raise ValueError(
                f"require={require!r}: the rule has no hyperparameter {name!r}; {suggestion(name, sorted(names))}"
            )
        low, above, high, below = match["low"], match["after"], match["high"], match["before"]
        if below and below.startswith(">"):
            if low:
                raise ValueError(f"require={require!r}: write {clause!r} with < or <= on both sides")
            low, above, high, below = high, below.replace(">", "<"), None, None
        try:
            bounds = float(low or -math.inf), float(high or math.inf)
        except ValueError:
            raise ValueError(f"require={require!r}: {clause!r} must compare {name} with numbers") from None
        ranges[name] = Range(clause, *bounds, above or "<=", below or "<=")
    return ranges


def plain_number(value: Any) -> Any:
    """A NumPy scalar or 0-d array as a Python number: an np.float64 would turn float32 arrays into float64."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return value


def real(name: str, value: Any) -> float:
    """The value as a float. Raises TypeError if it is no number."""
    value = plain_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number; got {shown(value)}")
    return float(value)


def whole(name: str, value: Any, least: int, unit: str) -> int:
    """The value as an int. Raises TypeError if it is not whole, ValueError if it is less than `least`."""
    value = plain_number(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}, in {unit}, must be a whole number; got {shown(value)}")
    if value < least:
        raise ValueError(f"{name}, in {unit}, must be {least} or more; got {value}")
    return value


def is_static(default: Any) -> bool:
    """Whether a hyperparameter with this default selects between formulas, each compiled on its own."""
    return default is None or isinstance(default, bool | str)


def suggestion(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not known: what another library calls so, the known name that is nearly it, or all."""
    known = list(known)
    # In a message a wider guess than for an attribute, which may be somebody's own.
    close = meant(name, known) or difflib.get_close_matches(name, known, 1)
    if close:
        return f"did you mean {' and '.join(map(repr, close))}?"
    return f"there are {', '.join(known)}" if known else "there are none"


def unknown_name(owner: str, name: str, known: Iterable[str]) -> TypeError:
    """The error for a hyperparameter that `owner` does not have."""
    return TypeError(f"{owner} has no hyperparameter {name!r}; {suggestion(name, known)}")


def checked(owner: str, name: str, value: Any, default: Any, valid: Range | None) -> Any:
    """`value` as a plain Python number or static choice; raises if it cannot be one or is out of range."""
    value = plain_number(value)
    if is_static(default):
        if isinstance(default, bool) and not isinstance(value, bool):
            raise TypeError(f"{owner}: {name} must be True or False; got {shown(value)}")
        if not is_static(value):
            raise TypeError(f"{owner}: {name} must be a string, True, False or None; got {shown(value)}")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{owner}: {name} must be a number; got {shown(value)}")
    if value != value:
        raise ValueError(f"{owner}: {name} is NaN; pass a number")
    try:
        float(value)
    except OverflowError:
        raise ValueError(f"{owner}: {name} is an integer beyond the range of float64; pass a smaller number") from None
    if valid is not None and not valid.holds(value):
        raise ValueError(f"{owner}: {name} must satisfy {valid.text}; got {value!r}")
    return value


def step_number(owner: str, t: Any) -> int:
    """`t` as a Python integer; raises unless it is 1 or more."""
    t = plain_number(t)
    if isinstance(t, bool) or not isinstance(t, int):
        raise TypeError(f"{owner}: t, the number of the step, must be an integer; got {shown(t)}")
    if t < 1:
        raise ValueError(f"{owner}: t, the number of the step, starts at 1; got {t}")
    return t


def checked_loss(owner: str, loss: Any, wanted: bool, guarded: bool) -> float | None:
    """The loss of a step as a Python float; None for a rule that takes none.

    wanted: whether the rule takes a loss. guarded: a step whose loss is not finite is skipped, so that any number may
    come. Raises TypeError for a loss that is missing, unwanted or no number, ValueError for one that is not finite.
    """
    if not wanted:
        if loss is not None:
            raise TypeError(f"{owner} takes no loss; leave loss out")
        return None
    if loss is None:
        raise TypeError(f"{owner} needs the loss of the step; pass it by name, as in step(grads, loss=loss)")
    loss = plain_number(loss)
    # Types of ml_dtypes, such as bfloat16, are void to NumPy.
    kind = getattr(getattr(loss, "dtype", None), "kind", "f")
    if isinstance(loss, bool | str | bytes | complex) or getattr(loss, "ndim", 0) != 0 or kind not in "fiuV":
        raise TypeError(f"{owner}: loss must be a number; got {shown(loss)}")
    try:
        value = float(loss)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{owner}: loss must be a number; got {shown(loss)}") from None
    if not guarded and not math.isfinite(value):
        raise ValueError(
            f"{owner}: loss is {value!r}, from which no step can be worked out; leave the step out, or make an "
            "optimizer with skip_nonfinite=True, which skips such steps"
        )
    return value


def bind(
    owner: str, given: Mapping[str, Any], defaults: Mapping[str, Any], ranges: Mapping[str, Range]
) -> dict[str, Any]:
    """All hyperparameters, those given checked, the others at their defaults."""
    for name in given:
        if name not in defaults:
            raise unknown_name(owner, name, defaults)
    return {
        name: checked(owner, name, given[name], default, ranges.get(name)) if name in given else default
        for name, default in defaults.items()
    }
