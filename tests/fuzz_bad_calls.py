"""Calls of an optimizer that must raise a documented error, each made for the optimizer that the machine has.

Each is a function of the machine and of hypothesis' data; it returns the call and the errors that may come, or None
where this optimizer cannot be called wrongly so.
"""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from fuzz_trees import parts
from hypothesis import strategies as st

import fastopt
from fastopt.kernels import RULES
from fastopt.kernels.fusion import RANGES

WRONG = (TypeError, ValueError)
Made = tuple[Callable[[], Any], tuple[type[Exception], ...]] | None
BAD: dict[str, Callable[[Any, Any], Made]] = {}


class Trouble(Exception):
    """What a user's own function raises."""


def bad(name: str) -> Callable[[Any], Any]:
    def note(function: Any) -> Any:
        BAD[name] = function
        return function

    return note


def unaligned(g: Any) -> Any:
    return np.zeros(g.nbytes + 1, "u1")[1:].view(g.dtype).reshape(g.shape) if g.size else None


# What may stand in the place of a gradient, made of a good one; None where it would be good.
GRADIENTS: dict[str, Callable[[Any], Any]] = {
    "another shape": lambda g: np.zeros((*g.shape, 2), g.dtype),
    "integers": lambda g: np.zeros(g.shape, int),
    "complex": lambda g: np.zeros(g.shape, complex),
    "truth values": lambda g: np.zeros(g.shape, bool),
    "objects": lambda g: np.zeros(g.shape, object),
    "long double": lambda g: np.zeros(g.shape, np.longdouble),
    "eight bits": lambda g: np.zeros(g.shape, ml_dtypes.float8_e4m3fn),
    "the other precision": lambda g: np.zeros(g.shape, "float32" if g.dtype == np.float64 else "float64"),
    "the other byte order": lambda g: np.zeros(g.shape, ">f8" if g.dtype == np.float64 else ">f4"),
    "not aligned": unaligned,
    "masked": np.ma.masked_array,
    "a list": lambda g: [0.0],
    "a number": lambda g: 0.5,
    "text": lambda g: "g",
    "a NumPy scalar": lambda g: np.float32(1),
    "an object": lambda g: object(),
    "a type": lambda g: np.ndarray,
}


def _gradient(make: Callable[[Any], Any]) -> Callable[[Any, Any], Made]:
    def made(m: Any, data: Any) -> Made:
        gradients = m.gradients(data.draw(st.integers(0, 99)))
        k = data.draw(st.integers(0, len(gradients) - 1))
        wrong = make(gradients[k])
        given = list(gradients)
        given[k] = wrong
        return None if wrong is None else (lambda: m.opt.step(m.tree(given)), WRONG)

    return made


def _parameter(make: Callable[[Any], Any]) -> Callable[[Any, Any], Made]:
    def made(m: Any, data: Any) -> Made:
        k = data.draw(st.integers(0, len(m.arrays) - 1))
        wrong = make(m.arrays[k])
        given = list(m.arrays)
        given[k] = None if wrong is ... else wrong
        gradients = m.tree(m.gradients(1))
        return None if wrong is None else (lambda: m.opt.update(m.tree(given), gradients), WRONG)

    return made


BAD |= {f"gradient: {name}": _gradient(make) for name, make in GRADIENTS.items()}
BAD |= {f"parameter: {name}": _parameter(make) for name, make in GRADIENTS.items()}
BAD["parameter: nothing"] = _parameter(lambda p: ...)
BAD["parameter: read-only"] = _parameter(lambda p: np.broadcast_to(p, p.shape))


@bad("gradient: shares memory with a parameter")
def _(m: Any, data: Any) -> Made:
    return _instead(m, data, lambda k: m.arrays[k])


@bad("gradient: shares memory with a state")
def _(m: Any, data: Any) -> Made:
    return _instead(m, data, lambda k: next(iter(m.opt.state[k].values()), None))


@bad("gradient: shares memory with the average")
def _(m: Any, data: Any) -> Made:
    average = [slots.get("average of the parameter") for slots in m.opt._state]
    return _instead(m, data, lambda k: average[k])


def _instead(m: Any, data: Any, chosen: Callable[[int], Any]) -> Made:
    k = data.draw(st.integers(0, len(m.arrays) - 1))
    array = chosen(k)
    if array is None or not array.size:
        return None
    given = list(m.gradients(2))
    given[k] = array
    return lambda: m.opt.step(m.tree(given)), WRONG


