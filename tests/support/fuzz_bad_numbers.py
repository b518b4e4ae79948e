"""Bad calls with numbers and options: of an optimizer that is there, of one that is to be made, and of a rule."""

from collections.abc import Callable
from typing import Any

import numpy as np
from fuzz_calls import WRONG, Calls, Made
from hypothesis import strategies as st

import fastopt
from fastopt.kernels import RULES
from fastopt.kernels.language.spellings import SPELLINGS
from fastopt.kernels.program.floors import floors
from fastopt.kernels.riders import RANGES

CALLS = Calls()


class Trouble(Exception):
    """What a user's own function raises."""


NUMBERS: dict[str, Any] = {
    "NaN": np.nan,
    "NumPy's NaN": np.float32(np.nan),
    "text": "0.1",
    "None": None,
    "True": True,
    "complex": 1j,
    "an array": np.ones(3),
    "a list": [0.1],
    "an endless integer": 10**400,
    "a function that gives NaN": lambda t: np.nan,
    "a function that gives text": lambda t: "0.1",
    "a function that fails": lambda t: 1 / 0,
    "a function of nothing": lambda: 0.1,
    "out of range": ...,
}


def _number(value: Any) -> Callable[[Any, Any], Made]:
    def made(m: Any, data: Any) -> Made:
        place = data.draw(st.integers(0, len(m.problem.groups)))
        layer = [m.opt.hyper, *m.opt.groups.values()][place]
        rule = m.rules_of(place)[0]
        name = data.draw(st.sampled_from([n for n in m.case.numbers_of(rule) if n not in rule.constants]))
        wrong = value
        if value is ...:
            valid = rule.ranges.get(name) if name in rule.hyper else RANGES.get(name)
            if valid is None:
                return None
            wrong = valid.low - 1 if np.isfinite(valid.low) else valid.high + 1
        if data.draw(st.booleans()):
            return lambda: layer.__setitem__(name, wrong), (*WRONG, ZeroDivisionError)
        return lambda: setattr(layer if place else m.opt, name, wrong), (*WRONG, ZeroDivisionError)

    return made


CALLS |= {f"number: {name}": _number(value) for name, value in NUMBERS.items()}


@CALLS.add("number: no such name")
def _(m: Any, data: Any) -> Made:
    layer = data.draw(st.sampled_from([m.opt.hyper, *m.opt.groups.values()]))
    return lambda: layer.__setitem__("learning_rate", 0.1), WRONG


@CALLS.add("attribute: another library's, another optimizer's, or mistyped")
def _(m: Any, data: Any) -> Made:
    names = [*SPELLINGS, *RULES[data.draw(st.sampled_from(sorted(RULES)))].hyper, *RANGES, "lrr", "weigth_decay"]
    name = data.draw(st.sampled_from([n for n in names if n not in m.opt.hyper]))
    call = data.draw(st.sampled_from([lambda: setattr(m.opt, name, 0.5), lambda: delattr(m.opt, name)]))
    return call, (AttributeError,)


@CALLS.add("number: removed")
def _(m: Any, data: Any) -> Made:
    return lambda: m.opt.hyper.__delitem__("lr"), WRONG


@CALLS.add("number: of all gradients, in a group")
def _(m: Any, data: Any) -> Made:
    if "clip_norm" not in m.case.options or not m.opt.groups:
        return None
    group = data.draw(st.sampled_from(list(m.opt.groups.values())))
    return lambda: group.__setitem__("clip_norm", 0.5), WRONG


@CALLS.add("number: 0 in float32, in a divisor")
def _(m: Any, data: Any) -> Made:
    names = [n for n in floors(m.opt._updater.sections[0].program) if n.startswith("eps")]
    of_all = m.model.rules[0] is m.case.rule and not any(names and names[0] in group for group in m.opt.groups.values())
    if not names or m.arrays[0].dtype == np.float64 or not of_all:
        return None
    return lambda: m.opt.hyper.__setitem__(names[0], data.draw(st.sampled_from([1e-38, 1e-45, 5e-324]))), WRONG


@CALLS.add("switch: set afterwards")
def _(m: Any, data: Any) -> Made:
    if not m.case.rule.statics:
        return None
    name = data.draw(st.sampled_from(m.case.rule.statics))
    layer = data.draw(st.sampled_from([m.opt.hyper, *m.opt.groups.values()]))
    return lambda: layer.__setitem__(name, m.case.rule.hyper[name]), WRONG


@CALLS.add("a count is set")
def _(m: Any, data: Any) -> Made:
    name = data.draw(
        st.sampled_from(["t", "skipped", "state", "uniform_states", "ema", "ema2", "cast", "grads", "monitors"])
    )
    # With the option, ema is also a number that can be set, below 1.
    return lambda: setattr(m.opt, name, 3), (ValueError if name in m.opt.hyper else AttributeError,)


