"""The numbers of the step to come and of the latest one, and the norm that its clip saw."""

from typing import Any

from ..kernels.language.hyperparameters import suggestion
from ..kernels.language.values import shown
from ..kernels.riders import GRAD_NORM
from ..kernels.step.executors import noted
from .hyper import Hyper


def numbers(updater: Any, of: str | None, last: bool) -> dict[str, float]:
    """What Optimizer.numbers gives."""
    if of is not None and not isinstance(of, str):
        raise TypeError(f"of must be the name of a parameter or a pattern of groups; got {shown(of)}")
    with updater.lock:
        updater.settle()
        keys, groups = updater.parameters.keys, updater.groups
        if of is not None and of not in keys and of not in groups:
            raise ValueError(f"of={of!r} is no parameter and no pattern of groups; {suggestion(of, [*keys, *groups])}")
        place = keys.index(of) if of in keys else None
        layers = (updater.hyper,) if of is None else (updater.hyper, groups[of]) if place is None else ()
        return (_latest if last else _coming)(updater, place, layers)


def _coming(updater: Any, place: int | None, layers: tuple[Hyper, ...]) -> dict[str, float]:
    step = updater.journal.applied + 1
    layers = layers if place is None else updater.counts.each[place].layers
    holders = {name: hyper for hyper in layers for name in hyper}
    values = {name: holders[name][name] for name in _names(updater)}
    values = {name: holders[name].at(name, step) if callable(value) else value for name, value in values.items()}
    if updater.loss_scaler is not None:
        values["grad_scale"] *= updater.loss_scaler.inverse()
    return values


def _latest(updater: Any, place: int | None, layers: tuple[Hyper, ...]) -> dict[str, float]:
    counts, rows, _ = updater.journal.latest
    if counts is None:
        raise RuntimeError(
            "no step was applied yet, or none since a load or opt.sync(); take a step first, or leave last=True out, "
            "for the numbers of the step to come"
        )
    if place is not None:
        return {name: rows[counts.row_of[place]][name] for name in _names(updater)}
    values = {}
    for name in _names(updater):
        (*_, wanted) = [hyper for hyper in layers if name in hyper]
        for row, used in zip(counts.rows, rows, strict=True):
            (*_, holder) = [hyper for hyper in row.layers if name in hyper]
            if holder is wanted:
                values[name] = used[name]
                break
    return values


def _names(updater: Any) -> list[str]:
    definition = updater.definition
    return [name for name in definition.hyper if name not in definition.statics]


def grad_norm(updater: Any) -> float | None:
    """What Optimizer.grad_norm gives."""
    if GRAD_NORM not in updater.program.noted:
        raise AttributeError(
            "this optimizer was made without clip_norm, and computes no norm of all gradients; make another with "
            "clip_norm=math.inf, which limits nothing"
        )
    with updater.lock:
        updater.settle()
        return latest_norm(updater)


def latest_norm(updater: Any) -> float | None:
    """The norm that the clip of the latest step saw; None for no step, and without such a clip."""
    found = updater.journal.latest[2]
    if found is None or isinstance(found, float) or GRAD_NORM not in updater.program.noted:
        return found if isinstance(found, float) else None
    return noted(updater.program, found, GRAD_NORM)
