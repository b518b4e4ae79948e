"""Rules and functions by the names that people type."""

import importlib
import os
import sys
from typing import Any

from ..kernels import RULES, Rule
from ..kernels.language.hyperparameters import suggestion


def named(name: str) -> Rule:
    """A rule of the library by its name, or one of a module as "module:name". Raises ValueError if there is none."""
    if ":" not in name:
        if name not in RULES:
            raise ValueError(f"there is no rule {name!r}; {suggestion(name, RULES)}")
        return RULES[name]
    rule = of_module(name, "rule")
    if not isinstance(rule, Rule):
        raise ValueError(f"{name!r} is a {type(rule).__name__}, not a rule made with @rule")
    return rule


def of_module(name: str, kind: str) -> Any:
    """An object of a module, given as "module:name"; modules of the working directory come first.

    kind: the word for the object in messages. Raises ValueError if there is no such module or object.
    """
    module, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ValueError(f"there is no {kind} {name!r}: {error}") from error
