"""What the page on clients says: versions, what Keras's own tests come to, times; and what its tests must come to."""

import ast
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

# Of the tests in the pinned Keras's wheel, on its NumPy backend: updates that reach fastopt's kernels, those that fall
# back to Keras's own formulas, outcomes, and why the others do not run. tests/like/test_keras_own.py holds it to this.
KERAS: dict[str, dict[str, int]] = {
    "reached": {
        "Adadelta": 28,
        "Adagrad": 28,
        "Adam": 36,
        "AdamW": 28,
        "Adamax": 28,
        "Ftrl": 17,
        "Lamb": 12,
        "Lion": 28,
        "Nadam": 28,
        "RMSprop": 28,
        "SGD": 72,
        "ScheduleFreeAdamW": 16,
    },
    "fell_back": {"Ftrl: another learning_rate_power than -0.5": 6},
    "outcomes": {"passed": 211},
    "skipped": {
        "Backend does not support sparse tensors.": 38,
        "requires_trainable_backend": 13,
        "The IndexedSlices test can only run with TF backend.": 1,
        "The tf.Variable test can only run with TensorFlow backend.": 1,
        "Requires TF": 1,
    },
}
MEANING = {"requires_trainable_backend": "marked `requires_trainable_backend`: NumPy has no gradients to train with"}


def versions_table() -> str:
    """One row a client that is looked at for its version: the range that is tested, from the call that checks it."""
    lines = ["| package | versions without a warning | module |", "| --- | --- | --- |"]
    for path in sorted((ROOT / "fastopt" / "integrations").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "warn_if_untested":
                package, first, last = (ast.literal_eval(argument) for argument in node.args)
                module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
                series = f"{first}" if first == last else f"{first} to {last}"
                lines.append(f"| {package} | {series} | `{module}` |")
    return "\n".join(lines)


def names_table() -> str:
    """The names under which Thinc and spaCy find the optimizers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return ", ".join(f"`{name}`" for name in project["entry-points"]["thinc_optimizers"]) + "."


def keras_table() -> str:
    """What Keras's own tests come to."""
    lines = ["| optimizer | updates on fastopt's kernels | on Keras's own |", "| --- | --- | --- |"]
    for name, count in KERAS["reached"].items():
        own = sum(n for why, n in KERAS["fell_back"].items() if why.startswith(f"{name}:"))
        lines.append(f"| `{name}` | {count} | {own} |")
    lines += ["", f"{KERAS['outcomes']['passed']} tests pass. Not run:", "", "| tests | why |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {count} | {MEANING.get(why, why)} |" for why, count in KERAS["skipped"].items())])


def times_table() -> str:
    """A row for each client of the results that are there."""
    paths = sorted((ROOT / "benchmarks" / "results").glob("clients*.json"))
    if not paths:
        return "No results are kept yet; `python benchmarks/clients.py` makes them."
    lines = []
    for path in paths:
        result = json.loads(path.read_text(encoding="utf-8"))
        versions = result["machine"]["versions"]
        named = [
            f"{name} {versions[name]}"
            for name in ("numba", "numpy", "thinc", "spacy", "scikit-learn")
            if name in versions
        ]
        lines += [
            f"{result['machine']['processor']}, {result['machine']['cores']} cores, {', '.join(named)}; medians of "
            f"{result['rounds']} rounds in turn (`benchmarks/clients.py`).",
            "",
            "| client | step, ms | with fastopt | times as fast | optimizer, ms | with fastopt | times as fast |",
            f"|{' --- |' * 7}",
            *(_times(name, row) for name, row in result["clients"].items()),
            "",
        ]
    return "\n".join(lines).rstrip()


def _times(name: str, row: Mapping[str, Any]) -> str:
    cells = [name]
    for part in ("step", "optimizer"):
        cells += [f"{row[f'{part}_ms'][who]['median']:.3g}" for who in ("own", "fastopt")]
        ratio = row[f"{part}_speedup"]
        cells.append(f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})")
    return f"| {' | '.join(cells)} |"


def torch_table() -> str:
    """Training in torch by fastopt.integrations.torch, against torch's own optimizers."""
    result = json.loads((ROOT / "benchmarks" / "results" / "torch-cpu.json").read_text(encoding="utf-8"))
    machine = result["machine"]
    lines = [
        f"{machine['processor']}, {result['threads']} threads, torch {machine['versions']['torch']}, AdamW in float32; "
        f"medians of {result['rounds']} rounds in turn (`benchmarks/clients_torch.py`).",
        "",
        "| model | arrays | optimizer, ms | times as fast as fused | as torch's default | whole step, as with fused |",
        f"|{' --- |' * 6}",
    ]
    for name, case in result["cases"].items():
        part = case["optimizer"]
        ratios = [part["speed_against"]["torch fused"], part["speed_against"]["torch"]]
        ratios.append(case["whole"]["speed_against"]["torch fused"])
        cells = [f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})" for ratio in ratios]
        time = f"{part['milliseconds']['fastopt']['median']:.3g}"
        lines.append(f"| {name} | {case['arrays']} | {time} | {' | '.join(cells)} |")
    return "\n".join(lines)


TABLES = {
    "versions of clients": versions_table,
    "names in Thinc": names_table,
    "keras's own tests": keras_table,
    "times of clients": times_table,
    "times in torch": torch_table,
}
