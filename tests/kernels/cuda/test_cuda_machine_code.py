"""What NVRTC makes of the generated CUDA C++, with CuPy's own options: the promise, seen in PTX and machine code."""

import re
from collections import Counter

import numpy as np
import pytest
from cuda_compile import (
    assert_no_spills,
    broken_promises,
    compiled,
    compiled_elementwise,
    compiled_stage,
    instructions,
    machine_code,
    storages_of,
)
from examples import DTYPES, INEXACT
from own_rules import EVERY

import fastopt
from fastopt.kernels import RULES
from fastopt.kernels.cuda.joint_kernels import end_kernel, join_kernel
from fastopt.kernels.cuda.number_kernels import fold_kernel, number_kernel
from fastopt.kernels.cuda.table_kernels import reduce_source, update_source
from fastopt.kernels.language.storages import ABSENT, CORRECTIONS
from fastopt.kernels.program.gpu_numbers import GpuNumbers
from fastopt.kernels.riders import CORRECTION, with_riders
from fastopt.kernels.tasks.layout import Layout

ALL = {**EVERY, **{name: RULES[name] for name in INEXACT}}
# Every rule in float32 for both machines, in the other types for the newer one.
MACHINES = {storage: (80, 90) if storage == "float32" else (90,) for storage in DTYPES}
CASES = [(name, storage, arch) for name in ALL for storage, archs in MACHINES.items() for arch in archs]


def stages_of(name: str, storage: str) -> list[tuple[str, object, tuple[str, ...]]]:
    program = ALL[name].program(ALL[name].hyper)
    return [(program.name, stage, storages_of(stage, program.arrays, storage)) for stage in program.stages]


