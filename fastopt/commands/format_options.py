"""The options of commands that say how state and weights are stored: one for each field of `Formats`."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any

import typer

from ..inspection.formats import OPTIONS

Command = Callable[..., None]


def with_formats(more: str = "") -> Callable[[Command], Command]:
    """A decorator: the command has these options in the place of its argument `formats`, a dict of those that were
    given, as texts; a flag is an empty one. more: is said of each option that takes a text."""

    def made(command: Command) -> Command:
        signature = inspect.signature(command)
        parameters: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            parameters += _parameters(more) if parameter.name == "formats" else [parameter]

        @wraps(command)
        def run(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in OPTIONS}
            command(**given, formats=_texts(chosen))

        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return run

    return made


def _texts(chosen: Mapping[str, str | bool | None]) -> dict[str, str]:
    given = {name: value for name, value in chosen.items() if value is not None and value is not False}
    return {name: "" if value is True else value for name, value in given.items()}


def _parameters(more: str) -> list[inspect.Parameter]:
    found = []
    for name, option in OPTIONS.items():
        flag, title = option.type is bool, f"--{name.replace('_', '-')}"
        said = option.metadata["help"] + (not flag) * more
        kind: Any = Annotated[bool if flag else str | None, typer.Option(title, help=said)]
        default = False if flag else None
        found.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind))
    return found
