"""A rule together with everything that rides with it: clips, decay, averages, copies, skips.

Each option is a few lines of NumPy, composed with the rule's formula before anything is compiled. What is composed is a
Definition like the rule itself: its kernels and its reference follow from it. An option that is off is not in the
graph.
"""

import functools
import math
from collections.abc import Mapping
from typing import Any

from .definition import Definition
from .language.decoupled import decays
from .language.functions import conjugate, max_norm, maximum, minimum, norm, scaled, size, total, where
from .language.graph import ALL_RULES, walk
from .language.hyperparameters import LOSS, parse_ranges

# The options that are numbers, each with the value that changes nothing; then their valid ranges.
NUMBERS = {
    "grad_scale": 1.0,
    "clip_value": math.inf,
    "clip_norm": math.inf,
    "clip_array_norm": math.inf,
    "clip_eps": 0.0,
    "weight_decay": 0.0,
    "ema": 0.0,
    "ema_overwrite": 0.0,
}
RANGES = parse_ranges(
    "clip_value > 0, clip_norm > 0, clip_array_norm > 0, 0 <= clip_eps < inf, 0 <= weight_decay < inf, 0 <= ema < 1, "
    "0 <= ema_overwrite <= 1",
    NUMBERS,
)
DECAYS = ("l2", "decoupled", "decoupled_with", "decoupled_after")
CAUTIOUS = ("mean", "count")

# No name of an author has a space.
AVERAGE, COPY, RATE = "average of the parameter", "copy of the parameter", "lr_scale of the parameter"
AVERAGED = "t of the average"  # counts the steps that the average has had


def clipped(g: Any, limit: Any) -> Any:
    """Every element between -limit and limit; NaN stays."""
    return minimum(maximum(g, -limit), limit)


def shrink(size: Any, limit: Any, eps: Any = None) -> Any:
    """The factor that brings a norm down to a limit: exactly 1.0 within it, as optax and keras have it.

    eps: is added to the norm first, as torch adds 1e-6; None for nothing.
    """
    size = size if eps is None else size + eps
    return where(limit < math.inf, limit / maximum(size, limit), 1.0)


def norm_factor(g: Any, numbers: Mapping[str, Any], on: Mapping[str, Any]) -> Any:
    """The factor by which the global clip and the clip of each array multiply a gradient; both norms read it once."""
    factor, eps = 1.0, numbers["clip_eps"] if "clip_eps" in on else None
    if "clip_norm" in on:
        factor = shrink(norm(g, over=ALL_RULES), numbers["clip_norm"], eps)
    if "clip_array_norm" in on:
        factor = factor * shrink(norm(g) * factor, numbers["clip_array_norm"], eps)
    return factor


def decayed(p: Any, of: Any, numbers: Mapping[str, Any]) -> Any:
    """The parameter p less the decay of `of`; p itself where the decay is 0, since 0 * inf is NaN."""
    return where(numbers["weight_decay"] != 0, p - numbers["lr"] * numbers["weight_decay"] * of, p)


def averaged(average: Any, p: Any, decay: Any, t: Any, corrected: bool) -> Any:
    """The running mean of p. corrected: as if it had no start, so that the first mean, of t = 1, is p itself."""
    if not corrected:
        return average + (1 - decay) * (p - average)
    weight = (1 - decay) / (1 - decay**t)
    return where(weight < 1, average + weight * (p - average), p)


def cautious_step(base: Any, p: Any, g: Any, normalized: str) -> Any:
    """The parameter p after a step from `base`, without the elements that the step moves along their gradient.

    normalized: the other elements make up for them: times the elements of the array over those that move, which are
    counted with one more ("count", as in the authors' Lion), or taken as a thousandth of the array at least ("mean", as
    in their AdamW).
    """
    step = p - base
    agrees = step * g < 0
    every, moving = size(g), total(agrees)
    scale = every / (moving + 1) if normalized == "count" else 1 / maximum(moving / maximum(every, 1), 1e-3)
    return where(agrees, base + scaled(step, scale), base)


def without_rates(rule: Definition) -> str:
    """Why arrays cannot multiply the lr of a rule; empty if they can."""
    if "lr" not in rule.hyper or "lr" in rule.starts_from:
        return "has no lr that lr_scale could multiply in a step"
    states = rule.program(rule.hyper).states.values()
    if any(node.value == "lr" for node in walk(states) if node.op == "scalar"):
        return "carries numbers that follow from lr, and lr_scale would make them arrays"
    return ""


@functools.cache
def with_riders(rule: Definition, *on: tuple[str, Any]) -> "WithRiders":
    """A rule with its options, made once: optimizers that are alike share the graph, and so the kernels in memory."""
    return WithRiders(rule, dict(on))


