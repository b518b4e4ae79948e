"""What `fastopt bench` does on a GPU, as far as a machine without one can tell, and on a GPU where there is one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_command import said
from bench_gpu import BANDWIDTH, BLOCKS, LOCAL_BYTES, REGISTERS, gpu_of_paper, numpy_as_cupy
from cuda_compile import compiled, cupy_or_skip, storages_of
from own_rules import EVERY

from fastopt.bench import Case, controls, device
from fastopt.bench.controls import STEP, fused
from fastopt.bench.gpu_kernels import HEADERS
from fastopt.inspection.machine_code.nvrtc import elementwise_code
from fastopt.kernels import RULES
from fastopt.kernels.reference import arithmetic_of

FUSED = {
    name: rule
    for name, rule in {**EVERY, "adam_lp": RULES["adam_lp"]}.items()
    if not rule.program(rule.hyper).reductions
}


@pytest.fixture
def nvtx(tmp_path: Path) -> Iterator[list[str]]:
    with gpu_of_paper(tmp_path) as log:
        yield log


def test_a_gpu_has_its_own_columns_kernels_and_controls(nvtx: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "adam", "adam_max_norm", "--size", "70K", "--backend", "cupy", "--rounds", "3")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    (heading,) = [line for line in lines if line.startswith("rule")]
    for title in ("cache", "host", "of peak", "CuPy"):
        assert title in heading
    about = f"{REGISTERS} registers, {LOCAL_BYTES} bytes of local memory a thread, occupancy 0.75 with blocks of 128"
    assert lines.count(f"  fastopt_adam: {about}") == 1
    (norms,) = [line for line in lines if line.startswith("  fastopt_adam_max_norm_norms: ")]
    assert norms.startswith(f"  fastopt_adam_max_norm_norms: {REGISTERS} registers")
    left_out = [line for line in lines if line.startswith("  left out: ")]
    reason = "ValueError: a norm must be known before the update, and cupy.fuse makes one elementwise kernel"
    assert left_out == [f"  left out: cupy.fuse: {reason}"]
    assert nvtx == []


def test_the_record_of_a_gpu_has_its_peak_its_host_its_controls_and_its_kernels(
    nvtx: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = said(capsys, "adam", "--size", "70K", "--backend", "cupy", "--rounds", "3", "--json")
    assert code == 0
    for row in json.loads(out)["results"]:
        assert row["contenders"].keys() == {"rule", "copy", "bare rule", "CuPy", "cupy.fuse", "ElementwiseKernel"}
        assert row["left_out"] == {}
        # In the order of their seconds, quartiles of the share are those of the time turned round.
        for ours, theirs in (("low", "high"), ("median", "median"), ("high", "low")):
            share = row["contenders"]["rule"]["bytes"] / row["seconds"][theirs] / BANDWIDTH
            assert row["share_of_peak"][ours] == pytest.approx(share)
        assert 0 < row["host_seconds"]["median"] <= row["seconds"]["median"]
        (kernel,) = row["kernels"]
        assert kernel == {
            **{"name": "fastopt_adam", "threads": 128, "registers": REGISTERS, "local_bytes": LOCAL_BYTES},
            "occupancy": 128 * BLOCKS / 2048,
        }


def test_a_control_that_is_wrong_or_fails_is_not_timed(
    nvtx: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controls, "ADAM", controls.ADAM.replace("rate * m", "rate * gradient"))
    monkeypatch.setattr(controls, "fused", lambda cupy, rule: 1 / 0)
    code, out, _ = said(capsys, "adam", "--size", "1K", "--backend", "cupy", "--rounds", "3", "--json")
    assert code == 0
    for row in json.loads(out)["results"]:
        assert row["contenders"].keys() == {"rule", "copy", "bare rule", "CuPy"}
        assert row["left_out"]["cupy.fuse"] == "ZeroDivisionError: division by zero"
        assert row["left_out"]["ElementwiseKernel"].startswith("its result is another than the reference's in ")


def test_nvtx_ranges_name_the_contender_and_the_case(nvtx: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, _ = said(capsys, "sgd", "--size", "1K", "--backend", "cupy", "--rounds", "3", "--nvtx")
    assert code == 0
    assert nvtx[1::2] == ["pop"] * (len(nvtx) // 2)
    names = {text.partition(":")[0] for text in nvtx[::2]}
    assert names == {"rule", "copy", "bare rule", "CuPy", "cupy.fuse"}
    assert all(text.endswith(": sgd on cupy, float32, 1,000 elements") for text in nvtx[::2])
    # Two caches; before the three rounds one run of each contender.
    assert nvtx[::2].count("rule: sgd on cupy, float32, 1,000 elements") == 2 * 4


def test_without_a_gpus_backend_there_are_no_ranges(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "sgd", "--size", "1K", "--nvtx")
    assert (code, out, err) == (2, "", "fastopt: nvtx needs a GPU, --backend cupy or cuda; got cpu\n")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", FUSED)
def test_the_fused_formula_gives_what_the_reference_gives(name: str, dtype: str, tmp_path: Path) -> None:
    rule = FUSED[name]
    generator = np.random.default_rng(0)
    state = "float64" if dtype == "float64" else "float32"
    drawn = [generator.random(50) + 0.1 for _ in rule.arrays]
    arrays = [array.astype(dtype if k < 2 else state) for k, array in enumerate(drawn)]
    right = rule.reference(*arrays, t=STEP, **rule.states)[0]
    with arithmetic_of("float32"), np.errstate(all="ignore"):
        new = fused(numpy_as_cupy(tmp_path, []), rule)(arrays)
    assert new.dtype == dtype
    assert np.array_equal(new, right) if rule.exact else np.allclose(new, right, rtol=1e-3)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", FUSED)
def test_cupy_fuses_the_formula_and_computes_it_in_its_type(name: str, dtype: str) -> None:
    cupy = cupy_or_skip()
    rule = FUSED[name]
    state = "float64" if dtype == "float64" else "float32"

    def array(k: int) -> Any:
        memory = cupy.cuda.UnownedMemory(4096, 4096, None, 0)
        return cupy.ndarray((8,), dtype if k < 2 else state, cupy.cuda.MemoryPointer(memory, 0))

    class Traced(Exception):
        pass

    def fuse(kernel_name: str) -> Any:
        def traced(function: Any) -> Any:
            def call(*arguments: Any) -> Any:
                fusion = cupy._core.fusion
                history = fusion._thread_local.history = fusion._FusionHistory()
                fusion._thread_local.is_old_fusing = True
                try:
                    raise Traced(history.get_fusion(function, arguments, kernel_name)[0])
                finally:
                    fusion._thread_local.history, fusion._thread_local.is_old_fusing = None, False

            return call

        return traced

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cupy, "fuse", fuse)
        with pytest.raises(Traced) as traced:
            fused(cupy, rule)([array(k) for k, _ in enumerate(rule.arrays)])
    kernel = traced.value.args[0]
    assert kernel.name == f"fused_{name}"
    assert [one.dtype.name for one in kernel.out_params] == [
        dtype if name == rule.arrays[0] else state for name in rule.program(rule.hyper).stages[0].writes
    ]
    assert state == "float64" or "double" not in kernel.operation.replace("static_cast< double >", "")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", ["adam", "lion", "adam_lp"])
def test_a_kernel_of_cupys_compiles_alone_with_the_headers_that_it_is_given(name: str, dtype: str) -> None:
    cupy_or_skip()
    (stage,) = RULES[name].program(RULES[name].hyper).stages
    code = elementwise_code(name, stage, storages_of(stage, RULES[name].arrays, dtype), 1)
    made = compiled(HEADERS + code, 90)
    assert f"fastopt_{name}" in made.ptx
    assert "registers" in made.log


def test_without_a_gpu_one_line_says_what_is_missing_and_what_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastopt.kernels.cuda import compiler as cupy

    def missing() -> Any:
        raise RuntimeError("CuPy sees no GPU")

    monkeypatch.setattr(cupy, "cupy", missing)
    code, out, err = said(capsys, "--backend", "cpu,cupy")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("fastopt: CuPy sees no GPU; without it --backend cpu measures this machine's CPU, --compare")


@pytest.mark.gpu
def test_a_real_gpu_tells_its_peak_and_its_kernels() -> None:
    on = device("cupy")
    assert on.peak is not None
    assert 1e11 < on.peak < 1e14
    for rule in (RULES["adam"], RULES["adam_max_norm"]):
        found = on.kernels(Case(rule, 1000, "float32", "cupy"))
        assert [kernel.name for kernel in found][-1] == f"fastopt_{rule.name}"
        assert all(8 <= kernel.registers <= 255 and 0 < kernel.occupancy <= 1 for kernel in found)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_on_a_real_gpu_no_control_of_adam_is_left_out(dtype: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(
        capsys, "adam", "--size", "1M", "--backend", "cupy", "--dtype", dtype, "--rounds", "3", "--json", "--nvtx"
    )
    assert (code, err) == (0, "")
    for row in json.loads(out)["results"]:
        assert row["left_out"] == {}
        assert {"cupy.fuse", "ElementwiseKernel"} <= row["contenders"].keys()
        assert row["share_of_peak"]["high"] < 1.05 or row["cache"] == "hot"
