"""The parameters that an updater takes, at first and when the caller's container has changed, with their state."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..kernels.arrays.view import compute_type
from ..kernels.libraries.library import check_parameters
from ..kernels.riders import WithRiders
from ..trees.parameters import Parameters
from .counts import History
from .hyper import Hyper, groups_of
from .lr_scale import lr_scales
from .state import started


@dataclass(frozen=True)
class Choices:
    """What an updater is told once, and keeps for parameters that come later.

    definition: the rule with what rides along. hyper, groups: the hyperparameters of all parameters, and by pattern
    those of some. sparse: what a row-sparse gradient does to the rows that it does not touch. together: whether t
    counts the optimizer's steps in a formula, and not each parameter's own. lr_scale: by pattern the arrays that
    multiply lr. may_share: whether an array may stand in several places. monitors: objects to save along.
    """

    definition: WithRiders
    hyper: Hyper
    groups: Mapping[str, Hyper]
    sparse: str
    together: bool
    lr_scale: Mapping[str, Any] | None
    may_share: bool
    monitors: Sequence[Any]


@dataclass(frozen=True)
class Taken:
    """Parameters, and for each of them what an updater has of it.

    parameters: their places in the caller's tree. storages: the stored types. layers: the hyperparameters that
    hold. state: arrays by slot. scales: the arrays that multiply lr. known: functions that give the array, as long as
    it lives. kept: its number before, or None for one that begins.
    """

    parameters: Parameters
    storages: Sequence[str]
    layers: Sequence[tuple[Hyper, ...]]
    state: Sequence[dict[str, Any]]
    scales: Sequence[list[Any]]
    known: Sequence[Callable[[], Any]]
    kept: Sequence[int | None]

    def histories(self, start: History, before: Sequence[History] = ()) -> list[History]:
        """The history of each parameter. before: the histories of those that were there before."""
        return [start if k is None else before[k] for k in self.kept]


def taken(params: Any, choices: Choices, before: Taken | None = None) -> Taken:
    """The parameters of a tree. Those that were there before keep their state, others begin.

    A parameter is known by its array, wherever that stood before, else by its name, if the state fits it still.
    Raises TypeError or ValueError, naming the array; nothing has then been changed.
    """
    remedy = "if it was changed on purpose, call sync(), which takes it as it now is"
    parameters = Parameters(params, choices.may_share, remedy)
    arrays, names = parameters.of(params, "params"), [f"params{path}" for path in parameters.paths]
    storages = check_parameters(arrays, names)
    if "cast_to" in choices.definition.on and "float64" in storages:
        raise ValueError("cast_to is for parameters that are computed in float32; these are float64")
    kept: list[int | None] = [None] * len(arrays) if before is None else _kept(parameters, arrays, storages, before)
    return Taken(
        parameters,
        storages,
        groups_of(parameters.names, choices.hyper, choices.groups),
        [
            started(choices.definition, choices.hyper, array, name) if k is None else before.state[k]  # type: ignore[union-attr]
            for k, array, name in zip(kept, arrays, names, strict=True)
        ],
        lr_scales(choices.lr_scale, parameters.names, arrays, names),
        [_reference(array) for array in arrays],
        kept,
    )


def _kept(parameters: Parameters, arrays: Sequence[Any], storages: Sequence[str], before: Taken) -> list[int | None]:
    """For each parameter the number that it had before, or None."""
    by_array = {id(array): k for k, known in enumerate(before.known) if (array := known()) is not None}
    by_key = {key: k for k, key in enumerate(before.parameters.keys)}
    kept = [by_array.get(id(array)) for array in arrays]
    moved = set(kept)
    for place, key in enumerate(parameters.keys):
        k = by_key.get(key)
        if (
            kept[place] is None
            and k is not None
            and k not in moved
            and _fits(before, k, arrays[place], storages[place])
        ):
            kept[place] = k
    return kept


def _fits(before: Taken, k: int, array: Any, storage: str) -> bool:
    shapes = {tuple(own.shape) for own in before.state[k].values()}
    return shapes <= {tuple(array.shape)} and compute_type([before.storages[k]]) == compute_type([storage])


def _reference(array: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(array)
    except TypeError:
        return lambda: array
