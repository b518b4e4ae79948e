"""From and to the states of optax's optimizers, which are chains of named tuples."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ...checkpoint.converted import widened
from ...checkpoint.restore import LoadReport
from ...kernels.arrays.view import in_both_parts
from ...kernels.rules.optimistic import direction
from ...optimizer.optimizer import Optimizer, updater_of
from ...trees.tree import children, leaves, rebuilt, structure
from .. import moving
from ..moving import Moved
from ..shares import Share, of_each, steps_of, with_states
from .chains import KNOWN, field, is_part, labelled, parts, replaced
from .making import FIXED
from .partition import of_labels
from .places import COUNTS, FLAGS, FREE, GIVEN, NUMBERS, PREVIOUS, STATE


def _direction(opt: Optimizer, steps: int, key: str, m: Any, v: Any) -> Any:
    """Adam's direction of the last step, which the rule works out anew from its slots; 0 before the first."""
    updater = updater_of(opt)
    numbers = updater.rows[updater.parameters.keys.index(key)].numbers(opt.t + 1)
    betas = {name: numbers[name] for name in ("beta1", "beta2", "eps")}
    return direction(m, v, steps, **betas) if steps else m  # type: ignore[no-untyped-call]


# What optax keeps and a rule of ours works out, from its slots.
FOLLOWS: dict[str, dict[str, Callable[[Optimizer, int, str, Any, Any], Any]]] = {
    "optimistic_adam": {PREVIOUS: _direction}
}


def load_state(
    opt: Optimizer,
    state: Any,
    *,
    names: Sequence[str] | None = None,
    steps: int | Sequence[int | None] | None = None,
) -> LoadReport:
    """Go on from the state of optax's optimizer of the same kind; hyperparameters stay.

    state: as `init` and `update` return it, of jax's arrays or NumPy's. It has no hyperparameters. Of an optimizer with
    several rules it is that of optax.partition, where the masks tell which parameters a label has; or a list of states:
    that of the main rule, then one of each group with a rule, in the order of groups; a rule without parameters has
    none. names: our names of the parameters in optax's order; without them parameters are matched by name where all
    names agree, else by order. steps: the number of updates, for a state that does not count them; a list has one for
    each state, or None where the state counts them. The parameters' values are the caller's to copy.
    Raises TypeError or ValueError for another optimizer's state, naming what differs; nothing has then been changed.
    """
    each = _each_state(opt, state, names)
    moved: dict[str, Moved] = {}
    for (share, own, labels), count in zip(each, steps_of(steps, len(each)), strict=True):
        with share.told():
            moved |= _moved(share, own, labels, count)
    return moving.move_in(opt, moved)


def _each_state(opt: Optimizer, state: Any, names: Sequence[str] | None) -> list[tuple[Share, Any, Sequence[Hashable]]]:
    """The parameters of each rule or label, with the state that has theirs, and the labels to look for in it."""
    partitions = labelled(state)
    if len(partitions) == 1:
        return [(share, state, labels) for share, labels in of_labels(opt, partitions[0], names)]
    return [(share, own, ()) for share, own in with_states(opt, state, names, "optax")]


def _moved(share: Share, state: Any, labels: Sequence[Hashable], steps: int | None) -> dict[str, Moved]:
    """What optax's state has of each parameter, by our names."""
    wanted, numbers, follows = _names(share), NUMBERS.get(share.rule.name, {}), FOLLOWS.get(share.rule.name, {})
    own = list(parts(state, labels))
    counts = {int(value) - COUNTS[field(key)] for key, value in own if field(key) in COUNTS}
    kept = {key: value for key, value in own if key in KNOWN or not is_part(key)}
    for key, value in own:
        _check_given(share, key, value)
    moving.same_names(kept, {*wanted, *numbers, *follows}, share.rule)
    if len(counts) > 1:
        raise ValueError(f"the parts of the state must count the same steps; got {sorted(counts)}")
    updates = moving.counted(counts.pop() if counts else None, steps, "optax")
    trees = {key: list(leaves(kept[key], key)) for key in wanted}
    theirs = [name for _, name, _ in next(iter(trees.values()))] if trees else list(share.keys)
    order = share.places(theirs, len(theirs))
    found = {key: [float(moving.on_host(one, key)) for one in _each(kept[key], key)] for key in numbers}
    moved = {}
    for ours, place in zip(share.keys, order, strict=True):
        slots = dict(moving.signed(wanted[key], _in_ours(key, tree[place][2])) for key, tree in trees.items())
        # NovoGrad's number is of each array, the others' is of all.
        at = {key: values[place if len(values) > 1 else 0] for key, values in found.items()}
        states = {name: at[key] for key, names_here in numbers.items() for name in names_here}
        if share.rule.name == "nadam":
            states["mu_product"] = _product(share, updates)
        moved[ours] = Moved(slots, updates, states)
    return moved


