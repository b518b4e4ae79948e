"""Many steps with all that may vary between them: the bits of the model to the end, and nothing piles up."""

import gc
import os
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import DTYPES, same_bits, same_numbers
from plain_model import PlainModel

import fastopt
from fastopt.kernels import RULES

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory and handles are read from /proc")

SHAPES = [(3, 4), (5,), ()]
RULE_OF = {"float32": "adam_hypergradient", "float64": "amsgrad", "float16": "adagrad", "bfloat16": "adamw"}
OPTIONS: dict[str, Any] = {"ema": 0.99, "clip_value": 2.0}
# Between two looks at the bits: these take longer than the steps.
STRETCH = 250


class Run:
    """An optimizer, and for each parameter a model of its own, since a gradient that is None leaves only one alone."""

    def __init__(self, storage: str, folder: Path) -> None:
        self.dtype, self.rule, self.folder = DTYPES[storage], RULES[RULE_OF[storage]], folder
        self.generator = np.random.default_rng(8)
        self.opt = self.made()
        self.models, self.applied = [PlainModel(self.rule, [p], OPTIONS) for p in self.opt.params], 0

    def made(self) -> fastopt.Optimizer:
        generator = np.random.default_rng(7)
        params = [np.asarray(generator.standard_normal(shape), self.dtype) for shape in SHAPES]
        # The model goes array by array.
        apart: dict[str, Any] = {"over": "array"} if "over" in self.rule.hyper else {}
        return fastopt.Optimizer(params, self.rule, **apart, **OPTIONS)

    def stretch(self, number: int) -> None:
        """Some steps: by fresh gradients, some of them None, or by gradients written into the arrays of `opt.grads`."""
        for _ in range(STRETCH):
            active = self.generator.integers(0, 4, len(SHAPES)) > 0
            made = [np.asarray(self.generator.standard_normal(shape), self.dtype) for shape in SHAPES]
            if number % 3 == 0:
                active[:] = True
                for array, values in zip(self.opt.grads, made, strict=True):
                    array[...] = values
                self.opt.step()
            else:
                self.opt.step([g if on else None for g, on in zip(made, active, strict=True)])
            self.applied += bool(active.any())
            for model, g, on in zip(self.models, made, active, strict=True):
                if on:
                    model.step([g])
        self.check()
        if number % 2:
            # Another optimizer goes on from the file.
            self.opt.save(self.folder / "s")
            self.opt = self.made()
            self.opt.load(self.folder / "s")
            self.check()

    def check(self) -> None:
        """Assert that every bit is the model's."""
        opt = self.opt
        assert opt.t == self.applied
        assert list(opt.state_dict()["steps"].values()) == [model.t for model in self.models]
        for k, model in enumerate(self.models):
            assert same_bits(opt.params[k], model.params[0]), (k, model.t)
            assert same_bits(opt.ema[k], model.ema[0]), (k, model.t)
            assert all(same_bits(*pair) for pair in zip(opt.state[k].values(), model.slots[0], strict=True)), k
            assert same_numbers(opt.uniform_states[k].values(), model.states[0].values()), k


def handles() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    "storage",
    [
        pytest.param(storage, marks=pytest.mark.ci if storage in ("float32", "bfloat16") else pytest.mark.long)
        for storage in RULE_OF
    ],
)
def test_thousands_of_steps_keep_the_models_bits_and_no_memory(storage: str, tmp_path: Path) -> None:
    run = Run(storage, tmp_path)
    for number in range(4):
        run.stretch(number)
    gc.collect()
    tracemalloc.start()
    # What caches and pools take comes to rest only with some hundreds of steps.
    for number in range(4, 8):
        run.stretch(number)
    gc.collect()
    kept, open_before = tracemalloc.get_traced_memory()[0], handles()
    run.stretch(8)
    run.stretch(9)
    gc.collect()
    more = tracemalloc.get_traced_memory()[0] - kept
    tracemalloc.stop()
    # Less than an object for each step.
    assert more < 2 * STRETCH * sys.getsizeof(0.0)
    assert handles() == open_before


@pytest.mark.long
def test_a_hundred_thousand_steps_keep_the_models_bits_and_no_memory(tmp_path: Path) -> None:
    run = Run("bfloat16", tmp_path)
    stretches = 100_000 // STRETCH
    for number in range(stretches // 10):
        run.stretch(number)
    memory, open_before = resident(), handles()
    for number in range(stretches // 10, stretches):
        run.stretch(number)
    assert handles() == open_before
    assert resident() - memory < 90_000 * sys.getsizeof(0.0)
