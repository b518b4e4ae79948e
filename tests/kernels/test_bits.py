"""The promise: every rule gives the bits of NumPy's evaluation of its formula, however the arrays lie."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from examples import (
    DTYPES,
    INEXACT,
    arrays_for,
    by_turns,
    check_close,
    check_update,
    others_in_ci,
    same_bits,
    same_numbers,
)
from own_rules import EVERY, OF_EACH_SHAPE
from updating import update

import fastopt
from fastopt.kernels import RULES, maximum, rule, sqrt, where
from fastopt.kernels.cpu import backend as cpu
from fastopt.kernels.cpu import blas_threads, openblas, threads
from fastopt.kernels.cpu import source as cpu_source
from fastopt.kernels.language.reductions import REDUCTIONS
from fastopt.kernels.reference import arithmetic_of

# Every rule in float32 and, by turns, in one more type.
RULES_AND_TYPES = by_turns(EVERY, DTYPES, always=[("float32",)])
# Threads run the kernel of one, so that a rule of each shape shows what they do.
ON_THREADS = [
    pytest.param(name, storage, marks=() if OF_EACH_SHAPE.get(name) == storage else pytest.mark.ci)
    for name in EVERY
    for storage in DTYPES
]


@pytest.mark.parametrize(("name", "storage"), RULES_AND_TYPES)
def test_every_rule_gives_numpys_bits(name: str, storage: str) -> None:
    for size in (0, 1, 7, 129, 30_003):
        for special in (False, True):
            with np.errstate(all="ignore"):
                check_update(EVERY[name], arrays_for(EVERY[name], size, storage, seed=size, special=special))


@pytest.mark.parametrize(("name", "storage"), ON_THREADS)
def test_any_number_of_threads_gives_numpys_bits(name: str, storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # One, those of numba, those of the BLAS.
    for wanted, of_the_blas in ((1, 0), (2, 0), (2, 2 if openblas.library() and openblas.most() > 1 else 0)):
        monkeypatch.setattr(threads, "usable", lambda wanted=wanted: wanted)
        monkeypatch.setattr(blas_threads, "usable", lambda of_the_blas=of_the_blas: of_the_blas)
        for size, special in ((100_003, True), (200_001, False)):
            with np.errstate(all="ignore"):
                check_update(EVERY[name], arrays_for(EVERY[name], size, storage, seed=size, special=special))


# Choices of formula that have a name; the others are switches.
NAMED = {"correct": ("before", "never"), "over": ("model", "array"), "init": ("distance", "learning_rate")}
CHOICES = [
    (name, choice, value)
    for name, rule in RULES.items()
    if rule.exact
    for choice in rule.statics
    for value in (NAMED[choice] if choice in NAMED else (not rule.hyper[choice],))
    if value != rule.hyper[choice]
]


@pytest.mark.parametrize(("name", "choice", "value"), CHOICES)
def test_every_choice_of_formula_gives_numpys_bits(name: str, choice: str, value: bool | str) -> None:
    for t in (1, 9):
        arrays = arrays_for(RULES[name], 1000, "float32", special=True)
        with np.errstate(all="ignore"):
            check_update(RULES[name], arrays, t=t, **{choice: value})


DENSE: dict[str, Callable[[Any], Any]] = {
    "0-d": lambda a: a[0, 0, 0, ...].reshape(()),
    "fortran": np.asfortranarray,
    "transposed": lambda a: a.transpose(1, 2, 0),
    "one row": lambda a: a[None, 1],
}


@pytest.mark.parametrize(("name", "storage"), RULES_AND_TYPES)
def test_every_dense_layout_gives_numpys_bits(name: str, storage: str) -> None:
    for layout in DENSE.values():
        check_update(EVERY[name], [layout(a) for a in arrays_for(EVERY[name], (5, 6, 7), storage, special=True)])


# A kernel each: of one, two and three dimensions. Of two, every other array lies the other way.
STRIDED: dict[str, Callable[[list[Any]], list[Any]]] = {
    "one column": lambda arrays: [a[:, 1, 1] for a in arrays],
    "mixed": lambda arrays: [np.asfortranarray(a[0]) if k % 2 else a[0] for k, a in enumerate(arrays)],
    "cube": lambda arrays: [a[:, ::2, ::-1] for a in arrays],
}


@pytest.mark.parametrize(("name", "storage", "layout"), others_in_ci(by_turns(EVERY, DTYPES, STRIDED)))
def test_every_strided_layout_gives_numpys_bits(name: str, storage: str, layout: str) -> None:
    check_update(EVERY[name], STRIDED[layout](arrays_for(EVERY[name], (5, 6, 7), storage, special=True)))


# One of each number of stages.
IN_STAGES = {len(EVERY[name].program(EVERY[name].hyper).stages): name for name in OF_EACH_SHAPE}.values()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in IN_STAGES else pytest.mark.ci) for name in EVERY]
)
def test_a_large_strided_array_gives_numpys_bits(name: str) -> None:
    check_update(EVERY[name], [a[:, ::2] for a in arrays_for(EVERY[name], (300, 700), "float32")])


def check_pieces(name: str, storage: str, cuts: list[int]) -> None:
    """Assert that arrays of which each is a piece of a larger one have the bits of that."""
    rule = EVERY[name]
    if any(REDUCTIONS[node.op].combine == "add" for node in rule.program(rule.hyper).reductions):
        pytest.skip("the order in which a norm or a total adds up follows the pieces")
    hyper = rule.bind({"over": "model"} if "over" in rule.hyper else {})
    whole = arrays_for(rule, cuts[-1], storage)
    pieces = [a.copy() for a in whole]
    sets = [[a[i:j] for a in pieces] for i, j in itertools.pairwise(cuts)]
    numbers = [{**rule.step_numbers(3, 0.5), **hyper, **rule.states}]
    together = update(rule.program(hyper), sets, numbers)
    given = {name: value for name, value in hyper.items() if name not in rule.starts_from}
    alone = rule(*whole, t=3, **rule.told(0.5), **given)
    assert all(same_bits(a, b) for a, b in zip(whole, pieces, strict=True))
    assert all(same_numbers(states, alone or ()) for states in together or ())


@pytest.mark.parametrize(("name", "storage"), RULES_AND_TYPES)
def test_an_array_in_pieces_gives_the_same_bits(name: str, storage: str) -> None:
    check_pieces(name, storage, [0, 1, 70, 3_333, 9_999, 10_003])


@pytest.mark.parametrize(("name", "storage"), ON_THREADS)
def test_an_array_in_pieces_on_several_threads_gives_the_same_bits(name: str, storage: str) -> None:
    check_pieces(name, storage, [0, 1, 70, 33_333, 99_999, 100_003])


MODEL = [name for name, r in EVERY.items() if any(n.value == "model" for n in r.program(r.hyper).reductions)]


@pytest.mark.parametrize(("name", "storage"), [one for one in ON_THREADS if one.values[0] in MODEL])
def test_what_is_reduced_over_the_model_is_so_in_the_reference(name: str, storage: str) -> None:
    rule = EVERY[name]
    # The first has four chunks of 65,536, whose sums add up in their order.
    sets = [arrays_for(rule, size, storage, seed=size) for size in (200_001, 9, 131_072, 1)]
    numbers = {**rule.step_numbers(3, 0.5), **rule.hyper, **rule.states}
    expected = rule.references(sets, t=3, **rule.told(0.5), given=[rule.states] * len(sets))
    alone = [rule.reference(*arrays, t=3, **rule.told(0.5), **rule.states) for arrays in sets]
    states = update(rule.program(rule.hyper), sets, [numbers])
    for (parameter, _, *slots), (new, *others) in zip(sets, expected, strict=True):
        assert all(same_bits(a, b) for a, b in zip((parameter, *slots), (new, *others), strict=False))
        assert all(same_numbers(own, others[len(slots) :]) for own in states or ())
    # The parameter of some rules only shows it in the next step.
    assert not all(
        same_bits(one[0], new[0]) and same_numbers(one[-len(rule.states) :], new[-len(rule.states) :])
        for one, new in zip(alone, expected, strict=True)
    )


@pytest.mark.parametrize(
    ("name", "storage"), [one for one in RULES_AND_TYPES if one.values[1] in ("float32", "float64")]
)
def test_plain_numpy_gives_the_same_bits_where_nothing_is_denormal(name: str, storage: str) -> None:
    rule = EVERY[name]
    arrays = arrays_for(rule, 10_007, storage)
    numbers = {**rule.hyper, **rule.states, **rule.step_numbers(3, 0.5)}
    results = rule.formula(*arrays, **numbers)
    expected = [np.copy(x) for x in (results if isinstance(results, tuple) else (results,))]
    rule(*arrays, t=3, **rule.told(0.5))
    assert all(same_bits(a, b) for a, b in zip([arrays[0], *arrays[2:]], expected, strict=False))


@pytest.mark.parametrize("storage", DTYPES)
@pytest.mark.parametrize("name", INEXACT)
def test_rules_with_powers_of_arrays_stay_within_their_tolerance(name: str, storage: str) -> None:
    rule = RULES[name]
    arrays = arrays_for(rule, 30_003, storage)
    expected = rule.reference(*arrays, t=3)
    rule(*arrays, t=3)
    for new, old in zip([arrays[0], *arrays[2:]], expected, strict=True):
        check_close(rule, new, old, storage)


def test_the_checker_of_bits_can_fail() -> None:
    a = np.array([0.0, np.nan, 1.0], "float32")
    assert same_bits(a, a.copy())
    assert not same_bits(a, np.array([-0.0, np.nan, 1.0], "float32"))
    assert not same_bits(a, np.array([0.0, 1.0, np.nan], "float32"))
    assert not same_bits(a, np.nextafter(a, 2, dtype="float32"))
    assert not same_bits(a, a.astype("float64"))


def test_the_processors_state_is_as_the_caller_left_it() -> None:
    tiny = np.full(4, 1e-40, "float32")
    for size in (4, 200_000):
        fastopt.kernels.adam(*arrays_for(RULES["adam"], size, "float32"), t=1)
        assert np.all(tiny * np.float32(0.5) > 0)
    with arithmetic_of("float32"):
        assert np.all(tiny * np.float32(0.5) == 0)
    with pytest.raises(KeyError), arithmetic_of("float32"):
        raise KeyError
    assert np.all(tiny * np.float32(0.5) > 0)


MISTAKES = [
    ("adam", "multiply", "({0} * {1} + {0} * float32(1e-9))"),
    ("adamax", "maximum", "where({0} > {1}, {0}, {1})"),
    ("lion", "sign", "where({0} >= float32(0), float32(1), float32(-1))"),
    ("without_arithmetic", "logical_and", "logical_or({0}, {1})"),
    ("without_arithmetic", "logical_not", "{0}"),
    ("without_arithmetic", "less_equal", "({0} < {1})"),
    ("without_arithmetic", "greater_equal", "({0} > {1})"),
    ("without_arithmetic", "equal", "({0} != {1})"),
    ("without_arithmetic", "where", "where({0}, {2}, {1})"),
    ("radam", "where", "where({0}, {2}, {1})"),
]


@pytest.mark.parametrize(("name", "operation", "wrong"), MISTAKES)
def test_the_comparison_sees_a_wrong_operation(
    name: str, operation: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert operation in EVERY[name].program(EVERY[name].hyper).stages[-1].operations
    monkeypatch.setitem(cpu_source._OPERATIONS, operation, wrong)
    cpu.kernel.cache_clear()
    arrays = arrays_for(EVERY[name], 3001, "float32", special=True)
    arrays[1][:50] = 0.5
    arrays[2][:50] = np.nan
    arrays[0][50:100] = arrays[1][50:100]
    turns = [{"switch": 1.0}, {"switch": -1.0}] if "switch" in EVERY[name].hyper else [{}]

    def check() -> None:
        for hyper in turns:
            check_update(EVERY[name], [array.copy() for array in arrays], t=7, **hyper)

    try:
        with pytest.raises(AssertionError):
            check()
    finally:
        cpu.kernel.cache_clear()


CONSTANTS = (2**24 + 1, 2**60 + 2**36 + 1, 10**30, -(10**18) - 1, 0.1, 1e39, -1e39, 1e-40, -1e-46, True + 1)


@rule
def constants(p, g, a, b, c, d, e, f, h, i, j, *, lr=1.0):  # type: ignore[no-untyped-def]
    return tuple(x * y + lr * g for x, y in zip((p, a, b, c, d, e, f, h, i, j), CONSTANTS, strict=True))


@rule
def by_hyper(p, g, *, scale=1.0):  # type: ignore[no-untyped-def]
    return p * scale + g


@pytest.mark.parametrize("storage", ["float32", "float64"])
def test_constants_are_rounded_as_numpy_does(storage: str) -> None:
    check_update(constants, arrays_for(constants, 300, storage))
    for constant in CONSTANTS:
        check_update(by_hyper, arrays_for(by_hyper, 300, storage), scale=constant)


@pytest.mark.parametrize("name", [name for name in EVERY if EVERY[name].states])
def test_uniform_states_keep_their_bits_in_long_runs(name: str) -> None:
    rule = EVERY[name]
    arrays = arrays_for(rule, 3, "float32")
    states = dict(rule.states)
    for t in range(1, 1201):
        expected = rule.reference(*arrays, t=t, **rule.told(0.5), **states)[len(rule.written) :]
        new = rule(*arrays, t=t, **rule.told(0.5), **states) or ()
        assert same_numbers(new, expected), t
        states = dict(zip(states, new, strict=True))


@rule
def one_by_one(p, g, a, b, c, d, e, f, *, lr=0.1):  # type: ignore[no-untyped-def]
    """What a compiler drops if it does not know that denormals are zeros."""
    return p * 1.0 - lr * g * 0.0, a * 1.0, b / 1, c - 0, -1.0 * d, abs(e) + 0.0, -0.0 - f


@rule
def folded(p, g, a, b, c, d, e, f, *, lr=0.1):  # type: ignore[no-untyped-def]
    """Constants that a compiler folds through a choice as if denormals were kept."""
    return (
        where(g > 0, 1e-40, p) * 1e30,
        maximum(a, 1e-40) * 1e30 * lr,
        sqrt(where(lr > 0.05, b, 1e-45)),
        where(where(g > 0, 1e-40, c) > 0, c, g),
        where(g > 0, 1e-30, d) * 1e-10,
        1 / where(g > 0, 3e38, e),
        (abs(f) + -(f / a)) - -0.0,
    )


@rule
def deep(p, g, *, lr=0.1):  # type: ignore[no-untyped-def]
    """Expressions that nest deeper than parsers do."""
    x, y = p, lr
    for _ in range(300):
        x, y = x * 0.5 + g, y * 0.5 + 1.0
    return x * y


FOLDED = {tested.name: tested for tested in (one_by_one, folded, deep)}


@pytest.mark.parametrize(("name", "storage"), by_turns(FOLDED, DTYPES, always=[("float32",)]))
def test_a_compiler_that_folds_gives_numpys_bits_too(name: str, storage: str) -> None:
    tested = FOLDED[name]
    for size in (5, 3001):
        for special in (False, True):
            check_update(tested, arrays_for(tested, size, storage, seed=size, special=special))
