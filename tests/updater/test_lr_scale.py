"""lr_scale multiplies the learning rate element by element or row by row, as NumPy's formula with such a rate would."""

from typing import Any

import cuda_shim
import numpy as np
import pytest
import scipy.sparse
from examples import same_bits

import fastopt
from fastopt import RowSparse, SparsityFactor
from fastopt.kernels import RULES
from fastopt.kernels.cuda import backend as cupy
from fastopt.kernels.libraries.library import view_of
from fastopt.kernels.tasks.stage_run import StageRun

SHAPE = (30, 5)


def draw(shape: Any, dtype: str = "float32", seed: int = 0) -> Any:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


def in_numpy(rule: Any, p: Any, scale: Any, grads: list[Any], lr: float) -> Any:
    """The parameter after steps of the plain formula with an array for its rate."""
    slots = [np.zeros_like(p) for _ in rule.slots]
    given = {name: value for name, value in rule.hyper.items() if name not in rule.starts_from} | {
        name: rule.hyper[name] for name in rule.starts_from
    }
    rate = lr * np.broadcast_to(scale, p.shape)
    for t, g in enumerate(grads, 1):
        new = rule.formula(p, g, *slots, **({"t": t} if rule.uses_t else {}), **{**given, "lr": rate})
        p, *slots = new if isinstance(new, tuple) else (new,)
    return p


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(30, 1), (30, 5), (5,), (1, 5), (), (1, 1)], ids=str)
@pytest.mark.parametrize("name", ["adam", "adagrad"])
def test_every_shape_gives_numpys_bits(name: str, shape: tuple[int, ...], dtype: str) -> None:
    rule = RULES[name]
    params, scale = [draw(SHAPE, dtype), draw(7, dtype, 1)], np.asarray(abs(draw(shape, dtype, 2)))
    grads = [[draw(SHAPE, dtype, 10 + k), draw(7, dtype, 20 + k)] for k in range(3)]
    expected = in_numpy(rule, params[0], scale, [g for g, _ in grads], 0.1)
    unscaled = in_numpy(rule, params[1], np.ones((), dtype), [g for _, g in grads], 0.1)
    opt = fastopt.Optimizer(params, rule, lr=0.1, lr_scale={"0": scale})
    for gradient in grads:
        opt.step(gradient)
    assert same_bits(params[0], expected)
    assert same_bits(params[1], unscaled)


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 6, 1), (6, 5), (1, 1, 5)], ids=str)
def test_cubes(shape: tuple[int, ...]) -> None:
    p, scale, g = draw((4, 6, 5)), abs(draw(shape, seed=2)), draw((4, 6, 5), seed=3)
    expected = in_numpy(RULES["sgd"], p, scale, [g], 0.5)
    fastopt.SGD({"W": p}, lr=0.5, lr_scale={"*": scale}).step({"W": g})
    assert same_bits(p, expected)


def test_one_number_is_read_by_every_task_of_an_array() -> None:
    p, g, scale = draw(20_000), draw(20_000, seed=1), np.array([3, 0.5, 7], "float32")
    expected = in_numpy(RULES["sgd"], p, scale[1], [g], 0.5)
    fastopt.SGD([p], lr=0.5, lr_scale={"0": scale[1:2]}).step([g])
    assert same_bits(p, expected)


def test_rows_of_a_sparse_gradient_have_their_own_rates() -> None:
    params, twins, scale = [draw(SHAPE)], [draw(SHAPE)], abs(draw((30, 1), seed=4))
    sparse, dense = (fastopt.Adam(each, lr_scale={"0": scale}, weight_decay=0.1) for each in (params, twins))
    for step in range(6):
        rows = RowSparse(np.random.default_rng(step).integers(0, 30, 5), draw((5, 5), seed=step))
        sparse.step([rows])
        dense.step([rows.dense(SHAPE)])
    sparse.flush()
    assert same_bits(params[0], twins[0])


