"""Controls on a GPU: the step of a rule as one would write it in CuPy without fastopt.

A control takes the parameter, the gradient and the slots and gives the new parameter; it may write to its arguments.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..kernels import Rule
from ..kernels.arrays.view import compute_type
from ..kernels.language.graph import walk

Control = Callable[[Sequence[Any]], Any]

# The step that all controls take: no power of a beta is 1 then, and none is 0.
STEP = 3
# The loss that all steps are given.
LOSS = 1.0


def numbers(rule: Rule) -> dict[str, Any]:
    """A rule's hyperparameters and uniform states, and the step and the loss where it has them."""
    return {**rule.hyper, **rule.states, **rule.step_numbers(STEP, LOSS)}


def controls(cupy: Any, rule: Rule) -> dict[str, Callable[[], Control]]:
    """The functions that make the controls of a rule, by name."""
    makers: dict[str, Callable[[], Control]] = {"cupy.fuse": partial(fused, cupy, rule)}
    if rule.name in BY_HAND:
        makers["ElementwiseKernel"] = partial(BY_HAND[rule.name], cupy, rule)
    return makers


def fused(cupy: Any, rule: Rule) -> Control:
    """The rule's operations on arrays, by the CuPy functions of the same names, under `cupy.fuse`.

    The host computes the uniform values at each call and passes them to the kernel, as for fastopt's kernels.
    Raises ValueError where a norm must be known first: cupy.fuse makes one elementwise kernel.
    """
    program = rule.program(rule.hyper)
    if program.reductions:
        raise ValueError("a norm must be known before the update, and cupy.fuse makes one elementwise kernel")
    (stage,) = program.stages

    def formula(*given: Any) -> Any:
        arrays, scalars = given[: len(stage.arrays)], given[len(stage.arrays) :]
        compute = compute_type([arrays[0].dtype.name])
        values = dict(zip(stage.scalars, scalars, strict=True))
        read = {name: _as(array, compute) for name, array in zip(stage.arrays, arrays, strict=True)}
        for node in walk(stage.roots, stage.scalars):
            if node not in values:
                operands = (values[argument] for argument in node.args)
                values[node] = read[node.value] if node.op == "array" else getattr(cupy, node.op)(*operands)
        new = dict(zip(stage.writes, (values[node] for node in stage.roots), strict=True))
        kept = dict(zip(stage.arrays, arrays, strict=True))
        return tuple(_as(new[name], kept[name].dtype.name) for name in stage.writes)

    kernel = cupy.fuse(kernel_name=f"fused_{rule.name}")(formula)
    places = [program.arrays.index(name) for name in stage.arrays]

    def step(arrays: Sequence[Any]) -> Any:
        scalars = program.known_function(numbers(rule))[: len(stage.scalars)]
        typed = ((bool if node.boolean else float)(value) for node, value in zip(stage.scalars, scalars, strict=True))
        new = kernel(*(arrays[place] for place in places), *typed)
        return new[0] if isinstance(new, tuple | list) else new

    return step


def _as(array: Any, dtype: str) -> Any:
    return array if array.dtype == dtype else array.astype(dtype)


ADAM = """
const S gradient = static_cast<S>(g);
m += (1 - beta1) * (gradient - m);
v += (1 - beta2) * (gradient * gradient - v);
p = static_cast<T>(static_cast<S>(p) - rate * m / (sqrt(v) * root + eps));
"""


def adam(cupy: Any, rule: Rule) -> Control:
    """Adam in place, by an ElementwiseKernel as it stands in many a code base; T is the stored type, S the state's."""
    kernel = cupy.ElementwiseKernel(
        "T g, S beta1, S beta2, S rate, S root, S eps", "T p, S m, S v", ADAM, "adam_by_hand", no_return=True
    )

    def step(arrays: Sequence[Any]) -> Any:
        p, g, m, v = arrays
        kernel(g, *adam_scalars(m.dtype.type, **numbers(rule)), p, m, v)
        return p

    return step


def adam_scalars(kind: Any, *, t: int, lr: float, beta1: float, beta2: float, eps: float, **_: Any) -> list[Any]:
    """The scalars of the kernel, in its order, as numbers of a type."""
    root = 1 / np.sqrt(1 - beta2**t)
    return [kind(value) for value in (beta1, beta2, lr / (1 - beta1**t), root, eps)]


BY_HAND: dict[str, Callable[[Any, Rule], Control]] = {"adam": adam}
