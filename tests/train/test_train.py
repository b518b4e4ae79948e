"""`fastopt train`: it learns, its checks can fail, and bad input is one line."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import typer

from fastopt import Optimizer, __version__
from fastopt.cli import main
from fastopt.kernels import RULES, exp, norm, rule
from fastopt.measure.bits import same_bits
from fastopt.train.checked import CheckedOptimizer
from fastopt.train.digits.training import Training

KEYS = {
    "task", "rule", "hyper", "layers", "activation", "parameters", "dtype", "device", "batch_size", "seed", "epochs",
    "test_accuracy", "steps", "first_step_seconds", "step_seconds", "plain_seconds", "promised", "same_bits",
    "differs_at", "seconds", "versions",
}  # fmt: skip


@rule(states=("total",))
def with_norms(p, g, m, *, t, lr=0.1, total=0.0):
    m = 0.9 * m + g
    total = total + norm(g) / t
    return p - lr * m / (1 + total), m, total


@rule
def with_exp(p, g, *, lr=0.1):
    return p - lr * g * exp(-abs(g))


@rule
def with_model_norm(p, g, *, lr=0.1):
    return p - lr * g / (1 + norm(g, over="model"))


def run(*arguments):
    """The exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_learns_the_digits_with_numpys_bits(dtype):
    training = Training(epochs=20, dtype=dtype)
    epochs = list(training.run())
    summary = training.summary()
    assert summary.test_accuracy == epochs[-1].test_accuracy > 0.95
    assert epochs[-1].loss < 0.1 < epochs[0].loss
    assert summary.steps == training.steps == 20 * 45
    assert (summary.promised, summary.same_bits, summary.differs_at) == (True, True, None)
    assert min(summary.first_step_seconds, summary.step_seconds, summary.plain_seconds) > 0


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_every_activation_learns(activation):
    training = Training(epochs=4, lr=1e-2, activation=activation)
    assert list(training.run())[-1].test_accuracy > 0.85


def test_a_seed_gives_the_same_run():
    runs = [[e.loss for e in Training(epochs=2, seed=seed).run()] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_norms_and_uniform_states_are_compared_too():
    training = Training(with_norms, epochs=1)
    list(training.run())
    assert training.summary().same_bits is True


def test_a_rule_with_exp_of_arrays_promises_nothing():
    training = Training(with_exp, epochs=1)
    list(training.run())
    assert training.summary().promised is False


def test_a_norm_over_the_model_is_not_compared():
    training = Training(with_model_norm, epochs=1)
    list(training.run())
    assert training.summary().same_bits is None


def small_run():
    params = {"W": [np.ones((3, 2), "float32")], "b": [np.ones(2, "float32")]}
    optimizer = Optimizer(params, with_norms)
    return params, optimizer, CheckedOptimizer(optimizer, with_norms.bind({}))


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (lambda params, opt: params["W"][0].view("u4").__setitem__((2, 1), 0), "params['W'][0]"),
        (lambda params, opt: params["b"][0].view("u4").__ixor__(1), "params['b'][0]"),
        (lambda params, opt: opt.state[1]["m"].view("u4").__ixor__(1), "state 'm' of params['b'][0]"),
        (lambda params, opt: opt.uniform_states[1].update(total=0.5), "uniform state 'total' of params['b'][0]"),
    ],
)
def test_a_single_wrong_bit_is_found(spoil, name):
    params, optimizer, checked = small_run()
    grads = {"W": [np.full((3, 2), 0.25, "float32")], "b": [np.full(2, 0.25, "float32")]}
    checked.step(grads)
    assert checked.differs_at is None
    step = optimizer.step
    optimizer.step = lambda grads: (step(grads), spoil(params, optimizer))
    checked.step(grads)
    checked.step(grads)
    assert checked.differs_at == (2, name)
    assert len(checked.seconds) == len(checked.plain_seconds) == 3


def test_a_wrong_bit_is_told_and_fails_the_command(capsys, monkeypatch):
    step = Optimizer.step

    def spoilt(self, grads):
        step(self, grads)
        if self.t == 30:
            self.state[0]["m"].view("u4").flat[0] ^= 1

    monkeypatch.setattr(Optimizer, "step", spoilt)
    assert run("train", "--epochs", "1") == 1
    assert "WRONG: others from step 30 on, in state 'm' of params['W'][0]" in capsys.readouterr().out


def test_the_sign_of_zero_counts_and_the_payload_of_nan_does_not():
    zeros, nans = np.array([0.0, 1.0]), np.array([np.nan, 1.0])
    assert same_bits(nans, np.copysign(nans, [-1, 1]))
    assert not same_bits(zeros, np.copysign(zeros, [-1, 1]))
    assert not same_bits(zeros, nans)
    assert not same_bits(zeros, zeros.astype("float32"))


def test_the_command_prints_the_epochs_and_a_summary(capsys):
    assert run("train", "--epochs", "2", "--hidden", "16") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "\x1b" not in out
    for wanted in ("64-16-10, relu: 1,210 parameters", "test accuracy", "in plain NumPy: ", "after each of 90 steps"):
        assert wanted in out
    assert max(map(len, out.splitlines())) <= 80


