"""The rules of an optimizer and its groups, made from what a user gives."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..kernels import Rule
from ..kernels.language.values import kind_of, shown
from ..kernels.riders import NUMBERS, WithRiders, with_riders, without_rates
from .choices import Ruled
from .groups import Group, Groups
from .hyper import Hyper
from .options import checked_start, in_use, rule_of

# A group as it is given: its key, its function or None, its rule or None, its numbers, and the format of its state, as
# Group has it.
Given = tuple[str | int, Callable[[str, Any], Any] | None, Rule | None, Mapping[str, Any], tuple[str | None, ...]]


def given_groups(groups: Any) -> list[Given]:
    """The groups in order, of a dict by pattern or a list of pairs. Raises TypeError or ValueError for others."""
    if groups is None:
        return []
    pairs = list(groups.items()) if isinstance(groups, Mapping) else groups
    if not isinstance(pairs, Sequence) or isinstance(pairs, str):
        raise TypeError(_wanted(kind_of(groups)))
    given: list[Given] = []
    for place, pair in enumerate(pairs):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(_wanted(f"{shown(pair)} at place {place}"))
        chooser, numbers = pair
        if not isinstance(chooser, str) and not callable(chooser):
            raise TypeError(
                f"groups must have names of parameters, patterns or functions; got {shown(chooser)}; the first "
                'parameter of a list has the name "0"'
            )
        key = chooser if isinstance(chooser, str) else place
        if not isinstance(numbers, Mapping):
            raise TypeError(
                f"groups[{key!r}] must be a dict of hyperparameters, such as {{'lr': 0.01}}; got {shown(numbers)}"
            )
        if any(key == other for other, *_ in given):
            raise ValueError(f"groups has {key!r} twice; pass its numbers in one dict")
        # As for all parameters, None switches an option off.
        numbers = {name: NUMBERS[name] if n is None and name in NUMBERS else n for name, n in numbers.items()}
        formats = tuple(numbers.pop(name) for name in ("state_format",) if name in numbers)
        given.append((key, None if isinstance(chooser, str) else chooser, *_rule_in(key, numbers), formats))
    return given


def _rule_in(key: str | int, numbers: Mapping[str, Any]) -> tuple[Rule | None, Mapping[str, Any]]:
    if "rule" not in numbers:
        return None, numbers
    try:
        rule = rule_of(numbers["rule"])
    except (TypeError, ValueError) as error:
        raise type(error)(f"groups[{key!r}]: {error}") from None
    return rule, {name: value for name, value in numbers.items() if name != "rule"}


def _wanted(came: str) -> str:
    return (
        'groups must be a dict by the names of parameters, such as {"layers.0.W": {"lr": 0.01}}, or a list of pairs of '
        "a name, a pattern or a function with such a dict, as [(lambda name, p: p.ndim < 2, {'lr': 0.01})]; got "
        f"{came}; fastopt.like.torch takes torch's list of groups, as params"
    )


def made_rules(
    rule: Rule, hyper: Mapping[str, Any], groups: Sequence[Given], start: Any, options: Mapping[str, Any]
) -> tuple[list[Ruled], Groups]:
    """The rule of all parameters and then those of groups, and the groups.

    hyper: the numbers of all. options: of `in_use`, beside the rule and the names that are used. Raises TypeError or
    ValueError, naming the group, for what cannot be used.
    """
    plain = {name for _, _, own, numbers, _ in groups if own is None for name in numbers}
    several = any(own is not None for _, _, own, *_ in groups)
    definition = _definition(rule, {*hyper, *plain}, _rated(rule, options) if several else options)
    rules = [Ruled(definition, Hyper(definition, {**definition.hyper, **hyper}), checked_start(rule, start, hyper))]
    made: list[Group] = []
    for key, function, own, numbers, formats in groups:
        if own is None:
            made.append(Group(key, function, None, {}))
            continue
        numbers, decay = {name: value for name, value in numbers.items() if name != "decay"}, numbers.get("decay")
        used = {*definition.riding, *plain, *numbers}
        riders = _of_group(own, used, options) | ({"decay": decay} if decay is not None else {})
        try:
            theirs = _definition(own, used, riders)
            # All that does not ride along with the rule of all: that it inherits.
            fixed = {n: value for n, value in theirs.hyper.items() if n in own.hyper or n not in definition.riding}
            base = Hyper(theirs, {**fixed, **numbers}, key, whole=True)
            if rule.arrays[0] in own.slots:
                raise ValueError(
                    f"{own.name} has the slot {rule.arrays[0]!r}, which in a checkpoint names the parameters, as in "
                    f"{rule.name}; give the slot another name"
                )
        except (TypeError, ValueError) as error:
            raise type(error)(_told(key, error)) from None
        made.append(Group(key, function, len(rules), {len(rules): base}, formats))
        rules.append(Ruled(theirs, base, {}))
    for place, (key, function, own, numbers, formats) in enumerate(groups):
        if own is None:
            before = [0, *(group.rule for group in made[:place] if group.rule is not None)]
            hypers = {number: _for(rules[number], numbers, key) for number in before}
            made[place] = Group(key, function, None, hypers, formats)
            if not made[place].usable:
                made[place].of(0)
    if options["second_moment"] != "parts":
        _check_moment(rules)
    if options["formats"].of_state and not any(ruled.definition.formats for ruled in rules):
        names = " and ".join(ruled.definition.name for ruled in rules)
        raise ValueError(f"{names}: state_format has no effect, since there are no state arrays; leave it out")
    if options["switches"]["reciprocals"]:
        _check_reciprocals(rules)
    return rules, Groups(made)


def _check_moment(rules: Sequence[Ruled]) -> None:
    """Raise TypeError if both parts of complex numbers are to share a second moment that no rule has."""
    if not any(ruled.program.one_moment for ruled in rules):
        names = " and ".join(ruled.definition.name for ruled in rules)
        raise TypeError(
            f'{names}: second_moment="modulus" has no effect, since there is no second moment of the gradient; leave '
            "second_moment out, or, in a rule of your own, mark the square with over_parts"
        )


def _check_reciprocals(rules: Sequence[Ruled]) -> None:
    """Raise ValueError if no rule divides an array by a number."""
    definitions = [ruled.definition for ruled in rules]
    plain = [with_riders(own.rule, *(own.on | {"reciprocals": False}).items()) for own in definitions]
    if not any(own.program(own.hyper).divides_by_numbers for own in plain):
        names = " and ".join(own.name for own in definitions)
        raise ValueError(f"{names}: reciprocals has no effect, since no array is divided by a number; leave it out")


def _for(ruled: Ruled, numbers: Mapping[str, Any], key: str | int) -> Hyper | Exception:
    try:
        return Hyper(ruled.definition, numbers, key)
    except (TypeError, ValueError) as error:
        return error


def _definition(rule: Rule, used: set[str], options: Mapping[str, Any]) -> WithRiders:
    return with_riders(rule, *in_use(rule, used, **options).items())


def _of_group(rule: Rule, used: set[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of all, for the rule of a group: what would have no effect there is left out."""
    riders = _rated(rule, options)
    if "weight_decay" in rule.hyper or "weight_decay" not in used:
        riders["decay"] = None
    return riders


def _rated(rule: Rule, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of all, without lr_scale for a rule that takes none: it may be for the parameters of other rules."""
    switches = options["switches"]
    return {**options, "switches": {**switches, "lr_scale": switches["lr_scale"] and not without_rates(rule)}}


def _told(key: str | int, error: Exception) -> str:
    text, place = str(error), f"groups[{key!r}]: "
    return text if text.startswith(place) else place + text


def switched_off(numbers: Mapping[str, Any], rule: Rule) -> dict[str, Any]:
    """The numbers of an optimizer, with what changes nothing in the place of None, which switches an option off."""
    return {
        name: NUMBERS[name] if value is None and name in NUMBERS else value
        for name, value in numbers.items()
        if value is not None or name not in NUMBERS or name in rule.hyper
    }
