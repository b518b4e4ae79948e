"""`fastopt inspect`: what it says of a rule is so."""

import json
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from examples import EXACT, run_python

from fastopt.cli import main
from fastopt.inspection.machine_code.cpu import cpu_kernels
from fastopt.inspection.rule import inspected
from fastopt.kernels import RULES, log, norm, rule, where
from fastopt.kernels.backends import BACKENDS
from fastopt.kernels.language.graph import Node
from fastopt.kernels.language.reductions import REDUCTIONS
from fastopt.kernels.program.spelling import as_written


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command line."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


@rule
def mine(p, g, h, *, lr=0.1):  # type: ignore[no-untyped-def]
    """A rule of a module of one's own."""
    h = h + g * g
    return p - lr * g / (h + 1.0), h


@rule
def logarithmic(p, g, *, lr=0.1):  # type: ignore[no-untyped-def]
    """A function of float64 that no vector instruction computes."""
    return p - lr * log(abs(g) + 1.0)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_can_be_inspected(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "inspect", name)
    assert (code, err) == (0, "")
    assert f"def {name}(" in out
    assert ("NumPy's, on every backend" in out) is (name in EXACT)
    assert "CPU, numba" in out
    assert "CUDA C++" in out
    found = inspected(name)
    # The parameter and every slot that changes are written; each pass reads what its norms, or the new values, are of.
    program = RULES[name].program(RULES[name].hyper)
    passes = [made_of(arg for node in stage.reductions for arg in node.args) for stage in program.stages]
    changed = [node for slot, node in program.outputs.items() if node.op != "array" or node.value != slot]
    passes.append(made_of(changed))
    assert found.bytes == 4 * (len(changed) + sum(map(len, passes)))


def made_of(nodes: Iterable[Node]) -> set[str]:
    """The arrays that nodes are computed from when norms are known."""
    found: set[str] = set()
    for node in nodes:
        if node.op not in REDUCTIONS:
            found |= {node.value} if node.op == "array" else made_of(node.args)
    return found


def test_without_assembly_inspect_imports_no_compiler() -> None:
    text = (
        "import sys\nfrom fastopt.cli import main\n"
        "try:\n    main(['inspect', 'adam'])\n"
        "except SystemExit as stopped:\n    assert not stopped.code\n"
        "print(*sorted({'numba', 'llvmlite', 'cupy', 'cuda'} & set(sys.modules)))"
    )
    done = run_python("-c", text)
    assert "def kernel(share)" in done.stdout
    assert (done.stdout.splitlines()[-1], done.stderr) == ("", "")


def test_the_costs_of_adam() -> None:
    (only,) = inspected("adam").passes
    assert only.operations == {"multiply": 6, "add": 3, "divide": 3, "sqrt": 1, "subtract": 1}
    assert only.scalars["1 - beta1**t"] == pytest.approx(0.1)
    assert [inspected("adam", storage).bytes for storage in ("bfloat16", "float32", "float64")] == [22, 28, 56]


def test_a_rule_of_ones_own_by_module_and_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "inspect", "test_inspect:mine", "--backend", "none", "--dtype", "float64")
    assert code == 0
    assert "A rule of a module of one's own." in out
    assert "h + g * g" in out
    assert "40 bytes an element in 1 pass" in out
    assert "kernel(table" not in out


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "inspect", "adam_max_norm", "--json")
    record = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert code == 0
    assert record["bytes_per_element"] == 24
    assert record["uniform_states"] == {"v": 0.0}
    assert record["passes"][0]["norms"] == ["max_norm(g)"]
    assert set(record["sources"]) == set(BACKENDS)
    assert all(text for texts in record["sources"].values() for text in texts)


