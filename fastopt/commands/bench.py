"""`fastopt bench`: how fast a rule's step is, beside what memory and plain NumPy can do, checked before it is timed."""

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import refusing
from .bench_compare import compare_files
from .figures import duration, finite, span

if TYPE_CHECKING:
    from rich.console import Console

    from ..bench import Case, Result
    from ..bench.machines import Machine

NOTE = """
of copy, streams: share of the bandwidth that a copy, and a kernel with the same
reads and writes, reach in the same rounds; at the right: how many times as fast
as the plain formula. Steps are checked first, and timed with the host's work."""


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
    backend: Annotated[str, typer.Option(help="With commas: cpu, cupy, cuda (numba-cuda).")] = "cpu",
    rounds: Annotated[int, typer.Option(help="How often all contenders are timed in turn.")] = 21,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw a roofline into this file, .png or .svg.")] = None,
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
    """Time the optimizer step: each rule, size, type and backend, against the memory and against plain NumPy.

    What is timed is Optimizer.step on one array, with all that the host does,
    once its result has been checked against the reference. Shares are of the
    bandwidth that a copy, and a kernel which reads and writes the same arrays,
    reach in the same rounds. Exit code 1 if a result is wrong: it is not timed.
    With --compare, exit code 1 if a case became slower by more than its spread.
    """
    if compare:
        with refusing(ValueError):
            _check_alone(context, "compare", "as_json")
        compare_files(*compare, as_json)
        return
    from rich.console import Console

    if plot:
        from ..bench.roofline import draw
    with refusing(TypeError, ValueError, ImportError, RuntimeError):
        from ..bench import cases, machine

        if rounds < 3:
            raise ValueError(f"rounds must be 3 or more, for a median and quartiles; got {rounds}")
        if plot:
            _check_picture(plot, "plot")
        if nvbench:
            _check_writable(nvbench, "nvbench")
        chosen = cases(rules or ["adam"], _split(size), _split(dtype), _split(backend))
        machines = {name: machine(name) for name in dict.fromkeys(case.backend for case in chosen)}
    out = Console(highlight=False, markup=False, quiet=as_json)
    out.soft_wrap = not out.is_terminal
    results = _run(chosen, machines, rounds, out)
    if as_json:
        from ..bench.record import as_record

        print(json.dumps(finite(as_record(results, machines, rounds)), allow_nan=False))
    if nvbench:
        from ..bench.nvbench import write

        with refusing(OSError):
            write(results, machines, nvbench)
        out.print(f"\nNVBench's form in {nvbench}, its samples in {nvbench}-bin")
    if plot:
        from ..measure import machine as hardware

        with refusing(OSError, ValueError):
            draw(results, plot, hardware()["processor"])
        out.print(f"\nroofline in {plot}")


def _check_alone(context: typer.Context, *names: str) -> None:
    """Raise ValueError if the first of these options was given with another than these."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if name not in names and source and source.name != "DEFAULT":
            title = name if name == "rules" else f"--{name.replace('_', '-')}"
            raise ValueError(f"{title} has no effect with --{names[0]}: leave it out")


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _check_picture(path: Path, option: str) -> None:
    if path.suffix not in (".png", ".svg"):
        raise ValueError(f"{option} must end in .png or .svg; got {str(path)!r}")
    _check_writable(path, option)


def _check_writable(path: Path, option: str) -> None:
    """Raise ValueError now if a file could not be written later."""
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ValueError(
            f"{option} cannot be written to {str(path)!r}: no folder that one may write to, or a folder itself"
        )


def _run(chosen: list["Case"], machines: dict[str, "Machine"], rounds: int, out: "Console") -> list["Result"]:
    """Measure it, with a row for each result and a progress bar where a person watches."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from ..bench import WrongResult, measured

    console = out if out.is_terminal and not out.quiet else Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(None), TimeRemainingColumn(), console=console, transient=True
    )
    table = _Table(chosen, machines, out)
    total = sum(rounds * len(machines[case.backend].clock.copies(case.bytes)) for case in chosen)
    results: list[Result] = []
    with bar if console.is_terminal else contextlib.nullcontext():
        task = bar.add_task("", total=total)
        for case in chosen:
            bar.update(task, description=str(case))
            bad = refusing(TypeError, ValueError, ArithmeticError, RuntimeError, MemoryError)
            with refusing(WrongResult, code=1), bad:
                found = measured(case, machines[case.backend], rounds, lambda: bar.advance(task))
            for result in found:
                table.add(result)
            results += found
    out.print(NOTE, style="dim")
    return results


class _Table:
    """Prints results as they come, under a heading for each backend and type."""

    def __init__(self, chosen: list["Case"], machines: dict[str, "Machine"], out: "Console") -> None:
        self._out, self._machines = out, machines
        self._width = max(len("rule"), *(len(case.rule.name) for case in chosen))
        self._caches = any(len(one.clock.caches) > 1 for one in machines.values())
        self._under: tuple[str, str] | None = None
        out.print(_hardware(machines))

    def add(self, result: "Result") -> None:
        case, step = result.case, result.step
        if self._under != (case.backend, case.dtype):
            self._under = case.backend, case.dtype
            self._heading(result)
        seconds = step.seconds
        columns = [
            f"{case.rule.name:{self._width}}",
            f"{case.elements:>13,}",
            *([f" {result.cache:5}"] if self._caches else []),
            f"{duration(seconds.median):>9} {f'({span(seconds.low, seconds.high, seconds.median)})':15}",
            f"{step.gigabytes_per_second:>6.1f}",
            f"{result.share_of_copy.median:>9.2f}",
            f"{result.share_of_streams.median:>9.2f}",
            f"{f'{result.speedup.median:.3g}x':>8}" if result.speedup else f"{'-':>8}",
        ]
        self._out.print("".join(columns).rstrip())

    def _heading(self, result: "Result") -> None:
        backend, dtype = self._under or ("", "")
        self._out.print(f"\n{backend}, {dtype}", style="bold")
        cache = " cache" if self._caches else ""
        against = f"{result.plain or 'plain':>8}"
        self._out.print(
            f"{'rule':{self._width}}{'elements':>13}{cache}{'time':>9} {'(quartiles)':15}{'GB/s':>6}{'of copy':>9}"
            f"{'streams':>9}{against}",
            style="dim",
        )


def _hardware(machines: dict[str, "Machine"]) -> str:
    from ..measure import machine

    found = machine()
    versions = ", ".join(f"{name} {found['versions'][name]}" for name in ("fastopt", "numpy", "numba"))
    gpus = "".join(f", {about['gpu']}" for one in machines.values() if "gpu" in (about := one.about()))
    return f"{found['processor']}, {found['cores']} cores{gpus}\n{versions}, Python {found['python']}"
