"""The versions of a client that were tested."""

import re
import warnings
from importlib.metadata import version


def warn_if_untested(package: str, first: str, last: str) -> None:
    """Warn unless the installed version belongs to a series from `first` to `last`, such as 8.3 to 9.1.

    Called where a client's module is imported, which happens once.
    """
    installed = version(package)
    if not _series(first) <= _series(installed) <= _series(last):
        warnings.warn(
            f"fastopt.integrations is tested with {package} {first} to {last}; this is {installed}, whose names may "
            "mean something else: compare a short run with the client's own optimizer",
            stacklevel=3,
        )


def _series(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])
