"""`fastopt bench`: how fast a rule's step is, beside what memory and plain NumPy can do, checked before it is timed."""

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .bench_compare import compare_files
from .bench_outputs import outputs
from .bench_table import Table
from .figures import finite
from .format_options import with_formats
from .refusing import refusing

if TYPE_CHECKING:
    from rich.console import Console

    from ..bench import Case, Result
    from ..bench.clocks import Mark
    from ..bench.devices import Device


@with_formats(" With commas.")
def bench(
    context: typer.Context,
    rules: Annotated[
        list[str] | None, typer.Argument(help="Rules of the library, your own as module:name, or all; by default adam.")
    ] = None,
    size: Annotated[
        str,
        typer.Option(
            help="Elements, with commas; 64K is 64,000, 64Ki is 65,536; 1Ki..64Mi:17 is 17 sizes from first to last, "
            "with equal ratios."
        ),
    ] = "1K,64K,1M,16M",
    dtype: Annotated[
        str, typer.Option(help="Of parameters and gradients, with commas: float16, bfloat16, float32, float64.")
    ] = "float32",
    *,
    formats: dict[str, str],
    backend: Annotated[str, typer.Option(help="With commas: cpu, cupy, cuda (numba-cuda).")] = "cpu",
    arrays: Annotated[str, typer.Option(help="In how many arrays the elements are, with commas.")] = "1",
    threads: Annotated[
        str | None,
        typer.Option(help="Of a block, with commas: 32 to 1024. For several arrays of backend cupy."),
    ] = None,
    rounds_per_thread: Annotated[
        str | None, typer.Option(help="How often a thread takes 128 bits of each array, with commas. Likewise.")
    ] = None,
    rounds: Annotated[int, typer.Option(help="How often all contenders are timed in turn.")] = 21,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    nvtx: Annotated[bool, typer.Option("--nvtx", help="Mark what is timed with NVTX ranges, on a GPU.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw a roofline into this file, .png or .svg.")] = None,
    plot_sizes: Annotated[
        Path | None, typer.Option(help="Draw the bandwidth over the size into this file, .png or .svg.")
    ] = None,
    nvbench: Annotated[
        Path | None, typer.Option(help="Write the results for the readers of NVBench's JSON (package cuda-bench).")
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="BEFORE AFTER", help="Measure nothing; compare two files that --json printed. Goes with --json."
        ),
    ] = None,
) -> None:
    """Time the optimizer step: each rule, size, type, format and backend, against the memory and against plain NumPy.

    What is timed is Optimizer.step on one array or several, with all that the
    host does, once its result has been checked against the reference. Shares
    are of the bandwidth that a copy, and a kernel which reads and writes the
    same arrays, reach in the same rounds. Exit code 1 if a result is wrong: it is not timed.
    With --compare, exit code 1 if a case became slower by more than its spread.
    """
    if compare:
        with refusing(ValueError):
            _check_alone(context, "compare", "as_json")
        compare_files(*compare, as_json)
        return
    from rich.console import Console

    with refusing(ValueError):
        files = outputs(plot, plot_sizes, nvbench)
    with refusing(TypeError, ValueError, ImportError, RuntimeError):
        from ..bench import cases, device
        from ..inspection.formats import read

        if rounds < 3:
            raise ValueError(f"rounds must be 3 or more, for a median and quartiles; got {rounds}")
        named = (rules or ["adam"], _split(size), _split(dtype), _split(backend))
        kept = {name: [read(name, part) for part in _split(text)] for name, text in formats.items()}
        chosen = cases(*named, _split(arrays), _split(threads), _split(rounds_per_thread), **kept)
        if plot_sizes and len({case.elements for case in chosen}) < 2:
            raise ValueError("plot-sizes needs two sizes or more, as in --size 1K..64M:9; got one")
        devices = {name: device(name) for name in dict.fromkeys(case.backend for case in chosen)}
        marks = {name: on.nvtx() if nvtx else contextlib.nullcontext for name, on in devices.items()}
    out = Console(highlight=False, markup=False, quiet=as_json)
    out.soft_wrap = not out.is_terminal
    results = _run(chosen, devices, rounds, marks, out)
    if as_json:
        from ..bench.record import as_record

        print(json.dumps(finite(as_record(results, devices, rounds)), allow_nan=False))
    for file in files:
        with refusing(OSError, ValueError):
            file.write(results, devices)
        out.print(f"\n{file.title} in {file.path}")


def _check_alone(context: typer.Context, *names: str) -> None:
    """Raise ValueError if an option that is not in names was given with the first of names."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if name not in names and source and source.name != "DEFAULT":
            title = name if name == "rules" else f"--{name.replace('_', '-')}"
            raise ValueError(f"{title} has no effect with --{names[0]}: leave it out")


def _split(text: str | None) -> list[str]:
    return [] if text is None else [part.strip() for part in text.split(",")]


def _run(
    chosen: list["Case"], devices: dict[str, "Device"], rounds: int, marks: dict[str, "Mark"], out: "Console"
) -> list["Result"]:
    """Measure all cases, with a row for each result and a progress bar if the output is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from ..bench import WrongResult, measured

    console = out if out.is_terminal and not out.quiet else Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(None), TimeRemainingColumn(), console=console, transient=True
    )
    table = Table(chosen, devices, out)
    total = sum(rounds * len(devices[case.backend].clock.copies(case.bytes)) for case in chosen)
    results: list[Result] = []
    with bar if console.is_terminal else contextlib.nullcontext():
        task = bar.add_task("", total=total)
        for case in chosen:
            bar.update(task, description=str(case))
            on = devices[case.backend]
            bad = refusing(TypeError, ValueError, ArithmeticError, RuntimeError, MemoryError)
            with refusing(WrongResult, code=1), bad:
                rows = measured(case, on, rounds, lambda: bar.advance(task), marks[case.backend])
            for result in rows:
                table.add(result)
            results += rows
    table.end()
    return results
