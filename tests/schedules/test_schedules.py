"""Schedules: their values, what holds for all of them, and what is refused."""

import math
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import run_python, same_bits

import fastopt
from fastopt import like, schedules
from fastopt.schedules.parse import parsed

S = schedules
FINITE = [
    "linear(0.1, steps=100, end=0.01)",
    "linear(0.0, steps=100, end=0.1)",
    "polynomial(0.1, steps=100, power=2.5, end=0.01)",
    "cosine(0.1, steps=100, end=0.01, warmup=20)",
    "cosine(0.1, steps=100, power=2.0)",
    "rex(0.1, steps=100, end=0.001)",
    "warmup_stable_decay(0.1, steps=100, warmup=10, decay=30, end=0.01, shape='sqrt')",
    "one_cycle(0.1, steps=100)",
    "constant(0.1, warmup=10)",
    "multi_step(0.1, boundaries=[30, 60], gamma=0.5)",
    "piecewise([0.1, 0.02], boundaries=[50])",
    "interpolate([0.1, 0.2, 0.05], boundaries=[40, 100], shape='cosine')",
    "warmup(cosine(0.1, steps=80), steps=20, shape='cosine', start=0.01)",
    "join([0.1, linear(0.1, steps=50), 0.02], boundaries=[30, 60])",
    "by_epoch(cosine(0.1, steps=10), steps_per_epoch=10)",
    "0.1 * cosine(1.0, steps=100) + 1e-06",
    "1.0 - linear(0.5, steps=100)",
]
ENDLESS = [
    "step_decay(0.1, every=30)",
    "exponential(0.1, gamma=0.99, every=2, staircase=True)",
    "exponential(0.1, rate=0.01, end=0.02, warmup=10)",
    "inverse_time(0.1, rate=0.5, every=10)",
    "inverse_sqrt(0.1, warmup=40)",
    "triangular(0.01, 0.1, up=20, down=10)",
    "triangular2(0.01, 0.1, up=20)",
    "exp_range(0.01, 0.1, up=20, gamma=0.99)",
    "warm_restarts(0.1, period=10, growth=3.0, shrink=0.8, end=0.01)",
    "warm_restarts(0.1, period=30)",
]
EVERY = FINITE + ENDLESS
STEPS = np.arange(1, 501)
NAN = float("nan")


def test_every_schedule_is_among_those_tested() -> None:
    names = {name for name in S.__all__ if name[0].islower()} - {"function"}
    assert all(any(f"{name}(" in text for text in EVERY) for name in names)


@pytest.mark.parametrize("text", EVERY)
def test_an_array_of_steps_gives_the_bits_of_single_steps(text: str) -> None:
    schedule = parsed(text)
    single = [schedule(step) for step in STEPS.tolist()]
    assert all(type(value) is float for value in single)
    assert same_bits(schedule(STEPS), np.array(single))
    assert same_bits(schedule(STEPS.reshape(5, 100).astype("int32")), np.array(single).reshape(5, 100))
    assert schedule(np.arange(1, 1)).shape == (0,)
    assert schedule(np.int64(7)) == schedule(np.array(7)) == single[6]


@pytest.mark.parametrize("text", EVERY)
def test_a_value_does_not_depend_on_what_was_asked_before(text: str) -> None:
    schedule, order = parsed(text), STEPS.tolist()
    expected = [parsed(text)(step) for step in order]
    random.Random(0).shuffle(order)
    found = {step: schedule(step) for step in order}
    assert [found[step] for step in sorted(order)] == expected


@pytest.mark.parametrize("text", EVERY)
def test_a_schedule_prints_as_the_call_that_makes_it(text: str) -> None:
    schedule = parsed(text)
    assert repr(schedule) == text
    again = pickle.loads(pickle.dumps(schedule))
    assert repr(again) == text
    assert same_bits(again(STEPS), schedule(STEPS))


@pytest.mark.parametrize("text", FINITE)
def test_the_last_value_holds_after_the_end(text: str) -> None:
    schedule = parsed(text)
    assert schedule.steps is not None
    assert schedule.steps <= 100
    after = schedule(np.array([101, 102, 1000, 10**12]))
    assert (after == after[0]).all()
    assert after[0] == schedule(int(schedule.steps) + 1)


