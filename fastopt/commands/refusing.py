"""What all commands do with errors that are the user's to mend."""

import contextlib
from collections.abc import Iterator

import typer


@contextlib.contextmanager
def refusing(*errors: type[Exception], code: int = 2) -> Iterator[None]:
    """Within it, one of these errors is one line on stderr and ends the command: with 2 for bad input."""
    try:
        yield
    except errors as error:
        typer.echo(f"fastopt: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(code) from error