def test_a_scale_is_read_in_each_step_and_moved_gradients_are_noticed() -> None:
    p, scale = draw(SHAPE), np.ones((30, 1), "float32")
    opt = fastopt.SGD([p], lr=1.0, lr_scale={"0": scale})
    for step in range(4):
        scale[step] = 0.0
        before, g = p.copy(), draw(SHAPE, seed=step)
        opt.step([g])
        assert same_bits(p, before - scale * g)


@pytest.mark.parametrize("scaled", [False, True])
def test_broadcast_gradients_that_move_are_read_where_they_are(scaled: bool) -> None:
    p, scale = np.array(draw(SHAPE)[::-1])[::-1], np.full((30, 1), 0.5, "float32")
    opt = fastopt.SGD([p], lr=1.0, **({"lr_scale": {"0": scale}} if scaled else {}))
    for step in range(5):
        before, g = p.copy(), np.broadcast_to(draw((1, 5), seed=step), SHAPE)
        opt.step([g])
        assert same_bits(p, before - (0.5 if scaled else 1.0) * g)
        g = draw((30, 5), seed=step)[::-1] if step % 2 else draw((60, 5), seed=step)[::2]
        before = p.copy()
        opt.step([g])
        assert same_bits(p, before - (0.5 if scaled else 1.0) * g)


def test_decoupled_decay_has_the_scaled_rate_too() -> None:
    p, scale = draw(SHAPE), np.full((30, 1), 0.5, "float32")
    expected = p * (1 - np.float32(0.1) * scale * 0.5)
    fastopt.AdamW([p], lr=0.1, weight_decay=0.5, lr_scale={"0": scale}).step([np.zeros_like(p)])
    assert same_bits(p, expected)


@pytest.mark.parametrize("shape", [(30, 1), (30, 5)], ids=str)
def test_on_a_gpus_kernels_the_bits_are_the_same(shape: tuple[int, ...]) -> None:
    if cuda_shim.compiler() is None:
        pytest.skip("there is no C++ compiler")
    params, scale = [draw((30, 8)), draw((30, 8), seed=5)], abs(draw((*shape[:1], min(shape[1], 1)), seed=2))
    twins = [p.copy() for p in params]
    grads = [draw((30, 8), seed=8), draw((30, 8), seed=9)]
    fastopt.Adam(twins, lr_scale={"*": scale}).step(grads)
    with cuda_shim.simulated(cuda_shim.Shim()):
        fastopt.Adam(params, lr_scale={"*": scale}).step(grads)
    assert all(map(same_bits, params, twins))


@pytest.mark.parametrize(("length", "tasks"), [(2**16, 2), (2**31, 2**16)])
def test_a_row_that_is_longer_than_a_kernel_counts_is_cut(length: int, tasks: int) -> None:
    def view(*strides: int) -> Any:
        # Nobody touches what is not there.
        return view_of(np.lib.stride_tricks.as_strided(np.zeros(1, "float32"), (2, length), strides), "p")[1]

    stage = (
        fastopt.SGD([draw(SHAPE)], lr_scale={"0": np.ones((30, 1), "float32")})._updater.sections[0].program.stages[-1]
    )
    views = [view(4 * length, 4), view(4 * length, 4), view(4, 0)]
    (batch,) = StageRun(cupy, "sgd", stage, [views], [0], [False]).batches
    assert (batch.longest, len(batch.table)) == (2**16, tasks)


BAD: list[tuple[Any, type[Exception], str]] = [
    ({"1": np.ones(5, "float32")}, ValueError, "'1' matches no parameter; the parameters are 0"),
    ({"0": np.ones(4, "float32")}, ValueError, r"shape \(4,\), which does not broadcast to params\[0\]"),
    ({"0": np.ones((2, 30, 5), "float32")}, ValueError, "does not broadcast"),
    ({"0": np.ones(5)}, TypeError, "is float64 but .* computed in float32"),
    ({"0": 0.5}, TypeError, "must be an array or a SparsityFactor; got 0.5"),
    ({"0": SparsityFactor(29)}, ValueError, "of 29 features"),
]


