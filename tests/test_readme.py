"""What the README shows runs, and its tables are those of the rules and of the result files."""

import ast
import inspect
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import ROOT, docs

from fastopt.optimizer.classes import CLASSES

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "count", "steps"),
    [("README.md", 10, 1), ("docs/sparse.md", 1, 1), ("docs/complex.md", 1, 500), ("docs/fewer-bytes.md", 1, 1)],
)
def test_the_code_of_the_pages_runs(
    name: str, count: int, steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
    # What needs a GPU is run by test_captured.py.
    blocks = [block for block in blocks if "cupy" not in block]
    assert len(blocks) == count
    namespace: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, name, "exec"), namespace)
    assert namespace["opt"].t == steps


def test_each_program_of_the_page_on_numpy_programs_runs_and_learns() -> None:
    text = (ROOT / "docs" / "numpy-programs.md").read_text(encoding="utf-8")
    common, *programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(programs) == len(re.findall(r"^As in `", text, re.MULTILINE)) == 7
    for program in programs:
        namespace: dict[str, Any] = {}
        exec(compile(common, "numpy-programs.md", "exec"), namespace)
        exec(compile(program, "numpy-programs.md", "exec"), namespace)
        assert (namespace["opt"].t, namespace["loss"] < 1e-2) == (200, True), program


def test_the_tables_are_up_to_date() -> None:
    for name in docs("generate").PAGES:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert docs("generate").generated(text) == text, "run python docs/generators/generate.py"
        assert "<!-- end -->" in text
    assert "`adamw_amsgrad`" in README


