"""The sections of `bits`."""

import multiprocessing
from collections.abc import Callable, Sequence

from .device import Gpu
from .huge import rows as huge
from .marked import rows as marked
from .riders import rows as riders
from .runner import Row, Rows, Section
from .sanitizer import rows as sanitizer
from .training import rows as training
from .ways import EVERY, SIZES, STORAGES, compared

Case = tuple[str, str, Sequence[int]]


def sections(gpu: Gpu, jobs: int) -> list[Section]:
    """The sections, the most important first. jobs: how many processes compile and compare at once."""
    return [
        Section("every rule and type", 200, lambda left: rules(gpu, jobs, left)),
        Section("what rides along", 60, lambda left: riders(gpu)),
        Section("digits", 60, lambda left: training()),
        Section("more than 2^31 elements", 60, lambda left: huge(gpu)),
        Section("tests marked gpu", 200, lambda left: marked(jobs, left)),
        Section("compute-sanitizer", 150, sanitizer),
    ]


def rules(
    gpu: Gpu,
    jobs: int,
    left: Callable[[], float],
    names: Sequence[str] = tuple(EVERY),
    sizes: Sequence[int] = SIZES,
) -> Rows:
    """A row for each rule and type; most of the time goes into compiling, which several processes share."""
    cases = [(name, storage, sizes) for storage in STORAGES for name in names]
    if jobs == 1:
        for case in cases:
            yield _compared(case, gpu)
        return
    pool = multiprocessing.get_context("spawn").Pool(jobs)
    try:
        results = pool.imap_unordered(_compared_in_a_process, cases)
        for _ in cases:
            # A process that dies never gives its case's row; without a limit the wait for it would not end.
            yield results.next(max(1.0, left()))
    finally:
        pool.terminate()
        pool.join()


def _compared(case: Case, gpu: Gpu) -> tuple[str, Row]:
    name, storage, sizes = case
    try:
        return f"{name}, {storage}", compared(name, storage, gpu, sizes)
    except Exception as error:
        # One rule that cannot be stepped leaves the others to be compared.
        return f"{name}, {storage}", {"wrong": [f"{type(error).__name__}: {error}"]}


def _compared_in_a_process(case: Case) -> tuple[str, Row]:
    try:
        gpu = Gpu()
    except Exception as error:
        # Not every library's errors can be sent from process to process.
        raise RuntimeError(f"a process that compares cannot use the GPU: {error}") from None
    return _compared(case, gpu)
