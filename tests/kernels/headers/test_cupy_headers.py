"""That CuPy arrays were replaced, moved or set to another shape is noticed; CuPy makes arrays without a GPU too."""

from typing import Any

import numpy as np
import pytest

from fastopt.kernels.arrays.extents import Extents
from fastopt.kernels.arrays.view import make_view
from fastopt.kernels.headers import cupy_headers
from fastopt.kernels.headers.numpy_headers import CHANGED, MOVED, OTHERS, SAME, Headers

cupy = pytest.importorskip("cupy", reason="CuPy is not installed; the extra cuda-check brings it")

ROOM = np.zeros(4096)


def array(shape: Any, first: int, dtype: str = "float32", strides: Any = None, device: int = 0) -> Any:
    """An array of CuPy's whose memory nobody looks at."""
    memory = cupy.cuda.UnownedMemory(ROOM.ctypes.data, ROOM.nbytes, ROOM, device)
    return cupy.ndarray(shape, dtype, cupy.cuda.MemoryPointer(memory, first), strides)


def watched(written: bool = False) -> tuple[Any, list[Any], list[Any]]:
    parameters = [array((3, 4), 0), array((), 64), array((0,), 128)]
    gradients = [array((3, 4), 256), array((), 320), array((0,), 384)]
    fixed, moving = (
        [make_view(a, "cupy array", "cuda:0", a.data.ptr, a.dtype, a.strides, True, "a") for a in arrays]
        for arrays in (parameters, gradients)
    )
    extents = Extents(moving, fixed, range(len(moving)) if written else ())
    return Headers(parameters, gradients, extents, kind=cupy_headers.kind()), parameters, gradients


def test_the_words_of_this_cupy_are_known() -> None:
    assert cupy_headers.available()


def test_the_same_arrays_and_gradients_elsewhere() -> None:
    watch, parameters, gradients = watched()
    assert watch.look(parameters, gradients) == SAME
    others = [array((3, 4), 512), *gradients[1:]]
    assert watch.look(parameters, others) == MOVED
    assert watch.moving.tolist() == [g.data.ptr for g in others]
    assert watch.look(parameters, others) == SAME


def test_gradients_may_be_left_out_and_come_again() -> None:
    watch, parameters, gradients = watched()
    assert watch.look(parameters, [None, *gradients[1:]]) == OTHERS
    assert watch.look(parameters, [array((3, 4), 512), *gradients[1:]]) == OTHERS
    assert watch.look([None, *parameters[1:]], gradients) == CHANGED


@pytest.mark.parametrize(
    "other",
    [
        lambda: array((4, 3), 256),
        lambda: array((12,), 256),
        lambda: array((3, 4), 256, "int32"),
        lambda: array((3, 4), 256, "float32", (4, 12)),
        lambda: array((3, 4), 256, device=1),
        lambda: np.zeros((3, 4), "float32"),
        lambda: array((3, 4), 16),
    ],
    ids=["shape", "rank", "dtype", "strides", "device", "NumPy's", "over a parameter"],
)
def test_what_differs_in_anything_else_is_changed(other: Any) -> None:
    watch, parameters, gradients = watched()
    assert watch.look(parameters, [other(), *gradients[1:]]) == CHANGED
    assert watch.look([other(), *parameters[1:]], gradients) == CHANGED
    assert watch.look(parameters, gradients) == SAME


def test_a_parameter_elsewhere_is_changed() -> None:
    watch, parameters, gradients = watched()
    assert watch.look([array((3, 4), 768), *parameters[1:]], gradients) == CHANGED


def test_a_gradient_that_is_written_may_not_move_over_another() -> None:
    over = array((), 304)
    for written, found in ((False, MOVED), (True, CHANGED)):
        watch, parameters, gradients = watched(written)
        assert watch.look(parameters, [array((3, 4), 512), *gradients[1:]]) == MOVED
        assert watch.look(parameters, [array((3, 4), 264), over, gradients[2]]) == found


def test_a_shape_that_is_set_in_place_is_changed() -> None:
    watch, parameters, gradients = watched()
    gradients[0].shape = (4, 3)
    assert watch.look(parameters, gradients) == CHANGED
    gradients[0].shape = (3, 4)
    assert watch.look(parameters, gradients) == SAME


def test_more_or_fewer_arrays_are_changed() -> None:
    watch, parameters, gradients = watched()
    assert watch.look(parameters, gradients[:-1]) == CHANGED
    assert watch.look([*parameters, parameters[0]], gradients) == CHANGED


def test_of_a_class_that_inherits_nothing_is_watched() -> None:
    class Other(cupy.ndarray):  # type: ignore[misc, name-defined]
        pass

    memory = cupy.cuda.UnownedMemory(ROOM.ctypes.data, ROOM.nbytes, ROOM, 0)
    own = [Other((3,), "float32", cupy.cuda.MemoryPointer(memory, 0))]
    assert Headers(own, [], Extents(), kind=cupy_headers.kind()).look(own, []) == CHANGED


def test_words_that_lie_elsewhere_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    words = cupy_headers._words
    for wrong in (lambda thing: words(thing)[::-1], lambda thing: words(thing)[:10]):
        cupy_headers.available.cache_clear()
        monkeypatch.setattr(cupy_headers, "_words", wrong)
        assert not cupy_headers.available()
    monkeypatch.undo()
    cupy_headers.available.cache_clear()
