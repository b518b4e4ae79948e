"""The states of a peer's optimizers move into one optimizer whose groups have rules of their own, and back."""

import re
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from examples import same_bits
from peers import RUNS, flat

import fastopt
from fastopt import like

SIZES = {"a": 2, "b": 3, "c": 4, "d": 2}
TOLERANCE = 1e-12


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {name: generator.standard_normal(size) for name, size in SIZES.items()}


def made(rule: str = "momentum", *, of_all: Any = fastopt.Adam, numbers: Any = None, **options: Any) -> Any:
    """An optimizer with a rule of its own for the second half of the parameters. numbers: theirs."""
    return of_all(arrays(), **{"groups": {"[cd]": {"rule": rule, **(numbers or {})}}, **options})


def unchanged(opt: Any, call: Callable[[], Any]) -> Any:
    before = opt.state_dict()
    with pytest.raises((TypeError, ValueError)) as raised:
        call()
    after = opt.state_dict()
    assert all(same_bits(after["arrays"][key], array) for key, array in before.pop("arrays").items())
    assert {key: value for key, value in after.items() if key != "arrays"} == before
    return str(raised.value)


def adam_state(step: float = 3.0, **group: Any) -> dict[str, Any]:
    """What torch's Adam has, in plain containers."""
    moments = [{"step": step, "exp_avg": np.full(n, n / 8), "exp_avg_sq": np.full(n, n / 4)} for n in (2, 3)]
    known = {"lr": 0.5, "betas": (0.75, 0.5), "eps": 1e-3, "weight_decay": 0, "amsgrad": False, "maximize": False}
    return {"state": dict(enumerate(moments)), "param_groups": [{**known, "params": [0, 1], **group}]}


def sgd_state(**group: Any) -> dict[str, Any]:
    known = {"lr": 0.25, "momentum": 0.5, "dampening": 0, "weight_decay": 0, "nesterov": False, "maximize": False}
    buffers = {k: {"momentum_buffer": np.full(n, n / 2)} for k, n in enumerate((4, 2))}
    return {"state": buffers, "param_groups": [{**known, "params": [0, 1], **group}]}


def test_each_rule_takes_its_state_its_count_and_its_numbers() -> None:
    opt = made(lr=0.1)
    like.torch.load_state(opt, [adam_state(), sgd_state()], steps=[None, 5])
    assert opt.state_dict()["steps"] == {"a": 3, "b": 3, "c": 5, "d": 5}
    assert [{slot: array[0] for slot, array in slots.items()} for slots in opt.state] == [
        *({"m": n / 8, "v": n / 4} for n in (2, 3)),
        *({"b": n / 2} for n in (4, 2)),
    ]
    numbers = opt.groups["[cd]"]
    assert (opt.lr, opt.beta1, numbers.lr, numbers.momentum, opt.t) == (0.5, 0.75, 0.25, 0.5, 5)


def test_a_decay_is_of_the_rule_that_the_state_has_it_for() -> None:
    states = [adam_state(weight_decay=0.125, decoupled_weight_decay=True), sgd_state(weight_decay=0.25)]
    opt = made(of_all=fastopt.AdamW, numbers={"weight_decay": 0.5})
    like.torch.load_state(opt, states, steps=3)
    assert (opt.weight_decay, opt.groups["[cd]"].weight_decay) == (0.125, 0.25)
    opt = made(of_all=fastopt.AdamW)
    message = unchanged(opt, lambda: like.torch.load_state(opt, states, steps=3))
    assert message.startswith("weight_decay of c is 0.25 in the state, but the optimizer was made without weight_decay")
    # Its kind is that of the rule too.
    params = {name: np.ones(SIZES[name]) for name in "cd"}
    groups = {"*": {"rule": "momentum", "weight_decay": 0.5, "decay": "l2"}}
    opt = fastopt.SGD(params, weight_decay=0.125, decay="decoupled", groups=groups)
    like.torch.load_state(opt, sgd_state(weight_decay=0.25), steps=3)
    assert (opt.weight_decay, opt.groups["*"].weight_decay) == (0.125, 0.25)


