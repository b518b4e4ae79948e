"""A step with options in plain NumPy, array by array, written from the documentation and not from the kernels."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastopt import LossScaler
from fastopt.kernels import Rule, maximum, minimum, norm
from fastopt.kernels.language.decoupled import decays
from fastopt.kernels.reference import arithmetic_of

# The options with a number, and the number that changes nothing.
NEUTRAL = {
    "grad_scale": 1.0,
    "clip_value": np.inf,
    "clip_norm": np.inf,
    "clip_array_norm": np.inf,
    "clip_eps": 0.0,
    "clip_ratio": np.inf,
    "clip_ratio_floor": 1e-3,
    "clip_update": np.inf,
    "weight_decay": 0.0,
    "lookahead": np.inf,
    "lookahead_rate": 0.5,
    "ema": 0.0,
    "ema2": 0.0,
    "ema_overwrite": 0.0,
}


PER_ARRAY = ("params", "rules", "starts", "slots", "cast", "states", "ema", "ema2", "slow", "counts", "decays", "sums")
AVERAGES = ("ema", "ema2")


class PlainModel:
    """Lists of NumPy arrays and the options of an Optimizer; `step` is what that must do.

    options: by name, numbers and functions of the step among them. groups: dictionaries of numbers, the later before
    the earlier, perhaps with a "rule"; members: for each array which of them hold. scaler: a LossScaler of its own.
    """

    def __init__(
        self,
        rule: Rule,
        params: Sequence[Any],
        options: Mapping[str, Any],
        groups: Sequence[dict[str, Any]] = (),
        members: Sequence[Sequence[int]] | None = None,
        scaler: LossScaler | None = None,
    ) -> None:
        self.rule, self.options, self.scaler = rule, dict(options), scaler
        self.groups, self.members = [self._whole(group) for group in groups], members or [()] * len(params)
        numbers = {**rule.hyper, **options}
        named = {*numbers, *(name for group in groups if "rule" not in group for name in group)}
        named |= {"clip_ratio_floor"} if "clip_ratio" in named else set()
        named |= {"lookahead_rate"} if "lookahead" in named else set()
        self.hyper = {name: value for name, value in (NEUTRAL | numbers).items() if name in named}
        self.params = [p.copy(order="K") for p in params]
        self.compute = np.dtype("float64" if params[0].dtype == np.float64 else "float32")
        # Of each array its rule and where its slots start.
        self.rules: list[Rule] = []
        self.starts: list[list[Any]] = []
        for own in self.members:
            ruled = [self.groups[group]["rule"] for group in own if "rule" in self.groups[group]]
            self.rules.append(ruled[-1] if ruled else rule)
            starts = ruled[-1].start if ruled else {**rule.start, **options.get("start", {})}
            self.starts.append([*starts.values()])
        with np.errstate(all="ignore"):
            self.slots = [self._started(k) for k in range(len(params))]
            self.cast = [p.astype(options["cast_to"]) for p in params] if "cast_to" in options else []
        self.states = [dict(own.states) for own in self.rules]
        self.ema, self.ema2, self.slow = ([np.zeros_like(p, self.compute) for p in params] for _ in range(3))
        self.loss = 1.0  # of every step
        # Of the gradients that were accumulated, and of how many calls these are.
        self.sums: list[Any] = [None] * len(params)
        self.calls = 0
        # The steps of each array, the decays of its averages, and the steps of all together.
        self.counts, self.t, self.skipped = [0] * len(params), 0, 0
        self.decays: list[dict[str, tuple[Any, ...]]] = [dict.fromkeys(AVERAGES, ()) for _ in params]
        self.follow()

    def _whole(self, group: Mapping[str, Any]) -> dict[str, Any]:
        """A group with all that it brings: of a rule its numbers, and what the rule of all has as a number of its own,
        which does not ride along, as if it were off."""
        if "rule" not in group:
            return dict(group)
        off = {name: NEUTRAL[name] for name in self.rule.hyper if name in NEUTRAL}
        return {"decay": self.options.get("decay", "l2"), **off, **group["rule"].hyper, **group}

    def _started(self, k: int) -> list[Any]:
        """The slots of an array before the first step, NaN where they are to follow the parameter."""
        numbers = {**self._merged(k), self.rules[k].arrays[0]: np.nan}
        return [np.full_like(self.params[k], numbers.get(start, start), self.compute) for start in self.starts[k]]

    def add(self, k: int, array: Any, members: Sequence[Sequence[int]]) -> None:
        """Take an array without steps for its k-th. members: of all arrays."""
        other = PlainModel(self.rule, [array], {**self.options, **self.hyper}, self.groups, [members[k]])
        for name in PER_ARRAY:
            getattr(self, name)[k:k] = getattr(other, name)
        self.members = members

    def drop(self, k: int, members: Sequence[Sequence[int]]) -> None:
        """Forget an array. members: of the others."""
        for name in PER_ARRAY:
            del getattr(self, name)[k : k + 1]
        self.members = members

    def follow(self, but: Sequence[bool] = ()) -> None:
        """Have copies and averages without a mean equal the parameters. but: for each array whether its copy stays."""
        with np.errstate(all="ignore"):
            for k, p in enumerate(self.params):
                if self.cast and not (but and but[k]):
                    self.cast[k][...] = p.astype(self.cast[k].dtype)
                self._begin(k)

    def _begin(self, k: int) -> None:
        """Have an average without a mean equal the parameter; before the first step slow weights too, and slots that
        start so."""
        for name in AVERAGES:
            if not (self.decays[k][name] or self.options.get("ema_uncorrected")):
                getattr(self, name)[k][...] = self.params[k]
        if not self.counts[k]:
            self.slow[k][...] = self.params[k]
        for slot, start in zip(self.slots[k], self.starts[k], strict=True):
            if start == self.rules[k].arrays[0] and not self.counts[k]:
                slot[...] = self.params[k]

    def _merged(self, k: int) -> dict[str, Any]:
        """The numbers of an array, functions of the step among them, and the kind of its decay."""
        merged = dict(self.hyper)
        for group in self.members[k]:
            merged |= self.groups[group]
        return {n: value for n, value in merged.items() if n in self.rules[k].hyper or n in NEUTRAL or n == "decay"}

    def functions(self, k: int) -> list[Any]:
        """The functions of the step that an array's next step will call."""
        return [value for value in self._merged(k).values() if callable(value)]

    def numbers(self, k: int) -> dict[str, Any]:
        """The numbers for the next step of an array."""
        merged = self._merged(k)
        return {name: value(self.t + 1) if callable(value) else value for name, value in merged.items()}

    def accumulate(self, grads: Sequence[Any]) -> list[Any]:
        """Add up gradients; returns them as they are afterwards."""
        self.calls += 1
        for k, g in enumerate(grads):
            if g is None:
                continue
            with np.errstate(all="ignore"):
                new, old = g.astype(self.compute).reshape(-1), self.sums[k]
            with arithmetic_of(self.compute.name), np.errstate(all="ignore"):
                self.sums[k] = self._stored(new if old is None else old.reshape(-1) + new, k, range(g.ndim))
        return self._zeroed(grads)

    def step(self, grads: Sequence[Any] | None = None) -> list[Any]:
        """One step; returns the gradients as they are afterwards. What raises has changed nothing.

        grads: None for those that were accumulated.
        """
        grads = self.sums if grads is None else grads
        with arithmetic_of(self.compute.name), np.errstate(all="ignore"):
            active = {k: g for k, g in enumerate(grads) if g is not None}
            for k in active:
                self._begin(k)
            if active:
                self._step(active)
        self.sums, self.calls = [None] * len(self.params), 0
        return self._zeroed(grads)

    def _zeroed(self, grads: Sequence[Any]) -> list[Any]:
        return [g if g is None or not self.options.get("zero_grads") else np.zeros_like(g) for g in grads]

    def _step(self, grads: dict[int, Any]) -> None:
        numbers = {k: self.numbers(k) for k in range(len(self.params))}
        finite = all(np.isfinite(g.astype(self.compute)).all() for g in grads.values())
        if not finite and (self.options.get("skip_nonfinite") or self.scaler):
            self.skipped += 1
            if self.scaler:
                self.scaler.update(False)
            return
        # NumPy's scalars have rules of their own; these have one dimension.
        axes = {k: order(self.params[k], g) for k, g in grads.items()}
        g = {k: self._row(x, axes[k]) for k, x in grads.items()}
        unscale = self.scaler.inverse() if self.scaler else 1.0
        for k, n in numbers.items():
            if self.scaler:
                n["grad_scale"] = n.get("grad_scale", 1.0) * unscale
            if k in g and self.options.get("accumulate") == "mean":
                g[k] = g[k] / max(self.calls, 1)
            if k in g:
                g[k] = clipped(g[k], n)
        if {"clip_norm", "clip_array_norm", "clip_ratio"} & self.hyper.keys():
            whole = norm(list(g.values()))
            for k in g:
                n = NEUTRAL | numbers[k]
                factor = shrink(whole, n["clip_norm"], n["clip_eps"])
                factor *= shrink(norm(g[k]) * factor, n["clip_array_norm"], n["clip_eps"])
                own = max(norm(self._row(self.params[k], axes[k])), n["clip_ratio_floor"])
                factor *= shrink(norm(g[k]) * factor, n["clip_ratio"] * own)
                g[k] = times(g[k], factor)
        new = {k: self._new(k, axes[k], -x if self.options.get("maximize") else x, numbers[k]) for k, x in g.items()}
        self.t += 1
        for k, (p, slots, states, beside) in new.items():
            self.counts[k], self.slots[k], self.states[k] = self.counts[k] + 1, slots, states
            for name in AVERAGES:
                if name in numbers[k]:
                    self.decays[k][name] = one_more(self.decays[k][name], numbers[k][name])
            for name, array in beside.items():
                getattr(self, name)[k] = array
            _set(self.params[k], p)
            if self.cast:
                _set(self.cast[k], p)
        if self.scaler:
            self.scaler.update(True)

    def _new(
        self, k: int, axes: Sequence[int], g: Any, n: dict[str, Any]
    ) -> tuple[Any, list[Any], Any, dict[str, Any]]:
        """Of one array the parameter in the type that computes, the slots, the uniform states and what is beside them,
        by its name here."""
        rule = self.rules[k]
        t = (self.t if self.options.get("count") == "optimizer" else self.counts[k]) + 1
        hyper = {name: n[name] for name in rule.hyper}
        kind = ByReciprocals if self.options.get("reciprocals") else np.ndarray
        g = g.view(kind)
        p, slots = self._row(self.params[k], axes).view(kind), [self._row(s, axes).view(kind) for s in self.slots[k]]
        wd = 0.0 if "weight_decay" in rule.hyper else n.get("weight_decay", 0.0)
        decay = n.get("decay", "l2")
        start = p
        if wd and decay == "l2":
            g = g + wd * p
        if wd and decay == "decoupled":
            start = p - n["lr"] * wd * p
        # Of a loss that is climbed the minimum is that of its negative.
        step = rule.step_numbers(t, -self.loss if self.options.get("maximize") else self.loss)
        with decays() as after_decay:
            results = rule.formula(start, g, *slots, **step, **hyper, **self.states[k])
        new, *rest = results if isinstance(results, tuple) else (results,)
        base = [start, *after_decay][-1]
        if normalized := self.options.get("cautious"):
            agrees = (new - base) * g < 0
            moving, every = float(np.count_nonzero(agrees)), float(g.size)
            factor = every / (moving + 1) if normalized == "count" else 1 / max(moving / max(every, 1.0), 1e-3)
            new = np.where(agrees, base + (new - base) * factor, base)
        if "clip_update" in n:
            limit = n["clip_update"]
            if "lr" in hyper and "lr" not in rule.starts_from:
                limit *= abs(hyper["lr"])
            factor = shrink(norm(new - base) / float(np.sqrt(max(g.size, 1))), max(limit, 2.0**-1022))
            new = base + times(new - base, factor) if factor < 1 else new
        if wd and decay == "decoupled_with":
            new = new - n["lr"] * wd * p
        if wd and decay == "decoupled_after":
            new = new - n["lr"] * wd * new
        beside = {}
        if "lookahead" in n:
            slow = self._row(self.slow[k], axes)
            if t % n["lookahead"] == 0:
                new = slow = slow + n["lookahead_rate"] * (new - slow)
            beside["slow"] = self._stored(slow, k, axes)
        means = {name: self._mean(k, name, self._row(getattr(self, name)[k], axes), new, n) for name in AVERAGES}
        beside |= {name: self._stored(mean, k, axes) for name, mean in means.items() if name in n}
        new = means["ema"] if n.get("ema_overwrite") else new
        count = len(slots)
        states = dict(zip(rule.states, map(float, rest[count:]), strict=True))
        # What the formula passes on as it is stays as it is, denormals and all.
        kept = [
            old if value is row else self._stored(value, k, axes)
            for old, row, value in zip(self.slots[k], slots, rest[:count], strict=True)
        ]
        return self._stored(new, k, axes), kept, states, beside

    def _mean(self, k: int, name: str, average: Any, new: Any, n: dict[str, Any]) -> Any:
        """What an average becomes with the new parameter."""
        decay = n.get(name, 0.0)
        if self.options.get("ema_uncorrected"):
            return average + (1 - decay) * (new - average)
        weight = (1 - decay) / (1 - product(one_more(self.decays[k][name], decay)))
        return new if weight == 1 else average + weight * (new - average)

    def _row(self, x: Any, axes: Sequence[int]) -> Any:
        return x.transpose(axes).reshape(-1).astype(self.compute)

    def _stored(self, row: Any, k: int, axes: Sequence[int]) -> Any:
        """What a row becomes in memory, in the shape and layout of the parameter: in float32 without denormals."""
        result = np.empty_like(self.params[k], self.compute)
        kept = np.where(abs(row) < 2.0**-126, row * 0, row) if self.compute == np.float32 else row
        result.transpose(axes)[...] = kept.reshape([result.shape[axis] for axis in axes])
        return result

    def copy(self) -> "PlainModel":
        """What it is now."""
        one = copy.copy(self)
        for name in ("params", "slots", "ema", "ema2", "slow", "cast", "decays", "sums"):
            setattr(one, name, copy.deepcopy(getattr(self, name)))
        one.states, one.counts = [dict(own) for own in self.states], list(self.counts)
        one.hyper, one.groups = dict(self.hyper), [dict(group) for group in self.groups]
        one.scaler = copy.copy(self.scaler)
        return one

    def load(
        self, saved: "PlainModel", params: bool = True, without: Callable[[str, int], bool] = lambda name, k: False
    ) -> None:
        """Go on from a copy of another model, with the functions of the step of this one.

        without: whether the saved state lacks an array of the k-th: a slot by its name, or another by its name here.
        """
        copies = []
        for k, mine in enumerate(self.params):
            taken = params and not without("params", k)
            if taken:
                mine[...] = saved.params[k]
            copies.append(taken and not without("cast", k))
            if self.cast and copies[k]:
                self.cast[k][...] = saved.cast[k]
            for name in AVERAGES:
                if not without(name, k):
                    getattr(self, name)[k][...] = getattr(saved, name)[k]
                    self.decays[k][name] = saved.decays[k][name]
            whole = not any(without(slot, k) for slot in self.rules[k].slots)
            if not without("slow", k):
                self.slow[k][...] = saved.slow[k]
            elif taken or whole:
                self.slow[k][...] = mine
            if whole:
                self.slots[k] = copied(saved.slots[k], like=self.slots[k])
                self.states[k], self.counts[k] = dict(saved.states[k]), saved.counts[k]
        self.follow(copies)
        self.calls = saved.calls
        self.sums = [None if without("sums", k) else copy.deepcopy(own) for k, own in enumerate(saved.sums)]
        self.t, self.skipped = saved.t, saved.skipped
        if self.scaler and saved.scaler:
            self.scaler.load_state_dict(saved.scaler.state_dict())
        for own, others in zip([self.hyper, *self.groups], [saved.hyper, *saved.groups], strict=True):
            own |= {name: x for name, x in others.items() if not callable(x) and not callable(own[name])}


