"""Kernels are compiled in another process, which is replaced now and then; a test process only loads them.

numba keeps two to four megabytes of each kernel that it compiles, and a run of the tests compiles a thousand.
"""

import atexit
import gc
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from fastopt.kernels.jit import cache
from fastopt.kernels.jit import compiler as cpu_compile

# After so many kernels the process that compiles is replaced.
KERNELS = 60


class Compiler:
    """Starts the process when it is first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._left = 0
        self._lock = threading.Lock()
        self.owner = os.getpid()

    def compile(self, *job: Any) -> None:
        """Have the kernel of a job, the folder of the cache and the arguments of `compiled`, in that folder.

        What fails there will fail again where it is needed, and be raised there.
        """
        with self._lock:
            if not self._process or not self._left or self._process.poll() is not None:
                self.close()
                environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
                self._process = subprocess.Popen(
                    [sys.executable, __file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    encoding="utf-8",
                    env=environment,
                )
                self._left = KERNELS
            self._left -= 1
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            self._process.stdout.readline()

    def close(self) -> None:
        if self._process and os.getpid() == self.owner:
            self._process.kill()
            self._process.communicate()


_compiler = Compiler()
_here = cpu_compile._dispatcher


def elsewhere() -> None:
    """From now on this process has another one compile, and finds the kernel in the disk cache.

    What the cache does not take, as its folder is refused, and what a forked child needs is compiled on the spot.
    """
    cpu_compile._dispatcher = _dispatcher
    atexit.register(_compiler.close)


def _dispatcher(entry: str, text: str, parallel: bool, nogil: bool) -> Any:
    dispatcher = _here(entry, text, parallel, nogil)
    compile_or_load = dispatcher.compile

    def compiled(signature: str) -> Any:
        if isinstance(dispatcher._cache, cache.KernelCache) and os.getpid() == _compiler.owner:
            key = dispatcher._cache._key(signature, dispatcher.targetctx)
            if not (cache.folder() / key).exists():
                _compiler.compile(str(cache.folder()), entry, text, signature, parallel, nogil)
        return compile_or_load(signature)

    dispatcher.compile = compiled
    return dispatcher


def _answer() -> None:
    """Compile what the lines of standard input say, and write a line for each that is done."""
    # It takes a tenth of the time, and the process does not grow old.
    gc.disable()
    for line in sys.stdin:
        os.environ["FASTOPT_CACHE_DIR"], *job = json.loads(line)
        try:
            cpu_compile.compiled(*job)
        finally:
            print(flush=True)


if __name__ == "__main__":
    _answer()
