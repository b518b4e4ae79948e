"""A step allocates nothing of the size of a parameter, and nothing piles up."""

import gc
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.kernels import RULES
from fastopt.kernels.cpu import blas_threads
from fastopt.kernels.cpu import threads as cpu_threads

# The kernels that all tests share; others, a rule each for an update and for norms: what allocates is around them.
SHARED, OTHERS = ("dense", 1), [("dense", 2), ("strided", 1), ("strided", 2)]
WALKED = [pytest.param(name, *SHARED) for name in RULES] + [
    pytest.param(name, *other, marks=() if name in ("adam", "lamb") else pytest.mark.ci)
    for name in RULES
    for other in OTHERS
]


@pytest.mark.parametrize(("name", "layout", "threads"), WALKED)
def test_a_step_allocates_nothing_of_the_size_of_a_parameter(
    name: str, layout: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_threads, "usable", lambda: threads)
    monkeypatch.setattr(blas_threads, "usable", lambda: 0)  # It loads what asks them when they have been at work.
    elements = 1_000_000
    p, g, other = (np.ones(2 * elements, "float32")[:: 1 if layout == "dense" else 2] for _ in range(3))
    opt = fastopt.Optimizer(p, name)
    for _ in range(2):  # The first looks at new arrays, the second loads what looks at them in later steps.
        opt.step(g, **opt.rule.told(0.5))
    for gradient in (g, other):
        tracemalloc.start()
        opt.step(gradient, **opt.rule.told(0.5))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < elements / 10


def growth(work: Callable[[int], None], first: int, last: int) -> int:
    """How many bytes are kept of the runs from first to last."""
    tracemalloc.start()
    for k in range(first):
        work(k)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for k in range(first, last):
        work(k)
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return kept


def test_other_gradients_that_are_none_at_every_step_do_not_pile_up() -> None:
    params = [np.ones(3, "float32") for _ in range(8)]
    opt = fastopt.Adam(params)

    def step(k: int) -> None:
        opt.step([np.ones(3, "float32") if k >> bit & 1 else None for bit in range(8)])

    # Each row of numbers of an array of its own comes with the first steps; 256 later the same plans are kept again.
    assert growth(step, 406, 662) < 20_000
    assert opt.t == sum(k & 255 > 0 for k in range(662))


def test_optimizers_that_are_alike_leave_nothing_behind() -> None:
    def run(_: int) -> None:
        fastopt.Adam([np.ones(3, "float32")], clip_norm=1.0, ema=0.9).step([np.ones(3, "float32")])

    # NumPy and Python keep some memory of small arrays to use again: less and less is new.
    assert growth(run, 200, 400) < 20_000


def full(params: dict[str, Any], **options: Any) -> fastopt.Optimizer:
    opt = fastopt.Adam(params, **options)
    dense = {name: np.ones_like(p) for name, p in params.items()}
    for grads in (dense, {**dense, "a": None}, dense):
        opt.step(grads)
    if "loss_scaler" not in options:
        opt.step({**dense, "a": fastopt.RowSparse([1], np.ones((1, 2), "float32"))})
        opt.flush()
    opt.load_state_dict(opt.state_dict())
    with pytest.raises(ValueError, match="shape"):
        opt.step({**dense, "a": np.ones(5, "float32")})
    params["c"] = np.ones(3, "float32")
    opt.sync()
    return opt


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": fastopt.ReduceOnPlateau() * 0.1, "clip_norm": 1.0, "ema": 0.9, "cast_to": "float16"},
        {"loss_scaler": fastopt.LossScaler(), "groups": {"a": {"lr": 0.1}}},
    ],
    ids=["alone", "all around", "scaled"],
)
def test_an_optimizer_that_is_dropped_frees_its_arrays_at_once(options: dict[str, Any]) -> None:
    """No circle of objects holds them until Python's collector comes."""
    gc.collect()
    gc.disable()
    try:
        params = {name: np.ones((4, 2), "float32") for name in "ab"}
        opt = full(params, **options)
        kept = [weakref.ref(x) for x in (params["a"], opt.state[0]["m"], opt._updater, opt._updater.sections[0].plans)]
        params.clear()
        del opt
        assert [one() for one in kept] == [None] * 4
    finally:
        gc.enable()


def test_the_checker_sees_arrays() -> None:
    tracemalloc.start()
    np.ones(1_000_000, "float32")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak > 4_000_000