@pytest.mark.parametrize("storage", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", ["adam", "lion", "rmsprop"])
def test_the_loops_of_updates_are_packed_and_contract_nothing(name: str, storage: str) -> None:
    found = inspected(name, storage)
    (kernel,) = cpu_kernels(found)
    assert kernel.fma == 0
    assert kernel.hot_loop is not None
    assert kernel.hot_loop.bits is not None
    assert kernel.hot_loop.bits >= 128
    arithmetic = {"add", "subtract", "multiply", "divide", "sqrt"} & set(found.passes[0].operations)
    assert kernel.hot_loop.packed >= sum(found.passes[0].operations[operation] for operation in arithmetic)
    assert (kernel.hot_loop.scalar, kernel.hot_loop.calls) == (0, 0)


def test_a_loop_that_calls_functions_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    (kernel,) = cpu_kernels(inspected("test_inspect:logarithmic", "float64"))
    assert kernel.hot_loop is not None
    assert kernel.hot_loop.calls > 0
    _, out, _ = said(capsys, "inspect", "test_inspect:logarithmic", "--dtype", "float64", "--asm")
    assert f" instructions, {kernel.hot_loop.calls} calls\n" in out


def test_assembly_comes_instead_of_sources(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "inspect", "test_inspect:mine", "--asm")
    assert (code, err) == (0, "")
    assert "bytes an element in 1 pass" in out
    assert "def kernel(" not in out
    found = re.search(r"\n +hot loop  (\S+): \d+ instructions\n +computes  \d+ packed \((.*)\), 0 scalar\n", out)
    assert found is not None
    assert re.fullmatch(r"(xmm, 128|ymm, 256|zmm, 512|NEON, 128) bits", found[2])
    assert f"\n{found[1]}:\n" in out
    assert "\n             FMA  none\n" in out

    code, out, _ = said(capsys, "inspect", "lamb", "--asm", "--json")
    compiled = json.loads(out)["compiled"]
    assert code == 0
    assert [one["backend"] for one in compiled] == ["cpu", "cpu"]
    assert all(one["hot_loop"]["text"] in one["asm"] for one in compiled)


@pytest.mark.parametrize(
    ("missing", "arguments", "remedy"),
    [
        ("cupy", ["--ptx", "--backend", "cupy"], "pip install 'fastopt[cuda13]' (or cuda12), or choose --backend cuda"),
        ("numba_cuda", ["--sass", "--backend", "cuda"], "(or cuda12), or choose --backend cupy"),
    ],
)
def test_a_missing_compiler_is_one_line_with_its_remedy(missing: str, arguments: list[str], remedy: str) -> None:
    without = f"import sys\nsys.modules[{missing!r}] = None\n"
    done = run_python("-c", f"{without}from fastopt.cli import main\nmain({['inspect', 'sgd', *arguments]!r})")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("fastopt: ")
    assert remedy in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["adm"], "there is no rule 'adm'; did you mean 'adam'?"),
        (["adam", "--dtype", "int8"], "dtype must be one of float16, bfloat16, float32, float64; got 'int8'"),
        (["adam", "--backend", "gpu"], "backend must be cpu, cupy, cuda, all or none; got 'gpu'"),
        (["adam", "--arch", "sm_90"], "--arch sm_90 is for --ptx and --sass; give one of them with it"),
        (["adam", "--asm", "--arch", "sm_90"], "--arch sm_90 is for --ptx and --sass; give one of them with it"),
        (["adam", "--asm", "--backend", "cuda"], "--asm shows kernels of cpu, which --backend leaves out"),
        (["adam", "--ptx", "--backend", "cpu"], "--ptx shows kernels of cuda and cupy, which --backend leaves out"),
        (
            ["adam", "--ptx", "--arch", "gfx90a"],
            "arch must be one of sm_75, sm_80, sm_86, sm_87, sm_89, sm_90, sm_100, sm_103, sm_110, sm_120, sm_121; "
            "got 'gfx90a'",
        ),
        (["nowhere:adam"], "there is no rule 'nowhere:adam': No module named 'nowhere'"),
        (["test_inspect:np"], "'test_inspect:np' is a module, not a rule made with @rule"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "inspect", *arguments) == (2, "", f"fastopt: {message}\n")


def test_expressions_are_printed_as_they_are_grouped() -> None:
    texts = {
        "a - (b - c)": lambda a, b, c: a - (b - c),
        "a - b - c": lambda a, b, c: (a - b) - c,
        "a / (b * c)": lambda a, b, c: a / (b * c),
        "a * b / c": lambda a, b, c: a * b / c,
        "(a + b)**c": lambda a, b, c: (a + b) ** c,
        "a**b**c": lambda a, b, c: a ** (b**c),
        "(a**b)**c": lambda a, b, c: (a**b) ** c,
        "-(a + b) * c": lambda a, b, c: -(a + b) * c,
        "abs(a - b) / norm(c)": lambda a, b, c: abs(a - b) / norm(c),
        "where((a < b) & (b < c) | (a > c), a, b)": lambda a, b, c: where((a < b) & (b < c) | (a > c), a, b),
        "a / norm(...)": lambda a, b, c: a / norm(a * a * a + b * b * b + c * c * c + a),
    }
    for text, function in texts.items():

        def formula(p, g, a, b, c, *, _do=None):  # type: ignore[no-untyped-def]
            return p - g, function(a, b, c), b + a, c + a  # noqa: B023

        made: Any = rule(formula)
        assert as_written(made.program(made.hyper).outputs["a"]) == text
    assert np.isclose(eval("-(a + b) * c", {"a": 1, "b": 2, "c": 3}), -9)
