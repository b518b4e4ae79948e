"""Rows that come several times in a row-sparse gradient of CuPy arrays are added up as on the CPU, in their order."""

import cuda_shim
import numpy as np
import pytest
from examples import same_bits

from fastopt.kernels.cpu import merged_rows
from fastopt.kernels.cuda import backend as cupy_backend
from fastopt.kernels.libraries import cupy_arrays, host


@pytest.mark.parametrize(("count", "most"), [(1, 1), (6, 1), (500, 40), (200, 1_000_000)])
def test_sums_are_those_of_the_cpu(count: int, most: int) -> None:
    generator = np.random.default_rng(count)
    rows = generator.integers(0, most, count)
    # Sums of numbers so far apart show their order.
    values = generator.standard_normal((count, 3)) * 10.0 ** generator.integers(-4, 4, (count, 1))
    wanted, sums = merged_rows.merged(rows, np.full(most, -1), host.view(values, "g"), "g")
    with cuda_shim.simulated(cuda_shim.Shim()):
        found, added = cupy_backend.merged(rows, None, cupy_arrays.view(values, "g"), "g")
    assert np.array_equal(found, wanted)
    assert same_bits(np.asarray(added.array), np.asarray(sums.array))
