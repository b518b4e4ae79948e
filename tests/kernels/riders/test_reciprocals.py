"""With reciprocals a rule multiplies where its formula divides an array by a number: the bits of NumPy's product."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import same_bits
from plain_model import PlainModel
from stepping import on as on

import fastopt
from fastopt.kernels import RULES, norm, rule, sqrt

OPTIONS = {"reciprocals": True}


@pytest.mark.parametrize("name", ["adam", pytest.param("ftrl", marks=pytest.mark.ci)])
def test_steps_have_numpys_bits(name: str, on: Any) -> None:
    generator = np.random.default_rng(0)
    params, grads = ([generator.standard_normal(n).astype("float32") for n in (3, 1500)] for _ in range(2))
    model = PlainModel(RULES[name], params, OPTIONS)
    for _ in range(3):
        model.step(grads)
    on(params, grads, name, OPTIONS, 3)
    assert all(map(same_bits, params, model.params))


def test_adam_divides_each_element_once() -> None:
    """Against the steps written out; in float32, where a quotient and a product differ."""
    p, m, v = (np.zeros(1000, "float32") for _ in range(3))
    opt, other = (fastopt.Adam([p.copy()], reciprocals=on) for on in (True, False))
    for t in range(1, 4):
        g = np.random.default_rng(t).standard_normal(1000).astype("float32")
        m, v = 0.9 * m + (1 - 0.9) * g, 0.999 * v + (1 - 0.999) * g * g
        p = p - 1e-3 * (m * (1 / (1 - 0.9**t))) / (np.sqrt(v * (1 / (1 - 0.999**t))) + 1e-8)
        opt.step([g])
        other.step([g])
    assert same_bits(opt.params[0], p)
    assert not same_bits(other.params[0], p)


def test_a_number_that_follows_from_a_norm_is_divided_by_on_the_host_and_the_gpu(on: Any) -> None:
    @rule
    def per_norm(p, g, m, *, lr=0.1):  # type: ignore[no-untyped-def]
        m = m + g / (1 + norm(g))
        return p - lr * m / sqrt(1 + norm(m)), m

    generator = np.random.default_rng(0)
    params, grads = ([generator.standard_normal(n).astype("float32") for n in (3, 1500)] for _ in range(2))
    model = PlainModel(per_norm, params, OPTIONS)
    for _ in range(3):
        model.step(grads)
    on(params, grads, per_norm, OPTIONS, 3)
    assert all(map(same_bits, params, model.params))


def test_what_it_cannot_do_it_says(tmp_path: Path) -> None:
    p = [np.ones(3, "float32")]
    with pytest.raises(ValueError, match="reciprocals has no effect"):
        fastopt.SGD(p, reciprocals=True)
    opt = fastopt.Adam(p, reciprocals=True)
    opt.step([p[0].copy()])
    opt.save(tmp_path / "state")
    with pytest.raises(ValueError, match="reciprocals"):
        fastopt.Adam(p).load(tmp_path / "state")
    # A rule beside it that divides by none is as it was.
    both = fastopt.Adam({"a": p[0], "b": p[0].copy()}, reciprocals=True, groups={"b": {"rule": "sgd"}})
    both.step({"a": p[0].copy(), "b": p[0].copy()})
