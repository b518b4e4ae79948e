"""How all commands report errors that the user can mend."""

import contextlib
from collections.abc import Iterator

import typer


@contextlib.contextmanager
def refusing(*errors: type[Exception], code: int = 2) -> Iterator[None]:
    """Turn one of these errors within the block into one line on stderr, and exit with the code: 2 for bad input."""
    try:
        yield
    except errors as error:
        typer.echo(f"fastopt: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(code) from error
