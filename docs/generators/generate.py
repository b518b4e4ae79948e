"""Writes tables of the pages, whole pages and a stub, from rules, rows and result files; run it as a program."""

import functools
import json
import math
import re
from pathlib import Path

import call_costs
import choosing
import client_rows
import complex_costs
import condition
import lab
import layout
import newcomers
import optimizer_rows
import words
from schedule_rows import table
from stubs import stub

from fastopt.kernels import FAMILIES, RULES

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]


def rules_table() -> str:
    """One row a rule: what selects it, its slots, where it comes from."""
    lines = ["| optimizer | rule | state | source |", "| --- | --- | --- | --- |"]
    for family in sorted(FAMILIES.values(), key=lambda family: family.name.lower()):
        for options, rule in family.variants.items():
            chosen = ", ".join(
                f"{option}=True" if family.hyper[option] is False else f"{option}=0.9" for option in options.split()
            )
            state = ", ".join([*rule.slots, *(f"{name} (a number)" for name in rule.states)]) or "none"
            source = " ".join(rule.source.split()).replace("|", r"\|")
            lines.append(f"| `{family.name}({chosen})` | `{rule.name}` | {state} | {source} |")
    return "\n".join(lines)


def choices_table() -> str:
    """One row a hyperparameter or option of each family: its default and what it does."""
    lines = ["| optimizer | choice | default | what it does |", "| --- | --- | --- | --- |"]
    for family in sorted(FAMILIES.values(), key=lambda family: family.name.lower()):
        for choice in family.choices():
            text = choice.text.replace("|", r"\|")
            lines.append(f"| `{family.name}` | `{choice.name}` | {choice.default!r} | {text} |")
    return "\n".join(lines)


def speed_table() -> str:
    """One row a rule: its share of the memory's bandwidth on the machine of the result file."""
    result = json.loads((ROOT / "benchmarks" / "results" / "rules-cpu.json").read_text())
    machine = result["machine"]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, numba {machine['versions']['numba']}; float32, one array "
        f"of {result['elements']:,} elements, medians of {result['rounds']} rounds in turn (`benchmarks/rules.py`).",
        "Neighbours on the machine share its memory, so GB/s vary from row to row; each share is of rounds in turn.",
        "",
        "| rule | bytes an element | GB/s | share of the bare kernel's (quartiles) | in cache, ns an element |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, row in result["rules"].items():
        lines.append(
            f"| `{name}` | {row['bytes_per_element']} | {row['gigabytes_per_second']:.0f} | "
            f"{row['share_of_limit']['median']:.2f} ({row['share_of_limit']['low']:.2f} to "
            f"{row['share_of_limit']['high']:.2f}) | {row['in_cache_ns_per_element']:.2f} |"
        )
    for name, row in result["rules"].items():
        if row["powers"]:
            lines += [
                "",
                f"`{name}` is bound by the {row['powers']} powers that it takes of each element: its share is of a "
                "numba kernel with as many powers of the C library; of the bandwidth it reaches "
                f"{row['share_of_bandwidth']['median']:.2f}.",
            ]
    for other, speed in result["rules"]["adamw"]["speed_against"].items():
        lines += [
            "",
            f"AdamW against {other}: {speed['median']:.2f} times as fast ({speed['low']:.2f} to {speed['high']:.2f}).",
        ]
    return "\n".join(lines)


