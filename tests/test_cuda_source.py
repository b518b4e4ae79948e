"""The generated CUDA C++, compiled for the CPU behind a shim, gives the bits of NumPy; on a GPU, for real."""

import os
from collections.abc import Iterator
from typing import Any

import cuda_shim
import numpy as np
import pytest
from examples import DTYPES, EXACT, arrays_for, check_update, same_bits, same_numbers

from fastopt.kernels import RULES, Rule, max_norm, maximum, minimum, norm, rule, sign, where
from fastopt.kernels.dispatch import update

SIZES = (0, 1, 7, 129, 100_003)


@rule
def clipped(p, g, m, *, lr=0.1, limit=1.0):  # type: ignore[no-untyped-def]
    """Two reductions in a stage, one of an expression; an update that depends on them."""
    size = norm(g - 0.5 * m, over="model")
    scale = minimum(1.0, limit / (size + max_norm(g) + 0.5))
    m = 0.9 * m + scale * g
    return p - lr * m, m


@rule
def in_two_waves(p, g, *, lr=0.1):  # type: ignore[no-untyped-def]
    """A reduction that needs another one."""
    return p - lr * norm(g / (norm(g) + 1.0)) * g


@rule
def without_arithmetic(p, g, kept, other, *, switch=1.0):  # type: ignore[no-untyped-def]
    """Stores that no arithmetic has flushed, every comparison, constants that have no literal."""
    inside = ((g > -0.5) & (g <= 0.5)) | ~(kept != kept)
    p = where(inside & (g >= p), where(switch > 0, g, -g), maximum(p, -0.0))
    return where(p == 0, minimum(g, 0.0), p), other, where(abs(kept) < float("inf"), kept, sign(g) * float("nan"))


def _odd_names() -> Rule:
    """Names like C++ keywords, like those of the kernel, in Greek; comments in the docstring."""

    def template(double, threadIdx, n, table, λ, s0, __shared_, x0, *, at0=0.5, float32=2.0, β=0.25, row_=3.0):  # type: ignore[no-untyped-def]
        """*/ "quotes" \\ // ??/ @ #error"""
        s0 = s0 * at0 + float32 * threadIdx + (1 - β) * n
        λ = λ * β + row_ * table
        return double - s0 * s0 + λ * λ, table, n, λ, s0, __shared_ + x0 * x0, maximum(x0, __shared_)

    return rule(template)


OWN = {r.name: r for r in (clipped, in_two_waves, without_arithmetic, _odd_names())}
EVERY = {**{name: RULES[name] for name in EXACT}, **OWN}


def numbers_of(tested: Rule) -> dict[str, Any]:
    return {"t": 3, **tested.hyper, **tested.states}


@pytest.fixture(scope="module", params=list(DTYPES))
def storage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory, storage: str) -> Iterator[cuda_shim.Shim]:
    """Every kernel of one stored type, in one translation unit: compilers are slow to start."""
    if cuda_shim.compiler() is None:
        pytest.skip("there is no C++ compiler: neither g++ nor the package ziglang")
    base = tmp_path_factory.getbasetemp()
    # The workers of one run share what they compile.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cuda_shim"
    folder.mkdir(exist_ok=True)
    shim = cuda_shim.Shim(folder)
    with cuda_shim.simulated(shim):
        shim.recording = True
        for tested in EVERY.values():
            for strided in (False, True):
                sets = [[a[::2] if strided else a for a in arrays_for(tested, 6, storage)] for _ in range(2)]
                for chosen in (sets, sets[:1]):
                    update(tested.program(tested.hyper), chosen, [numbers_of(tested)])
        shim.recording = False
        yield shim


def displaced(array: Any, bytes_past: int) -> Any:
    """A copy at an address so many bytes past a multiple of 16."""
    room = np.zeros(array.nbytes + 32, np.uint8)
    start = -room.ctypes.data % 16 + bytes_past
    result = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    result[...] = array
    return result


def check_sets(tested: Rule, sets: list[list[Any]], **hyper: Any) -> None:
    """Assert that one update of many sets gives the reference's bits for each."""
    numbers = {**numbers_of(tested), **hyper}
    given = {name: value for name, value in numbers.items() if name not in ("t", *tested.starts_from)}
    whole_model = {node.value for node in tested.program(tested.hyper).reductions} & {"model"}
    assert not whole_model or len(sets) == 1
    expected = [tested.reference(*arrays, t=3 if tested.uses_t else None, **given) for arrays in sets]
    states = update(tested.program(tested.hyper), sets, [numbers])
    for position, arrays in enumerate(sets):
        new = [arrays[0], *arrays[2:]]
        for name, one, other in zip((tested.arrays[0], *tested.slots), new, expected[position], strict=False):
            assert same_bits(one, other), f"{tested.name}: {name} of set {position}, {one.size} elements"
        assert same_numbers(states[position if len(states) > 1 else 0], expected[position][len(new) :])


@pytest.mark.parametrize("special", [False, True], ids=["ordinary", "special"])
@pytest.mark.parametrize("name", EVERY)
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


@pytest.mark.parametrize("name", EVERY)
def test_every_layout_gives_numpys_bits(name: str, storage: str, shim: cuda_shim.Shim) -> None:
    tested = EVERY[name]
    layouts = [
        lambda a: a[0, 0, 0, ...].reshape(()),
        np.asfortranarray,
        lambda a: a.transpose(1, 2, 0),
        lambda a: a[:, ::2, ::-1],
        lambda a: a[:, 1, 1],
    ]
    for layout in layouts:
        check_sets(tested, [[layout(a) for a in arrays_for(tested, (5, 6, 7), storage, special=True)]])
    check_sets(tested, [[a[::2] for a in arrays_for(tested, 1001, storage)]])
