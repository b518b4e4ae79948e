"""The command line of both commands."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import __doc__ as about
from . import bits, facts, runner, speed
from .device import Gpu

SECONDS = 520.0
COMMANDS: dict[str, Callable[[Gpu, int], list[runner.Section]]] = {"bits": bits.sections, "speed": speed.sections}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_check", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--out", type=Path, required=True, help="where the results are written, as JSON")
    parser.add_argument("--commit", help="what is measured; else FASTOPT_COMMIT, else what git says")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for all sections together")
    parser.add_argument("--only", nargs="+", metavar="SECTION", help="names of sections, in the order to run them in")
    parser.add_argument("--jobs", type=int, default=min(8, os.cpu_count() or 1), help="processes that compile at once")
    given = parser.parse_args(arguments)
    try:
        gpu = Gpu()
    except (ImportError, RuntimeError) as error:
        say(f"gpu_check {given.command}: {' '.join(str(error).split())}")
        return 2
    every = {section.name: section for section in COMMANDS[given.command](gpu, given.jobs)}
    for name in given.only or ():
        if name not in every:
            parser.error(f"there is no section {name!r}; there are {', '.join(map(repr, every))}")
    chosen = [every[name] for name in given.only or every]
    header = facts.header(given.command, gpu, given.commit)
    return runner.run(chosen, given.out, header, given.seconds, say=say, about=lambda: {"clocks": facts.clocks()})


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
