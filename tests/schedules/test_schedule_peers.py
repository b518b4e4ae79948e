"""The schedules against the peers' own, over 300 steps, the first and those after the end included."""

import inspect
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from examples import docs

from fastopt import like, schedules

ROWS = docs("schedule_rows").ROWS

STEPS = 300
TOLERANCE = 1e-12


def schedules_of(peer: str) -> set[str]:
    """The names of a peer that are those of schedules."""
    module = getattr(like, peer)
    # optax's contrib is a module itself.
    homes = {name: getattr(getattr(module, name), "__module__", "").rpartition(".")[2] for name in module.__all__}
    return {name for name, home in homes.items() if home in ("schedules", "cycling")}


ALL = {
    "torch": {
        *("LambdaLR", "MultiplicativeLR", "StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR"),
        *("PolynomialLR", "CosineAnnealingLR", "ChainedScheduler", "SequentialLR", "CyclicLR", "OneCycleLR"),
        "CosineAnnealingWarmRestarts",
    },
    "keras": schedules_of("keras"),
    "optax": {name for name in dir(like.optax) if name.endswith(("_schedule", "_decay", "_schedules"))},
}
# Where torch sets the rate itself, or takes other schedulers, nothing stands in the place of the optimizer.
WITHOUT_RATE = {"ChainedScheduler", "SequentialLR", "CyclicLR", "OneCycleLR"}


def torch_values(call: str) -> tuple[np.ndarray, np.ndarray]:
    """The rates, and the momenta, that torch's optimizer has in each step."""
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)

    def made(kind: Any) -> Callable[..., Any]:
        def make(*args: Any, **kwargs: Any) -> Any:
            if kind is torch.optim.lr_scheduler.ChainedScheduler:
                return kind(*args, **kwargs)
            if kind.__name__ not in WITHOUT_RATE:
                assert args[0] == 0.1
                args = args[1:]
            return kind(optimizer, *args, **kwargs)

        return make

    names = {name: made(getattr(torch.optim.lr_scheduler, name)) for name in ALL["torch"]}
    rates, momenta = [], []
    with warnings.catch_warnings():
        # SequentialLR calls its schedulers in a way that they warn of.
        warnings.simplefilter("ignore", UserWarning)
        scheduler = eval(call, names)
        for _ in range(STEPS):
            rates.append(optimizer.param_groups[0]["lr"])
            momenta.append(optimizer.param_groups[0]["momentum"])
            optimizer.step()
            if len(rates) < STEPS:
                scheduler.step()
    return np.array(rates), np.array(momenta)


def keras_values(call: str) -> np.ndarray:
    os.environ["KERAS_BACKEND"] = "jax"
    import jax
    import keras

    module = sys.modules[keras.optimizers.schedules.CosineDecay.__module__]
    with pytest.MonkeyPatch.context() as patch:
        # Keras's own round to float32 even what is float64.
        for name in ("cos", "log"):
            patch.setattr(module.ops, name, getattr(jax.numpy, name))
        before = keras.config.floatx()
        keras.config.set_floatx("float64")
        try:
            return at_counts(eval(call, {name: getattr(keras.optimizers.schedules, name) for name in ALL["keras"]}))
        finally:
            keras.config.set_floatx(before)


def optax_values(call: str) -> np.ndarray:
    import optax

    return at_counts(eval(call, {name: getattr(optax.schedules, name) for name in ALL["optax"]} | {"dict": dict}))


def at_counts(schedule: Any) -> np.ndarray:
    """A schedule's values at the counts from 0, in float64."""
    import jax

    jax.config.update("jax_enable_x64", True)
    try:
        counts = jax.numpy.arange(STEPS)
        return np.array(jax.vmap(lambda count: jax.numpy.asarray(schedule(count), "float64"))(counts))
    finally:
        jax.config.update("jax_enable_x64", False)


def peer_values(row: Any) -> np.ndarray:
    if row.peer == "torch":
        return torch_values(row.call)[0]
    return {"keras": keras_values, "optax": optax_values}[row.peer](row.call)


def worst(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest relative difference; what is zero must be zero."""
    scale = np.where(theirs == 0, 1e-300, abs(theirs))
    return float(np.max(abs(ours - theirs) / scale))


@pytest.mark.peers
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_schedule_follows_its_peer(row: Any) -> None:
    theirs = peer_values(row)
    steps = np.arange(1, STEPS + 1)
    under_its_name = eval(row.call, vars(getattr(like, row.peer)) | {"dict": dict})
    assert worst(under_its_name(steps), theirs) < TOLERANCE
    if row.same:
        assert worst(eval(row.same, vars(schedules))(steps), theirs) < TOLERANCE


@pytest.mark.peers
@pytest.mark.parametrize("row", [row for row in ROWS if row.call.startswith(("CyclicLR", "OneCycle"))], ids=str)
def test_momentum_follows_torch(row: Any) -> None:
    schedule = eval(row.call, vars(like.torch)).momentum
    assert worst(schedule(np.arange(1, STEPS + 1)), torch_values(row.call)[1]) < TOLERANCE


@pytest.mark.peers
@pytest.mark.parametrize("peer", ALL)
def test_every_schedule_of_a_peer_is_here_and_compared(peer: str) -> None:
    os.environ["KERAS_BACKEND"] = "jax"
    if peer == "torch":
        from torch.optim.lr_scheduler import __all__ as found

        left_out = {"ReduceLROnPlateau", "LRScheduler"}
    elif peer == "keras":
        import keras

        found = dir(keras.optimizers.schedules)
        found = [name for name in found if inspect.isclass(getattr(keras.optimizers.schedules, name))]
        left_out = {"LearningRateSchedule"}
    else:
        import optax

        # How a schedule is put into an optimizer is another matter.
        left_out = {name for name in optax.schedules.__dict__ if "inject" in name.lower() or "Stateful" in name}
        found = [name for name in vars(optax.schedules) if callable(vars(optax.schedules)[name])]
        left_out |= {"WrappedSchedule", "Schedule"}
    assert set(found) - left_out == ALL[peer] == schedules_of(peer)
    assert all(any(f"{name}(" in row.call for row in ROWS if row.peer == peer) for name in ALL[peer])


@pytest.mark.peers
@pytest.mark.parametrize(("peer", "name"), [(peer, name) for peer, names in ALL.items() for name in sorted(names)])
def test_arguments_and_defaults_are_the_peers(peer: str, name: str) -> None:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    import optax
    import torch

    home = {"torch": torch.optim.lr_scheduler, "keras": keras.optimizers.schedules, "optax": optax.schedules}[peer]
    theirs = {one.name: one.default for one in inspect.signature(getattr(home, name)).parameters.values()}
    ours = {one.name: one.default for one in inspect.signature(getattr(getattr(like, peer), name)).parameters.values()}
    if theirs.pop("optimizer", None) is not None and name not in WITHOUT_RATE:
        assert ours.pop("lr") is inspect.Parameter.empty
    assert list(ours.items()) == list(theirs.items())
