"""The numba-cuda backend: the bits of its kernels, its PTX, its arrays; on a GPU where there is one."""

import importlib.util
import itertools
import re
import struct
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from installed import installed

if not installed("numba_cuda"):
    pytest.skip("needs numba-cuda: pip install 'fastopt[cuda13]'", allow_module_level=True)

from emulated_cuda import InMemory, emulated, in_memory
from examples import same_numbers
from updating import update

from fastopt.kernels import RULES, max_norm, maximum, minimum, norm, rule, sign, sqrt, where
from fastopt.kernels.libraries import cuda_interface, torch_cuda
from fastopt.kernels.libraries.library import array_like, view_of
from fastopt.kernels.numba_cuda import compiler as nvidia
from fastopt.kernels.numba_cuda import intrinsics as cuda_intrinsics
from fastopt.kernels.tasks.layout import Layout

DTYPES = ("float32", "float64")


@rule
def chooses(p, g, m, *, lr=0.1):
    m = maximum(minimum(m, g), -abs(p))
    return where((g > 0) & ~(m == p) | (p != p), p - lr * sign(g), g), where(lr < 0.5, m, g)


@rule
def passes_on(p, g, a, b, c, d):
    return -g, sign(g), where(g < b, g, a), minimum(g, c), sqrt(abs(d))


@rule
def keyword_names(p, g, δ, *, λ=0.25, float=2.0, table=1.0):
    δ = λ * δ + float * g
    return p - table * δ, δ


@rule(states=["product"])
def uniform_state(p, g, *, t, product=1.0, beta=0.9):
    product = product * beta**t
    return p - (1 - product) * g * 0.5, product


@rule
def clipped(p, g, m, *, lr=0.1, limit=1.0):
    """Two reductions in one stage, a third that follows from them."""
    size = norm(g, over="model")
    scale = limit / maximum(size, limit)
    m = m + max_norm(p * g) * scale * g
    return p - lr * m / (norm(m) + 1e-8), m


OWN = [chooses, passes_on, keyword_names, uniform_state, clipped]
EVERY = {each.name: each for each in [*RULES.values(), *OWN]}
every_rule = pytest.mark.parametrize("tested", EVERY.values(), ids=EVERY)

# Of the NaNs one that a careless rounding to bfloat16 turns into -0.0; it is the one that a GPU computes.
FULL_NAN = float(np.uint32(0x7FFFFFFF).view(np.float32))
SPECIAL = [
    0.0,
    -0.0,
    np.nan,
    FULL_NAN,
    np.inf,
    -np.inf,
    1e-40,
    -1e-40,
    1e-38,
    -1.5e-38,
    1.1754944e-38,
    3e38,
    -3e38,
    1.0,
    -2.5,
]


