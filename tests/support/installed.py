"""Which packages are installed; folders of tests have the names of some."""

from importlib.util import find_spec


def installed(name: str) -> bool:
    """Whether a package with a file of its own can be imported."""
    spec = find_spec(name)
    return spec is not None and spec.origin is not None
