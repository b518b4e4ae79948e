"""The sections of `bits`."""

import multiprocessing
import warnings
from collections.abc import Callable, Sequence

from .device import Gpu
from .huge import rows as huge
from .marked import rows as marked
from .riders import rows as riders
from .runner import Rows, Section
from .sanitizer import rows as sanitizer
from .training import rows as training
from .ways import EVERY, SIZES, STORAGES, compared


def sections(gpu: Gpu, jobs: int) -> list[Section]:
    """What matters most comes first. jobs: how many processes compile and compare at once."""
    return [
        Section("every rule and type", 200, lambda left: rules(gpu, jobs)),
        Section("what rides along", 60, lambda left: riders(gpu)),
        Section("digits", 60, lambda left: training()),
        Section("more than 2^31 elements", 60, lambda left: huge(gpu)),
        Section("tests marked gpu", 200, lambda left: marked(jobs, left)),
        Section("compute-sanitizer", 150, sanitizer),
    ]


def rules(gpu: Gpu, jobs: int, names: Sequence[str] = tuple(EVERY), sizes: Sequence[int] = SIZES) -> Rows:
    """A row for each rule and type; most of the time goes into compiling, which several processes share."""
    cases = [(name, storage, sizes) for storage in STORAGES for name in names]
    if jobs == 1:
        for case in cases:
            yield _named(case, gpu)
        return
    pool = multiprocessing.get_context("spawn").Pool(jobs, _start)
    try:
        yield from pool.imap_unordered(_compare, cases)
    finally:
        pool.terminate()
        pool.join()


Case = tuple[str, str, Sequence[int]]
_gpu: Callable[[], Gpu] | None = None


def _named(case: Case, gpu: Gpu) -> tuple[str, dict[str, object]]:
    name, storage, sizes = case
    try:
        return f"{name}, {storage}", compared(name, storage, gpu, sizes)
    # One rule that cannot be stepped leaves the others to be compared.
    except Exception as error:
        return f"{name}, {storage}", {"wrong": [f"{type(error).__name__}: {error}"]}


def _start() -> None:
    warnings.simplefilter("ignore")


def _compare(case: Case) -> tuple[str, dict[str, object]]:
    return _named(case, Gpu())
