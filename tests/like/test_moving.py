"""A run that moves between a peer and fastopt in the middle is the run that stayed."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from examples import docs, same_bits
from paths import relative
from peer_names import made, stepped
from peers import RUNS, Arrays, flat, peer_path

import fastopt
from fastopt import like
from fastopt.schedules import linear

# Averages stay, and thinc's optimizers keep their state by key.
MOVED = [row for row in docs("optimizer_rows").ROWS if row.peer != "thinc" and "use_ema" not in row.options]
# Of those whose weights are kept, with the most options of each.
LAST = {(row.peer, row.name, row.rule): row for row in MOVED if row.kept}
ROWS = [row for row in MOVED if not row.kept or row in LAST.values()]
LOSS = 3.0  # of every step
SHAPES = [(4, 5), (7,)]
HALF = 10
TOLERANCE = 1e-12
COMPLEX_NAMES = ("sgd", "adam", "amsgrad", "rmsprop", "adagrad", "nadam", "adabelief", "lars")


def problem(dtype: str = "float64", drift: float = 0.0) -> tuple[Arrays, list[Arrays]]:
    """Weights and gradients.

    drift: what the gradients share, of opposite sign in the second half: rates that find themselves grow, and then stay.
    """
    generator = np.random.default_rng(0)

    def numbers(shape: tuple[int, ...]) -> np.ndarray:
        real = generator.standard_normal(shape)
        return (real + 1j * generator.standard_normal(shape) if "complex" in dtype else real).astype(dtype)

    start = [numbers(shape) for shape in SHAPES]
    shared = [drift] * HALF + [-drift] * HALF
    return start, [[numbers(shape) + own for shape in SHAPES] for own in shared]


def ours(row: Any, arrays: Arrays) -> Any:
    return made(row.peer, row.name, arrays, **row.options)


LATE = {
    "torch": {"SGD": {"lr": 0.1, "momentum": 0.9}, "Adam": {}, "NAdam": {}, "RAdam": {"lr": 0.01}},
    "keras": {"SGD": {"momentum": 0.9}, "Adam": {}, "Nadam": {}, "Adamax": {}},
    "optax": {"adam": {"learning_rate": 0.1}, "nadam": {"learning_rate": 0.1}, "amsgrad": {"learning_rate": 0.1}},
}


@pytest.mark.peers
@pytest.mark.parametrize(("peer", "name"), [(peer, name) for peer, names in LATE.items() for name in names])
def test_what_is_frozen_at_first_joins_as_with_the_peer(peer: str, name: str) -> None:
    """Schedules go on meanwhile, and bias corrections count what the peer's count."""
    options = {**LATE[peer][name], "lr" if peer == "torch" else "learning_rate": linear(0.1, end=0.01, steps=15)}
    start, grads = problem()
    # optax has no gradient that is None: zeros leave moments as they are only as long as these are zero.
    frozen = range(9) if peer == "optax" else [*range(9), 13]
    given = [[first, None if k in frozen else second] for k, (first, second) in enumerate(grads)]
    theirs, arrays = RUNS[peer](name, options, start), [array.copy() for array in start]
    here = getattr(getattr(like, peer), name)(arrays, **options)
    path = []
    for step in given:
        theirs.step(step)
        here.step(step)
        path.append(flat(theirs.weights))
    assert distance(arrays, path) < TOLERANCE


def distance(weights: Arrays, path: list[np.ndarray]) -> float:
    """How far the weights are from where the path ends."""
    return float(relative([*path[:-1], flat(weights)], path).max())


@pytest.mark.peers
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_run_moves_in_the_middle(row: Any) -> None:
    check_moves(row, *problem(drift=2.0 if row.kept else 0.0))


# Some rows of complex parameters: torch has a second moment of each part, optax one for both.
COMPLEX = [row for row in ROWS if row.peer in ("torch", "optax") and row.name.lower() in COMPLEX_NAMES]


@pytest.mark.peers
@pytest.mark.parametrize("row", COMPLEX, ids=str)
def test_a_run_of_complex_parameters_moves_in_the_middle(row: Any) -> None:
    check_moves(row, *problem("complex128"))


