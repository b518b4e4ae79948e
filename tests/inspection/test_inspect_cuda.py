"""`fastopt inspect --ptx` and `--sass`: what they say is what NVIDIA's compilers, and its occupancy calculator, say."""

import json
import re
import subprocess
from collections import Counter
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cuda_shim
import pytest
from cuda_compile import compiled, compiled_elementwise, compiled_stage
from installed import installed
from test_inspect import said

from fastopt.inspection.machine_code import nvdisasm, nvjitlink, nvrtc
from fastopt.inspection.machine_code.accesses import Access, of_ptx, of_sass
from fastopt.inspection.machine_code.cubin import Resources, resources
from fastopt.inspection.machine_code.gpu import GpuKernel, gpu_kernels
from fastopt.inspection.machine_code.occupancy import LIMITS, occupancy
from fastopt.inspection.rule import inspected
from fastopt.kernels.cuda.table_kernels import reduce_source, update_source
from fastopt.kernels.numba_cuda import compiler as nvidia
from fastopt.kernels.tasks.layout import Layout

try:
    nvrtc.library()
except ImportError as reason:
    pytest.skip(f"{reason}; the extra cuda-check brings it", allow_module_level=True)
if not installed("numba_cuda"):
    pytest.skip("needs numba-cuda; the extra cuda-check brings it", allow_module_level=True)
if nvdisasm.disassembler() is None:
    pytest.skip("needs nvdisasm; the extra cuda-check brings it", allow_module_level=True)

CASES = [
    ("adam", "float32"),
    ("adam", "bfloat16"),
    ("adam_max_norm", "float32"),
    ("lamb", "float64"),
    ("sgd", "float16"),
]
BOTH = ("ptx", "sass")


def moved(kernel: GpuKernel, form: str, operation: str, space: str = "global") -> dict[int, int]:
    """How many loads or stores of each width a kernel has."""
    found = kernel.accesses[form].items()
    return {access.bits: count for access, count in found if (access.operation, access.space) == (operation, space)}


@pytest.mark.parametrize(("name", "storage"), CASES)
def test_the_text_is_that_of_the_kernels_that_cupy_compiles(name: str, storage: str) -> None:
    for stage, storages in inspected(name, storage).stages:
        theirs = compiled_stage(name, stage, storages, 90)
        ours = nvrtc.compiled(theirs.source, "sm_90")
        assert (ours.options, ours.ptx) == (theirs.options, theirs.ptx)
        if not stage.reductions:
            theirs = compiled_elementwise(name, stage, storages, 1, 90)
            ours = nvrtc.compiled(nvrtc.elementwise_code(name, stage, storages), "sm_90", headers=True)
            assert (ours.options, ours.ptx) == (theirs.options, theirs.ptx)


@pytest.mark.parametrize("name", ["adam", "adam_max_norm"])
def test_the_machine_code_is_that_of_numba_cudas_jit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.cuda import codegen, dispatcher

    # What jit asks a GPU for.
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=(9, 0)))
    monkeypatch.setattr(codegen.CUDACodeLibrary, "_ensure_cc", lambda self, cc: cc or (9, 0))
    bound: list[Any] = []
    monkeypatch.setattr(dispatcher._Kernel, "bind", lambda kernel: bound.append(kernel))

    def instructions(cubin: bytes) -> list[str]:
        # Not the symbols, which number what was compiled before in this process.
        return [line for line in nvdisasm.disassembled(cubin).splitlines() if "/*" in line and "_ZN" not in line]

    for stage, storages in inspected(name).stages:
        made = nvidia.generated(name, stage, Layout(storages))
        nvidia.library().jit(launch_bounds=made.threads)(made.function).compile(made.signature)
        theirs = bytes(bound[-1]._codelibrary.get_cubin(cc=(9, 0)).code)
        _, ours = nvjitlink.compiled(name, stage, storages, "sm_90")
        assert len(instructions(theirs)) > 100
        assert instructions(ours) == instructions(theirs)


@pytest.mark.parametrize("backend", ["cupy", "cuda"])
def test_state_in_bfloat16_is_written_in_16_bits(backend: str) -> None:
    """By the kernel over the table alone, since it is rounded at random."""
    (update,) = gpu_kernels(inspected("adam", state_format="bfloat16"), backend, "sm_90", ["ptx"])
    assert moved(update, "ptx", "store").keys() >= {16, 32}


@pytest.mark.parametrize("arch", ["sm_80", "sm_90"])
def test_adams_update_is_wide_and_spills_nothing(arch: str) -> None:
    alone, update = gpu_kernels(inspected("adam"), "cupy", arch, BOTH)
    for form in BOTH:
        # p, g, m and v in packs of four, and one by one at the ends of arrays; a word that says whether to write.
        assert moved(update, form, "load") == {128: 4, 64: 1, 32: 4}
        assert moved(update, form, "store") == {128: 3, 32: 3}
        assert not [access for access in update.accesses[form] if access.space == "local"]
        assert not moved(update, form, "store", "generic")
        assert (moved(alone, form, "load"), moved(alone, form, "store")) == ({32: 4}, {32: 3})
    assert (update.taken.local_bytes, update.taken.shared_bytes, update.threads) == (0, 0, 256)
    assert alone.threads == 128


