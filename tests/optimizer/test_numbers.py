"""Optimizers meet NaN, infinities, huge and tiny gradients as plain NumPy does, and leave the processor as it was."""

import contextlib
import ctypes
import ctypes.util
import platform
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numba
import numpy as np
import pytest
from examples import DTYPES, EXACT, INEXACT, by_turns, others_in_ci, same_bits, same_numbers
from plain_model import PlainModel

import fastopt
from fastopt.kernels import RULES, rule
from fastopt.kernels.reference import arithmetic_of

# What the elements of each array's gradients are: a norm of the whole array meets them apart.
KINDS: dict[str, list[float]] = {
    "ordinary": [1.0, -0.5, 0.25, 3.0],
    "huge": [3e38, -3e38, 1e30, -1.9e19, 1e20, 65504.0],
    "tiny": [1e-40, -1e-45, 1.1754944e-38, -1e-25, 6e-8, -6e-8],
    "zero": [0.0, -0.0],
    "infinite": [np.inf, -np.inf, 1.0],
    "special": [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 3e38, -1e-45, 65504.0, 1.0],
}
# What only float64 can hold.
WIDE = {"huge": [1.7e308, -1e300, 1e160], "tiny": [5e-324, -1e-310, 1e-200]}


def filled(kind: str, shape: Any, storage: str, generator: np.random.Generator) -> Any:
    values = KINDS[kind] + (WIDE.get(kind, []) if storage == "float64" else [])
    with np.errstate(all="ignore"):
        return np.asarray(generator.choice(values, size=shape), DTYPES[storage])


def gradients(storage: str, t: int, only_finite: bool) -> list[Any]:
    """One array of each kind and one of no dimension; elements move from step to step and now and then come back."""
    generator = np.random.default_rng(t)
    arrays = [filled(kind, (7, 50), storage, generator) for kind in KINDS]
    arrays += [filled("ordinary" if only_finite else "special", (), storage, generator)]
    if only_finite:
        for array in arrays:
            array[~np.isfinite(array)] = DTYPES[storage].type(0.5)
    return arrays


def check_same(opt: fastopt.Optimizer, params: list[Any], model: PlainModel, when: Any) -> None:
    """Assert that parameters, state, the numbers carried and the counts are those of the model."""
    names = [*KINDS, "0-d"]
    for name, mine, theirs in zip(names, params, model.params, strict=True):
        assert same_bits(mine, theirs), (when, name)
    for name, slots, wanted in zip(names, opt.state, model.slots, strict=True):
        for slot, theirs in zip(slots, wanted, strict=True):
            assert same_bits(slots[slot], theirs), (when, name, slot)
    for mine, theirs in zip(opt.uniform_states, model.states, strict=True):
        assert same_numbers(mine.values(), theirs.values()), when
    assert (opt.t, opt.skipped) == (model.t, model.skipped), when


def started(name: str, storage: str, **options: Any) -> tuple[fastopt.Optimizer, list[Any], PlainModel]:
    """An optimizer, its parameters, and the model in plain NumPy, which goes array by array."""
    params = gradients(storage, 0, only_finite=True)
    model = PlainModel(RULES[name], params, options)
    apart: dict[str, Any] = {"over": "array"} if "over" in RULES[name].hyper else {}
    return fastopt.Optimizer(params, name, **apart, **options), params, model


@pytest.mark.parametrize(("name", "storage"), by_turns(EXACT, DTYPES, always=[("float32",)]))
def test_steps_through_extreme_gradients_give_numpys_bits(name: str, storage: str) -> None:
    for only_finite in (True, False):
        opt, params, model = started(name, storage)
        for t in range(1, 9):
            grads = gradients(storage, t % 5, only_finite)
            model.step(grads)
            # Whoever has NumPy raise what it would warn of meets no error from a step.
            with np.errstate(all="raise"):
                opt.step(grads, **opt.rule.told(model.loss))
            check_same(opt, params, model, (only_finite, t))


@pytest.mark.parametrize("storage", DTYPES)
@pytest.mark.parametrize("name", INEXACT)
def test_rules_with_powers_of_arrays_lose_the_same_elements(name: str, storage: str) -> None:
    # They promise no bits; what is NaN and what is infinite is decided by far more than their tolerance.
    opt, params, model = started(name, storage)
    for t in range(1, 9):
        grads = gradients(storage, t % 5, only_finite=False)
        model.step(grads)
        with np.errstate(all="raise"):
            opt.step(grads)
        for mine, theirs in zip(params, model.params, strict=True):
            for lost in (np.isnan, np.isposinf, np.isneginf):
                assert np.array_equal(lost(mine.astype("float64")), lost(theirs.astype("float64"))), t


# Each type has kernels of its own to compile; the marker `long` has the other two.
SKIPPED = [
    *others_in_ci(by_turns(RULES, ["float32", "bfloat16"])),
    *(pytest.param(name, storage, marks=pytest.mark.long) for name in RULES for storage in ("float16", "float64")),
]


