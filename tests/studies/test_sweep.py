"""The sweep over initial rates: its runs, its processes, what diverges and fails, the command."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from examples import ROOT, run_python

from fastopt import Sweep, sweep
from fastopt.cli import main
from fastopt.studies.processes import side_by_side
from fastopt.studies.sweep import Run
from fastopt.train.digits.training import Training


def bowl(rule: str, lr: float, seed: int = 0) -> float:
    """Gradient descent on a quadratic; diverges above a rate of 2."""
    x = 1.0 + seed
    for _ in range(2000):
        x = x - lr * x if rule == "sgd" else x - lr * (x > 0) + lr * (x < 0)
    return x * x


def environment(rule: str, lr: float) -> float:
    import numba

    return numba.get_num_threads() + 100 * int(os.environ["OPENBLAS_NUM_THREADS"])


def failing(rule: str, lr: float) -> Any:
    if rule == "raises":
        raise ValueError("no such\ndata")
    if rule == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if rule == "exits":
        os._exit(3)
    return {"nan": math.nan, "inf": math.inf, "text": "low"}.get(rule, lr)


def told(rule: str, lr: float) -> float:
    """Waits until two are running at once."""
    folder = Path(rule)
    (folder / str(lr)).touch()
    until = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2:
        if time.monotonic() > until:
            return math.nan
        time.sleep(0.01)
    return 1.0


def run(*arguments: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


def test_every_rule_rate_and_seed_is_run_once_and_in_order() -> None:
    found = sweep(bowl, ["sgd", "sign"], [0.1, 1.0, 3.0], seeds=[0, 4])
    expected = [(rule, lr, seed) for rule in ("sgd", "sign") for lr in (0.1, 1.0, 3.0) for seed in (0, 4)]
    assert [(one.rule, one.lr, one.seed) for one in found.runs] == expected
    assert all(one.loss == bowl(one.rule, one.lr, one.seed) for one in found.runs if not one.diverged)
    assert [one.lr for one in found.runs if one.diverged] == [3.0, 3.0]
    assert found.best("sgd") == (1.0, 0.0)
    assert found.curve("sgd")[-1] == (3.0, math.inf)


def test_each_process_has_one_thread_and_this_one_keeps_its_environment() -> None:
    before = dict(os.environ)
    found = sweep(environment, ["a"], [0.1], workers=1)
    assert found.runs[0].loss == 101
    assert dict(os.environ) == before


def test_two_processes_run_at_once(tmp_path: Path) -> None:
    found = sweep(told, [str(tmp_path)], [0.1, 0.2], workers=2)
    assert [one.loss for one in found.runs] == [1.0, 1.0]


def test_a_run_that_fails_or_diverges_ends_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    rules = ["raises", "nan", "dies", "inf", "text", "exits", "fine"]
    found = {one.rule: one for one in sweep(failing, rules, [0.5]).runs}
    assert found["fine"].loss == 0.5
    assert math.isnan(found["nan"].loss or 0.0)
    assert found["inf"].loss == math.inf
    assert [found[rule].diverged for rule in ("nan", "inf", "fine")] == [True, True, False]
    errors = {rule: found[rule].error for rule in rules if found[rule].error}
    assert errors == {
        "raises": "ValueError: no such data",
        "dies": "the process was ended by signal SIGKILL; perhaps there was no memory left",
        "text": "train must return the final loss, a number; it returned 'low'",
        "exits": "the process ended with exit code 3",
    }
    assert 'raise ValueError("no such\\ndata")' in capfd.readouterr().err, "the traceback is on stderr"


def test_if_every_run_fails_that_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"every run failed; raises at lr=0\.5: ValueError: no such data"):
        sweep(failing, ["raises"], [0.5, 0.25])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sweep(lambda rule, lr: 1.0, ["a"], [0.1]), "cannot be sent to another process"),
        (lambda: sweep(bowl, [], [0.1]), "rules must not be empty"),
        (lambda: sweep(bowl, "adam", [0.1]), "rules must be a list; got 'adam'"),
        (lambda: sweep(bowl, ["a", "a"], [0.1]), "rules has one twice: a, a"),
        (lambda: sweep(bowl, ["a"], [0.0]), r"rates must be above 0, and finite; got 0\.0"),
        (lambda: sweep(bowl, ["a"], [math.nan]), "rates must be above 0"),
        (lambda: sweep(bowl, ["a"], [0.1], workers=0), "workers must be 1 or more; got 0"),
        (lambda: sweep(bowl, ["a"], [0.1], seeds=[]), "seeds must not be empty"),
    ],
)
def test_bad_input_is_refused_with_a_reason(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import fastopt\ndef train(rule, lr): return lr\nprint(fastopt.sweep(train, ['a'], [0.1, 0.2]))\n"
    )
    done = run_python(str(script))
    assert done.returncode == 1
    assert 'In a script the call stands under `if __name__ == "__main__":`' in done.stderr


def test_a_function_of_an_interpreter_is_refused() -> None:
    done = run_python("-", given="import fastopt\ndef train(rule, lr): return lr\nfastopt.sweep(train, ['a'], [0.1])\n")
    assert "write a function at the top level of a module" in done.stderr


def test_the_processes_end_with_the_iteration() -> None:
    import multiprocessing

    started = side_by_side(time.sleep, [(0.0,), (600.0,)], 2)
    next(started)
    assert multiprocessing.active_children()
    began = time.monotonic()
    started.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()
    assert time.monotonic() - began < 60


def sweep_of(curve: dict[float, float]) -> Sweep:
    return Sweep(tuple(Run("adam", lr, None, loss) for lr, loss in curve.items()))


def test_the_width_is_of_the_rates_around_the_best() -> None:
    found = sweep_of({1e-4: 0.15, 1e-3: 2.0, 1e-2: 0.19, 1e-1: 0.1, 1.0: 0.2, 10.0: math.nan})
    assert found.best("adam") == (0.1, 0.1)
    assert found.width("adam") == pytest.approx(2.0)
    assert found.width("adam", factor=30) == pytest.approx(4.0)
    diverged = sweep_of({0.1: math.nan, 1.0: math.inf})
    assert diverged.best("adam") is None
    assert diverged.width("adam") == 0


def test_the_plot_is_a_picture_even_of_one_rule(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    sweep_of({1e-3: 2.0, 1e-2: 0.2, 1e-1: 50.0, 1.0: math.nan}).plot(tmp_path / "one.svg")
    assert "adam" in (tmp_path / "one.svg").read_text()
    with pytest.raises(ValueError, match="nothing to draw"):
        sweep_of({0.1: math.nan}).plot(tmp_path / "none.png")
    with pytest.raises(ValueError, match="no such folder"):
        sweep_of({0.1: 1.0}).plot(tmp_path / "missing" / "one.png")


def test_training_without_checks_gives_the_same_losses() -> None:
    checked, plain = (list(Training("adam", epochs=2, checked=checked).run()) for checked in (True, False))
    assert [epoch.loss for epoch in checked] == [epoch.loss for epoch in plain]
    with pytest.raises(ValueError, match="no summary of a run that was not checked"):
        Training(checked=False).summary()


def test_the_command_sweeps_and_prints_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "sweep.png"
    options = ("--rates", "2", "--low", "0.01", "--high", "1e38", "--epochs", "2", "--seeds", "1")
    assert run("sweep", "sgd", "adam", *options, "--json", "--plot", str(picture)) == 0
    out, err = capsys.readouterr()
    record = json.loads(out, parse_constant=lambda name: pytest.fail(name))
    assert err == ""
    assert [(one["rule"], one["lr"], one["diverged"]) for one in record["runs"]][:2] == [
        ("sgd", 0.01, False),
        ("sgd", 1e38, True),
    ]
    assert record["runs"][1]["loss"] is None
    assert set(record["rules"]) == {"sgd", "adam"}
    assert record["rules"]["adam"]["best"][1] < record["rules"]["sgd"]["best"][1] < 2.5
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sweep", "adam", "--rates", "2", "--low", "0.001", "--high", "0.1", "--epochs", "1", "--seeds", "1") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "best rate" in out
    assert "2 runs in" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["adamm"], "there is no rule 'adamm'; did you mean"),
        (["--epochs", "0"], "epochs must be 1 or more; got 0"),
        (["--seeds", "0"], "seeds must be 1 or more; got 0"),
        (["--rates", "1"], "rates must be 2 or more"),
        (["--low", "1", "--high", "0.1"], "from a low above 0 to a high above it"),
        (["--workers", "0"], "workers must be 1 or more"),
        (["--plot", "sweep.pdf"], "plot must end in .png or .svg"),
    ],
)
def test_bad_input_of_the_command_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run("sweep", *arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_the_command_and_its_processes() -> None:
    command = [sys.executable, "-m", "fastopt", "sweep", "--epochs", "100000"]
    heeding: dict[str, Any] = {
        "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        "env": {**os.environ, "PYTHONPATH": str(ROOT)},
        "start_new_session": True,
    }
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **heeding) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.parent.exists():
            time.sleep(10)
        until = time.monotonic() + 60
        while children.parent.exists() and len(children.read_text().split()) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (130, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no masks of signals")
def test_ctrl_c_does_not_reach_the_first_process_either(tmp_path: Path) -> None:
    # In a process of its own, where multiprocessing has started nothing yet: the first start unblocks SIGINT.
    script = tmp_path / "blocked.py"
    script.write_text(
        "import signal\nfrom fastopt import sweep\n\n"
        "def train(rule, lr):\n    return float(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))\n\n"
        "if __name__ == '__main__':\n    print([run.loss for run in sweep(train, ['sgd'], [0.1], workers=1).runs])\n"
    )
    done = run_python(str(script))
    assert done.stdout.strip() == "[1.0]", done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_the_processes_end_when_the_one_that_started_them_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "sleeps.py"
    script.write_text(
        "import os, time\nfrom pathlib import Path\nfrom fastopt import sweep\n\n"
        "def train(rule, lr):\n    Path(rule, str(os.getpid())).touch()\n    time.sleep(300)\n\n"
        f"if __name__ == '__main__':\n    sweep(train, [{str(tmp_path / 'pids')!r}], [0.1, 0.2], workers=2)\n"
    )
    pids = tmp_path / "pids"
    pids.mkdir()
    with subprocess.Popen([sys.executable, str(script)], env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        assert within(60, lambda: len(list(pids.iterdir())) == 2)
        process.kill()
    assert within(30, lambda: not any(runs(int(path.name)) for path in pids.iterdir()))


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    # A process that has ended may wait for someone to ask how.
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
