"""Gradients that were added up and wait for a step, in a checkpoint."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from ..kernels.gathering import SUM
from ..kernels.language.values import short
from ..updater.updater import Updater
from .plain import with_numbers


def sums(updater: Updater) -> dict[str, tuple[Any, str]]:
    """The sums with their names in messages, by slot/parameter."""
    arrays = updater.gathering.arrays if updater.gathering else ()
    named = zip(updater.parameters.keys, updater.parameters.paths, arrays, strict=False)
    return {f"{SUM}/{key}": (one, f"state {SUM!r} of params{path}") for key, path, one in named if one is not None}


def described(updater: Updater) -> dict[str, Any] | None:
    """What a step takes of the gradients, of how many calls they are, and which parameters have some."""
    if (gathering := updater.gathering) is None:
        return None
    keys = updater.parameters.keys
    of = [keys[k] for k in sorted(gathering.sums.there)]
    return {"how": gathering.how, "calls": gathering.sums.calls, "of": of}


def checked(state: Mapping[str, Any]) -> dict[str, Any]:
    """What a state describes; of an older one, or one without, no calls. Raises ValueError for what cannot be."""
    given = state.get("accumulated")
    given = {"how": None, "calls": 0, "of": []} if given is None else with_numbers(given)
    calls = given.get("calls") if isinstance(given, dict) else None
    if type(calls) is not int or not 0 <= calls < 2**62:
        raise ValueError(f"accumulated in the state must have a count of calls; got {short(given)}")
    if not isinstance(given.get("of"), list) or not all(isinstance(key, str) for key in given["of"]):
        raise ValueError(f"accumulated in the state must have a list of parameters; got {short(given)}")
    return given


def conflict(updater: Updater, theirs: Mapping[str, Any]) -> list[str]:
    """Why gradients of a state cannot be taken."""
    own = updater.gathering.how if updater.gathering else None
    if (own or theirs["calls"]) and theirs["how"] not in (None, own):
        return [f"the state has gradients of accumulate={theirs['how']!r}, the optimizer accumulate={own!r}"]
    return []


def taking(
    updater: Updater, theirs: Mapping[str, Any], ours: Mapping[str, Any], common: Collection[str]
) -> Callable[[], Any]:
    """A function that has the optimizer go on from the sums that were loaded, which may be called again.

    ours: the arrays to load into, with their names, by slot/parameter. common: those that are loaded.
    """
    if updater.gathering is None:
        return tuple
    keys = enumerate(updater.parameters.keys)
    arrays = {k: ours[name][0] for k, key in keys if (name := f"{SUM}/{key}") in common}
    return partial(updater.gathering.put, arrays, theirs["calls"])