@pytest.mark.parametrize(("name", "storage"), SKIPPED)
def test_a_skipped_step_changes_nothing_and_is_counted(name: str, storage: str) -> None:
    # These are the kernels of the runs that are saved.
    options = {"grad_scale": 0.5, "skip_nonfinite": True, "clip_norm": 5.0}
    if RULES[name].average is None:
        options["ema"] = 0.5
    if storage != "float64":
        options["cast_to"] = "bfloat16"
    opt, params, model = started(name, storage, **options)

    def everything() -> list[bytes]:
        arrays = [
            *params,
            *getattr(opt, "ema", []),
            *getattr(opt, "cast", []),
            *(a for slots in opt.state for a in slots.values()),
        ]
        return [a.tobytes() for a in arrays] + [repr(opt.uniform_states).encode()]

    # A parameter may be anything; only gradients are looked at.
    params[0][0, :4] = [np.nan, np.inf, -0.0, 1e-40]
    model.params[0][...] = params[0]
    bad = [(value, array, place) for value in (np.nan, np.inf, -np.inf) for array, place in ((0, 0), (3, 349), (6, 0))]
    for t in range(1, 10):
        # Huge and denormal gradients are finite: their step counts.
        grads = gradients(storage, t % 5, only_finite=True)
        if RULES[name].exact:
            model.step(grads)
        opt.step(grads, **opt.rule.told(model.loss))
        before, (value, array, place) = everything(), bad[t - 1]
        grads[array].reshape(-1)[place] = value
        with np.errstate(all="raise"):
            opt.step(grads, **opt.rule.told(model.loss))
        assert everything() == before, t
        assert (opt.t, opt.skipped) == (t, t)
        model.skipped += 1
        if RULES[name].exact:
            check_same(opt, params, model, t)


@pytest.mark.parametrize("size", [64, 70_000])
@pytest.mark.parametrize("name", ["adam", "momentum"])
def test_a_row_without_gradients_decays_to_zero_and_not_to_denormals(name: str, size: int) -> None:
    """With them a step is many times slower; plain NumPy keeps them, as the formula here shows."""
    opt = fastopt.Optimizer(np.ones(size, "float32"), name, lr=0.0)
    opt.step(np.full(size, 1e-30, "float32"))
    first = next(iter(opt.state[0]))
    plain = opt.state[0][first].copy()
    zero = np.zeros(size, "float32")
    for _ in range(400):
        opt.step(zero)
        plain = np.float32(0.9) * plain
        for array in opt.state[0].values():
            assert array[0] == 0 or abs(array[0]) >= np.finfo("float32").tiny
    assert 0 < plain[0] < np.finfo("float32").tiny
    assert not opt.state[0][first].any()


@numba.njit(parallel=True)
def halved(values, results):  # type: ignore[no-untyped-def]
    """In every thread: it reports on the processor's state of each."""
    for k in numba.prange(len(values)):
        results[k] = values[k] * np.float32(0.5)


def rounding() -> tuple[float, float, float]:
    """How NumPy rounds here: two halves of a last place and one in the middle."""
    one, little = np.array([1.0, -1.0, 1.0]), np.array([2.0**-53, -(2.0**-53), 2.0**-52 + 2.0**-53])
    return tuple((one + little).tolist())


def state() -> tuple[Any, ...]:
    """What arithmetic shows of the floating-point state of this thread, and of numba's."""
    small = np.array([1e-40, 1e-45, 3e-39], "float32")
    smaller = np.array([1e-310, 5e-324])
    values, results = np.full(4096, 1e-40, "float32"), np.zeros(4096, "float32")
    halved(values, results)
    kept = (small * np.float32(1)).tobytes(), (small + small).tobytes(), (smaller * 1.5).tobytes()
    return *kept, (np.array([1e-38], "float32") * np.float32(0.1)).tobytes(), results.tobytes(), rounding()


class Refusal(Exception):
    """What an author's own function raises."""


@rule
def refusing(p, g, m, *, lr=0.1):  # type: ignore[no-untyped-def]
    """Traced as any other; with NumPy's arrays it fails half way."""
    m = 0.9 * m + g
    if isinstance(m, np.ndarray):
        raise Refusal
    return p - lr * m, m


def refuse(t: int) -> float:
    if t > 1:
        raise Refusal
    return 0.1


def several_steps(size: int, name: str, storage: str, **options: Any) -> Callable[[], None]:
    def work() -> None:
        opt = fastopt.Optimizer([np.ones(size, storage), np.ones(3, storage)], name, **options)
        for value in (1.0, np.nan, np.inf, 1e-40, 3e38):
            with np.errstate(all="ignore"):
                opt.step([np.full(size, value, storage), np.ones(3, storage)])

    return work


def raising(call: Callable[[], Any], error: type[Exception]) -> Callable[[], None]:
    def work() -> None:
        with pytest.raises(error):
            call()

    return work


def bad_gradient() -> None:
    opt = fastopt.Adam([np.ones(200_000, "float32")])
    opt.step([np.ones(200_000, "float32")])
    opt.step([np.ones(199_999, "float32")])


