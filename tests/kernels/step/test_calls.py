"""Python looks at the arrays of a call once: later calls notice what is new, and give the reference's bits."""

import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import arrays_for, check_update, same_bits

from fastopt.kernels import Rule, adam, lamb, rule, sgd
from fastopt.kernels.step import calls


@rule(states=["change"])
def counting(p, g, *, change=0.0, lr=0.1, twice=False):  # type: ignore[no-untyped-def]
    return p - lr * change * g * (2.0 if twice else 1.0), change + 1.0


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The addresses of the parameters whose arrays were looked at in Python."""
    looked: list[int] = []
    views_of = calls.views_of
    monkeypatch.setattr(calls, "views_of", lambda *given: looked.append(id(given[1][0][0])) or views_of(*given))
    for tested in (adam, lamb, counting):
        monkeypatch.setattr(tested, "_calls", calls.Calls())
    return looked


def some(tested: Rule, seed: int = 0) -> list[Any]:
    return arrays_for(tested, (5, 7), "float32", seed)


@pytest.mark.parametrize("tested", [adam, lamb, counting], ids=lambda tested: tested.name)
def test_later_calls_look_at_no_array_in_python(tested: Rule, anew: list[int]) -> None:
    arrays = some(tested)
    check_update(tested, arrays)
    for seed in range(1, 4):
        check_update(tested, arrays, t=seed, lr=0.1 / seed)
        arrays[1] = some(tested, seed)[1]
        check_update(tested, arrays, t=seed)
    arrays[1:] = some(tested, 7)[1:]
    check_update(tested, arrays)
    assert anew == [id(arrays[0])]
    # A parameter that is made anew, as a view in a loop, often has the address of the one before.
    (key, kept), others = tested._calls._kept.popitem(), some(tested, 8)
    tested._calls._kept[(id(others[0]), key[1])] = kept
    check_update(tested, others)
    assert anew == [id(arrays[0])]


def test_parameters_have_calls_of_their_own(anew: list[int]) -> None:
    sets = [arrays_for(adam, shape, "float32") for shape in ((3,), (2, 2), (70000,))]
    for t in range(1, 4):
        for arrays in sets:
            check_update(adam, arrays, t=t)
    assert anew == [id(arrays[0]) for arrays in sets]


CHANGES: dict[str, tuple[Callable[[list[Any]], None], str]] = {
    "shape": (lambda arrays: arrays.__setitem__(1, np.ones((7, 5), "float32")), "g has shape"),
    "type": (lambda arrays: arrays.__setitem__(1, np.ones((5, 7))), "float64 does not mix"),
    "read-only": (lambda arrays: arrays[2].setflags(write=False), "m is read-only"),
    "class": (lambda arrays: arrays.__setitem__(1, np.ma.array(arrays[1])), "MaskedArray"),
    "no array": (lambda arrays: arrays.__setitem__(1, None), "g"),
    "twice": (lambda arrays: arrays.__setitem__(1, arrays[0]), "g shares memory with p"),
    "state twice": (lambda arrays: arrays.__setitem__(3, arrays[2]), "v shares memory with m"),
    "over the end": (
        lambda arrays: arrays.__setitem__(1, np.frombuffer(arrays[4], "f4", 35, 136).reshape(5, 7)),
        "g shares memory with p",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_refused_in_the_first_call_is_refused_in_a_later_one(change: str) -> None:
    room = np.zeros(70, "float32")
    arrays = [room[:35].reshape(5, 7), *some(adam)[1:]]
    adam(*arrays, t=1)
    make, message = CHANGES[change]
    changed = [*arrays, room]
    make(changed)
    before = [array.copy() for array in arrays]
    with pytest.raises((TypeError, ValueError), match=message):
        adam(*changed[:4], t=2)
    assert all(map(same_bits, arrays, before))
    arrays[2].setflags(write=True)
    check_update(adam, arrays)


def test_arrays_that_come_to_interleave_are_taken() -> None:
    x = arrays_for(sgd, (6, 8), "float32")
    p, g = x[0][:, ::2], x[1][:, ::2]
    sgd(p, g)
    check_update(sgd, [p, x[0][:, 1::2]])


def test_other_layouts_at_the_same_address() -> None:
    room = np.random.default_rng(3).standard_normal((2, 40)).astype("float32")
    for _ in range(2):
        for layout in (np.s_[:], np.s_[::2], np.s_[::-1], np.s_[:7]):
            check_update(sgd, [room[0][layout], room[1][layout]])


class Foreign:
    """An array of another library, in NumPy's memory."""

    def __init__(self, array: Any) -> None:
        self.array, self.shape, self.__array_interface__ = array, array.shape, array.__array_interface__