@pytest.mark.peers
def test_conjugate_grads_takes_gradients_of_jax() -> None:
    import jax
    import torch

    (z, _), ((there, _), *_) = problem("complex64")
    gradient = np.asarray(jax.grad(lambda x: (abs(x - there) ** 2).sum())(z))
    leaf = torch.tensor(z, requires_grad=True)
    ((leaf - torch.tensor(there)).abs() ** 2).sum().backward()
    assert leaf.grad is not None
    assert np.allclose(gradient.conj(), leaf.grad.numpy(), rtol=1e-5)
    ours, theirs = z.copy(), z.copy()
    fastopt.Adam(ours, conjugate_grads=True).step(gradient)
    fastopt.Adam(theirs).step(gradient.conj())
    assert same_bits(ours, theirs)
    assert np.abs(ours - there).sum() < np.abs(z - there).sum()


def test_optax_of_complex_parameters_is_refused_where_it_is_another_formula() -> None:
    for name in ("adamax", "adadelta", "lion", "lamb", "yogi"):
        with pytest.raises(TypeError, match=r"treats complex parameters in another way.* use fastopt"):
            getattr(like.optax, name)(np.ones(3, complex), learning_rate=0.1)


def check_moves(row: Any, start: Arrays, grads: list[Arrays]) -> None:
    """A run stays on its path that moves from the peer to ours in the middle, or from ours to the peer."""
    loss = LOSS if row.takes_loss else None
    stayed = peer_path(row.peer, row.name, row.options, start, grads, loss)

    there = RUNS[row.peer](row.name, row.options, start)
    for step in grads[:HALF]:
        there.step(step, loss)
    arrays = [array.copy() for array in there.weights]
    here = ours(row, arrays)
    there.give(here)
    assert here.t == HALF
    for step in grads[HALF:]:
        stepped(here, step, LOSS)
    assert distance(arrays, stayed) < TOLERANCE

    arrays = [array.copy() for array in start]
    here = ours(row, arrays)
    for step in grads[:HALF]:
        stepped(here, step, LOSS)
    there = RUNS[row.peer](row.name, row.options, arrays)
    there.take(here)
    for step in grads[HALF:]:
        there.step(step, loss)
    assert distance(there.weights, stayed) < TOLERANCE


def test_the_comparison_can_fail() -> None:
    start, _ = problem()
    path = [flat(start), flat(start)]
    moved = [array.copy() for array in start]
    moved[1][3] *= 1 + 3 * TOLERANCE
    assert distance(start, path) == 0
    assert TOLERANCE < distance(moved, path) < 4 * TOLERANCE


