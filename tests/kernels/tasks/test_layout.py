"""A gradient that is a single element, broadcast, gives the bits of a whole one under every norm, on every backend."""

from collections.abc import Callable
from typing import Any

import cuda_shim
import numpy as np
import pytest
from examples import same_bits
from stepping import on as on
from stepping import stepped

SHAPES = ((7, 5), (1200,), (3,))
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "clips": ("momentum", {"clip_norm": 3.0, "clip_array_norm": 2.0}),
    "skips": ("sgd", {"skip_nonfinite": True}),
    "lamb": ("lamb", {}),
    "lars": ("lars", {}),
}


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