@pytest.mark.parametrize("arch", [75, 80, 90, 100, 120])
@pytest.mark.parametrize(("name", "storage"), CASES)
def test_registers_stack_and_shared_memory_are_what_ptxas_says(name: str, storage: str, arch: int) -> None:
    for stage, storages in inspected(name, storage).stages:
        made = compiled_stage(name, stage, storages, arch)
        ((_, taken),) = resources(made.cubin).items()
        assert taken == of_log(made.log, taken.threads)


def test_the_stack_of_functions_that_are_called_counts() -> None:
    made = compiled(
        "__noinline__ __device__ int far(int n) { volatile int kept[40]; kept[n % 40] = n; return kept[n / 2 % 40]; }"
        'extern "C" __global__ void near(int *p) { *p = far(*p); }',
        90,
    )
    ((name, taken),) = resources(made.cubin).items()
    assert (name, taken) == ("near", of_log(made.log, None))
    assert taken.local_bytes >= 160


def of_log(log: str, threads: int | None) -> Resources:
    """What ptxas said of a kernel."""
    (registers,) = re.findall(r"Used (\d+) registers", log)
    shared = re.findall(r"(\d+) bytes smem", log) or ["0"]
    stack = re.findall(r"(\d+) bytes cumulative stack size", log) or re.findall(r"(\d+) bytes stack frame", log)
    return Resources(int(registers), int(stack[0]), int(shared[0]), threads)


def test_a_spill_and_a_narrow_access_show() -> None:
    stage, storages = inspected("adam").stages[0]
    text = update_source("adam", stage, Layout(storages))

    def summary(text: str) -> tuple[Resources, Counter[Access]]:
        made = compiled(text, 90)
        ((_, taken),) = resources(made.cubin).items()
        counted = of_sass(nvdisasm.disassembled(made.cubin + b"\0"))
        assert (of_ptx(made.ptx) == counted) or taken.local_bytes
        return taken, counted

    sound, wide = summary(text)
    assert wide[Access("load", "global", 128)] == 4

    array, counted = summary(text.replace("float a0[4];", "float a0[4]; volatile float kept[64]; kept[n % 64] = 0;"))
    assert (sound.local_bytes, array.local_bytes) == (0, 256)
    assert counted[Access("store", "local", 32)] > 0

    one_by_one = "for (int k = 0; k < 4; k++) a0[k] = load<float32>(at0, i + k);"
    _, narrow = summary(text.replace("load_packs<float32>(at0, i, a0);", one_by_one))
    assert narrow[Access("load", "global", 128)] == 3
    assert narrow[Access("load", "global", 32)] == wide[Access("load", "global", 32)] + 4

    # Two blocks of 1024 threads leave a thread 32 registers, which are too few for sixteen lanes of float64.
    (norms, of_norms), *_ = inspected("lamb", "float64").stages
    crowded = reduce_source("lamb", norms, Layout(of_norms)).replace(
        "__launch_bounds__(512)", "__launch_bounds__(1024, 2)"
    )
    made = compiled(crowded, 90)
    ((_, taken),) = resources(made.cubin).items()
    assert (taken.registers, taken.threads) == (32, 1024)
    assert taken == of_log(made.log, 1024)
    assert taken.local_bytes > 0


def test_limits_are_those_of_nvidias_headers() -> None:
    traits = [("max_warps_per_multiprocessor", "warps", 1), ("max_blocks_per_multiprocessor", "blocks", 1)]
    traits.append(("max_shared_memory_per_multiprocessor", "shared", 1024))

    def asserted(change: int) -> str:
        lines = ["#include <cuda/devices>", 'extern "C" __global__ void nothing() {}']
        for (arch, limits), (trait, field, unit) in product(LIMITS.items(), traits):
            value = f"cuda::arch_traits<cuda::arch_id::{arch}>().{trait}"
            lines.append(f'static_assert({value} == {getattr(limits, field) * unit + change}, "");')
        return "\n".join(lines)

    assert nvrtc.compiled(asserted(0), "sm_90").ptx
    with pytest.raises(RuntimeError, match=f"{3 * len(LIMITS)} errors detected"):
        nvrtc.compiled(asserted(1), "sm_90")


