"""The rules of the library, one family a file. A file that is put here is imported: nothing else has to name it."""

import importlib
import pkgutil

from ..families import Family
from ..rule_type import Rule

RULES: dict[str, Rule] = {}
FAMILIES: dict[str, Family] = {}

for _module in pkgutil.iter_modules(__path__):
    for _value in vars(importlib.import_module(f"{__name__}.{_module.name}")).values():
        if isinstance(_value, Rule):
            RULES[_value.name] = _value
        elif isinstance(_value, Family):
            FAMILIES[_value.name] = _value