class WithRiders(Definition):
    """A rule and the options that ride with it.

    on: the options in use and their values; "decay" names the weight decay. riding: those that are numbers, with what
    changes nothing. A number that the rule has itself, as adamw has weight_decay, is left to it.
    """

    def __init__(self, rule: Definition, on: Mapping[str, Any]) -> None:
        super().__init__()
        self.rule, self.on = rule, dict(on)
        self.name, self.start, self.states = rule.name, dict(rule.start), rule.states
        own = {name: value for name, value in NUMBERS.items() if name in on and name not in rule.hyper}
        self.riding = own
        self.hyper = {**rule.hyper, **own}
        self.ranges = {**rule.ranges, **{name: RANGES[name] for name in own if name in RANGES}}
        self._corrected = "ema" in own and not on.get("ema_uncorrected")
        self.counters = (*rule.counters, *([AVERAGED] if self._corrected else []))
        self.takes_loss, self.average = rule.takes_loss, rule.average
        parameter, gradient, *slots = rule.arrays
        extra = [AVERAGE] * ("ema" in own) + [COPY] * ("cast_to" in on)
        self.slots = (*slots, *extra)
        self.arrays = (parameter, gradient, *self.slots, *([RATE] if "lr_scale" in on else []))
        self.written = (parameter, *self.slots, *([gradient] if on.get("zero_grads") else []))
        self.guarded = bool(on.get("skip_nonfinite"))
        self.one_moment = on.get("second_moment") == "modulus"
        self.rates = (RATE,) if "lr_scale" in on else ()
        self.start |= {slot: 0.0 if slot == AVERAGE and not self._corrected else parameter for slot in extra}
        if "weight_decay" in own and on["decay"] != "l2" and "lr" not in rule.hyper:
            raise TypeError(
                f"{rule.name} has no lr, by which decay={on['decay']!r} multiplies the weight decay; pass decay='l2'"
            )
        if "lr_scale" in on and (why := without_rates(rule)):
            raise TypeError(f"{rule.name} {why}; leave lr_scale out")
        self.formula = self._formula

    @property
    def constants(self) -> dict[str, str]:
        """As the rule has them."""
        return self.rule.constants

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy, and what pickle gives, is the same one wherever that is there: it is made of a rule and its options.
        return with_riders, (self.rule, *self.on.items())

    def _formula(self, p: Any, g: Any, /, *others: Any, **numbers: Any) -> tuple[Any, ...]:
        on, raw = self.riding, g
        slots, extra = others[: len(self.rule.arrays) - 2], dict(zip(self.arrays[2:], others, strict=True))
        if RATE in extra:
            numbers["lr"] = numbers["lr"] * extra[RATE]
        if "grad_scale" in on:
            g = scaled(g, numbers["grad_scale"])
        if "clip_value" in on:
            g = clipped(g, numbers["clip_value"])
        if "clip_norm" in on or "clip_array_norm" in on:
            g = scaled(g, norm_factor(g, numbers, on))
        if self.on.get("maximize"):
            g = -g
        if self.on.get("conjugate_grads"):
            g = conjugate(g)
        decay = self.on.get("decay") if "weight_decay" in on else None
        if decay == "l2":
            g = where(numbers["weight_decay"] != 0, g + numbers["weight_decay"] * p, g)
        before = decayed(p, p, numbers) if decay == "decoupled" else p
        given = {name: numbers[name] for name in (*self.rule.hyper, *self.rule.states)}
        step = {name: numbers[name] for name in self.rule.of_step}
        if self.on.get("maximize") and self.takes_loss:
            step[LOSS] = -step[LOSS]
        with decays() as after_decay:
            results = self.rule.formula(before, g, *slots, **step, **given)
        new, *rest = results if isinstance(results, tuple | list) else (results,)
        if cautious := self.on.get("cautious"):
            new = cautious_step([before, *after_decay][-1], new, g, cautious)
        if decay == "decoupled_with":
            new = decayed(new, p, numbers)
        if decay == "decoupled_after":
            new = decayed(new, new, numbers)
        written, states = rest[: len(slots)], rest[len(slots) :]
        if "ema" in on:
            average = averaged(extra[AVERAGE], new, numbers["ema"], numbers.get(AVERAGED), self._corrected)
            written.append(average)
            new = where(numbers["ema_overwrite"] != 0, average, new) if "ema_overwrite" in on else new
        if COPY in self.arrays:
            written.append(new)
        if self.on.get("zero_grads"):
            written.append(0.0)
        if self.guarded:
            counts = max_norm(raw, over=ALL_RULES) < math.inf
            states.append(counts & (abs(numbers[LOSS]) < math.inf) if self.takes_loss else counts)
        return (new, *written, *states)
