"""Every backend, and every array library, has all that the protocol names, called in the same way."""

import importlib
import inspect
from typing import Any

import pytest

from fastopt.kernels import backends
from fastopt.kernels.libraries import library

LIBRARIES = ("host", "cupy_arrays", "torch_cuda", "cuda_interface")


def missing(protocol: Any, module: Any) -> list[str]:
    """The functions of a protocol that a module lacks, or has with other arguments."""
    wanted = {name: getattr(protocol, name) for name in dir(protocol) if not name.startswith("_")}
    found = []
    for name, function in wanted.items():
        if inspect.isfunction(function):
            made = getattr(module, name, None)
            _, *arguments = inspect.signature(function).parameters
            try:
                inspect.signature(made).bind(*arguments)  # type: ignore[arg-type]
            except TypeError as error:
                found.append(f"{name}: {error}")
    return found


@pytest.mark.parametrize("name", backends.BACKENDS)
def test_every_backend_is_complete(name: str) -> None:
    assert not missing(backends.Backend, backends.backend(name))
    assert not missing(backends.Sources, backends.source(name))


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_array_library_is_complete(name: str) -> None:
    module = importlib.import_module(f"fastopt.kernels.libraries.{name}")
    assert not missing(library.Library, module)
    assert module.BACKEND in backends.BACKENDS


def test_what_lacks_a_function_or_an_argument_is_seen() -> None:
    class Half:
        view = staticmethod(lambda array: None)

    found = missing(library.Library, Half)
    assert [line.split(":")[0] for line in found] == ["copy", "filling", "full_like", "to_host", "view"]
