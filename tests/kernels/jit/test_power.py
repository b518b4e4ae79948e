"""The CPU's float32 power: right in every special case, and to half a unit in the last place elsewhere."""

import numpy as np
import pytest
from examples import same_bits

from fastopt.kernels import rule

SPECIAL = [0, 1, 2, 3, 0.5, 1 / 3, 2.5, 7, 128, 149, 150, 16777215, 33554432, 1.0000001, 0.9999999, 1e-38, 1e30, 3e38]
LARGEST = float(np.finfo("float32").max)


@rule
def raised(p, g):
    """Not an update, but the power itself."""
    return p**g


def flushed(values: np.ndarray) -> np.ndarray:
    return np.where(np.abs(values) < np.finfo("float32").tiny, np.copysign(0, values), values)


def expected(base: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        exact = np.power(flushed(base).astype("float64"), flushed(exponent).astype("float64"))
        return flushed(exact).astype("float32")


@pytest.mark.filterwarnings("ignore:overflow")
def test_special_cases_are_those_of_c() -> None:
    values = np.array([*SPECIAL, np.inf, 1e-42], "float32")
    values = np.concatenate([values, -values, [np.float32(np.nan)]])
    base, exponent = (np.ravel(side).copy() for side in np.meshgrid(values, values))
    result = base.copy()
    raised(result, exponent)
    assert same_bits(result, expected(base, exponent))


@pytest.mark.parametrize(("spread", "exponents"), [(60.0, 5.0), (1e-3, 3000.0), (2.0, 0.5)])
def test_elsewhere_it_is_right_to_half_a_unit_in_the_last_place(spread: float, exponents: float) -> None:
    generator = np.random.default_rng(0)
    base = np.exp(generator.uniform(-spread, spread, 300_001)).astype("float32")
    exponent = generator.uniform(-exponents, exponents, base.size).astype("float32")
    exact = np.power(base.astype("float64"), exponent.astype("float64"))
    normal = (exact > np.finfo("float32").tiny) & (exact < LARGEST)
    assert normal.mean() > 0.5
    result = base.copy()
    raised(result, exponent)
    units = np.abs(result[normal] - exact[normal]) / np.spacing(exact[normal].astype("float32"))
    assert units.max() < 0.51


def test_float64_is_the_c_librarys() -> None:
    base, exponent = np.random.default_rng(0).uniform(0.1, 3, (2, 10_007))
    result = base.copy()
    raised(result, exponent)
    np.testing.assert_allclose(result, np.power(base, exponent), rtol=1e-15)
