"""The statements of two documents put to the test; run as a program it writes lab.json and three pictures.

`page` writes lab.md from lab.json. What is run stands in fastopt/lab/statements.
"""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastopt.lab.build import Order, build
from fastopt.lab.statements import STATEMENTS

HERE, PAGES = Path(__file__).parent, Path(__file__).parents[1]
PICTURES = {
    "valley-paths": "Seven rules in a long valley, each at the best of its rates",
    "adagrad-decay": "Adagrad's effective rate for weights that are met in each, in every 10th and in every 100th step",
    "adamax-scenario-2": "Effective rates while inputs are zero, early and late in a run",
}


def page(findings: Mapping[str, Any]) -> str:
    """The text of lab.md."""
    rows = ["| statement | run | measured | does it hold? |", "| --- | --- | --- | --- |"]
    for name, found in findings.items():
        one = STATEMENTS[name]
        claims = "; ".join(f"{'yes' if so else 'no'}: {claim}" for claim, so in found["parts"].items())
        cells = (one.says, one.run, found["figure"], f"**{found['verdict']}** ({claims})")
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    parts = [
        "# The lab: statements on adaptive rates, put to the test",
        "Written by docs/generators/generate.py from the runs of docs/generators/lab.py. `fastopt lab` makes the same "
        "runs and a page with "
        "all pictures. The effective rate of a weight is the size of its change over the size of its gradient.",
        "Each statement is of the documents that this library began with, in their words where they are quoted. It is "
        "split into what it claims, and each claim is decided by the runs beside it: with these problems, rates and "
        "numbers of steps, and no others.",
        "\n".join(rows),
        *(f"![{text}](lab-{name}.svg)\n\n{text}." for name, text in PICTURES.items()),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        build(Order(Path(folder)))
        shutil.copy(Path(folder) / "lab.json", HERE / "lab.json")
        for name in PICTURES:
            shutil.copy(Path(folder) / f"{name}.svg", PAGES / f"lab-{name}.svg")


if __name__ == "__main__":
    main()