def numbers(shape, seed, dtype, finite=False):
    """Random numbers; among them the special ones, and those whose square or quotient is a denormal."""
    random = np.random.default_rng(seed)
    values = random.standard_normal(shape) * 10.0 ** random.integers(-3, 2, shape)
    flat = values.reshape(-1)
    places = random.permutation(flat.size)[: min(flat.size // 3, 120)]
    special = [x for x in [*SPECIAL, 1e-20, 3e-19, 5e-324, 1e-310] if not finite or abs(x) < 10]
    flat[places] = random.permutation(np.resize(special, places.size))
    with np.errstate(all="ignore"):
        return values.astype(dtype)


def arrays_of(tested, shape, dtype, seed=0):
    """Arrays for a rule; slots that no formula makes negative are not. A norm would spread a NaN to all elements."""
    finite = bool(tested.program(tested.bind({})).reductions)
    result = [numbers(shape, seed + k, dtype, finite) for k in range(len(tested.arrays))]
    return [array if k < 3 else abs(array) for k, array in enumerate(result)]


def assert_same_bits(found, wanted):
    """NaN in the same places, all else equal to the bit."""
    assert found.dtype == wanted.dtype
    word = f"u{found.itemsize}"
    one, other = np.ascontiguousarray(found), np.ascontiguousarray(wanted)
    nan = np.isnan(one.astype(np.float64))
    np.testing.assert_array_equal(nan, np.isnan(other.astype(np.float64)))
    np.testing.assert_array_equal(one.view(word)[~nan], other.view(word)[~nan])


class Emulated:
    """A GPU whose memory is the CPU's."""

    @staticmethod
    def put(array):
        return in_memory(array)

    @staticmethod
    def get(array):
        return array.owner


class RealGpu:
    """An NVIDIA GPU; arrays are copied to it with their whole base, so that strides stay."""

    @staticmethod
    def put(array):
        from numba import cuda

        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        owner = cuda.to_device(base.reshape(-1, order="A").view(np.uint8))
        offset = array.ctypes.data - base.ctypes.data
        address = owner.__cuda_array_interface__["data"][0] + offset
        held = InMemory((owner, base, offset), array.shape, array.dtype, address, array.strides)
        return held

    @staticmethod
    def get(array):
        owner, _, offset = array.owner
        words = owner.copy_to_host()
        return np.ndarray(array.shape, array.dtype, words.data, offset, array.__cuda_array_interface__["strides"])


@pytest.fixture(params=["emulated", pytest.param("gpu", marks=pytest.mark.gpu)])
def gpu(request, monkeypatch):
    if request.param == "gpu":
        yield RealGpu
    else:
        with emulated(monkeypatch):
            yield Emulated


# Bytes of storage -> what powers of arrays may differ by: a few units in the last place, as the rule uses them twice.
POWERS = {2: 2e-2, 4: 2e-5, 8: 1e-12}


def assert_gives_the_reference(tested, arrays, gpu, **given):
    given |= tested.step_numbers(3, 0.5)
    wanted = tested.reference(*arrays, **given)
    held = [gpu.put(array) for array in arrays]
    states = tested(*held, **given) or ()
    after = [gpu.get(array) for array in held]
    assert_same_bits(after[1], arrays[1])
    for found, expected in zip([after[0], *after[2:]], wanted, strict=False):
        if tested.program(tested.bind({})).exact:
            assert_same_bits(found, expected)
        else:
            found, expected = (x.astype(np.float64) for x in (found, expected))
            np.testing.assert_allclose(found, expected, rtol=POWERS[arrays[0].dtype.itemsize], atol=1e-35)
    assert same_numbers(states, wanted[len(after) - 1 :])


@every_rule
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_rule_gives_numpys_bits(tested: Any, dtype: Any, gpu: Any) -> None:
    assert_gives_the_reference(tested, arrays_of(tested, (421,), dtype), gpu)


@every_rule
@pytest.mark.parametrize("size", [0, 1, 7, 129])
def test_every_size_gives_numpys_bits(tested: Any, size: int, gpu: Any) -> None:
    assert_gives_the_reference(tested, arrays_of(tested, (size,), "float32"), gpu)


@every_rule
@pytest.mark.parametrize(
    ("storage", "state"), [("float16", "float32"), (ml_dtypes.bfloat16, "float32"), ("float16", ml_dtypes.bfloat16)]
)
def test_16_bit_storage_is_rounded_once_to_the_nearest(tested: Any, storage: Any, state: Any, gpu: Any) -> None:
    arrays = arrays_of(tested, (421,), "float32")
    with np.errstate(over="ignore"):
        arrays = [array.astype(storage if k < 2 else state) for k, array in enumerate(arrays)]
    assert_gives_the_reference(tested, arrays, gpu)


LAYOUTS = {
    "0-d": lambda a: np.array(a[0, 0, 0]),
    "empty": lambda a: a[:0].copy(),
    "fortran": lambda a: np.asfortranarray(a),
    "reversed": lambda a: a[::-1, :, ::2],
    "permuted": lambda a: a.copy().transpose(1, 2, 0),
}


@pytest.mark.parametrize("tested", [chooses, clipped], ids=["chooses", "clipped"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same_bits(tested: Any, layout: Any, gpu: Any) -> None:
    same = [LAYOUTS[layout](array) for array in arrays_of(tested, (5, 7, 6), "float32")]
    assert_gives_the_reference(tested, same, gpu)


def test_arrays_of_different_layouts_give_the_same_bits(gpu: Any) -> None:
    p, g, m = arrays_of(chooses, (5, 7, 6), "float32")
    assert_gives_the_reference(chooses, [np.asfortranarray(p), g, m[:, ::-1].copy()[:, ::-1]], gpu)


@rule
def norms(p, g, a, b, c):
    return norm(g) + max_norm(c) + 0 * p, norm(p) + 0 * a, norm(p * g) + 0 * b, norm(a - b) + 0 * c


@pytest.mark.parametrize("size", [1, 1023, 3000, 65536 + 700])
def test_a_norm_is_added_up_in_the_defined_order(size: Any, gpu: Any) -> None:
    # float64, since the result shows every bit of the sum.
    random = np.random.default_rng(size)
    assert_gives_the_reference(norms, [random.standard_normal(size) for _ in range(5)], gpu)


def test_what_looks_at_a_float32_without_arithmetic_flushes_it_itself(monkeypatch: Any) -> None:
    def bits(x):
        return np.float32(x).view(np.uint32)

    with emulated(monkeypatch):
        does = cuda_intrinsics.NAMES
        # Here no control register flushes.
        for tiny, zero in ((1e-40, 0.0), (-1e-40, -0.0)):
            assert does["flush"](bits(tiny)) == bits(zero)
            assert does["widen"](bits(tiny)) == np.float64(zero).view(np.uint64)
            assert does["sign"](bits(tiny)) == bits(0.0)
            assert does["equal"](bits(tiny), bits(0.0))
            assert not does["not_equal"](bits(tiny), bits(-tiny))
            assert does["less_equal"](bits(tiny), bits(-tiny))
            assert not does["less"](bits(-abs(tiny)), bits(0.0))
            assert does["greater_equal"](bits(tiny), bits(-tiny))
            assert not does["greater"](bits(abs(tiny)), bits(0.0))
            assert does["maximum"](bits(tiny), bits(-tiny)) == bits(-tiny)
            assert does["minimum"](bits(tiny), bits(-tiny)) == bits(-tiny)
        assert does["flush"](bits(1.1754944e-38)) == bits(1.1754944e-38)
        assert does["less"](np.float64(0.0).view(np.uint64), np.float64(5e-324).view(np.uint64))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_norm_of_what_is_not_finite_is_not(value: Any, gpu: Any) -> None:
    arrays = [np.ones(3000, "float32") for _ in range(3)]
    arrays[1][2500] = value
    assert_gives_the_reference(clipped, arrays, gpu)


def test_many_sets_are_one_launch_each_with_its_own_scalars(monkeypatch: Any) -> None:
    with emulated(monkeypatch) as cuda:
        sets = [arrays_of(chooses, (3 + 7 * k,), "float32", seed=k) for k in range(150)]
        given = [{"lr": 0.01 * (k + 1)} for k in range(150)]
        wanted = [chooses.reference(*arrays, **row) for arrays, row in zip(sets, given, strict=True)]
        held = [[Emulated.put(array) for array in arrays] for arrays in sets]
        update(chooses.program({}), held, [chooses.bind(row) for row in given])
        assert len(cuda.launches) == 1
        for arrays, (p, m) in zip(sets, wanted, strict=True):
            assert_same_bits(arrays[0], p)
            assert_same_bits(arrays[2], m)


def test_a_norm_over_the_model_joins_all_sets(gpu: Any) -> None:
    sets = [[np.ones(n, "float32"), np.full(n, 2, "float32"), np.zeros(n, "float32")] for n in (5, 3_000)]
    held = [[gpu.put(array) for array in arrays] for arrays in sets]
    update(clipped.program({}), held, [clipped.bind({})])
    scale = np.float32(1.0 / np.sqrt(4.0 * 3_005))
    np.testing.assert_allclose(gpu.get(held[0][2]), 2 * scale * 2, rtol=1e-6)


# What the compiler makes of it.

ARITHMETIC = re.compile(r"\b(add|sub|mul|div|sqrt|rcp|mad|fma|neg|abs|min|max|ex2|lg2)\.[\w.]*f(?:32|64)\b")


def stages(tested):
    return tested.program(tested.bind({})).stages


def cases():
    for tested, dtypes in itertools.product(
        EVERY.values(), [("float32",), ("float64",), ("float16", "float32"), ("bfloat16", "float32")]
    ):
        yield pytest.param(tested, dtypes, id=f"{tested.name}-{'-'.join(dtypes)}")


def compiled_stages(tested, dtypes, capability, dimensions=None):
    for stage in stages(tested):
        storages = tuple(dtypes[0] if tested.arrays.index(name) < 2 else dtypes[-1] for name in stage.arrays)
        yield stage, nvidia.ptx(tested.name, stage, Layout(storages, dimensions), capability)


def arithmetic(ptx):
    return [match[0] for match in ARITHMETIC.finditer(ptx)]


@pytest.mark.parametrize(("tested", "dtypes"), list(cases()))
@pytest.mark.parametrize("capability", [(8, 0), (9, 0)], ids=["sm_80", "sm_90"])
def test_the_ptx_rounds_every_operation_once(tested: Any, dtypes: Any, capability: Any) -> None:
    for stage, ptx in compiled_stages(tested, dtypes, capability):
        assert f".target sm_{capability[0]}{capability[1]}" in ptx
        assert ".local" not in ptx
        if not tested.program(tested.bind({})).exact:
            continue
        assert not re.search(r"\b(fma|mad)\.(?!lo|wide|hi)|approx|full\.", ptx)
        wanted = r"(add|mul|div|sqrt)\.rn\.(ftz\.f32|f64)"
        assert arithmetic(ptx) or not {"add", "subtract", "multiply", "divide"} & set(stage.operations)
        assert [op for op in arithmetic(ptx) if not re.fullmatch(wanted, op)] == []
        if dtypes != ("float64",) and not stage.reductions:
            assert ".f64" not in ptx
        if dtypes != ("float64",) and stage.reductions:
            assert {op for op in arithmetic(ptx) if "f64" in op} <= {"add.rn.f64", "mul.rn.f64"}


def test_arrays_that_are_not_dense_compile_to_the_same_arithmetic() -> None:
    for (_, dense), (_, strided) in zip(
        compiled_stages(chooses, ("float32",), (8, 0)), compiled_stages(chooses, ("float32",), (8, 0), 3), strict=True
    ):
        assert set(arithmetic(dense)) == set(arithmetic(strided))
        assert ".local" not in strided


def test_the_compiler_folds_no_operation_that_flushes_or_makes_nan() -> None:
    @rule
    def neutral(p, g):
        return where(g * 1.0 + 0.0 == g, g * 0.0, p / 1.0)

    for _, ptx in compiled_stages(neutral, ("float32",), (9, 0)):
        operations = arithmetic(ptx)
        assert {"mul.rn.ftz.f32", "add.rn.ftz.f32", "div.rn.ftz.f32"} <= set(operations)


def attributes(code):
    """What a cubin says of its kernels: (number of the attribute, value)."""
    (table,), (length, count, names) = struct.unpack_from("<Q", code, 40), struct.unpack_from("<3H", code, 58)
    sections = [struct.unpack_from("<IIQQQQ", code, table + length * k) for k in range(count)]
    start = sections[names][4]
    for name, _, _, _, place, size in sections:
        if code[start + name :].startswith(b".nv.info\0"):
            end = place + size
            while place < end:
                form, attribute, more = struct.unpack_from("<BBH", code, place)
                place += 4
                if form == 4:
                    yield attribute, struct.unpack_from("<I", code, place + more - 4)[0]
                    place += more


def test_the_machine_code_links_without_a_driver_and_spills_nothing() -> None:
    from numba.cuda import compiler

    for tested in EVERY.values():
        for stage in stages(tested):
            made = nvidia.generated(tested.name, stage, Layout(("float32",) * len(stage.arrays)))
            library, _ = compiler._compile_pyfunc_with_fixup(
                made.function, made.signature, device=False, abi="numba", cc=(9, 0), launch_bounds=made.threads
            )
            code = library.get_cubin(cc=(9, 0)).code
            found = list(attributes(code))
            registers, frame = 0x2F, 0x11
            assert {value for attribute, value in found if attribute == frame} == {0}
            assert all(0 < value * made.threads <= 65536 for attribute, value in found if attribute == registers)


@pytest.fixture
def compiler_without_gpu(monkeypatch, tmp_path):
    """numba-cuda compiles down to machine code for sm_80, as if that GPU were here; nothing can run."""
    from numba.cuda import codegen, dispatcher

    here = SimpleNamespace(compute_capability=(8, 0))
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: here)
    monkeypatch.setattr(codegen.CUDACodeLibrary, "_ensure_cc", lambda self, cc: cc or (8, 0))
    monkeypatch.setattr(codegen.JITCUDACodegen, "magic_tuple", lambda self: ((13, 0), (8, 0)))
    monkeypatch.setattr(dispatcher._Kernel, "bind", lambda self: self._codelibrary.get_cubin())
    monkeypatch.setenv("FASTOPT_CACHE_DIR", str(tmp_path / "kernels"))
    nvidia.kernel.cache_clear()
    yield tmp_path / "kernels"
    nvidia.kernel.cache_clear()


def test_a_kernel_in_the_disk_cache_is_not_compiled_again(compiler_without_gpu: Any, monkeypatch: Any) -> None:
    from numba.cuda import dispatcher

    (stage,) = stages(RULES["adam"])

    def machine_code():
        nvidia.kernel.cache_clear()
        (made,) = nvidia.kernel("adam", stage, Layout(("float32",) * 4)).overloads.values()
        return made._codelibrary.get_cubin((8, 0)).code

    def fail(*_, **__):
        raise AssertionError("compiled again")

    first = machine_code()
    (file,) = compiler_without_gpu.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(dispatcher._Kernel, "__init__", fail)
        assert machine_code() == first
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert machine_code()[:4] == b"\x7fELF"


# Arrays.


def interface(array=None, **more):
    array = np.zeros((3, 4), "float32") if array is None else array
    return InMemory(array, array.shape, array.dtype, array.ctypes.data, **{"strides": None, **more})


@pytest.fixture
def device_3(monkeypatch):
    monkeypatch.setattr(cuda_interface, "_device", lambda address, name: 3)


def test_a_view_says_how_the_array_lies(device_3: Any) -> None:
    array = np.zeros((3, 4, 5), "float64")
    view = cuda_interface.view(interface(array, stream=7), "p")
    assert (view.shape, view.strides, view.storage, view.device) == ((3, 4, 5), (20, 5, 1), "float64", "cuda:3")
    assert (view.address, view.writable, view.stream) == (array.ctypes.data, True, 7)
    assert cuda_interface.view(interface(array, strides=(8, -24, 96)), "p").strides == (1, -3, 12)
    assert not cuda_interface.view(interface(array, data=(array.ctypes.data, True)), "p").writable
    assert cuda_interface.view(interface(array), "p").stream is None
    assert cuda_interface.view(interface(np.zeros(3, ml_dtypes.bfloat16)), "p").storage == "bfloat16"
    pairs = cuda_interface.view(interface(np.zeros((3, 4), np.complex64), strides=(64, 16)), "p")
    assert (pairs.shape, pairs.strides, pairs.storage, pairs.own_shape) == ((3, 4, 2), (16, 4, 1), "float32", (3, 4))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mask": "one"}, TypeError, "p is a .* with a mask"),
        ({"typestr": "<V2"}, TypeError, "p is an array of"),
        ({"typestr": "<i4"}, TypeError, "p is an array of int32"),
        ({"typestr": "<c32"}, TypeError, "p is an array of complex numbers of two float128"),
        ({"typestr": ">c8"}, TypeError, "p has the other byte order"),
        ({"typestr": ">f4"}, TypeError, "p has the other byte order"),
        ({"typestr": "float?"}, TypeError, "p is a .* of unknown type 'float\\?'"),
        ({"data": (1026, False)}, ValueError, "p is not aligned"),
        ({"strides": (17, 4)}, ValueError, "p is not aligned"),
        ({"stream": 0}, ValueError, "p names stream 0"),
    ],
    ids=str,
)
def test_an_array_that_cannot_be_used_is_named(device_3: Any, change: Any, error: Any, message: Any) -> None:
    with pytest.raises(error, match=message):
        cuda_interface.view(interface(**change), "p")


@pytest.mark.parametrize(
    "case", ["read-only", "overlapping", "shapes", "mixed types", "other device", "numpy gradient"]
)
def test_bad_arrays_change_nothing(case: Any, monkeypatch: Any) -> None:
    with emulated(monkeypatch) as cuda:
        p, g = np.ones(5, "float32"), np.ones(5, "float32")
        held = [Emulated.put(p), Emulated.put(g)]
        if case == "read-only":
            held[0].__cuda_array_interface__["data"] = (p.ctypes.data, True)
        elif case == "overlapping":
            held[1] = held[0]
        elif case == "shapes":
            held[1] = Emulated.put(np.ones(4, "float32"))
        elif case == "mixed types":
            held[1] = Emulated.put(np.ones(5))
        elif case == "other device":
            monkeypatch.setattr(cuda_interface, "_device", lambda address, name: int(name == "g"))
        else:
            held[1] = g
        with pytest.raises((TypeError, ValueError), match=r"^(p is read-only|g (has|is|shares))"):
            uniform_state(*held, t=1)
        assert cuda.launches == []
        assert (p == 1).all()


@pytest.mark.parametrize(
    ("streams", "launched", "waited"),
    [((None, None), 1, []), ((5, None), 5, []), ((5, 5), 5, []), ((None, 2), 2, []), ((5, 9), 5, [5, 9, 5])],
    ids=str,
)
def test_the_kernel_runs_on_the_stream_of_its_arrays(
    streams: Any, launched: Any, waited: Any, monkeypatch: Any
) -> None:
    with emulated(monkeypatch) as cuda:
        held = [Emulated.put(np.ones(5, "float32")) for _ in streams]
        for array, stream in zip(held, streams, strict=True):
            array.__cuda_array_interface__["stream"] = stream
        uniform_state(*held, t=1)
        assert [stream for _, _, stream in cuda.launches] == [launched]
        assert cuda.synchronized == waited


def test_a_torch_tensor_is_seen_whether_or_not_it_requires_grad(monkeypatch: Any) -> None:
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'fastopt[peers]'")

    class OnGpu(torch.Tensor):
        """A CPU tensor that says that it is elsewhere; as there, its interface is refused while it requires grad."""

        is_cuda = True
        __cuda_array_interface__ = property(lambda self: (_ for _ in ()).throw(RuntimeError("requires grad")))

    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=0))
    for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float64):
        tensor = torch.zeros(4, 6, dtype=dtype).t().as_subclass(OnGpu).requires_grad_()
        library, view = view_of(tensor, "p")
        assert (library.BACKEND, view.storage, view.shape, view.strides) == ("cuda", str(dtype)[6:], (6, 4), (1, 6))
        assert (view.address, view.writable, view.stream) == (tensor.data_ptr(), True, 1)
        state = array_like(tensor, 0.5, None, "p")
        assert state.dtype is (torch.float64 if dtype is torch.float64 else torch.float32)
        assert state.stride() == tensor.stride()
        assert (state == 0.5).all()
        assert not state.requires_grad
    with pytest.raises(TypeError, match=r"p is a tensor of torch\.int32"):
        view_of(torch.zeros(3, dtype=torch.int32).as_subclass(OnGpu), "p")
    with pytest.raises(TypeError, match=r"p is a torch tensor of layout torch\.sparse_coo"):
        torch_cuda.view(torch.zeros(3).to_sparse(), "p")


