"""The generated CUDA C++, compiled for the CPU behind a shim, gives the bits of NumPy; on a GPU, for real."""

from collections.abc import Callable, Iterator
from typing import Any

import cuda_shim
import numpy as np
import pytest
from examples import DTYPES, INEXACT, arrays_for, by_turns, check_close, check_update, others_in_ci, same_bits
from own_rules import EVERY, OWN
from updated_sets import check_sets, numbers_of
from updating import update

from fastopt.kernels import RULES, Rule
from fastopt.kernels.cuda import compiler as cupy_kernels
from fastopt.kernels.cuda.launch_size import THREADS
from fastopt.kernels.tasks.layout import Layout

NO_COMPILER = "there is no C++ compiler: neither g++ nor the package ziglang"
SIZES = (0, 1, 7, 129, 100_003)


OF_ALL_TYPES = pytest.mark.parametrize("storage", DTYPES)
# Every rule in float32 and, by turns, in one more type.
RULES_AND_TYPES = pytest.mark.parametrize(("name", "storage"), by_turns(EVERY, DTYPES, always=[("float32",)]))


def needed(items: list[pytest.Item]) -> Iterator[tuple[Rule, list[Any]]]:
    """The rules of the tests that are to run, and arrays that need the same kernels."""
    wanted: dict[bool, set[Any]] = {True: set(), False: set()}
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            given = item.callspec.params
            wanted["layout" in item.originalname].add((given.get("name"), given.get("storage")))
    every = EVERY | {name: RULES[name] for name in INEXACT}
    for name, tested in every.items():
        for storage in DTYPES:
            if (name, storage) in wanted[False]:
                yield tested, arrays_for(tested, 9, storage)
            if (name, storage) in wanted[True]:
                yield from ((tested, arrays) for arrays in in_every_layout(tested, storage))


def in_every_layout(tested: Rule, storage: str) -> Iterator[list[Any]]:
    """The arrays of a rule: dense ones, and such as have a kernel for their number of dimensions."""
    layouts: list[Callable[[Any], Any]] = [
        lambda a: a[0, 0, 0, ...].reshape(()),
        np.asfortranarray,
        lambda a: a.transpose(1, 2, 0),
        lambda a: a[:, ::2, ::-1],
        lambda a: a[:, 1, 1],
    ]
    for layout in layouts:
        yield [layout(a) for a in arrays_for(tested, (5, 6, 7), storage, special=True)]
    yield [a[::2] for a in arrays_for(tested, 1001, storage)]
    yield [np.asfortranarray(a) if k % 2 else a for k, a in enumerate(arrays_for(tested, (8, 9), storage))]


@pytest.fixture(scope="module")
def shim(request: pytest.FixtureRequest) -> Iterator[cuda_shim.Shim]:
    """Every kernel, compiled together: compilers are slow to start."""
    if cuda_shim.compiler() is None:
        pytest.skip(NO_COMPILER)
    shim = cuda_shim.Shim()
    with cuda_shim.simulated(shim):
        shim.recording = True
        for tested, arrays in needed(request.session.items):
            for chosen in ([arrays, [a.copy(order="K") for a in arrays]], [arrays]):
                update(tested.program(tested.hyper), chosen, [numbers_of(tested)])
        shim.recording = False
        yield shim


def displaced(array: Any, bytes_past: int) -> Any:
    """A copy at an address so many bytes past a multiple of 16."""
    room = np.zeros(array.nbytes + 32, np.uint8)
    start = -room.ctypes.data % 16 + bytes_past
    result = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    result[...] = array
    if result.dtype == np.float32:
        # The NaN that a GPU's arithmetic gives: one more in its bits, and it is -0.0.
        result.view("uint32")[np.isnan(result)] = 0x7FFFFFFF
    return result


@RULES_AND_TYPES
@pytest.mark.parametrize("special", [False, True], ids=["ordinary", "special"])
def test_the_kernels_text_gives_numpys_bits(name: str, special: bool, storage: str, shim: cuda_shim.Shim) -> None:
    tested = EVERY[name]
    arrays = {size: arrays_for(tested, size, storage, seed=size, special=special) for size in SIZES}
    together = [[displaced(a, 0) for a in arrays[size]] for size in SIZES]
    apart = [[displaced(a, a.itemsize if k == 1 else 0) for k, a in enumerate(arrays[size])] for size in SIZES]
    if any(node.value == "model" for node in tested.program(tested.hyper).reductions):
        for one in (*together, *apart):
            check_sets(tested, [one])
    else:
        check_sets(tested, [*together, *apart])
    for size in SIZES[:-1]:
        check_update(tested, arrays[size])


@pytest.mark.parametrize(("name", "storage"), others_in_ci(by_turns(EVERY, DTYPES)))
def test_every_layout_gives_numpys_bits(name: str, storage: str, shim: cuda_shim.Shim) -> None:
    for arrays in in_every_layout(EVERY[name], storage):
        check_sets(EVERY[name], [arrays])


@OF_ALL_TYPES
@pytest.mark.parametrize("name", INEXACT)
def test_rules_with_powers_of_arrays_are_close(name: str, storage: str, shim: cuda_shim.Shim) -> None:
    tested = RULES[name]
    for sets in (1, 2):
        arrays = [arrays_for(tested, 1001, storage, seed=k) for k in range(sets)]
        expected = [tested.reference(*one, t=3) for one in arrays]
        update(tested.program(tested.hyper), arrays, [numbers_of(tested)])
        for one, other in zip(arrays, expected, strict=True):
            for new, old in zip([one[0], *one[2:]], other, strict=True):
                check_close(tested, new, old, storage)


