"""How many steps each parameter has had, and which parameters share their numbers."""

import copy
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ..kernels.riders import PRODUCTS
from .hyper import Hyper
from .means import Means

# Among the numbers of a step the means after it, by option.
MEANS = "means after the step"


class History(NamedTuple):
    """The steps of a parameter.

    steps: how many were applied to it. states: its uniform states after them. means: by its option, those of each
    average whose start is corrected; never changed in place.
    """

    steps: int
    states: dict[str, float]
    means: Mapping[str, Means]

    def after(self, states: dict[str, float], numbers: Mapping[str, Any]) -> "History":
        """With one more step. states: its uniform states. numbers: those of the step, as SharedNumbers gives them."""
        return History(self.steps + 1, states, numbers[MEANS] if self.means else self.means)


@dataclass
class SharedNumbers:
    """The parameters that share all numbers: a group, with one history.

    layers: the hyperparameters that hold, where later layers override earlier ones. together: whether `t` in a formula
    counts the optimizer's steps, and not these parameters' own. beside: WithRiders.beside of their rule; None if that
    gives nothing.
    """

    layers: tuple[Hyper, ...]
    history: History
    together: bool
    beside: Callable[[int, int, Mapping[str, Any]], dict[str, Any]] | None
    _changes: int = field(default=-1, repr=False)
    _fixed: dict[str, Any] = field(default_factory=dict, repr=False)
    _scheduled: list[tuple[str, Hyper]] = field(default_factory=list, repr=False)

    @property
    def key(self) -> Any:
        """Equal for rows of equal numbers."""
        steps, states, means = self.history
        return self.layers, steps, repr(states), tuple(means.items())

    def numbers(self, step: int) -> dict[str, Any]:
        """The values for the next step, by name. Raises if a function of the step gives an invalid value.

        step: the number of this step of the optimizer, which is the step of all functions.
        """
        steps, states, means = self.history
        changes = 0
        for hyper in self.layers:
            changes += hyper.changes
        if changes != self._changes:
            merged = {name: (value, hyper) for hyper in self.layers for name, value in hyper.items()}
            # Another rule, whose numbers hold below, may name a hyperparameter as this rule names a state.
            called = [name for name, (value, _) in merged.items() if callable(value) and name not in states]
            self._scheduled = [(name, merged[name][1]) for name in called]
            self._fixed = {name: value for name, (value, _) in merged.items() if not callable(value)}
            self._changes = changes
        values = self._fixed | states
        values["t"] = step if self.together else steps + 1
        for name, hyper in self._scheduled:
            values[name] = hyper.at(name, step)
        if self.beside is not None:
            values |= self.beside(values["t"], steps + 1, values)
        if means:
            values[MEANS] = means = {name: own.after(values[name]) for name, own in means.items()}
            for name, own in means.items():
                values[PRODUCTS[name]] = own.product
        return values


class Counts:
    """The rows of numbers of an optimizer's parameters. Parameters with equal numbers share a row.

    layers: for each parameter the hyperparameters that hold, where later layers override earlier ones. histories: for
    each parameter its own. apart: whether uniform states follow from an array's norm, and so are each parameter's own.
    together, beside: as SharedNumbers has them; with `together` uniform states then go on in every step
    too, unless they are apart. row_of: for each parameter the number of its row.
    """

    def __init__(
        self,
        layers: Sequence[tuple[Hyper, ...]],
        histories: Sequence[History],
        apart: bool,
        together: bool,
        beside: Callable[[int, int, Mapping[str, Any]], dict[str, Any]] | None,
    ) -> None:
        self._apart, self._together = apart, together
        rows: dict[Any, SharedNumbers] = {}
        keys = []
        for k, (own, had) in enumerate(zip(layers, histories, strict=True)):
            row = SharedNumbers(own, had._replace(states=dict(had.states)), together, beside)
            keys.append(k if apart and had.states else row.key)
            rows.setdefault(keys[-1], row)
        places = {key: place for place, key in enumerate(rows)}
        self.rows, self.row_of = list(rows.values()), [places[key] for key in keys]

    def ahead(self) -> "Counts":
        """The counts with the same histories, which may then go ahead of these."""
        other = copy.copy(self)
        other.rows = [replace(row) for row in self.rows]
        return other

    @property
    def each(self) -> list[SharedNumbers]:
        """The row of each parameter."""
        return [self.rows[row] for row in self.row_of]

    def split(self, active: Sequence[int]) -> "Counts":
        """The counts with rows that no active parameter shares with an inactive one.

        If there are such rows, rows of equal numbers become one. These counts themselves stay as they are.
        """
        if len(active) == len(self.row_of):
            return self
        row_of, is_active = np.array(self.row_of), np.zeros(len(self.row_of), bool)
        is_active[active] = True
        used = (np.bincount(row_of[chosen], minlength=len(self.rows)) > 0 for chosen in (is_active, ~is_active))
        if not np.logical_and(*used).any():
            return self
        # With uniform states apart each parameter has a row of its own, and is never here.
        firsts: dict[Any, int] = {}
        alike = [firsts.setdefault(row.key, k) for k, row in enumerate(self.rows)]
        pairs, places = np.unique(2 * np.array(alike)[row_of] + is_active, return_inverse=True)
        numbers = (pairs // 2).tolist()
        other = copy.copy(self)
        other.rows = [
            replace(self.rows[k]) if k == before else self.rows[k] for before, k in itertools.pairwise([-1, *numbers])
        ]
        other.row_of = places.tolist()
        return other

    def after(
        self,
        used: Sequence[int],
        chosen: Sequence[int],
        new: Sequence[Sequence[float]],
        numbers: Sequence[Mapping[str, Any]],
    ) -> list[tuple[SharedNumbers, History]]:
        """The rows of an applied step, with the history that they will have.

        used: which rows these are. chosen: the parameters of the step. new: the uniform states of each row, or of each
        chosen parameter where uniform states are apart. numbers: those of the step, of each row.
        """
        rows = self.rows
        if not rows[0].history.states:
            return [((row := rows[k]), row.history.after(row.history.states, numbers[k])) for k in used]
        places = {self.row_of[k]: position for position, k in enumerate(chosen)}
        taken = set(used)
        after = []
        for k in self.going_on(used):
            had = rows[k].history
            states = dict(zip(had.states, new[places[k] if self._apart else k], strict=True))
            after.append((rows[k], had.after(states, numbers[k]) if k in taken else had._replace(states=states)))
        return after

    def started(self, states: Mapping[str, float]) -> dict[str, float]:
        """The uniform states of a parameter that begins now. states: those before any step."""
        return dict(self.rows[0].history.states if self.states_together else states)

    def going_on(self, used: Sequence[int]) -> Sequence[int]:
        """The rows whose uniform states go on in a step that uses some rows."""
        return range(len(self.rows)) if self.states_together else used

    @property
    def states_together(self) -> bool:
        """Whether uniform states are of the optimizer's steps, and not of each parameter's."""
        return self._together and not self._apart