@CALLS.add("an option that is off is asked for")
def _(m: Any, data: Any) -> Made:
    names = [n for n, option in (("ema", "ema"), ("ema2", "ema2"), ("cast", "cast_to")) if option not in m.case.options]
    return (lambda: getattr(m.opt, data.draw(st.sampled_from(names))), (AttributeError,)) if names else None


FAILURES: dict[str, Any] = {"NaN": np.nan, "text": "0.1", "nothing": None, "an array": np.ones(3), "an error": Trouble}


@CALLS.add("step: a function of the step fails")
def _(m: Any, data: Any) -> Made:
    used = {id(s): s for k in range(len(m.arrays)) for s in m.model.functions(k)}
    if not used:
        return None
    function, what = data.draw(st.sampled_from(list(used.values()))), data.draw(st.sampled_from(sorted(FAILURES)))
    gradients = m.tree(m.gradients(4))

    def trouble() -> Any:
        if what == "an error":
            raise Trouble("from the user's own function")
        return FAILURES[what]

    def call() -> None:
        function.trouble = trouble
        try:
            m.opt.step(gradients)
        finally:
            function.trouble = None

    return call, (*WRONG, Trouble)


OPTIMIZERS: dict[str, dict[str, Any]] = {
    "an unknown hyperparameter": {"learning_rate": 0.1},
    "a rate that is not": {"lr": np.nan},
    "an unknown decay": {"decay": "l3"},
    "a decay without effect": {"decay": "l2", "weight_decay": None},
    "an unknown type": {"cast_to": "int8"},
    "a clip of nothing": {"clip_norm": 0.0},
    "a group of nothing": {"groups": {"nowhere": {"lr": 0.1}}},
    "a clip of all in a group": {"groups": {"*": {"clip_norm": 1.0}}},
    "an eps of no clip": {"clip_eps": 1e-6, "clip_norm": None, "clip_array_norm": None},
    "an unknown number in a group": {"groups": {"*": {"learning_rate": 1.0}}},
    "an unknown rule of a group": {"groups": {"*": {"rule": "adma"}}},
    "groups that are none": {"groups": {"*": 3}},
    "a loss scaler that is none": {"loss_scaler": 1024.0},
}


def _optimizer(given: dict[str, Any]) -> Callable[[Any, Any], Made]:
    def made(m: Any, data: Any) -> Made:
        return lambda: fastopt.Optimizer(m.opt.params, m.case.rule, **{"shared": m.shared, **given}), WRONG

    return made


CALLS |= {f"optimizer: {name}": _optimizer(given) for name, given in OPTIMIZERS.items()}


@CALLS.add("optimizer: shared without effect, or not said")
def _(m: Any, data: Any) -> Made:
    return lambda: fastopt.Optimizer(m.opt.params, m.case.rule, shared=not m.shared), WRONG


@CALLS.add("optimizer: an array that is none, or one that shares memory")
def _(m: Any, data: Any) -> Made:
    wrong = [3, np.float32(1), object(), np.ones(3, int), np.broadcast_to(np.float32(1), (3,))]
    wrong += [a.reshape(-1)[:1] for a in m.arrays if a.size and np.shares_memory(a, a.reshape(-1))]
    one = data.draw(st.integers(0, len(wrong) - 1))
    return lambda: fastopt.Optimizer([m.opt.params, wrong[one]], m.case.rule, shared=m.shared), WRONG


@CALLS.add("optimizer: no rule of that name")
def _(m: Any, data: Any) -> Made:
    wrong = data.draw(st.sampled_from(["adm", "", None, 3, lambda p, g: p]))
    return lambda: fastopt.Optimizer(m.opt.params, wrong), WRONG


@CALLS.add("rule: called wrongly")
def _(m: Any, data: Any) -> Made:
    rule, k = m.case.rule, data.draw(st.integers(0, len(m.arrays) - 1))
    arrays = [m.arrays[k], m.gradients(5)[k], *m.opt.state[k].values()]
    t = {"t": 1} if rule.uses_t else {}
    calls = [
        lambda: rule(*arrays[:-1], **t),
        lambda: rule(*arrays, arrays[0].copy(), **t),
        lambda: rule(*arrays, t=0),
        lambda: rule(*arrays, t=1.5),
        lambda: rule(*arrays, **t, learning_rate=0.1),
        lambda: rule(*arrays, **t, lr=np.nan),
        lambda: rule(np.zeros((*arrays[0].shape, 2), arrays[0].dtype), *arrays[1:], **t),
        lambda: rule(arrays[0], None, *arrays[2:], **t),
        *([lambda: rule(arrays[0], arrays[0], *arrays[2:], **t)] if arrays[0].size else []),
    ]
    return data.draw(st.sampled_from(calls)), WRONG