@pytest.mark.peers
def test_torch_is_given_no_numbers_of_another_rule() -> None:
    adamw, sgd = like.torch.state_of(made(of_all=fastopt.AdamW, weight_decay=0.125))
    assert [state["param_groups"][0]["weight_decay"] for state in (adamw, sgd)] == [0.125, 0]


def test_names_in_the_peers_order_are_of_all_rules() -> None:
    opt, first, second = made(groups=[(lambda name, _: name in "cd", {"rule": "momentum"})]), adam_state(), sgd_state()
    for one in (first, second):
        one["state"] = {0: one["state"][1], 1: one["state"][0]}
    like.torch.load_state(opt, [first, second], names=["d", "b", "c", "a"], steps=3)
    assert [next(iter(slots.values()))[0] for slots in opt.state] == [0.25, 0.375, 2.0, 1.0]
    assert (opt.lr, opt.groups[0].lr) == (0.5, 0.25)


def without(state: dict[str, Any], place: int, name: str) -> dict[str, Any]:
    del state["state"][place][name]
    return state


def wider(state: dict[str, Any]) -> dict[str, Any]:
    state["state"][1] = state["state"][0]
    return state


REFUSED: dict[str, tuple[Any, Any, Any, str]] = {
    "one": (
        made(),
        adam_state(),
        None,
        r"of each rule, in this order: adam \(2 parameters\), momentum \(2 .* got a dict",
    ),
    "three": (made(), [adam_state()] * 3, None, "must be a list of torch's states, .*; got 3 states"),
    "other order": (made(), [sgd_state(), adam_state()], 3, r"^state\[0\], of adam: a group of the state has no betas"),
    "lacks": (
        made(),
        [without(adam_state(), 1, "exp_avg"), sgd_state()],
        3,
        r"^state\[0\], of adam: parameter 1 of the state has no exp_avg",
    ),
    "no count": (
        made(),
        [adam_state(), sgd_state()],
        None,
        r"^state\[1\], of momentum: .* has no count of steps; pass",
    ),
    "other steps": (made(), [adam_state(), sgd_state()], [3] * 3, "steps must be one number, or one for each of 2"),
    "other rule": (made("sgd"), [adam_state(), sgd_state()], 3, r"^state\[1\], of sgd: momentum is True in the state"),
    "no peer": (made("lion"), [adam_state(), sgd_state()], 3, r"^state\[1\], of lion: torch has no optimizer with"),
    "counts": (
        made(count="optimizer"),
        [adam_state(), sgd_state()],
        [3, 5],
        "one count of steps for all rules, .*: adam 3, momentum 5; make the optimizer with count='parameter'",
    ),
    "a group of both": (
        made(groups={"[cd]": {"rule": "momentum"}, "[bc]": {"lr": 0.1}}),
        [adam_state(), sgd_state()],
        3,
        r"^groups\['\[bc\]'\]\.lr is one number in the optimizer, but not in the state, where c has 0.25",
    ),
    "maximize": (made(), [adam_state(), sgd_state(maximize=True)], 3, "maximize of c is True in the state, but False"),
    "shape": (made(), [adam_state(), wider(sgd_state())], 3, "b/d was saved with shape"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_named_and_nothing_changes(case: str) -> None:
    opt, states, steps, message = REFUSED[case]
    came = unchanged(opt, lambda: like.torch.load_state(opt, states, steps=steps))
    assert re.search(message, came), came


def test_keras_variables_of_each_optimizer_come_and_go() -> None:
    opt = made("lion", eps_hat=True)
    first = {
        f"{name}_{kind}": np.full(SIZES[name], x) for name in "ab" for kind, x in (("momentum", 1.0), ("velocity", 2.0))
    }
    second = {f"{name}_momentum": np.full(SIZES[name], 4.0) for name in "cd"}
    counts = [{"iteration": np.array(k, "int32"), "learning_rate": np.array(k / 8)} for k in (3, 5)]
    states = [{**counts[0], **first}, {**counts[1], **second}]
    like.keras.load_state(opt, states)
    assert (opt.lr, opt.groups["[cd]"].lr, opt.t, opt.state_dict()["steps"]["a"]) == (3 / 8, 5 / 8, 5, 3)
    back = like.keras.state_of(opt)
    assert [list(one) for one in back] == [list(one) for one in states]
    assert all(same_bits(own[name], one[name]) for own, one in zip(back, states, strict=True) for name in one)
    message = unchanged(opt, lambda: like.keras.load_state(opt, states[::-1]))
    assert message.startswith("state[0], of adam: the state has no velocity, which adam needs")
    # The main rule has no parameters, so its state is in no list.
    opt = fastopt.SGD({name: np.ones(SIZES[name]) for name in "ab"}, groups={"*": {"rule": "adam", "eps_hat": True}})
    like.keras.load_state(opt, states[0])
    assert like.keras.state_of(opt).keys() == states[0].keys()


# optax's, of which only the names count.
PartitionState, MaskedState = namedtuple("PartitionState", "inner_states"), namedtuple("MaskedState", "inner_state")
MaskedNode, EmptyState = namedtuple("MaskedNode", ()), namedtuple("EmptyState", ())
ScaleByAdamState = namedtuple("ScaleByAdamState", "count mu nu")
ScaleByLionState = namedtuple("ScaleByLionState", "count mu")
ScaleByScheduleState = namedtuple("ScaleByScheduleState", "count")


def masked(which: str, x: float) -> dict[str, Any]:
    return {name: np.full(size, x) if name in which else MaskedNode() for name, size in SIZES.items()}


def partition(first: str = "ab", second: str = "cd", steps: tuple[int, int] = (3, 5), x: float = 0.5) -> Any:
    adam = ScaleByAdamState(np.array(steps[0], "int32"), masked(first, x), masked(first, x / 2)), EmptyState()
    lion = ScaleByLionState(np.array(steps[1], "int32"), masked(second, 4 * x)), EmptyState()
    # As behind jax.jit, in the order of the labels' names.
    return EmptyState(), PartitionState({"-": MaskedState(lion), "all": MaskedState(adam)})


def test_a_partition_tells_by_its_masks_which_parameters_a_label_has() -> None:
    opt, state = made("lion"), partition()
    like.optax.load_state(opt, state)
    assert opt.state_dict()["steps"] == {"a": 3, "b": 3, "c": 5, "d": 5}
    assert [next(iter(slots.values()))[0] for slots in opt.state] == [0.5, 0.5, 2.0, 2.0]
    assert repr(like.optax.state_of(opt, partition(steps=(0, 0), x=0.0))) == repr(state)
    other = made("lion")
    like.optax.load_state(other, [state[1].inner_states[label].inner_state for label in ("all", "-")])
    assert other.state_dict()["steps"] == opt.state_dict()["steps"]
    message = unchanged(opt, lambda: like.optax.load_state(opt, partition("abc", "d")))
    assert message == (
        "inner_states['all'] has parameters of several rules, a of adam, b of adam, c of lion; a state is of one rule"
    )
    message = unchanged(opt, lambda: like.optax.load_state(opt, partition("cd", "ab")))
    assert message.startswith("inner_states['-'], of adam: the state has no ScaleByAdamState.mu")
    message = unchanged(opt, lambda: like.optax.load_state(opt, partition("ab", "")))
    assert message == "no label of the state has c, d; pass the state of all parameters"
    with pytest.raises(ValueError, match=r"have had \[3, 5\] steps"):
        like.optax.state_of(opt, (ScaleByScheduleState(np.array(0)), *state))


def test_labels_of_one_rule_and_labels_without_arrays() -> None:
    params = {"x": [np.ones(2), np.ones(3)], "head": {"w": np.ones(2), "b": np.ones(1)}}
    opt = fastopt.Adam(params, groups={"head": {"rule": "sgd"}, "x.1": {"rule": "adam", "lr": 0.5}})

    def state(count: int, x: float) -> Any:
        one = [{"x": [np.full(2, x / k), MaskedNode()], "head": MaskedNode()} for k in (1, 2)]
        other = [{"x": [MaskedNode(), np.full(3, 4 * x / k)], "head": MaskedNode()} for k in (1, 2)]
        adams = [(ScaleByAdamState(np.array(count), *trees), EmptyState()) for trees in (one, other)]
        plain = EmptyState(), ScaleByScheduleState(np.array(count))
        return PartitionState({"one": adams[0], "other": adams[1], "sgd": plain, "unused": EmptyState()})

    like.optax.load_state(opt, state(4, 0.5))
    assert (opt.t, opt.state[0]["m"][0], opt.state[1]["m"][0]) == (4, 0.5, 2.0)
    assert opt.state_dict()["steps"] == {"x.0": 4, "x.1": 4, "head.w": 4, "head.b": 4}
    assert repr(like.optax.state_of(opt, state(0, 0.0))) == repr(state(4, 0.5))


# Two optimizers of each peer, and ours with the same rules; torch counts no steps of SGD.
ADAM, LION = {"learning_rate": 0.1}, {"learning_rate": 0.03}
SIDE_BY_SIDE: dict[str, Any] = {
    "torch": (
        [("AdamW", {"lr": 0.1, "weight_decay": 0.1}), ("SGD", {"lr": 0.03, "momentum": 0.9, "weight_decay": 0.2})],
        lambda p: fastopt.AdamW(p, groups={"[cd]": {"rule": "momentum", "momentum": 0.5, "weight_decay": 0.5}}),
    ),
    "keras": (
        [("Adam", ADAM), ("Lion", LION)],
        lambda p: fastopt.Adam(p, eps=1e-7, eps_hat=True, groups={"[cd]": {"rule": "lion"}}),
    ),
    "optax": (
        [("adamw", ADAM), ("lion", {**LION, "weight_decay": 0.1})],
        lambda p: fastopt.AdamW(
            p,
            lr=0.1,
            weight_decay=1e-4,
            groups={"[cd]": {"rule": "lion", "lr": 0.03, "weight_decay": 0.1, "decay": "decoupled_with"}},
        ),
    ),
}


@pytest.mark.peers
@pytest.mark.parametrize("peer", SIDE_BY_SIDE)
def test_two_optimizers_move_in_the_middle_and_back(peer: str) -> None:
    """They have had different numbers of steps, of which those that move make three more."""
    names, ours = SIDE_BY_SIDE[peer]
    module, start = getattr(like, peer), list(arrays().values())
    runs = [RUNS[peer](name, options, start[2 * k : 2 * k + 2]) for k, (name, options) in enumerate(names)]
    grads = [list(arrays(seed).values()) for seed in range(1, 9)]

    def step(those: Any, number: int) -> None:
        for k, run in enumerate(those):
            run.step(grads[number][2 * k : 2 * k + 2])

    def states(those: Any) -> list[Any]:
        return [
            run.optimizer.state_dict() if peer == "torch" else getattr(run, "state", None) or run.optimizer.variables
            for run in those
        ]

    step(runs, 0)
    step(runs, 1)
    step(runs[:1], 2)
    params = dict(zip(SIZES, [weight for run in runs for weight in run.weights], strict=True))
    opt = ours(params)
    steps = {"steps": [None, 2]} if peer == "torch" else {}
    module.load_state(opt, states(runs), **steps)
    fresh = [RUNS[peer](name, options, run.weights) for (name, options), run in zip(names, runs, strict=True)]
    back = module.state_of(opt, states(fresh)) if peer == "optax" else module.state_of(opt)
    for run, state in zip(fresh, back, strict=True):
        TAKES[peer](run, state)
    for number in (3, 4, 5):
        step(runs, number)
        step(fresh, number)
        opt.step(dict(zip(SIZES, grads[number], strict=True)))
    stayed = flat([weight for run in runs for weight in run.weights])
    for moved in (list(params.values()), [weight for run in fresh for weight in run.weights]):
        assert np.abs(flat(moved) / stayed - 1).max() < TOLERANCE


def _keras_takes(run: Any, state: Any) -> None:
    with run._types():
        run.optimizer.set_weights(list(state.values()))


TAKES: dict[str, Callable[[Any, Any], Any]] = {
    "torch": lambda run, state: run.optimizer.load_state_dict(state),
    "keras": _keras_takes,
    "optax": lambda run, state: setattr(run, "state", state),
}


@pytest.mark.peers
def test_optax_partition_moves_in_the_middle_and_back() -> None:
    import jax
    import optax

    start, grads = arrays(), [arrays(seed) for seed in range(1, 7)]
    labels = {name: "adamw" if name in "ab" else "lion" for name in SIZES}
    with jax.enable_x64(True):
        transforms = {"lion": optax.lion(0.03, weight_decay=0.1), "adamw": optax.adamw(0.1)}
        theirs = optax.chain(optax.clip_by_global_norm(1.0), optax.partition(transforms, labels))

        def run(params: Any, state: Any, those: list[Any]) -> tuple[Any, Any]:
            for grad in those:
                updates, state = theirs.update(grad, state, params)
                params = optax.apply_updates(params, updates)
            return params, state

        begun, state = run(start, theirs.init(start), grads[:3])
        stayed, _ = run(begun, state, grads[3:])
        params = {name: np.array(array) for name, array in begun.items()}
        opt = fastopt.AdamW(
            params,
            lr=0.1,
            weight_decay=1e-4,
            clip_norm=1.0,
            groups={"[cd]": {"rule": "lion", "lr": 0.03, "weight_decay": 0.1, "decay": "decoupled_with"}},
        )
        like.optax.load_state(opt, state)
        back = like.optax.state_of(opt, theirs.init(start))
        assert jax.tree.structure(back) == jax.tree.structure(state)
        assert all(
            same_bits(np.asarray(one), np.asarray(two))
            for one, two in zip(*map(jax.tree.leaves, (back, state)), strict=True)
        )
        returned, _ = run(begun, back, grads[3:])
    for grad in grads[3:]:
        opt.step(grad)
    for moved in (params, returned):
        assert all(np.abs(np.asarray(moved[name]) / np.asarray(stayed[name]) - 1).max() < TOLERANCE for name in SIZES)


@pytest.mark.peers
def test_a_multi_optimizer_of_keras_moves_and_takes_back() -> None:
    run = RUNS["keras"]("Adam", ADAM, list(arrays().values()))
    keras = run.keras
    with run._types():
        each = keras.optimizers.Adam(**ADAM), keras.optimizers.Lion(**LION)
        multi = keras.optimizers.MultiOptimizer(lambda variable: each[variable.path in ("v2", "v3")])
        multi.build(run.variables)
        for seed in (1, 2):
            multi.apply([run.jax.numpy.asarray(g) for g in arrays(seed).values()], run.variables)
        opt = SIDE_BY_SIDE["keras"][1](dict(zip(SIZES, run.weights, strict=True)))
        like.keras.load_state(opt, [one.variables for one in multi.optimizers])
        own = [np.array(v.value) for v in multi.variables]
        states = like.keras.state_of(opt)
        for one, state in zip(multi.optimizers, states, strict=True):
            one.set_weights([np.zeros_like(value) for value in state.values()])
            one.set_weights(list(state.values()))
        assert all(map(same_bits, own, [np.array(v.value) for v in multi.variables]))
    assert (opt.lr, opt.groups["[cd]"].lr, opt.t) == (pytest.approx(0.1), pytest.approx(0.03), 2)
