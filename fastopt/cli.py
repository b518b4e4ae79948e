"""The command `fastopt`: runs a command of fastopt.commands; every failure that is the user's to mend is one line."""

import sys
from collections.abc import Sequence
from typing import NoReturn

# Modules that the commands import beside the library: the name of the package, and the extra that brings it.
EXTRA = {
    "typer": ("typer", "demo"),
    "rich": ("rich", "demo"),
    "sklearn": ("scikit-learn", "demo"),
    "matplotlib": ("matplotlib", "plot"),
}


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0, 1 for a check that failed, 2 for bad input, 130 after Ctrl-C.

    arguments: what follows the name of the program; None takes those of this process.
    """
    try:
        sys.exit(_run(arguments))
    except KeyboardInterrupt:
        sys.exit(130)
    except ImportError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRA:
            raise
        package, extra = EXTRA[module]
        print(f"fastopt: {package} is not installed; pip install 'fastopt[{extra}]' brings it", file=sys.stderr)
        sys.exit(2)


def _run(arguments: Sequence[str] | None) -> int:
    import typer

    from .commands import app

    try:
        code = app(arguments, prog_name="fastopt", standalone_mode=False)
    except typer.Abort:  # Ctrl-C in older versions of typer, which newer ones make an exit code.
        raise KeyboardInterrupt from None
    except Exception as error:
        # Errors in the arguments, whose base class typer keeps to itself.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        if text := message():
            print(f"fastopt: {text}", file=sys.stderr)
        return 2
    return code if isinstance(code, int) else 0
