"""Keras's own optimizer tests, as they come in its wheel, on fastopt's kernels."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from examples import ROOT, docs, run_python

pytestmark = pytest.mark.peers


def report(folder: Path) -> dict[str, Any]:
    """What a run of Keras's tests reports."""
    path = folder / "report.json"
    # Not this project's settings, under which Keras's tests would fail for their warnings.
    settings = folder / "pytest.ini"
    settings.write_text("[pytest]\n")
    done = run_python(
        *("-m", "pytest", "-q", "-c", str(settings), "-p", "no:cacheprovider", "-p", "keras_plugin", "-W", "ignore"),
        *("-m", "not requires_trainable_backend", "--pyargs", "keras.src.optimizers"),
        KERAS_BACKEND="numpy",
        FASTOPT_KERAS_REPORT=str(path),
        PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")]),
    )
    assert path.exists(), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(path.read_text())
    print(*(f"{part}: {values}" for part, values in found.items()), sep="\n")
    assert "failed" not in found["outcomes"], done.stdout
    return found


def test_keras_own_tests_pass_on_fastopts_kernels(tmp_path: Path) -> None:
    found = report(tmp_path)
    for part, wanted in docs("client_rows").KERAS.items():
        assert found[part] == wanted, part
    assert set(found) == set(docs("client_rows").KERAS)
