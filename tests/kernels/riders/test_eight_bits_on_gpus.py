"""State in codes of 8 bits on GPUs: the bits of NumPy, whatever the size, the layout and the launch."""

import re
from typing import Any

import cuda_shim
import numpy as np
import pytest
from cuda_compile import assert_no_spills, broken_promises, compiled, instructions
from examples import same_bits
from installed import installed
from ml_dtypes import bfloat16
from stepping import all_in_numpy, replayed, stepped
from stepping import on as on

import fastopt
from fastopt.kernels import RULES, rule
from fastopt.kernels.cuda.launch_size import launching
from fastopt.kernels.cuda.source import sources
from fastopt.kernels.cuda.table_kernels import reduce_source, update_source
from fastopt.kernels.language.storages import BLOCK, SCALES
from fastopt.kernels.libraries.library import to_host
from fastopt.kernels.riders import SCALES_OF, with_riders
from fastopt.kernels.tasks.layout import Layout

OPTIONS: dict[str, Any] = {"state_format": "8bit", "min_8bit_size": 300}
# A float32 one beside; one that ends within its second block; whole blocks; and blocks for several warps.
SIZES = (3, 300, 3 * BLOCK, 3 * BLOCK + 3, 1500)
STEPS = 3
NAN = 0x7FC00000  # NumPy's


@rule
def alike(p: Any, g: Any, m: Any, v: Any, *, lr: float = 0.1) -> Any:
    """Two slots of one number, and so of the same codes."""
    m = 0.25 * (m + v) + g
    return p - lr * m, m, m


def arrays(*shapes: Any) -> tuple[list[Any], list[Any]]:
    generator = np.random.default_rng(0)
    params, grads = ([generator.standard_normal(shape).astype("float32") for shape in shapes] for _ in range(2))
    return params, grads


def all_of(params: list[Any], opt: Any) -> list[Any]:
    """The parameters and all state of an optimizer, of those that have codes the codes and scales."""
    slots, state = opt._updater.definition.slots, opt._updater.state
    states = [[to_host(own[slot], slot) for slot in slots if slot in own] for own in state]
    return [array for p, own in zip(params, states, strict=True) for array in (p, *own)]


def check_steps(on: Any, name: Any, params: list[Any], grads: list[Any], **options: Any) -> list[Any]:
    """Assert that steps give NumPy's bits, those of codes and scales too, and return all these arrays."""
    options = OPTIONS | options
    wanted = all_in_numpy(fastopt.Optimizer([p.copy(order="K") for p in params], name, **options), grads, STEPS)
    ours = all_of(params, on(params, grads, name, options, STEPS))
    assert any(array.dtype == "int8" and array.any() for array in ours)
    assert len(ours) == len(wanted)
    assert [k for k, pair in enumerate(zip(ours, wanted, strict=True)) if not same_bits(*pair)] == []
    return ours


def apart() -> tuple[list[Any], list[Any]]:
    """A parameter that is not dense, and one whose gradient is in another order of memory."""
    params, grads = arrays((40, 60), (30, 20))
    return [params[0][:, ::2], np.asfortranarray(params[1])], [grads[0][:, ::2], grads[1]]


@pytest.mark.parametrize("name", ["adam", pytest.param("lamb", marks=pytest.mark.ci)])
def test_steps_have_numpys_bits(name: str, on: Any) -> None:
    dense, strided = arrays(*SIZES), apart()
    check_steps(on, name, dense[0] + strided[0], dense[1] + strided[1])


def test_an_array_alone_has_them(on: Any) -> None:
    """Strided, with a broadcast gradient, and beside a number for each element."""
    params, _ = apart()
    check_steps(on, "adam", params[:1], [np.broadcast_to(np.float32(0.5), params[0].shape)])


def test_slots_of_one_number_have_codes_each(on: Any) -> None:
    _, codes, others, scales, more = check_steps(on, alike, *arrays(300))
    assert same_bits(codes, others)
    assert same_bits(scales, more)


def test_odd_values_have_them(on: Any) -> None:
    """A block of zeros, one of a huge element, denormals, and what is not finite, of which the scale is NumPy's NaN."""
    grad = np.ones(5 * BLOCK + 3, "float32")
    grad[:BLOCK] = 0
    grad[BLOCK] = 1e18
    grad[2 * BLOCK : 3 * BLOCK] = 1e-40
    grad[3 * BLOCK], grad[4 * BLOCK] = np.nan, -np.inf
    opt_arrays = check_steps(on, "adam", [np.zeros(grad.size, "float32")], [grad])
    scales = [array for array in opt_arrays if array.dtype == "float32" and array.shape == (6,)]
    assert len(scales) == 2
    for own in scales:
        assert np.isfinite(own).tolist() == [True] * 3 + [False] * 2 + [True]
        assert set(own[np.isnan(own)].view("uint32")) == {NAN}


@pytest.mark.parametrize("more", [{"param_rounding": "stochastic", "seed": 3}, {"master_weight_bits": 24}])
def test_gradients_of_float64_and_parameters_of_bfloat16_go_with_them(more: dict[str, Any]) -> None:
    """Rounded at random, where elements count by their number too; or with a correction, of whole numbers too."""
    if cuda_shim.compiler() is None:
        pytest.skip("there is no C++ compiler: neither g++ nor the package ziglang")
    params, grads = arrays(1500, 700)
    options = OPTIONS | more | {"cast_grads": True}

    def run() -> list[Any]:
        own = [params[0].astype(bfloat16), params[1].copy()]
        given = [grads[0].astype(bfloat16), grads[1].astype("float64")]
        return all_of(own, stepped(own, given, "adam", options))

    with cuda_shim.simulated(cuda_shim.Shim()):
        made = run()
    assert all(map(same_bits, made, run()))


