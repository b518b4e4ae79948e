"""The table that `fastopt bench` prints: a row for each result as it comes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .figures import duration, span

if TYPE_CHECKING:
    from rich.console import Console

    from ..bench import Case, Result
    from ..bench.machines import Machine

NOTE = """
of copy, streams: share of the bandwidth that a copy, and a kernel with the same
reads and writes, reach in the same rounds; at the right: how many times as fast
as the plain formula. Steps are checked first, and timed with the host's work."""


class Table:
    """Prints results as they come, under a heading for each backend and type."""

    def __init__(self, chosen: Sequence["Case"], machines: Mapping[str, "Machine"], out: "Console") -> None:
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

    def end(self) -> None:
        self._out.print(NOTE, style="dim")

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


def _hardware(machines: Mapping[str, "Machine"]) -> str:
    from ..measure import machine

    found = machine()
    versions = ", ".join(f"{name} {found['versions'][name]}" for name in ("fastopt", "numpy", "numba"))
    gpus = "".join(f", {about['gpu']}" for one in machines.values() if "gpu" in (about := one.about()))
    return f"{found['processor']}, {found['cores']} cores{gpus}\n{versions}, Python {found['python']}"
