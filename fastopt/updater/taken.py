"""The parameters that an updater takes, at first and when the caller's container has changed, with their state."""

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..kernels.arrays.view import compute_type
from ..kernels.libraries.library import check_meaning, check_parameters, view_of
from ..kernels.riders import without_rates
from ..trees.parameters import Parameters
from .choices import Choices
from .counts import History
from .groups import check_chosen, matches
from .hyper import Hyper
from .lr_scale import lr_scales
from .means import no_means
from .state import has_kinds, kinds_of

Kind = tuple[tuple[int, ...], str, str, str]
# The types of computation that flush denormals.
SINGLE = ("float32", "complex64")
_KIND = ("has shape", "is computed in", "is on the device", "is of the backend")


@dataclass(frozen=True)
class Taken:
    """Parameters, and for each of them what an updater has of it.

    parameters: their places in the caller's tree. storages: the stored types. kinds: what state has to fit: shape, type
    of computation, device and library. chosen: for each group whether the parameter is in it. rule_of: the number of
    its rule. layers: the hyperparameters that hold. state: arrays by slot. scales: the arrays
    that multiply lr. kept: its number before, or None for one that begins. above: for each Hyper that holds for some
    parameter, and for each such parameter that is computed in float32, the Hypers that override it there.
    """

    parameters: Parameters
    storages: Sequence[str]
    kinds: Sequence[Kind]
    chosen: Sequence[Sequence[bool]]
    rule_of: Sequence[int]
    layers: Sequence[tuple[Hyper, ...]]
    state: Sequence[dict[str, Any]]
    scales: Sequence[list[Any]]
    kept: Sequence[int | None]
    above: Mapping[Hyper, Sequence[tuple[Hyper, ...]]]

    @property
    def any_complex(self) -> bool:
        """Whether a parameter is complex."""
        return any(computes.startswith("complex") for _, computes, _, _ in self.kinds)

    def begun(self, choices: Choices) -> list[History]:
        """The histories of parameters before any step."""
        definitions = [choices.rules[rule].definition for rule in self.rule_of]
        return [History(0, dict(one.rule.states), no_means(one)) for one in definitions]

    def check(self, arrays: Sequence[Any], chosen: Iterable[int]) -> None:
        """Raise ValueError for a parameter that its state does not fit, whatever now stands in its place.

        arrays: those of all parameters. chosen: the numbers of those to look at.
        """
        for k in chosen:
            name = f"params{self.parameters.paths[k]}"
            if self.state[k] and (now := kind_of(arrays[k], name)) != self.kinds[k]:
                told = [
                    f"{n} {a}, but its state {b}" for n, a, b in zip(_KIND, now, self.kinds[k], strict=True) if a != b
                ]
                raise ValueError(
                    f"{name} {' and '.join(told)}; put an array like the one before there, or call opt.sync() to begin "
                    f"{name} anew"
                )


def kind_of(array: Any, name: str) -> Kind:
    """What the state of a parameter has to fit."""
    library, view = view_of(array, name)
    computes = replace(view, storage=compute_type([view.storage])).own_type
    return view.own_shape, computes, view.device, library.BACKEND


