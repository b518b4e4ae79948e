"""In float32 a rule loses no more than the rounding of its additions, whatever the gradients; docs/condition.md."""

import pytest
from examples import docs

condition = docs("condition")
CENTERED = ("rmsprop_centered", "rmsprop_centered_momentum")


def bound(row: str, kind: str) -> float:
    found: float = condition.MORE.get((row, kind), (condition.BOUND,))[0]
    return found


@pytest.mark.parametrize("name", CENTERED)
def test_centered_rmsprop_keeps_its_digits_where_gradients_differ_by_little(name: str) -> None:
    assert condition.lost(name, "1 ± 1e-3") < bound(name, "1 ± 1e-3")


def test_the_mean_square_less_the_square_of_the_mean_does_not() -> None:
    assert condition.lost(condition.PRINTED, "1 ± 1e-3") > 1e6 * condition.BOUND


@pytest.mark.ci
@pytest.mark.parametrize("name", [row for row in condition.ROWS if row != condition.PRINTED])
def test_every_rule_keeps_its_digits(name: str) -> None:
    losses = {kind: condition.lost(name, kind) for kind in condition.KINDS}
    assert {kind: loss for kind, loss in losses.items() if not loss <= bound(name, kind)} == {}