def test_the_page_on_choosing_says_what_was_measured() -> None:
    choosing = docs("choosing")
    found = json.loads((ROOT / "docs" / "generators" / "choosing.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "choosing.md").read_text(encoding="utf-8")
    assert choosing.page(found) == text, "run python docs/generators/generate.py"
    assert choosing.on_saddle(choosing.HIGH) == found["saddle"]["high"]
    found["digits"]["cosine, 0.3"]["loss"] = 1.0
    with pytest.raises(ValueError, match="the figures do not support: Notes say that cosine"):
        choosing.page(found)


def test_the_page_on_newcomers_says_what_was_measured() -> None:
    newcomers, runs = docs("newcomers"), docs("newcomer_runs")
    found = json.loads((ROOT / "docs" / "generators" / "newcomers.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "newcomers.md").read_text(encoding="utf-8")
    assert newcomers.page(found) == text, "run python docs/generators/generate.py"
    assert {key: found[key] for key in runs.facts()} == json.loads(json.dumps(runs.facts()))
    for task in newcomers.TASKS:
        assert list(found[task]["free"]) == list(runs.FREE)
        assert set(found[task]["tuned"]) <= set(runs.TUNED)
    sgd = found["diabetes"]["tuned"]["sgd"]
    again = runs.trained(runs.TASKS["diabetes"](), runs.Setting("sgd", {"lr": sgd["lr"]}, sgd["share"]), runs.FINAL[0])
    # Products of matrices are rounded in another way by another BLAS.
    assert again["test"] == pytest.approx(sgd["test"][0], rel=1e-3)
    found["diabetes"]["tuned"]["sgd"]["lr"] = found["rates"][0]
    with pytest.raises(ValueError, match="the figures do not support: No best rate is at an edge of the grid"):
        newcomers.page(found)


@pytest.mark.parametrize(("rule", "lr"), [("adamw", 1e-3), ("sgd", 0.1), ("schedule_free_sgd", 10.0)])
def test_decays_of_the_page_on_newcomers_are_as_strong_at_every_rate(rule: str, lr: float) -> None:
    opt = docs("newcomer_runs").Setting(rule, {"lr": lr}, share=0.5).optimizer(np.ones(1), steps=100)
    assert opt.lr * opt.weight_decay * 100 == pytest.approx(0.5)


def test_the_page_on_words_says_what_was_measured() -> None:
    words = docs("words")
    found = json.loads((ROOT / "benchmarks" / "results" / "words.json").read_text(encoding="utf-8"))
    assert words.page(found) == (ROOT / "docs" / "words.md").read_text(encoding="utf-8"), (
        "run python docs/generators/generate.py"
    )
    found["losses"]["contenders"]["SGD"]["chosen by all"]["first_epoch"]["rare"] = 2.0
    with pytest.raises(ValueError, match="the figures do not support: The notes say that the weights of rare"):
        words.page(found)


def test_the_page_on_condition_says_what_was_measured() -> None:
    condition = docs("condition")
    found = json.loads((ROOT / "docs" / "generators" / "condition.json").read_text(encoding="utf-8"))
    assert condition.page(found) == (ROOT / "docs" / "condition.md").read_text(encoding="utf-8"), (
        "run python docs/generators/generate.py"
    )
    assert list(found) == list(condition.ROWS)
    found["adam"]["1"] = 2 * condition.BOUND
    with pytest.raises(ValueError, match=r"adam loses 2\.4e-04 on gradients of 1; the bound is 1\.2e-04"):
        condition.page(found)


def test_editors_see_the_classes_as_they_are() -> None:
    text = (ROOT / "fastopt" / "__init__.pyi").read_text(encoding="utf-8")
    assert docs("stubs").stub() == text, "run python docs/generators/generate.py"
    classes = {one.name: one for one in ast.parse(text).body if isinstance(one, ast.ClassDef)}
    assert set(classes) == set(CLASSES)
    for name, made in CLASSES.items():
        assert ast.get_docstring(classes[name]) == inspect.getdoc(made)
        (method,) = (one for one in classes[name].body if isinstance(one, ast.FunctionDef))
        seen = [one.arg for one in (*method.args.args, *method.args.kwonlyargs)]
        assert seen == list(inspect.signature(made.__init__).parameters)  # type: ignore[misc]


@pytest.mark.long
def test_a_type_checker_finds_a_misspelt_hyperparameter(tmp_path: Path) -> None:
    from mypy import api

    script = tmp_path / "uses.py"
    script.write_text(
        "import fastopt\nopt = fastopt.AdamW([], lr=lambda t: 0.1 / t, ema=0.9)\nfastopt.AdamW([], lrr=1.0)\n"
    )
    out, _, _ = api.run(["--strict", "--no-incremental", str(script)])
    assert 'uses.py:3: error: Unexpected keyword argument "lrr" for "AdamW"' in out
    assert "Found 1 error" in out


def test_the_two_commands_come_first_and_ci_runs_the_second() -> None:
    (block, *_) = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    clone, cd, train, tests = block.strip().splitlines()
    assert (clone.split()[:2], cd.split()[0]) == (["git", "clone"], "cd")
    assert train.endswith(".venv/bin/fastopt train")
    assert tests in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("page", "count"), [("faults.md", 30), ("run-into.md", 60)])
def test_every_row_of_a_page_on_conduct_names_tests_that_exist(page: str, count: int) -> None:
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    # Of each table the first two lines are its head.
    rows = [after for before, after in itertools.pairwise(lines) if before[:1] == after[:1] == "|"]
    rows = [row for row in rows if not row.startswith("| ---")]
    assert len(rows) >= count
    for row in rows:
        named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", row.rsplit(" | ", 1)[1])
        assert named, row
        for file, test in named:
            (path,) = (ROOT / "tests").rglob(file)
            assert (f"def {test}(" if test else "def test_") in path.read_text(encoding="utf-8"), (file, test)


PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_files_that_a_page_names_and_links_to_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:kernels|fastopt|tests|benchmarks|docs)/[\w/.-]*)`", text)
    linked = [link for link in re.findall(r"\]\(([^)#\s]+)\)", text) if "://" not in link]
    absent = [name for name in named if not (ROOT / name).exists()]
    assert not absent + [link for link in linked if not (page.parent / link).exists()]


def test_the_glossary_has_at_most_twenty_words_each_in_its_file() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z ]+) \| .* \| `(\S+)` \|$", text, re.MULTILINE)
    assert 15 <= len(rows) <= 20
    assert len(dict(rows)) == len(rows)
    for word, file in rows:
        assert word in (ROOT / file).read_text(encoding="utf-8").lower(), (word, file)
