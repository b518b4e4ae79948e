"""lookahead: in every k-th step slow weights go a part of the way to the parameter, which becomes them."""

import copy
from typing import Any

import numpy as np
import pytest
from examples import same_bits
from stepping import in_numpy

import fastopt
from fastopt.kernels.riders import SLOW

EVERY = {"lr": 0.1, "momentum": 0.5, "lookahead": 3, "lookahead_rate": 0.25}


def gradient(step: int, n: int = 4) -> Any:
    return np.random.default_rng(step).standard_normal(n)


def made(p: Any, **options: Any) -> Any:
    return fastopt.Optimizer(p, "momentum", **{**EVERY, **options})


def slow(opt: Any) -> Any:
    return opt._updater.tree_of(SLOW)


def algorithm_1(p: Any, steps: int, k: int, alpha: float) -> Any:
    """The paper's loop: k inner steps from the slow weights, and one of the slow weights."""
    fast, own, velocity = p.copy(), p.copy(), 0 * p
    for t in range(1, steps + 1):
        velocity = 0.5 * velocity + gradient(t)
        fast = fast - 0.1 * velocity
        if t % k == 0:
            own = own + alpha * (fast - own)
            fast = own
    return fast, own


@pytest.mark.parametrize("steps", [2, 3, 7])
def test_it_is_algorithm_1_of_the_paper(steps: int) -> None:
    p = gradient(0)
    wanted, own = algorithm_1(p, steps, 3, 0.25)
    opt = made(p)
    for t in range(1, steps + 1):
        opt.step(gradient(t))
    np.testing.assert_allclose(p, wanted, rtol=1e-14)
    np.testing.assert_allclose(slow(opt), own, rtol=1e-14)


def test_steps_with_the_same_gradient_have_numpys_bits() -> None:
    p, g = gradient(0), gradient(1)
    (wanted,) = in_numpy([p], [g], "momentum", EVERY, steps=6)
    opt = made(p)
    for _ in range(6):
        opt.step(g)
    assert same_bits(p, wanted)


def test_the_steps_of_the_parameter_count_or_those_of_the_optimizer() -> None:
    """The second parameter has no gradient in the first step."""
    for count, acts in (("parameter", False), ("optimizer", True)):
        params = [gradient(0), gradient(0)]
        opt = made(params, count=count)
        opt.step([gradient(1), None])
        for t in (2, 3):
            opt.step([gradient(t), gradient(t)])
        assert same_bits(slow(opt)[0], params[0])
        assert same_bits(slow(opt)[1], params[1]) is acts


def test_slow_weights_begin_at_the_weights_of_the_first_step() -> None:
    p = np.zeros(4)
    opt = made(p)
    p[...] = gradient(0)
    opt.refresh()
    assert same_bits(slow(opt), p)
    p[...] = gradient(5)
    before = p.copy()
    opt.step(gradient(1))
    assert same_bits(slow(opt), before)


def test_a_run_goes_on_from_what_was_saved_and_from_a_copy(tmp_path: Any) -> None:
    opt = made(gradient(0))
    for t in (1, 2, 3, 4):
        opt.step(gradient(t))
    opt.save(tmp_path / "half")
    other, copied = made(gradient(9)), copy.deepcopy(opt)
    other.load(tmp_path / "half")
    for t in (5, 6):
        for each in (opt, other, copied):
            each.step(gradient(t))
    assert same_bits(opt.params, other.params)
    assert same_bits(opt.params, copied.params)


def test_where_the_state_has_none_they_begin_at_its_parameter() -> None:
    plain = fastopt.Optimizer(gradient(0), "momentum", lr=0.1, momentum=0.5)
    plain.step(gradient(1))
    opt = made(gradient(9))
    opt.load_state_dict(plain.state_dict(), partial=True)
    assert opt.t == 1
    assert same_bits(slow(opt), plain.params)


def test_weights_that_a_monitor_brings_back_are_begun_from() -> None:
    p = gradient(0)
    opt, stopping = made(p), fastopt.EarlyStopping(params=p)
    opt.step(gradient(1))
    stopping.update(1.0)
    best = p.copy()
    opt.step(gradient(2))
    stopping.restore()
    assert same_bits(p, best)
    assert same_bits(slow(opt), best)


def test_a_new_parameter_begins_in_a_sync_and_others_keep_theirs() -> None:
    params = {"a": gradient(0)}
    opt = made(params)
    opt.step({"a": gradient(1)})
    kept = slow(opt)["a"].copy()
    params["b"] = gradient(7)
    opt.sync()
    assert same_bits(slow(opt)["a"], kept)
    assert same_bits(slow(opt)["b"], params["b"])


@pytest.mark.peers
def test_it_follows_optaxs_lookahead() -> None:
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    with jax.enable_x64(True):
        start = jax.numpy.asarray(gradient(0))
        peer = optax.lookahead(optax.sgd(0.1, momentum=0.5), sync_period=3, slow_step_size=0.25)
        params = optax.LookaheadParams.init_synced(start)
        state = peer.init(params)
        p = gradient(0)
        opt = made(p)
        for t in range(1, 9):
            updates, state = peer.update(jax.numpy.asarray(gradient(t)), state, params)
            params = optax.apply_updates(params, updates)
            opt.step(gradient(t))
            np.testing.assert_allclose(p, np.asarray(params.fast), rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(slow(opt), np.asarray(params.slow), rtol=1e-12, atol=1e-12)


@pytest.mark.peers
def test_it_follows_pytorch_optimizers_lookahead() -> None:
    torch, peer = pytest.importorskip("torch"), pytest.importorskip("pytorch_optimizer")
    theirs = torch.nn.Parameter(torch.from_numpy(gradient(0)))
    wrapped = peer.Lookahead(torch.optim.SGD([theirs], lr=0.1, momentum=0.5), k=3, alpha=0.25, pullback_momentum="none")
    p = gradient(0)
    opt = made(p)
    for t in range(1, 9):
        theirs.grad = torch.from_numpy(gradient(t))
        wrapped.step()
        opt.step(gradient(t))
        np.testing.assert_allclose(p, theirs.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lookahead": 2.5}, "lookahead must satisfy lookahead = 1, 2, ..., a whole number of steps; got 2.5"),
        ({"lookahead": 0}, "lookahead must satisfy"),
        ({"lookahead": 2, "lookahead_rate": 1.5}, "lookahead_rate must satisfy 0 <= lookahead_rate <= 1; got 1.5"),
        ({"lookahead_rate": 0.5}, "lookahead_rate has no effect without lookahead"),
        ({"lookahead": 2, "sparse": "lazy"}, "lookahead is of every row in every step"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fastopt.Adam(np.ones(3), **options)


def test_a_rule_with_an_average_of_its_own_has_none() -> None:
    with pytest.raises(ValueError, match="schedule_free_sgd keeps an average of its own, which lookahead would not"):
        fastopt.ScheduleFreeSGD(np.ones(3), lookahead=5)
