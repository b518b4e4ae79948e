"""The promise: every rule gives the bits of NumPy's evaluation of its formula, however the arrays lie."""

import itertools

import ml_dtypes
import numba
import numpy as np
import pytest
from examples import DTYPES, EXACT, INEXACT, arrays_for, check_update, same_bits, same_numbers

import fastopt
from fastopt.kernels import RULES
from fastopt.kernels.plan import update
from fastopt.kernels.reference import denormals_flushed

# In machine epsilons of the type that computes: |x|**order and x**(1/order) are libm's on one side and NumPy's on the
# other, each good to about two, and the first error is multiplied by the order.
TOLERANCES = {"adam_lp": 16}


@pytest.mark.parametrize("storage", DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_every_rule_gives_numpys_bits(name: str, storage: str) -> None:
    for size in (0, 1, 7, 129, 100_003):
        for special in (False, True):
            with np.errstate(all="ignore"):
                check_update(RULES[name], arrays_for(RULES[name], size, storage, seed=size, special=special))


@pytest.mark.parametrize("storage", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", EXACT)
def test_every_layout_gives_numpys_bits(name: str, storage: str) -> None:
    rule = RULES[name]
    layouts = {
        "0-d": lambda a: a[0, 0, 0, ...].reshape(()),
        "fortran": np.asfortranarray,
        "transposed": lambda a: a.transpose(1, 2, 0),
        "strided": lambda a: a[:, ::2, ::-1],
        "one column": lambda a: a[:, 1, 1],
        "one row": lambda a: a[None, 1],
    }
    for layout in layouts.values():
        check_update(rule, [layout(a) for a in arrays_for(rule, (5, 6, 7), storage, special=True)])
    arrays = arrays_for(rule, (8, 9), storage)
    check_update(rule, [np.asfortranarray(a) if k % 2 else a for k, a in enumerate(arrays)])


@pytest.mark.parametrize("name", EXACT)
def test_a_large_strided_array_gives_numpys_bits(name: str) -> None:
    check_update(RULES[name], [a[:, ::2] for a in arrays_for(RULES[name], (300, 700), "float32")])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", EXACT)
def test_any_number_of_threads_gives_the_same_bits(name: str, threads: int) -> None:
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        check_update(RULES[name], arrays_for(RULES[name], 200_001, "float32"))
    finally:
        numba.set_num_threads(before)


@pytest.mark.parametrize("name", EXACT)
def test_an_array_in_pieces_gives_the_same_bits(name: str) -> None:
    rule = RULES[name]
    hyper = rule.bind({"over": "model"} if "over" in rule.hyper else {})
    whole = arrays_for(rule, 100_003, "float32")
    pieces = [a.copy() for a in whole]
    cuts = [0, 1, 70, 33_333, 99_999, 100_003]
    sets = [[a[i:j] for a in pieces] for i, j in itertools.pairwise(cuts)]
    numbers = [{"t": 3, **hyper, **rule.states}]
    together = update(rule.program(hyper), sets, numbers)
    alone = rule(*whole, t=3, **{name: value for name, value in hyper.items() if name not in rule.starts_from})
    assert all(same_bits(a, b) for a, b in zip(whole, pieces, strict=True))
    assert all(same_numbers(states, alone or ()) for states in together)


@pytest.mark.parametrize("storage", ["float32", "float64"])
@pytest.mark.parametrize("name", EXACT)
def test_plain_numpy_gives_the_same_bits_where_nothing_is_denormal(name: str, storage: str) -> None:
    rule = RULES[name]
    arrays = arrays_for(rule, 10_007, storage)
    numbers = {**rule.hyper, **rule.states, **({"t": 3} if rule.uses_t else {})}
    expected = rule.formula(*arrays, **numbers)
    rule(*arrays, t=3)
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert all(same_bits(a, b) for a, b in zip([arrays[0], *arrays[2:]], expected, strict=False))


@pytest.mark.parametrize("storage", DTYPES)
@pytest.mark.parametrize("name", INEXACT)
def test_rules_with_powers_of_arrays_stay_within_their_tolerance(name: str, storage: str) -> None:
    rule = RULES[name]
    arrays = arrays_for(rule, 100_003, storage)
    expected = rule.reference(*arrays, t=3)
    rule(*arrays, t=3)
    compute = np.finfo("float64" if storage == "float64" else "float32").eps * TOLERANCES[name]
    for new, old in zip([arrays[0], *arrays[2:]], expected, strict=True):
        rounding = float(ml_dtypes.finfo(new.dtype).eps) if new.dtype.itemsize == 2 else 0.0
        np.testing.assert_allclose(new.astype("float64"), old.astype("float64"), rtol=compute + rounding, atol=compute)


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
    with denormals_flushed():
        assert np.all(tiny * np.float32(0.5) == 0)
    assert np.all(tiny * np.float32(0.5) > 0)