@pytest.mark.parametrize(("name", "storage", "arch"), CASES)
def test_the_table_kernels_keep_the_promise(name: str, storage: str, arch: int) -> None:
    for rule_name, stage, storages in stages_of(name, storage):
        made = compiled_stage(rule_name, stage, storages, arch)
        assert {"-ftz=true", "--fmad=false", f"-arch=sm_{arch}"} <= set(made.options)
        if name not in INEXACT:
            assert not broken_promises(made.ptx)
        # The power of float64 arrays is a function of CUDA's own, with a stack of 8 bytes.
        if (name, storage) != ("adam_lp", "float64"):
            assert_no_spills(made)
        if storage != "float64" and not stage.reductions:
            assert not [found for found in instructions(made.ptx) if re.search(r"\.f64", found)]
        # A pack is 128 bits of each array, or more of them where another array is stored in fewer bits.
        smallest = min(DTYPES[s].itemsize for s in storages)
        wide = Counter(found.partition(".v")[0] for found in instructions(made.ptx) if re.search(r"\.v[24]\.", found))
        packs = {array: DTYPES[s].itemsize // smallest for array, s in zip(stage.arrays, storages, strict=True)}
        copies = wide["ld.global.cs"] // sum(packs[a] for a in stage.reads)
        assert copies >= 1
        assert wide["ld.global.cs"] == copies * sum(packs[a] for a in stage.reads)
        assert wide["st.global.cs"] == sum(packs[a] for a in stage.writes)


@pytest.mark.parametrize(("name", "storage", "arch"), CASES)
def test_the_machine_code_of_updates_is_wide_and_single(name: str, storage: str, arch: int) -> None:
    for rule_name, stage, storages in stages_of(name, storage):
        if stage.reductions:  # in double, by definition
            continue
        code = machine_code(compiled_stage(rule_name, stage, storages, arch).cubin)
        smallest = min(DTYPES[s].itemsize for s in storages)
        packs = {array: DTYPES[s].itemsize // smallest for array, s in zip(stage.arrays, storages, strict=True)}
        assert len(re.findall(r"LDG\.E\.\w*\.?128", code)) == sum(packs[a] for a in stage.reads)
        assert len(re.findall(r"STG\.E\.\w*\.?128", code)) == sum(packs[a] for a in stage.writes)
        assert not re.search(r"\b(LDL|STL)\b", code)
        if storage != "float64":
            assert not re.search(r"\bD(ADD|MUL|FMA|SETP|MNMX)\b|F2F\.F64|\.64\.F32|I2F\.F64", code)


@pytest.mark.parametrize("dimensions", [1, 3])
@pytest.mark.parametrize(("name", "storage"), [(name, "float32") for name in ALL] + [("adamw", s) for s in DTYPES])
def test_the_elementwise_kernel_keeps_the_promise(name: str, storage: str, dimensions: int) -> None:
    rule_name, stage, storages = stages_of(name, storage)[-1]
    made = compiled_elementwise(rule_name, stage, storages, dimensions, 90)
    assert {"-ftz=true", "--fmad=false"} <= set(made.options)
    assert_no_spills(made)
    assert name in INEXACT or not broken_promises(made.ptx)
    if storage != "float64":
        assert not [found for found in instructions(made.ptx) if re.search(r"\.f64", found)]


@pytest.mark.parametrize("name", ["clipped", "in_two_waves", "adam_max_norm"])
def test_reductions_of_strided_arrays_compile(name: str) -> None:
    rule_name, stage, storages = stages_of(name, "float32")[0]
    made = compiled(reduce_source(rule_name, stage, Layout(storages, 3)), 90)
    assert_no_spills(made)
    assert not broken_promises(made.ptx)


@pytest.mark.parametrize("arch", [80, 90])
@pytest.mark.parametrize("name", ["sgd", "nadam", "lamb", "sgd_hypergradient"])
def test_what_works_out_the_numbers_keeps_the_promise(name: str, arch: int) -> None:
    opt = fastopt.Optimizer([np.zeros(3)], ALL[name], clip_norm=1.0, skip_nonfinite=True)
    numbers = GpuNumbers(opt._updater.sections[0].program)
    made = {}
    for alone in (True, False):
        for number in range(len(opt._updater.sections[0].program.stages)):
            made[f"numbers {number}, {alone}"] = compiled(number_kernel(numbers, number, alone)[0], arch)
    made["fold"] = compiled(fold_kernel(numbers)[0], arch)
    made["join"] = compiled(join_kernel(["norm", "max_norm"])[0], arch)
    for one in (*made.values(), compiled(end_kernel()[0], arch)):
        assert_no_spills(one)
        assert not broken_promises(one.ptx)
    for name in ("numbers 1, True", "fold", "join"):
        assert [found for found in instructions(made[name].ptx) if re.match(r"(add|mul)\..*f64", found)]


@pytest.mark.parametrize("storage", DTYPES)
def test_updates_of_arrays_that_lie_across_their_memory_compile(storage: str) -> None:
    rule_name, stage, storages = stages_of("adamw", storage)[-1]
    made = compiled(update_source(rule_name, stage, Layout(storages, 3)), 90)
    assert_no_spills(made)
    assert not broken_promises(made.ptx)


@pytest.mark.parametrize(
    "storages", [("float32", "float64", *["float32"] * 2), ("float64", "float16", *["float64"] * 2)]
)
def test_kernels_that_cast_a_gradient_keep_the_promise(storages: tuple[str, ...]) -> None:
    rule_name, stage, _ = stages_of("adamw", "float32")[-1]
    made = compiled(update_source(rule_name, stage, Layout(storages, cast=storages[0])), 90)
    assert_no_spills(made)
    assert not broken_promises(made.ptx)


def test_the_checkers_can_fail() -> None:
    rule_name, stage, storages = stages_of("adamw", "float32")[0]
    text = update_source(rule_name, stage, Layout(storages))
    contracted = text.replace("((beta1_ * m_) + (s3 * g_))", "fmaf(beta1_, m_, s3 * g_)")
    assert [found for found in broken_promises(compiled(contracted, 90).ptx) if "fma" in found]
    rough = text.replace("(x0 / s4)", "__fdividef(x0, s4)")
    assert [found for found in broken_promises(compiled(rough, 90).ptx) if "approx" in found]
    double = text.replace("const float x0 =", "const double x0 =")
    assert [found for found in instructions(compiled(double, 90).ptx) if ".f64" in found]
    kept = text.replace(
        "const float x0 = ", 'float x2; asm("mul.f32 %0, %1, %1;" : "=f"(x2) : "f"(g_));\nconst float x0 = x2 + '
    )
    assert broken_promises(compiled(kept, 90).ptx) == ["mul.f32"] * 5
    spilling = text.replace("float a0[4];", "float a0[4]; volatile float kept[64]; kept[n % 64] = 0;")
    with pytest.raises(AssertionError):
        assert_no_spills(compiled(spilling, 90))


@pytest.mark.parametrize("dimensions", [None, 3])
@pytest.mark.parametrize("storage", ["float32", "float64"])
def test_updates_of_both_parts_of_complex_numbers_keep_the_promise(storage: str, dimensions: int | None) -> None:
    definition = with_riders(RULES["adam"], ("second_moment", "modulus"), ("conjugate_grads", True))
    stage = definition.program(definition.hyper).stages[-1]
    storages = (storage,) * len(stage.arrays)
    made = compiled(update_source("adam", stage, Layout(storages, dimensions, pairs=True)), 90)
    assert_no_spills(made)
    assert not broken_promises(made.ptx)
    wide = Counter(found.partition(".v")[0] for found in instructions(made.ptx) if re.search(r"\.v[24]\.", found))
    assert (wide["ld.global.cs"], wide["st.global.cs"]) == ((4, 3) if dimensions is None else (0, 0))
    # A single set goes through an ElementwiseKernel, whose arrays are the parts.
    made = compiled_elementwise("adam", stage.spelled(pairs=True), storages * 2, 2, 90)
    assert_no_spills(made)
    assert not broken_promises(made.ptx)


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("bits", [24, 32])
def test_weights_in_two_parts_keep_the_promise(bits: int, there: bool) -> None:
    """And so do parameters beside them that lack the correction: of it nothing is left in their kernels."""
    options = {"master_weight_bits": bits, "clip_ratio": True, "clip_ratio_floor": True, "decay": "l2"}
    definition = with_riders(RULES["adam"], *options.items())
    program = definition.program(definition.hyper)
    for stage in program.stages:
        kinds = dict.fromkeys(stage.arrays, "float32")
        kinds |= {definition.arrays[0]: "bfloat16"} if there else {}
        if CORRECTION in kinds:
            kinds[CORRECTION] = CORRECTIONS[bits] if there else ABSENT
        storages = tuple(kinds.values())
        code = (reduce_source if stage.reductions else update_source)(program.name, stage, Layout(storages))
        made = [compiled(code, arch) for arch in (80, 90)]
        if not stage.reductions:
            made.append(compiled_elementwise(program.name, stage, storages, 3, 90))
        for one in made:
            assert not broken_promises(one.ptx)
        for one in made[:2]:
            assert_no_spills(one)
        assert there or not re.search("correction|joined", code)