class ByReciprocals(np.ndarray):
    """Divided by a number it is multiplied by the number's reciprocal."""

    def __truediv__(self, other: Any) -> Any:
        return super().__truediv__(other) if isinstance(other, np.ndarray) else self * (1.0 / other)


def order(p: Any, g: Any) -> list[int]:
    """The axes in the order in which norms add up: as in memory if p and g are dense and lie alike, else as in C.

    A gradient of one number, broadcast, lies like any array.
    """
    one = g.size > 1 and not any(stride for stride, n in zip(g.strides, g.shape, strict=True) if n > 1)
    axes = sorted((axis for axis in range(p.ndim) if p.shape[axis] > 1), key=lambda axis: -p.strides[axis])
    expected = 1
    for axis in reversed(axes):
        if p.strides[axis] != expected * p.itemsize or not (one or g.strides[axis] == expected * g.itemsize):
            return list(range(p.ndim))
        expected *= p.shape[axis]
    return [axis for axis in range(p.ndim) if axis not in axes] + axes


def clipped(g: Any, n: Mapping[str, Any]) -> Any:
    """A gradient after its scale and the clip of its elements."""
    if "grad_scale" in n:
        g = times(g, n["grad_scale"])
    if "clip_value" in n:
        # Not np.clip: of a limit that is 0 in float32 the sign of the result is documented so.
        g = minimum(maximum(g, -n["clip_value"]), n["clip_value"])
    return g


