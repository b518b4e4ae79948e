"""The table that `fastopt bench` prints: a row for each result as it comes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .bench_columns import cells, columns, notes, shared, titles
from .figures import amount, duration, span

if TYPE_CHECKING:
    from rich.console import Console

    from ..bench import Case, Result
    from ..bench.devices import Device

NOTE = """
of copy, streams: share of the bandwidth that a copy, and a kernel with the same
reads and writes, reach in the same rounds; at the right: how many times as fast
as the plain formula. Steps are checked first, and timed with the host's work."""


NOTE_GPU = """
time: of the device, from event to event; host: in which it issued the calls; of
peak: share of the bandwidth that memory clock and bus width allow."""


class Table:
    """Prints results as they come, under a heading for each backend and type."""

    def __init__(self, chosen: Sequence["Case"], devices: Mapping[str, "Device"], out: "Console") -> None:
        self._out, self._machines = out, devices
        from ..inspection.formats import PLAIN

        facts = [case.facts for case in chosen]
        self._columns, self._shared = columns(facts), shared(facts)
        self._formats = any(case.formats != PLAIN for case in chosen)
        self._moved: dict[str, str] = {}
        self._gpus = any(len(on.clock.caches) > 1 for on in devices.values())
        self._told: set[tuple[str, ...]] = set()
        self._under: tuple[str, str] | None = None
        out.print(_hardware(devices))

    def add(self, result: "Result") -> None:
        case, step = result.case, result.step
        if self._under != (case.backend, case.dtype):
            self._under = case.backend, case.dtype
            self._heading(result)
        seconds = step.seconds
        share = f"{result.share_of_peak.median:>8.2f}" if result.share_of_peak else f"{'-':>8}"
        columns = [
            cells(self._columns, case.facts),
            *([f" {result.cache:5}"] if self._gpus else []),
            f"{duration(seconds.median):>8} {f'({span(seconds.low, seconds.high, seconds.median)})':15}",
            *([f"{duration(step.host_seconds.median):>9}"] if self._gpus else []),
            f"{step.gigabytes_per_second:>6.1f}",
            *([share] if self._gpus else []),
            f"{result.share_of_copy.median:>8.2f}",
            f"{result.share_of_streams.median:>8.2f}",
            f"{f'{result.speedup.median:.3g}x':>8}" if result.speedup else f"{'-':>8}",
        ]
        self._out.print("".join(columns).rstrip())
        self._moved[f"{case.rule.name}, {case.dtype}{case.formats}"] = amount(result.bytes)
        self._tell(result)

    def _tell(self, result: "Result") -> None:
        """Print facts about the kernels, and the controls left out: each once for each backend, type and rule."""
        case = result.case
        lines = [
            f"{kernel.name}: {kernel.registers} registers, {kernel.local_bytes} bytes of local memory a thread, "
            f"occupancy {kernel.occupancy:.2f} with blocks of {kernel.threads}"
            for kernel in result.kernels
        ]
        lines += [f"left out: {name}: {reason}" for name, reason in result.left_out.items()]
        for line in lines:
            about = (case.backend, case.dtype, case.rule.name, line)
            if about not in self._told:
                self._told.add(about)
                self._out.print(f"  {line}", style="dim")

    def end(self) -> None:
        """Print what an element moves, if cases have formats, and the notes."""
        if self._formats:
            width = max(map(len, self._moved.values()))
            lines = [f"{moved:>{width}} bytes an element: {name}" for name, moved in self._moved.items()]
            self._out.print("\n".join(["", *lines]))
        self._out.print(NOTE + NOTE_GPU * self._gpus + notes(self._columns, self._formats), style="dim")

    def _heading(self, result: "Result") -> None:
        backend, dtype = self._under or ("", "")
        self._out.print(f"\n{backend}, {dtype}{self._shared}", style="bold")
        cache, host, peak = (" cache", f"{'host':>9}", f"{'of peak':>8}") if self._gpus else ("", "", "")
        against = f"{result.plain or 'plain':>8}"
        self._out.print(
            f"{titles(self._columns)}{cache}{'time':>8} {'(quartiles)':15}{host}{'GB/s':>6}{peak}"
            f"{'of copy':>8}{'streams':>8}{against}",
            style="dim",
        )


def _hardware(devices: Mapping[str, "Device"]) -> str:
    from ..measure import hardware

    facts = hardware()
    # A checkout that is on the path without being installed has no version.
    versions = ", ".join(f"{name} {facts['versions'].get(name, '?')}" for name in ("fastopt", "numpy", "numba"))
    gpus = "".join(f", {about['gpu']}" for on in devices.values() if "gpu" in (about := on.about()))
    return f"{facts['processor']}, {facts['cores']} cores{gpus}\n{versions}, Python {facts['python']}"
