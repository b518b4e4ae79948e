"""A schedule from text: calls of fastopt.schedules, which are parsed and never evaluated as code."""

import ast
from typing import Any

from .. import schedules
from ..kernels.language.hyperparameters import suggestion
from .schedule import OPERATIONS, Schedule

SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
# A user's own function has no text.
NAMES = {name for name in schedules.__all__ if name[0].islower()} - {"function"}
LONGEST = 10_000


def parsed(text: str) -> Schedule:
    """The schedule of a text such as "0.1 * cosine(3e-4, steps=1000, warmup=100) + 1e-6".

    It may have the names of fastopt.schedules, numbers, texts, lists, and + - * / ** between them.
    Raises ValueError for anything else, and what a schedule raises for its arguments.
    """
    if len(text) > LONGEST:
        raise ValueError(f"the schedule has {len(text)} characters; at most {LONGEST} are read")
    try:
        value = _value(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError as error:
        raise ValueError(f"{text!r} is not a schedule: {error.msg}, at character {error.offset}") from None
    except (RecursionError, MemoryError):
        raise ValueError("the schedule is nested too deeply") from None
    if isinstance(value, Schedule):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return schedules.constant(value)
    raise ValueError(f"{text!r} is not a schedule, but {value!r}; write a schedule, as in cosine(3e-4, steps=1000)")


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=int() | float() | str() | None as value):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _number(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in SIGNS:
            return _combined(SIGNS[type(op)], _number(left), _number(right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            if name not in NAMES:
                raise ValueError(f"there is no schedule {name!r}; {suggestion(name, sorted(NAMES))}")
            named = {keyword.arg: _value(keyword.value) for keyword in keywords if keyword.arg is not None}
            if len(named) < len(keywords):
                raise ValueError(f"{name}: ** stands for arguments that a text cannot have; name each")
            return getattr(schedules, name)(*map(_value, args), **named)
        case ast.Name(id=name) if name in NAMES:
            raise ValueError(f"{name} is a function; call it, as in {name}(...)")
    raise ValueError(
        f"{ast.unparse(node)!r} cannot stand in a schedule; names of fastopt.schedules, numbers, texts, lists and "
        "+ - * / ** can"
    )


def _number(node: ast.expr) -> Any:
    value = _value(node)
    if isinstance(value, Schedule) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise ValueError(f"{ast.unparse(node)!r} is neither a number nor a schedule; + - * / ** need those")


def _combined(sign: str, left: Any, right: Any) -> Any:
    numbers = not isinstance(left, Schedule) and not isinstance(right, Schedule)
    # A few characters could ask for a number of any size.
    if numbers and sign == "**" and (abs(left) > 1e9 or abs(right) > 64):
        raise ValueError(f"{left} ** {right} is too large a power for a number in a schedule")
    try:
        result = OPERATIONS[sign][0](left, right)
        if numbers:
            float(result)
    except (ArithmeticError, TypeError) as error:
        raise ValueError(f"{left} {sign} {right}: {error}") from None
    return result
