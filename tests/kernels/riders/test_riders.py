"""Whatever rides along with a rule gives the bits of the same step in plain NumPy."""

import itertools
from typing import Any

import numpy as np
import pytest
from examples import DTYPES, EXACT, by_turns, same_bits
from plain_model import PlainModel
from rider_choices import CHOICES, COMBINATIONS, usable

import fastopt
from fastopt.kernels import RULES
from fastopt.kernels.riders import SLOW


def problem(storage: str, seed: int) -> list[Any]:
    generator = np.random.default_rng(seed)
    return [np.asarray(generator.standard_normal(shape), DTYPES[storage]) for shape in ((7, 5), (1200,), ())]


@pytest.mark.long
@pytest.mark.parametrize("storage", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", EXACT)
def test_every_pair_of_options_gives_numpys_bits_with_every_rule(name: str, storage: str) -> None:
    check_options(name, storage, COMBINATIONS)


SOME = [
    one if EXACT.index(one.values[0]) % 6 == 0 else pytest.param(*one.values, marks=pytest.mark.ci)
    for one in by_turns(EXACT, ["float32", "float64", "bfloat16"])
]


@pytest.mark.parametrize(("name", "storage"), SOME)
def test_some_options_give_numpys_bits_with_every_rule(name: str, storage: str) -> None:
    # Another one for each rule; the marker `long` has all of them.
    position = 3 * EXACT.index(name) + len(storage)
    check_options(name, storage, [COMBINATIONS[position % len(COMBINATIONS)]])


def check_options(name: str, storage: str, combinations: list[dict[str, Any]]) -> None:
    for options in combinations:
        options = usable(options, name, storage)
        params = problem(storage, 0)
        model = PlainModel(RULES[name], params, options)
        # The model in plain NumPy goes array by array.
        apart: dict[str, Any] = {"over": "array"} if "over" in RULES[name].hyper else {}
        opt = fastopt.Optimizer(params, name, **apart, **options)
        for t in range(1, 4):
            grads = problem(storage, t)
            if t == 2 and options.get("skip_nonfinite"):
                grads[-1][...] = np.inf
            told = opt.rule.told(model.loss)
            if options.get("accumulate") and t > 1:
                more = problem(storage, t + 10)
                left, _ = (model.accumulate([g.copy() for g in one]) for one in (grads, more))
                opt.accumulate(grads)
                opt.accumulate(more)
                model.step()
                opt.step(**told)
            else:
                left = model.step([g.copy() for g in grads])
                opt.step(grads, **told)
            assert all(same_bits(a, b) for a, b in zip(params, model.params, strict=True)), (options, t)
            assert all(same_bits(a, b) for a, b in zip(grads, left, strict=True)), (options, t)
        for mine, theirs in zip(opt.state, model.slots, strict=True):
            assert all(same_bits(a, b) for a, b in zip(mine.values(), theirs, strict=True)), options
        assert opt.uniform_states == model.states
        assert (opt.t, opt.skipped) == (model.t, model.skipped)
        for average in ("ema", "ema2"):
            if average in options:
                pairs = zip(getattr(opt, average), getattr(model, average), strict=True)
                assert all(same_bits(a, b) for a, b in pairs), options
        if "lookahead" in options:
            slow = opt._updater.tree_of(SLOW)
            assert all(same_bits(a, b) for a, b in zip(slow, model.slow, strict=True)), options
        if "cast_to" in options:
            assert all(same_bits(a, b) for a, b in zip(opt.cast, model.cast, strict=True)), options


def test_the_combinations_have_every_pair() -> None:
    for a, b in itertools.combinations(CHOICES, 2):
        for one, other in itertools.product(CHOICES[a], CHOICES[b]):
            wanted = {**one, **other}
            absent = {k for choices in (CHOICES[a], CHOICES[b]) for c in choices for k in c} - set(wanted)
            assert any(wanted.items() <= c.items() and not absent & set(c) for c in COMBINATIONS), (one, other)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["adamw", "nadam", "adam_max_norm"])
def test_a_bad_value_in_the_last_place_leaves_every_bit(name: str, value: float) -> None:
    params = [np.full(70_000, 0.5, "float32"), np.full(5, 1e-40, "float32"), np.full(100_003, np.nan, "float32")]
    before = [p.copy() for p in params]
    opt = fastopt.Optimizer(params, name, skip_nonfinite=True, clip_norm=1.0, ema=0.5)
    grads = [np.ones_like(p) for p in params]
    grads[-1][-1] = value
    opt.step(grads)
    assert (opt.t, opt.skipped) == (0, 1)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(params, before, strict=True))
    assert not any(slot.any() for state in opt.state for slot in state.values())
    grads[-1][-1] = 0.0
    opt.step(grads)
    assert (opt.t, opt.skipped) == (1, 1)
    assert (params[0] != 0.5).all()


