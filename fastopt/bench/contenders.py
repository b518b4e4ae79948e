"""What is timed in turn: the rule's step, a copy, kernels with the same streams, and the plain formula."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..inspection import inspected
from ..kernels.arrays import compute_type
from ..kernels.reference import denormals_flushed
from ..measure import interleaved
from ..optimizer import Optimizer
from .cases import Case
from .check import WrongResult, check
from .clocks import Call, Clock, Took, repeats
from .machines import Machine
from .streams import bare_rule

RULE, COPY, BARE = "rule", "copy", "bare rule"

# Seconds between samples, in which the threads of the one before go to sleep.
PAUSE = 3e-3
# How much more than the arrays themselves all contenders and the check take.
_MEMORY = 4


@dataclass(frozen=True)
class Contender:
    """Calls that do the same on arrays of their own each, and the bytes that one must move."""

    bytes: int
    calls: Sequence[Call]


@dataclass(frozen=True)
class Setup:
    """A case whose result is right: the contenders, ready to be timed.

    streams: which of them are the limit that memory sets. arrays: of the first copy of the case.
    """

    case: Case
    on: Machine
    contenders: dict[str, Contender]
    streams: tuple[str, ...]
    arrays: Sequence[Any]

    def times(
        self, rounds: int, copies: int | None = None, tick: Callable[[], Any] | None = None
    ) -> dict[str, list[Took]]:
        """What a call of each contender takes in each round.

        copies: how many copies of the arrays the calls take turns on; all of them without it.
        """
        single = compute_type([self.case.dtype]) == "float32"
        # As the kernels have it: denormals would slow plain NumPy down many times.
        with denormals_flushed() if single else contextlib.nullcontext(), np.errstate(all="ignore"):
            samples = {}
            for name, contender in self.contenders.items():
                calls = contender.calls[:copies]
                samples[name] = _Sample(self.on.clock, calls, repeats(self.on.clock, calls))
            return interleaved(samples, rounds, PAUSE, tick, _Sample.took)


@dataclass(frozen=True)
class _Sample:
    clock: Clock
    calls: Sequence[Call]
    repeats: int

    def took(self) -> Took:
        return self.clock.took(self.calls, self.repeats)


def prepared(case: Case, on: Machine) -> Setup:
    """Make the arrays of a case and its contenders, and check the rule's result. Raises as `measured` does."""
    copies = max(on.clock.copies(case.bytes).values())
    needed, free = _MEMORY * copies * case.bytes, on.free_bytes()
    if free is not None and needed > free:
        raise MemoryError(f"{case} needs about {needed / 1e9:.3g} GB of memory; {free / 1e9:.3g} GB are free")
    moved = inspected(case.rule, case.dtype).bytes * case.elements
    calls: dict[str, list[Call]] = {}
    first: Sequence[Any] = ()
    streams: dict[str, Call] = {}
    for seed in range(copies):
        parameter, gradient = _arrays(case, on, seed)
        optimizer, bare = (Optimizer(parameter, one) for one in (case.rule, bare_rule(case.rule)))
        if not first:
            try:
                check(optimizer, gradient, on)
            except WrongResult as error:
                raise WrongResult(f"{case}: {error}; it is not timed") from error
        calls.setdefault(RULE, []).append(partial(optimizer.step, gradient))
        calls.setdefault(COPY, []).append(on.copier(case.bytes // 2))
        arrays = [parameter, gradient, *bare.state[0].values()]
        first = first or arrays
        streams = {BARE: partial(bare.step, gradient), **on.same_streams(case.rule, arrays)}
        for name, call in streams.items():
            calls.setdefault(name, []).append(call)
        if on.plain:
            state = optimizer.state[0].values()
            calls.setdefault(on.plain, []).append(_plain(case, on, [parameter, gradient, *state]))
    contenders = {name: Contender(moved, found) for name, found in calls.items()}
    contenders[COPY] = Contender(2 * (case.bytes // 2), calls[COPY])
    return Setup(case, on, contenders, tuple(streams), first)


def _arrays(case: Case, on: Machine, seed: int) -> tuple[Any, Any]:
    """A parameter within 0 and 1, and a gradient of both signs."""
    import ml_dtypes  # noqa: F401  (NumPy then knows bfloat16 by its name)

    generator = np.random.default_rng(seed)
    drawn = np.dtype(compute_type([case.dtype]))
    parameter, gradient = (generator.random(case.elements, drawn) for _ in range(2))
    gradient -= 0.5
    return tuple(on.array(values.astype(case.dtype, copy=False)) for values in (parameter, gradient))


def _plain(case: Case, on: Machine, arrays: Sequence[Any]) -> Call:
    """The rule's formula as it stands; 16-bit arrays are converted before, and the new parameter after."""
    rule = case.rule
    numbers = {**rule.hyper, **rule.states, **({"t": 3} if rule.uses_t else {})}
    ours = [on.plain_array(array) for array in arrays]
    compute = compute_type([case.dtype])
    if compute == case.dtype:
        return partial(rule.formula, *ours, **numbers)

    def converted() -> Any:
        p, g, *slots = ours
        new = rule.formula(p.astype(compute), g.astype(compute), *slots, **numbers)
        return (new[0] if isinstance(new, tuple | list) else new).astype(case.dtype)

    return converted
