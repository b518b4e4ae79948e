"""The numbers of the step to come and of the latest one, and the norm that its clip saw."""

from typing import Any

from ..kernels.language.hyperparameters import suggestion
from ..kernels.language.values import shown
from ..kernels.riders import GRAD_NORM
from ..kernels.step.executors import noted
from .hyper import Hyper


def numbers(updater: Any, of: str | int | None, last: bool) -> dict[str, float]:
    """What Optimizer.numbers gives."""
    if of is not None and type(of) not in (str, int):
        raise TypeError(f"of must be the name of a parameter, or a pattern or place of groups; got {shown(of)}")
    with updater.lock:
        updater.settle()
        keys, groups = updater.parameters.keys, updater.groups
        if of is not None and of not in keys and of not in groups:
            there = suggestion(str(of), [*keys, *map(str, groups)])
            raise ValueError(f"of={of!r} is no parameter and no pattern of groups; {there}")
        place = keys.index(of) if of in keys else None
        layers = (updater.hyper,) if of is None else (updater.hyper, groups[of]) if place is None else ()
        return (_latest if last else _coming)(updater, place, layers)


def _coming(updater: Any, place: int | None, layers: tuple[Hyper, ...]) -> dict[str, float]:
    step = updater.journal.applied + 1
    layers = layers if place is None else updater.rows[place].layers
    holders = {name: hyper for hyper in layers for name in hyper}
    values = {name: holders[name][name] for name in _names(updater, place, layers)}
    values = {name: holders[name].at(name, step) if callable(value) else value for name, value in values.items()}
    if updater.loss_scaler is not None:
        values["grad_scale"] *= updater.loss_scaler.inverse()
    return values


def _latest(updater: Any, place: int | None, layers: tuple[Hyper, ...]) -> dict[str, float]:
    records, _ = updater.journal.latest
    if records is None:
        raise RuntimeError(
            "no step was applied yet, or none since a load or opt.sync(); take a step first, or leave last=True out, "
            "for the numbers of the step to come"
        )
    names = _names(updater, place, layers)
    if place is not None:
        for members, counts, rows in records:
            if place in members:
                row = rows[counts.row_of[members.index(place)]]
                return {name: row[name] for name in names}
        raise RuntimeError(
            "the latest step had no gradient of any parameter with the rule of "
            f"{updater.parameters.keys[place]}; leave last=True out, for the numbers of the step to come"
        )
    values = {}
    pairs = [pair for _, counts, rows in records for pair in zip(counts.rows, rows, strict=True)]
    for name in names:
        (*_, wanted) = [hyper for hyper in layers if name in hyper]
        for row, used in pairs:
            holders = [hyper for hyper in row.layers if name in hyper]
            if holders and holders[-1] is wanted:
                values[name] = used[name]
                break
    return values


def _names(updater: Any, place: int | None, layers: tuple[Hyper, ...]) -> list[str]:
    """The numbers that the rule has which these hyperparameters, or those of a parameter, are for."""
    definition = layers[-1].definition if place is None else updater.definition_of(place)
    return [name for name in definition.hyper if name not in definition.statics]


def grad_norm(updater: Any) -> float | None:
    """What Optimizer.grad_norm gives."""
    if GRAD_NORM not in updater.sections[0].program.noted:
        raise AttributeError(
            "this optimizer was made without clip_norm, and computes no norm of all gradients; make another with "
            "clip_norm=math.inf, which limits nothing"
        )
    with updater.lock:
        updater.settle()
        return latest_norm(updater)


def latest_norm(updater: Any) -> float | None:
    """The norm that the clip of the latest step saw; None for no step, and without such a clip."""
    found: Any = updater.journal.latest[1]
    if not isinstance(found, tuple):
        return None if found is None else float(found)
    program, values = found
    return noted(program, values, GRAD_NORM) if GRAD_NORM in program.noted else None
