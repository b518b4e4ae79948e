"""A statement of the documents, the run that tests it, and the finding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """figure: the measured figures, in words. parts: each claim of the statement, and whether it was true."""

    figure: str
    parts: Mapping[str, bool]

    @property
    def verdict(self) -> str:
        held = list(self.parts.values())
        return "holds" if all(held) else "in part" if any(held) else "does not hold"

    def as_record(self) -> dict[str, Any]:
        return {"figure": self.figure, "parts": dict(self.parts), "verdict": self.verdict}


@dataclass(frozen=True)
class Statement:
    """name: of the row and of its test. says: the statement, in few words or quoted. run: the run, in words. measure:
    makes the run. picture: the name of the picture that shows it. digits: whether it needs the runs on the digits,
    which take long."""

    name: str
    says: str
    run: str
    measure: Callable[[], Finding]
    picture: str
    digits: bool = False
