"""Checkpoint files: arrays in the safetensors format, all else as JSON in its metadata, and no code to run.

A file is written beside the old one, flushed to the disk and renamed, so that whatever happens the old file or the
new file is there, whole. Each array and the JSON have a checksum, since disks and copies lose bits.
"""

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..kernels.arrays.view import as_complex, as_pairs
from ..kernels.language.values import kind_of
from ..kernels.system import memory_for
from .made import Made

_TYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "C64": "complex64"}
_TYPES |= {"I8": "int8", "U8": "uint8", "I16": "int16"}
_FREE = "All of it is read before anything is set: free as much memory as the file has bytes"
# The description of an array, known before its values are read: its stored type and its shape.
Spec = tuple[str, tuple[int, ...]]


class Checkpoint:
    """A state whose arrays are read when they are asked for, from a file or from memory.

    state: all but the arrays. specs: for each array its type and shape.
    """

    def __init__(self, state: dict[str, Any], arrays: Mapping[str, Any]) -> None:
        self.state, self._arrays = state, arrays
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):
                raise TypeError(f"arrays[{name!r}] in the state must be a NumPy array; got {kind_of(array)}")
        self.specs: dict[str, Spec] = {name: (a.dtype.name, tuple(a.shape)) for name, a in arrays.items()}

    def array(self, name: str) -> Any:
        """A NumPy array; raises ValueError if it is damaged."""
        return self._arrays[name]

    def remade(self, state: dict[str, Any], slots: Mapping[str, Made]) -> "Checkpoint":
        """This checkpoint with another state, and with slots that are made of its own when they are asked for.

        An array is made only where all that it is made of are there.
        """
        return _Remade(self, state, slots)


class _Remade(Checkpoint):
    def __init__(self, old: Checkpoint, state: dict[str, Any], slots: Mapping[str, Made]) -> None:
        self.state, self._old, self.specs = state, old, dict(old.specs)
        self._made: dict[str, tuple[Made, str]] = {}
        for slot, made in slots.items():
            for name in old.specs:
                first, _, key = name.partition("/")
                if first == made.of[0] and all(f"{other}/{key}" in old.specs for other in made.of):
                    self.specs[f"{slot}/{key}"] = self.specs.pop(name)
                    self._made[f"{slot}/{key}"] = made, key

    def array(self, name: str) -> Any:
        if name not in self._made:
            return self._old.array(name)
        made, key = self._made[name]
        return made.array(lambda slot: self._old.array(f"{slot}/{key}"))


class _File(Checkpoint):
    def __init__(self, path: Path, file: Any) -> None:
        self._path, self._file = path, file
        metadata = file.metadata() or {}
        text = metadata.get("fastopt")
        if text is None:
            raise ValueError(
                f"{path} is a safetensors file that fastopt has not written; pass a file that opt.save wrote"
            )
        if metadata.get("fastopt_crc32") != _hex(zlib.crc32(text.encode())):
            raise self._damaged("its description")
        try:
            described = json.loads(text)
            self.state, self._sums = dict(described["state"]), dict(described["crc32"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(
                f"{path} has a description that cannot be read: {error!r}; take an older checkpoint"
            ) from error
        self._pairs = set(described.get("complex128", ()))
        self.specs = {}
        for name in file.keys():  # noqa: SIM118 (it is no mapping)
            part = file.get_slice(name)
            shape = tuple(part.get_shape())
            storage = _TYPES.get(part.get_dtype(), part.get_dtype())
            self.specs[name] = ("complex128", shape[:-1]) if name in self._pairs else (storage, shape)

    def _damaged(self, what: str) -> ValueError:
        return ValueError(f"{self._path} is damaged: {what} does not fit its checksum; take an older checkpoint")

    def array(self, name: str) -> Any:
        with memory_for(
            f"{name!r} of {self._path}", "All of it is read before anything is set: free as much as it has"
        ):
            array = self._file.get_tensor(name)
            array = as_complex(array) if name in self._pairs else array
        if self._sums.get(name) != checksum(name, array):
            raise self._damaged(repr(name))
        return array


def write(path: str | os.PathLike[str], state: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write a checkpoint, which replaces an older file at the path.

    state: values that JSON can hold. arrays: NumPy arrays of any layout, by name.
    Raises TypeError for values that JSON cannot hold and OSError if the file cannot be written; an older file is then
    as it was.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    # safetensors 0.8.0 writes the memory in its order, which is wrong for arrays that are not C-contiguous.
    with memory_for("copies of arrays that are not C-contiguous", "Free some, or keep parameters C-contiguous"):
        dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    sums = {name: checksum(name, array) for name, array in dense.items()}
    # The format has no complex128: such an array is written as pairs, in its memory.
    pairs = [name for name, array in dense.items() if array.dtype == np.complex128]
    dense |= {name: as_pairs(dense[name]) for name in pairs}
    try:
        text = json.dumps({"state": state, "crc32": sums, **({"complex128": pairs} if pairs else {})})
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"JSON cannot hold what is to be saved: {error}") from error
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise OSError(
            f"cannot save to {target}: a folder, or what is no ordinary file, has that name; pass another path"
        )
    partial = target.with_name(f".{target.name}.{os.urandom(4).hex()}.partial")
    try:
        # The file is made here so that the umask decides its mode.
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        mode = partial.stat().st_mode
        save_file(dense, partial, {"fastopt": text, "fastopt_crc32": _hex(zlib.crc32(text.encode()))})
        partial.chmod(mode & 0o777)
        _flush(partial, os.O_RDWR)
        partial.replace(target)
    except (OSError, SafetensorError) as error:
        raise OSError(
            f"cannot save to {target}: {error}; what was there is as it was. Look whether the folder is there, may be "
            "written, and has room"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    if os.name == "posix":
        _flush(target.parent, os.O_RDONLY)


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Checkpoint]:
    """A checkpoint file, open for reading.

    Raises FileNotFoundError, and ValueError for a file that is no checkpoint or is damaged.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint file {path}; pass the path that opt.save was given")
    try:
        # Not mapped: a file that shrinks meanwhile would end the process.
        with memory_for(f"reading {path}", _FREE):
            file = safe_open(path, framework="np", backend="pread")
        with file:
            yield _File(path, file)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a safetensors file, or is cut off: {error}; take an older checkpoint"
        ) from error


def checksum(name: str, array: Any) -> int:
    """CRC-32 of an array's name, type, shape and bytes in C order."""
    start = zlib.crc32(f"{name} {array.dtype.name} {array.shape}".encode())
    return zlib.crc32(np.asarray(array, order="C").reshape(-1).view(np.uint8).data, start)


def _hex(number: int) -> str:
    return f"{number:08x}"


def _flush(path: Path, flags: int) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
