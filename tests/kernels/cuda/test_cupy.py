"""The CuPy backend on a real GPU, and what it says where there is none."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from examples import DTYPES, arrays_for, same_bits, same_numbers
from on_cupy import on_gpu
from own_rules import EVERY
from updating import update

from fastopt.kernels import RULES, Rule, rule
from fastopt.kernels.cuda import compiler
from fastopt.kernels.libraries.library import array_like


@pytest.fixture
def cupy() -> Any:
    try:
        return compiler.cupy()
    except (ImportError, RuntimeError) as error:
        pytest.skip(str(error))


def moved(cupy: Any, array: Any, past: int) -> Any:
    """A copy on the GPU, so many elements past an address that is a multiple of 16."""
    room = on_gpu(cupy, np.zeros(array.size + past, array.dtype))
    assert room.data.ptr % 16 == 0
    room[past:] = on_gpu(cupy, array)
    return room[past:]


def numbers_of(tested: Rule) -> dict[str, Any]:
    return {"t": 3, **tested.hyper, **tested.states}


def check_on_gpu(cupy: Any, tested: Rule, hosts: list[list[Any]], devices: list[list[Any]]) -> None:
    """Assert that one update of these sets on the GPU gives the reference's bits."""
    given = {name: value for name, value in tested.hyper.items() if name not in tested.starts_from}
    expected = [tested.reference(*arrays, t=3, **given) for arrays in hosts]
    states = update(tested.program(tested.hyper), devices, [numbers_of(tested)])
    for position, arrays in enumerate(devices):
        new = [cupy.asnumpy(a) for a in (arrays[0], *arrays[2:])]
        for name, one, other in zip((tested.arrays[0], *tested.slots), new, expected[position], strict=False):
            assert same_bits(one, other), f"{tested.name}: {name} of set {position}, {one.size} elements"
        assert same_numbers(states[position if len(states) > 1 else 0], expected[position][len(new) :])


@pytest.mark.gpu
@pytest.mark.parametrize("storage", DTYPES)
@pytest.mark.parametrize("name", EVERY)
def test_every_rule_gives_numpys_bits_on_a_gpu(name: str, storage: str, cupy: Any) -> None:
    tested = EVERY[name]
    alone = any(node.value == "model" for node in tested.program(tested.hyper).reductions)
    for special in (False, True):
        hosts = [arrays_for(tested, n, storage, seed=n, special=special) for n in (0, 1, 7, 129, 100_003)] * 2
        devices = [[moved(cupy, a, k == 1 and j >= 5) for k, a in enumerate(host)] for j, host in enumerate(hosts)]
        if not alone:
            check_on_gpu(cupy, tested, hosts, devices)
        for host in hosts[:5]:
            check_on_gpu(cupy, tested, [host], [[on_gpu(cupy, a) for a in host]])


@pytest.mark.gpu
@pytest.mark.parametrize("storage", DTYPES)
@pytest.mark.parametrize("name", EVERY)
def test_every_layout_gives_numpys_bits_on_a_gpu(name: str, storage: str, cupy: Any) -> None:
    tested = EVERY[name]
    hosts = arrays_for(tested, (5, 6, 7), storage, special=True)
    devices = [on_gpu(cupy, a) for a in hosts]
    layouts = [
        lambda a: a[0, 0, 0, ...].reshape(()),
        lambda a: a.transpose(1, 2, 0),
        lambda a: a[:, ::2, ::-1],
        lambda a: a[:, 1, 1],
    ]
    for layout in layouts:
        # Views share memory: each layout has copies of its own.
        own = [layout(a.copy()) for a in hosts], [layout(a.copy()) for a in devices]
        check_on_gpu(cupy, tested, [own[0]], [own[1]])


@rule
def at_the_edge(p, g, a, b, c):
    """Results next to the smallest normal number, where machines differ in what they call a denormal."""
    return p + g, a * g, b / g, c - g


@pytest.mark.gpu
@pytest.mark.parametrize("storage", ["float32", "float64"])
def test_denormal_results_are_those_of_the_cpu(storage: str, cupy: Any) -> None:
    generator = np.random.default_rng(0)
    tiny = 2.0**-126 if storage == "float32" else 2.0**-1022
    step = np.finfo(storage).eps
    near = 1 + generator.integers(-64, 64, 100_000) * step / 2
    others = 1 + generator.integers(-64, 64, 100_000) * step
    for p, g in ((near * 2.0**-60, others * tiny * 2.0**60), (near * tiny, others), (near * tiny * 2, others * tiny)):
        hosts = [np.array(a, storage) for a in (p, g, p, p, p)]
        check_on_gpu(cupy, at_the_edge, [hosts], [[cupy.asarray(a) for a in hosts]])


@pytest.mark.gpu
def test_an_update_does_not_wait_for_the_gpu(cupy: Any) -> None:
    sets = [[cupy.zeros(1 << 26, "float32") for _ in range(4)] for _ in range(2)]
    program, numbers = RULES["adam"].program(RULES["adam"].hyper), [numbers_of(RULES["adam"])]
    update(program, sets, numbers)
    cupy.cuda.get_current_stream().synchronize()
    for _ in range(20):
        update(program, sets, numbers)
    assert not cupy.cuda.get_current_stream().done


@pytest.mark.gpu
def test_state_lies_like_its_parameter(cupy: Any) -> None:
    p = cupy.asfortranarray(cupy.ones((3, 4), "float16"))
    state = array_like(p, 0.5, None, "p")
    assert (state.dtype, state.strides, state.device) == (np.dtype("float32"), (4, 12), p.device)
    assert (cupy.asnumpy(state) == 0.5).all()


def test_the_backend_is_loaded_without_cupy() -> None:
    code = "import sys, fastopt.kernels.cuda.backend, fastopt.kernels.cuda.element; sys.exit('cupy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_cupys_absence_is_an_error_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler.cupy.cache_clear()
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match=r"pip install 'fastopt\[cuda13\]'"):
        compiler.cupy()


def test_a_missing_driver_is_an_error_with_its_remedy() -> None:
    found = pytest.importorskip("cupy", reason="CuPy is not installed; the extra cuda-check brings it")
    if found.cuda.is_available():
        pytest.skip("there is a GPU here")
    compiler.cupy.cache_clear()
    with pytest.raises(RuntimeError, match=r"finds no usable GPU .* install or update the NVIDIA driver"):
        compiler.cupy()