@bad("gradient: cannot be set to zero")
def _(m: Any, data: Any) -> Made:
    if not m.case.options.get("zero_grads"):
        return None
    given = list(m.gradients(2))
    k = data.draw(st.integers(0, len(given) - 1))
    given[k] = np.broadcast_to(given[k], given[k].shape)
    return lambda: m.opt.step(m.tree(given)), WRONG


@bad("gradients: not the structure of the parameters")
def _(m: Any, data: Any) -> Made:
    tree = m.tree(m.gradients(3))
    found = parts(tree)
    if found is None:
        wrong: Any = data.draw(st.sampled_from([[tree], {"a": tree}, (tree,)]))
    elif isinstance(tree, dict):
        key = next(iter(tree))
        less = {k: v for k, v in tree.items() if k != key}
        wrong = data.draw(
            st.sampled_from([less, {**tree, "more": 1}, {**less, "other": tree[key]}, list(tree.values()), {}])
        )
    else:
        values = [value for _, value in found]
        wrong = data.draw(
            st.sampled_from([values[:-1], [*values, None], tuple(values[1:]), {"a": values}, values[0], 7])
        )
        if isinstance(wrong, np.ndarray) or wrong is None:
            wrong = 7
    return lambda: m.opt.step(wrong), WRONG


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
        name = data.draw(st.sampled_from([n for n in m.case.numbers if n not in m.case.rule.starts_from]))
        wrong = value
        if value is ...:
            valid = m.case.rule.ranges.get(name) if name in m.case.rule.hyper else RANGES.get(name)
            if valid is None:
                return None
            wrong = valid.low - 1 if np.isfinite(valid.low) else valid.high + 1
        if data.draw(st.booleans()):
            return lambda: layer.__setitem__(name, wrong), (*WRONG, ZeroDivisionError)
        return lambda: setattr(layer if place else m.opt, name, wrong), (*WRONG, ZeroDivisionError)

    return made


BAD |= {f"number: {name}": _number(value) for name, value in NUMBERS.items()}


@bad("number: no such name")
def _(m: Any, data: Any) -> Made:
    layer = data.draw(st.sampled_from([m.opt.hyper, *m.opt.groups.values()]))
    return lambda: layer.__setitem__("learning_rate", 0.1), WRONG


@bad("number: removed")
def _(m: Any, data: Any) -> Made:
    return lambda: m.opt.hyper.__delitem__("lr"), WRONG


@bad("number: of all gradients, in a group")
def _(m: Any, data: Any) -> Made:
    if "clip_norm" not in m.case.options or not m.opt.groups:
        return None
    group = data.draw(st.sampled_from(list(m.opt.groups.values())))
    return lambda: group.__setitem__("clip_norm", 0.5), WRONG


@bad("switch: set afterwards")
def _(m: Any, data: Any) -> Made:
    if not m.case.rule.statics:
        return None
    name = data.draw(st.sampled_from(m.case.rule.statics))
    layer = data.draw(st.sampled_from([m.opt.hyper, *m.opt.groups.values()]))
    return lambda: layer.__setitem__(name, m.case.rule.hyper[name]), WRONG


@bad("a count is set")
def _(m: Any, data: Any) -> Made:
    name = data.draw(st.sampled_from(["t", "skipped", "state", "uniform_states", "ema", "cast", "grads", "monitors"]))
    return lambda: setattr(m.opt, name, 3), (AttributeError,)


@bad("an option that is off is asked for")
def _(m: Any, data: Any) -> Made:
    names = [n for n, option in (("ema", "ema"), ("cast", "cast_to")) if option not in m.case.options]
    return (lambda: getattr(m.opt, data.draw(st.sampled_from(names))), (AttributeError,)) if names else None


FAILURES: dict[str, Any] = {"NaN": np.nan, "text": "0.1", "nothing": None, "an array": np.ones(3), "an error": Trouble}


@bad("step: a function of the step fails")
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
    "an unknown number in a group": {"groups": {"*": {"learning_rate": 1.0}}},
    "groups that are none": {"groups": {"*": 3}},
    "a loss scaler that is none": {"loss_scaler": 1024.0},
}


def _optimizer(given: dict[str, Any]) -> Callable[[Any, Any], Made]:
    def made(m: Any, data: Any) -> Made:
        return lambda: fastopt.Optimizer(m.opt.params, m.case.rule, **{"shared": m.shared, **given}), WRONG

    return made


BAD |= {f"optimizer: {name}": _optimizer(given) for name, given in OPTIMIZERS.items()}


@bad("optimizer: shared without effect, or not said")
def _(m: Any, data: Any) -> Made:
    return lambda: fastopt.Optimizer(m.opt.params, m.case.rule, shared=not m.shared), WRONG


