"""What an updater keeps where it is copied or pickled; all else, as plans, kernels and locks, is made of it anew.

The arrays are those of the caller's tree, one by one: whatever is copied or pickled together with the optimizer has the
same arrays afterwards. The tree itself is not looked into, as it may be half made by then.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..kernels.libraries.library import state_view_of
from .codes import to_be_copied
from .latest import latest_norm
from .taken import Kind, kind_of, scales_of


def kept(updater: Any) -> dict[str, Any]:
    """The state of an updater for copies and pickles, all by reference.

    Raises RuntimeError while a step is captured, or averages are in the place of the parameters.
    """
    with updater.lock:
        if updater.captured is not None:
            raise RuntimeError(
                "a captured step is open, which counts steps for itself; close() the captured step "
                "before a copy is made"
            )
        updater.refuse_averaged("leave its with block before a copy is made")
        updater.finish()
        scaler = updater.loss_scaler
        return {
            "choices": updater.choices,
            "params": updater.params,
            # Views of arrays: their copies would be linked to nothing.
            "taken": replace(updater.taken, scales=(), state=[to_be_copied(own) for own in updater.taken.state]),
            "arrays": updater.arrays,
            "gradients": updater.gradients,
            "accumulated": None if updater.gathering is None else updater.gathering.kept(),
            "histories": [row.history for row in updater.rows],
            "applied": updater.journal.applied,
            "skipped": updater.journal.skipped,
            "latest": (updater.journal.latest[0], latest_norm(updater)),
            "rows_behind": [section.rows_behind.by_parameter for section in updater.sections],
            "loss_scaler": scaler,
            "served": scaler is not None and scaler.serves(updater.journal),
        }


def copied(updater: Any, memo: dict[int, Any]) -> Any:
    """A copy of an updater, all as it is between two steps, whoever else takes steps meanwhile."""
    with updater.lock:
        new = memo[id(updater)] = object.__new__(type(updater))
        remake(new, copy.deepcopy(kept(updater), memo))
    return new


def remake(updater: Any, state: Mapping[str, Any]) -> None:
    """Make an updater of what `kept` gave."""
    choices, arrays, taken = state["choices"], state["arrays"], state["taken"]
    names = [f"params{path}" for path in taken.parameters.paths]
    updater.begin(choices)
    updater.journal.applied, updater.journal.skipped = state["applied"], state["skipped"]
    # Another array may stand in the place of the one that the state is of; and devices are those of this process.
    of_state = [next(iter(state.values()), array) for state, array in zip(taken.state, arrays, strict=True)]
    kinds: list[Kind] = [
        (shape, computes, state_view_of(array, name)[1].device, backend)
        for (shape, computes, _, backend), array, name in zip(taken.kinds, of_state, names, strict=True)
    ]
    fitting = [
        array if kind_of(array, name) == kind else own
        for array, own, kind, name in zip(arrays, of_state, kinds, names, strict=True)
    ]
    new = replace(taken, kinds=kinds, scales=scales_of(choices, taken.rule_of, taken.parameters.names, fitting, names))
    updater.take(state["params"], new, arrays, state["histories"], state["gradients"])
    for section, behind in zip(updater.sections, state["rows_behind"], strict=True):
        section.rows_behind.by_parameter.update(behind)
    updater.journal.latest = state["latest"]
    if updater.gathering is not None:
        updater.gathering.put(*state["accumulated"])
    if state["served"]:
        updater.serve(state["loss_scaler"])
    else:
        updater.loss_scaler = state["loss_scaler"]