@pytest.mark.peers
def test_bfloat16_and_several_groups_move_to_torch_and_back() -> None:
    import torch

    generator = torch.Generator().manual_seed(0)

    def tensors() -> list[Any]:
        return [torch.randn(5, generator=generator).bfloat16() for _ in range(3)]

    weights, grads = tensors(), [tensors() for _ in range(4)]
    groups = [{"params": weights[:2]}, {"params": weights[2:], "lr": 0.5, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.25)
    for step in grads[:2]:
        for weight, grad in zip(weights, step, strict=True):
            weight.grad = grad
        optimizer.step()
    params = {name: weight.clone() for name, weight in zip("abc", weights, strict=True)}
    opt = fastopt.AdamW(params, groups={"c": {"lr": 0.1, "weight_decay": 0.1}}, ema=0.9)
    report = like.torch.load_state(opt, optimizer.state_dict())
    assert (opt.lr, opt.groups["c"].lr, opt.groups["c"].weight_decay, opt.t) == (0.25, 0.5, 0.0, 2)
    assert "lr: 0.001 -> 0.25" in report.changed
    for slots, weight in zip(opt.state, weights, strict=True):
        kept = optimizer.state[weight]
        assert same_bits(np.asarray(slots["m"]), kept["exp_avg"].float().numpy())
        assert same_bits(np.asarray(slots["v"]), kept["exp_avg_sq"].float().numpy())
    state = like.torch.state_of(opt)
    assert [group["lr"] for group in state["param_groups"]] == [0.25, 0.5]
    other = torch.optim.AdamW([{"params": [w.clone() for w in weights[:2]]}, {"params": [weights[2].clone()]}])
    other.load_state_dict(state)
    for one, two in zip(other.state.values(), optimizer.state.values(), strict=True):
        assert one["step"] == two["step"]
        assert torch.equal(one["exp_avg"], two["exp_avg"])
        assert torch.equal(one["exp_avg_sq"], two["exp_avg_sq"])
    assert other.state_dict()["param_groups"] == optimizer.state_dict()["param_groups"]


def torch_state(**group: Any) -> dict[str, Any]:
    """What torch's Adam has, in plain containers."""
    moments = [{"step": 3.0, "exp_avg": np.full(n, n / 8), "exp_avg_sq": np.full(n, n / 4)} for n in (2, 3)]
    known = {"lr": 0.5, "betas": (0.75, 0.5), "eps": 1e-3, "weight_decay": 0, "amsgrad": False, "maximize": False}
    return {"state": dict(enumerate(moments)), "param_groups": [{**known, "params": [0, 1], **group}]}


def adam(**options: Any) -> Any:
    return fastopt.Adam({"a": np.ones(2), "b": np.ones(3)}, **options)


def test_numbers_come_along_and_what_torch_does_not_know_stays() -> None:
    rate = linear(0.1, steps=10)
    opt = adam(lr=rate, ema=0.5, skip_nonfinite=True)
    opt.step({"a": np.full(2, np.inf), "b": np.ones(3)})
    opt.step({"a": np.ones(2), "b": np.ones(3)})
    average, weights = {k: v.copy() for k, v in opt.ema.items()}, {k: v.copy() for k, v in opt.params.items()}
    like.torch.load_state(opt, torch_state())
    assert (opt.lr, opt.beta1, opt.beta2, opt.eps, opt.t, opt.skipped) == (rate, 0.75, 0.5, 1e-3, 3, 1)
    assert all(same_bits(opt.ema[k], average[k]) and same_bits(opt.params[k], weights[k]) for k in "ab")
    assert [slots["m"][0] for slots in opt.state] == [0.25, 0.375]


def test_parameters_go_by_name_where_there_are_names() -> None:
    opt = fastopt.Adam({"b": np.ones(3), "a": np.ones(2)})
    with pytest.raises(ValueError, match="shape"):
        like.torch.load_state(opt, torch_state())
    for options, state in (
        ({}, torch_state(param_names=["a", "b"])),
        ({"names": ["a", "b"]}, torch_state()),
        ({"names": ["a", "b"]}, torch_state(param_names=["x", "y"])),
    ):
        like.torch.load_state(opt, state, **options)
        assert [slots["m"][0] for slots in opt.state] == [0.375, 0.25]
    with pytest.raises(ValueError, match=r"share the names a, but not b, c"):
        like.torch.load_state(opt, torch_state(param_names=["a", "c"]))
    with pytest.raises(ValueError, match="names must be the names of the parameters"):
        like.torch.load_state(opt, torch_state(), names=["a", "c"])


def test_a_number_that_was_an_integer_here_is_what_it_is_there() -> None:
    opt = adam(lr=1, weight_decay=0)
    like.torch.load_state(opt, torch_state(weight_decay=0.25))
    assert (opt.lr, opt.weight_decay) == (0.5, 0.25)


def test_a_parameter_without_state_starts_anew_and_keeps_a_count_of_its_own() -> None:
    opt, state = adam(), torch_state()
    del state["state"][1]
    like.torch.load_state(opt, state)
    assert opt.state_dict()["steps"] == {"a": 3, "b": 0}
    assert np.all(opt.state[1]["m"] == 0)
    nadam = fastopt.NAdam({"a": np.ones(2), "b": np.ones(3)})
    nadam.step({"a": np.ones(2), "b": np.ones(3)})
    state["state"][0]["mu_product"] = 0.75
    state["param_groups"][0]["momentum_decay"] = 0.004
    like.torch.load_state(nadam, state)
    assert nadam.uniform_states == [{"mu_product": 0.75}, {"mu_product": 1.0}]


def test_a_parameter_without_state_starts_where_the_optimizer_has_it_start() -> None:
    opt = fastopt.RMSprop({"a": np.ones(2), "b": np.ones(3)}, start={"v": 1.0})
    known = {"lr": 0.5, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0, "momentum": 0, "centered": False}
    opt.step({"a": np.ones(2), "b": np.ones(3)})
    like.torch.load_state(opt, {"state": {}, "param_groups": [{**known, "params": [0, 1]}]})
    assert [slots["v"].tolist() for slots in opt.state] == [[1.0] * 2, [1.0] * 3]


class ScaleByAdamState(tuple):
    """optax's, of which only the name and the fields count."""

    _fields = ("count", "mu", "nu")
    count, mu, nu = (property(lambda self, k=k: self[k]) for k in range(3))


class ScheduleFreeState(tuple):
    """optax's, of which only the name and the fields count."""

    _fields = ("b1", "weight_sum", "step_count", "max_lr", "base_optimizer_state", "z")
    b1, weight_sum, step_count, max_lr, base_optimizer_state, z = (property(lambda s, k=k: s[k]) for k in range(6))


def free_state(b1: float) -> Any:
    trees = {"a": np.full(2, 0.5), "b": np.full(3, 0.5)}
    return ScheduleFreeState((np.float32(b1), np.float64(0.25), np.int32(4), np.float64(0.5), ((), ()), trees))


def free(**options: Any) -> Any:
    return like.optax.contrib.schedule_free_sgd({"a": np.ones(2), "b": np.ones(3)}, 0.5, **options)


def test_optax_counts_schedule_frees_steps_from_1() -> None:
    opt = free(b1=0.75)
    like.optax.load_state(opt, free_state(0.75))
    assert (opt.t, opt.state[0]["z"][0], opt.uniform_states[1]) == (3, 0.5, {"lr_max": 0.5, "weight_sum": 0.25})


def optax_state(count: int = 3) -> Any:
    trees = [{"a": np.full(2, x), "b": np.full(3, x)} for x in (0.5, 0.25)]
    return ScaleByAdamState((np.int32(count), *trees)), (), ScaleByAdamState((np.int32(3), *trees))[:0]


KERAS_NAMES = ("a_momentum", "a_velocity", "b_momentum", "b_velocity")


def keras_variables(**changes: Any) -> dict[str, Any]:
    values = {f"adam/{name}": np.ones(2 if name[0] == "a" else 3) for name in KERAS_NAMES}
    return {"adam/iteration": np.int32(3), "adam/learning_rate": np.float32(0.5), **values, **changes}


REFUSED: dict[str, tuple[Any, str, Any, str]] = {
    "one here, two there": (
        adam(),
        "torch",
        {
            **torch_state(),
            "param_groups": [
                {**torch_state(lr=rate)["param_groups"][0], "params": [k]} for k, rate in enumerate((0.1, 0.2))
            ],
        },
        "lr is one number in the optimizer, but not in the state, where b has 0.2",
    ),
    "other slots": (
        adam(),
        "torch",
        {**torch_state(), "state": {0: {"step": 1.0, "square_avg": np.ones(2)}}},
        "square_avg",
    ),
    "other group": (adam(), "torch", {"state": {}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]}, "has no betas"),
    "amsgrad": (adam(), "torch", torch_state(amsgrad=True), "amsgrad"),
    "AdamW": (adam(), "torch", torch_state(decoupled_weight_decay=True), "the state is of torch's AdamW"),
    "decay": (adam(), "torch", torch_state(weight_decay=0.1), "made without weight_decay"),
    "maximize": (
        adam(),
        "torch",
        torch_state(maximize=True),
        "maximize of a is True in the state, but False in the optimizer",
    ),
    "formula": (adam(eps_hat=True), "torch", torch_state(), "eps_hat is False in torch, but True in this optimizer"),
    "range": (adam(), "torch", torch_state(lr=-1.0), "lr must satisfy"),
    "count": (fastopt.Adam(np.ones(2)), "torch", torch_state(), "2 parameters, but the optimizer 1"),
    "shape": (fastopt.Adam([np.ones(2), np.ones(4)]), "torch", torch_state(), "was saved with shape"),
    "type": (fastopt.Adam([np.ones(2, "f4"), np.ones(3, "f4")]), "torch", torch_state(), "saved as float64"),
    "no peer": (fastopt.AdamLp([np.ones(2), np.ones(3)]), "torch", torch_state(), "torch has no optimizer"),
    "other variables": (adam(eps_hat=True), "keras", keras_variables(x_accumulator=np.ones(2)), "has x_accumulator"),
    "fewer variables": (
        adam(eps_hat=True),
        "keras",
        {"iteration": 3, "a_momentum": np.ones(2), "b_momentum": np.ones(3)},
        "has no velocity",
    ),
    "not as keras": (adam(), "keras", keras_variables(), "eps_hat is True in keras, but False in this optimizer"),
    "another b1": (
        free(b1=0.5),
        "optax",
        free_state(0.75),
        r"b1 is 0.75 in the state, but momentum is 0.5 here; make the optimizer with momentum=0.75",
    ),
    "fewer parts": (free(), "optax", optax_state(), "has no ScheduleFreeState.max_lr, ScheduleFreeState.weight_sum"),
    "wrong in optax": (
        fastopt.Adan({"a": np.ones(2), "b": np.ones(3)}),
        "optax",
        optax_state(),
        "optax has no optimizer with the rule adan",
    ),
    "other state": (
        fastopt.Lion({"a": np.ones(2), "b": np.ones(3)}),
        "optax",
        optax_state(),
        "has no ScaleByLionState.mu",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_and_nothing_changed(case: str) -> None:
    opt, peer, state, message = REFUSED[case]
    before = opt.state_dict()
    with pytest.raises((TypeError, ValueError), match=message):
        getattr(like, peer).load_state(opt, state)
    after = opt.state_dict()
    assert all(same_bits(after["arrays"][key], array) for key, array in before.pop("arrays").items())
    assert {key: value for key, value in after.items() if key != "arrays"} == before


def test_plain_containers_are_enough() -> None:
    opt = adam(eps_hat=True)
    like.keras.load_state(opt, keras_variables())
    assert (opt.t, opt.lr, opt.state[1]["v"][0]) == (3, 0.5, 1.0)
    assert list(like.keras.state_of(opt)) == ["iteration", "learning_rate", *KERAS_NAMES]
    opt = adam()
    like.optax.load_state(opt, optax_state())
    assert (opt.t, opt.state[0]["m"][0], opt.state[1]["v"][0]) == (3, 0.5, 0.25)


def test_a_mean_square_there_is_a_variance_here() -> None:
    opt = fastopt.RMSprop(
        [np.ones(2), np.ones(1, "f4")], alpha=0.5, momentum=0.5, centered=True, eps_inside=True, lr_inside=True
    )
    squares = {"velocity": [2.5, 3.0], "momentum": [0.0, 1.0], "average_gradient": [1.5, 2.0]}
    values = {f"{n}_{kind}": np.array(v[: 2 - n], opt.params[n].dtype) for kind, v in squares.items() for n in (0, 1)}
    whole = {**values, "0_velocity": np.array([3, 4])}
    # Rounding had made the second mean square less than the square of the mean.
    for given, variances in ((whole, [0.75, 0.0]), (values, [0.25, 0.0])):
        like.keras.load_state(opt, {"iteration": 3, **given})
        assert [list(slots["var"]) for slots in opt.state] == [variances, [0.25]]
    out = like.keras.state_of(opt)
    assert {kind: list(out[f"0_{kind}"]) for kind in squares} == {**squares, "velocity": [2.5, 4.0]}
    assert out["1_velocity"].dtype == np.float32


def test_a_count_that_the_state_lacks_is_asked_for() -> None:
    opt = fastopt.SGD([np.ones(2)], momentum=0.5)
    group = {"lr": 0.1, "momentum": 0.5, "dampening": 0, "weight_decay": 0, "nesterov": False, "params": [0]}
    state = {"state": {0: {"momentum_buffer": np.ones(2)}}, "param_groups": [group]}
    with pytest.raises(ValueError, match="has no count of steps; pass steps"):
        like.torch.load_state(opt, state)
    like.torch.load_state(opt, state, steps=7)
    assert opt.t == 7
    with pytest.raises(ValueError, match="steps=5, but the state counts 3"):
        like.torch.load_state(adam(), torch_state(), steps=5)


def test_a_state_of_fewer_bits_is_widened() -> None:
    opt = fastopt.Adam([np.ones(2, "f4"), np.ones(3, "f4")])
    state = torch_state()
    for entry in state["state"].values():
        entry["exp_avg"] = entry["exp_avg"].astype(ml_dtypes.bfloat16)
        entry["exp_avg_sq"] = entry["exp_avg_sq"].astype("float16")
    like.torch.load_state(opt, state)
    assert (opt.state[1]["m"][0], opt.state[1]["v"][0]) == (0.375, 0.75)
