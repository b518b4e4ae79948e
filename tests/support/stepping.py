"""Steps of an optimizer on every backend, those of GPUs in their emulators, and in NumPy.

`on` is a fixture for whoever imports it.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import cuda_shim
import pytest
from installed import installed

import fastopt
from fastopt.kernels.language.rounding import mark
from fastopt.kernels.reference import MARKED

LOSS = 1.5  # of every step, for rules that take it


@pytest.fixture(params=["cpu", "cupy", "captured", "numba-cuda"])
def on(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """A function that takes steps there: of parameters, which it changes, gradients and what makes the optimizer."""
    if request.param == "cpu":
        yield stepped
    elif request.param == "numba-cuda":
        if not installed("numba_cuda"):
            pytest.skip("numba-cuda is not installed; the extra cuda-check brings it")
        from emulated_cuda import emulated, in_memory

        with emulated(monkeypatch):
            yield lambda params, grads, *made: stepped([*map(in_memory, params)], [*map(in_memory, grads)], *made)
    else:
        if cuda_shim.compiler() is None:
            pytest.skip("there is no C++ compiler: neither g++ nor the package ziglang")
        with cuda_shim.simulated(cuda_shim.Shim()):
            yield stepped if request.param == "cupy" else replayed


def stepped(params: list[Any], grads: list[Any], name: str, options: dict[str, Any], steps: int = 2) -> Any:
    opt = fastopt.Optimizer(params, name, **options)
    for _ in range(steps):
        opt.step(grads, **opt.rule.told(LOSS))
    return opt


def in_numpy(params: list[Any], grads: list[Any], name: str, options: dict[str, Any], steps: int = 2) -> list[Any]:
    """What these steps make of parameters, by plain NumPy."""
    opt = fastopt.Optimizer([p.copy() for p in params], name, **options)
    rule = opt._updater.definition
    given = [{name: value for name, value in options.items() if name in rule.hyper}] * len(params)
    sets = [[p, g, *own.values()] for p, g, own in zip(opt.params, grads, opt._updater.state, strict=True)]
    for t in range(1, steps + 1):
        results = rule.references(sets, t=t, **rule.told(LOSS), given=given)
        sets = [[p, g, *slots] for (p, *slots), g in zip(results, grads, strict=True)]
    return [p for p, *_ in sets]


def all_in_numpy(opt: Any, grads: list[Any], steps: int) -> list[Any]:
    """Parameters and state arrays, those that are there, after steps of these gradients, by plain NumPy.

    opt: an optimizer before them, of one rule, whose arrays stay.
    """
    updater = opt._updater
    definition, count = updater.definition, len(updater.definition.written)
    numbers = {name: opt.hyper[name] for name in definition.hyper} | definition.states
    given: list[Any] = [{MARKED: mark(key), **numbers} for key in updater.parameters.keys]
    slots = [[copy.copy(own.get(slot)) for slot in definition.slots] for own in updater.state]
    sets = [[p, g, *own] for p, g, own in zip(opt.params, grads, slots, strict=True)]
    for t in range(1, steps + 1):
        results = definition.references(sets, t=t, **opt.rule.told(LOSS), given=given)
        sets = [[p, g, *rest[: count - 1]] for (p, *rest), g in zip(results, grads, strict=True)]
        for own, result in zip(given, results, strict=True):
            own |= zip(definition.states, result[count:], strict=True)
    return [array for p, _, *own in sets for array in (p, *own) if array is not None]


def replayed(params: list[Any], grads: list[Any], name: str, options: dict[str, Any], steps: int = 2) -> Any:
    opt = fastopt.Optimizer(params, name, **options)
    step = opt.captured(grads, steps=steps)
    for _ in range(steps):
        step()
    step.close()
    return opt
