"""Arguments of the peers that have nothing to act on here."""

from typing import Any

from ..kernels.language.values import short


def refuse(name: str, value: Any, default: Any, why: str) -> None:
    """Raise ValueError unless the value is None or the one at which the argument does nothing."""
    if value is not None and value != default:
        raise ValueError(f"{name}={short(value)} has no effect here: {why}; leave {name} out")
