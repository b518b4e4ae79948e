"""The clock of unattended steps on a GPU, as the host sees it."""

from typing import Any

import numpy as np

from .clock import CLOCK, DOES, PAST_THE_END, ZERO
from .compiler import cupy

ZERO_DIVIDED = "a number that follows from a norm is divided by zero"
_STOPPED = {0: "", PAST_THE_END: "there were no more steps", ZERO: ZERO_DIVIDED}


class GpuClock:
    """The words of a clock on the current device, and what kernels have to know of it.

    notice: a word of the host's memory that the GPU writes too, for steps whose outcome nobody waits for; None for a
    new one. words, go: on the GPU, all and what a step does. arguments: those that every kernel of numbers is given.
    """

    def __init__(self, notice: Any) -> None:
        self.notice = _seen_by_both() if notice is None else notice
        self.words = cupy().zeros(CLOCK, "int64")
        self.go = self.words[DOES:]
        self.arguments = {"steps": np.int64(0), "clock": self.words, "notice": np.int64(self.notice.ctypes.data)}

    def anew(self) -> None:
        """Begin at 0 again."""
        self.words.fill(0)

    def table(self, steps: int) -> None:
        """Let steps find their numbers in a table of so many."""
        self.arguments["steps"] = np.int64(steps)

    def read(self) -> tuple[int, int, str]:
        """How many steps were applied and skipped, and what then stopped the clock, or ""."""
        stopped, _, applied, skipped = cupy().asnumpy(self.words).tolist()
        return applied, skipped, _STOPPED[stopped]


def _seen_by_both() -> Any:
    """A word of the host's memory that the GPU writes too, as a NumPy array."""
    word = np.frombuffer(cupy().cuda.alloc_pinned_memory(8), np.int64, 1)
    word[0] = 0
    return word