@bad("optimizer: an array that is none, or one that shares memory")
def _(m: Any, data: Any) -> Made:
    wrong = [None, 3, "W", np.ones(3, int), np.broadcast_to(np.float32(1), (3,))]
    wrong += [a.reshape(-1)[:1] for a in m.arrays if a.size and np.shares_memory(a, a.reshape(-1))]
    one = data.draw(st.integers(0, len(wrong) - 1))
    return lambda: fastopt.Optimizer([m.opt.params, wrong[one]], m.case.rule, shared=m.shared), WRONG


@bad("optimizer: no rule of that name")
def _(m: Any, data: Any) -> Made:
    wrong = data.draw(st.sampled_from(["adm", "", None, 3, lambda p, g: p]))
    return lambda: fastopt.Optimizer(m.opt.params, wrong), WRONG


@bad("rule: called wrongly")
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


@bad("save: where nothing can be written")
def _(m: Any, data: Any) -> Made:
    place = data.draw(st.sampled_from([m.folder, m.folder / "nowhere" / "file"]))
    return lambda: m.opt.save(place), (OSError,)


@bad("save: what JSON cannot hold")
def _(m: Any, data: Any) -> Made:
    circle: list[Any] = []
    circle.append(circle)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    user = [np.ones(3), object(), {1, 2}, {(1, 2): 3}, circle, deep][data.draw(st.integers(0, 5))]
    m.opt.save(m.folder / "old")
    before = (m.folder / "old").read_bytes()

    def call() -> None:
        try:
            m.opt.save(m.folder / "old", user=user)
        finally:
            assert (m.folder / "old").read_bytes() == before

    return call, (TypeError,)


@bad("load: no file")
def _(m: Any, data: Any) -> Made:
    place = data.draw(st.sampled_from([m.folder, m.folder / "nowhere", m.folder / "nowhere" / "file"]))
    return lambda: m.opt.load(place), (FileNotFoundError,)


@bad("load: a file that is no checkpoint")
def _(m: Any, data: Any) -> Made:
    (m.folder / "text").write_bytes(data.draw(st.sampled_from([b"", b"{}", b"\xff" * 64, b"weights"])))
    return lambda: m.opt.load(m.folder / "text"), (ValueError,)


@bad("load: a file of another optimizer")
def _(m: Any, data: Any) -> Made:
    other = fastopt.Optimizer([np.ones(2, "float32")], RULES["yogi" if m.case.rule.name == "adamw" else "adamw"])
    other.save(m.folder / "other")
    return lambda: m.opt.load(m.folder / "other", partial=data.draw(st.booleans())), WRONG


@bad("load: no state")
def _(m: Any, data: Any) -> Made:
    wrong = data.draw(st.sampled_from([None, 3, [], {}, {"arrays": {}}, {"arrays": None}, "state"]))
    return lambda: m.opt.load_state_dict(wrong), WRONG


JUNK = [None, -1, 1.5, True, "x", [], {}, [1], {"a": 1}, float("nan"), 2**70]


@bad("load: a state with a wrong part")
def _(m: Any, data: Any) -> Made:
    state = m.opt.state_dict()
    key = next(iter(state["steps"]))
    array = next(iter(state["arrays"]))
    lists = {k: a.tolist() for k, a in state["arrays"].items()}
    wider = {**state["arrays"], array: np.zeros((*state["arrays"][array].shape, 2), state["arrays"][array].dtype)}
    wrong: list[tuple[str, Any]] = [
        *(("format", x) for x in (None, 0, 2, "1", True, 1.0)),
        *(("rule", x) for x in (None, "x", 3)),
        *(("steps", x) for x in (None, [], {key: -1}, {key: 1.5}, {key: True}, {key: None}, {key: 2**62})),
        *(("skipped", x) for x in (None, -1, 1.5, True)),
        *(("hyper", x) for x in (None, {}, {**state["hyper"], "more": 1}, dict.fromkeys(state["hyper"], "x"))),
        *(("groups", x) for x in (None, {"nowhere": {}}, {"*": 3})),
        *(("options", x) for x in (None, {"maximize": "x"})),
        *(("uniform_states", x) for x in (None, {key: {"x": 1.0}}, {key: 3})),
        *(("monitors", x) for x in (None, [1], [{"kind": "x"}])),
        *(("loss_scaler", x) for x in ({}, {"scale": -1.0, "applied": 0}, 3)),
        *(("arrays", x) for x in (None, [], {}, {**state["arrays"], "more/x": np.ones(1)}, lists, wider)),
    ]
    name, value = wrong[data.draw(st.integers(0, len(wrong) - 1))]
    return lambda: m.opt.load_state_dict({**state, name: value}), WRONG
