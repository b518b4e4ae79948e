"""A checkpoint whose state arrays come in the formats of an optimizer: coded anew, or converted on request."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..kernels.libraries.library import state_view_of
from ..kernels.riders import SCALES_OF
from ..updater.formats import decoded, encoded, order_of
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


def in_numbers(saved: Mapping[str, Any]) -> dict[str, Any]:
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


class Converted(Checkpoint):
    """A checkpoint with the state of an optimizer's parameters in its formats.

    anew: by slot/parameter how arrays differ that were in codes and are coded anew. every: convert other formats too.
    """

    def __init__(self, old: Checkpoint, updater: Updater, every: bool) -> None:
        self.state, self._old, self.specs = old.state, old, dict(old.specs)
        self.anew: dict[str, str] = {}
        # By the name of an array: its slot/parameter, the stored type, the order of axes, and whether it is of scales.
        self._made: dict[str, tuple[str, str, tuple[int, ...], bool]] = {}
        for key, rule, state in zip(updater.parameters.keys, updater.rules, updater.state, strict=True):
            for slot in rule.slots:
                self._enter(f"{slot}/{key}", f"{SCALES_OF.format(slot)}/{key}", slot, state, every)

    def _enter(self, name: str, scales: str, slot: str, state: Mapping[str, Any], every: bool) -> None:
        view = state_view_of(state[slot], name)[1]
        here, there = SCALES_OF.format(slot) in state, scales in self.specs
        if name not in self.specs or self.specs[name][1] != view.own_shape:
            return
        order = order_of(state[slot])
        if here and there and self.specs[name][0] == view.storage:
            if self._order(name) == order:
                return
            self.anew[name] = "coded anew, since the parameter lies in memory in another order"
        elif not every or not {self.specs[name][0], view.storage} <= {"float32", "bfloat16", "int8", "uint8"}:
            return
        elif self.specs[name][0] != view.storage:
            self.anew[name] = f"converted from {self.specs[name][0]} to {view.storage}"
        self._made[name] = name, view.storage, order, False
        self.specs[name] = view.storage, view.own_shape
        self.specs.pop(scales, None)
        if here:
            self._made[scales] = name, view.storage, order, True
            blocks = state_view_of(state[SCALES_OF.format(slot)], scales)[1]
            self.specs[scales] = blocks.storage, blocks.own_shape

    def _order(self, name: str) -> tuple[int, ...]:
        saved = self.state.get("orders", {}).get(name)
        return tuple(range(len(self._old.specs[name][1]))) if saved is None else tuple(saved)

    def array(self, name: str) -> Any:
        """A NumPy array in the format of the optimizer; raises ValueError if what it is made of is damaged."""
        if name not in self._made:
            return self._old.array(name)
        of, storage, order, is_scales = self._made[name]
        slot, _, key = of.partition("/")
        values, scales = self._old.array(of), f"{SCALES_OF.format(slot)}/{key}"
        if scales in self._old.specs:
            values = decoded(values, self._old.array(scales), self._order(of))
        values = values.astype("float32")
        if storage in ("int8", "uint8"):
            return encoded(values, storage, order)[is_scales]
        return values if storage == "float32" else values.astype(np.dtype(storage))
