"""Contenders on one problem: each is right before it is timed, then all run in turn."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from step_overhead import resident_peak
from step_peers import LR, Contender, Problem

from fastopt import measure

CHECKED = 3
PAUSE = 0.01  # longer than OpenMP's threads spin for


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def say_dot() -> None:
    print(".", end="", file=sys.stderr, flush=True)


def largest_error(found: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> float:
    """The largest difference as a multiple of what is tolerated."""
    worst = 0.0
    for a, b in zip(found, wanted, strict=True):
        worst = max(worst, float((abs(a - b) / (4e-6 * abs(b) + 1e-5 * LR * CHECKED)).max()))
    return worst


def check(name: str, found: Sequence[np.ndarray], wanted: Sequence[np.ndarray], exact: bool) -> float:
    """The largest error; raises SystemExit if it is more than is tolerated."""
    error = largest_error(found, wanted)
    if not error <= 1.0 or (exact and not all(map(np.array_equal, found, wanted))):
        raise SystemExit(f"{name} is wrong: its error is {error:.3g} of what is tolerated; nothing more is timed")
    return error


def checked(
    given: Problem,
    makers: Mapping[str, Callable[[Problem], Contender]],
    wanted: Callable[[str], Any],
    exact: Sequence[str] = (),
) -> Any:
    """The steps of all contenders that can be made, by name, and the peak memory and the error of each.

    wanted: gives the right values for a contender's name. exact: names of those that must have these bits. Clears the
    start values. Raises SystemExit for a wrong result.
    """
    contenders, peaks, errors = {}, {}, {}
    for name, make in makers.items():
        try:
            contender = make(given)
        except Exception as error:
            say(f"  {name}: not measured: {str(error).splitlines()[0] if str(error) else error!r}")
            continue
        for _ in range(CHECKED - 1):
            contender.step()
        peaks[name] = resident_peak(contender.step)
        errors[name] = check(name, contender.results(), wanted(name), name in exact)
        contenders[name] = contender.step
        say(f"  {name}: right, {errors[name]:.3f} of the tolerated error")
    given.start.clear()
    return contenders, {"resident_peak": peaks, "error": errors}


def timed(contenders: Mapping[str, Callable[[], Any]], rounds: int, steps: int) -> dict[str, list[float]]:
    """Seconds of a step in each round. steps: in a turn; if more than one, an untimed step goes before them."""

    def turn(step: Callable[[], Any]) -> float:
        if steps > 1:
            step()
        return measure.timed(lambda: [step() for _ in range(steps)])

    times = measure.interleaved(contenders, rounds, PAUSE, say_dot, turn)
    say("")
    return {name: [value / steps for value in values] for name, values in times.items()}


def summary(times: Mapping[str, list[float]], limits: Sequence[str], moved: int) -> dict[str, Any]:
    """Milliseconds, speeds against the others, and the share of the faster limit; moved: bytes of a step."""
    spreads = {name: measure.spread([1e3 * value for value in values]) for name, values in times.items()}
    medians = {name: spread.median for name, spread in spreads.items()}
    others = [name for name in times if name != "fastopt" and name not in limits]
    result: dict[str, Any] = {
        "milliseconds": {name: vars(spread) for name, spread in spreads.items()},
        "speed_against": {name: vars(measure.ratio(times[name], times["fastopt"])) for name in others},
    }
    if limits:
        limit = min(limits, key=medians.__getitem__)
        result |= {"limit": limit, "share_of_limit": vars(measure.ratio(times[limit], times["fastopt"]))}
        result["gigabytes_per_second"] = {name: moved / medians[name] / 1e6 for name in ("fastopt", limit)}
    return result