@OF_ALL_TYPES
def test_groups_have_scalars_of_their_own(storage: str, shim: cuda_shim.Shim) -> None:
    tested = RULES["adamw"]
    for layout in (lambda a: a, lambda a: a[::2]):
        sets = [[layout(a) for a in arrays_for(tested, size, storage, seed=size)] for size in (9, 70_001, 40)]
        rates = [{**tested.hyper, "t": t, "lr": lr} for t, lr in ((1, 0.5), (7, 0.25), (300, 1e-3))]
        given = [{name: row[name] for name in tested.hyper} for row in rates]
        expected = [tested.reference(*a, t=row["t"], **h) for a, row, h in zip(sets, rates, given, strict=True)]
        update(tested.program(tested.hyper), sets, rates)
        for arrays, wanted in zip(sets, expected, strict=True):
            assert all(same_bits(a, b) for a, b in zip([arrays[0], *arrays[2:]], wanted, strict=True))


@OF_ALL_TYPES
def test_stored_types_mix(storage: str, shim: cuda_shim.Shim) -> None:
    if storage == "float64":
        pytest.skip("float64 does not mix with other types")
    tested = RULES["adam"]
    others = [DTYPES[other] for other in ("float16", "float32", "bfloat16")]
    for turn in range(3):
        sets = []
        for size in (129, 1001):
            arrays = arrays_for(tested, size, storage, seed=turn)
            kinds = [arrays[0].dtype, *others[turn:], *others[:turn]]
            sets.append([a.astype(kind) for a, kind in zip(arrays, kinds, strict=True)])
        check_sets(tested, sets)


@OF_ALL_TYPES
def test_reductions_over_the_model_equal_the_cpus(storage: str, shim: cuda_shim.Shim) -> None:
    tested = OWN["clipped"]
    for layout in (lambda a: a, lambda a: a[::2]):
        sets = [[layout(a) for a in arrays_for(tested, size, storage, seed=size)] for size in (70_001, 9, 0, 131_072)]
        others = [[a.copy() for a in arrays] for arrays in sets]
        update(tested.program(tested.hyper), sets, [numbers_of(tested)])
        with cuda_shim.on_the_cpu():
            update(tested.program(tested.hyper), others, [numbers_of(tested)])
        for arrays, wanted in zip(sets, others, strict=True):
            assert all(same_bits(a, b) for a, b in zip(arrays, wanted, strict=True))


@OF_ALL_TYPES
def test_packs_are_used_where_every_address_allows_it(storage: str, shim: cuda_shim.Shim) -> None:
    program = RULES["adam"].program(RULES["adam"].hyper)
    arrays = arrays_for(RULES["adam"], 100_003, storage)
    storages = tuple(a.dtype.name for a in arrays)
    kernel = cupy_kernels.update_kernel(program.name, program.stages[-1], Layout(storages), THREADS)
    smallest = arrays[0].itemsize
    whole = 100_003 // (16 // smallest)
    for past in (0, smallest):
        sets = [[displaced(a, past if k == 1 else 0) for k, a in enumerate(arrays)] for _ in range(2)]
        shim.packs(kernel.symbol)
        update(program, sets, [numbers_of(RULES["adam"])])
        # Four arrays are read, three written; a pack of 16-bit values takes two of float32.
        per_pack = 2 + 1 + (2 + 2) * (4 // smallest if smallest < 4 else 1)
        assert shim.packs(kernel.symbol) == (2 * whole * per_pack if past == 0 else 0)


MISTAKES = [
    ("adamax", "float32", "a > b || a != a ? a : b", "a > b ? a : b"),
    ("without_arithmetic", "float32", "a > b || a != a ? a : b", "a < b ? b : a"),
    ("without_arithmetic", "float32", "x : __uint_as_float(bits & 0x80000000u)", "x : x"),
    ("lion", "float32", "x > T(0) ? T(1)", "x >= T(0) ? T(1)"),
    ("adam", "float32", "(beta1_ * m_) + ", "1e-9f + (beta1_ * m_) + "),
    ("adam", "float32", "number = whole + first", "number = whole + first + 1"),
    ("sgd", "bfloat16", " + (bits >> 16 & 1u)", ""),
    ("momentum", "bfloat16", "x != x ? bits >> 16 | 0x40u : ", ""),
    ("adam", "float16", "S::decode(words[k] >> 16)", "S::decode(words[k])"),
    ("clipped", "float32", "half = 512", "half = 256"),
    ("clipped", "float64", "const double v0 = y0", "const float v0 = y0"),
]


@pytest.mark.parametrize(("name", "stored", "right", "wrong"), MISTAKES)
def test_the_comparison_sees_a_wrong_kernel(name: str, stored: str, right: str, wrong: str) -> None:
    if cuda_shim.compiler() is None:
        pytest.skip(NO_COMPILER)
    tested = EVERY[name]
    for edits, fails in (({}, False), ({right: wrong}, True)):
        failures, shim = 0, cuda_shim.Shim(edits)
        with cuda_shim.simulated(shim):
            for special in (False, True):
                arrays = arrays_for(tested, 1001, stored, special=special)
                sets = [[displaced(a, 0) for a in arrays] for _ in range(1 if name == "clipped" else 2)]
                try:
                    # With this rate sums of bfloat16 numbers lie half way between two of them.
                    check_sets(tested, sets, **({"lr": 0.5} if "lr" in tested.hyper else {}))
                except AssertionError:
                    failures += 1
        assert shim.edited == set(edits)
        assert bool(failures) is fails