def through_a_clip(option: str, *values: list[float]) -> list[list[float]]:
    """What a clip to the norm 1 makes of gradients: ten times the mean of Adam's first step."""
    opt = fastopt.Adam([np.zeros(2, "float32") for _ in values], beta1=0.875, **{option: 1.0})
    opt.step([np.array(value, "float32") for value in values])
    return [(8 * state["m"]).tolist() for state in opt.state]


def test_a_clip_of_all_keeps_the_direction_and_a_clip_of_each_array_does_not() -> None:
    grads = [6.0, 0.0], [0.0, 8.0]
    assert np.allclose(through_a_clip("clip_norm", *grads), [[0.6, 0], [0, 0.8]], rtol=1e-6)
    assert np.allclose(through_a_clip("clip_array_norm", *grads), [[1, 0], [0, 1]], rtol=1e-6)


@pytest.mark.parametrize("size", [0.0, 1 - 1e-7, 1.0, 5.0])
@pytest.mark.parametrize("option", ["clip_norm", "clip_array_norm"])
def test_with_an_eps_a_clip_has_torchs_factor(option: str, size: float) -> None:
    """torch.nn.utils.clip_grad_norm_ multiplies by min(1, max_norm / (norm + 1e-6))."""
    p, g = np.zeros(4), np.array([0.6, 0.0, 0.0, 0.8]) * size
    opt = fastopt.SGD([p], lr=1.0, **{option: 1.0, "clip_eps": 1e-6})
    opt.step([g])
    np.testing.assert_allclose(-p, g * min(1.0, 1.0 / (np.linalg.norm(g) + 1e-6)), rtol=4e-16)
    opt.clip_eps = 0.0
    p[...] = 0
    opt.step([g])
    np.testing.assert_allclose(-p, g * min(1.0, 1.0 / max(np.linalg.norm(g), 1e-300)), rtol=4e-16)


@pytest.mark.peers
def test_a_clip_with_torchs_eps_follows_torch() -> None:
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(0)
    grads = [generator.standard_normal(shape) for shape in ((7, 5), (1200,))]
    tensors = [torch.zeros(g.shape, dtype=torch.float64) for g in grads]
    for tensor, g in zip(tensors, grads, strict=True):
        tensor.grad = torch.from_numpy(g.copy())
    figure = torch.nn.utils.clip_grad_norm_(tensors, 0.3)
    params = [np.zeros_like(g) for g in grads]
    opt = fastopt.SGD(params, lr=1.0, clip_norm=0.3, clip_eps=1e-6)
    opt.step(grads)
    assert opt.grad_norm == pytest.approx(float(figure), rel=1e-14)
    for p, tensor in zip(params, tensors, strict=True):
        np.testing.assert_allclose(-p, tensor.grad.numpy(), rtol=1e-14)


def test_a_clip_bears_what_overflows_when_squared_and_spreads_a_nan() -> None:
    assert np.allclose(through_a_clip("clip_norm", [3e25, 0.0], [0.0, 4e25]), [[0.6, 0], [0, 0.8]], rtol=1e-6)
    assert np.isnan(through_a_clip("clip_norm", [np.nan, 1.0], [1.0, 1.0])).all()
    # Beside an infinite gradient all others become nothing.
    infinite, other = through_a_clip("clip_norm", [np.inf, 1.0], [1.0, 1.0])
    assert np.isnan(infinite).tolist() == [True, False]
    assert other == [0, 0]


@pytest.mark.parametrize("options", [{"clip_norm": 0.5}, {"clip_array_norm": 0.5, "clip_norm": 0.7}], ids=str)
@pytest.mark.parametrize("name", ["adam", "lamb", "adam_max_norm"])
def test_one_array_alone_of_several_chunks_has_numpys_norms(name: str, options: dict[str, Any]) -> None:
    """An optimizer of one array has its totals by a way of their own."""
    generator = np.random.default_rng(0)
    for size in (1, 65_536, 140_000):
        weights, gradient = generator.standard_normal((2, size)).astype("float32")
        optimizer = fastopt.Optimizer([weights], name, **options)
        step, slots = optimizer._updater.definition, [array.copy() for array in optimizer._updater.state[0].values()]
        wanted = step.reference(weights.copy(), gradient, *slots, t=1 if step.uses_t else None, **optimizer.hyper)
        optimizer.step([gradient])
        assert same_bits(weights, wanted[0])
