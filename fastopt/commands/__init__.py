"""The commands of `fastopt`, one a file; a new file is imported and registered here.

Their options are declared with typer alone: a command imports the library when it runs, so that --help is instant.
"""

from typing import Annotated

import typer

from .. import __version__
from .bench import bench
from .inspect import inspect
from .lab import lab
from .plot_schedule import plot_schedule
from .sweep import sweep
from .train import train

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


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


app.command()(train)
app.command()(inspect)
app.command()(bench)
app.command("plot-schedule")(plot_schedule)
app.command()(sweep)
app.command()(lab)