def test_arrays_that_compiled_code_does_not_look_at_are_looked_at_in_each_call(anew: list[int], tmp_path: Path) -> None:
    on_disk = np.memmap(tmp_path / "array", "float32", "w+", shape=(5, 7))
    for which in (0, 1):
        for other in (on_disk, Foreign(np.ones((5, 7), "float32"))):
            given = [other if k == which else array for k, array in enumerate(some(adam))]
            for t in (1, 2):
                expected = adam.reference(*map(np.asarray, given), t=t)
                adam(*given, t=t)
                assert same_bits(np.asarray(given[0]), expected[0])
    assert len(anew) == 8


def test_no_array_is_kept_alive() -> None:
    arrays = some(lamb)
    for t in (1, 2):
        lamb(*arrays, t=t)
    there = [weakref.ref(array) for array in arrays]
    del arrays
    gc.collect()
    assert not any(ref() is not None for ref in there)


def test_a_call_whose_tables_are_long_is_not_kept() -> None:
    """A gradient that is broadcast along rows has an entry for each row."""
    p, g = np.zeros((5000, 2), "float32"), np.broadcast_to(np.ones((5000, 1), "float32"), (5000, 2))
    for _ in range(2):
        sgd(p, g, lr=1.0)
    assert (p == -2).all()
    assert id(p) not in [at for at, _ in sgd._calls._kept]


def test_few_calls_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_MOST", 3)
    mine = calls.Calls()
    sets = [some(adam, seed) for seed in range(9)]
    for arrays in sets:
        mine.update(adam.program(adam.hyper), arrays, {**adam.hyper, "t": 1})
    assert [key[0] for key in mine._kept] == [id(arrays[0]) for arrays in sets[-3:]]


def test_numbers_are_compared_to_the_bit() -> None:
    p, g = np.full(3, -0.0, "float32"), np.ones(3, "float32")
    for rate, negative in ((0.0, True), (-0.0, False), (0.0, False)):
        # -0.0 - 0.0 is -0.0, and -0.0 + 0.0 is 0.0.
        sgd(p, g, lr=rate)
        assert np.signbit(p).tolist() == [negative] * 3
    in_place = np.array(0.5)
    for value in (0.5, 0.25):
        in_place[...] = value
        sgd(p, g, lr=in_place)
    assert p.tolist() == [-0.75] * 3
    p = np.zeros(3, "float32")
    counting(p, g, change=1.0, twice=True)
    with pytest.raises(TypeError, match="twice must be True or False; got 1"):
        counting(p, g, change=1.0, twice=1)
    with pytest.raises(TypeError, match="lr must be a number; got True"):
        sgd(p, g, lr=True)
    counting(p, g, change=1.0, twice=False)
    assert p.tolist() == pytest.approx([-0.3] * 3)


def test_threads_whose_arrays_take_turns_at_an_address() -> None:
    wrong: list[Any] = []

    def work(seed: int) -> None:
        for k in range(300):
            p, g = np.full(8, seed, "float32"), np.full(8, k, "float32")
            for _ in range(3):
                sgd(p, g, lr=1.0)
            if p.tolist() != [seed - 3.0 * k] * 8:
                wrong.append(p)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_call_is_out_of_reach_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a call from a signal's handler, or from another thread, of the same parameter does not get its tables."""
    mine, (p, g) = calls.Calls(), some(sgd)
    program = sgd.program(sgd.hyper)
    mine.update(program, [p, g], sgd.hyper)
    seen: list[int] = []
    stepped = calls.stepped
    monkeypatch.setattr(calls, "stepped", lambda *given: seen.append(len(mine._kept)) or stepped(*given))
    mine.update(program, [p, g], sgd.hyper)
    assert seen == [0]
    assert len(mine._kept) == 1


@rule
def by_a_fixed_slot(p, g, m, *, lr=0.1):
    return p - lr * g * m, m


@pytest.mark.parametrize("shape", [(2,), (4, 2)])
def test_an_array_that_is_only_read_must_have_the_shape_of_the_parameter(shape: tuple[int, ...]) -> None:
    for p in (np.ones(8, "float32"), np.ones(4, "complex64")):
        before = p.copy()
        with pytest.raises((TypeError, ValueError), match=r"m (has shape|is float32)"):
            by_a_fixed_slot(p, np.ones_like(p), np.ones(shape, "float32"))
        assert np.array_equal(p, before)
