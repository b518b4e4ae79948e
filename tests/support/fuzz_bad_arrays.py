"""Bad calls with arrays: gradients and parameters that an optimizer must refuse."""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from fuzz_calls import WRONG, Calls, Made
from fuzz_trees import parts
from hypothesis import strategies as st

CALLS = Calls()


def unaligned(g: Any) -> Any:
    return np.zeros(g.nbytes + 1, "u1")[1:].view(g.dtype).reshape(g.shape) if g.size else None


def other_precision(g: Any) -> Any:
    return np.zeros(g.shape, "float32" if g.dtype == np.float64 else "float64")


# What may stand in the place of a gradient, made of a good one; None where it would be good.
GRADIENTS: dict[str, Callable[[Any], Any]] = {
    "another shape": lambda g: np.zeros((*g.shape, 2), g.dtype),
    "integers": lambda g: np.zeros(g.shape, int),
    "complex, or real": lambda g: np.zeros(g.shape, "float32" if g.dtype.kind == "c" else complex),
    "truth values": lambda g: np.zeros(g.shape, bool),
    "objects": lambda g: np.zeros(g.shape, object),
    "long double": lambda g: np.zeros(g.shape, np.longdouble),
    "eight bits": lambda g: np.zeros(g.shape, ml_dtypes.float8_e4m3fn),
    "the other precision": other_precision,
    "the other byte order": lambda g: np.zeros(g.shape, ">f8" if g.dtype == np.float64 else ">f4"),
    "not aligned": unaligned,
    "masked": np.ma.masked_array,
    "a list": lambda g: [0.0],
    "a number": lambda g: 0.5,
    "text": lambda g: "g",
    "a NumPy scalar": lambda g: g.dtype.type(1) if g.shape else None,
    "an object": lambda g: object(),
    "a type": lambda g: np.ndarray,
}


def _gradient(make: Callable[[Any], Any], method: str = "step") -> Callable[[Any, Any], Made]:
    def made(m: Any, data: Any) -> Made:
        if make is other_precision and m.case.options.get("cast_grads"):
            return None
        if method not in ("step", *m.case.options):
            return None
        gradients = m.gradients(data.draw(st.integers(0, 99)))
        k = data.draw(st.integers(0, len(gradients) - 1))
        wrong = make(gradients[k])
        given = list(gradients)
        given[k] = wrong
        return None if wrong is None else (lambda: getattr(m.opt, method)(m.tree(given)), WRONG)

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


CALLS |= {f"gradient: {name}": _gradient(make) for name, make in GRADIENTS.items()}
CALLS |= {f"gradient to add up: {name}": _gradient(make, "accumulate") for name, make in GRADIENTS.items()}
CALLS |= {f"parameter: {name}": _parameter(make) for name, make in GRADIENTS.items()}
CALLS["parameter: nothing"] = _parameter(lambda p: ...)
CALLS["parameter: read-only"] = _parameter(lambda p: np.broadcast_to(p, p.shape))


@CALLS.add("gradient: shares memory with a parameter")
def _(m: Any, data: Any) -> Made:
    return _instead(m, data, lambda k: m.arrays[k])


@CALLS.add("gradient: shares memory with a state")
def _(m: Any, data: Any) -> Made:
    def written(k: int) -> Any:
        # What a step only reads may be read twice.
        section = next(section for section in m.opt._updater.sections if k in section.members)
        writes = section.program.stages[-1].writes
        return next((own for slot, own in m.opt.state[k].items() if slot in writes), None)

    return _instead(m, data, written)


@CALLS.add("gradient: shares memory with the average")
def _(m: Any, data: Any) -> Made:
    average = [slots.get("average of the parameter") for slots in m.opt._updater.state]
    return _instead(m, data, lambda k: average[k])


def _instead(m: Any, data: Any, chosen: Callable[[int], Any]) -> Made:
    k = data.draw(st.integers(0, len(m.arrays) - 1))
    array = chosen(k)
    if array is None or not array.size:
        return None
    given = list(m.gradients(2))
    given[k] = array
    return lambda: m.opt.step(m.tree(given)), WRONG


@CALLS.add("gradient: cannot be set to zero")
def _(m: Any, data: Any) -> Made:
    if not m.case.options.get("zero_grads"):
        return None
    given = list(m.gradients(2))
    k = data.draw(st.integers(0, len(given) - 1))
    given[k] = np.broadcast_to(given[k], given[k].shape)
    return lambda: m.opt.step(m.tree(given)), WRONG


@CALLS.add("gradients: not the structure of the parameters")
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
