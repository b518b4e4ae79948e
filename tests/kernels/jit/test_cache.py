"""Compiled kernels on disk: found by the next process, and never loaded unless they are what was written."""

import shutil
import stat
import sys
from pathlib import Path

import pytest
from examples import run_python

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and links are POSIX")

STEP = """
import warnings, sys
warnings.simplefilter("always")
import numpy as np
from numba.core import compiler
from fastopt.kernels import RULES
compiled = []
original = compiler.compile_extra
compiler.compile_extra = lambda *a, **k: compiled.append(1) or original(*a, **k)
arrays = [np.ones(3, "float32") for _ in range(4)]
expected = RULES["adam"].reference(*arrays, t=1)
RULES["adam"](*arrays, t=1)
assert all(np.array_equal(a, b) for a, b in zip([arrays[0], *arrays[2:]], expected))
print(bool(compiled))
"""


def step(folder: Path) -> tuple[bool, str]:
    """One update in a fresh process: whether it compiled anything, and what it warned of."""
    done = run_python("-c", STEP, FASTOPT_CACHE_DIR=str(folder))
    assert done.returncode == 0, done.stderr
    return done.stdout == "True\n", done.stderr


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the kernels of the update."""
    folder = tmp_path_factory.mktemp("filled") / "cache"
    assert step(folder) == (True, "")
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(filled, tmp_path / "cache"))


def test_the_second_process_compiles_nothing(folder: Path) -> None:
    assert step(folder) == (False, "")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", ["one byte", "cut", "empty", "another kernel"])
def test_a_damaged_kernel_is_made_anew_and_said_once(folder: Path, damage: str) -> None:
    files = sorted(folder.iterdir())
    contents = [file.read_bytes() for file in files]
    for file, content, other in zip(files, contents, contents[1:] + contents[:1], strict=True):
        changed = bytes([content[-1] ^ 1])
        file.write_bytes(
            {"one byte": content[:-1] + changed, "cut": content[:-9], "empty": b"", "another kernel": other}[damage]
        )
    compiled, said = step(folder)
    assert compiled
    assert said.count("RuntimeWarning") == 1
    assert "damaged; they are made anew" in said
    assert step(folder) == (False, "")


def test_a_pickle_that_someone_left_there_is_not_run(folder: Path, tmp_path: Path) -> None:
    attack = b"cos\nsystem\n(S'touch " + str(tmp_path / "owned").encode() + b"'\ntR."
    for file in folder.iterdir():
        file.write_bytes(bytes(32) + attack)
    assert step(folder)[0]
    assert not (tmp_path / "owned").exists()


def test_a_folder_that_is_a_link_or_open_to_others_or_a_file_is_not_used(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(real)
    is_open = tmp_path / "open"
    is_open.mkdir()
    is_open.chmod(0o755)
    file = tmp_path / "file"
    file.write_text("")
    for folder, reason in [(link, "is a link"), (is_open, "others may enter it (mode 0755)"), (file, "cannot be made")]:
        compiled, said = step(folder)
        assert compiled
        assert said.count("RuntimeWarning") == 1
        assert reason in said
        assert "set FASTOPT_CACHE_DIR" in said
    assert not list(real.iterdir())
    assert not list(is_open.iterdir())


def test_a_link_in_the_place_of_a_kernel_is_not_followed(folder: Path, tmp_path: Path) -> None:
    for number, file in enumerate(sorted(folder.iterdir())):
        file.rename(tmp_path / f"moved-{number}")
        file.symlink_to(tmp_path / f"moved-{number}")
    compiled, said = step(folder)
    assert compiled
    assert "cannot be read" in said


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("tempfile.mkstemp", "Permission denied"),
        ("os.replace", "No space left"),
        ("os.fdopen", "Read-only file system"),
    ],
)
def test_a_folder_that_cannot_be_written_is_said_once_and_nothing_is_half_written(
    tmp_path: Path, function: str, message: str
) -> None:
    folder = tmp_path / "cache"
    fail = f"import os, tempfile\ndef fail(*a, **k): raise OSError(1, {message!r})\n{function} = fail\n"
    done = run_python("-c", STEP.replace("arrays =", f"{fail}arrays =", 1), FASTOPT_CACHE_DIR=str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True\n"
    assert done.stderr.count("RuntimeWarning") == 1
    assert f"cannot be written ({message})" in done.stderr
    assert not list(folder.iterdir())
