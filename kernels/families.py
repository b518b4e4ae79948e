"""Families: rules that share a name in the field and differ in their slots, and the options that select one."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .language.hyperparameters import unknown_name
from .language.meanings import SHARED
from .language.values import shown
from .rule_type import Rule


@dataclass(frozen=True)
class Choice:
    """A hyperparameter or option of a family, as people read of it.

    default: its value if it is not given. meaning: what it does. valid: its range, as the rules' author wrote it, or
    "". chooses: the rules that it selects. only: the rules that have it, if others have not.
    """

    name: str
    default: Any
    meaning: str
    valid: str
    chooses: tuple[str, ...]
    only: tuple[str, ...]

    @property
    def text(self) -> str:
        """All but its name and default, as one or two sentences."""
        parts = [self.meaning, f"chooses the rule {' or '.join(self.chooses)}" if self.chooses else "", self.valid]
        only = f" Only in {' and '.join(self.only)}." if self.only else ""
        return f"{'; '.join(filter(None, parts))}.{only}"


@dataclass(frozen=True)
class Family:
    """The rules behind one optimizer.

    variants: a rule for each set of options that can be on, written as their names with spaces: "" for none,
    "centered momentum" for both. An option is on when its value is true, or a number other than 0; it is passed on
    to the rule if that has a hyperparameter of the name.
    """

    name: str
    variants: Mapping[str, Rule]

    @property
    def options(self) -> tuple[str, ...]:
        """The options that select a variant."""
        return tuple(dict.fromkeys(itertools.chain.from_iterable(key.split() for key in self.variants)))

    @property
    def hyper(self) -> dict[str, Any]:
        """Every hyperparameter of every variant with its default; the options are off."""
        off = {o: 0.0 if any(o in rule.hyper for rule in self.variants.values()) else False for o in self.options}
        merged: dict[str, Any] = {}
        for rule in self.variants.values():
            merged = {**rule.hyper, **merged}
        return {**{n: merged[n] for n in self._in_order() if n not in off}, **off}

    def choices(self) -> list[Choice]:
        """Every hyperparameter and option, in the order of `hyper`."""
        return [self._choice(name, default) for name, default in self.hyper.items()]

    def _choice(self, name: str, default: Any) -> Choice:
        having = [rule for rule in self.variants.values() if name in rule.hyper]
        stated = [rule.meanings[name] for rule in having if name in rule.meanings]
        usual = SHARED.get(name, stated[0] if stated else "")
        # Rules by what they say of it, the first first.
        said: dict[str, list[str]] = {}
        for rule in having:
            said.setdefault(rule.meanings.get(name, usual), []).append(rule.name)
        first, *others = said.items() or [("", [])]
        meanings = [first[0], *(f"in {' and '.join(rules)} {text}" for text, rules in others)]
        valid = next((rule.ranges[name].text for rule in having if name in rule.ranges), "")
        chosen = tuple(dict.fromkeys(rule.name for key, rule in self.variants.items() if name in key.split()))
        lacking = any(name not in rule.hyper for rule in self.variants.values()) and not chosen
        only = tuple(dict.fromkeys(rule.name for rule in having)) if lacking else ()
        return Choice(name, default, "; ".join(meanings), valid, chosen, only)

    def _in_order(self) -> Iterator[str]:
        return iter(dict.fromkeys(n for rule in self.variants.values() for n in rule.hyper))

    def select(self, given: Mapping[str, Any]) -> tuple[Rule, dict[str, Any]]:
        """The rule that these options choose, and the hyperparameters that go to it.

        Raises TypeError for a hyperparameter that the chosen rule does not have.
        """
        for name in given:
            if name not in self.hyper:
                raise unknown_name(self.name, name, self.hyper)
        for name in self.options:
            if self.hyper[name] is False and not isinstance(given.get(name, False), bool):
                raise TypeError(f"{self.name}: {name} must be True or False; got {shown(given[name])}")
        on = {name for name in self.options if name in given and _is_on(given[name])}
        rules = {frozenset(key.split()): rule for key, rule in self.variants.items()}
        if frozenset(on) not in rules:
            combined = " and ".join(sorted(on))
            possible = "; ".join(", ".join(sorted(key)) or "none" for key in rules)
            raise TypeError(f"{self.name} has no variant with {combined}; the options go together so: {possible}")
        rule = rules[frozenset(on)]
        kept = {name: value for name, value in given.items() if name in rule.hyper}
        for name in given:
            if name not in kept and name not in self.options:
                with_it = [" and ".join(sorted(key)) or "no options" for key, one in rules.items() if name in one.hyper]
                raise TypeError(
                    f"{self.name} with {' and '.join(sorted(on)) or 'no options'} has no {name}; {name} goes with "
                    f"{' or '.join(with_it)}"
                )
        return rule, kept


def _is_on(value: Any) -> bool:
    # What is no number, as an array, is refused later, by its name.
    return not isinstance(value, bool | int | float) or bool(value)
