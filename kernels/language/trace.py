"""Symbols that record what a formula does, and the expression graph that results.

A node is *uniform* when it depends on hyperparameters, the step and uniform states alone, and *varying* when it
depends on an element of an array. Equal expressions are one node.
"""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from .graph import ALL_RULES, Node
from .operations import OPERATIONS


class Trace:
    """Makes the nodes of one graph, each distinct expression once.

    one_moment: whether both parts of a complex number share what is `over_parts`. reciprocals: whether an array over a
    number is the array times the number's reciprocal. noted: numbers by the names that the formula gives them.
    """

    def __init__(self, one_moment: bool = False, reciprocals: bool = False) -> None:
        self._nodes: dict[Any, Node] = {}
        self.noted: dict[str, Node] = {}
        self.one_moment, self.reciprocals = one_moment, reciprocals

    def _intern(self, op: str, args: tuple[Node, ...] = (), value: Any = None, **kind: Any) -> "Symbol":
        # A constant's key has its type and repr: 0.0 == -0.0 and 1 == True.
        key = (op, tuple(map(id, args)), type(value), repr(value))
        if key not in self._nodes:
            self._nodes[key] = Node(op, args, value, **kind)
        return Symbol(self, self._nodes[key])

    def array(self, name: str) -> "Symbol":
        return self._intern("array", value=name, varying=True)

    def scalar(self, name: str) -> "Symbol":
        return self._intern("scalar", value=name)

    def node(self, operand: Any) -> Node:
        """The node of a symbol or of a constant; refuses whatever NumPy would not treat as a plain number."""
        if isinstance(operand, Symbol):
            if operand.trace is not self:
                raise TypeError(f"{operand!r} belongs to another rule, or to another call of this one")
            return operand.node
        if type(operand) in (bool, int, float):
            try:
                float(operand)
            except OverflowError:
                raise TypeError(f"the constant {operand!r} is beyond the range of floating-point numbers") from None
            return self._intern("constant", value=operand, boolean=isinstance(operand, bool)).node
        if isinstance(operand, np.generic):
            raise TypeError(
                f"the constant {operand!r} is a {type(operand).__name__}, which can turn float32 arrays into float64; "
                f"write {operand.item()!r}"
            )
        if isinstance(operand, np.ndarray):
            raise TypeError(
                "a formula cannot use an array from outside; make it a state slot, or pass numbers as hyperparameters"
            )
        raise TypeError(f"a formula cannot compute with {operand!r}, a {type(operand).__name__}")

    def apply(self, name: str, *operands: Any) -> "Symbol":
        """The symbol of one operation of the grammar on symbols and numbers."""
        args = tuple(self.node(operand) for operand in operands)
        operation = OPERATIONS[name]
        if name == "where":
            condition, *sides = args
            if not condition.boolean:
                raise TypeError("the condition of where() must be a comparison")
            if condition.varying and not any(side.varying for side in sides):
                raise TypeError(
                    "where(array, number, number) is a float64 array in NumPy; choose between arrays, "
                    "as in where(g > 0, x, -x), or use sign(g)"
                )
            checked = sides
        else:
            checked = list(args)
        for node in checked:
            if node.boolean is not operation.logical:
                wanted = "a truth value (a comparison)" if operation.logical else "a number"
                raise TypeError(
                    f"{name} takes {wanted}; to compute with a comparison, choose with where(), "
                    "since a comparison times a float is float64 in NumPy"
                )
        if name == "power" and args[0].varying and not args[1].varying:
            plain = self._plain_power(operands[0], args[1])
            if plain is not None:
                return plain
        if name == "divide" and self.reciprocals and args[0].varying and not args[1].varying:
            return self.apply("multiply", operands[0], self.apply("divide", 1.0, operands[1]))
        varying, depth = any(node.varying for node in args), max(node.depth for node in args)
        if depth and not varying and not operation.exact:
            raise TypeError(
                f"{name} of a number that comes from a norm or a total: a GPU computes it where it is, and only "
                "+ - * / sqrt minimum maximum where have the same bits there; write x * x for x**2"
            )
        return self._intern(name, args, varying=varying, boolean=operation.boolean, depth=depth)

    def _plain_power(self, base: "Symbol", exponent: Node) -> "Symbol | None":
        """The operation that NumPy computes for a few constant powers of an array; None for other powers."""
        if exponent.op != "constant":
            return None
        if exponent.value == 2:
            return self.apply("multiply", base, base)
        if exponent.value == 0.5:
            return self.apply("sqrt", base)
        if exponent.value == 1:
            return base
        if exponent.value == -1:
            return self.apply("divide", 1, base)
        return None

    def pairwise(self, name: str, operand: "Symbol") -> "Symbol":
        """The symbol of an operation on both parts of complex numbers; of a number beside the arrays that number."""
        node = self.node(operand)
        return self._intern(name, (node,), varying=True, depth=node.depth) if node.varying else operand

    def reduce(self, name: str, operand: "Symbol", over: str) -> "Symbol":
        """The symbol of a norm or a sum: uniform, known once a stage has computed it."""
        node = self.node(operand)
        if not node.varying or (node.boolean and name != "total"):
            raise TypeError(f"{name} takes an array expression")
        if over not in ("array", "model", ALL_RULES):
            raise ValueError(f'over must be "array" or "model"; got {over!r}')
        if name != "total" and node.op == "conjugate":
            (node,) = node.args  # It has the same magnitudes.
        return self._intern(name, (node,), over, depth=node.depth + 1)


