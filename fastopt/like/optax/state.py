"""From and to the states of optax's optimizers, which are chains of named tuples."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...checkpoint.restore import LoadReport
from ...kernels.arrays.view import in_both_parts
from ...kernels.rules.optimistic import direction
from ...optimizer.optimizer import Optimizer, updater_of
from ...trees.tree import children, leaves, rebuilt, structure
from .. import moving
from ..moving import Moved
from .making import FIXED
from .places import COUNTS, FLAGS, FREE, GIVEN, NUMBERS, PREVIOUS, STATE


def _direction(opt: Optimizer, key: str, m: Any, v: Any) -> Any:
    """Adam's direction of the last step, which the rule works out anew from its slots; 0 before the first."""
    updater = updater_of(opt)
    numbers = updater.rows[updater.parameters.keys.index(key)].numbers(opt.t + 1)
    betas = {name: numbers[name] for name in ("beta1", "beta2", "eps")}
    return direction(m, v, opt.t, **betas) if opt.t else m  # type: ignore[no-untyped-call]


# What optax keeps and a rule of ours works out, from its slots.
FOLLOWS: dict[str, dict[str, Callable[[Optimizer, str, Any, Any], Any]]] = {"optimistic_adam": {PREVIOUS: _direction}}
_TREES = {key for table in (STATE, NUMBERS, FOLLOWS) for names in table.values() for key in names}


def load_state(
    opt: Optimizer, state: Any, *, names: Sequence[str] | None = None, steps: int | None = None
) -> LoadReport:
    """Go on from the state of optax's optimizer of the same kind; hyperparameters stay.

    state: as `init` and `update` return it, of jax's arrays or NumPy's. It has no hyperparameters. names:
    our names of the parameters in optax's order; without them parameters are matched by name where all names agree,
    else by order. steps: the number of updates, for a state that does not count them. The parameters' values are the
    caller's to copy.
    Raises TypeError or ValueError for another optimizer's state, naming what differs; nothing has then been changed.
    """
    wanted, numbers, follows = _names(opt), NUMBERS.get(opt.rule.name, {}), FOLLOWS.get(opt.rule.name, {})
    parts = list(_parts(state))
    counts = {int(value) - COUNTS[_field(key)] for key, value in parts if _field(key) in COUNTS}
    kept = {key: value for key, value in parts if key in _TREES or not _is_part(key)}
    for key, value in parts:
        _check_given(opt, key, value)
    moving.same_names(kept, {*wanted, *numbers, *follows}, opt.rule)
    if len(counts) > 1:
        raise ValueError(f"the parts of the state must count the same steps; got {sorted(counts)}")
    updates = moving.counted(counts.pop() if counts else None, steps, "optax")
    trees = {key: list(leaves(kept[key], key)) for key in wanted}
    theirs = [name for _, name, _ in next(iter(trees.values()))] if trees else list(updater_of(opt).parameters.keys)
    order = moving.places(opt, theirs, len(theirs), names)
    found = {key: [float(moving.on_host(one, key)) for one in _each(kept[key], key)] for key in numbers}
    moved = []
    for place in order:
        slots = dict(moving.signed(wanted[key], _in_ours(key, tree[place][2])) for key, tree in trees.items())
        # NovoGrad's number is of each array, the others' is of all.
        at = {key: values[place if len(values) > 1 else 0] for key, values in found.items()}
        states = {name: at[key] for key, names_here in numbers.items() for name in names_here}
        if opt.rule.name == "nadam":
            states["mu_product"] = _product(opt, updates)
        moved.append(Moved(slots, updates, states))
    return moving.move_in(opt, moved)