@pytest.mark.parametrize("layout", [lambda a: a, np.asfortranarray, lambda a: a[0, 0, 0, ...], lambda a: a[:0]])
@pytest.mark.parametrize("storage", ["float16", "bfloat16", "float32", "float64"])
def test_new_arrays_are_filled_where_they_are(storage: str, layout: Any, monkeypatch: Any) -> None:
    with emulated(monkeypatch) as cuda:
        p = layout(np.ones((3, 4, 2), "float32"))
        # The words of the first, of 32 bits, are alike in every type; not so those of the others in float64.
        for value in (0.0, -0.0, 0.1):
            made = array_like(Emulated.put(p), value, storage, "p")
            assert_same_bits(Emulated.get(made), np.full_like(p, value, storage))
            assert made.owner.strides == np.empty_like(p, storage).strides
        assert cuda.launches == []


@pytest.mark.gpu
@pytest.mark.parametrize("order", ["C", "F"])
def test_numba_device_arrays_are_updated_and_have_array_like_them(order: Any) -> None:
    from numba import cuda

    p, g = (np.asarray(numbers((30, 20), k, "float32"), order=order) for k in range(2))
    held = [cuda.to_device(array) for array in (p, g)]
    state = array_like(held[0], 0.5, None, "p")
    wanted = keyword_names.reference(p, g, np.full_like(p, 0.5))
    keyword_names(*held, state)
    assert_same_bits(held[0].copy_to_host(), wanted[0])
    assert_same_bits(state.copy_to_host(), wanted[1])
    assert state.strides == held[0].strides


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
def test_torch_cuda_tensors_are_updated(kind: Any) -> None:
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'fastopt[peers]'")
    if not torch.cuda.is_available():
        pytest.skip("needs a torch that has CUDA")
    on_cpu = [torch.randn(1000).to(getattr(torch, kind)) for _ in range(2)]
    p, g = (tensor.cuda().requires_grad_() for tensor in on_cpu)
    states = uniform_state(p, g, t=2)
    assert states == uniform_state(*on_cpu, t=2)
    assert torch.equal(p.detach().cpu(), on_cpu[0])


# What is not there.


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_without_a_driver_the_error_says_what_to_do(monkeypatch: Any) -> None:
    missing = SimpleNamespace(is_available=lambda: False, cuda_error=lambda: "no\n driver")
    monkeypatch.setattr(nvidia, "library", lambda: missing)
    with pytest.raises(RuntimeError, match=r"cannot use a GPU \(no driver\); .*pip install 'fastopt\[cuda13\]'"):
        uniform_state(interface(), interface(), t=1)


def test_without_numba_cuda_the_error_says_what_to_do(monkeypatch: Any) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    nvidia.library.cache_clear()
    with pytest.raises(ImportError, match=r"need numba-cuda, .*pip install 'fastopt\[cuda13\]'"):
        uniform_state(interface(), interface(), t=1)


def test_the_source_needs_no_cuda() -> None:
    code = """
import sys
from fastopt.kernels import adam
from fastopt.kernels.numba_cuda.source import source
from fastopt.kernels.tasks.layout import Layout
stage, = adam.program(adam.bind({})).stages
assert "store(at_0" in source("adam", stage, Layout(("float32",) * 4))
print([name for name in sys.modules if name.split(".")[0] in ("numba_cuda", "cuda", "cupy")])
"""
    assert run(code) == "[]\n"
