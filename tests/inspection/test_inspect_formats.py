"""`fastopt inspect` with options of state and weights: bytes, new values and sources are those of what runs."""

import json
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import fastopt
from fastopt.cli import main
from fastopt.inspection.machine_code.cpu import cpu_kernels
from fastopt.inspection.rule import inspected
from fastopt.kernels import rule
from fastopt.kernels.backends import BACKENDS
from fastopt.kernels.cpu import backend

ALL = {"state_format": "bfloat16", "param_rounding": "stochastic", "reciprocals": True}


@rule
def halved(p, g, h, *, t, lr=0.1):  # type: ignore[no-untyped-def]
    """A rule whose kernels no other test makes."""
    h = h + g * g / t
    return p - lr * g / (h + 1.0), h


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `fastopt inspect`."""
    with pytest.raises(SystemExit) as stopped:
        main(["inspect", *arguments])
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


@pytest.mark.parametrize(
    ("storage", "options", "moved", "rounded"),
    [
        ("float32", {"state_format": "bfloat16"}, 20, {"m", "v"}),
        ("float32", {"state_format": "bfloat16", "state_rounding": "nearest"}, 20, set()),
        ("bfloat16", {"param_rounding": "stochastic"}, 22, {"p"}),
        ("bfloat16", ALL, 14, {"p", "m", "v"}),
    ],
)
def test_bytes_and_new_values_follow_the_options(
    storage: str, options: dict[str, Any], moved: int, rounded: set[str]
) -> None:
    found = inspected("adamw", storage, **options)
    assert found.bytes == moved
    assert {name for name, text in found.new_values.items() if text.startswith("stochastic(")} == rounded
    assert found.passes[0].operations.get("stochastic", 0) == len(rounded)
    assert found.passes[0].operations["divide"] == (1 if "reciprocals" in options else 3)
    for name in BACKENDS:
        # Elements have numbers over the table alone.
        ((_, _, text), *_) = found.sources(name)
        assert ("stochastic(" in text and "begin" in text) == bool(rounded)


def test_the_text_is_that_of_the_kernel_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    source = backend.source

    def noted(*given: Any) -> str:
        texts.append(source(*given))
        return texts[-1]

    monkeypatch.setattr(backend, "source", noted)
    found = inspected(halved, "bfloat16", **ALL)
    p, g = (np.ones(100, ml_dtypes.bfloat16) for _ in range(2))
    fastopt.Optimizer(p, halved, **ALL).step(g)
    assert [text for _, _, text in found.sources("cpu")] == texts
    (kernel,) = cpu_kernels(found)
    assert kernel.fma == 0


def test_the_command_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--dtype", "bfloat16", "--state-format", "bfloat16", "--param-rounding", "stochastic", "--reciprocals")
    code, out, err = said(capsys, "adamw", *given, "--backend", "none")
    assert (code, err) == (0, "")
    assert "m (bfloat16, from 0.0), v (bfloat16, from 0.0)\n" in out
    assert "options  state_format=bfloat16, param_rounding=stochastic, reciprocals\n" in out
    assert " becomes  m = stochastic(beta1 * m + (1 - beta1) * g, " in out
    assert "14 bytes an element in 1 pass\n" in out
    record = json.loads(said(capsys, "adamw", *given, "--json")[1])
    assert record["bytes_per_element"] == 14
    assert record["stored_as"] == dict.fromkeys("pgmv", "bfloat16")
    assert (record["state_format"], record["state_rounding"], record["reciprocals"]) == ("bfloat16", "stochastic", True)
    assert record["new_values"]["v"].startswith("stochastic(")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["adam", "--state-format", "bfloat16,float32"],
            "state_format must be 'bfloat16' or '8bit', or None; got 'bfloat16,",
        ),
        (
            ["sgd", "--reciprocals"],
            "sgd: reciprocals has no effect, since no array is divided by a number; ",
        ),
        (["adam", "--param-rounding", "stochastic"], "param_rounding has no effect, since no parameter is in bfloat16"),
    ],
)
def test_what_has_no_effect_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