def step_table() -> str:
    """One row a list of arrays: a whole step of AdamW against the peers; then the tail of a training step."""
    result = json.loads((ROOT / "benchmarks" / "results" / "step-cpu.json").read_text())
    machine, rows, tail = result["machine"], result["lists"], result["tail"]
    peers = list(next(iter(rows.values()))["speed_against"])
    titles = ["list", "arrays", "elements", "fastopt, ms", *(f"as {peer}" for peer in peers), "share of the limit"]
    versions = ", ".join(f"{name} {machine['versions'][name]}" for name in VERSIONS if name in machine["versions"])
    lines = [
        "A whole step of AdamW in float32 on the parameters of real models, and how many times as fast it is as each "
        "peer's; the limit is a bare kernel that reads and writes the same arrays.",
        "",
        f"{machine['processor']}, {result['threads']} threads, {versions}; medians of {result['rounds']} rounds "
        "in turn (`benchmarks/step.py`).",
        "",
        f"| {' | '.join(titles)} |",
        f"|{' --- |' * len(titles)}",
    ]
    for name, row in rows.items():
        speeds = [
            times_as_fast(row["speed_against"][peer]["median"]) if peer in row["speed_against"] else ""
            for peer in peers
        ]
        share = f"{row['share_of_limit']['median']:.2f}" if "share_of_limit" in row else ""
        time = f"{row['milliseconds']['fastopt']['median']:.3g}"
        cells = [name, f"{row['arrays']:,}", f"{row['elements']:,}", time, *speeds, share]
        lines.append(f"| {' | '.join(cells)} |")
    means = [times_as_fast(result["geometric_mean_against"].get(peer, math.nan)) for peer in peers]
    lines += [f"| geometric mean | | | | {' | '.join(means)} | |", ""]
    best = tail["fastest_of_torch"]
    lines.append(
        "The tail of a training step (unscale, clip by the global norm, AdamW, average of the weights, zero the "
        f"gradients) on {tail['list']}: {tail['milliseconds']['fastopt']['median']:.0f} ms, "
        f"{tail['share_of_limit']['median']:.2f} of the bandwidth of the 44 bytes an element that it must move"
        + "".join(
            f"; {times_as_fast(speed['median'])} times as fast as {way}{' (its fastest way)' if way == best else ''}"
            for way, speed in tail["speed_against"].items()
        )
        + "."
    )
    return "\n".join(lines)


def times_as_fast(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2f}"


VERSIONS = ("numba", "torch", "deepspeed", "optax", "jax", "thinc", "numpy")


def schedule_costs() -> str:
    """What one step of each schedule costs on the machine of the result file."""
    result = json.loads((ROOT / "benchmarks" / "results" / "schedules.json").read_text())
    machine = result["machine"]
    lines = [
        f"{machine['processor']}, Python {machine['python']}; the least of {result['rounds']} rounds, since neighbours "
        "share the machine (`benchmarks/schedules.py`).",
        "",
        "| schedule | µs a step |",
        "| --- | --- |",
    ]
    return "\n".join(lines + [f"| `{text}` | {row['least']:.2f} |" for text, row in result["microseconds"].items()])


def sparse_table() -> str:
    """A step that touches some rows, and one that touches all."""
    result = json.loads((ROOT / "benchmarks" / "results" / "sparse-cpu.json").read_text())
    machine = result["machine"]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, numba {machine['versions']['numba']}, torch "
        f"{machine['versions']['torch']}; a step that touches {result['touched']:,} rows of a float32 table of "
        f"{result['rows']:,} by {result['width']}, medians of {result['rounds']} rounds in turn "
        "(`benchmarks/sparse.py`).",
        "",
        "| | uniform rows, ms | rows by 1/rank, ms |",
        "| --- | --- | --- |",
    ]
    kinds = ("uniform", "Zipf")
    for name in result["uniform"]["milliseconds"]:
        times = [result[kind]["milliseconds"][name] for kind in kinds]
        cells = [f"{row['median']:.3g} ({row['low']:.3g} to {row['high']:.3g})" for row in times]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| times as fast | uniform rows | rows by 1/rank |", "| --- | --- | --- |"]
    for name in result["uniform"]["times_as_fast"]:
        ratios = [f"{result[kind]['times_as_fast'][name]:.3g}" for kind in kinds]
        lines.append(f"| {name} | {' | '.join(ratios)} |")
    every = result["every row"]["of_the_dense_step"]
    lines += [
        "",
        "Where all rows are touched the step takes "
        + " and ".join(f"{row['median']:.2f} ({row['low']:.2f} to {row['high']:.2f})" for row in every.values())
        + " times as long as the dense one, with the rows in order and shuffled.",
    ]
    return "\n".join(lines)