@pytest.mark.parametrize("text", ENDLESS)
def test_what_has_no_end_says_so(text: str) -> None:
    assert parsed(text).steps is None


@pytest.mark.parametrize("make", [S.linear, S.cosine, S.rex, lambda *a, **k: S.polynomial(*a, power=3, **k)])
@pytest.mark.parametrize(("start", "end"), [(0.3, 0.1), (0.3, 0.0), (0.1, 0.7), (1e-3, 1e-9)])
def test_decays_start_and_end_at_their_values_and_go_one_way(make: Any, start: float, end: float) -> None:
    schedule = make(start, steps=97, end=end)
    assert (schedule(1), schedule(98)) == (start, end)
    way = np.diff(schedule(np.arange(1, 120))) * np.sign(end - start)
    assert (way[:97] > -1e-16).all()
    assert (way[97:] == 0).all()


BOUNDS = {
    "cosine(0.1, steps=100, end=0.01, warmup=20)": (0.1 / 21, 0.1),
    "rex(0.1, steps=100, end=0.001)": (0.001, 0.1),
    "warmup_stable_decay(0.1, steps=100, warmup=9, decay=30, end=0.02)": (0.01, 0.1),
    "one_cycle(0.1, steps=100)": (4e-7, 0.1),
    "interpolate([0.1, 0.2, 0.05], boundaries=[40, 100], shape='cosine')": (0.05, 0.2),
    "exponential(0.1, gamma=0.99, end=0.02)": (0.02, 0.1),
    "exponential(0.1, gamma=1.1, end=0.5)": (0.1, 0.5),
    "inverse_sqrt(0.1, warmup=100)": (0.1 / 100, 0.1),
    "triangular(0.01, 0.1, up=20, down=10)": (0.01, 0.1),
    "triangular2(0.01, 0.1, up=20)": (0.01, 0.1),
    "warm_restarts(0.1, period=10, growth=3.0, shrink=0.8, end=0.01)": (0.01, 0.1),
}


@pytest.mark.parametrize(("text", "bounds"), BOUNDS.items())
def test_values_stay_within_the_bounds(text: str, bounds: tuple[float, float]) -> None:
    values = parsed(text)(np.arange(1, 1000))
    low, high = bounds
    assert values.min() >= low * (1 - 1e-15)
    assert values.max() <= high * (1 + 1e-15)
    assert values.max() > 0.99 * high


def test_a_warm_up_is_even_and_leads_to_the_first_value() -> None:
    schedule = S.cosine(0.3, steps=1000, warmup=99)
    rises = np.diff(schedule(np.arange(1, 101)))
    np.testing.assert_allclose(rises, 0.3 / 100, rtol=1e-10)
    assert schedule(1) == pytest.approx(0.3 / 100)
    assert schedule(100) == 0.3
    assert schedule(1000) > schedule(1001) == 0.0
    assert repr(S.warmup(S.cosine(0.3, steps=901), steps=99)(5)) == repr(schedule(5))
    for shape in ("linear", "cosine", "sqrt", "rex", lambda x: x**3):
        risen = S.warmup(S.exponential(0.2, gamma=0.9), steps=50, shape=shape, start=0.05)(np.arange(1, 52))
        assert (np.diff(risen) > 0).all()
        assert risen[0] > 0.05
        assert risen[-1] == 0.2


def test_joins_meet_where_they_should() -> None:
    joined = S.join([S.linear(0.0, end=0.1, steps=40), S.cosine(0.1, steps=60, end=0.02), 0.02], boundaries=[40, 100])
    values = joined(np.arange(1, 200))
    assert values[40] == 0.1
    assert values[100] == 0.02
    assert abs(np.diff(values)).max() < 0.003
    knots = S.interpolate([0.1, 0.2, 0.0], boundaries=[50, 100])
    assert [knots(step) for step in (1, 51, 101)] == [0.1, 0.2, 0.0]