def test_json_is_one_object_and_nothing_else(capsys):
    assert run("train", "--json", "--epochs", "2", "--rule", "adam", "--lr", "0.002") == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert err == ""
    assert record.keys() == KEYS
    assert record["same_bits"] is True
    assert record["hyper"]["lr"] == 0.002
    assert [epoch["number"] for epoch in record["epochs"]] == [1, 2]


def test_a_run_that_diverges_is_still_json(capsys):
    assert run("train", "--json", "--epochs", "2", "--lr", "1e38", "--batch-size", "500") == 0
    record = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))
    assert record["same_bits"] is True
    assert record["epochs"][-1]["loss"] is None


def test_a_run_of_one_step_says_that_it_is_not_timed(capsys):
    assert run("train", "--epochs", "1", "--batch-size", "5000", "--hidden", "") == 0
    out = capsys.readouterr().out
    assert "not timed: the only step was the first" in out
    assert "after 1 step\n" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rule", "adamm"], "there is no rule 'adamm'"),
        (["--lr", "nan"], "lr is NaN"),
        (["--lr", "-1"], "lr must satisfy"),
        (["--lr", "fast"], "--lr"),
        (["--epochs", "-1"], "epochs must be 1 or more; got -1"),
        (["--epochs", "0"], "epochs must be 1 or more; got 0"),
        (["--batch-size", "0"], "batch size must be 1 or more; got 0"),
        (["--seed", "-1"], "seed must be 0 or more; got -1"),
        (["--hidden", "64,x"], "hidden must be whole numbers with commas, as in 64,32; got '64,x'"),
        (["--hidden", "64,"], "hidden must be whole numbers"),
        (["--hidden", "64,0"], "widths of hidden layers must be 1 or more; got 64, 0"),
        (["--activation", "step"], "activation must be 'relu', 'tanh' or 'sigmoid'; got 'step'"),
        (["--dtype", "float16"], "dtype must be 'float32' or 'float64'; got 'float16'"),
        (["--device", "tpu"], "device must be 'cpu' or 'cuda'; got 'tpu'"),
        (["--learning-rate", "1"], "No such option: --learning-rate"),
        (["digits"], "digits"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, arguments, message):
    assert run("train", *arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert (out, err.count("\n")) == ("", 1)


def test_cuda_without_cupy_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert run("train", "--device", "cuda") == 2
    assert "pip install 'fastopt[cuda12]'" in capsys.readouterr().err


def test_cuda_without_a_driver_is_one_line(capsys, monkeypatch):
    class NoDriver:
        @staticmethod
        def zeros(_):
            raise RuntimeError("cudaErrorInsufficientDriver:\nCUDA driver version is insufficient")

    monkeypatch.setitem(sys.modules, "cupy", NoDriver)
    assert run("train", "--device", "cuda") == 2
    err = capsys.readouterr().err
    assert "no GPU that it can use: cudaErrorInsufficientDriver: CUDA driver" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("module", "package"), [("typer", "typer"), ("rich.console", "rich"), ("sklearn.datasets", "scikit-learn")]
)
def test_a_missing_extra_is_one_line(capsys, monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    assert run("train", "--epochs", "1") == 2
    assert capsys.readouterr().err == f"fastopt: {package} is not installed; pip install 'fastopt[demo]' brings it\n"


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_help_imports_neither_numba_nor_sklearn(arguments):
    code = "\n".join(
        [
            "import atexit, sys",
            "from fastopt.cli import main",
            "heavy = {'numba', 'sklearn', 'cupy', 'scipy'}",
            "atexit.register(lambda: print(heavy & sys.modules.keys(), file=sys.stderr))",
            f"main({arguments!r})",
        ]
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "set()\n")
    assert done.stdout.strip()


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"fastopt {__version__}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_cleanly():
    command = [sys.executable, "-u", "-m", "fastopt", "train", "--epochs", "100000"]
    # Whoever runs the tests in the background ignores the signal, and children would too.
    heeding = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **heeding) as process:
        assert any(line.split()[:1] == ["1"] for line in process.stdout)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip()) == (130, "")


@pytest.mark.parametrize("error", [KeyboardInterrupt, typer.Abort])
def test_ctrl_c_ends_cleanly_wherever_it_strikes(monkeypatch, error):
    def interrupted(*_, **__):
        raise error

    monkeypatch.setattr("fastopt.commands.app", interrupted)
    assert run("train") == 130


@pytest.mark.parametrize("name", RULES)
def test_every_rule_trains_with_numpys_bits(name):
    training = Training(name, epochs=1, hidden=(8,))
    assert len(list(training.run())) == 1
    summary = training.summary()
    assert summary.same_bits is True or not (summary.promised and training.optimizer.comparable)


def test_a_long_run_keeps_the_bits_of_numbers_carried_along():
    training = Training("nadam", epochs=24, hidden=(4,))
    for _ in training.run():
        pass
    assert training.optimizer.optimizer.uniform_states[0]["mu_product"] < 2.0**-1022
    assert training.summary().same_bits is True
