"""The tests marked gpu, in several processes of bare pytest."""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .neighbours import ROOT
from .runner import Rows

# Installed plugins are not loaded, so pyproject.toml's options that need them are left out. Warnings are no errors: a
# library that warns of its own age says nothing about a GPU.
BARE = ("-o", "addopts=", "-o", "filterwarnings=default", "-p", "no:cacheprovider", "--strict-markers", "-q")
ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def rows(jobs: int, left: Callable[[], float], marker: str = "gpu", root: Path = ROOT) -> Rows:
    """A row for each process: how many tests passed, which failed, why some were skipped.

    root: the folder with pyproject.toml and tests/.
    """
    names = collected(marker, root)
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for number in range(min(jobs, len(names))):
            report = Path(folder) / f"{number}.xml"
            with report.with_suffix(".log").open("w") as log:
                process = subprocess.Popen(
                    [*_pytest(marker, root), f"--junitxml={report}", *names[number::jobs]],
                    cwd=root,
                    env=os.environ | ENVIRONMENT,
                    stdout=log,
                    stderr=log,
                )
            running.append((number, process, report))
        try:
            for number, process, report in running:
                try:
                    code = process.wait(max(1.0, left()))
                except subprocess.TimeoutExpired:
                    yield f"part {number + 1}", {"wrong": "it did not end in time"}
                    continue
                yield f"part {number + 1}", outcome(report, code)
        finally:
            for _, process, _ in running:
                if process.poll() is None:
                    process.kill()
                    process.wait()


def _pytest(marker: str, root: Path) -> list[str]:
    place = ["-c", str(root / "pyproject.toml"), "--rootdir", str(root)]
    return [sys.executable, "-m", "pytest", *place, *BARE, "-m", marker]


def collected(marker: str, root: Path) -> list[str]:
    """The names of the tests. Raises RuntimeError with pytest's output if there are none or it fails."""
    # Files without such tests are not imported: packages that they need may be missing.
    files = sorted((root / "tests").rglob("test_*.py"))
    holding = [str(path) for path in files if f"mark.{marker}" in path.read_text(encoding="utf-8")]
    done = subprocess.run(
        [*_pytest(marker, root), "--collect-only", *holding],
        cwd=root,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    names = [line for line in done.stdout.splitlines() if line.startswith("tests/") and "::" in line]
    if done.returncode or not names:
        raise RuntimeError(f"pytest found no tests marked {marker}: {(done.stdout + done.stderr)[-1500:]}")
    return names


def outcome(report: Path, code: int) -> dict[str, Any]:
    """A row from a report in JUnit's format and pytest's exit code. The log lies beside the report."""
    tail = report.with_suffix(".log").read_text()[-2000:]
    if not report.exists():
        return {"wrong": f"pytest ended with {code} and without a report: {tail}"}
    cases = list(ET.parse(report).getroot().iter("testcase"))
    failed, skipped, passed = {}, Counter[str](), 0
    for case in cases:
        bad = next((child for child in case if child.tag in ("failure", "error")), None)
        skip = case.find("skipped")
        if bad is not None:
            failed[f"{case.get('classname')}::{case.get('name')}"] = str(bad.get("message"))[:500]
        elif skip is not None:
            skipped[str(skip.get("message"))[:200]] += 1
        else:
            passed += 1
    wrong: Any = failed
    if not failed and (code or not passed):
        wrong = f"pytest ended with {code}, {passed} tests passed: {tail}"
    return {"passed": passed, "skipped_because": dict(skipped), "wrong": wrong, "line": f"{passed} passed"}
