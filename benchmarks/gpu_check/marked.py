"""The tests marked gpu, in several processes of bare pytest."""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .neighbours import ROOT
from .runner import Rows

# Whatever plugins a machine has stay out, and with them the options of pyproject.toml that need them; a library that
# warns of its own age says nothing about a GPU.
BARE = ("-m", "pytest", "-o", "addopts=", "-o", "filterwarnings=default", "-p", "no:cacheprovider", "--strict-markers")
ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def rows(jobs: int, left: Callable[[], float], marker: str = "gpu", files: Sequence[str] | None = None) -> Rows:
    """A row for each process: how many tests passed, which failed, why some were skipped.

    files: where the tests are; without it every file that has the marker.
    """
    names = collected(marker, holding(marker) if files is None else files)
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for number in range(min(jobs, len(names))):
            report = Path(folder) / f"{number}.xml"
            command = [*BARE, "-q", "-m", marker, f"--junitxml={report}", *names[number::jobs]]
            log = report.with_suffix(".log").open("w")
            process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=os.environ | ENVIRONMENT, stdout=log, stderr=log
            )
            log.close()
            running.append((number, process, report))
        try:
            for number, process, report in running:
                try:
                    code = process.wait(max(1.0, left()))
                except subprocess.TimeoutExpired:
                    yield f"part {number + 1}", {"wrong": "it did not end in time"}
                    continue
                tail = report.with_suffix(".log").read_text()[-2000:]
                yield f"part {number + 1}", outcome(report, code, tail)
        finally:
            for _, process, _ in running:
                if process.poll() is None:
                    process.kill()
                    process.wait()


def holding(marker: str) -> list[str]:
    """The files with tests of a marker; others need not be imported, for which packages may be missing."""
    files = sorted((ROOT / "tests").glob("test_*.py"))
    return [str(path) for path in files if f"mark.{marker}" in path.read_text(encoding="utf-8")]


def collected(marker: str, files: Sequence[str]) -> list[str]:
    """The names of the tests. Raises RuntimeError with pytest's output if there are none or it fails."""
    done = subprocess.run(
        [sys.executable, *BARE, "--collect-only", "-q", "-m", marker, *files],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    names = [line for line in done.stdout.splitlines() if "::" in line and not line.startswith(("ERROR", " "))]
    if done.returncode or not names:
        raise RuntimeError(f"pytest found no tests marked {marker}: {(done.stdout + done.stderr)[-1500:]}")
    return names


def outcome(report: Path, code: int, tail: str) -> dict[str, Any]:
    """What a report in JUnit's format says, and pytest's exit code."""
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