def state_of(opt: Optimizer, state: Any, *, names: Sequence[str] | None = None) -> Any:
    """The state of optax's optimizer of the same kind, with NumPy arrays in the place of the arrays in `state`.

    state: as `init` returns it for the same parameters; of an optimizer with several rules that of optax.partition, or
    a list, as load_state takes it. names: as for load_state. The parameters' values are the caller's to copy. Raises
    TypeError or ValueError for rules and options that optax does not have.
    """
    saved = widened(opt.state_dict())
    each = _each_state(opt, state, names)
    if len(labelled(state)) != 1:
        return of_each(each, lambda share, own, labels: _state(opt, share, own, labels, saved))
    if any(field(key) in COUNTS for key, _ in parts(state)):
        # A count beside optax.partition is of all parameters.
        moving.one_count(saved, updater_of(opt).parameters.keys, "optax")
    for share, _, labels in each:
        with share.told():
            state = _state(opt, share, state, labels, saved)
    return state


def _state(opt: Optimizer, share: Share, state: Any, labels: Sequence[Hashable], saved: Mapping[str, Any]) -> Any:
    """optax's state with that of the parameters of one rule or label. saved: our state_dict."""
    wanted, numbers, follows = _names(share), NUMBERS.get(share.rule.name, {}), FOLLOWS.get(share.rule.name, {})
    steps = moving.one_count(saved, share.keys, "optax")
    kept = {key for key, _ in parts(state, labels) if key in KNOWN or not is_part(key)}
    moving.same_names(kept, {*wanted, *numbers, *follows}, share.rule)

    def array(key: str, ours: str) -> Any:
        if key in follows:
            return follows[key](opt, steps, ours, *(saved["arrays"][f"{slot}/{ours}"] for slot in ("m", "v")))
        return _in_theirs(key, moving.out(share, saved, wanted[key], ours))

    def value(key: str, old: Any) -> Any:
        _check_given(share, key, old)
        if field(key) in COUNTS:
            return np.array(steps + COUNTS[field(key)], np.asarray(old).dtype)
        if field(key) in FLAGS:
            return np.array(steps == 0)
        if key in GIVEN:
            return old
        each = list(leaves(old, key)) if key in wanted or key in follows or children(old) else []
        if key in numbers:
            # Before the first step the numbers are optax's; later too a bound that is given and not estimated.
            if steps == 0 or (field(key) == "lb" and not share.hyper["adapt_lower_bound"]):
                return old
            kind, name = np.asarray(next(iter(_each(old, key)))).dtype, numbers[key][0]
            if not each:
                return np.array(saved["uniform_states"][share.keys[0]][name], kind)
        order = share.places([name for _, name, _ in each], len(each))
        ours = [share.keys[order.index(place)] for place in range(len(order))]
        if key in numbers:
            new = [np.array(saved["uniform_states"][one][name], kind) for one in ours]
        else:
            new = [array(key, one) for one in ours]
        return rebuilt(structure(old), iter(new))

    return replaced(state, value, labels)


def _names(share: Share) -> dict[str, str]:
    family, _ = moving.of_family(share.rule)
    names = moving.names_in(STATE, share, "optax")
    moving.same_formula(share, "optax", FIXED.get(family, {}), FREE)
    if share.hyper.get("bias_correction") and family == "RMSprop":
        names = {key.replace("ScaleByRmsState", "ScaleByRmsWithCountState"): slot for key, slot in names.items()}
    if share.hyper.get("correct") == "after":
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


def _product(share: Share, steps: int) -> float:
    """The product of momenta, which optax has as a power."""
    beta = share.hyper["beta1"]
    return math.prod([float(beta(t) if callable(beta) else beta) for t in range(1, steps + 1)])


def _each(value: Any, key: str) -> list[Any]:
    """The numbers of a tree, or the one that it is."""
    return [number for _, _, number in leaves(value, key)] if children(value) is not None else [value]


def _check_given(share: Share, key: str, value: Any) -> None:
    """Raise ValueError for a hyperparameter in the state that is another one here, beyond the rounding of float32."""
    for name in GIVEN.get(key, ()):
        if name in share.hyper and not callable(share.hyper[name]) and abs(float(value) - share.hyper[name]) > 1e-6:
            raise ValueError(
                f"{field(key)} is {float(value)!r} in the state, but {name} is {share.hyper[name]!r} here; make the "
                f"optimizer with {name}={float(value)!r}"
            )