CALCULATOR = """
#include <climits>
#include <cstdio>
#include <cuda_occupancy.h>

int main() {
    int major, minor, warps, shared_of_all, registers, shared, threads;
    while (scanf("%d%d%d%d%d%d%d", &major, &minor, &warps, &shared_of_all, &registers, &shared, &threads) == 7) {
        cudaOccDeviceProp device;
        device.computeMajor = major, device.computeMinor = minor;
        device.maxThreadsPerBlock = 1024, device.maxThreadsPerMultiprocessor = 32 * warps, device.warpSize = 32;
        device.regsPerBlock = device.regsPerMultiprocessor = 65536, device.numSms = 1;
        device.sharedMemPerBlock = 49152, device.sharedMemPerMultiprocessor = shared_of_all;
        device.reservedSharedMemPerBlock = major < 8 ? 0 : 1024;
        device.sharedMemPerBlockOptin = shared_of_all - device.reservedSharedMemPerBlock;
        cudaOccFuncAttributes kernel;
        kernel.maxThreadsPerBlock = INT_MAX, kernel.numRegs = registers, kernel.sharedSizeBytes = shared;
        cudaOccDeviceState state;
        state.carveoutConfig = SHAREDMEM_CARVEOUT_MAX_SHARED;
        cudaOccResult result;
        int error = cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &kernel, &state, threads, 0);
        printf("%d\\n", error ? -1 : result.activeBlocksPerMultiprocessor);
    }
}
"""


def test_occupancy_is_that_of_nvidias_calculator(tmp_path: Path) -> None:
    command = cuda_shim.compiler()
    if command is None:
        pytest.skip("needs a C++ compiler: g++, or the package ziglang")
    from cuda.pathfinder import find_nvidia_header_directory

    (tmp_path / "calculator.cpp").write_text(CALCULATOR)
    program = tmp_path / "calculator"
    headers = find_nvidia_header_directory("cudart")
    subprocess.run([*command, "-w", f"-I{headers}", str(tmp_path / "calculator.cpp"), "-o", str(program)], check=True)
    cases = list(product(LIMITS, range(16, 65, 3), [0, 8, 1024, 4992, 8192, 49152], [32, 128, 256, 512, 1024]))
    lines = []
    for arch, registers, shared, threads in cases:
        major, minor = divmod(int(arch[3:]), 10)
        limits = LIMITS[arch]
        lines.append(f"{major} {minor} {limits.warps} {limits.shared * 1024} {registers} {shared} {threads}")
    done = subprocess.run([program], input="\n".join(lines), capture_output=True, text=True, check=True)
    theirs = list(map(int, done.stdout.split()))
    ours = [
        occupancy(Resources(registers, 0, shared, None), threads, arch).blocks
        for arch, registers, shared, threads in cases
    ]
    assert len(theirs) == len(cases)
    assert max(theirs) == 32
    assert [case for case, a, b in zip(cases, ours, theirs, strict=True) if a != b] == []


@pytest.mark.parametrize("backend", ["cupy", "cuda"])
def test_all_is_in_the_json(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["inspect", "own_rules:clipped", "--ptx", "--sass", "--arch", "sm_86", "--backend", backend, "--json"]
    code, out, err = said(capsys, *arguments)
    assert (code, err) == (0, "")
    compiled = json.loads(out)["compiled"]
    assert len(compiled) == {"cupy": 5, "cuda": 2}[backend]
    for one in compiled:
        assert (one["backend"], one["arch"]) == (backend, "sm_86")
        assert one["threads"] in (128, 256, 1024)
        assert one["registers"] > 8
        assert 0 < one["occupancy"]["part"] <= 1
        assert one["kernel"] in one["ptx"]["text"]
        assert one["kernel"] in one["sass"]["text"]
        assert any(access["operation"] == "store" for access in one["sass"]["accesses"])
    assert compiled[0]["shared_bytes"] == 8192


def test_the_command_shows_rows_and_texts(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "inspect", "adam", "--sass", "--backend", "cupy", "--arch", "sm_80")
    assert (code, err) == (0, "")
    assert re.search(r"\n +SASS loads  global 4 x 128, 1 x 64, 4 x 32 bits\n( {18}(read-only|generic) .* bits\n)+", out)
    assert "\n     SASS stores  global 3 x 128, 3 x 32 bits\n" in out
    assert "local memory  0 bytes a thread: nothing is spilled" in out
    assert re.search(r"occupancy  \d+%: \d+ warps in \d+ blocks, limited by (warps|registers)\n", out)
    assert len(re.findall(r"\.target\s+sm_80", out)) == 2
    assert "__global__" not in out


def test_what_cannot_be_done_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvdisasm, "disassembler", lambda: None)
    code, out, err = said(capsys, "inspect", "sgd", "--sass", "--backend", "cupy", "--arch", "sm_90")
    assert (code, out) == (2, "")
    missing = "nvdisasm is neither on the path nor in this environment"
    assert err == f"fastopt: {missing}: pip install nvidia-cuda-nvdisasm, or see --ptx\n"
    with pytest.raises(RuntimeError, match=r"NVRTC [\d.]+ cannot compile this for sm_10: "):
        nvrtc.compiled("", "sm_10")
    stage, storages = inspected("sgd").stages[0]
    with pytest.raises(RuntimeError, match=r"numba-cuda [\d.]+ cannot compile this for sm_10: "):
        nvjitlink.compiled("sgd", stage, storages, "sm_10")
