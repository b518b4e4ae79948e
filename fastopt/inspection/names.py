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
    found = of_module(name, "rule")
    if not isinstance(found, Rule):
        raise ValueError(f"{name!r} is a {type(found).__name__}, not a rule made with @rule")
    return found


def of_module(name: str, kind: str) -> Any:
    """What stands in a module of that name, the working directory's first, given as "module:name".

    kind: what messages call it. Raises ValueError if it is not there.
    """
    module, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ValueError(f"there is no {kind} {name!r}: {error}") from error
