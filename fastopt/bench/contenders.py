"""The contenders that are timed in turn: the rule's step, a copy, kernels with the same streams, the plain formula."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..inspection.formats import PLAIN
from ..kernels.arrays.view import compute_type
from ..kernels.reference import arithmetic_of
from ..measure import interleaved
from .cases import Case
from .check import PIECE, WrongResult, check, far, sets_of
from .clocks import Call, Clock, Mark, Took, repeats
from .controls import LOSS, STEP, Control, numbers
from .devices import Device
from .streams import bare_rule

RULE, COPY, BARE = "rule", "copy", "bare rule"

# Seconds between samples, in which the threads of the one before go to sleep.
PAUSE = 3e-3
# The memory of all contenders and of the check, as a multiple of that of the arrays.
_MEMORY = 4


@dataclass(frozen=True)
class Contender:
    """Calls that do the same work, each on arrays of its own, and the bytes that a call must move."""

    bytes: int
    calls: Sequence[Call]


@dataclass(frozen=True)
class Setup:
    """A case whose result is right: the contenders, ready to be timed.

    streams: names of the contenders that show the limit set by memory. arrays: of the first parameter of the first
    copy. left_out: controls that could not be made or gave another result, and why.
    """

    case: Case
    on: Device
    contenders: dict[str, Contender]
    streams: tuple[str, ...]
    arrays: Sequence[Any]
    left_out: Mapping[str, str]

    def times(
        self,
        rounds: int,
        copies: int | None = None,
        tick: Callable[[], Any] | None = None,
        mark: Mark = contextlib.nullcontext,
    ) -> dict[str, list[Took]]:
        """The seconds of a call of each contender in each round.

        copies: how many copies of the arrays the calls take turns on; None for all. mark: makes a range around each
        sample, from a text.
        """
        # As in the kernels: denormals would slow plain NumPy down many times.
        with arithmetic_of(compute_type([self.case.dtype])), np.errstate(all="ignore"):
            samples = {}
            for name, contender in self.contenders.items():
                calls = contender.calls[:copies]
                samples[name] = _Sample(
                    self.on.clock, calls, repeats(self.on.clock, calls), partial(mark, f"{name}: {self.case}")
                )
            return interleaved(samples, rounds, PAUSE, tick, _Sample.took)


@dataclass(frozen=True)
class _Sample:
    clock: Clock
    calls: Sequence[Call]
    repeats: int
    mark: Callable[[], AbstractContextManager[Any]]

    def took(self) -> Took:
        with self.mark():
            return self.clock.took(self.calls, self.repeats)


def prepared(case: Case, on: Device) -> Setup:
    """Make the arrays of a case and its contenders, and check the rule's result. Raises as `measured` does."""
    copies = max(on.clock.copies(case.bytes).values())
    needed, free = _MEMORY * copies * case.bytes, on.free_bytes()
    if free is not None and needed > free:
        raise MemoryError(f"{case} needs about {needed / 1e9:.3g} GB of memory; {free / 1e9:.3g} GB are free")
    moved = round(case.costs.bytes * case.elements)
    calls: dict[str, list[Call]] = {}
    first: Sequence[Any] = ()
    streams: dict[str, Call] = {}
    controls: dict[str, Control] = {}
    left_out: dict[str, str] = {}
    for seed in range(copies):
        parameters, gradients = _arrays(case, on, seed)
        optimizer = case.formats.optimizer(parameters, case.rule)
        bare = case.formats.bare.optimizer(parameters, bare_rule(case.rule))
        own, others = (sets_of(stepped, gradients) for stepped in (optimizer, bare))
        if not first:
            try:
                check(optimizer, gradients, on)
            except WrongResult as error:
                raise WrongResult(f"{case}: {error}; it is not timed") from error
            controls, left_out = _controls(case, on, own[0])
            first = others[0]
        calls.setdefault(RULE, []).append(partial(optimizer.step, gradients, **case.rule.told(LOSS)))
        calls.setdefault(COPY, []).append(on.copier(case.bytes // 2))
        same = [on.same_streams(case.rule, arrays) for arrays in others]
        streams = {BARE: partial(bare.step, gradients)}
        streams |= {name: _in_turn([kernels[name] for kernels in same]) for name in same[0]}
        for name, call in streams.items():
            calls.setdefault(name, []).append(call)
        if on.plain:
            calls.setdefault(on.plain, []).append(_in_turn([_plain(case, on, arrays) for arrays in own]))
        for name, control in controls.items():
            calls.setdefault(name, []).append(_in_turn([partial(control, arrays) for arrays in own]))
    contenders = {name: Contender(moved, turns) for name, turns in calls.items()}
    contenders[COPY] = Contender(2 * (case.bytes // 2), calls[COPY])
    return Setup(case, on, contenders, tuple(streams), first, left_out)


def _in_turn(calls: Sequence[Call]) -> Call:
    return calls[0] if len(calls) == 1 else partial(_call_each, calls)


def _call_each(calls: Sequence[Call]) -> None:
    for call in calls:
        call()


def _arrays(case: Case, on: Device, seed: int) -> tuple[Any, Any]:
    """A parameter within 0 and 1, and a gradient of both signs; or a list of each."""
    import ml_dtypes  # noqa: F401  (NumPy then knows bfloat16 by its name)

    generator = np.random.default_rng(seed)
    drawn = np.dtype(compute_type([case.dtype]))
    parameters, gradients = ([generator.random(length, drawn) - shift for length in case.lengths] for shift in (0, 0.5))
    arrays = [
        [on.array(values.astype(case.dtype, copy=False)) for values in several] for several in (parameters, gradients)
    ]
    return (arrays[0], arrays[1]) if case.arrays > 1 else (arrays[0][0], arrays[1][0])


def _controls(case: Case, on: Device, arrays: Sequence[Any]) -> tuple[dict[str, Control], dict[str, str]]:
    """The controls whose result is close to the reference's on a first part of the arrays; and why others are not."""
    controls: dict[str, Control] = {}
    left_out: dict[str, str] = {}
    makers = on.controls(case.rule)
    if not makers or case.formats != PLAIN:
        return controls, dict.fromkeys(makers, f"it is without {str(case.formats).removeprefix(', ')}")
    part = [on.host(array[:PIECE]) for array in arrays]
    told = case.rule.step_numbers(STEP, LOSS)
    states: dict[str, Any] = dict(case.rule.states)
    right = case.rule.reference(*part, **told, **states)[0]
    for name, make in makers.items():
        # A control is another library's and may fail in any way; the case is then measured without it and says why.
        try:
            control = make()
            wrong = np.count_nonzero(far(on.host(control([on.array(values.copy()) for values in part])), right))
        except Exception as error:
            left_out[name] = " ".join(f"{type(error).__name__}: {error}".split())
            continue
        if wrong:
            left_out[name] = f"its result is another than the reference's in {wrong:,} of {len(right):,} elements"
        else:
            controls[name] = control
    return controls, left_out


def _plain(case: Case, on: Device, arrays: Sequence[Any]) -> Call:
    """The rule's formula as it stands; 16-bit arrays are converted before, and the new parameter after. It has state of
    its own, in the type of computation, where the case has formats."""
    rule, given = case.rule, numbers(case.rule)
    compute = compute_type([case.dtype])
    if case.formats != PLAIN:
        state = rule.state_of(on.host(arrays[0]).astype(compute), rule.hyper)
        arrays = [*arrays[:2], *map(on.array, state)]
    ours = [on.plain_array(array) for array in arrays]
    if compute == case.dtype:
        return partial(rule.formula, *ours, **given)

    def converted() -> Any:
        p, g, *slots = ours
        new = rule.formula(p.astype(compute), g.astype(compute), *slots, **given)
        return (new[0] if isinstance(new, tuple | list) else new).astype(case.dtype)

    return converted
