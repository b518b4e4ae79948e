"""A rule together with everything that rides with it: clips, decay, slow weights, averages, copies, skips.

Each option is a few lines of NumPy, composed with the rule's formula before anything is compiled. What is composed is a
Definition like the rule itself: its kernels and its reference follow from it. An option that is off is not in the
graph.
"""

import functools
import math
from collections.abc import Collection, Mapping
from typing import Any

from .arrays.view import View
from .definition import Definition
from .language.decoupled import decays
from .language.functions import conjugate, max_norm, maximum, minimum, norm, scaled, size, sqrt, total, where
from .language.graph import ALL_RULES, walk
from .language.hyperparameters import LOSS, Range, parse_ranges
from .language.masters import joined, lower, upper
from .language.noted import noted
from .language.root8 import coded, decoded, scale_of
from .language.rounding import key, stochastic
from .language.storages import ABSENT, CORRECTIONS, SCALES
from .reference import MARKED

# The options that are numbers, each with the value that changes nothing; then their valid ranges.
NUMBERS = {
    "grad_scale": 1.0,
    "clip_value": math.inf,
    "clip_norm": math.inf,
    "clip_array_norm": math.inf,
    "clip_eps": 0.0,
    "clip_ratio": math.inf,
    "clip_ratio_floor": 1e-3,
    "clip_update": math.inf,
    "weight_decay": 0.0,
    "lookahead": math.inf,
    "lookahead_rate": 0.5,
    "ema": 0.0,
    "ema2": 0.0,
    "ema_overwrite": 0.0,
}
RANGES = parse_ranges(
    "clip_value > 0, clip_norm > 0, clip_array_norm > 0, 0 <= clip_eps < inf, clip_ratio > 0, "
    "0 < clip_ratio_floor < inf, clip_update > 0, 0 <= weight_decay < inf, 0 <= lookahead_rate <= 1, 0 <= ema < 1, "
    "0 <= ema2 < 1, 0 <= ema_overwrite <= 1",
    NUMBERS,
) | {"lookahead": Range("lookahead = 1, 2, ..., a whole number of steps", 1, whole=True)}
DECAYS = ("l2", "decoupled", "decoupled_with", "decoupled_after")
CAUTIOUS = ("mean", "count")
STATE_FORMATS = ("bfloat16", "8bit")
ROUNDINGS = ("stochastic", "nearest")
# Smaller arrays have no codes of 8 bits, if nothing else is said.
MIN_8BIT_SIZE = 4096

# The numbers that have no effect without another option, and which that may be; then those that it brings with it.
BESIDE = {
    "clip_eps": ("clip_norm", "clip_array_norm"),
    "clip_ratio_floor": ("clip_ratio",),
    "lookahead_rate": ("lookahead",),
    "ema2": ("ema",),
    "ema_overwrite": ("ema",),
}
BROUGHT = {"clip_ratio": "clip_ratio_floor", "lookahead": "lookahead_rate"}

_LEAST = 2.0**-1022  # the least normal number of float64

# No name of an author has a space.
AVERAGE, COPY, RATE = "average of the parameter", "copy of the parameter", "lr_scale of the parameter"
GRAD_NORM = "norm of the gradients"  # of all of them, before clip_norm
CALLS = "calls of accumulate"  # whose gradients a step is given the sum of
SLOW = "slow weights of the parameter"
DUE = "lookahead is due"  # 1 in the steps in which it acts
SECOND = "second average of the parameter"
SCALES_OF = "scales of {}"  # of the codes in a slot
CORRECTION = "correction of the parameter"  # a whole number, with which it is a weight of more bits
# The parts of the key by which a slot is rounded.
UPPER, LOWER = "upper bits of the key of {}", "lower bits of the key of {}"
AVERAGES = {"ema": AVERAGE, "ema2": SECOND}  # by their options
PRODUCTS = {name: f"product of {name}" for name in AVERAGES}  # of all decays of an average, that of the step too


def clipped(g: Any, limit: Any) -> Any:
    """Every element between -limit and limit; NaN stays."""
    return minimum(maximum(g, -limit), limit)


def shrink(size: Any, limit: Any, eps: Any = None) -> Any:
    """The factor that brings a norm down to a limit: exactly 1.0 within it, as optax and keras have it.

    eps: is added to the norm first, as torch adds 1e-6; None for nothing.
    """
    size = size if eps is None else size + eps
    return where(limit < math.inf, limit / maximum(size, limit), 1.0)