def bad_schedule() -> None:
    opt = fastopt.Adam([np.ones(200_000, "float32")], lr=refuse, clip_norm=1.0)
    for _ in range(2):
        opt.step([np.ones(200_000, "float32")])


def bad_reference() -> None:
    refusing.reference(*(np.ones(9, "float32") for _ in range(3)))


WORK: dict[str, Callable[[], None]] = {
    **{
        f"{name}, {storage}, {size}": several_steps(size, name, storage)
        for name in ("adam", "lamb", "adam_lp")
        for storage in ("float16", "float32", "float64")
        for size in (5, 200_000)
    },
    "skipped": several_steps(200_000, "adam", "float32", skip_nonfinite=True, clip_norm=1.0, ema=0.9),
    "a gradient of another shape": raising(bad_gradient, ValueError),
    "a schedule that raises": raising(bad_schedule, Refusal),
    "a formula that raises in the reference": raising(bad_reference, Refusal),
}


@pytest.mark.parametrize("what", WORK)
def test_the_processors_state_is_as_the_caller_left_it(what: str) -> None:
    ordinary = state()
    WORK[what]()
    assert state() == ordinary
    assert ordinary[0] != bytes(12)


@pytest.mark.parametrize("what", WORK)
def test_a_callers_thread_keeps_its_state_too(what: str) -> None:
    found: list[Any] = []

    def thread() -> None:
        found.append(state())
        WORK[what]()
        found.append(state())
        with arithmetic_of("float32"):
            found.append(np.array([1e-40], "float32") * np.float32(1))
            WORK[what]()
            found.append(np.array([1e-40], "float32") * np.float32(1))

    worker = threading.Thread(target=thread)
    worker.start()
    worker.join()
    before, after, flushed, still_flushed = found
    assert before == after == state()
    # A caller who has denormals flushed goes on so.
    assert (flushed, still_flushed) == (0, 0)


@contextlib.contextmanager
def rounding_upward() -> Iterator[Callable[[], bool]]:
    """A context in which this thread rounds upward; gives a function that says whether it still does."""
    if platform.machine() != "x86_64":
        pytest.skip("the number of the rounding mode is that of x86-64")
    library = ctypes.CDLL(ctypes.util.find_library("m") or pytest.skip("there is no C library to set the rounding"))
    upward = 0x800
    try:
        assert library.fesetround(upward) == 0
        yield lambda: library.fegetround() == upward
    finally:
        library.fesetround(0)


@pytest.mark.parametrize("what", WORK)
def test_a_callers_rounding_is_kept(what: str) -> None:
    nearest = rounding()
    with rounding_upward() as still_upward:
        up = rounding()
        WORK[what]()
        assert still_upward()
        assert rounding() == up
    assert up != nearest == rounding()


# Threads inherit the state of whoever starts them, and keep it: each kernel brings its own.
@pytest.mark.parametrize("storage", ["float16", "float32", "float64"])
@pytest.mark.parametrize("context", [rounding_upward, lambda: arithmetic_of("float32")], ids=["upward", "flushed"])
def test_the_bits_do_not_follow_from_the_state_of_the_thread(context: Callable[[], Any], storage: str) -> None:
    tiny = {"float16": 6e-8, "float32": 1e-39, "float64": 1e-310}[storage]
    arrays = [np.random.default_rng(k).normal(size=200_000).astype(storage) for k in range(2)]
    for array in arrays:
        array[::7] = tiny
    slot = np.full(200_000, 0.3, "float64" if storage == "float64" else "float32")
    numbers = {"t": 2, "lr": 2.0**-5, "momentum": 0.75}
    right = RULES["momentum"].reference(*arrays, slot, **numbers)
    stepped = arrays[0].copy(), arrays[1], slot.copy()
    with context():
        RULES["momentum"](*stepped, **numbers)
        evaluated = RULES["momentum"].reference(*arrays, slot, **numbers)
    for k, result in enumerate(right):
        assert same_bits(result, evaluated[k]), "the reference"
        assert same_bits(result, stepped[2 * k]), "the kernel"


def test_the_check_of_the_state_sees_flushing_and_rounding() -> None:
    ordinary = state()
    with arithmetic_of("float32"):
        assert all(a != b for a, b in zip(state()[:4], ordinary[:4], strict=True))
    assert state() == ordinary


def test_a_value_of_a_function_that_cannot_be_is_named_with_its_step() -> None:
    values = {1: 0.1, 2: None, 3: -1.0}
    opt = fastopt.SGD([np.ones(3)], lr=lambda t: values[t])
    opt.step([np.ones(3)])
    with pytest.raises(TypeError, match=r"^sgd: lr must be a number; got None; the function lr gave this at step 2$"):
        opt.step([np.ones(3)])
    with pytest.raises(ValueError, match=r"lr must satisfy .*; got -1.0; the function lr gave this at step 1$"):
        opt.lr = lambda t: -1.0
