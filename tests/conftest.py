"""Two threads everywhere, from fewer elements on. Whether there is a GPU."""

import ctypes
import functools
import importlib
import os
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

os.environ.setdefault("NUMBA_NUM_THREADS", "2")

import compiling
from own_rules import EVERY

from fastopt.kernels.cpu import backend as cpu

compiling.elsewhere()
cpu.PARALLEL_FROM = 65536  # Else the arrays of the tests would have to be larger.


# These have kernels of their own, which a fixture of the module compiles together.
TOGETHER = ("test_captured.py", "test_cuda_source.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fifth", type=int, help="run a fifth of the tests, those of a rule together: 0 to 4")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests of a rule side by side: a worker is given neighbours, and no two compile the same kernels."""
    places = {name: place for place, name in enumerate(EVERY)}

    def named(item: pytest.Item) -> int | None:
        given = getattr(item, "callspec", None)
        return places.get(given.params.get("name")) if given else None

    def place(item: pytest.Item) -> int:
        number = None if item.path.name in TOGETHER else named(item)
        return -1 if number is None else number

    items.sort(key=place)
    fifth = config.getoption("--fifth")
    if fifth is not None:
        numbers = [zlib.crc32(item.nodeid.encode()) if (n := named(item)) is None else n for item in items]
        pairs = list(zip(items, numbers, strict=True))
        config.hook.pytest_deselected(items=[item for item, number in pairs if number % 5 != fifth])
        items[:] = [item for item, number in pairs if number % 5 == fifth]


@functools.cache
def gpu_available() -> bool:
    """Whether the driver of an NVIDIA GPU is here and finds one."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not gpu_available():
        pytest.skip("needs an NVIDIA GPU, and this machine has none")


@pytest.fixture
def twins() -> Any:
    """The module torch_twins, where torch is here."""
    pytest.importorskip("torch")
    return importlib.import_module("torch_twins")


@pytest.fixture
def wide() -> Iterator[Any]:
    """torch.float64, of which torch's counts and products are within the test: NAdam rounds to its default type."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch.float64
    torch.set_default_dtype(before)
