"""Reduce on plateau, early stopping and the bold driver: their conventions, skipped steps, what is saved."""

import functools
import json
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from examples import same_bits

import fastopt
from fastopt import BoldDriver, EarlyStopping, ReduceOnPlateau


def steps(t: int, skipped: int = 0) -> Any:
    """An optimizer that has applied and skipped so many steps."""
    return SimpleNamespace(t=t, skipped=skipped)


def losses(seed: int, count: int = 300) -> list[float]:
    """A curve that falls, rests and jumps, with noise about the size of the thresholds."""
    generator = np.random.default_rng(seed)
    t = np.arange(count)
    curve = 0.5 + 2 * np.exp(-t / 30) + 0.05 * (t % 90 < 4) + 3e-3 * generator.standard_normal(count)
    return [float(x) for x in curve]


CONVENTIONS = [
    {},
    {"patience": 0},
    {"patience": 3, "factor": 0.7},
    {"patience": 2, "cooldown": 5},
    {"patience": 2, "threshold": 0.01, "threshold_mode": "abs"},
    {"patience": 2, "threshold": 0.05, "threshold_mode": "rel", "cooldown": 1},
    {"mode": "max", "patience": 3},
    {"mode": "max", "patience": 3, "threshold_mode": "abs", "threshold": 0.02, "cooldown": 2},
    {"patience": 1, "factor": 0.3, "lowest": 0.01},
]


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("options", CONVENTIONS, ids=str)
def test_a_plateau_has_torchs_factors(options: dict[str, Any], seed: int) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    renamed = {"min_lr" if name == "lowest" else name: value for name, value in options.items()}
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, eps=0.0, **renamed)
    plateau = ReduceOnPlateau(**options)
    cuts = 0
    for loss in losses(seed):
        scheduler.step(loss)
        cuts += plateau.update(loss)
        assert plateau(1) == theirs.param_groups[0]["lr"]
        assert (plateau.bad, plateau.best) == (scheduler.num_bad_epochs, scheduler.best)
    assert cuts > 1


@pytest.mark.peers
def test_a_floor_of_the_rate_is_torchs_min_lr() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.zeros(1)], lr=0.5)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, patience=0, factor=0.5, min_lr=0.03, eps=0.0)
    plateau = ReduceOnPlateau(patience=0, factor=0.5)
    rate = plateau.of(0.5, lowest=0.03)
    for loss in losses(0):
        scheduler.step(loss)
        plateau.update(loss)
        assert rate(1) == theirs.param_groups[0]["lr"]
    assert rate(1) == 0.03


def factors(plateau: ReduceOnPlateau, given: list[float]) -> list[float]:
    found = []
    for loss in given:
        plateau.update(loss)
        found.append(plateau.value)
    return found


def test_a_plateau_cuts_when_more_than_patience_losses_are_not_better() -> None:
    plateau = ReduceOnPlateau(patience=2, factor=0.5)
    assert factors(plateau, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]


