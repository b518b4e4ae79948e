"""Compiled CPU kernels on disk: one file a kernel, whose content is checked before anything of it is used.

A kernel file is code. So the folder belongs to the user alone (mode 0700), is not a link, and every file in it starts
with the SHA-256 of what follows; whatever fails these tests is compiled afresh and never loaded.
"""

import functools
import hashlib
import os
import pickle
import stat
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..language import rounding

_DIGEST = 32


def folder() -> Path:
    """Where kernels are kept: $FASTOPT_CACHE_DIR, or fastopt in the user's cache folder."""
    chosen = os.environ.get("FASTOPT_CACHE_DIR")
    if chosen:
        return Path(os.path.expanduser(chosen))
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "fastopt"


def _refusal(place: Path) -> str | None:
    """Why the folder cannot be trusted, or None. Makes it if it is not there."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = place.lstat()
    except OSError as error:
        return f"it cannot be made ({error.strerror or error})"
    if stat.S_ISLNK(status.st_mode) or not stat.S_ISDIR(status.st_mode):
        return "it is a link or no folder"
    if hasattr(os, "getuid"):
        if status.st_uid != os.getuid():
            return "it belongs to another user"
        if status.st_mode & 0o077:
            return f"others may enter it (mode {stat.S_IMODE(status.st_mode):04o}); chmod 700 it"
    return None


@functools.cache
def _warn_once(place: Path, reason: str) -> None:
    warnings.warn(f"fastopt's kernel cache {place} {reason}", RuntimeWarning, stacklevel=2)


_REMEDY = "so kernels are compiled in every process; set FASTOPT_CACHE_DIR to a folder of your own"


def _usable() -> Path | None:
    try:
        # The folder itself must not be a link; those above it are followed here, once, and not again.
        place = folder()
        place = Path(os.path.realpath(place.parent)) / place.name
    except RuntimeError as error:
        _warn_once(Path(), f"is not used: {error}, {_REMEDY}")
        return None
    reason = _refusal(place)
    if reason:
        _warn_once(place, f"is not used: {reason}, {_REMEDY}")
        return None
    return place


def read(key: str) -> bytes | None:
    """The content kept under a key; None if there is none, or it is not as it was written."""
    place = _usable()
    if place is None:
        return None
    try:
        handle = os.open(place / key, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            digest, content = file.read(_DIGEST), file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        _warn_once(place, f"cannot be read ({error.strerror}), {_REMEDY}")
        return None
    if hashlib.sha256(key.encode() + content).digest() != digest:
        _warn_once(place, "has kernels that are damaged; they are made anew")
        return None
    return content


def write(key: str, content: bytes) -> None:
    """Keep the content under a key: whole or not at all, also if several processes write it at once."""
    place = _usable()
    if place is None:
        return
    name = ""
    try:
        handle, name = tempfile.mkstemp(prefix="new-", dir=place)
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(key.encode() + content).digest() + content)
        os.replace(name, place / key)
    except OSError as error:
        if name and os.path.exists(name):
            os.unlink(name)
        _warn_once(place, f"cannot be written ({error.strerror}), {_REMEDY}")


# Of all modules whose instructions may end up in a kernel.
FILES = (*sorted(Path(__file__).parent.glob("*.py")), Path(rounding.__file__))


@functools.cache
def _hashes(files: tuple[Path, ...]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


class KernelCache:
    """Stands where a numba dispatcher has its own cache, whose index is an unchecked pickle.

    files: those of the modules whose instructions end up in the kernel, and of the module that compiles it.
    """

    def __init__(self, name: str, source: str, files: Sequence[Path]) -> None:
        self._name, self._source, self._files = name, source, tuple(files)

    def _key(self, signature: Any, context: Any) -> str:
        import llvmlite
        import numba
        import numpy

        versions = (sys.version, numba.__version__, llvmlite.__version__, numpy.__version__, *self._versions())
        text = repr((self._source, str(signature), context.codegen().magic_tuple(), versions))
        return f"{self._name}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The compiled kernel, or None."""
        content = read(self._key(signature, context))
        if content is None:
            return None
        context.refresh()
        try:
            return self._rebuilt(context, content)
        except Exception as error:
            _warn_once(folder(), f"has a kernel that cannot be loaded ({error!r}); it is made anew")
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled kernel."""
        write(self._key(signature, compiled.target_context), self._reduced(compiled))

    def _versions(self) -> tuple[str, ...]:
        return (*_hashes(self._files), os.environ.get("NUMBA_OPT", ""))

    def _rebuilt(self, context: Any, content: bytes) -> Any:
        from numba.core.compiler import CompileResult

        return CompileResult._rebuild(context, *pickle.loads(content))

    def _reduced(self, compiled: Any) -> bytes:
        from numba.core.serialize import dumps

        content: bytes = dumps(compiled._reduce())
        return content
