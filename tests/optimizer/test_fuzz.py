"""Optimizers that are used at random, rightly and wrongly, do what a slow model in plain NumPy does.

An example is one run of the machine: an optimizer is drawn, made, and used up to twelve times, where one use is up to
four steps or ten bad calls, a save, a load and so on. Each case (a rule, its options, its kinds of arrays) compiles
its kernels once; its examples share them.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from examples import EXACT
from fuzz_cases import case
from fuzz_machine import BAD, HOW, Machine
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from fastopt.kernels.step.executors import Attended
from fastopt.updater.kept import remake

# Of the long mode, over all cases.
EXAMPLES = int(os.environ.get("FASTOPT_FUZZ_EXAMPLES", "20000"))
SOME = range(6)
FEW = range(4)
EVERY = range(len(EXACT))
# What happens in every case however few its examples, and what only many are sure to bring.
OFTEN = [
    "steps",
    "steps without some gradients",
    "numbers set",
    "parameters written",
    "saves",
    "loads of files",
    "loads of a part",
    "optimizers replaced by new ones",
    "optimizers replaced by copies",
    "looked at, finite",
    "bad calls",
]
SELDOM = [
    *(f"gradients: {how}" for how in HOW if how != "own"),
    "functions of the step set",
    "numbers of groups set",
    "parameters replaced",
    "structures with one more",
    "structures with one less",
    "copies and averages that followed",
    "loads from memory",
    "looked at, not finite",
]


def fuzz(
    number: int, examples: int, folder: Path, monkeypatch: pytest.MonkeyPatch, phases: Sequence[Phase] = tuple(Phase)
) -> Counter[str]:
    """What happened, and how often, in so many examples of a case."""
    # A disk takes milliseconds for it; what it is for is tested with the checkpoints.
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    chosen, seen = case(number), Counter[str]()
    made: Any = type("Fuzz", (Machine,), {"case": chosen, "folder": folder, "seen": seen})
    run_state_machine_as_test(
        made,
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            derandomize=True,
            database=None,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"\n{chosen!r} {chosen.options}\n{', '.join(f'{name}: {count}' for name, count in sorted(seen.items()))}")
    assert seen["examples"] >= examples
    assert bool(seen["steps of several rules"]) == bool(chosen.beside)
    return seen


@pytest.mark.parametrize(
    ("number", "examples"),
    [(number, 20) for number in FEW]
    + [pytest.param(number, -(-500 // len(SOME)), marks=pytest.mark.ci) for number in SOME],
)
def test_runs_of_some_rules_agree_with_the_model(
    number: int, examples: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = fuzz(number, examples, tmp_path, monkeypatch)
    # What hypothesis draws depends on the modules that are imported: of few examples chance may leave out one kind.
    assert len([what for what in OFTEN if not seen[what]]) <= (examples < 50)


@pytest.mark.long
@pytest.mark.parametrize("number", EVERY)
def test_20000_runs_of_every_rule_agree_with_the_model(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = fuzz(number, -(-EXAMPLES // len(EVERY)), tmp_path, monkeypatch)
    chosen = case(number)
    own = ["skipped steps"] * bool(chosen.scaler or chosen.options.get("skip_nonfinite"))
    own += ["examples with work for several threads"] * chosen.large
    assert not [what for what in OFTEN + SELDOM + own if not seen[what]]
    # Chance may leave out some in one case, and others in the next.
    left_out = [name for name in BAD if not seen[f"bad: {name}"] + seen[f"not made: {name}"]]
    assert len(left_out) <= len(BAD) // 10, left_out


def ended_apart(executor: Attended, begun: Any) -> Any:
    """Attended.end with the norms of the rule's own gradients."""
    return end(executor, begun._replace(totals=begun.run.totals()))


end = Attended.end
# Where it is made and what stands there instead.
MISTAKES: dict[str, tuple[str, Any]] = {
    "arrays that overlap are taken": ("fastopt.kernels.libraries.library.check_overlaps", lambda *arguments: None),
    "dense arrays of two layouts are walked as one": (
        "fastopt.kernels.step.plan.is_flat",
        lambda views: all(view.walk is not None for view in views),
    ),
    "the numbers of a state are not restored": (
        "fastopt.checkpoint.restore._hyper_changes",
        lambda *arguments: ([], [], []),
    ),
    "a copy forgets how many steps it had": (
        "fastopt.updater.updater.Updater.__setstate__",
        lambda updater, state: remake(updater, {**state, "applied": 0}),
    ),
    "each rule clips by the norm of its own gradients": ("fastopt.kernels.step.executors.Attended.end", ended_apart),
}


@pytest.mark.long
@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_seen(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*MISTAKES[what])
    with pytest.raises((AssertionError, pytest.fail.Exception, ExceptionGroup)):
        fuzz(2 if "rule" in what else 3, 200, tmp_path, monkeypatch, (Phase.generate,))


def test_every_rule_that_promises_bits_has_a_case() -> None:
    assert {case(number).rule.name for number in EVERY} == set(EXACT)
