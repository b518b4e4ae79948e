"""A gradient that is a single element, broadcast, gives the bits of a whole one under every norm, on every backend."""

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import cuda_shim
import numpy as np
import pytest
from examples import same_bits

import fastopt

SHAPES = ((7, 5), (1200,), (3,))
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "clips": ("momentum", {"clip_norm": 3.0, "clip_array_norm": 2.0}),
    "skips": ("sgd", {"skip_nonfinite": True}),
    "lamb": ("lamb", {}),
    "lars": ("lars", {}),
}


@pytest.fixture(params=["cpu", "cupy", "captured", "numba-cuda"])
def on(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """A function that takes steps there: of parameters, which it changes, gradients and what makes the optimizer."""
    if request.param == "cpu":
        yield stepped
    elif request.param == "numba-cuda":
        if importlib.util.find_spec("numba_cuda") is None:
            pytest.skip("numba-cuda is not installed; the extra cuda-check brings it")
        from emulated_cuda import emulated, in_memory

        with emulated(monkeypatch):
            yield lambda params, grads, *made: stepped([*map(in_memory, params)], [*map(in_memory, grads)], *made)
    else:
        if cuda_shim.compiler() is None:
            pytest.skip("there is no C++ compiler: neither g++ nor the package ziglang")
        with cuda_shim.simulated(cuda_shim.Shim()):
            yield stepped if request.param == "cupy" else replayed


def stepped(params: list[Any], grads: list[Any], name: str, options: dict[str, Any]) -> Any:
    opt = fastopt.Optimizer(params, name, **options)
    for _ in range(2):
        opt.step(grads)
    return opt


def replayed(params: list[Any], grads: list[Any], name: str, options: dict[str, Any]) -> Any:
    opt = fastopt.Optimizer(params, name, **options)
    step = opt.captured(grads, steps=2)
    for _ in range(2):
        step()
    step.close()
    return opt


@pytest.mark.parametrize("case", CASES)
def test_a_broadcast_gradient_has_the_bits_of_a_whole_one(case: str, on: Callable[..., Any]) -> None:
    generator = np.random.default_rng(0)
    params = [generator.standard_normal(shape).astype("float32") for shape in SHAPES]
    # The last gradient is whole in both.
    values = [np.float32(0.25), np.float32(-1.5), generator.standard_normal(3).astype("float32")]
    grads = [np.broadcast_to(value, shape) for value, shape in zip(values, SHAPES, strict=True)]
    before, expected = [p.copy() for p in params], [p.copy() for p in params]
    opt = on(params, grads, *CASES[case])
    with cuda_shim.on_the_cpu():
        stepped(expected, [g.copy() for g in grads], *CASES[case])
    assert (opt.t, opt.skipped) == (2, 0)
    for p, wanted, old in zip(params, expected, before, strict=True):
        assert same_bits(p, wanted)
        assert not np.array_equal(p, old)
