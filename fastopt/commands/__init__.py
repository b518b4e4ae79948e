"""The commands of `fastopt`, one a file; a file that is new is imported and registered here.

Their options are declared with typer alone: what a command needs is imported when it runs, so that --help is instant.
"""

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer

from .. import __version__

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@contextlib.contextmanager
def refusing(*errors: type[Exception], code: int = 2) -> Iterator[None]:
    """Within it, one of these errors is one line on stderr and ends the command: with 2 for bad input."""
    try:
        yield
    except errors as error:
        typer.echo(f"fastopt: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(code) from error


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fastopt {__version__}")
        raise typer.Exit


@app.callback()
def fastopt(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Update rules written once, as NumPy functions; fused kernels for CPU and GPU with the same bits."""


from .bench import bench  # noqa: E402  (they use refusing)
from .inspect import inspect  # noqa: E402
from .lab import lab  # noqa: E402
from .plot_schedule import plot_schedule  # noqa: E402
from .sweep import sweep  # noqa: E402
from .train import train  # noqa: E402

app.command()(train)
app.command()(inspect)
app.command()(bench)
app.command("plot-schedule")(plot_schedule)
app.command()(sweep)
app.command()(lab)