def taken(params: Any, choices: Choices, before: Taken | None = None, latest: Sequence[Any] = ()) -> Taken:
    """The parameters of a tree. Those that were there before keep their state, others begin.

    A parameter is known by its array, wherever that stood before, else by its name, if the state fits it still.
    latest: the arrays before. Raises TypeError or ValueError, naming the array; nothing has then been changed.
    """
    remedy = "if params was changed on purpose, call opt.sync(), which takes params as it now is"
    parameters = Parameters(params, choices.may_share, remedy)
    arrays, names = parameters.of(params, "params"), [f"params{path}" for path in parameters.paths]
    storages = check_parameters(arrays, names)
    kinds = [kind_of(array, name) for array, name in zip(arrays, names, strict=True)]
    if "cast_to" in choices.definition.on:
        for (_, computes, _, _), name in zip(kinds, names, strict=True):
            if computes != "float32":
                raise ValueError(
                    f"cast_to makes copies of real parameters that are computed in float32; {name} is computed in "
                    f"{computes}: leave cast_to out"
                )
    on = {option for ruled in choices.rules for option in ruled.definition.on}
    of_parameters = on & {"param_rounding", "master_weight_bits"}
    for option in sorted(of_parameters):
        for (_, computes, _, _), name in zip(kinds, names, strict=True):
            if computes != "float32":
                raise ValueError(
                    f"{option} is for real parameters that are computed in float32; {name} is computed in "
                    f"{computes}: leave {option} out"
                )
    for option in of_parameters if "bfloat16" not in storages else ():
        raise ValueError(f"{option} has no effect, since no parameter is in bfloat16; leave {option} out")
    kept: list[int | None] = [None] * len(arrays)
    if before is not None:
        kept = _kept(parameters.keys, arrays, kinds, before, latest)
    chosen = [
        [
            # A function is asked once for each parameter.
            before.chosen[k][number]
            if before and k is not None and type(group.key) is int
            else group.chooses(name, array)
            for number, group in enumerate(choices.groups.each)
        ]
        for k, name, array in zip(kept, parameters.names, arrays, strict=True)
    ]
    if before is None:
        check_chosen(choices.groups, chosen, parameters.names)
    of_rules = [ruled.hyper for ruled in choices.rules]
    ruled = [choices.groups.layers(of_rules, own) for own in chosen]
    rule_of, layers = [rule for rule, _ in ruled], [own for _, own in ruled]
    of_state = [choices.state_format(own) for own in chosen]
    for (_, computes, _, _), name, form in zip(kinds, names, of_state, strict=True):
        if form is not None and computes != "float32":
            raise ValueError(
                f"state_format is for real parameters that are computed in float32; {name} is computed in {computes}: "
                "leave state_format out, or put it in a group with 'state_format': None"
            )
    if before is not None:
        # What another rule kept is of no use, nor is what is kept of another type.
        programs = [one.program for one in choices.rules]
        kept = [
            k
            if k is not None
            and programs[before.rule_of[k]] is programs[rule]
            and has_kinds(before.state[k], kinds_of(choices.rules[rule].definition, array, name, own))
            else None
            for k, rule, array, name, own in zip(kept, rule_of, arrays, names, of_state, strict=True)
        ]
    for (_, computes, _, _), name, rule in zip(kinds, names, rule_of, strict=True):
        check_meaning(choices.rules[rule].program, computes, name)
    return Taken(
        parameters,
        storages,
        kinds,
        chosen,
        rule_of,
        layers,
        [
            choices.rules[rule].started(ChainMap(*reversed(own)), array, name, form) if k is None else before.state[k]  # type: ignore[union-attr]
            for k, rule, own, array, name, form in zip(kept, rule_of, layers, arrays, names, of_state, strict=True)
        ],
        scales_of(choices, rule_of, parameters.names, arrays, names),
        kept,
        _above(choices, rule_of, layers, kinds),
    )


def scales_of(
    choices: Choices, rule_of: Sequence[int], names: Sequence[str], arrays: Sequence[Any], paths: Sequence[str]
) -> list[list[Any]]:
    """The arrays that multiply the lr of each parameter. Raises TypeError for one whose rule takes none."""
    scales = lr_scales(choices.lr_scale, names, arrays, paths)
    for k, rule in enumerate(rule_of):
        definition = choices.rules[rule].definition
        if scales[k] and not definition.rates:
            if any(matches(names[k], pattern) for pattern in choices.lr_scale or ()):
                why = without_rates(definition.rule)
                raise TypeError(
                    f"lr_scale: {names[k]} has the rule {definition.name}, which {why}; leave it out of lr_scale"
                )
            scales[k] = []
    return scales


def _above(
    choices: Choices, rule_of: Sequence[int], layers: Sequence[tuple[Hyper, ...]], kinds: Sequence[Kind]
) -> dict[Hyper, list[tuple[Hyper, ...]]]:
    """As Taken has it. Raises ValueError for numbers with which these parameters cannot be updated."""
    every = zip(rule_of, layers, kinds, strict=True)
    alike = dict.fromkeys((rule, own, compute in SINGLE) for rule, own, (_, compute, *_) in every)
    above: dict[Hyper, list[tuple[Hyper, ...]]] = {}
    under: dict[Hyper, Hyper] = {}
    for rule, own, single in alike:
        of_rule = choices.rules[rule].hyper
        for place in range(own.index(of_rule), len(own)):
            above.setdefault(own[place], []).extend([own[place + 1 :]] * single)
            under[own[place]] = of_rule
    for hyper, others in above.items():
        hyper.check_model_wide(under[hyper])
        if why := hyper.flushed(under[hyper].plain(), others):
            raise ValueError(why)
    return above


def _kept(
    keys: Sequence[str], arrays: Sequence[Any], kinds: Sequence[Kind], before: Taken, latest: Sequence[Any]
) -> list[int | None]:
    """For each parameter the number that it had before, or None."""
    by_array = {id(array): k for k, array in enumerate(latest)}
    by_key = {key: k for k, key in enumerate(before.parameters.keys)}

    def fitting(k: int | None, kind: Kind) -> int | None:
        return k if k is not None and before.kinds[k] == kind else None

    kept = [fitting(by_array.get(id(array)), kind) for array, kind in zip(arrays, kinds, strict=True)]
    moved = set(kept)
    for place, (key, kind) in enumerate(zip(keys, kinds, strict=True)):
        if kept[place] is None and by_key.get(key) not in moved:
            kept[place] = fitting(by_key.get(key), kind)
    return kept
