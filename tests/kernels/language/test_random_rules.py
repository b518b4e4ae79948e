"""Rules made at random give NumPy's bits: expressions that nobody would think of."""

import random
from typing import Any

import pytest
from examples import arrays_for, check_update

from fastopt.kernels import Rule, maximum, minimum, rule, sign, sqrt, where

CONSTANTS = [
    "0.5",
    "2",
    "3.0",
    "0.1",
    "1e-30",
    "1e30",
    "-0.7",
    "1e-40",
    "3e38",
    "-0.0",
    "0.0",
    "1e-45",
    "7",
    "2.0**-126",
]
INFIX = ["({} + {})", "({} - {})", "({} * {})", "({} / {})", "minimum({}, {})", "maximum({}, {})"]
PREFIX = ["(-{})", "abs({})", "sqrt({})", "sign({})", "({} ** 2)"]
COMPARISONS = ["<", "<=", ">", ">=", "==", "!="]


def number(draw: random.Random, depth: int) -> str:
    """An expression of hyperparameters and constants."""
    if depth == 0 or draw.random() < 0.3:
        return draw.choice(["lr", "beta", "t", *CONSTANTS[:7]])
    if draw.random() < 0.7:
        return draw.choice(INFIX[:3] + INFIX[4:]).format(number(draw, depth - 1), number(draw, depth - 1))
    return f"where({number(draw, 0)} > {number(draw, 0)}, {number(draw, depth - 1)}, {number(draw, depth - 1)})"


def condition(draw: random.Random, depth: int) -> str:
    """A comparison of elements, or several."""
    kind = draw.random()
    if depth > 0 and kind < 0.2:
        return f"({condition(draw, depth - 1)} {draw.choice('&|')} {condition(draw, depth - 1)})"
    if depth > 0 and kind < 0.3:
        return f"(~{condition(draw, depth - 1)})"
    sides = [element(draw, depth - 1), draw.choice([element, number])(draw, max(0, depth - 1))]
    draw.shuffle(sides)
    return f"({sides[0]} {draw.choice(COMPARISONS)} {sides[1]})"


SLOTS = ("m", "v", "u", "w", "x", "y")


def element(draw: random.Random, depth: int) -> str:
    """An expression of arrays."""
    if depth <= 0 or draw.random() < 0.1:
        return draw.choice(["p", "g", *SLOTS])
    kind = draw.random()
    if kind < 0.2:
        return draw.choice(PREFIX).format(element(draw, depth - 1))
    if kind < 0.4:
        sides = [element(draw, depth - 1), draw.choice([number(draw, 2), draw.choice(CONSTANTS)])]
        draw.shuffle(sides)
        return f"where({condition(draw, depth - 1)}, {sides[0]}, {sides[1]})"
    sides = [element(draw, depth - 1), element(draw, depth - 1)]
    if kind < 0.7:
        sides[draw.randrange(2)] = draw.choice([number(draw, 2), draw.choice(CONSTANTS)])
    return draw.choice(INFIX).format(*sides)


def random_rule(seed: int) -> tuple[Rule, str]:
    draw = random.Random(seed)
    slots = ", ".join(SLOTS)
    new = ", ".join(element(draw, 4) for _ in SLOTS)
    # The first reads every slot.
    first = f"p - lr * (g + {' + '.join(SLOTS)}) * beta ** t"
    text = f"def made(p, g, {slots}, *, t, lr=0.1, beta=0.9):\n    return {first}, {new}\n"
    namespace: dict[str, Any] = {f.__name__: f for f in (maximum, minimum, sign, sqrt, where)}
    exec(text, namespace)
    return rule(namespace["made"]), text


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("seed", range(14))
def test_a_random_rule_gives_numpys_bits(seed: int) -> None:
    made, text = random_rule(seed)
    for storage in ("float32", "float64") if seed % 4 == 0 else ("float32",):
        for special in (False, True):
            try:
                check_update(made, arrays_for(made, 500, storage, seed=seed, special=special), t=3)
            except AssertionError as error:
                error.add_note(text)
                raise
