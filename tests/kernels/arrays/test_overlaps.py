"""Arrays that share memory are refused, arrays that only interleave are taken, and many of them without many pairs."""

import itertools
from typing import Any

import numpy as np
import pytest

from fastopt.kernels.arrays import overlaps
from fastopt.kernels.libraries.library import view_of


def refused(arrays: list[Any], written: set[int] | None = None) -> bool:
    views = [view_of(array, "array")[1] for array in arrays]
    try:
        overlaps.check_overlaps(views, str, set(range(len(arrays))) if written is None else written)
    except ValueError:
        return True
    return False


X = np.zeros((60, 80), "float32")
CUBE = np.zeros((7, 8, 40), "float32")
FIELDS = np.zeros(50, [("a", "f8"), ("b", "f4"), ("c", "f2"), ("d", "f2")])
FAMILIES: dict[str, list[Any]] = {
    "columns": [X[:, k] for k in range(80)],
    "columns, backwards": [X[::-1, k] for k in range(80)],
    "rows of the transpose": list(X.T),
    "halves": [X.reshape(-1)[::2], X.reshape(-1)[1::2]],
    "thirds": [X.reshape(-1)[k::3] for k in range(3)],
    "blocks": [X[i : i + 10, j : j + 10] for i in range(0, 60, 10) for j in range(0, 80, 10)],
    "bricks": [X[i : i + 5, i % 10 + j : i % 10 + j + 10] for i in range(0, 60, 5) for j in range(0, 70, 10)],
    "depths": [CUBE[:, 1:, k] for k in range(40)],
    "middles": [CUBE[:, k] for k in range(8)],
    "fields": [FIELDS[name] for name in "abcd"],
    "several at once": [
        *(X[:30:2, k] for k in range(40)),
        *(X[1:30:2, k] for k in range(40)),
        *(X[k, 40:60] for k in range(30)),
        *(X[:30, k] for k in range(60, 80)),
        *(X[30:, 10 * k : 10 * k + 10] for k in range(8)),
        *(CUBE[:, 1:, k] for k in range(40)),
        *CUBE[:, 0],
        *(FIELDS[name] for name in "abcd"),
    ],
}


@pytest.mark.parametrize("family", FAMILIES)
def test_interleaved_arrays_are_told_apart_without_pairs(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Any] = []
    monkeypatch.setattr(overlaps, "_share_memory", lambda a, b: compared.append((a, b)))
    assert not refused(FAMILIES[family])
    assert not compared


@pytest.mark.parametrize("family", FAMILIES)
def test_one_shared_element_is_found(family: str) -> None:
    arrays = FAMILIES[family]
    for k in range(0, len(arrays), max(1, len(arrays) // 5)):
        element = arrays[k][(arrays[k].shape[0] // 2,) * arrays[k].ndim]
        place = arrays[k][tuple(slice(n // 2, n // 2 + 1) for n in arrays[k].shape)]
        assert element.size == place.size == 1
        assert refused([*arrays, place])
        assert refused([*arrays, place], {len(arrays)})
        assert refused([*arrays, place], {k})
        assert not refused([*arrays, place], set())


W, BIG = np.zeros((3, 4), "float32"), np.zeros((2000, 1000), "float32")
TIES: dict[str, tuple[list[Any], str, str]] = {
    "a whole view": (
        [W, W[:]],
        ", element for element",
        "put the very same array in both places and pass shared=True, or leave out b and add its gradient to that of a",
    ),
    "the transpose": (
        [W, W.T],
        ", which it is the transpose of",
        "leave out b and add its gradient, transposed, to that of a",
    ),
    "a part": (
        [W, W[1:, ::2]],
        " in 4 elements: the first is b[0, 0], which is a[1, 0]",
        "leave out b and add its gradient, in its place, to that of a",
    ),
    "one element before the whole": (
        [W[2:, 3:].reshape(()), W],
        " in 1 element: the first is b[2, 3], which is a",
        "leave out a and add its gradient, in its place, to that of b",
    ),
    "two windows": (
        [W[:2], W[1:]],
        " in 4 elements: the first is b[0, 0], which is a[1, 0]",
        "pass the array that both are views of, with one gradient",
    ),
    "large windows, whose elements are not compared": (
        [BIG[:1500], BIG[400:]],
        "",
        "pass the array that both are views of, with one gradient",
    ),
}


@pytest.mark.parametrize("what", TIES)
def test_a_message_on_two_parameters_says_what_they_share_and_how_they_stay_tied(what: str) -> None:
    arrays, where, remedy = TIES[what]
    views = [view_of(array, "")[1] for array in arrays]
    with pytest.raises(ValueError, match="shares") as caught:
        overlaps.check_overlaps(views, "ab".__getitem__, {0, 1}, {0, 1})
    independent = "if they are to be independent, pass a copy of b"
    assert str(caught.value) == f"b shares memory with a{where}; if they are tied, {remedy}; {independent}"
    with pytest.raises(ValueError, match="b shares memory with a; pass a copy of b"):
        overlaps.check_overlaps(views, "ab".__getitem__, {0}, {0})


def some_view(generator: np.random.Generator, room: Any) -> Any:
    """A random view of a matrix: of any rectangle, step and direction, at times flat or transposed."""
    if generator.random() < 0.2:
        flat, (low, high) = room.reshape(-1), sorted(generator.integers(0, room.size, 2))
        return flat[low : high : generator.integers(1, 9)]
    cuts = [slice(*sorted(generator.integers(0, n + 1, 2)), generator.integers(1, 4)) for n in room.shape]
    part = room[tuple(cuts)][:: generator.choice([-1, 1])]
    return part.T if generator.random() < 0.3 else part


def test_the_answer_is_that_of_the_bytes() -> None:
    generator, answers = np.random.default_rng(5), []
    for _ in range(1500):
        room = np.arange(int(np.prod(shape := generator.integers(2, 9, 2))), dtype="float32").reshape(shape)
        arrays = [some_view(generator, room) for _ in range(generator.integers(2, 5))]
        written = set(generator.permutation(len(arrays))[: generator.integers(0, len(arrays) + 1)].tolist())
        places = [set(array.reshape(-1).tolist()) for array in arrays]
        pairs = itertools.combinations(range(len(arrays)), 2)
        share = any({j, k} & written and places[j] & places[k] for j, k in pairs)
        assert refused(arrays, written) is share
        answers.append(share)
    assert 300 < sum(answers) < 1200


def pinwheel(x: Any) -> list[Any]:
    return [x[:1, :2], x[:2, 2:], x[2:, 1:], x[1:, :1], x[1:2, 1:2]]


def test_what_no_split_tells_apart_is_compared_in_pairs() -> None:
    assert not refused(pinwheel(X[10:13, 10:13]))
    assert refused([*pinwheel(X[10:13, 10:13]), X[11:12, 11:13]])
