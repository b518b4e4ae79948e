"""Two and three rules in one optimizer, beside an optimizer for each; and groups by a function, beside none.

    python benchmarks/side_by_side.py --json benchmarks/results/side-by-side-cpu.json

All run in turn in one process. `more` is the time of the one optimizer less the sum of those apart, for each rule
beyond the first, in microseconds of the same round. With a clip the optimizers apart clip their own gradients, which is
another step, but as much work.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from lists import LISTS, Shapes, elements
from repeated import repeated

import fastopt
from fastopt import measure

RULES = ("adamw", "momentum", "lion")
SHOWN = ("GPT-2 small", "MLP", "200 of 64", "6 of 64")


def arrays(shapes: Shapes) -> list[Any]:
    return [np.full(shape, 1e-3, "float32") for shape in shapes]


def contenders(shapes: Shapes, rules: int, **options: Any) -> dict[str, Callable[[], Any]]:
    """The step of one optimizer, and the steps of one for each rule; parameter k has the rule k modulo their number."""
    grads, size = arrays(shapes), len(shapes)
    groups: Any = [(lambda name, p, of=of: int(name) % rules == of, {"rule": RULES[of]}) for of in range(1, rules)]
    together = fastopt.Optimizer(arrays(shapes), RULES[0], groups=groups, **options)
    members = [range(of, size, rules) for of in range(rules)]
    apart = [
        (fastopt.Optimizer(arrays([shapes[k] for k in own]), RULES[of], **options), [grads[k] for k in own])
        for of, own in enumerate(members)
    ]
    return {"together": lambda: together.step(grads), "apart": lambda: [opt.step(own) for opt, own in apart]}


def by_function(shapes: Shapes) -> dict[str, Callable[[], Any]]:
    """A group by a pattern and the same by a function."""
    grads = arrays(shapes)
    chosen: Any = [(lambda name, p: True, {"weight_decay": 0.0})]
    plain = fastopt.AdamW(arrays(shapes), groups={"*": {"weight_decay": 0.0}})
    asked = fastopt.AdamW(arrays(shapes), groups=chosen)
    return {"together": lambda: asked.step(grads), "apart": lambda: plain.step(grads)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    cases: list[tuple[str, int, Callable[[Shapes], dict[str, Callable[[], Any]]]]] = [
        ("2 rules", 1, lambda shapes: contenders(shapes, 2)),
        ("3 rules", 2, lambda shapes: contenders(shapes, 3)),
        ("2 rules, clip_norm", 1, lambda shapes: contenders(shapes, 2, clip_norm=1.0)),
        ("a group by a function", 1, by_function),
    ]
    result: dict[str, Any] = {}
    for name in SHOWN:
        shapes = LISTS[name]()
        calls = max(1, min(200, 2_000_000 // elements(shapes)))
        for case, beyond, make in cases:
            times = measure.interleaved(make(shapes), given.rounds, sample=repeated(calls))
            pairs = zip(times["together"], times["apart"], strict=True)
            more = measure.spread([1e6 * (one - others) / beyond for one, others in pairs])
            row = {
                **{who: vars(measure.spread([1e6 * t for t in own])) for who, own in times.items()},
                "more": vars(more),
                "speed": vars(measure.ratio(times["apart"], times["together"])),
            }
            result.setdefault(name, {})[case] = row
            print(
                f"{name:14}{case:24}{row['together']['median']:12.1f} us{row['apart']['median']:12.1f} us apart, "
                f"{more.median:8.1f} us more, {row['speed']['median']:5.2f} of their speed",
                flush=True,
            )
    if given.json:
        measure.write(given.json, {"rounds": given.rounds, "lists": result})


if __name__ == "__main__":
    main()