def test_within_a_cooldown_no_loss_is_bad() -> None:
    plateau = ReduceOnPlateau(patience=0, factor=0.5, cooldown=3)
    assert factors(plateau, [1.0] * 7) == [1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_a_negative_loss_that_stays_the_same_is_a_plateau_too() -> None:
    plateau = ReduceOnPlateau(patience=0, factor=0.5, threshold=0.1)
    assert factors(plateau, [-1.0, -1.05, -1.2]) == [1, 0.5, 0.5]
    upward = ReduceOnPlateau(patience=0, factor=0.5, threshold=0.1, mode="max")
    assert factors(upward, [-1.0, -0.95, -0.8]) == [1, 0.5, 0.5]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_loss_that_is_not_finite_is_not_better_and_never_the_best(bad: float, mode: str) -> None:
    plateau = ReduceOnPlateau(patience=1, mode=mode)
    assert factors(plateau, [bad, bad]) == [1, 0.1]
    assert plateau.best is None
    plateau.update(2.0)
    assert (plateau.best, plateau.bad) == (2.0, 0)


def test_a_factor_multiplies_a_schedule_instead_of_overwriting_it() -> None:
    plateau = ReduceOnPlateau(patience=0, factor=0.5)
    p = np.zeros(1)
    rates = {"number": plateau * 0.5, "other way": 0.5 * plateau, "schedule": plateau * (lambda t: 1.0 / t)}
    more = (lambda t: 4.0) * (plateau * (lambda t: 1.0 / t)) * 2
    plateau.update(1.0)
    plateau.update(1.0)
    assert [rate(4) for rate in rates.values()] == [0.25, 0.25, 0.125]
    assert more(4) == 1.0
    opt = fastopt.SGD(p, lr=rates["schedule"])
    opt.step(np.ones(1))
    opt.step(np.ones(1))
    assert p[0] == -0.5 - 0.25


def test_a_floor_of_the_rate_never_raises_the_schedule() -> None:
    plateau = ReduceOnPlateau(patience=0, factor=0.1)
    rate = plateau.of(lambda t: 0.01 if t == 1 else 1.0, lowest=0.5)
    assert [rate(1), rate(2)] == [0.01, 1.0]
    plateau.update(1.0)
    plateau.update(1.0)
    assert [rate(1), rate(2)] == [0.01, 0.5]


def test_an_evaluation_without_an_applied_step_does_not_count() -> None:
    plateau = ReduceOnPlateau(patience=0)
    plateau.update(1.0, steps(10))
    assert not plateau.update(1.0, steps(10, skipped=5))
    assert (plateau.best, plateau.bad, plateau.value) == (1.0, 0, 1.0)
    assert plateau.update(1.0, steps(11, skipped=5))


def test_an_overflow_that_was_skipped_is_not_a_bad_evaluation() -> None:
    plateau = ReduceOnPlateau(patience=0)
    plateau.update(1.0, steps(10))
    assert not plateau.update(math.inf, steps(11, skipped=1))
    assert plateau.bad == 0
    # Nothing was skipped since: this NaN is the run's own.
    assert plateau.update(math.nan, steps(12, skipped=1))


def test_the_steps_that_an_optimizer_skips_are_seen() -> None:
    p = np.zeros(2, "float32")
    plateau, stopping, driver = ReduceOnPlateau(patience=0), EarlyStopping(patience=0), BoldDriver()
    opt = fastopt.SGD(p, lr=plateau * (driver * 0.1), skip_nonfinite=True)
    opt.step(np.ones(2, "float32"))
    for monitor in (plateau, stopping, driver):
        monitor.update(1.0, opt)
    opt.step(np.full(2, np.inf, "float32"))
    for monitor in (plateau, stopping, driver):
        assert not monitor.update(math.nan, opt)
        assert not monitor.update(2.0, opt)
    assert (opt.t, opt.skipped, opt.lr(2)) == (1, 1, 0.1)
    opt.step(np.ones(2, "float32"))
    for monitor in (plateau, stopping, driver):
        assert monitor.update(2.0, opt)
    assert opt.lr(3) == pytest.approx(0.1 * 0.1 * 0.5)


@pytest.mark.parametrize("make", [ReduceOnPlateau, EarlyStopping, BoldDriver])
def test_the_state_goes_through_json_and_the_run_goes_on_as_if_it_had_not_stopped(make: Any) -> None:
    options = {} if make is BoldDriver else {"patience": 3}
    whole, first = make(**options), make(**options)
    curve = losses(1)
    for k, loss in enumerate(curve):
        if k == 120:
            saved = json.dumps(first.state_dict(), allow_nan=False)
            first = make(**options)
            first.load_state_dict(json.loads(saved))
        assert whole.update(loss, steps(k, k // 50)) == first.update(loss, steps(k, k // 50))
        assert whole.state_dict() == first.state_dict()


def test_a_wrong_state_is_refused_before_anything_changes() -> None:
    plateau = ReduceOnPlateau()
    before = plateau.state_dict()
    with pytest.raises(ValueError, match="the state of a ReduceOnPlateau has applied, skipped, best, bad, value"):
        plateau.load_state_dict(BoldDriver().state_dict())
    with pytest.raises(TypeError, match="value in the state of a ReduceOnPlateau must be a number; got 'x'"):
        plateau.load_state_dict({**before, "bad": 3, "value": "x"})
    assert plateau.state_dict() == before
    plateau.load_state_dict({**before, "bad": np.int64(3), "value": np.float64(0.1), "best": np.float32(0.5)})
    assert json.dumps({**plateau.state_dict()}) == json.dumps({**before, "best": 0.5, "bad": 3, "value": 0.1})
    assert ReduceOnPlateau(patience=np.int64(3), factor=np.float32(0.5)).patience == 3  # type: ignore[arg-type]
    assert (plateau * np.float32(2))(1) == pytest.approx(0.2)


module_wide = ReduceOnPlateau()


def test_an_optimizer_knows_its_monitors() -> None:
    plateau, driver = ReduceOnPlateau(), BoldDriver()
    p = {"a": np.zeros(2), "b": np.zeros(2)}
    assert fastopt.SGD(p, lr=0.1).monitors == []
    assert fastopt.SGD(p, lr=plateau).monitors == [plateau]
    assert fastopt.SGD(p, lr=plateau * (driver * (lambda t: 1 / t))).monitors == [driver, plateau]
    assert fastopt.SGD(p, lr=lambda t: plateau(t) * 0.5, groups={"b": {"lr": driver * 2.0}}).monitors == [
        plateau,
        driver,
    ]
    assert fastopt.SGD(p, lr=lambda t: module_wide(t) / t).monitors == [module_wide]
    assert fastopt.SGD(p, lr=functools.partial(lambda factor, t: factor(t), plateau)).monitors == [plateau]


def test_a_monitor_is_known_however_the_function_that_calls_it_holds_it() -> None:
    plateau = ReduceOnPlateau()
    held = {"here": [plateau]}

    class Rate:
        __slots__ = ("inner",)

        def __init__(self) -> None:
            self.inner = {"monitor": plateau}

        def __call__(self, t: int) -> float:
            return self.inner["monitor"](t) * 0.1

    def with_default(t: int, p: Any = plateau) -> float:
        return p(t) * 0.1

    for rate in (Rate(), Rate().__call__, with_default, lambda t: held["here"][0](t), with_default and plateau * 0.1):
        opt = fastopt.SGD(np.zeros(2), lr=rate)
        assert opt.monitors == [plateau]
        opt.lr = 0.1
        assert opt.monitors == []


def test_a_monitor_that_is_called_late_is_known_from_then_on_or_named() -> None:
    plateau, stopping, p = ReduceOnPlateau(), EarlyStopping(), np.zeros(2)
    rate = lambda t: 0.1 if t < 3 else plateau(t) * 0.1  # noqa: E731
    opt = fastopt.SGD(p, lr=rate)
    known = []
    for _ in range(3):
        opt.step(np.ones(2))
        known.append(opt.monitors)
    assert known == [[], [], [plateau]]
    saved = opt.state_dict()
    with pytest.raises(ValueError, match=r"ReduceOnPlateau.*monitors="):
        fastopt.SGD(p, lr=rate).load_state_dict(saved)
    named = fastopt.SGD(p, lr=rate, monitors=[plateau])
    named.load_state_dict(saved)
    assert fastopt.SGD(p, lr=plateau * 0.1, monitors=[stopping, plateau]).monitors == [plateau, stopping]
    with pytest.raises(TypeError, match="monitors must have state_dict and load_state_dict; got 3"):
        fastopt.SGD(p, monitors=[3])


def test_monitors_of_one_kind_go_back_to_their_places_or_are_refused() -> None:
    def made() -> tuple[Any, Any, Any]:
        a, b = ReduceOnPlateau(), ReduceOnPlateau()
        rate = lambda t: (a(t) if t > 2 else 1) * 0.1  # noqa: E731
        return a, b, fastopt.SGD({"x": np.zeros(2), "y": np.zeros(2)}, lr=rate, groups={"y": {"lr": b}}, monitors=[a])

    a, b, opt = made()
    a.value, b.value = 0.5, 0.25
    before = opt.state_dict()
    for _ in range(3):
        opt.step({"x": np.ones(2), "y": np.ones(2)})
    for saved in (before, opt.state_dict()):
        a, b, other = made()
        other.load_state_dict(saved)
        assert (a.value, b.value) == (0.5, 0.25)
    # Files of before do not say which is which.
    old = {**before, "monitors": [{n: x for n, x in entry.items() if n != "place"} for entry in before["monitors"]]}
    with pytest.raises(ValueError, match="several monitors ReduceOnPlateau, and does not say which"):
        made()[2].load_state_dict(old)


def test_what_a_function_only_reads_is_no_monitor() -> None:
    """A module of torch's has a state_dict too."""

    class Module:
        scale = 0.5

        def state_dict(self) -> dict[str, Any]:
            return {"weight": np.zeros(3)}

        def load_state_dict(self, state: Any) -> None: ...

        def __call__(self, x: Any) -> Any:
            return x

    module = Module()
    opt = fastopt.SGD(np.zeros(2), lr=lambda t: module.scale * module(0.1))
    assert opt.monitors == []
    opt.state_dict()


def test_a_monitor_of_one_optimizer_is_not_known_to_another_that_is_made_meanwhile() -> None:
    plateau = ReduceOnPlateau()
    inner: list[Any] = []

    def rate(t: int) -> float:
        inner.append(fastopt.SGD(np.zeros(2), lr=lambda t: 0.1))
        return plateau(t) * 0.1

    opt = fastopt.SGD(np.zeros(2), lr=rate)
    opt.step(np.ones(2))
    assert (opt.monitors, [one.monitors for one in inner]) == ([plateau], [[]] * len(inner))


def test_a_plateau_lowers_the_rate_of_what_joins_later_too() -> None:
    plateau, params = ReduceOnPlateau(patience=0, factor=0.5), {"a": np.zeros(2)}
    opt = fastopt.SGD(params, lr=plateau * 1.0)
    params["b"] = np.zeros(2)
    opt.sync()
    for _ in range(2):
        plateau.update(1.0)
    opt.step({name: np.ones(2) for name in params})
    assert {name: p[0] for name, p in params.items()} == {"a": -0.5, "b": -0.5}


def test_early_stopping_restores_the_best_weights_bit_for_bit() -> None:
    params = {"W": np.asfortranarray(np.random.default_rng(0).standard_normal((3, 4)).astype("float32")), "b": [None]}
    params["b"] = [np.array(0.0, "float16")]
    stopping = EarlyStopping(patience=1, params=params)
    with pytest.raises(ValueError, match="no loss has been better"):
        stopping.restore()
    kept: dict[str, Any] = {}
    for k, loss in enumerate([3.0, 1.0, 2.0, math.nan, 0.0]):
        params["W"][...] += 1.5 * k
        params["b"][0][...] = -0.0 if k == 1 else np.nan
        if loss == 1.0:
            kept = {"W": params["W"].copy(), "b": params["b"][0].copy()}
        if stopping.update(loss):
            break
    assert (k, stopping.best, stopping.stopped) == (3, 1.0, True)
    stopping.restore()
    assert same_bits(params["W"], kept["W"])
    assert same_bits(params["b"][0], kept["b"])


def test_weights_that_were_not_kept_are_not_restored() -> None:
    p = np.ones(3)
    with pytest.raises(ValueError, match="pass params"):
        EarlyStopping().restore()
    stopping = EarlyStopping(params=p)
    stopping.update(1.0)
    stopping.load_state_dict(stopping.state_dict())
    with pytest.raises(ValueError, match="since this was made or loaded"):
        stopping.restore()


def test_the_bold_driver_grows_with_each_fall_and_halves_with_each_rise() -> None:
    driver = BoldDriver()
    found = []
    for loss in [4.0, 3.0, 2.0, 2.0, 2.5, 2.4, math.nan, 2.3]:
        driver.update(loss)
        found.append(driver.value)
    up, down = 1.05, 0.5
    assert found == pytest.approx(
        [1, up, up**2, up**2, up**2 * down, up**3 * down, up**3 * down**2, up**4 * down**2], rel=1e-14
    )


def test_the_bold_driver_undoes_a_rise() -> None:
    p = np.array([2.0, -0.0])
    driver = BoldDriver(params=p, tolerance=0.05)
    driver.update(1.0)
    p += 1
    assert not driver.update(1.04), "within the tolerance"
    accepted = p.copy()
    p += 1
    assert driver.update(1.2)
    assert same_bits(p, accepted)
    assert (driver.last, driver.value) == (1.04, 0.5)


def test_the_bold_driver_stays_within_its_bounds() -> None:
    driver = BoldDriver(lowest=0.3, highest=1.2)
    for loss in range(10, 0, -1):
        driver.update(loss)
    assert driver.value == 1.2
    for loss in range(10):
        driver.update(loss + 2)
    assert driver.value == 0.3


def test_a_bold_driver_brings_a_rate_too_high_down_to_one_that_converges() -> None:
    x = np.array([1.0, 1.0])
    driver = BoldDriver(params=x)
    opt = fastopt.SGD(x, lr=driver * 10.0)
    for _ in range(100):
        driver.update(float(x @ x))
        opt.step(2 * x)
    assert 0 < driver.value * 10 < 1.5
    assert float(x @ x) < 1e-6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReduceOnPlateau(factor=1.0), "factor must be more than 0 and less than 1; got 1.0"),
        (lambda: ReduceOnPlateau(patience=-1), "patience, in evaluations, must be 0 or more; got -1"),
        (lambda: ReduceOnPlateau(factor="0.1"), "factor must be a number; got '0.1', a str"),  # type: ignore[arg-type]
        (lambda: EarlyStopping(threshold=None), "threshold must be a number; got None"),  # type: ignore[arg-type]
        (lambda: BoldDriver(down="0.5"), "down must be a number; got '0.5', a str"),  # type: ignore[arg-type]
        (lambda: ReduceOnPlateau().of(0.1, lowest="0"), "lowest must be a number; got '0'"),  # type: ignore[arg-type]
        (lambda: ReduceOnPlateau(patience=2.5), "patience, in evaluations, must be a whole number; got 2.5"),  # type: ignore[arg-type]
        (lambda: ReduceOnPlateau(cooldown=-1), "cooldown, in evaluations, must be 0 or more"),
        (lambda: ReduceOnPlateau(threshold=1.0), "threshold must be 0 or more, and less than 1; got 1.0"),
        (lambda: ReduceOnPlateau(threshold=math.nan), "threshold must be"),
        (lambda: ReduceOnPlateau(threshold_mode="relative"), 'threshold_mode must be "rel" or "abs"; got'),
        (lambda: EarlyStopping(mode="least"), 'mode must be "min" or "max"; got'),
        (lambda: ReduceOnPlateau(lowest=1.0), "for a floor of the rate use of"),
        (lambda: ReduceOnPlateau().of(0.1, lowest=-1.0), "lowest must be 0 or more"),
        (lambda: ReduceOnPlateau().of("fast"), "a factor multiplies a number or a function of the step; got 'fast'"),  # type: ignore[arg-type]
        (lambda: ReduceOnPlateau() * math.nan, "got NaN"),
        (lambda: ReduceOnPlateau() * 0.1 + 1e-3, r"can only be multiplied.*schedules\.function\(plateau"),
        (lambda: fastopt.schedules.constant(0.1) - ReduceOnPlateau(), "can only be multiplied"),
        (lambda: BoldDriver() / 2, "can only be multiplied"),
        (lambda: BoldDriver(up=0.9), "up must be at least 1 and down within 0 and 1; got 0.9 and 0.5"),
        (lambda: BoldDriver(lowest=2.0), "the factor starts at 1"),
        (lambda: BoldDriver(tolerance=-0.1), "tolerance must be"),
        (lambda: BoldDriver(params=[]), "params has no arrays"),
        (lambda: EarlyStopping(params=[np.arange(3)]), "params"),
        (lambda: ReduceOnPlateau().update("low"), "loss must be a number; got 'low', a str"),
        (lambda: ReduceOnPlateau().update(None), "loss must be a number; got None"),
    ],
)
def test_bad_input_is_refused_with_a_reason(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()
