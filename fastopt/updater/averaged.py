"""Averages in the place of the parameters, for a while: what `Optimizer.averaged` gives."""

from collections.abc import Callable, Iterable
from itertools import starmap
from typing import TYPE_CHECKING, Any

from ..kernels.language.values import either, short
from ..kernels.libraries.library import array_like, copy, view_of
from ..kernels.riders import AVERAGES, COPY
from .state import set_to

if TYPE_CHECKING:
    from .section import Section
    from .updater import Updater


class Averaged:
    """A context in which the parameters, and their copies in another type, have the values of the averages.

    They are written in place, and at the end the arrays have the bits from before, which are kept in copies: those take
    the memory of the parameters once more. A step, a load and others raise RuntimeError meanwhile; what is saved is
    what training goes on from.
    average: the option of one of several averages, None for the rule's own or that of ema. Raises AttributeError for an
    optimizer that keeps none, or not that one, ValueError for another name.
    """

    def __init__(self, updater: "Updater", average: str | None = None) -> None:
        if not any(section.keeps_average for section in updater.sections):
            raise AttributeError(
                f"{updater.rule.name} keeps no average of the weights; make the optimizer with ema=0.999, or of a rule "
                "that keeps one, such as schedule_free_adamw"
            )
        if average is not None and average not in AVERAGES:
            raise ValueError(f"average must be {either(AVERAGES)}, or None; got {short(average)}")
        self._slot = AVERAGES[average or "ema"]
        if average is not None and all(self._slot not in slots for slots in updater.state):
            if updater.rule.average is not None:
                raise AttributeError(f"{updater.rule.name} keeps an average of its own; leave {average!r} out")
            raise AttributeError(f"this optimizer was made without {average}; make another with {average}=...")
        self._updater = updater
        # For each parameter itself and, if there is one, its copy in another type, each with a copy of its bits.
        self._kept: list[list[tuple[Any, Any]]] = []
        self._by_id: dict[int, Any] = {}

    def __enter__(self) -> Any:
        updater = self._updater
        with updater.lock:
            params = updater.params
            updater.settle()
            updater.refuse_captured()
            updater.refuse_averaged("leave that with block first")
            updater.flush()
            arrays, names = updater.arrays, [f"params{path}" for path in updater.parameters.paths]
            updater.taken.check(arrays, range(len(arrays)))
            for array, name in zip(arrays, names, strict=True):
                if not view_of(array, name)[1].writable:
                    raise ValueError(f"{name} is read-only; make {name} writable, or put a writable array there")
            # A parameter without a step is its own average.
            for section in updater.sections:
                section.begin_slots(range(len(section.members)), section.of(arrays))
            self._kept, self._names = [], names
            kinds = {COPY: updater.definition.on.get("cast_to")}
            for array, state, storage, name in zip(arrays, updater.state, updater.storages, names, strict=True):
                held = [(array, storage), *((state[slot], kind) for slot, kind in kinds.items() if slot in state)]
                self._kept.append([(one, array_like(one, 0.0, kind, name)) for one, kind in held])
            self._by_id = {id(one): kept for held in self._kept for one, kept in held}
            self.keep(range(len(arrays)))
            write = self._filling(arrays)
            done = updater.journal.note(1, tuple, [self.put_back])
            try:
                updater.averaged = self
                write()
                for state, array, name in zip(updater.state, arrays, names, strict=True):
                    set_to(state, [COPY] if COPY in state else [], array, name)
                done.append(None)
            finally:
                # After an interrupt all is as before.
                updater.journal.settle()
        return params

    def __exit__(self, *_: Any) -> None:
        if self._updater.averaged is self:
            self.close()

    def close(self) -> None:
        """Bring the weights back, whoever put averages in their place; without averages there it does nothing.

        For a `with` that an interrupt broke off before its block began: opt.averaged().close().
        """
        updater = self._updater
        with updater.lock:
            updater.settle()
            if updater.averaged is not None:
                updater.journal.note(0, updater.averaged.put_back, ())
                updater.journal.settle()

    def _filling(self, arrays: list[Any]) -> Callable[[], Any]:
        """A function that writes the averages into the parameters."""
        fillings = [self._of_section(section, section.of(arrays)) for section in self._updater.sections]
        return lambda: [fill() for fill in fillings]

    def _of_section(self, section: "Section", arrays: list[Any]) -> Callable[[], Any]:
        """The same for the parameters of one rule; those whose rule keeps no average stay as they are."""
        average, counts = section.definition.average, section.counts
        if average is None:
            own = zip(section.state, arrays, section.paths, strict=True)
            pairs = [(state[self._slot], array, path) for state, array, path in own if self._slot in state]
            return lambda: [*starmap(copy, pairs)]
        # At the numbers of the last step, which made the parameters that they are.
        step = max(1, self._updater.journal.applied)
        rows = [
            {
                name: hyper.at(name, step) if callable(value) else value
                for hyper in row.layers
                for name, value in hyper.items()
                if name in average.hyper
            }
            for row in counts.rows
        ]
        sets = [
            [p, *(own.get(slot) for slot in average.arrays[1:])] for p, own in zip(arrays, section.state, strict=True)
        ]
        return lambda: average.decided(sets, rows, counts.row_of, section.label).write([])

    def keep(self, chosen: Iterable[int]) -> None:
        """Copy the present bits of parameters, which then are those that come back. chosen: which."""
        for k in chosen:
            for array, kept in self._kept[k]:
                copy(array, kept, self._names[k])

    def trained(self, array: Any) -> Any:
        """The array that has the bits of a parameter, or of its copy in another type, that training goes on from."""
        return self._by_id.get(id(array), array)

    def put_back(self) -> None:
        """May be interrupted and called again."""
        for k, held in enumerate(self._kept):
            for array, kept in held:
                copy(kept, array, self._names[k])
        self._updater.averaged = None
        self._kept, self._by_id = [], {}