_CALLED_FUNCTIONS = ("sqrt", "sign", "exp", "log", "minimum", "maximum", "where")
_UFUNCS = {operation.array: name for name, operation in OPERATIONS.items() if isinstance(operation.array, np.ufunc)}
_UFUNCS.update({np.maximum: "maximum", np.minimum: "minimum", np.fabs: "absolute"})


def _infix(name: str, reflected: bool = False) -> Callable[["Symbol", Any], Any]:
    def method(self: "Symbol", other: Any) -> Any:
        return self.trace.apply(name, other, self) if reflected else self.trace.apply(name, self, other)

    return method


def _refuse(reason: str) -> Callable[..., NoReturn]:
    def method(self: "Symbol", *_: Any, **__: Any) -> NoReturn:
        raise TypeError(f"{self!r}: {reason}")

    return method


class Symbol:
    """Stands for one element of an array, or for a number that is the same for all elements."""

    __slots__ = ("node", "trace")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, trace: Trace, node: Node) -> None:
        self.trace = trace
        self.node = node

    def __repr__(self) -> str:
        named = self.node.op in ("array", "scalar")
        return f"<symbol {self.node.value}>" if named else f"<symbol: result of {self.node.op}>"

    __add__, __radd__ = _infix("add"), _infix("add", True)
    __sub__, __rsub__ = _infix("subtract"), _infix("subtract", True)
    __mul__, __rmul__ = _infix("multiply"), _infix("multiply", True)
    __truediv__, __rtruediv__ = _infix("divide"), _infix("divide", True)
    __pow__, __rpow__ = _infix("power"), _infix("power", True)
    __lt__, __le__ = _infix("less"), _infix("less_equal")
    __gt__, __ge__ = _infix("greater"), _infix("greater_equal")
    __eq__ = _infix("equal")
    __ne__ = _infix("not_equal")
    __and__, __rand__ = _infix("logical_and"), _infix("logical_and", True)
    __or__, __ror__ = _infix("logical_or"), _infix("logical_or", True)

    def __neg__(self) -> "Symbol":
        return self.trace.apply("negative", self)

    def __pos__(self) -> "Symbol":
        return self

    def __abs__(self) -> "Symbol":
        return self.trace.apply("absolute", self)

    def __invert__(self) -> "Symbol":
        if not self.node.varying:
            raise TypeError(
                f"{self!r}: ~ of a Python truth value is -1 or -2, both true; write the opposite comparison"
            )
        return self.trace.apply("logical_not", self)

    __bool__ = _refuse(
        "a formula cannot branch on a value: it is compiled once for all elements and all steps; "
        "use where(condition, a, b), or a hyperparameter whose default is a bool or a string"
    )
    __float__ = __int__ = __index__ = __complex__ = _refuse(
        "not a number yet; use sqrt, exp, log from fastopt.kernels in place of the math module"
    )
    __len__ = __iter__ = __getitem__ = __setitem__ = __contains__ = _refuse(
        "a formula sees one element at a time; indexing, slices and loops over elements are not possible"
    )
    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = __iand__ = __ior__ = _refuse(
        "an in-place operator would change the caller's array; write x = x + y"
    )
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __matmul__ = __rmatmul__ = __xor__ = __rxor__ = _refuse(
        "this operator is not in the grammar: + - * / ** abs, comparisons, & | ~, "
        "and sqrt, sign, minimum, maximum, where, exp, log, norm, max_norm, total, size, mean of fastopt.kernels"
    )

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"{self!r} has no {name}: a formula sees one element at a time, and uses operators and the functions of "
            "fastopt.kernels"
        )

    __array__ = _refuse("not an array; a formula may only use the functions of fastopt.kernels")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        name = _UFUNCS.get(ufunc)
        if ufunc is np.square:
            name, inputs = "multiply", (inputs[0], inputs[0])
        if name is None or method != "__call__" or options:
            called = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
            raise TypeError(
                f"np.{called}{' with ' + ', '.join(options) if options else ''} is not in the grammar: + - * / ** abs, "
                "comparisons, & | ~, and sqrt, sign, minimum, maximum, where, exp, log of fastopt.kernels"
            )
        symbols = [operand for operand in inputs if isinstance(operand, Symbol)]
        if not any(symbol.node.varying for symbol in symbols):
            raise TypeError(
                f"np.{ufunc.__name__} of a number is an np.float64, which turns float32 arrays into float64; "
                + (f"use {name} from fastopt.kernels" if name in _CALLED_FUNCTIONS else "write the operator")
            )
        return symbols[0].trace.apply(name, *inputs)

    def __array_function__(
        self, function: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if function is np.where and len(args) == 3 and not kwargs:
            if not any(isinstance(arg, Symbol) and arg.node.varying for arg in args):
                raise TypeError(
                    "np.where of numbers is an np.float64 array, which turns float32 arrays into float64; "
                    "use where from fastopt.kernels"
                )
            return self.trace.apply("where", *args)
        raise TypeError(f"np.{function.__name__} is not in the grammar of a formula; see fastopt.kernels")
