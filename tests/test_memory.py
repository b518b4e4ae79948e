"""A step allocates nothing of the size of a parameter."""

import tracemalloc

import numpy as np
import pytest

import fastopt
from fastopt.kernels import RULES


@pytest.mark.parametrize("layout", ["dense", "strided"])
@pytest.mark.parametrize("name", RULES)
def test_a_step_allocates_nothing_of_the_size_of_a_parameter(name: str, layout: str) -> None:
    elements = 1_000_000
    p, g, other = (np.ones(2 * elements, "float32")[:: 1 if layout == "dense" else 2] for _ in range(3))
    opt = fastopt.Optimizer(p, name)
    opt.step(g)
    for gradient in (g, other):
        tracemalloc.start()
        opt.step(gradient)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < elements / 10


def test_the_checker_sees_arrays() -> None:
    tracemalloc.start()
    np.ones(1_000_000, "float32")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak > 4_000_000