def norm_factor(p: Any, g: Any, numbers: Mapping[str, Any], on: Collection[str]) -> Any:
    """The factor by which the clips by norms multiply the gradient of a parameter p; all norms are of one read."""
    factor, eps = 1.0, numbers["clip_eps"] if "clip_eps" in on else None
    if "clip_norm" in on:
        factor = shrink(noted(GRAD_NORM, norm(g, over=ALL_RULES)), numbers["clip_norm"], eps)
    if "clip_array_norm" in on:
        factor = factor * shrink(norm(g) * factor, numbers["clip_array_norm"], eps)
    if "clip_ratio" in on:
        least = maximum(norm(p), numbers["clip_ratio_floor"])
        factor = factor * shrink(norm(g) * factor, numbers["clip_ratio"] * least)
    return factor


def decayed(p: Any, of: Any, numbers: Mapping[str, Any]) -> Any:
    """The parameter p less the decay of `of`; p itself where the decay is 0, since 0 * inf is NaN."""
    return where(numbers["weight_decay"] != 0, p - numbers["lr"] * numbers["weight_decay"] * of, p)


def averaged(average: Any, p: Any, decay: Any, product: Any = None) -> Any:
    """The running mean of p, as if it had no start: the first mean is p itself.

    product: of the decays of all means, this one too; None for an average that has its start.
    """
    if product is None:
        return average + (1 - decay) * (p - average)
    weight = (1 - decay) / (1 - product)
    return where(weight < 1, average + weight * (p - average), p)


def is_due(t: int, every: float) -> float:
    """1 in each step t that is a multiple of `every`, which may be infinite; else 0."""
    return float(t % every == 0)


def looked_ahead(slow: Any, p: Any, rate: Any, due: Any) -> tuple[Any, Any]:
    """The slow weights and the parameter: where it is due, slow weights go a part of the way to p, and p to them."""
    slow = where(due != 0, slow + rate * (p - slow), slow)
    return slow, where(due != 0, slow, p)


def cautious_step(base: Any, p: Any, g: Any, every: Any, normalized: str) -> Any:
    """The parameter p after a step from `base`, without the elements that the step moves along their gradient.

    every: the number of elements. normalized: the elements that move make up for the others: times `every` over how
    many move, which are counted with one more ("count", as in the authors' Lion), or taken as a thousandth of the array
    at least ("mean", as in their AdamW).
    """
    step = p - base
    agrees = step * g < 0
    moving = total(agrees)
    scale = every / (moving + 1) if normalized == "count" else 1 / maximum(moving / maximum(every, 1), 1e-3)
    return where(agrees, base + scaled(step, scale), base)


