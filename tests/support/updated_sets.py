"""One update of many sets of arrays against the reference."""

from typing import Any

from examples import same_bits, same_numbers
from updating import update

from fastopt.kernels import Rule


def numbers_of(tested: Rule) -> dict[str, Any]:
    return {**tested.step_numbers(3, 0.5), **tested.hyper, **tested.states}


def check_sets(tested: Rule, sets: list[list[Any]], **hyper: Any) -> None:
    """Assert that one update of many sets gives the reference's bits for each."""
    numbers = {**numbers_of(tested), **hyper}
    given = {name: value for name, value in numbers.items() if name not in (*tested.of_step, *tested.starts_from)}
    whole_model = {node.value for node in tested.program(tested.hyper).reductions} & {"model"}
    assert not whole_model or len(sets) == 1
    expected = [tested.reference(*arrays, t=3, **tested.told(0.5), **given) for arrays in sets]
    states = update(tested.program(tested.hyper), sets, [numbers])
    for position, arrays in enumerate(sets):
        new = [arrays[0], *arrays[2:]]
        for name, one, other in zip((tested.arrays[0], *tested.slots), new, expected[position], strict=False):
            assert same_bits(one, other), f"{tested.name}: {name} of set {position}, {one.size} elements"
        assert same_numbers(states[position if len(states) > 1 else 0], expected[position][len(new) :])