@pytest.mark.parametrize(("given", "kind", "message"), BAD)
def test_bad_scales_are_named(given: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        fastopt.SGD([draw(SHAPE)], lr_scale=given)


def test_rules_whose_rate_is_a_number_refuse_it() -> None:
    @fastopt.kernels.rule
    def without_lr(p, g, *, rate=1.0):  # type: ignore[no-untyped-def]
        return p - rate * g

    @fastopt.kernels.rule(states=("last",))
    def remembers_lr(p, g, *, lr=1.0, last=0.0):  # type: ignore[no-untyped-def]
        return p - lr * g, last + lr

    refused = (
        (without_lr, "no lr that lr_scale could multiply"),
        (remembers_lr, "carries numbers that follow from lr"),
    )
    for each, message in refused:
        with pytest.raises(TypeError, match=message):
            fastopt.Optimizer([draw(SHAPE)], each, lr_scale={"0": draw(5)})


def batch(seed: int) -> Any:
    return (np.random.default_rng(seed).random((20, 6)) < [1, 0.5, 0.3, 0.1, 0.05, 0]).astype("float32")


def test_the_factor_follows_how_often_each_feature_is_there() -> None:
    factor = SparsityFactor(6, power=0.5, smallest=0.01)
    assert factor.factor.tolist() == [1.0] * 6
    batches = [batch(k) for k in range(5)]
    for each in batches:
        factor.update(each)
    share = (np.concatenate(batches) != 0).mean(axis=0)
    np.testing.assert_allclose(factor.rate, share, rtol=1e-14)
    np.testing.assert_allclose(factor.factor, np.maximum(share, 0.01) ** -0.5, rtol=1e-6)
    assert factor.factor[5] == np.float32(10)


def test_a_decaying_mean_is_bias_corrected() -> None:
    factor = SparsityFactor(6, decay=0.8, normalised=True)
    shares = [(batch(k) != 0).mean(axis=0) for k in range(4)]
    for k in range(4):
        factor.update(batch(k))
    weights = 0.2 * 0.8 ** np.arange(4)[::-1]
    np.testing.assert_allclose(factor.rate, weights @ shares / weights.sum(), rtol=1e-13)
    np.testing.assert_allclose(factor.factor.mean(), 1.0, rtol=1e-6)


def test_sparse_inputs_and_rows_count_the_same() -> None:
    given = batch(3)
    factors = [SparsityFactor(6) for _ in range(3)]
    factors[0].update(given)
    factors[1].update(scipy.sparse.csr_matrix(given))
    factors[2].update((np.nonzero(given)[1], len(given)))
    assert all(np.array_equal(factors[0].factor, other.factor) for other in factors[1:])


def test_a_factor_is_live_in_an_optimizer_and_can_be_saved() -> None:
    p, factor = np.zeros((6, 2), "float32"), SparsityFactor(6, smallest=0.01)
    opt = fastopt.SGD([p], lr=1.0, lr_scale={"0": factor})
    factor.update(batch(1))
    opt.step([np.ones((6, 2), "float32")])
    assert same_bits(p, -np.repeat(factor.factor[:, None], 2, 1))
    other = SparsityFactor(6, smallest=0.01)
    other.load_state_dict(factor.state_dict())
    for each in (factor, other):
        each.update(batch(2))
    assert np.array_equal(factor.factor, other.factor)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: SparsityFactor(0), ValueError, "features, in rows of the parameter, must be 1 or more; got 0"),
        (lambda: SparsityFactor(3, power=-1), ValueError, "power"),
        (lambda: SparsityFactor(3, decay=1.0), ValueError, "decay"),
        (lambda: SparsityFactor(3, smallest=0.0), ValueError, "smallest"),
        (lambda: SparsityFactor(3, dtype="float16"), ValueError, "dtype"),
        (lambda: SparsityFactor(3).update(np.ones((2, 4))), ValueError, r"x must have shape \(examples, 3\)"),
        (lambda: SparsityFactor(3).update((np.array([3]), 1)), IndexError, "from 0 to 2"),
        (lambda: SparsityFactor(3).load_state_dict(SparsityFactor(4).state_dict()), ValueError, "3 features"),
    ],
)
def test_bad_factors_are_named(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
