"""Captured steps in the CuPy that is made of NumPy and a C++ compiler and, where there is a GPU, on CuPy.

`on` and `shim` are fixtures for whoever imports them.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import cuda_shim
import numpy as np
import pytest
from examples import same_bits
from on_cupy import on_gpu

from fastopt.kernels import norm, rule
from fastopt.kernels.cuda import compiler as cupy_kernels


@rule
def halved_by_norm(p, g, *, lr=0.1):
    return p - lr / norm(g) * g


@rule(states=["scale"])
def carries(p, g, *, t, scale=1.0, lr=0.1):
    """A state that follows from a norm, and numbers made of both."""
    return p - lr * scale / (1 + 0.5**t) * g, 0.75 * scale + 0.25 * norm(g, over="model")


class Simulated:
    """CuPy made of NumPy."""

    array, host = staticmethod(np.array), staticmethod(np.asarray)
    on_the_cpu = staticmethod(cuda_shim.on_the_cpu)


class Gpu:
    """CuPy."""

    on_the_cpu = staticmethod(contextlib.nullcontext)

    def array(self, values: Any) -> Any:
        return on_gpu(cupy_kernels.cupy(), values)

    def host(self, array: Any) -> Any:
        cupy_kernels.cupy().cuda.Device().synchronize()
        return cupy_kernels.cupy().asnumpy(array)


@contextlib.contextmanager
def capturing() -> Iterator[list[Any]]:
    """Within it the current stream is being captured; then the graph is in the list."""
    cupy = cupy_kernels.cupy()
    cupy.cuda.Device(0).synchronize()
    found: list[Any] = []
    with cupy.cuda.Stream(non_blocking=True) as stream:
        stream.begin_capture()
        try:
            yield found
        finally:
            found.append(stream.end_capture())


def captured(step: Callable[[], Any]) -> Callable[[], Any]:
    """Replays a step."""
    with capturing() as found:
        step()
    # On the stream where gradients are drawn and results read: on one of its own a replay would wait for neither.
    launch: Callable[[], Any] = found[0].launch
    return launch


@pytest.fixture(scope="module")
def shim() -> cuda_shim.Shim:
    if cuda_shim.compiler() is None:
        pytest.skip("there is no C++ compiler: neither g++ nor the package ziglang")
    return cuda_shim.Shim()


@pytest.fixture(params=["simulated", pytest.param("gpu", marks=pytest.mark.gpu)])
def on(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "gpu":
        try:
            cupy_kernels.cupy()
            yield Gpu()
        except (ImportError, RuntimeError) as error:
            pytest.skip(str(error))
    else:
        shim = request.getfixturevalue("shim")
        with cuda_shim.simulated(shim):
            yield Simulated()


def assert_equal(opt: Any, expected: Any, on: Any, exact: bool = True) -> None:
    assert (opt.t, opt.skipped) == (expected.t, expected.skipped)
    assert list(map(repr, opt.uniform_states)) == list(map(repr, expected.uniform_states))
    for (name, one), (_, other) in zip(opt._updater.named(), expected._updater.named(), strict=True):
        if hasattr(one, "dtype"):
            found = on.host(one)
            assert same_bits(found, other) if exact else np.allclose(found, other, rtol=1e-5), name


def bits(opt: Any, on: Any) -> list[bytes]:
    return [on.host(array).tobytes() for _, array in opt._updater.named() if hasattr(array, "dtype")]
