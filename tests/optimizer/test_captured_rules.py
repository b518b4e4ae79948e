"""Replays of a captured step of several rules have the bits of ordinary steps on the CPU: all rules step, or none."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from replays import assert_equal, bits, captured, carries, halved_by_norm
from replays import on as on
from replays import shim as shim

import fastopt
from fastopt import schedules
from fastopt.kernels import rule

# In the order of the tree neighbours have different rules.
SIZES = {"a.embed": 700, "b.w": 65, "c.head": 9, "d.embed": 5_000, "e.w": 3, "f.head": 130, "g.w": 0}


@rule
def constant(p, g, *, lr=0.1):
    """A rule that does not read its gradient."""
    return p - lr


def drawn(seed: int, sizes: Mapping[str, int] = SIZES) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    kinds = {name: "float64" if name == "e.w" else "float32" for name in sizes}
    return {name: generator.standard_normal(size).astype(kinds[name]) for name, size in sizes.items()}


class Pair:
    """An optimizer there, and the same one on the CPU. rest: the parameters that have no gradient."""

    def __init__(self, on: Any, rule: Any, rest: tuple[str, ...] = (), **options: Any) -> None:
        self.on, self.rest = on, rest
        self.opt = fastopt.Optimizer({name: on.array(p) for name, p in drawn(0).items()}, rule, **options)
        with on.on_the_cpu():
            self.expected = fastopt.Optimizer(drawn(0), rule, **options)
        self.grads = {name: None if name in rest else on.array(g) for name, g in drawn(1).items()}

    def give(self, seed: int, **bad: float) -> dict[str, Any]:
        """Write new gradients in place; returns them for the CPU. bad: the first element of some."""
        given: dict[str, Any] = {name: None if name in self.rest else g for name, g in drawn(seed).items()}
        for name, value in bad.items():
            given[f"{name[0]}.{name[1:]}"][0] = value
        for name, gradient in given.items():
            if gradient is not None:
                self.grads[name][...] = self.on.array(gradient)
        return given

    def take(self, step: Callable[[], Any], seed: int, **bad: float) -> None:
        """A step of both."""
        given = self.give(seed, **bad)
        step()
        with self.on.on_the_cpu():
            self.expected.step(given)

    def check(self) -> None:
        opt, expected = self.opt, self.expected
        assert_equal(opt, expected, self.on)
        for of in (None, *opt.groups):
            assert opt.numbers(of, last=True) == expected.numbers(of, last=True)


GROUPS = {
    "*.embed": {"rule": "adamw", "lr": schedules.linear(0.05, end=0.01, steps=7)},
    "*.head": {"rule": "lamb", "lr": lambda t: 0.1 / t},
}


@pytest.mark.parametrize("rest", [(), ("b.w", "c.head", "e.w", "g.w")])
def test_replays_have_the_bits_of_ordinary_steps(rest: tuple[str, ...], on: Any) -> None:
    options = {"clip_norm": 4.0, "skip_nonfinite": True, "ema": 0.9}
    both = Pair(on, "momentum", rest, groups=GROUPS, **options)
    step = both.opt.captured(both.grads, steps=5)
    replay = captured(step)
    assert both.opt.t == 0
    # The first norm has other bits in another order of the arrays.
    for k in range(20, 26):
        both.take(replay, k, **({"fhead": np.inf} if k == 22 else {}))
        assert both.opt.grad_norm == both.expected.grad_norm
    assert (both.opt.t, both.opt.skipped, step.left) == (5, 1, 0)
    both.check()
    before = bits(both.opt, on)
    replay()
    with pytest.raises(RuntimeError, match=r"its 5 captured steps 5 were applied and 1 skipped; then there"):
        _ = both.opt.t
    assert bits(both.opt, on) == before
    for opt in (both.opt, both.expected):
        opt.groups["*.head"].lr = 0.25
    step.refill()
    both.take(replay, 26)
    both.check()
    step.close()
    both.take(lambda: both.opt.step(both.grads), 27)
    both.check()


def test_a_division_by_zero_in_one_rule_stops_all(on: Any) -> None:
    """A state that the GPU carries stays too, and so does that of a rule at rest, which the host works out."""
    groups = {"*.embed": {"rule": halved_by_norm}, "*.head": {"rule": "nadam"}}
    rest = ("c.head", "f.head", "g.w")
    both = Pair(on, carries, rest, groups=groups, count="optimizer")
    step = both.opt.captured(both.grads, steps=9)
    replay = captured(step)
    for k in range(3):
        both.take(replay, k)
    both.check()
    both.give(3)
    both.grads["d.embed"][...] = 0
    replay()
    both.give(4)
    replay()
    message = r"carries, halved_by_norm, nadam: of its 9 .* 3 were applied and 0 skipped; then a number that follows"
    with pytest.raises(RuntimeError, match=message):
        _ = both.opt.t
    both.check()
    step.refill()
    both.take(replay, 5)
    both.check()


def test_states_stay_in_a_step_that_is_skipped_and_not_all_rules_read_the_gradient(on: Any) -> None:
    groups = {"*.embed": {"rule": constant}, "*.head": {"rule": "nadam", "clip_array_norm": 0.5}}
    both = Pair(on, carries, ("c.head",), groups=groups, clip_norm=2.0, skip_nonfinite=True)
    with both.opt.captured(both.grads, steps=9) as step:
        replay = captured(step)
        for k in range(4):
            # The squares of float64 leave the range, and the norm of all does not.
            both.take(replay, k, **{1: {"dembed": np.inf}, 2: {"ew": 1e200}}.get(k, {}))
            assert both.opt.grad_norm == both.expected.grad_norm
            both.check()


def test_functions_of_the_step_are_asked_as_in_ordinary_steps(on: Any) -> None:
    asked: list[tuple[str, int]] = []

    def rate(rule: str) -> Callable[[int], float]:
        return lambda t: asked.append((rule, t)) or 0.1  # type: ignore[func-returns-value]

    groups = {"*.embed": {"rule": "nadam", "lr": rate("nadam")}, "*.head": {"rule": "lion", "lr": rate("lion")}}
    both = Pair(on, "sgd", ("a.embed", "d.embed"), lr=rate("sgd"), groups=groups, count="optimizer")
    asked.clear()  # When they were made they asked each once.
    both.opt.captured(both.grads, steps=3).close()
    beforehand = asked.copy()
    asked.clear()
    for k in range(3):
        both.take(lambda: None, k)
    # A rule at rest whose numbers go on is asked too.
    assert beforehand == asked == [(name, t) for t in (1, 2, 3) for name in ("sgd", "lion", "nadam")]


def test_what_cannot_be_captured_is_said_by_name(on: Any) -> None:
    array = on.array(np.ones(3, "float32"))
    with_loss = fastopt.SGD({"a": array, "b": array.copy()}, groups={"b": {"rule": "momo"}})
    grads = {"a": array.copy(), "b": array.copy()}
    with pytest.raises(ValueError, match="but momo takes the loss of each"):
        with_loss.captured(grads)
    opt = fastopt.SGD({"a": array, "b": array.copy()}, groups={"b": {"rule": "lion"}})
    with pytest.raises(ValueError, match=r"grads\['b'\] shares memory with params\['a'\]"):
        opt.captured({**grads, "b": array})
    with pytest.raises(ValueError, match=r"grads\['b'\] has shape"):
        opt.captured({**grads, "b": on.array(np.ones(4, "float32"))})
    opt.step(grads)
    assert opt.t == 1