def one_more(decays: tuple[Any, ...], decay: float) -> tuple[Any, ...]:
    """The decays of an average and one more: the product of the earlier ones, the latest, and how often that came in
    turn. Nothing for no decay."""
    before, latest, times = decays or (1.0, decay, 0)
    return (before, latest, times + 1) if decay == latest else (product(decays), decay, 1)


def product(decays: tuple[Any, ...]) -> float:
    """Of all decays; equal ones in turn are a power."""
    before, latest, times = decays
    return float(before * latest**times)


def times(g: Any, factor: float) -> Any:
    """The gradient times a factor, which float32 may take for 0."""
    last = 2.0**-126 if abs(factor) < 2.0**-126 else 1.0
    return g * (factor / last) * last


def shrink(size: float, limit: float, eps: float = 0.0) -> float:
    """What brings a norm down to a limit."""
    return limit / max(size + eps, limit) if limit < np.inf else 1.0


def copied(values: Any, like: Any) -> Any:
    """A list or an array with these values, in the layout of another."""
    if isinstance(values, list):
        return [copied(a, b) for a, b in zip(values, like, strict=True)]
    result = np.empty_like(like)
    result[...] = values
    return result


def _set(array: Any, values: Any) -> None:
    array[...] = values.astype(array.dtype)
