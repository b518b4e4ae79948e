"""The times of `benchmarks.gpu_check` on a GPU that is none: every section runs, and checks before it times."""

import re
from collections.abc import Callable
from typing import Any

import cuda_compile
import numpy as np
import pytest
from fake_gpu import NUMBA_CUDA, FakeGpu, OnGpu, gpu

import fastopt
from benchmarks.gpu_check import device, large, launch, models, tail, timing, torch_side
from fastopt.kernels import RULES
from fastopt.kernels.cuda import compiler as cupy_kernels
from fastopt.kernels.cuda import launch_size as cuda_launch
from fastopt.kernels.cuda.launch_size import launching
from fastopt.kernels.libraries.library import view_of

__all__ = ["gpu"]

LISTS = {"two arrays": lambda: [(70,), (5, 3)], "one array": lambda: [(9,)]}


@pytest.fixture
def with_torch(monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether torch, on the CPU, stands for torch on a GPU."""
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    monkeypatch.setattr(torch_side, "absent", lambda: None)

    def captured(step: Callable[[], Any]) -> Callable[[], Any]:
        for _ in range(torch_side.WARM_UP):
            step()
        return step

    monkeypatch.setattr(torch_side, "captured", captured)
    return True


def test_the_device_is_held_back_until_the_calls_are_issued() -> None:
    gpu = FakeGpu()
    contenders = {"one": timing.Contender([lambda: gpu.log.append("call")] * 2, 8)}
    times = timing.timed(gpu, contenders, 3, ("device",))
    assert len(times["device"]["one"]) == 3
    last = gpu.log[-2 - 20 :]
    assert last == ["event", *["call"] * 20, "event"]
    assert gpu.log[-24:-22] == ["synchronize", "hold"]


def test_models_are_checked_and_timed_beside_torch(with_torch: bool, gpu: FakeGpu) -> None:
    found = dict(models.models(gpu, LISTS, 3))
    assert list(found) == list(LISTS)
    for row in found.values():
        assert row["wrong"] == []
        assert (row["torch"] == "measured") is with_torch
        assert list(row["milliseconds"]) == list(timing.CLOCKS)
        assert set(row["milliseconds"]["whole"]) == {"fastopt", *["torch fused"] * with_torch}
    for _, row in launch.rows(gpu, LISTS, (1, 2), (128,), (64,), 3):
        assert row["wrong"] == []
    tails = dict(tail.rows(gpu, LISTS, 3))
    assert all(row["wrong"] == [] for row in tails.values())
    assert all(len(row["milliseconds"]["whole"]) == (4 if with_torch else 1) for row in tails.values())


def test_wrong_results_are_said_beside_their_times(
    with_torch: bool, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong_for_the_cpu(given: Any, steps: int = 3) -> Any:
        return [p + np.float32(1) for p in given.start]

    monkeypatch.setattr(models, "by_the_cpu", wrong_for_the_cpu)
    monkeypatch.setattr(launch, "by_the_cpu", wrong_for_the_cpu)
    monkeypatch.setattr(large, "ends_by_the_cpu", lambda gpu, rule, p, g: large.ends(gpu, p) + np.float32(1))
    assert all(len(row["wrong"]) == 1 + with_torch for _, row in models.models(gpu, LISTS, 3))
    assert all(row["wrong"] for _, row in launch.rows(gpu, LISTS, (1,), (128,), (64,), 3))
    rows = [row for name, row in large.adamw(gpu, (4_099,), 3) if "4,099" in name]
    # Of each copy.
    assert [len(row["wrong"]) for row in rows] == [2 * (1 + with_torch)] * 2


def test_launch_parameters_reach_kernel_and_launch_and_are_put_back(
    gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    launches: list[tuple[int, int]] = []
    compiled: list[int] = []
    raw_kernel = cupy_kernels.raw_kernel

    def noted(text: str, name: str) -> Callable[..., None]:
        kernel = raw_kernel(text, name)
        (bound,) = map(int, re.findall(r"__launch_bounds__\((\d+)\)", text))
        compiled.append(bound)

        def call(grid: Any, block: Any, arguments: Any) -> None:
            # A GPU refuses more threads than the kernel was compiled for.
            assert block == (bound,)
            launches.append((*grid, *block))
            kernel(grid, block, arguments)

        return call

    monkeypatch.setattr(cupy_kernels, "raw_kernel", noted)
    given = models.step_peers.problem([(20_000,), (10,)])
    for threads, rounds, chunk in (
        *((256, 4, 65_536), (256, 1, 65_536), (None, None, 8_192)),
        *((128, 2, 65_536), (None, None, 65_536)),
    ):
        with launching(threads, rounds), launch.chunks_of(chunk):
            opt, _, grads = models.ours(gpu, given)
            opt.step(grads)
    # A thread takes 4 elements in each of its rounds; 20,000 elements are three chunks of 8,192.
    assert launches == [(2 * 5, 256), (2 * 20, 256), (4 * 2, 256), (2 * 20, 128), (2 * 5, 256)]
    # No kernel is compiled anew for other rounds or chunks.
    assert compiled == [256, 128]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"threads": 16}, "threads must be a power of two from 32 to 1024; got 16"),
        ({"threads": 2048}, "threads must be a power of two from 32 to 1024; got 2048"),
        ({"threads": 96}, "threads must be a power of two from 32 to 1024; got 96"),
        ({"rounds_per_thread": 0}, "rounds_per_thread must be 1 or more; got 0"),
    ],
)
def test_launch_parameters_are_checked(given: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)), launching(**given):
        pass
    assert cuda_launch.now == cuda_launch.Launch()


def test_a_captured_step_is_timed(with_torch: bool, gpu: FakeGpu) -> None:
    for _, row in models.captured(gpu, LISTS, 3):
        assert row["wrong"] == []
        assert {"fastopt", "fastopt, not captured"} <= row["milliseconds"]["device"].keys()


def test_large_arrays_are_timed_cold_and_hot_as_far_as_they_fit(with_torch: bool, gpu: FakeGpu) -> None:
    found = dict(large.adamw(gpu, (4_099,), 3))
    assert [name for name in found if name != "torch"] == ["4,099, cold", "4,099, hot"]
    assert all(
        row["wrong"] == [] and row["share_of_copy"]["median"] > 0 for name, row in found.items() if name != "torch"
    )
    gpu.free = 4 * 4_099 * 10
    assert [name for name in dict(large.adamw(gpu, (4_099,), 3)) if name != "torch"] == ["4,099, hot", "4,099, cold"]
    gpu.free = 1000
    assert "0 are free" in list(large.adamw(gpu, (4_099,), 3))[-1][1]["skipped"]


def test_rules_and_kernels_are_timed_beside_each_other(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "RULES", {name: RULES[name] for name in ("sgd", "momentum", "adamw", "lion", "lamb")})
    if not NUMBA_CUDA:
        monkeypatch.setattr(gpu, "bare", lambda array: array)
    found = dict(large.every_rule(gpu, 501, 3, 101))
    assert list(found) == list(large.RULES)
    assert all(row["share_of"].keys() == {"copy", "bare rule"} for row in found.values())
    for _, row in large.side_by_side(gpu, 256, 3, 4):
        assert len(row["milliseconds"]["host"]) == 5


def test_arrays_of_the_fake_gpu_go_to_the_gpus_kernels(gpu: FakeGpu) -> None:
    assert view_of(gpu.array(np.ones(3)), "p")[0].BACKEND == "cupy"
    assert view_of(np.ones(3), "p")[0].BACKEND == "cpu"
    assert isinstance(fastopt.Optimizer(gpu.array(np.ones(3, "float32")), "adam").state[0]["m"], OnGpu)
    if NUMBA_CUDA:
        assert view_of(gpu.bare(np.ones(3)), "p")[0].BACKEND == "cuda"


def test_the_kernel_that_holds_the_gpu_compiles() -> None:
    assert "%globaltimer" in cuda_compile.compiled(device._HOLD, 90).ptx
