"""Optimizers by the peers' names, as rows of docs/generators/optimizer_rows.py have them, and their paths in NumPy."""

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fastopt import RowSparse, like
from fastopt.optimizer.optimizer import updater_of

Arrays = list[np.ndarray]


def made(peer: str, name: str, params: Any, /, **options: Any) -> Any:
    """An optimizer of fastopt.like. name: as `contrib.prodigy`."""
    return operator.attrgetter(f"{peer}.{name}")(like)(params, **options)


def is_lazy(opt: Any) -> bool:
    """Whether rows without a gradient rest."""
    return updater_of(opt).choices.sparse == "lazy"


def stepped(opt: Any, grads: Arrays, loss: float) -> None:
    """Make a step of an optimizer. A lazy optimizer is given the rows that are not 0."""
    given: Any = [grad.copy() for grad in grads]
    if is_lazy(opt):
        rows = [np.flatnonzero(touched(grad)) for grad in grads]
        given = [RowSparse(at, grad[at]) for at, grad in zip(rows, grads, strict=True)]
    opt.step(given, **({"loss": loss} if opt.rule.takes_loss else {}))


def touched(grad: np.ndarray) -> np.ndarray:
    """For each row whether it has a gradient."""
    return grad.reshape(len(grad), -1).any(axis=1)


def path_of_formula(opt: Any, grads: Sequence[Arrays], losses: Sequence[float]) -> Iterator[np.ndarray]:
    """All weights after each step by the formula of an optimizer, with what rides along, in plain NumPy."""
    updater = updater_of(opt)
    definition, params = updater.definition, [np.array(p) for p in updater.arrays]
    slots = [[np.array(own[slot]) for slot in definition.slots] for own in updater.state]
    states = [dict(definition.states) for _ in params]
    for t, (step, loss) in enumerate(zip(grads, losses, strict=True), 1):
        numbers = {name: value(t) if callable(value) else value for name, value in opt.hyper.items()}
        sets = [[p, g, *own] for p, g, own in zip(params, step, slots, strict=True)]
        new = definition.references(sets, t=t, **definition.told(loss), given=[{**numbers, **own} for own in states])
        for k, (before, after) in enumerate(zip(sets, new, strict=True)):
            count = len(definition.written)
            arrays = dict(zip(definition.written, after[:count], strict=True))
            old = dict(zip(definition.arrays, before, strict=True))
            if is_lazy(opt):
                rest = ~touched(step[k])
                for name, array in arrays.items():
                    array[rest] = old[name][rest]
            params[k] = arrays[definition.arrays[0]]
            slots[k] = [arrays[slot] for slot in definition.slots]
            states[k] = dict(zip(definition.states, after[count:], strict=True))
        yield np.concatenate([p.reshape(-1) for p in params])