@pytest.mark.parametrize(("threads", "rounds", "machine"), [(32, 1, 900), (64, 3, 700), (1024, 1, 900)])
def test_launches_and_machines_change_no_bit(threads: int, rounds: int, machine: int) -> None:
    """Warps whose lanes hand numbers on, and those of machines that have an instruction for it; arrays in two tasks."""
    if cuda_shim.compiler() is None:
        pytest.skip("there is no C++ compiler: neither g++ nor the package ziglang")
    shim = cuda_shim.Shim(flags=[f"-D__CUDA_ARCH__={machine}"])
    with cuda_shim.simulated(shim), launching(threads, rounds):
        (dense, apart), (grad, other) = arrays(20_000, (300, 440))
        check_steps(stepped, "adam", [dense, apart[:, ::2]], [grad, other[:, ::2]])


def test_a_captured_step_that_does_not_count_writes_nothing() -> None:
    if cuda_shim.compiler() is None:
        pytest.skip("there is no C++ compiler: neither g++ nor the package ziglang")
    params, grads = arrays(1500, 300)
    grads[1][7] = np.nan
    options = OPTIONS | {"skip_nonfinite": True, "zero_grads": True}
    before = all_of([p.copy() for p in params], fastopt.Optimizer(params, "adam", **options))
    with cuda_shim.simulated(cuda_shim.Shim()):
        opt = fastopt.Optimizer(params, "adam", **options)
        step = opt.captured(grads, steps=2)
        step()
        step.close()
        assert (opt.t, opt.skipped) == (0, 1)
        assert all(map(same_bits, all_of(params, opt), before))
        assert not any(map(np.any, grads))


def test_rules_side_by_side_have_the_bits_of_the_cpu() -> None:
    if cuda_shim.compiler() is None:
        pytest.skip("there is no C++ compiler: neither g++ nor the package ziglang")
    groups = {"a": {"rule": "adamw", "lr": 3e-4}, "b": {"rule": "momentum"}}
    params, grads = arrays(900, (30, 40))

    def run(steps: Any) -> list[Any]:
        own = [p.copy() for p in params]
        named, given = dict(zip("ab", own, strict=True)), dict(zip("ab", grads, strict=True))
        opt = steps(named, given, "adam", OPTIONS | {"groups": groups, "clip_norm": 1.0})
        state = [opt._updater.state[k] for k in range(2)]
        return own + [to_host(array, "state") for of in state for array in of.values()]

    with cuda_shim.simulated(cuda_shim.Shim()):
        made = [run(stepped), run(replayed)]
    wanted = run(stepped)
    assert any(array.dtype == "uint8" for array in wanted)
    assert all(all(map(same_bits, one, wanted)) for one in made)


def stages_of(name: str, dimensions: int | None) -> list[tuple[Any, Layout]]:
    definition = with_riders(RULES[name], *OPTIONS.items())
    scales = set(map(SCALES_OF.format, definition.coded))
    kinds = {slot: "uint8" if slot in definition.never_negative else "int8" for slot in definition.coded}
    stages = definition.program(definition.hyper).stages
    return [
        (stage, Layout(tuple(SCALES if a in scales else kinds.get(a, "float32") for a in stage.arrays), dimensions))
        for stage in stages
    ]


@pytest.mark.parametrize("dimensions", [None, 3])
@pytest.mark.parametrize(("name", "arch"), [("adam", 80), ("adam", 90), pytest.param("lamb", 90, marks=pytest.mark.ci)])
def test_what_nvrtc_makes_keeps_the_promise(name: str, arch: int, dimensions: int | None) -> None:
    for stage, layout in stages_of(name, dimensions):
        made = compiled((reduce_source if stage.reductions else update_source)(name, stage, layout), arch)
        assert_no_spills(made)
        assert not broken_promises(made.ptx)
        # One instruction finds the largest of a warp, for each array of codes; and there are two blocks of threads or
        # more on a processor.
        assert len(re.findall(r"redux\.sync\.max\.u32", made.ptx)) == len(stage.blocks)
        assert int(re.findall(r"Used (\d+) registers", made.log)[0]) <= 128


@pytest.mark.parametrize("dimensions", [None, 3])
def test_what_numba_cuda_makes_keeps_the_promise(dimensions: int | None) -> None:
    if not installed("numba_cuda"):
        pytest.skip("numba-cuda is not installed; the extra cuda-check brings it")
    from fastopt.kernels.numba_cuda.compiler import ptx

    ((stage, layout),) = stages_of("adam", dimensions)
    made = ptx("adam", stage, layout)
    assert ".local" not in made
    rounded = {found for found in instructions(made) if re.match(r"(add|sub|mul|div|sqrt|fma|mad|rcp)\..*f", found)}
    assert rounded == {f"{operation}.rn.ftz.f32" for operation in ("add", "mul", "div", "sqrt")}


def test_one_kernel_of_the_update_is_shown() -> None:
    ((stage, layout),) = stages_of("adam", None)
    ((title, _, text),) = sources("adam", stage, layout.storages)
    assert "all arrays in one launch" in title
    assert "largest_of_warp" in text