def state_of(opt: Optimizer, state: Any, *, names: Sequence[str] | None = None) -> Any:
    """The state of optax's optimizer of the same kind, with NumPy arrays in the place of the arrays in `state`.

    state: as `init` returns it for the same parameters. names: as for load_state. The parameters' values are the
    caller's to copy. Raises TypeError or ValueError for rules and options that optax does not have.
    """
    wanted, numbers, follows = _names(opt), NUMBERS.get(opt.rule.name, {}), FOLLOWS.get(opt.rule.name, {})
    saved, keys = opt.state_dict(), updater_of(opt).parameters.keys
    steps = moving.one_count(saved, "optax")
    kept = {key for key, _ in _parts(state) if key in _TREES or not _is_part(key)}
    moving.same_names(kept, {*wanted, *numbers, *follows}, opt.rule)

    def array(key: str, ours: str) -> Any:
        if key in follows:
            return follows[key](opt, ours, *(saved["arrays"][f"{slot}/{ours}"] for slot in ("m", "v")))
        return _in_theirs(key, moving.out(saved, wanted[key], ours))

    def value(key: str, old: Any) -> Any:
        _check_given(opt, key, old)
        if _field(key) in COUNTS:
            return np.array(steps + COUNTS[_field(key)], np.asarray(old).dtype)
        if _field(key) in FLAGS:
            return np.array(steps == 0)
        if key in GIVEN:
            return old
        each = list(leaves(old, key)) if key in wanted or key in follows or children(old) else []
        if key in numbers:
            # Before the first step the numbers are optax's; later too a bound that is given and not estimated.
            if steps == 0 or (_field(key) == "lb" and not opt.hyper["adapt_lower_bound"]):
                return old
            kind, name = np.asarray(next(iter(_each(old, key)))).dtype, numbers[key][0]
            if not each:
                return np.array(saved["uniform_states"][keys[0]][name], kind)
        order = moving.places(opt, [name for _, name, _ in each], len(each), names)
        ours = [keys[order.index(place)] for place in range(len(keys))]
        if key in numbers:
            new = [np.array(saved["uniform_states"][one][name], kind) for one in ours]
        else:
            new = [array(key, one) for one in ours]
        return rebuilt(structure(old), iter(new))

    return _replaced(state, value)


def _names(opt: Optimizer) -> dict[str, str]:
    family, _ = moving.of_family(opt.rule)
    names = moving.names_in(STATE, opt, "optax")
    moving.same_formula(opt, "optax", FIXED.get(family, {}), FREE)
    if opt.hyper.get("bias_correction") and family == "RMSprop":
        names = {key.replace("ScaleByRmsState", "ScaleByRmsWithCountState"): slot for key, slot in names.items()}
    if opt.hyper.get("correct") == "after":
        raise ValueError(
            "correct is 'after' in this optimizer, but optax corrects the bias before the maximum or never; make the "
            "optimizer by fastopt.like.optax"
        )
    return names


def _in_ours(key: str, values: Any) -> Any:
    """optax's values of a slot as ours. A second moment of complex numbers is their real part there."""
    values = moving.on_host(values, key)
    return in_both_parts(values.real) if _is_of_both(key, values) else values


def _in_theirs(key: str, values: Any) -> Any:
    return values.real.astype(values.dtype) if _is_of_both(key, values) else values


def _is_of_both(key: str, values: Any) -> bool:
    return np.iscomplexobj(values) and key.rpartition(".")[2] in ("nu", "nu_max", "sum_of_squares")


def _product(opt: Optimizer, steps: int) -> float:
    """The product of momenta, which optax has as a power."""
    beta = opt.hyper["beta1"]
    return math.prod([float(beta(t) if callable(beta) else beta) for t in range(1, steps + 1)])


def _field(key: str) -> str:
    """The name of a part within its tuple."""
    return key.rpartition(".")[2]


def _is_part(key: str) -> bool:
    return key in _TREES or key in GIVEN or _field(key) in (*COUNTS, *FLAGS)


def _each(value: Any, key: str) -> list[Any]:
    """The numbers of a tree, or the one that it is."""
    return [number for _, _, number in leaves(value, key)] if children(value) is not None else [value]


def _check_given(opt: Optimizer, key: str, value: Any) -> None:
    """Raise ValueError for a hyperparameter in the state that is another one here, beyond the rounding of float32."""
    for name in GIVEN.get(key, ()):
        if name in opt.hyper and not callable(opt.hyper[name]) and abs(float(value) - opt.hyper[name]) > 1e-6:
            raise ValueError(
                f"{_field(key)} is {float(value)!r} in the state, but {name} is {opt.hyper[name]!r} here; make the "
                f"optimizer with {name}={float(value)!r}"
            )


def _parts(state: Any) -> Iterator[tuple[str, Any]]:
    """Every count and every tree of arrays within a chain, by a key such as ScaleByAdamState.mu."""
    if hasattr(state, "_fields"):
        for name in state._fields:
            key, value = f"{type(state).__name__}.{name}", getattr(state, name)
            if _is_part(key) or not isinstance(value, tuple):
                yield key, value
            else:
                yield from _parts(value)
    elif isinstance(state, tuple | list):
        for part in state:
            yield from _parts(part)


def _replaced(state: Any, value: Callable[[str, Any], Any]) -> Any:
    """A chain of the same structure with other values in the places of its parts."""
    if hasattr(state, "_fields"):
        new = {}
        for name in state._fields:
            key, old = f"{type(state).__name__}.{name}", getattr(state, name)
            new[name] = value(key, old) if _is_part(key) else _replaced(old, value)
        return state._replace(**new)
    if isinstance(state, tuple | list):
        return type(state)(_replaced(part, value) for part in state)
    return state
