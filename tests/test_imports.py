"""What importing costs, and which module may know which."""

import ast
from pathlib import Path

import pytest
from examples import ROOT, run_python

HEAVY = {
    *("numba", "llvmlite", "cupy", "torch", "jax", "scipy", "sklearn", "matplotlib", "rich", "typer", "ml_dtypes"),
    *("safetensors", "thinc", "spacy", "keras", "optax"),
}


def test_importing_fastopt_and_asking_for_a_type_import_nothing_heavy() -> None:
    text = (
        "import sys, numpy, fastopt\n"
        "from fastopt.kernels.dispatch import backend_of\n"
        "assert backend_of(numpy.ones(3)) == 'cpu'\n"
        "opt = fastopt.Adam\n"
        "fastopt.like.torch.Adam, fastopt.like.keras.load_state, fastopt.like.optax.adam, fastopt.like.thinc.Adam\n"
        f"print(*sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = run_python("-c", text)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_the_kernels_folder_is_not_a_package_of_its_own() -> None:
    done = run_python("-c", "import kernels")
    assert "imported as fastopt.kernels" in done.stderr


# Who knows whom in kernels/: the backends read graphs and never each other, dispatch alone reaches them, by name.
MAY_IMPORT = {
    "ahead": {"emit", "operations", "program", "trace", "uniforms"},
    "arrays": set(),
    "cache": set(),
    "catch_up": {"rows", "tasks"},
    "cpu": {
        *("arrays", "cpu_compile", "cpu_rows", "cpu_source", "cpu_threads"),
        *("headers", "numba_source", "program", "reductions", "table", "tensor_headers"),
    },
    "cpu_compile": {"cache", "cpu_intrinsics", "cpu_power", "uninterrupted"},
    "cpu_intrinsics": set(),
    "cpu_power": set(),
    "cpu_rows": {"arrays", "cpu_compile", "emit"},
    "cpu_source": {"arrays", "emit", "numba_source", "program", "reductions"},
    "cpu_threads": {"locks"},
    "cuda_intrinsics": {"operations"},
    "cuda_launch": set(),
    "cuda_prelude": set(),
    "cuda_prologue": {"ahead", "cuda_prelude", "cuda_source", "cuda_table", "emit", "program", "reductions"},
    "cuda_source": {"arrays", "cuda_prelude", "emit", "program"},
    "cuda_table": {"cuda_launch", "cuda_source", "emit", "program", "reductions", "table"},
    "cupy": {
        *("ahead", "arrays", "cuda_prologue", "cuda_source", "cuda_table", "cupy_headers", "cupy_kernels"),
        *("cupy_steps", "headers", "program", "reductions", "table"),
    },
    "cupy_headers": {"headers"},
    "cupy_kernels": {
        *("arrays", "cuda_launch", "cuda_source", "cuda_table", "memory", "program", "reductions", "table"),
    },
    "cupy_steps": {"ahead", "arrays", "cuda_prologue", "cupy_kernels", "program", "tasks"},
    "decide": {"emit", "program", "tasks"},
    "definition": {"hyperparameters", "plan", "step"},
    "dispatch": {"arrays", "memory", "program", "uninterrupted"},
    "emit": {"operations", "reductions", "trace"},
    "families": {"definition", "hyperparameters"},
    "fusion": {"grammar", "hyperparameters", "step"},
    "grammar": {"operations", "reductions", "trace"},
    "headers": {"arrays", "cpu_compile"},
    "hyperparameters": set(),
    "locks": set(),
    "memory": set(),
    "numba_cuda": {*("arrays", "cache", "cuda_intrinsics", "emit", "numba_source", "program", "reductions", "table")},
    "numba_source": {"arrays", "emit", "program", "table"},
    "operations": set(),
    "plan": {"arrays", "decide", "dispatch", "program", "row_sparse", "rows", "table", "tasks", "uniforms"},
    "program": {"emit", "operations", "reductions", "trace", "uniforms"},
    "reductions": {"operations"},
    # For its annotations it knows what it is called with.
    "reference": {"arrays", "cpu_compile", "dispatch", "reductions", "step"},
    "row_sparse": set(),
    "row_tasks": {"arrays", "cpu_compile", "table"},
    "rows": {"arrays", "dispatch", "program", "row_sparse", "row_tasks", "table"},
    "samples": {"arrays", "cpu_compile", "dispatch", "emit"},
    "scattered": {"cpu_compile"},
    "step": {"hyperparameters", "program", "reference", "trace"},
    "stillness": {"program", "reductions", "trace"},
    "table": {"arrays"},
    "tasks": {"arrays", "program", "reductions", "row_tasks", "table"},
    "tensor_headers": {"arrays", "cpu_compile", "headers"},
    "trace": {"operations"},
    "uniforms": {"emit", "operations", "trace"},
    "uninterrupted": set(),
}


def imported(path: Path) -> set[str]:
    """The modules of kernels/ that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1 or path.parent.name == "rules", f"{path} reaches out of kernels/"
            found |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            assert not any(name.startswith("fastopt") for name in names if not getattr(node, "level", 0)), path
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "kernels").glob("*.py")), ids=lambda path: path.stem)
def test_imports_point_one_way(path: Path) -> None:
    if path.stem != "__init__":
        assert imported(path) <= MAY_IMPORT[path.stem]


@pytest.mark.parametrize("path", sorted((ROOT / "kernels" / "rules").glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_rules_know_the_definition_and_the_grammar_alone(path: Path) -> None:
    families = {other.stem for other in path.parent.glob("[a-z]*.py")}
    assert imported(path) <= {"definition", "families", "grammar", *families}
