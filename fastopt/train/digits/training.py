"""A first training run: handwritten digits, with any rule, each step checked and timed against plain NumPy."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from ...kernels import Rule
from ...optimizer.optimizer import Optimizer
from ...schedules.arguments import one_of
from ...trees.tree import leaves
from ..checked import CheckedOptimizer
from . import data as digits
from . import network


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set. loss and train_accuracy are means over the pass, as the network learnt; seconds
    is the whole pass, with the checks."""

    number: int
    loss: float
    train_accuracy: float
    test_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Summary:
    """The results of a run.

    step_seconds and plain_seconds: medians of one optimizer step and of the formula in plain NumPy (CuPy on a GPU)
    on the same arrays; NaN for a run of one step, since the first step, which compiles, does not count.
    promised: whether the rule promises NumPy's bits. same_bits: whether it gave them in every step; None if there is
    nothing to compare with. differs_at: the step and the array in which the bits first differed.
    """

    test_accuracy: float
    steps: int
    first_step_seconds: float
    step_seconds: float
    plain_seconds: float
    promised: bool
    same_bits: bool | None
    differs_at: tuple[int, str] | None


class Training:
    """A network, its data and its optimizer.

    rule: a Rule or its name. lr: None leaves the rule's own default. hidden: the widths of the hidden layers.
    device: "cpu", or "cuda", which needs CuPy. seed: chooses the parameters, the split and the order of the digits.
    checked: compare and time each step; without it there is no summary.
    Raises ValueError or TypeError for bad input, before anything is computed; RuntimeError for a device that is not
    there; ImportError without scikit-learn.
    """

    def __init__(
        self,
        rule: Rule | str = "adam",
        *,
        lr: float | None = None,
        epochs: int = 30,
        batch_size: int = 32,
        hidden: Sequence[int] = (64, 32),
        activation: str = "relu",
        device: str = "cpu",
        dtype: str = "float32",
        seed: int = 0,
        checked: bool = True,
    ) -> None:
        for name, value, least in (("epochs", epochs, 1), ("batch size", batch_size, 1), ("seed", seed, 0)):
            if value < least:
                raise ValueError(f"{name} must be {least} or more; got {value}")
        if any(width < 1 for width in hidden):
            raise ValueError(f"the widths of hidden layers must be 1 or more; got {', '.join(map(str, hidden))}")
        one_of("activation", activation, list(network.ACTIVATIONS))
        one_of("dtype", dtype, ("float32", "float64"))
        one_of("device", device, ("cpu", "cuda"))
        self.epochs, self.batch_size, self.activation, self.device = epochs, batch_size, activation, device
        self.sizes = (digits.FEATURES, *hidden, digits.CLASSES)
        self.dtype, self.seed = dtype, seed
        self._to_device, wait = _device(device)
        params = network.initialise(self.sizes, activation=activation, dtype=dtype, seed=seed)
        self.params = {name: [self._to_device(array) for array in arrays] for name, arrays in params.items()}
        given: dict[str, Any] = {} if lr is None else {"lr": lr}
        optimizer = Optimizer(self.params, rule, **given)
        self.rule = optimizer.rule
        self.hyper = self.rule.bind(given)
        # A rule that keeps an average is judged by that.
        self._evaluated: Callable[[], Any] = optimizer.averaged if self.rule.average else contextlib.nullcontext
        self.optimizer = CheckedOptimizer(optimizer, self.hyper, wait) if checked else optimizer
        self._generator = np.random.default_rng(seed)
        self.train_set, self.test_set = (
            tuple(self._to_device(array) for array in part) for part in digits.load(dtype, self._generator)
        )
        self._test_accuracy = math.nan

    @property
    def parameters(self) -> int:
        """The number of weights and biases."""
        return sum(array.size for _, _, array in leaves(self.params, ""))

    @property
    def steps(self) -> int:
        """The number of optimizer steps in the whole run."""
        return self.epochs * math.ceil(len(self.train_set[0]) / self.batch_size)

    def run(self, on_step: Callable[[], None] = lambda: None) -> Iterator[Epoch]:
        """Train, and yield each epoch at its end; on_step is called after each step."""
        for number in range(1, self.epochs + 1):
            start = time.perf_counter()
            with np.errstate(all="ignore"):  # A rate that is too high overflows, and the losses show it.
                loss, right = self._epoch(on_step)
                with self._evaluated():
                    a, _ = network.forward(self.params, self.test_set[0], activation=self.activation)
            tested = network.accuracy(a[-1], self.test_set[1])
            self._test_accuracy = tested
            yield Epoch(number, loss, right, tested, time.perf_counter() - start)

    def _epoch(self, on_step: Callable[[], None]) -> tuple[float, float]:
        """Train for one pass over the training set; returns its mean loss and accuracy."""
        inputs, targets = self.train_set
        order = self._generator.permutation(len(inputs))
        loss = right = 0.0
        for first in range(0, len(order), self.batch_size):
            batch = self._to_device(order[first : first + self.batch_size])
            x, y = inputs[batch], targets[batch]
            a, h = network.forward(self.params, x, activation=self.activation)
            grads = network.backward(self.params, h, y, activation=self.activation)
            own = float(network.cross_entropy(a[-1], y))
            self.optimizer.step(grads, **self.rule.told(own))
            loss += own * len(x)
            right += network.accuracy(a[-1], y) * len(x)
            on_step()
        return loss / len(order), right / len(order)

    def summary(self) -> Summary:
        """The results of the run, after `run` has ended. Raises ValueError for a run that was not checked."""
        steps = self.optimizer
        if not isinstance(steps, CheckedOptimizer):
            raise ValueError("there is no summary of a run that was not checked")
        return Summary(
            test_accuracy=self._test_accuracy,
            steps=len(steps.seconds),
            first_step_seconds=steps.seconds[0],
            step_seconds=median(steps.seconds[1:] or [math.nan]),
            plain_seconds=median(steps.plain_seconds[1:] or [math.nan]),
            promised=self.rule.exact,
            same_bits=steps.differs_at is None if steps.comparable else None,
            differs_at=steps.differs_at,
        )


def _device(name: str) -> tuple[Callable[[Any], Any], Callable[[], None]]:
    """A function that brings a NumPy array to a device, and one that waits for the device."""
    if name == "cpu":
        return lambda array: array, lambda: None
    remedy = "pip install 'fastopt[cuda12]', or [cuda13], by the driver's CUDA"
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(f"device cuda needs CuPy: {remedy}") from error
    try:
        cupy.zeros(1)
    except Exception as error:  # A missing driver, library or GPU: CuPy has a type for each.
        raise RuntimeError(f"device cuda: CuPy finds no GPU that it can use: {error}") from error
    return cupy.asarray, lambda: cupy.cuda.get_current_stream().synchronize()
