"""The state arrays of a parameter: how they start, and how they follow weights that no step wrote."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..kernels.language.root8 import STEPS, codes_of, scales_of
from ..kernels.language.storages import ABSENT, SCALES
from ..kernels.libraries.library import array_like, copy, filling, scales_like, state_view_of, view_of
from ..kernels.program.floors import FLUSHED, REMEDY, is_flushed
from ..kernels.riders import AVERAGE, AVERAGES, COPY, SCALES_OF, WithRiders
from ..trees.parameters import Parameters
from .means import Means


def start_of(
    definition: WithRiders, hyper: Mapping[str, Any], starts: Mapping[str, float], slot: str
) -> tuple[str, float | None]:
    """The number at which a slot starts, None for the value of the parameter, and the hyperparameter that gives it, or
    "". starts: in the place of the rule's own."""
    start = starts.get(slot, definition.start[slot])
    if start == definition.arrays[0]:
        return "", None
    return (start, hyper[start]) if isinstance(start, str) else ("", start)


def kinds_of(definition: WithRiders, array: Any, path: str, state_format: str | None) -> dict[str, str | None]:
    """The slots that a parameter has, with the types in which they are stored; None for that of its computation.

    state_format: of the parameter's state. Raises ValueError for one that the rule's state does not fit.
    """
    if state_format == "8bit" and (why := definition.rule.why_not_8_bits):
        raise ValueError(
            f"{path}: {why}, for which 8 bits are too few; pass state_format='bfloat16', or a group with "
            "'state_format': None"
        )
    view = view_of(array, path)[1]
    kinds = {slot: definition.stored_as(slot, view, state_format) for slot in definition.slots}
    return {slot: kind for slot, kind in kinds.items() if kind != ABSENT}


def has_kinds(state: Mapping[str, Any], kinds: Mapping[str, str | None]) -> bool:
    """Whether state arrays are of the slots and stored types that `kinds_of` gives."""
    if state.keys() != kinds.keys():
        return False
    stored = {slot: state_view_of(array, slot)[1].storage for slot, array in state.items()}
    return all(
        stored[slot] == ("float32" if kind == SCALES else kind)
        for slot, kind in kinds.items()
        if kind is not None or stored[slot] not in ("float32", "float64")
    )


def started(
    definition: WithRiders,
    hyper: Mapping[str, Any],
    starts: Mapping[str, float],
    array: Any,
    path: str,
    state_format: str | None,
) -> dict[str, Any]:
    """New state arrays of a parameter by slot, without those that it does not have. starts: in the place of the rule's
    own. path: how messages name the parameter.

    Raises ValueError for a start that the type of the state does not have.
    """
    kinds, state = kinds_of(definition, array, path, state_format), {}
    for slot, kind in kinds.items():
        name, start = start_of(definition, hyper, starts, slot)
        name = name and f"{name}="
        if start is not None and is_flushed(start) and view_of(array, path)[1].compute == "float32":
            raise ValueError(f"{path}: slot {slot!r} starts at {name}{start!r}, which is {FLUSHED}; {REMEDY}")
        if kind == "uint8" and start is not None and start < 0:
            raise ValueError(
                f"{path}: slot {slot!r} starts at {name}{start!r}, and its codes of 8 bits are never negative; pass a "
                "start of 0 or more, or leave state_format='8bit' out"
            )
        # As in a step, a value that is too large for its type becomes infinite without a warning.
        with np.errstate(all="ignore"):
            if slot in definition.coded and kind in STEPS:
                begun = np.array([start], "float32")
                scale, start = scales_of(begun, kind)[0], codes_of(begun, kind)[0]
                scales = SCALES_OF.format(slot)
                state[scales] = scales_like(array, float(scale), path)
            if kind != SCALES:
                state[slot] = array_like(array, float(start or 0), kind, path)
    set_to(state, derived(definition, starts), array, path)
    return {slot: state[slot] for slot in kinds}


def derived(
    definition: WithRiders, starts: Mapping[str, float], steps: int = 0, means: Mapping[str, Means] | None = None
) -> list[str]:
    """The slots that equal the parameter: a copy, and what starts as the parameter, until its first step.

    steps: how many the parameter has had. means: by their options those of its averages, which count these alone.
    """
    begun = {COPY: 0, **{AVERAGES[name]: own.run for name, own in (means or {}).items()}}
    return [slot for slot in definition.from_parameter if slot not in starts and not begun.get(slot, steps)]


def keeps_average(definition: WithRiders) -> bool:
    """Whether the state has averages of the parameters, the rule's own or those of the option ema."""
    return definition.rule.average is not None or AVERAGE in definition.slots


def set_to(state: dict[str, Any], slots: Iterable[str], array: Any, path: str) -> None:
    """Give slots the present values of their parameter."""
    for slot in slots:
        copy(array, state[slot], path)


def set_to_zero(array: Any, path: str) -> None:
    """Set a state array to 0. path: how messages name its parameter."""
    view = state_view_of(array, path)[1]
    filling(array, np.zeros(view.own_shape, view.own_type), path)()


def new_gradients(
    parameters: Parameters, storages: Sequence[str], arrays: Sequence[Any], kept: Sequence[Any] = ()
) -> list[Any]:
    """Gradient arrays of zeros for parameters. kept: for each the array that it has already, or None."""
    named = zip(kept or [None] * len(arrays), arrays, storages, parameters.paths, strict=True)
    return [
        array_like(array, 0.0, storage, f"params{path}") if own is None else own for own, array, storage, path in named
    ]
