"""What the fuzzer draws from: for each case a rule, the options that are on, and a few kinds of arrays.

These decide which kernels are compiled, at up to a second each, so that thousands of examples must share them; all else
is drawn example by example.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from examples import EXACT, structure
from fuzz_trees import Kind, Leaf, leaf, named, nested, replaced, with_one_more, without
from hypothesis import strategies as st
from plain_model import NEUTRAL
from rider_choices import COMBINATIONS, NOT_WITH_AN_AVERAGE, usable

from fastopt.kernels import RULES, Rule
from fastopt.kernels.program.floors import floors
from fastopt.kernels.riders import DECAYS, RANGES

SEEDS = st.integers(0, 2**32 - 1)
PAIRS = [
    ("float32", "float32"),
    ("bfloat16", "bfloat16"),
    ("float16", "float16"),
    ("float16", "float32"),
    ("float32", "bfloat16"),
]


@dataclass(frozen=True)
class Case:
    """A rule of those that promise bits; adam_lp, the one with powers of arrays, promises none and has other tests.

    options: those that are on; their numbers are drawn anew. large: arrays for several threads now and then. beside:
    the rules that groups may have, each with its options that choose a formula.
    """

    number: int
    rule: Rule
    options: dict[str, Any]
    kinds: tuple[Kind, ...]
    scaler: bool
    large: bool
    beside: tuple[tuple[Rule, dict[str, Any]], ...]

    def __repr__(self) -> str:
        return f"{self.number}-{self.rule.name}"

    @property
    def statics(self) -> dict[str, Any]:
        """The options that choose a formula."""
        return {name: value for name, value in self.options.items() if name not in self.numbers}

    @property
    def numbers(self) -> list[str]:
        """The names of all numbers that its optimizers have."""
        return self.numbers_of(self.rule)

    def numbers_of(self, rule: Rule) -> list[str]:
        """The names of all numbers that the parameters of a rule have."""
        scale = ["grad_scale"] if self.scaler else []
        names = dict.fromkeys([*rule.hyper, *self.options, *scale])
        return [n for n in names if n in NEUTRAL or (n in rule.hyper and n not in rule.statics)]


def case(number: int) -> Case:
    name = EXACT[number * 5 % len(EXACT)]
    rule = RULES[name]
    storage = "float64" if number % 4 == 3 else "float32"
    options = usable(COMBINATIONS[number * 3 % len(COMBINATIONS)], name, storage)
    options.pop("accumulate", None)
    if number % 4 < 2:
        options["accumulate"] = ("sum", "mean")[number % 4]
    if "over" in rule.hyper:
        # The model goes array by array.
        options["over"] = "array"
    if number % 3 == 2 and not rule.states:
        # Uniform states would go on without a gradient, which the model does not know.
        options["count"] = "optimizer"
    for switch in ("eps_inside", "multiplicative"):
        if switch in rule.hyper:
            options[switch] = number % 2 == 0
    one, other = (PAIRS[(number + k) % len(PAIRS)] for k in (0, 1 + number % 4))
    if storage == "float64":
        one = other = ("float64", "float64")
    if number % 7 == 3 and rule.slots and not rule.starts_from:
        options["start"] = {rule.slots[-1]: 0.25}
    if number % 5 == 4 and rule.slots:
        # Without state a parameter may be replaced by one of another type, and take the gradients of both.
        options["cast_grads"] = True
        one = (one[0], "float32" if storage == "float64" else "float64")
    if number % 4 == 2 and not of_real(rule):
        # No copies of complex arrays are in 16 bits.
        options.pop("cast_to", None)
        other = ("complex64", "complex64")
    kinds = (Kind(*one), Kind(*one, dimensions=1 + number % 2), Kind(*other))
    # Rules side by side compile twice the kernels.
    beside = _beside(number, rule, options) if number % 11 in (2, 5, 9) else ()
    return Case(number, rule, options, tuple(dict.fromkeys(kinds)), number % 5 == 1, number % 6 == 0, beside)


def _beside(number: int, rule: Rule, options: Mapping[str, Any]) -> tuple[tuple[Rule, dict[str, Any]], ...]:
    """Another rule for groups, of another structure, and that of all, which so may have its own numbers anew."""
    others = (RULES[EXACT[(number * 11 + k) % len(EXACT)]] for k in range(len(EXACT)))
    other = next(other for other in others if structure(other) != structure(rule) and _may_have(other, rule, options))
    chosen: dict[str, Any] = {"eps_inside": number % 4 < 2, "multiplicative": number % 4 < 2, "over": "array"}
    switches = {name: value for name, value in chosen.items() if name in other.hyper}
    if "weight_decay" in options and "weight_decay" not in other.hyper:
        switches["decay"] = DECAYS[number % len(DECAYS)] if "lr" in other.hyper else "l2"
    return (other, switches), (rule, {name: options[name] for name in (*rule.statics, "decay") if name in options})


def _may_have(other: Rule, rule: Rule, options: Mapping[str, Any]) -> bool:
    """Whether a group may have another rule than that of all, with these options."""
    averages = other.average is not None and NOT_WITH_AN_AVERAGE & options.keys()
    if averages or other.takes_loss > rule.takes_loss or of_real(other):
        return False
    # As for the rule of all.
    return not (other.states and options.get("count") == "optimizer")


def of_real(rule: Rule) -> bool:
    """Whether a rule takes what only real arrays have."""
    return rule.program(rule.hyper).of_real is not None


def valid_numbers(rules: Sequence[Rule], name: str) -> list[float]:
    """Some numbers that a hyperparameter of several rules may be; the default of the first is first and most frequent,
    wild ones are last."""
    # Not so small that products are denormals in float64: the kernels keep those of numbers beside the arrays
    # (docs/decisions/denormals.md), the model computes them in the mode of the arrays and flushes them.
    candidates = [0.5, 0.0, 0.9, 0.03, 1.0, 0.999, 2.5, 3.0, 1e-6, 40.0, 1e20, 1e300, 1e-100]
    for rule in rules:
        own = rule.ranges.get(name) if name in rule.hyper else RANGES.get(name)
        floored = name in rule.starts_from or any(name in floors(program) for program in rule.variants())
        # An eps that is 0 in float32 is refused there.
        candidates = [x for x in candidates if (own is None or own.holds(x)) and not (floored and x == 1e-100)]
    default = rules[0].hyper[name] if name in rules[0].hyper else NEUTRAL[name]
    return [default] * 4 + candidates


class Schedule:
    """A function of the step that can be made to fail."""

    def __init__(self, values: list[float]) -> None:
        self.values = values
        self.trouble: Callable[[], Any] | None = None

    def __call__(self, t: int) -> Any:
        return self.trouble() if self.trouble else self.values[t % len(self.values)]

    def __repr__(self) -> str:
        return f"Schedule({self.values})"


@st.composite
def number(draw: Any, rules: Sequence[Rule], name: str) -> Any:
    """What a hyperparameter of several rules may be set to: a Python number, one of NumPy's, or a function of the
    step."""
    values = st.sampled_from(valid_numbers(rules, name))
    form = draw(st.sampled_from(["number", "number", "NumPy's", "schedule"]))
    if form == "schedule" and not any(name in rule.constants for rule in rules):
        return Schedule(draw(st.lists(values, min_size=1, max_size=3)))
    value = draw(values)
    if form == "NumPy's":
        return np.float64(value)
    return int(value) if value in (0.0, 1.0, 1e20) else value


@dataclass(frozen=True)
class Problem:
    """All that an optimizer is made from, but for the values of its arrays.

    tree: of the positions of the leaves; one may stand twice. groups: by pattern or function. scale: the first of its
    loss scaler.
    """

    leaves: tuple[Leaf, ...]
    tree: Any
    hyper: Mapping[str, Any]
    groups: Mapping[Any, Mapping[str, Any]]
    scale: float | None

    @property
    def members(self) -> list[list[int]]:
        """For each leaf the numbers of the groups that it belongs to."""
        places = zip(names(self.tree), self.leaves, strict=True)
        return [[n for n, p in enumerate(self.groups) if chooses(p, name, leaf)] for name, leaf in places]

    def with_one_more(self, name: str) -> "tuple[int, Problem | None]":
        """With an array more in its first dictionary, like its first array; and the place of the new array."""
        tree = with_one_more(self.tree, name, -1)
        if tree is None:
            return 0, None
        place = [leaf for _, leaf in named(tree)].index(-1)
        tree = replaced(tree, lambda leaf: place if leaf < 0 else leaf + (leaf >= place))
        return place, self._changed((*self.leaves[:place], self.leaves[0], *self.leaves[place:]), tree)

    def without(self, k: int) -> "Problem | None":
        """Without an array of a dictionary that has others."""
        tree = None if self.tree == 0 else without(self.tree, k)
        return self._changed((*self.leaves[:k], *self.leaves[k + 1 :]), tree)

    def _changed(self, leaves: tuple[Leaf, ...], tree: Any) -> "Problem | None":
        """None for a tree that cannot be, and for groups of nothing, of which another optimizer cannot be made."""
        if tree is None or not leaves or len(named(self.tree)) > len(self.leaves):
            return None
        changed = replace(self, leaves=leaves, tree=tree)
        matched = {group for groups in changed.members for group in groups}
        return changed if len(matched) == len(self.groups) else None


def of_few_dimensions(name: str, array: Any) -> bool:
    """A function for groups, which takes an array or a leaf."""
    return len(array.shape) < 2


def of_long_names(name: str, array: Any) -> bool:
    """Another."""
    return len(name) > 3


def chooses(pattern: Any, name: str, leaf: Leaf) -> bool:
    """Whether a pattern or a function of groups chooses a parameter."""
    if callable(pattern):
        return bool(pattern(name, leaf))
    return pattern in ("*", name) or name.startswith(f"{pattern}.")


def names(tree: Any) -> list[str]:
    """For each leaf its dotted name, where it first stands."""
    first: dict[int, str] = {}
    for name, k in named(tree):
        first.setdefault(k, name)
    return [first[k] for k in sorted(first)]


@st.composite
def problems(draw: Any, case: Case) -> Problem:
    seed, count = draw(SEEDS), draw(st.integers(1 + bool(case.beside), 5))
    leaves = [leaf(seed + k, case.kinds, case.large) for k in range(count)]
    places = list(range(len(leaves)))
    if draw(st.integers(0, 7)) == 7:
        places.append(draw(st.sampled_from(places)))
    tree = draw(nested(places))
    on = [name for name in case.options if name in case.numbers]
    others = [name for name in case.numbers if name not in on]
    chosen = on + draw(st.lists(st.sampled_from(others), max_size=3, unique=True)) if others else on
    hyper = {name: draw(number([case.rule], name)) for name in chosen}
    groups = draw(grouped(case, tree, leaves))
    scale = draw(st.sampled_from([1024.0, 1.0, 65536.0])) if case.scaler else None
    return Problem(tuple(leaves), tree, hyper, groups, scale)


@st.composite
def grouped(draw: Any, case: Case, tree: Any, leaves: Sequence[Leaf]) -> dict[Any, dict[str, Any]]:
    """Groups of a tree's leaves with numbers of their own, and with rules where the case has them."""
    every = [case.rule, *(rule for rule, _ in case.beside[:1])]
    of_all = {"clip_norm", "clip_eps"}
    # Numbers of a group without a rule are for each rule that its parameters may have.
    plain = [n for n in case.numbers if all(n in case.numbers_of(rule) for rule in every)]
    for rule in every:
        of_model = {"lr"} & rule.program(rule.hyper).of_model
        plain = [n for n in plain if n not in of_all | of_model | set(rule.starts_from)]
    named = names(tree)
    patterns: list[Any] = [*dict.fromkeys(part for name in named for part in prefixes(name))]
    functions = [of_few_dimensions, of_long_names]
    patterns += [f for f in functions if any(chooses(f, *one) for one in zip(named, leaves, strict=True))] + ["*"]
    groups: dict[Any, dict[str, Any]] = {}
    # As in `leaf`: hypothesis would have most parameters be of one rule.
    generator, rules = np.random.default_rng(draw(SEEDS)), [(None, {}), *case.beside, *case.beside[:1]]
    count = generator.integers(1, 4) if case.beside else generator.integers(3)
    for place in generator.permutation(len(patterns))[:count]:
        pattern, (rule, switches) = patterns[place], rules[generator.integers(len(rules))]
        names_of = [n for n in case.numbers_of(rule) if n not in of_all] if rule else plain
        own = draw(st.lists(st.sampled_from(names_of), max_size=2, unique=True))
        values = {name: draw(number([rule] if rule else every, name)) for name in own}
        groups[pattern] = {"rule": rule, **switches, **values} if rule else values
    return groups


def prefixes(name: str) -> list[str]:
    """A dotted name and the subtrees that it is in: a.b.c, a.b and a."""
    parts = name.split(".")
    return [".".join(parts[: k + 1]) for k in range(len(parts))] if name else []
