"""A pytest plugin that runs Keras's own optimizer tests on fastopt's kernels: -p keras_plugin, KERAS_BACKEND=numpy.

Each optimizer of Keras's that `fastopt.like.keras` has takes its step from there, made of the arguments that Keras's
reports. Decay, clips and averages stay Keras's own: they come before and after `update_step`. What reached fastopt,
what fell back to Keras and why, and what was skipped is written as JSON to the file that FASTOPT_KERAS_REPORT names.
"""

import functools
import inspect
import json
import os
import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import keras
import pytest
from keras.src.backend.common.stateless_scope import in_stateless_scope

from fastopt.like import keras as like

SHARED = [name for name in like.__all__ if inspect.isclass(getattr(keras.optimizers, name, None))]
reached: Counter[str] = Counter()
fell_back: Counter[str] = Counter()
outcomes: Counter[str] = Counter()
skipped: Counter[str] = Counter()
# For each optimizer of Keras's one of ours for each variable.
made: weakref.WeakKeyDictionary[Any, dict[int, Any]] = weakref.WeakKeyDictionary()


def like_this(optimizer: Any, name: str, variable: Any) -> Any:
    """fastopt's optimizer for one variable, with the arguments of the formula of Keras's optimizer."""
    kind = getattr(keras.optimizers, name)
    shared = inspect.signature(keras.optimizers.Optimizer.__init__).parameters
    own = set(inspect.signature(kind.__init__).parameters) - set(shared)
    given = {key: value for key, value in optimizer.get_config().items() if key in own}
    # The rate is set before each step; it is at first that of no step.
    return getattr(like, name)([variable._value], learning_rate=1.0, weight_decay=0.0, **given)


def why_not(optimizer: Any, kind: type) -> str:
    """Why an optimizer of Keras's has no equal here, or ""."""
    if type(optimizer) is not kind:
        return f"{type(optimizer).__name__}, a subclass"
    return "" if getattr(optimizer, "learning_rate_power", -0.5) == -0.5 else "another learning_rate_power than -0.5"


def replace(name: str) -> None:
    """Have an optimizer of Keras's update by fastopt's."""
    kind = getattr(keras.optimizers, name)
    plain = kind.update_step

    @functools.wraps(plain)
    def update_step(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        own = made.setdefault(self, {})
        why = why_not(self, kind)
        if not why and id(variable) not in own:
            own[id(variable)] = like_this(self, name, variable)
        ours = own.get(id(variable))
        if ours is None or (in_stateless_scope() and ours.rule.slots):
            fell_back[f"{name}: {why or 'state of a stateless scope'}"] += 1
            return plain(self, gradient, variable, learning_rate)
        # Keras has a new array whenever it assigns a value; in a stateless scope the old one must stay as it is.
        array = variable.value.copy() if in_stateless_scope() else variable._value
        ours.lr = float(learning_rate)
        ours.update([array], [gradient.astype(array.dtype)])  # as Keras's step casts it
        if in_stateless_scope():
            variable.assign(array)
        reached[name] += 1

    kind.update_step = update_step


for shared_name in SHARED:
    replace(shared_name)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "requires_trainable_backend: of Keras's; needs gradients, which NumPy has not")


def pytest_deselected(items: list[pytest.Item]) -> None:
    skipped["requires_trainable_backend"] += len(items)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:
        skipped[str(report.longrepr[2]).removeprefix("Skipped: ")] += 1  # type: ignore[index]
    elif report.when == "call" or report.failed:
        outcomes[report.outcome] += 1


def pytest_sessionfinish() -> None:
    found = {"reached": reached, "fell_back": fell_back, "outcomes": outcomes, "skipped": skipped}
    Path(os.environ["FASTOPT_KERAS_REPORT"]).write_text(json.dumps(found))
