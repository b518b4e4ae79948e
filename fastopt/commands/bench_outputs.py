"""The files that `fastopt bench` writes when all cases are measured: two plots, and NVBench's form."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..bench import Result
    from ..bench.devices import Device

Write = Callable[[Sequence["Result"], Mapping[str, "Device"]], None]


@dataclass(frozen=True)
class Output:
    """A file to write: its title, its path, and the function that writes it."""

    title: str
    path: Path
    write: Write


def outputs(plot: Path | None, plot_sizes: Path | None, nvbench: Path | None) -> list[Output]:
    """The outputs that have a path.

    Raises ValueError now if a file could not be written later, ImportError if a plot lacks matplotlib.
    """
    files = []
    if plot:
        files.append(_picture("roofline", plot, "plot", _roofline))
    if plot_sizes:
        files.append(_picture("bandwidth by size", plot_sizes, "plot-sizes", _size_plot))
    if nvbench:
        from ..bench.nvbench import write

        _check_writable(nvbench, "nvbench")
        title = f"NVBench's form, with its samples in {nvbench}-bin,"
        files.append(Output(title, nvbench, lambda results, devices: write(results, devices, nvbench)))
    return files


def _picture(
    title: str, path: Path, option: str, load: Callable[[], Callable[[Sequence["Result"], Path, str], None]]
) -> Output:
    draw = load()
    if path.suffix not in (".png", ".svg"):
        raise ValueError(f"{option} must end in .png or .svg; got {str(path)!r}")
    _check_writable(path, option)
    return Output(title, path, lambda results, devices: draw(results, path, _names(devices)))


def _names(devices: Mapping[str, "Device"]) -> str:
    from ..bench.devices import hardware_name

    return ", ".join(dict.fromkeys(map(hardware_name, devices.values())))


def _roofline() -> Callable[[Sequence["Result"], Path, str], None]:
    from ..bench.roofline import draw

    return draw


def _size_plot() -> Callable[[Sequence["Result"], Path, str], None]:
    from ..bench.size_plot import draw

    return draw


def _check_writable(path: Path, option: str) -> None:
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ValueError(
            f"{option} cannot be written to {str(path)!r}: no folder that one may write to, or a folder itself"
        )
