"""The parameters of one rule in an optimizer, of which a peer has one state."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..kernels import Rule
from ..kernels.language.values import kind_of, short
from ..optimizer.optimizer import Optimizer, updater_of
from ..updater.choices import Ruled
from ..updater.hyper import Hyper


@dataclass(frozen=True)
class Share:
    """Parameters of one rule.

    ruled: the rule. keys: their names in our order. names: the same in the peer's order, or None if it is not given.
    where: how messages name the peer's state, empty for the only one.
    """

    ruled: Ruled
    keys: Sequence[str]
    names: Sequence[str] | None
    where: str

    @property
    def rule(self) -> Rule:
        """The rule without what rides along."""
        rule = self.ruled.definition.rule
        assert isinstance(rule, Rule)
        return rule

    @property
    def hyper(self) -> Hyper:
        """The hyperparameters of all parameters of the rule."""
        return self.ruled.hyper

    @contextmanager
    def told(self) -> Iterator[None]:
        """A context in which errors name the peer's state and the rule."""
        try:
            yield
        except (TypeError, ValueError) as error:
            if not self.where:
                raise
            raise type(error)(f"{self.where}, of {self.rule.name}: {error}") from None

    def places(self, theirs: Sequence[str] | None, count: int) -> list[int]:
        """For each parameter its place among the peer's, as `places` gives it."""
        return places(self.keys, theirs, count, self.names)

    @property
    def theirs(self) -> Sequence[str]:
        """Our names in the peer's order, or in ours."""
        return self.keys if self.names is None else self.names


def share(opt: Optimizer, keys: Sequence[str], names: Sequence[str] | None, where: str) -> Share:
    """Some parameters, which must have one rule. Raises ValueError if they have several."""
    updater = updater_of(opt)
    numbers = dict(zip(updater.parameters.keys, updater.taken.rule_of, strict=True))
    own = sorted({numbers[key] for key in keys})
    first, *others = [updater.choices.rules[number] for number in own]
    if any(ruled.kind != first.kind for ruled in others):
        each = ", ".join(f"{key} of {updater.choices.rules[numbers[key]].definition.name}" for key in keys)
        raise ValueError(f"{where} has parameters of several rules, {each}; a state is of one rule")
    return Share(first, keys, names, where)


def shares(opt: Optimizer, names: Sequence[str] | None) -> list[Share]:
    """The parameters of each rule that has some: of the main rule, then of each group with a rule, in order.

    names: our names of all parameters in the peer's order, or None. Raises ValueError for other names.
    """
    updater = updater_of(opt)
    keys, rule_of = updater.parameters.keys, updater.taken.rule_of
    check_names(keys, names)
    numbers = dict(zip(keys, rule_of, strict=True))
    found = []
    for place, number in enumerate(sorted({*rule_of})):
        own = [key for key in keys if numbers[key] == number]
        theirs = names if names is None else [name for name in names if numbers[name] == number]
        where = f"state[{place}]" if len({*rule_of}) > 1 else ""
        found.append(Share(updater.choices.rules[number], own, theirs, where))
    return found


def with_states(opt: Optimizer, states: Any, names: Sequence[str] | None, peer: str) -> list[tuple[Share, Any]]:
    """Each rule's parameters with the peer's state of them: the only one, or of several rules one of a list.

    Raises TypeError or ValueError unless there are as many states as rules.
    """
    own = shares(opt, names)
    if len(own) == 1:
        return [(own[0], states)]
    wanted = ", ".join(f"{one.rule.name} ({len(one.keys)} parameters)" for one in own)
    told = f"of several rules the state must be a list of {peer}'s states, one of each rule, in this order: {wanted}"
    if not isinstance(states, list | tuple):
        raise TypeError(f"{told}; got {kind_of(states)}")
    if len(states) != len(own):
        raise ValueError(f"{told}; got {len(states)} states")
    return list(zip(own, states, strict=True))


def steps_of(steps: int | Sequence[int | None] | None, count: int) -> Sequence[int | None]:
    """For each of so many states the number of steps that the caller gives, or None."""
    if steps is None or isinstance(steps, int):
        return [steps] * count
    if len(steps) != count:
        raise ValueError(f"steps must be one number, or one for each of {count} states; got {short(steps)}")
    return steps


def of_each(each: Iterable[tuple[Any, ...]], state: Callable[..., Any]) -> Any:
    """The state of each rule's parameters in a list, or the only one.

    each: the parameters of a rule, a Share, with what belongs to them. state: gives the state of these.
    """
    states = []
    for own in each:
        with own[0].told():
            states.append(state(*own))
    return states if len(states) > 1 else states[0]


def check_names(keys: Sequence[str], names: Sequence[str] | None) -> None:
    """Raise ValueError unless these are our names, in some order, or None."""
    if names is not None and sorted(names) != sorted(keys):
        raise ValueError(
            f"names must be the names of the parameters, {', '.join(keys)}, in the peer's order; got "
            f"{short(list(names))}"
        )


def places(keys: Sequence[str], theirs: Sequence[str] | None, count: int, given: Sequence[str] | None) -> list[int]:
    """For each of our parameters its place among the peer's: as given by our names, else by theirs, else by order.

    keys: our names. count: how many the peer has. Raises ValueError if there are not as many, or if only some of their
    names are ours.
    """
    if count != len(keys):
        raise ValueError(f"the state has {count} parameters, but the optimizer {len(keys)}: {', '.join(keys)}")
    by = list(given or theirs or keys)
    if set(by) == set(keys):
        return [by.index(key) for key in keys]
    if both := set(by) & set(keys):
        differing = ", ".join(sorted(set(by) ^ set(keys)))
        raise ValueError(
            f"the state and the optimizer share the names {', '.join(sorted(both))}, but not {differing}; pass names="
        )
    return list(range(count))
