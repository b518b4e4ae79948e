"""Parameters that join late: whose steps a schedule counts, a bias correction, an average, and what a load brings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import same_bits

import fastopt
from fastopt.schedules import linear


def zeros(value: float = 0.0) -> Any:
    return np.full(3, value, "float32")


def late(make: Any, **options: Any) -> dict[str, float]:
    """By how much each parameter moves in step 10, in which b has its first gradient."""
    params = {"a": zeros(), "b": zeros()}
    opt = make(params, **options)
    for _ in range(9):
        opt.step({"a": zeros(1), "b": None})
    before = {name: p.copy() for name, p in params.items()}
    opt.step({"a": zeros(1), "b": zeros(1)})
    assert opt.t == 10
    return {name: float(before[name][0] - p[0]) for name, p in params.items()}


def test_a_schedule_is_of_the_run() -> None:
    moved = late(fastopt.SGD, lr=linear(1.0, steps=10))
    assert moved["b"] == pytest.approx(0.1)
    assert moved["a"] == pytest.approx(0.1, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "options", "moves"),
    [
        (fastopt.Adam, {"lr": 0.1}, 0.1),
        (fastopt.Adam, {"lr": 0.1, "count": "optimizer"}, 0.04844),
        (fastopt.like.keras.Adam, {"learning_rate": 0.1}, 0.04844),
        (fastopt.like.optax.adam, {"learning_rate": 0.1}, 0.04844),
        (fastopt.like.torch.Adam, {"lr": 0.1}, 0.1),
    ],
)
def test_a_bias_correction_counts_as_the_peer_does(make: Any, options: dict[str, Any], moves: float) -> None:
    assert late(make, **options)["b"] == pytest.approx(moves, rel=1e-3)


def test_what_begins_has_the_product_of_momenta_of_the_run() -> None:
    """With count="optimizer", whether it begins by sync, by a load of a part, or was there without a gradient."""
    options: dict[str, Any] = {"lr": 0.1, "count": "optimizer"}
    there = {"a": zeros(), "b": zeros()}
    joins, loads = {"a": zeros()}, {"b": zeros(), "a": zeros()}
    opts = [fastopt.NAdam(there, **options), fastopt.NAdam(joins, **options), fastopt.NAdam(loads, **options)]
    for _ in range(20):
        opts[0].step({"a": zeros(1), "b": None})
        opts[1].step({"a": zeros(1)})
    opts[2].load_state_dict(opts[1].state_dict(), partial=True)
    joins["b"] = zeros()
    opts[1].sync()
    for opt in opts:
        opt.step({name: zeros(1) for name in opt.params})
    assert same_bits(there["b"], joins["b"])
    assert same_bits(there["b"], loads["b"])
    products = [own["mu_product"] for opt in opts for own in opt.uniform_states]
    assert products == products[:1] * 6


def test_the_choice_of_counting_is_saved_and_another_refused(tmp_path: Path) -> None:
    opt = fastopt.Adam({"a": zeros()}, count="optimizer")
    opt.save(tmp_path / "s")
    with pytest.raises(ValueError, match="the state has count='optimizer', the optimizer count='parameter'"):
        fastopt.Adam({"a": zeros()}).load(tmp_path / "s")
    with pytest.raises(ValueError, match="count must be 'parameter' or 'optimizer'; got 'both'"):
        fastopt.Adam({"a": zeros()}, count="both")


def test_a_resumed_run_goes_on_with_the_run_s_steps(tmp_path: Path) -> None:
    def made() -> tuple[dict[str, Any], fastopt.Optimizer]:
        params = {"a": zeros(), "b": zeros()}
        return params, fastopt.NAdam(params, lr=linear(1.0, steps=20), ema=0.9)

    def steps(opt: fastopt.Optimizer, first: int, last: int) -> None:
        for k in range(first, last):
            opt.step({"a": zeros(k) if k % 3 else None, "b": zeros(1) if k % 2 else None})

    params, whole = made()
    steps(whole, 0, 5)
    whole.save(tmp_path / "s")
    others, resumed = made()
    resumed.load(tmp_path / "s")
    assert resumed.t == 5 - 1  # In step 0 no parameter had a gradient.
    steps(whole, 5, 12)
    steps(resumed, 5, 12)
    assert all(same_bits(params[name], others[name]) for name in params)
    assert all(same_bits(whole.ema[name], resumed.ema[name]) for name in params)


def test_a_state_of_format_1_has_its_largest_count_for_that_of_the_run() -> None:
    opt = fastopt.Adam({"a": zeros(), "b": zeros()})
    for _ in range(3):
        opt.step({"a": zeros(1), "b": None})
    new = ("applied", "count", "means")
    old = {name: value for name, value in opt.state_dict().items() if name not in new} | {"format": 1}
    other = fastopt.Adam({"a": zeros(), "b": zeros()}, count="optimizer")  # Format 1 does not say.
    other.load_state_dict(old)
    assert other.t == 3
    assert [row.history.steps for row in other._updater.rows] == [3, 0]


# Averages


def test_an_average_starts_as_the_weight() -> None:
    params = {"a": zeros(5), "b": zeros(7)}
    opt = fastopt.SGD(params, lr=0.1, ema=0.9, skip_nonfinite=True)
    assert [opt.ema[name][0] for name in "ab"] == [5, 7]
    opt.step({"a": zeros(np.inf), "b": None})
    assert (opt.skipped, [opt.ema[name][0] for name in "ab"]) == (1, [5, 7])
    opt.step({"a": zeros(1), "b": None})
    assert same_bits(opt.ema["a"], params["a"])
    assert opt.ema["b"][0] == 7
    assert fastopt.SGD(params, lr=0.1, ema=0.9, ema_uncorrected=True).ema["b"][0] == 0


def test_the_first_mean_is_the_weight_to_the_bit_however_far_it_moved() -> None:
    p = np.array([1e-3, 1e8, 0.1, -7.3], "float32")
    opt = fastopt.SGD(p, lr=1.0, ema=0.9)
    opt.step(np.array([1e3, 0.3, 1e-9, 1e7], "float32"))
    assert same_bits(opt.ema, p)


def test_an_average_counts_its_own_means() -> None:
    """One that is made when a run goes on begins then, and not with the weight of the hundredth step."""
    params = {"a": zeros(1)}
    run = fastopt.SGD(params, lr=0.01)
    for _ in range(100):
        run.step({"a": zeros(1)})
    opt = fastopt.SGD({"a": zeros(9)}, lr=0.01, ema=0.9)
    opt.load_state_dict(run.state_dict(), partial=True)
    assert same_bits(opt.ema["a"], params["a"])
    opt.step({"a": zeros(1)})
    assert same_bits(opt.ema["a"], opt.params["a"])
    first, (second,) = opt.params["a"].copy(), [zeros(2)]
    opt.step({"a": second})
    assert opt.ema["a"][0] == pytest.approx((0.9 * first[0] + opt.params["a"][0]) / 1.9, rel=1e-6)
    again = fastopt.SGD({"a": zeros(9)}, lr=0.01, ema=0.9)
    again.load_state_dict(opt.state_dict())
    for one in (opt, again):
        one.step({"a": zeros(3)})
    assert same_bits(opt.ema["a"], again.ema["a"])


def test_a_count_comes_only_with_the_moments_that_it_is_of() -> None:
    run = fastopt.Adam({"a": zeros(), "b": zeros()}, lr=0.1)
    for _ in range(100):
        run.step({"a": zeros(1), "b": zeros(1)})
    saved = run.state_dict()
    for dropped in ("m/a", "v/a"):
        part = {**saved, "arrays": {key: x for key, x in saved["arrays"].items() if key != dropped}}
        opt = fastopt.Adam({"a": zeros(), "b": zeros()}, lr=0.1)
        report = opt.load_state_dict(part, partial=True)
        assert report.missing == (dropped,)
        kept = "v/a" if dropped == "m/a" else "m/a"
        assert report.changed == (f"{kept}: as it was, since the state has no {dropped}",)
        before = {name: p.copy() for name, p in opt.params.items()}
        opt.step({"a": zeros(1), "b": zeros(1)})
        # A first step of Adam moves by lr, whatever the gradient's size; so does a late one for equal gradients.
        assert all(before[name][0] - opt.params[name][0] == pytest.approx(0.1, rel=1e-3) for name in "ab")
        assert opt.t == 101