def limited_step(base: Any, p: Any, every: Any, limit: Any) -> Any:
    """The parameter p after a step from `base` whose root mean square is brought down to a limit; within it p itself.

    every: the number of elements.
    """
    step = p - base
    # Of a limit of 0, as with a rate of 0, no quotient is 0 / 0.
    factor = shrink(norm(step) / sqrt(maximum(every, 1)), maximum(limit, _LEAST))
    return where(factor < 1, base + scaled(step, factor), p)


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
        self._calls = {CALLS: 1} if on.get("accumulate") else {}
        self.name, self.start, self.states = rule.name, dict(rule.start), rule.states
        own = {name: value for name, value in NUMBERS.items() if name in on and name not in rule.hyper}
        self.riding = own
        self.hyper = {**rule.hyper, **own}
        self.ranges = {**rule.ranges, **{name: RANGES[name] for name in own if name in RANGES}}
        averages = {name: slot for name, slot in AVERAGES.items() if name in own}
        self.corrected = () if on.get("ema_uncorrected") else tuple(averages)
        self.looks = "lookahead" in own
        parameter, gradient, *slots = rule.arrays
        products = [PRODUCTS[name] for name in self.corrected]
        # The arrays that are rounded at random, by a key of each step.
        self.formats = {name for name in (on.get("state_format"), *on.get("group_formats", "").split(",")) if name}
        self.rounded = tuple(rule.arrays[2:]) if on.get("state_rounding") == "stochastic" else ()
        self.rounded += (parameter,) if on.get("param_rounding") == "stochastic" else ()
        keys = [part.format(slot) for slot in self.rounded for part in (UPPER, LOWER)]
        self.counters = (*rule.counters, *([DUE] if self.looks else []), *products, *keys)
        self.takes_loss, self.average = rule.takes_loss, rule.average
        if rule.average is not None and "master_weight_bits" in on:
            self.average = rule.average.corrected(CORRECTION, on["master_weight_bits"])
        extra = [SLOW] * self.looks + [*averages.values()] + [COPY] * ("cast_to" in on)
        # The slots whose arrays are codes, but for small ones.
        self.coded = tuple(slots) if "8bit" in self.formats else ()
        scales = [SCALES_OF.format(slot) for slot in self.coded]
        self._bits = on.get("master_weight_bits")
        corrections = [CORRECTION] * (self._bits is not None)
        self.slots = (*slots, *extra, *corrections, *scales)
        self.arrays = (parameter, gradient, *self.slots, *([RATE] if "lr_scale" in on else []))
        self.written = (parameter, *self.slots, *([gradient] if on.get("zero_grads") else []))
        self.guarded = bool(on.get("skip_nonfinite"))
        self.one_moment = on.get("second_moment") == "modulus"
        self.reciprocals = bool(on.get("reciprocals"))
        self.rates = (RATE,) if "lr_scale" in on else ()
        uncorrected = () if self.corrected else averages.values()
        self.start |= {slot: 0.0 if slot in uncorrected else parameter for slot in extra}
        self.start |= dict.fromkeys((*corrections, *scales), 0.0)
        if "weight_decay" in own and on["decay"] != "l2" and "lr" not in rule.hyper:
            raise TypeError(
                f"{rule.name} has no lr, by which decay={on['decay']!r} multiplies the weight decay; pass decay='l2'"
            )
        # A rate that is the start of a slot is none of a step.
        self._rated = "lr" in rule.hyper and "lr" not in rule.starts_from
        if "lr_scale" in on and (why := without_rates(rule)):
            raise TypeError(f"{rule.name} {why}; leave lr_scale out")
        self.formula = self._formula

    @property
    def of_step(self) -> tuple[str, ...]:
        """As a definition has it, and of how many calls the gradient is the sum."""
        return (*super().of_step, *self._calls)

    def step_numbers(self, t: int, loss: float) -> dict[str, Any]:
        """The numbers `of_step`, by name, in a step of one gradient."""
        return {**super().step_numbers(t, loss), **self._calls}

    def _numbers(self, t: int | None, loss: Any, hyper: dict[str, Any]) -> dict[str, Any]:
        beside = {name: hyper.pop(name, one) for name, one in self._calls.items()}
        beside |= {MARKED: hyper.pop(MARKED)} if MARKED in hyper else {}
        return {**super()._numbers(t, loss, hyper), **beside}

    @property
    def constants(self) -> dict[str, str]:
        """As the rule has them."""
        return self.rule.constants

    def counted(self, t: int, hyper: Mapping[str, Any]) -> dict[str, Any]:
        products = {PRODUCTS[name]: hyper[name] ** t for name in self.corrected}
        return super().counted(t, hyper) | self.beside(t, t, hyper) | products

    def stored_as(self, slot: str, parameter: View, state_format: str | None) -> str | None:
        """The type in which a slot of a parameter is stored; None for that of the parameter's computation, ABSENT for a
        slot that it does not have. state_format: of the parameter's state."""
        if slot == COPY:
            return str(self.on["cast_to"])
        if slot == CORRECTION:
            return CORRECTIONS[self.on["master_weight_bits"]] if parameter.storage == "bfloat16" else ABSENT
        of_scales = slot in map(SCALES_OF.format, self.coded)
        if not (of_scales or slot in self.rule.arrays[2:]):
            return None
        in_codes = state_format == "8bit" and parameter.size >= self.on["min_8bit_size"]
        if of_scales:
            return SCALES if in_codes else ABSENT
        if in_codes:
            return "uint8" if slot in self.rule.never_negative else "int8"
        return "bfloat16" if state_format == "bfloat16" else None

    def why_not_rows(self, stored: Mapping[str, str]) -> str:
        """Why a step of a parameter cannot be of some rows alone, with the remedy; empty if it can.

        stored: the stored types of the parameter and of its state arrays, by name.
        """
        if any(SCALES_OF.format(slot) in stored for slot in self.coded):
            return "blocks of its state share a scale; pass a dense gradient, or put it in a group with another format"
        if any(stored.get(name) == "bfloat16" for name in self.rounded):
            return (
                "each step rounds all its elements at random; pass a dense gradient, or put it in a group with "
                "'state_format': None, or round to nearest"
            )
        return ""

    @property
    def has_beside(self) -> bool:
        """Whether `beside` gives anything."""
        return self.looks or bool(self.rounded)

    def beside(self, t: int, applied: int, hyper: Mapping[str, Any]) -> dict[str, Any]:
        """Numbers of a step that follow from its count alone. t: as formulas see it. applied: which step it is of the
        parameter."""
        numbers = {DUE: is_due(t, hyper["lookahead"])} if self.looks else {}
        for slot in self.rounded:
            numbers[UPPER.format(slot)], numbers[LOWER.format(slot)] = key(self.on["seed"], slot, applied)
        return numbers

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy, and what pickle gives, is the same one wherever that is there: it is made of a rule and its options.
        return with_riders, (self.rule, *self.on.items())

    def _stored(self, name: str, value: Any, numbers: Mapping[str, Any]) -> Any:
        """The new value of an array as it is stored: of several formats, in that which the array has."""
        if self._bits is not None and name == self.arrays[0]:
            return upper(value, self._bits, name)
        if name in self.rounded:
            value = stochastic(value, numbers[UPPER.format(name)], numbers[LOWER.format(name)], name)
        return coded(value, name) if name in self.coded else value

    def _formula(self, p: Any, g: Any, /, *others: Any, **numbers: Any) -> tuple[Any, ...]:
        on, raw = self.riding, g
        if self.on.get("accumulate"):
            g = g / numbers[CALLS]
        slots, extra = others[: len(self.rule.arrays) - 2], dict(zip(self.arrays[2:], others, strict=True))
        if self.coded:
            slots = tuple(decoded(extra[slot], extra[SCALES_OF.format(slot)], slot) for slot in self.coded)
        if self._bits is not None:
            p = joined(p, extra[CORRECTION], self._bits)
        rate = abs(numbers["lr"]) if self._rated else 1.0
        if RATE in extra:
            numbers["lr"] = numbers["lr"] * extra[RATE]
        if "grad_scale" in on:
            g = scaled(g, numbers["grad_scale"])
        if "clip_value" in on:
            g = clipped(g, numbers["clip_value"])
        if not {"clip_norm", "clip_array_norm", "clip_ratio"}.isdisjoint(on):
            g = scaled(g, norm_factor(p, g, numbers, on))
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
        base, cautious = [before, *after_decay][-1], self.on.get("cautious")
        if cautious:
            new = cautious_step(base, new, g, size(raw), cautious)
        if "clip_update" in on:
            new = limited_step(base, new, size(raw), numbers["clip_update"] * rate)
        if decay == "decoupled_with":
            new = decayed(new, p, numbers)
        if decay == "decoupled_after":
            new = decayed(new, new, numbers)
        written, states = rest[: len(slots)], rest[len(slots) :]
        scales = [scale_of(value, slot) for slot, value in zip(self.coded, written, strict=False)]
        written = [
            self._stored(slot, value, numbers) for slot, value in zip(self.rule.arrays[2:], written, strict=True)
        ]
        if self.looks:
            slow, new = looked_ahead(extra[SLOW], new, numbers["lookahead_rate"], numbers[DUE])
            written.append(slow)
        averages = [
            averaged(extra[slot], new, numbers[name], numbers.get(PRODUCTS[name]))
            for name, slot in AVERAGES.items()
            if name in on
        ]
        written += averages
        if "ema_overwrite" in on:
            new = where(numbers["ema_overwrite"] != 0, averages[0], new)
        stored = self._stored(self.arrays[0], new, numbers)
        if COPY in self.arrays:
            # That of a weight in two parts is made of the weight.
            written.append(stored if self._bits is None else new)
        if self._bits is not None:
            written.append(lower(new, self._bits))
        written += scales
        if self.on.get("zero_grads"):
            written.append(0.0)
        if self.guarded:
            counts = max_norm(raw, over=ALL_RULES) < math.inf
            states.append(counts & (abs(numbers[LOSS]) < math.inf) if self.takes_loss else counts)
        return (stored, *written, *states)
