"""A step with options in plain NumPy, array by array, written from the documentation and not from the kernels."""

from typing import Any

import numpy as np

from fastopt.kernels import Rule, norm
from fastopt.kernels.reference import denormals_flushed


class PlainModel:
    """Lists of NumPy arrays and the options of an Optimizer; `step` is what that must do.

    It flushes the numbers beside float32 arrays too, which an Optimizer does not: NAdam's product of momenta is such a
    denormal after 975 steps.
    """

    def __init__(self, rule: Rule, params: list[Any], options: dict[str, Any]) -> None:
        self.rule, self.options = rule, options
        self.params = [p.copy() for p in params]
        self.compute = np.dtype("float64" if params[0].dtype == np.float64 else "float32")
        starts = [rule.hyper[v] if isinstance(v, str) else v for v in rule.start.values()]
        self.slots = [[np.full(p.shape, v, self.compute) for v in starts] for p in params]
        self.states = [dict(rule.states) for _ in params]
        self.ema = [np.zeros(p.shape, self.compute) for p in params]
        self.t = self.skipped = 0

    def step(self, grads: list[Any]) -> list[Any]:
        """One step; returns the gradients as they are afterwards."""
        if self.compute == np.float32:
            with denormals_flushed(), np.errstate(all="ignore"):
                self._step(grads)
        else:
            with np.errstate(all="ignore"):
                self._step(grads)
        return [np.zeros_like(g) for g in grads] if self.options.get("zero_grads") else grads

    def _step(self, grads: list[Any]) -> None:
        o = self.options
        if o.get("skip_nonfinite") and not all(np.isfinite(g.astype("float64")).all() for g in grads):
            self.skipped += 1
            return
        self.t += 1
        # NumPy's scalars have rules of their own; arrays have one dimension at least.
        g = [np.atleast_1d(x.astype(self.compute)) for x in grads]
        p = [np.atleast_1d(x.astype(self.compute)) for x in self.params]
        if "grad_scale" in o:
            g = [x * o["grad_scale"] for x in g]
        if "clip_value" in o:
            g = [np.clip(x, -o["clip_value"], o["clip_value"]) for x in g]
        factors = [1.0] * len(g)
        sizes = [norm(x) for x in g]
        if "clip_norm" in o:
            factors = [o["clip_norm"] / max(norm(g), o["clip_norm"])] * len(g)
        if "clip_array_norm" in o:
            limit = o["clip_array_norm"]
            factors = [f * (limit / max(size * f, limit)) for f, size in zip(factors, sizes, strict=True)]
        if "clip_norm" in o or "clip_array_norm" in o:
            g = [x * f for x, f in zip(g, factors, strict=True)]
        if o.get("maximize"):
            g = [-x for x in g]
        wd, decay, lr = o.get("weight_decay", 0.0), o.get("decay", "l2"), self.rule.hyper.get("lr")
        if wd and decay == "l2":
            g = [x + wd * q for x, q in zip(g, p, strict=True)]
        given = {**self.rule.hyper, **({"t": self.t} if self.rule.uses_t else {})}
        for k, (q, x) in enumerate(zip(p, g, strict=True)):
            start = q - lr * wd * q if wd and decay == "decoupled" else q
            slots = map(np.atleast_1d, self.slots[k])
            results = self.rule.formula(start, x, *slots, **given, **self.states[k])
            new, *rest = results if isinstance(results, tuple) else (results,)
            if wd and decay == "decoupled_with":
                new = new - lr * wd * q
            if wd and decay == "decoupled_after":
                new = new - lr * wd * new
            count = len(self.slots[k])
            shape = self.params[k].shape
            self.slots[k] = [self._stored(s).reshape(shape) for s in rest[:count]]
            self.states[k] = dict(zip(self.rule.states, rest[count:], strict=True))
            if "ema" in o:
                weight = (1 - o["ema"]) / (1 - o["ema"] ** self.t)
                average = np.atleast_1d(self.ema[k])
                self.ema[k] = self._stored(average + weight * (new - average)).reshape(shape)
            new = self._stored(new).reshape(shape)
            self.params[k] = new.astype(self.params[k].dtype)
            if "cast_to" in o:
                self.cast = getattr(self, "cast", [None] * len(p))
                self.cast[k] = new.astype(o["cast_to"])

    def _stored(self, x: Any) -> Any:
        return np.where(abs(x) < 2.0**-126, x * 0, x) if self.compute == np.float32 else x
