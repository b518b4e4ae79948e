"""Numbers that lie apart are read and written together, each in its own type."""

import numpy as np
import pytest

from fastopt.integrations.scattered import Scattered


def test_numbers_are_read_and_written_where_they_lie() -> None:
    room = np.zeros(8, "float32")
    arrays = [np.array(0.5), room[3:4].reshape(()), np.array([-2.0], "float32"), np.array(1 / 3)]
    numbers = Scattered(arrays)
    assert numbers.read() == [0.5, 0.0, -2.0, 1 / 3]
    numbers.write([1e300, 1 / 3, 2.0**24 + 1, 0.1])
    assert [array.item() for array in arrays] == [1e300, float(np.float32(1 / 3)), 2.0**24, 0.1]
    assert room.tolist() == [0, 0, 0, float(np.float32(1 / 3)), 0, 0, 0, 0]
    arrays[0][()] = 7
    assert numbers.read()[0] == 7.0


@pytest.mark.parametrize("array", [np.array(1), np.zeros(2), np.zeros(0), np.array(1, "float16")])
def test_what_is_no_single_number_is_refused(array: np.ndarray) -> None:
    with pytest.raises(TypeError, match="expected one number of float32 or float64; got"):
        Scattered([np.array(0.5), array])
