"""Arrays to update, and what it means that two have the same bits."""

import importlib
import itertools
import os
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from fastopt.kernels import RULES, Rule

DTYPES = {
    "float32": np.dtype("float32"),
    "float64": np.dtype("float64"),
    "float16": np.dtype("float16"),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}
EXACT = [name for name, rule in RULES.items() if rule.exact]
INEXACT = [name for name in RULES if name not in EXACT]
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 1e-45, 3e38, -3e38, 1.1754944e-38, 6e-8, 65504.0, 1.0]


ROOT = Path(__file__).parents[2]


def by_turns(names: Iterable[str], *axes: Iterable[Any], always: Sequence[tuple[Any, ...]] = ()) -> list[Any]:
    """Parameters (name, a value of each axis) for every combination; those that take no turn are marked `ci`.

    Each combination of the axes is a kernel to compile for each name. So each name takes one of them, the next name the
    next one, and besides those in `always`.
    """
    combinations = list(itertools.product(*axes))
    turns = [combination for combination in combinations if combination not in always]
    parameters = []
    for k, name in enumerate(names):
        taken = (turns[k % len(turns)], *always)
        for combination in combinations:
            parameters.append(pytest.param(name, *combination, marks=() if combination in taken else pytest.mark.ci))
    return parameters


def structure(rule: Rule) -> Any:
    """What the code around the kernels sees of a rule: its norms, and what it carries and starts from."""
    program = rule.program(rule.hyper)
    over = tuple(sorted({node.value for node in program.reductions}))
    starts = bool(rule.starts_from or rule.from_parameter)
    return over, bool(rule.states), starts, rule.takes_loss, rule.exact


def of_each_structure() -> set[str]:
    """The first rule of each structure. They stand for the others where the kernels are not in question."""
    firsts: dict[Any, str] = {}
    for name, rule in RULES.items():
        firsts.setdefault(structure(rule), name)
    return set(firsts.values())


def others_in_ci(parameters: Iterable[Any], some: Collection[str] | None = None) -> list[Any]:
    """Parameters whose first is the name of a rule; those of rules that others stand for are marked `ci`.

    some: the rules that stand for others; None for one of each structure.
    """
    some = of_each_structure() if some is None else some
    marked = []
    for given in parameters:
        values, marks = (given.values, given.marks) if hasattr(given, "marks") else ((given,), ())
        marked.append(pytest.param(*values, marks=marks if values[0] in some else (*marks, pytest.mark.ci)))
    return marked


def docs(name: str) -> Any:
    """A module of the folder docs/generators."""
    sys.path.insert(0, str(ROOT / "docs" / "generators"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(ROOT / "docs" / "generators"))


def run_python(*arguments: str, given: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh Python process that can import fastopt; its output is captured."""
    whole = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, *arguments], input=given, env=whole, capture_output=True, text=True, check=False
    )


def arrays_for(rule: Rule, shape: Any, storage: str, seed: int = 0, special: bool = False) -> list[Any]:
    """Parameter, gradient and slots; with `special`, every third element is NaN, infinite, zero, huge or denormal."""
    generator = np.random.default_rng(seed)
    dtype = DTYPES[storage]
    state = DTYPES["float64" if storage == "float64" else "float32"]
    result = []
    for position, name in enumerate(rule.arrays):
        values = generator.standard_normal(shape)
        if name in ("h", "v", "u", "s", "v_max", "var"):
            values = abs(values)
        if special:
            chosen = generator.random(shape) < 1 / 3
            values = np.where(chosen, generator.choice(SPECIAL, size=shape), values)
        with np.errstate(all="ignore"):
            result.append(np.asarray(values, dtype if position < 2 else state))
    return result


def same_bits(a: Any, b: Any) -> bool:
    """Equal type, shape and bits; a NaN equals any NaN, and 0.0 is not -0.0."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind == "c":
        a, b = (np.ascontiguousarray(x)[..., None].view(x.real.dtype) for x in (a, b))
    unsigned = f"u{a.dtype.itemsize}"
    bits, others = (np.ascontiguousarray(x).reshape(-1).view(unsigned) for x in (a, b))
    nan = np.isnan(a) & np.isnan(b)
    return bool(np.all(nan.reshape(-1) | (bits == others)))


def same_numbers(a: Any, b: Any) -> bool:
    """Equal Python numbers to the bit; a NaN equals any NaN."""
    return list(map(repr, a)) == list(map(repr, b))


# For rules with powers of arrays, in machine epsilons of the type that computes: |x|**order and x**(1/order) are of one
# library here and of another there, each good to about two, and the first error is multiplied by the order.
TOLERANCES = {"adam_lp": 16}


def check_close(rule: Rule, new: Any, old: Any, storage: str) -> None:
    """Assert that an array is the reference's to the tolerance of a rule that does not promise bits."""
    compute = np.finfo("float64" if storage == "float64" else "float32").eps * TOLERANCES[rule.name]
    rounding = float(ml_dtypes.finfo(new.dtype).eps) if new.dtype.itemsize == 2 else 0.0
    np.testing.assert_allclose(new.astype("float64"), old.astype("float64"), rtol=compute + rounding, atol=compute)


def check_update(rule: Rule, arrays: list[Any], t: int = 3, **hyper: Any) -> None:
    """Assert that a call gives the reference's bits and leaves the gradient alone."""
    expected = rule.reference(*arrays, t=t, **rule.told(0.5), **hyper)
    gradient = arrays[1].copy()
    states = rule(*arrays, t=t, **rule.told(0.5), **hyper)
    updated = [arrays[0], *arrays[2:]]
    for name, new, old in zip((rule.arrays[0], *rule.slots), updated, expected, strict=False):
        differing = np.flatnonzero(~_equal_elements(new, old))
        first = differing[:5]
        assert same_bits(new, old), f"{name} differs at {first}: {new.flat[first]} {old.flat[first]}"
    assert same_bits(arrays[1], gradient)
    assert same_numbers(states or (), expected[len(updated) :])


def _equal_elements(a: Any, b: Any) -> Any:
    return (a == b) & (np.signbit(a) == np.signbit(b)) | (np.isnan(a) & np.isnan(b))
