"""What importing costs, and which module may know which."""

import ast
from pathlib import Path

import pytest
from examples import ROOT, run_python

HEAVY = {"numba", "llvmlite", "cupy", "torch", "jax", "scipy", "sklearn", "matplotlib", "rich", "typer", "ml_dtypes"}


def test_importing_fastopt_and_asking_for_a_type_import_nothing_heavy() -> None:
    text = (
        "import sys, numpy, fastopt\n"
        "from fastopt.kernels.dispatch import backend_of\n"
        "assert backend_of(numpy.ones(3)) == 'cpu'\n"
        "opt = fastopt.Adam\n"
        f"print(*sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = run_python("-c", text)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_the_kernels_folder_is_not_a_package_of_its_own() -> None:
    done = run_python("-c", "import kernels")
    assert "imported as fastopt.kernels" in done.stderr


BACKENDS = {"cpu", "cupy", "numba_cuda"}
# Who may know whom. What is not listed knows nothing of fastopt.
MAY_IMPORT = {
    "definition": {"dispatch", "reference", "hyperparameters", "program", "trace"},
    "dispatch": {"arrays", "emit", "program", "reductions"},
    "families": {"definition", "hyperparameters"},
    "grammar": {"reductions", "operations", "trace"},
    "reference": {"arrays", "dispatch"},
    "program": {"emit", "operations", "reductions", "trace"},
    "emit": {"operations", "reductions", "trace"},
    "reductions": {"operations"},
    "trace": {"operations"},
}


def imported(path: Path) -> set[str]:
    """The modules of kernels/ that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            found |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            assert not any(name.startswith("fastopt") for name in names if not getattr(node, "level", 0)), path
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "kernels").glob("*.py")), ids=lambda path: path.stem)
def test_imports_point_one_way(path: Path) -> None:
    if path.stem == "__init__":
        return
    if path.stem in MAY_IMPORT:
        assert imported(path) <= MAY_IMPORT[path.stem]
    else:
        assert not imported(path) & (BACKENDS | {"dispatch", "definition", "rules", "families"})


@pytest.mark.parametrize("path", sorted((ROOT / "kernels" / "rules").glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_rules_know_the_definition_and_the_grammar_alone(path: Path) -> None:
    families = {other.stem for other in path.parent.glob("[a-z]*.py")}
    assert imported(path) <= {"definition", "families", "grammar", *families}