def loops_table() -> str:
    """One row a loop: the step in it beside other ways to run it, and the whole iteration."""
    result = json.loads((ROOT / "benchmarks" / "results" / "loops-cpu.json").read_text())
    machine, ways = result["machine"], list(max(result["cases"].values(), key=len))
    reference, plain = result["asleep"], result["numpy"]
    others = [way for way in ways if way not in ("fastopt", reference, plain)]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, numpy {machine['versions']['numpy']} ({result['blas']}), "
        f"numba {machine['versions']['numba']}; medians of {result['rounds'] * result['processes']} rounds in turn, in "
        f"{result['processes']} processes of each way (`benchmarks/loops.py`). Adam "
        "on networks in NumPy: `mlp`, type, hidden units, batch; five layers of 256 x 256; the layers of a GPT and of "
        "a CNN; and a loop without products. The step within the loop as a multiple of the same on threads of its own "
        "where the BLAS's sleep at once; of all steps the 90th percentile, as a multiple of the median; the whole "
        "iteration as a multiple of that with NumPy's update.",
        "",
        "| loop | step, µs | of that beside a sleeping BLAS | slowest tenth from | iteration, of NumPy's | "
        + " | ".join(f"step, {way}" for way in others)
        + " |",
        f"|{' --- |' * (5 + len(others))}",
    ]
    for name, rows in result["cases"].items():
        row = rows["fastopt"]
        cells = [
            f"{row['step']:.0f}",
            f"{row['step_ratio']:.2f}",
            f"{row['90th_percentile']:.2f}",
            f"{row['iteration_ratio']:.2f}",
            *(f"{rows[way]['step_ratio']:.2f}" if way in rows else "" for way in others),
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    if again := result.get("again"):
        ratios = [f"`{name}` {rows['fastopt']['step_ratio']:.2f}" for name, rows in again["cases"].items()]
        lines += ["", f"Run again, with {again['processes']} processes of each way: {', '.join(ratios)}."]
    return "\n".join(lines)


def authors_table() -> str:
    """One row an optimizer: its step on GPT-2's list beside that of the package that has it."""
    result = json.loads((ROOT / "benchmarks" / "results" / "authors-cpu.json").read_text())
    versions = result["hardware"]["versions"]
    lines = [
        f"{result['hardware']['processor']}, {result['hardware']['cores']} cores, torch {versions['torch']}, numba "
        f"{versions['numba']}; {result['list']}, float32, whole steps, medians of rounds in turn "
        "(`benchmarks/authors.py`), each package with its own defaults.",
        "",
        "| class | ms | package | its ms | times as fast (quartiles) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, row in result["rules"].items():
        own, theirs = row["milliseconds"].values()
        speed = row["speed"]
        quartiles = f"{speed['median']:.1f} ({speed['low']:.1f} to {speed['high']:.1f})"
        lines.append(f"| `{name}` | {own:.0f} | {row['package']} | {theirs:.0f} | {quartiles} |")
    return "\n".join(lines)


TABLES = {
    "authors": authors_table,
    "rules": rules_table,
    "choices": choices_table,
    "step": step_table,
    "speed": speed_table,
    "schedules of torch": lambda: table("torch"),
    "schedules of keras": lambda: table("keras"),
    "schedules of optax": lambda: table("optax"),
    "costs of schedules": schedule_costs,
    "sparse": sparse_table,
    "loops": loops_table,
    **{
        f"optimizers of {peer}": functools.partial(optimizer_rows.table, peer)
        for peer in ("torch", "keras", "optax", "thinc")
    },
    **{
        f"kept optimizers of {peer}": functools.partial(optimizer_rows.table, peer, kept=True)
        for peer in ("torch", "keras", "optax")
    },
    **client_rows.TABLES,
    **call_costs.TABLES,
    **complex_costs.TABLES,
    **{f"folders of {top}": functools.partial(layout.table, top) for top in ("kernels", "fastopt")},
}
PAGES = (
    "README.md",
    "docs/choices.md",
    "docs/design.md",
    "docs/schedules.md",
    "docs/optimizers.md",
    "docs/clients.md",
    "docs/sparse.md",
    "docs/complex.md",
    "docs/decisions/plans.md",
    "docs/decisions/blas-threads.md",
)


def generated(text: str) -> str:
    """The text with every table made anew."""
    for name, made_by in TABLES.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        made = made_by().replace("\\", r"\\")
        text = pattern.sub(rf"\g<1>{made}\n\g<2>", text)
    return text


if __name__ == "__main__":
    for name in PAGES:
        (ROOT / name).write_text(generated((ROOT / name).read_text()))
    (ROOT / "fastopt" / "__init__.pyi").write_text(stub())
    pages = {"lab": lab.page, "choosing": choosing.page, "newcomers": newcomers.page, "condition": condition.page}
    for name, page in pages.items():
        (ROOT / "docs" / f"{name}.md").write_text(page(json.loads((HERE / f"{name}.json").read_text())))
    found = json.loads((ROOT / "benchmarks" / "results" / "words.json").read_text())
    (ROOT / "docs" / "words.md").write_text(words.page(found))
    assert set(RULES) == {rule.name for family in FAMILIES.values() for rule in family.variants.values()}
