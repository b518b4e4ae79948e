"""What is read in assembly, PTX and machine code, and what follows for occupancy; no compiler of NVIDIA's is needed."""

from collections import Counter
from typing import Any

import llvmlite.binding as llvm
import pytest

from fastopt.inspection.machine_code import gpu
from fastopt.inspection.machine_code.accesses import Access, of_ptx, of_sass
from fastopt.inspection.machine_code.assembly import HotLoop, function, fused, hot_loop
from fastopt.inspection.machine_code.cpu import CpuKernel
from fastopt.inspection.machine_code.cubin import Resources, resources
from fastopt.inspection.machine_code.listing import of_cpu
from fastopt.inspection.machine_code.occupancy import Occupancy, occupancy

LOOP = """
define void @scale(ptr noalias %p, ptr noalias %g, i64 %n, float %lr) {{
entry:
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
  %at_p = getelementptr float, ptr %p, i64 %i
  %at_g = getelementptr float, ptr %g, i64 %i
  %x = load float, ptr %at_p
  %y = load float, ptr %at_g
  %step = fmul {flags} float %y, %lr
  %new = fsub {flags} float %x, %step
  store float %new, ptr %at_p
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret void
}}

define void @other() {{
  ret void
}}
"""


def assembled(triple: str, processor: str, features: str = "", flags: str = "", vectorised: bool = True) -> str:
    """LLVM's assembly of LOOP for any processor, in which p -= lr * g."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        target = llvm.Target.from_triple(triple)
    except RuntimeError as error:
        pytest.skip(f"this LLVM knows no {triple}: {error}")
    machine = target.create_target_machine(cpu=processor, features=features, opt=3)
    module = llvm.parse_assembly(LOOP.format(flags=flags))
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = vectorised
    options.loop_unrolling = vectorised
    passes: Any = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    text: str = machine.emit_assembly(module)
    return text


@pytest.mark.parametrize(
    ("triple", "processor", "registers", "bits"),
    [
        ("x86_64-unknown-linux-gnu", "x86-64", "xmm", 128),
        ("x86_64-unknown-linux-gnu", "haswell", "ymm", 256),
        ("x86_64-unknown-linux-gnu", "znver4", "zmm", 512),
        ("x86_64-apple-macosx", "haswell", "ymm", 256),
        ("aarch64-unknown-linux-gnu", "generic", "NEON", 128),
        ("arm64-apple-macosx", "apple-m1", "NEON", 128),
    ],
)
def test_the_hot_loop_is_found_on_every_processor(triple: str, processor: str, registers: str, bits: int) -> None:
    text = function(assembled(triple, processor), "scale")
    found = hot_loop(text)
    assert found is not None
    assert (found.registers, found.bits) == (registers, bits)
    assert found.packed >= 2
    assert found.packed % 2 == 0  # a product and a difference for each vector of an unrolled loop
    assert found.scalar == 0
    assert found.packed < found.instructions < found.text.count("\n")
    assert fused(text) == 0

    plain = hot_loop(function(assembled(triple, processor, vectorised=False), "scale"))
    assert isinstance(plain, HotLoop)
    assert (plain.registers, plain.bits, plain.packed, plain.scalar) == (None, None, 0, 2)


@pytest.mark.parametrize(
    ("triple", "processor"),
    [("x86_64-unknown-linux-gnu", "haswell"), ("aarch64-unknown-linux-gnu", "generic"), ("arm64-apple-macosx", "")],
)
@pytest.mark.parametrize("vectorised", [True, False])
def test_contraction_is_seen(triple: str, processor: str, vectorised: bool) -> None:
    text = function(assembled(triple, processor, flags="contract", vectorised=vectorised), "scale")
    assert fused(text) > 0
    found = hot_loop(text)
    assert found is not None
    assert (found.packed > 0) is vectorised


def test_one_function_is_taken_out_of_an_assembly() -> None:
    text = assembled("x86_64-unknown-linux-gnu", "haswell")
    alone = function(text, "other")
    assert alone.startswith("other:")
    assert [line.strip() for line in alone.splitlines() if "ret" in line] == ["retq"]
    assert "vmulps" in function(text, "scale")
    assert hot_loop(alone) is None
    with pytest.raises(ValueError, match="there is no function 'absent' in the assembly"):
        function(text, "absent")


def test_loops_end_at_any_jump_back() -> None:
    for jump in ("jne .L1", "jne .L1 # a, b", "tbnz w8, #0, .L1", "tbnz w8, #0, .L1 // a, b", "cbnz x8, .L1 ; a, b"):
        found = hot_loop(
            f"f:\n.L0:\n\tvmulps %ymm1, %ymm2, %ymm3\n.L1:\n\tvaddpd %ymm1, %ymm2, %ymm3\n\t{jump}\n\tret\n"
        )
        assert found is not None
        assert (found.label, found.packed, found.instructions) == (".L1", 1, 2)


def test_fmas_are_shown() -> None:
    shown = of_cpu(CpuKernel("CPU", "generic", None, 2, "f:\n"))
    assert ("FMA", "2, each a product and a sum rounded once") in shown.rows
    assert ("hot loop", "none is known that computes") in shown.rows
    assert (shown.record["fma"], shown.record["hot_loop"]) == (2, None)


def test_comparisons_and_conversions_compute_too() -> None:
    lines = ["vcmpltpd %zmm1, %zmm2, %k1", "vcvtps2pd %ymm1, %zmm3", "vcvtss2sd %xmm1, %xmm1, %xmm2", "jne .L1"]
    found = hot_loop("\n\t".join(["f:\n.L1:", *lines]))
    assert found is not None
    assert (found.registers, found.packed, found.scalar, found.instructions) == ("zmm", 2, 1, 4)


def test_accesses_of_ptx_are_counted_by_space_and_width() -> None:
    text = """
    ld.param.u64 %rd1, [p];
    ld.global.nc.u64 %rd2, [%rd1];
    ld.global.cs.v4.f32 {%f1, %f2, %f3, %f4}, [%rd2];
    @%p1 ld.global.b16 %rs1, [%rd2];
    { ld.global.v2.f64 {%fd1, %fd2}, [%rd2];
    ld.volatile.global.u8 %rs1, [%rd2];
    ld.v2.u32 {%r1, %r2}, [%rd2];
    st.local.f32 [%rd3], %f1;
    st.shared::cta.f64 [%rd3], %fd1;
    @!%p2 st.global.v4.b32 [%rd2], {%r1, %r2, %r3, %r4};
"""
    assert of_ptx(text) == {
        Access("load", "read-only", 64): 1,
        Access("load", "global", 128): 2,
        Access("load", "global", 16): 1,
        Access("load", "global", 8): 1,
        Access("load", "generic", 64): 1,
        Access("store", "local", 32): 1,
        Access("store", "global", 128): 1,
    }


def test_accesses_of_machine_code_are_counted_by_space_and_width() -> None:
    text = """
        /*0190*/                   LDG.E.64.CONSTANT R16, desc[UR22][R10.64+0x28] ;
        /*01a0*/              @!P0 LDG.E.EF.128 R4, desc[UR22][R2.64] ;
        /*01b0*/                   LDG.E R4, [R2.64] ;
        /*01c0*/             @!UP0 LDG.E.U16 R4, [R2.64+-0x8] ;
        /*01d0*/                   LDC.64 R2, c[0x0][0x3a8] ;
        /*01e0*/                   LDS.64 R2, [R4] ;
        /*01f0*/                   LD.E.64 R2, [R4.64] ;
        /*0200*/                   STL.64 [R1+0x8], R2 ;
        /*0210*/               @P1 STG.E.EF.128 [R2.64], R4 ;
"""
    assert of_sass(text) == Counter(
        [
            Access("load", "read-only", 64),
            Access("load", "global", 128),
            Access("load", "global", 32),
            Access("load", "global", 16),
            Access("load", "generic", 64),
            Access("store", "local", 64),
            Access("store", "global", 128),
        ]
    )


@pytest.mark.parametrize(
    ("arch", "taken", "threads", "expected"),
    [
        ("sm_90", Resources(32, 0, 0, None), 256, Occupancy(8, 64, 1.0, "warps")),
        # 33 registers are given out as 40, of which 12 warps fit into a partition.
        ("sm_90", Resources(33, 0, 0, None), 256, Occupancy(6, 48, 0.75, "registers")),
        ("sm_86", Resources(33, 0, 0, None), 256, Occupancy(6, 48, 1.0, "warps")),
        ("sm_90", Resources(16, 0, 0, None), 32, Occupancy(32, 32, 0.5, "blocks")),
        # 48 KiB and the one that CUDA takes: four times in 228.
        ("sm_90", Resources(16, 0, 48 << 10, None), 128, Occupancy(4, 16, 0.25, "shared memory")),
        ("sm_75", Resources(16, 0, 32 << 10, None), 128, Occupancy(2, 8, 0.25, "shared memory")),
    ],
)
def test_what_limits_occupancy(arch: str, taken: Resources, threads: int, expected: Occupancy) -> None:
    assert occupancy(taken, threads, arch) == expected


class Driver:
    """The driver of a GPU of compute capability 12.1, or of none."""

    def __init__(self, error: int) -> None:
        self.cuInit = lambda flags: error
        self.cuDeviceGet = lambda device, ordinal: 0

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: Any) -> int:
        value._obj.value = {75: 12, 76: 1}[attribute]
        return 0


def test_the_architecture_is_that_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: Driver(0))
    assert gpu.current_arch() == "sm_121"
    monkeypatch.setattr("ctypes.CDLL", lambda name: Driver(100))
    assert gpu.current_arch() is None

    def absent(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("ctypes.CDLL", absent)
    assert gpu.current_arch() is None


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match=r"arch must be one of sm_75, .*, sm_121; got 'sm_42'"):
        occupancy(Resources(32, 0, 0, 256), 256, "sm_42")
    with pytest.raises(ValueError, match="expected a 64-bit ELF file for CUDA; got 3 bytes that begin with b'abc'"):
        resources(b"abc")