def test_cycles_repeat() -> None:
    steps = np.arange(1, 301)
    for schedule, period in [(S.triangular(0.1, 0.5, up=7, down=3), 10), (S.warm_restarts(0.1, period=30), 30)]:
        assert same_bits(schedule(steps), schedule(steps + period))
        assert schedule(1) != schedule(1 + period // 2)
    halved = S.triangular2(0.1, 0.5, up=8)
    np.testing.assert_allclose(halved(steps) - 0.1, 2 * (halved(steps + 16) - 0.1), atol=1e-15)


def test_the_triangle_of_the_notes_is_corrected() -> None:
    low, high, mu = 0.1, 0.5, 10.0
    times = np.arange(0.0, 100.0)

    def triangle(floor: Any) -> Any:
        return low + (high - low) * np.maximum(0, 1 - abs(times / mu - 2 * floor - 1))

    np.testing.assert_allclose(S.triangular(low, high, up=10)(np.arange(1, 101)), triangle(times // (2 * mu)))
    printed = triangle(times // mu)
    assert printed[10] == printed[15] == low, "as printed it stays at the minimum"


@pytest.mark.parametrize("growth", [1, 2, 3, 7, 1.5])
def test_restarts_jump_from_the_minimum_to_the_peak(growth: float) -> None:
    schedule, period, start = S.warm_restarts(0.1, period=10, growth=growth, shrink=0.5, end=0.01), 10.0, 0.0
    for cycle in range(8):
        first = math.ceil(start) + 1
        peak = 0.01 + 0.09 * 0.5**cycle
        assert schedule(first) == pytest.approx(peak, rel=0.05)
        if start.is_integer():
            assert schedule(first) == pytest.approx(peak, rel=1e-12)
        if cycle:
            assert schedule(first - 1) < 0.0135
        start, period = start + period, period * growth


def test_formulas() -> None:
    t = np.arange(200.0)
    steps = np.arange(1, 201)
    close = np.testing.assert_allclose
    close(S.step_decay(0.1, every=30, gamma=0.5)(steps), 0.1 * 0.5 ** (t // 30))
    close(S.multi_step(0.1, boundaries=[50, 90], gamma=0.5)(steps), 0.1 * 0.5 ** ((t >= 50) + 1.0 * (t >= 90)))
    close(S.exponential(0.1, gamma=0.97)(steps), 0.1 * 0.97**t)
    close(S.exponential(0.1, rate=0.02)(steps), 0.1 * np.exp(-0.02 * t))
    close(S.inverse_time(0.1, rate=0.5, every=10)(steps), 0.1 / (1 + 0.05 * t))
    close(S.polynomial(0.1, steps=200, power=3)(steps), 0.1 * (1 - t / 200) ** 3)
    close(S.cosine(0.1, steps=200)(steps), 0.05 * (1 + np.cos(np.pi * t / 200)))
    close(S.rex(0.1, steps=200)(steps), 0.1 * (1 - t / 200) / (1 - t / 400))
    close(S.inverse_sqrt((512 * 40) ** -0.5, warmup=40)(steps), 512**-0.5 * np.minimum(steps**-0.5, steps * 40.0**-1.5))
    stable = S.warmup_stable_decay(0.1, steps=100, warmup=10, decay=20, shape="sqrt")(np.arange(1, 102))
    assert (stable[10:81] == 0.1).all()
    close(stable[80:], 0.1 * (1 - np.sqrt(np.arange(21) / 20)), atol=1e-17)
    cycle = S.one_cycle(0.1, steps=100, rise=0.2)
    assert (cycle(1), cycle(21), cycle(101)) == (0.1 * 0.04, 0.1, 0.1 * 4e-6)
    epochs = S.by_epoch(S.step_decay(0.1, every=1, gamma=0.5), steps_per_epoch=7)
    assert [epochs(step) for step in (1, 7, 8, 14, 15)] == [0.1, 0.1, 0.05, 0.05, 0.025]
    own = S.function(lambda step: 1 / step)
    assert (own(4), own(np.array([1, 2]))[1], (2 * own + 1)(2)) == (0.25, 0.5, 2.0)


def test_what_a_caller_changes_later_changes_no_schedule() -> None:
    boundaries = [30, 60]
    schedule = S.multi_step(0.1, boundaries=boundaries)
    before = schedule(STEPS)
    boundaries[0] = 1
    assert repr(schedule) == "multi_step(0.1, boundaries=[30, 60])"
    assert same_bits(pickle.loads(pickle.dumps(schedule))(STEPS), before)
    scales = {10: 0.5}
    made = like.optax.piecewise_constant_schedule(0.1, scales)
    scales[20] = 0.5
    assert repr(made) == "piecewise_constant_schedule(0.1, boundaries_and_scales={10: 0.5})"


def test_arithmetic_keeps_its_brackets() -> None:
    a, b = S.constant(2), S.linear(1, steps=10, end=0.5)
    for made in [a - (b - 1), (a - b) - 1, a / (b * 2), -(a - 3), 2 ** (a**b), (2**a) ** b, (-a) ** 2, 1 / (1 + b)]:
        text = repr(made)
        assert same_bits(parsed(text)(STEPS), made(STEPS)), text
    assert repr(np.float64(0.5) * a) == "0.5 * constant(2)"
    assert (np.float64(0.5) * a)(1) == 1.0


@pytest.mark.parametrize("stop", [1, 25, 49])
def test_a_resumed_run_has_the_bits_of_one_that_did_not_stop(stop: int) -> None:
    hyper = {
        "lr": S.cosine(0.1, steps=50, warmup=10),
        "beta1": like.torch.OneCycleLR(0.1, total_steps=50).momentum,
        "beta2": 1 - S.exponential(0.1, gamma=0.9),
        "weight_decay": 0.1 * S.linear(1, steps=50),
    }

    def run(arrays: list[Any], given: Any, first: int, last: int) -> list[Any]:
        grads = np.random.default_rng(0).standard_normal((50, 20))
        for step in range(first, last + 1):
            values = {name: schedule(step) for name, schedule in given.items()}
            p, m, v = arrays
            fastopt.kernels.adamw(p, grads[step - 1], m, v, t=step, **values)
        return arrays

    whole = run([np.ones(20), np.zeros(20), np.zeros(20)], hyper, 1, 50)
    half = run([np.ones(20), np.zeros(20), np.zeros(20)], hyper, 1, stop)
    resumed = run(half, pickle.loads(pickle.dumps(hyper)), stop + 1, 50)
    assert all(same_bits(a, b) for a, b in zip(whole, resumed, strict=True))


def test_any_hyperparameter_takes_a_schedule() -> None:
    p, q = np.ones(5), np.ones(5)
    hyper: dict[str, Any] = {"momentum": S.interpolate([0.95, 0.85, 0.95], boundaries=[3, 10]), "weight_decay": 0.1}
    scheduled = fastopt.SGD(p, lr=S.cosine(0.1, steps=10), **hyper)
    plain = fastopt.SGD(q, lr=lambda t: S.cosine(0.1, steps=10)(t), **hyper | {"momentum": hyper["momentum"].__call__})
    for _ in range(10):
        scheduled.step(np.ones(5))
        plain.step(np.ones(5))
    assert same_bits(p, q)
    assert p[0] != 1.0
    assert repr(scheduled.lr) == "cosine(0.1, steps=10)"


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: S.cosine(0.1, steps=0), "cosine: steps must be at least 1; got 0"),
    (lambda: S.cosine(0.1, steps=-5), "steps must be at least 1; got -5"),
    (lambda: S.cosine(0.1, steps=1e4), "steps counts steps and must be an int; got 10000.0; write 10000"),
    (lambda: S.cosine(0.1, steps=True), "must be an int; got True"),
    (lambda: S.cosine(0.1, steps=100, warmup=100), "must be less; got warmup=100, steps=100"),
    (lambda: S.cosine(0.1, steps=100, warmup=-1), "warmup must be at least 0; got -1"),
    (lambda: S.cosine(NAN, steps=10), "lr must be a finite number, at least 0; got nan"),
    (lambda: S.cosine(-0.1, steps=10), "lr must be a finite number, at least 0; got -0.1"),
    (lambda: S.cosine("0.1", steps=10), "lr must be a number; got '0.1', a str"),
    (lambda: S.cosine(0.1, step=10), "cosine has no argument 'step'; did you mean 'steps'"),
    (lambda: S.cosine(0.1), "missing a required argument: 'steps'; it is cosine(lr, *, steps, end=0.0"),
    (lambda: S.polynomial(0.1, steps=10, power=0), "power must be a finite number, above 0; got 0"),
    (lambda: S.exponential(0.1), "give one of gamma"),
    (lambda: S.exponential(0.1, gamma=0.9, rate=0.1), "give one of gamma"),
    (lambda: S.step_decay(0.1, every=0), "every must be at least 1; got 0"),
    (lambda: S.multi_step(0.1, boundaries=[30, 20]), "boundaries must ascend; boundaries[1] is 20, after 30"),
    (lambda: S.multi_step(0.1, boundaries=[0, 20]), "boundaries[0] must be at least 1; got 0"),
    (lambda: S.multi_step(0.1, boundaries=[]), "boundaries is empty"),
    (lambda: S.piecewise([0.1, 0.2], boundaries=[1, 2]), "boundaries must be 1, one fewer than what they separate"),
    (lambda: S.piecewise([0.1, NAN], boundaries=[1]), "values[1] must be a finite number"),
    (lambda: S.join([0.1, S.constant(1)], boundaries=[]), "one fewer than what they separate; got 0"),
    (lambda: S.join([0.1, "a"], boundaries=[3]), "schedules[1] must be a number; got 'a'"),
    (lambda: S.triangular(0.2, 0.1, up=10), "high must not be below low"),
    (lambda: S.warm_restarts(0.1, period=10, growth=0.5), "growth must be a finite number, at least 1; got 0.5"),
    (lambda: S.one_cycle(0.1, steps=10, rise=1.5), "rise must be a finite number, above 0 and at most 1; got 1.5"),
    (lambda: S.one_cycle(0.1, steps=10, shape="cos"), "shape must be linear, cosine, sqrt or rex; got 'cos'"),
    (lambda: S.warmup_stable_decay(0.1, steps=10, warmup=5, decay=6), "parts of steps; got warmup=5, decay=6"),
    (lambda: S.by_epoch(S.constant(1), steps_per_epoch=0), "steps_per_epoch must be at least 1"),
    (lambda: S.constant(1)(0), "step must be at least 1, the number of the first update; got 0"),
    (lambda: S.constant(1)(np.array([3, 0])), "got 0 in an array"),
    (lambda: S.constant(1)(1.5), "step must be an int or an array of ints; got 1.5, a float"),
    (lambda: S.constant(1)(True), "got True, a bool"),
    (lambda: S.constant(1)(np.ones(3)), "got an array of float64"),
    (lambda: (S.linear(1, steps=10) - 0.5)(8), "linear(1, steps=10) - 0.5 is -0.2 at step 8"),
    (lambda: (S.linear(1, steps=10) - 0.5)(np.arange(1, 9)), "is -0.1 at step 7"),
    (lambda: (1 / S.linear(1, steps=10))(11), "is inf at step 11"),
    (lambda: S.exponential(1, gamma=2)(5000), "is inf at step 5000"),
    (lambda: S.function(lambda step: NAN)(1), "is nan at step 1"),
    (lambda: S.function(3), "of must be a function of the step; got 3"),
    (lambda: S.constant(1) * NAN, "cannot be combined with nan"),
    (lambda: S.constant(1) + "a", "unsupported operand"),
    (lambda: S.constant(1) * abs, "* takes schedules and numbers; got <built-in function abs>. Make a schedule"),
    (lambda: abs - S.constant(1), "- takes schedules and numbers; got"),
    (lambda: like.torch.StepLR(0.1, 30, last_epoch=5), "last_epoch=5 has no effect here"),
    (lambda: like.torch.LambdaLR(0.1, [abs]), "give each group its own"),
    (lambda: like.torch.ConstantLR(0.1, total_iters=0), "total_iters must be at least 1"),
    (
        lambda: like.torch.ChainedScheduler([like.torch.StepLR(0.1, 3), like.torch.CosineAnnealingLR(0.1, 9)]),
        "schedulers[1], CosineAnnealingLR(0.1, 9), does not multiply the rate",
    ),
    (
        lambda: like.torch.ChainedScheduler([like.torch.StepLR(0.1, 3), like.torch.StepLR(0.2, 9)]),
        "schedulers[1] has the base rate 0.2",
    ),
    (lambda: like.torch.OneCycleLR(0.1), "give total_steps, or epochs and steps_per_epoch"),
    (lambda: like.torch.OneCycleLR(0.1, 10, epochs=3), "have no effect beside total_steps"),
    (lambda: like.torch.OneCycleLR(0.1, 300, pct_start=0.6, three_phase=True), "leaves no steps for the last phase"),
    (lambda: like.keras.CosineDecay(0.1, 10, name="mine"), "name='mine' has no effect here"),
    (lambda: like.keras.CosineDecay(0.1, 10, warmup_steps=5), "has no effect without warmup_target"),
    (lambda: like.optax.linear_schedule(0.1, 0.0, 0), "steps must be at least 1; got 0"),
    (lambda: like.optax.warmup_cosine_decay_schedule(0.0, 0.1, 50, 50), "counts the warm-up too"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_is_wrong_is_refused_by_name(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert message in str(caught.value)


def test_what_does_nothing_is_accepted() -> None:
    assert like.keras.CosineDecay(0.1, 10, name=None)(1) == 0.1
    assert like.torch.StepLR(0.1, 30, last_epoch=-1)(1) == 0.1
    assert like.torch.CyclicLR(0.01, 0.1, cycle_momentum=False).momentum is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os').system('true')", "cannot stand in a schedule"),
        ("cosine(0.1, steps=10).formula", "cannot stand in a schedule"),
        ("(lambda: 1)()", "cannot stand in a schedule"),
        ("[x for x in [1]]", "cannot stand in a schedule"),
        ("function(abs)", "there is no schedule 'function'"),
        ("cosin(0.1, steps=10)", "did you mean 'cosine'"),
        ("cosine", "cosine is a function; call it"),
        ("cosine(0.1, steps=", "is not a schedule"),
        ("cosine(**{})", "name each"),
        ("constant(9**9**9)", "too large a power"),
        ("constant(1/0)", "division by zero"),
        ("[1] * 3", "is neither a number nor a schedule"),
        ("(" * 300 + "1" + ")" * 300, "too many nested parentheses"),
        ("-" * 5000 + "1", "nested too deeply"),
        ("1" * 20_000, "at most 10000 are read"),
        ("'a'", "is not a schedule"),
        ("", "is not a schedule"),
    ],
)
def test_text_is_read_and_never_run(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared as it is)
        parsed(text)
    assert message in str(caught.value)


def plot(*arguments: str, **environment: str) -> Any:
    return run_python("-m", "fastopt", "plot-schedule", *arguments, **environment)


def test_a_schedule_is_plotted_as_text() -> None:
    done = plot("linear(0.1, steps=100, warmup=10)", PYTHONIOENCODING="utf-8")
    title, *lines = done.stdout.splitlines()
    assert (done.returncode, title) == (0, "linear(0.1, steps=100, warmup=10)")
    assert max(map(len, lines)) <= 80
    assert "⠉" in lines[0] or "⡼" in lines[0] or "⣸" in lines[0], lines[0]
    assert lines[-1].split() == ["1", "step", "105"]
    plain = plot("constant(0.1)", "--steps", "50", PYTHONIOENCODING="ascii")
    assert plain.stdout.isascii()
    assert plain.stdout.count("*" * 60) == 1
    wrong = plot("cosine(0.1, steps=-1)")
    assert (wrong.returncode, wrong.stderr) == (2, "fastopt: cosine: steps must be at least 1; got -1\n")


@pytest.mark.parametrize(("suffix", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_a_schedule_is_drawn_into_a_file(tmp_path: Path, suffix: str, begins: bytes) -> None:
    path = tmp_path / f"schedule.{suffix}"
    done = plot("one_cycle(0.1, steps=100)", "--output", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert path.read_bytes().startswith(begins)
    assert plot("constant(1)", "--output", str(tmp_path / "a.txt")).returncode == 2
    nowhere = plot("constant(1)", "--output", str(tmp_path / "b" / "a.png"))
    assert (nowhere.returncode, nowhere.stderr.count("\n")) == (2, 1)
    assert "which is not a folder" in nowhere.stderr


@pytest.mark.parametrize("count", [40, 400])
def test_a_jump_is_a_line_without_gaps(count: int) -> None:
    from fastopt.schedules.text_plot import plotted

    steps = np.arange(1, count + 1)
    # Between columns and within them.
    for place in range(count // 2, count // 2 + 10):
        rows = plotted("", steps, np.where(steps < place, 1.0, 0.0), 60, braille=False).splitlines()[1:-2]
        assert all("*" in row for row in rows)
