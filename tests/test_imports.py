"""What importing costs, and which module may know which."""

import ast
import graphlib
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
        "from fastopt.kernels.libraries.library import library_of\n"
        "assert library_of(numpy.ones(3)).BACKEND == 'cpu'\n"
        "opt = fastopt.Adam\n"
        "fastopt.like.torch.Adam, fastopt.like.keras.load_state, fastopt.like.optax.adam, fastopt.like.thinc.Adam\n"
        f"print(*sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = run_python("-c", text)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_the_kernels_folder_is_not_a_package_of_its_own() -> None:
    done = run_python("-c", "import kernels")
    assert "imported as fastopt.kernels" in done.stderr


# The house, low to high: a folder, or a file that stands alone, imports only what stands in a line before it.
KERNELS = """
system
language
program jit
arrays
headers tasks
cpu cuda numba_cuda
backends libraries
step reference
by_value definition
averages gathering
rule_type riders
families
rules
face
"""
FASTOPT = """
kernels measure
guarded trees plots schedules
monitors
updater
checkpoint watch
optimizer
inspection
like studies train bench
integrations lab
face
commands
cli
"""
ORDERS = {"kernels": KERNELS, "fastopt": FASTOPT}


def imports(top: Path) -> dict[str, set[str]]:
    """Each module below a folder, and the modules below it that it imports: late and for annotations too."""
    names = {".".join(path.relative_to(top).with_suffix("").parts): path for path in top.rglob("*.py")}
    names = {name: path for name, path in names.items() if top.name == "kernels" or not name.startswith("kernels.")}
    known = {name.removesuffix("__init__").removesuffix("."): name for name in names}
    found: dict[str, set[str]] = {name: set() for name in names}
    for name, path in names.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                start = name.split(".")[: -node.level]
                assert len(name.split(".")) >= node.level, f"{path} reaches out of {top.name}/"
                source = [*start, *(node.module or "").split(".")] if node.module else start
                for each in [".".join([*source, alias.name]) for alias in node.names]:
                    target = each if each in known else each.rpartition(".")[0]
                    found[name].add("kernels" if each.split(".")[0] == "kernels" else known[target])
            elif isinstance(node, ast.ImportFrom | ast.Import):
                said = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
                assert not any(each.split(".")[0] == "fastopt" for each in said), f"{path} names fastopt as a stranger"
    return found


@pytest.mark.parametrize(("top", "order"), ORDERS.items())
def test_a_folder_imports_what_stands_before_it_and_nothing_runs_in_a_circle(top: str, order: str) -> None:
    level = {name: number for number, line in enumerate(order.split("\n")) for name in line.split()}
    level |= {"__init__": level["face"], "__main__": 99}
    graph = imports(ROOT / top)
    pairs = [(name, name.split(".")[0], other, other.split(".")[0]) for name in graph for other in graph[name]]
    wrong = {f"{name} imports {other}" for name, a, other, b in pairs if a != b and not level[b] < level[a]}
    assert not wrong
    assert {name.split(".")[0] for name in graph} <= set(level)
    list(graphlib.TopologicalSorter(graph).static_order())


def test_rules_know_how_rules_are_made_and_the_functions_of_the_language_alone() -> None:
    known = {"rule_type", "families", "language.functions"}
    for name, others in imports(ROOT / "kernels").items():
        if name.startswith("rules.") and name != "rules.__init__":
            assert {other for other in others if not other.startswith("rules.")} <= known, name


# Names of other projects that begin with an underscore, and are asked for all the same.
OF_OTHERS = {
    *("_fields", "_replace", "_rebuild", "_reduce", "_reduce_states", "_core", "_kernel", "_cupy_header_list", "_exit"),
    *("_at_fork_reinit", "_is_initialized", "_cache", "_init_group", "_parameter_constraints", "_profiler_enabled"),
    *("_is_profiler_enabled", "_global_optimizer_pre_hooks", "_global_optimizer_post_hooks", "_ArgInfo", "_TypeMap"),
    *("_get_elementwise_kernel_code", "_Kernel"),
}


# A class asks for these of other objects of its own, or its module does.
OF_ITS_OWN = {
    ("schedule", "_text"),
    ("schedule", "_binds"),
    ("schedule", "_made"),
    ("cycling", "_momentum"),
    ("optimizer", "_updater"),
    ("rule_type", "_mark"),
    ("step", "_step"),
    *((name, "_kept") for name in ("plateau", "early_stopping", "bold_driver", "best")),
    ("plateau", "_spelled"),
}


def test_no_module_asks_for_the_private_names_of_another() -> None:
    found = set()
    for path in [*(ROOT / "kernels").rglob("*.py"), *(ROOT / "fastopt").rglob("*.py")]:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        asked = [node.attr for node in nodes if isinstance(node, ast.Attribute) and not is_self(node.value)]
        asked += [alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names]
        private = {name for name in asked if name.startswith("_") and not name.endswith("__")} - OF_OTHERS
        found |= {(path.stem, name) for name in private}
    assert found == OF_ITS_OWN


def is_self(node: ast.AST) -> bool:
    node = node.func if isinstance(node, ast.Call) else node
    return isinstance(node, ast.Name) and node.id in ("self", "cls", "super")


# The same class for other arrays; what torch calls so; the one task and the other, which commands/train.py takes alike.
ALIKE = {"Optimizer", "Factor", "Updates", "Training", "Epoch", "Summary"}


def test_a_name_is_of_one_class() -> None:
    paths = [*(ROOT / "kernels").rglob("*.py"), *(ROOT / "fastopt").rglob("*.py")]
    names = [
        node.name
        for path in dict.fromkeys(path.resolve() for path in paths)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert {name for name in names if names.count(name) > 1} == ALIKE
