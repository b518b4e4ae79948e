"""A checkpoint whose state arrays come in the formats of an optimizer: coded anew, or converted on request."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..kernels.language.root8 import STEPS
from ..kernels.language.storages import blocks_of
from ..kernels.language.values import short
from ..kernels.libraries.library import state_view_of
from ..kernels.riders import SCALES_OF
from ..updater.codes import decoded, encoded, order_of
from ..updater.updater import Updater
from .file import Checkpoint


def orders(updater: Updater) -> dict[str, list[int]]:
    """By slot/parameter the order of the axes of codes that are not in C order, which arrays in a file are in."""
    found = {}
    for key, rule, state in zip(updater.parameters.keys, updater.rules, updater.state, strict=True):
        for slot in rule.slots:
            order = order_of(state[slot]) if SCALES_OF.format(slot) in state else ()
            if list(order) != sorted(order):
                found[f"{slot}/{key}"] = [*order]
    return found


def widened(saved: Mapping[str, Any]) -> dict[str, Any]:
    """A state as `state_dict` gives it, with state arrays that are in codes or in bfloat16 in float32."""
    arrays, orders = dict(saved["arrays"]), saved["orders"]
    parameter = next(iter(arrays), "").partition("/")[0]
    for name in saved["arrays"]:
        slot, _, key = name.partition("/")
        scales = arrays.pop(f"{SCALES_OF.format(slot)}/{key}", None)
        if scales is not None:
            arrays[name] = decoded(arrays[name], scales, orders.get(name, range(arrays[name].ndim)))
        elif name in arrays and arrays[name].dtype.name == "bfloat16" and slot != parameter:
            arrays[name] = arrays[name].astype("float32")
    return {**saved, "arrays": arrays}


@dataclass(frozen=True)
class _Array:
    """An array that is made: its slot/parameter, the stored type and the order of axes there, whether it is the
    scales."""

    of: str
    storage: str
    order: tuple[int, ...]
    is_scales: bool


class Converted(Checkpoint):
    """A checkpoint with the state of an optimizer's parameters in its formats.

    changes: by slot/parameter what became of arrays that were in codes of another order of memory, which are coded anew
    in any case, or in another format. convert: take those in another format too.
    """

    def __init__(self, old: Checkpoint, updater: Updater, convert: bool) -> None:
        self.state, self._old, self.specs = old.state, old, dict(old.specs)
        self.changes: dict[str, str] = {}
        self._made: dict[str, _Array] = {}
        # The codes and scales that were made last: both are asked for.
        self._latest: tuple[str, Any] = "", None
        for key, rule, state in zip(updater.parameters.keys, updater.rules, updater.state, strict=True):
            for slot in rule.slots:
                self._enter(f"{slot}/{key}", f"{SCALES_OF.format(slot)}/{key}", slot, state, convert)

    def _enter(self, name: str, scales: str, slot: str, state: Mapping[str, Any], convert: bool) -> None:
        """Decide whether a state array is made, and enter what then is in the place of it and of its scales.

        What does not fit is left as it was saved, for the load to say so.
        """
        view = state_view_of(state[slot], name)[1]
        here, (storage, shape) = SCALES_OF.format(slot) in state, self.specs.get(name, ("", ()))
        there = self.specs.get(scales) == ("float32", (blocks_of(math.prod(shape)),))
        if shape != view.own_shape or (storage in STEPS) is not there:
            return
        order = order_of(state[slot])
        if here and there and storage == view.storage:
            if self._order(name) == order:
                return
            self.changes[name] = "coded anew, since the parameter lies in memory in another order"
        elif not convert or not {storage, view.storage} <= {"float32", "bfloat16", *STEPS}:
            return
        elif storage != view.storage:
            self.changes[name] = f"converted from {storage} to {view.storage}"
        self._made[name] = _Array(name, view.storage, order, False)
        self.specs[name] = view.storage, view.own_shape
        self.specs.pop(scales, None)
        if here:
            self._made[scales] = _Array(name, view.storage, order, True)
            blocks = state_view_of(state[SCALES_OF.format(slot)], scales)[1]
            self.specs[scales] = blocks.storage, blocks.own_shape

    def _order(self, name: str) -> tuple[int, ...]:
        axes = range(len(self._old.specs[name][1]))
        order = self.state["orders"].get(name, [*axes])
        if not isinstance(order, list | tuple) or sorted(order, key=str) != sorted(axes, key=str):
            raise ValueError(f"orders[{name!r}] in the state must name each of {len(axes)} axes; got {short(order)}")
        return tuple(order)

    def array(self, name: str) -> Any:
        """A NumPy array in the format of the optimizer; raises ValueError if what it is made of is damaged."""
        if name not in self._made:
            return self._old.array(name)
        made = self._made[name]
        if made.storage in STEPS:
            if self._latest[0] != made.of:
                self._latest = made.of, encoded(self._numbers(made.of), made.storage, made.order)
            return self._latest[1][made.is_scales]
        return self._numbers(made.of).astype(np.dtype(made.storage))

    def _numbers(self, name: str) -> Any:
        """The numbers of an array as it was saved, in float32."""
        slot, _, key = name.partition("/")
        values, scales = self._old.array(name), f"{SCALES_OF.format(slot)}/{key}"
        if self._old.specs[name][0] in STEPS:
            return decoded(values, self._old.array(scales), self._order(name))
        return values.astype("float32")
