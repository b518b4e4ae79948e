"""A step that a CUDA graph can hold: all numbers that it needs are on the GPU, for any number of steps ahead."""

from typing import Any

from ..kernels.cuda.unattended import UnattendedSteps
from ..kernels.language.hyperparameters import plain_number
from ..kernels.language.values import shown
from ..kernels.riders import GRAD_NORM
from ..kernels.step.executors import noted
from ..updater.updater import Updater
from .foreseen import Foreseen, ForeseenPart


class Captured:
    """A step on CuPy's current stream that is issued by a call, exchanges nothing with the host, and can be captured.

        step = opt.captured(grads, steps=1000)
        with cupy.cuda.Stream(non_blocking=True) as stream:
            stream.begin_capture()
            ...                                 # what computes the gradients, into the same arrays
            step()
            graph = stream.end_capture()
        for _ in range(1000):
            graph.launch(stream)

    Replays have the bits of ordinary steps; of several rules all apply a step, or none does. The host does not see
    replays: every question to the optimizer (`t`, `skipped`, `save`, ...) waits for the GPU first. Functions of the
    step are called beforehand, once for each of the steps; past the last of these steps nothing is written, and the
    next question raises RuntimeError.

    A replay waits for what was issued in its stream, and for nothing else: gradients that another stream computes must
    be waited for (`stream.wait_event`), and so must replays before another stream reads the parameters.
    Parameters, gradients, averages and copies of weights stay where they are while a graph holds the step, and this
    object stays open; drop the graph before `close`. In between `opt.step` raises RuntimeError, and new hyperparameters
    hold from the next `refill` on.
    """

    def __init__(self, updater: Updater, grads: Any, steps: int) -> None:
        steps = plain_number(steps)
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ValueError(f"steps must be a whole number, 1 or more; got {shown(steps)}")
        if updater.loss_scaler is not None:
            raise ValueError(
                "a captured step has no loss_scaler, which looks at each step from the host; make the optimizer with "
                "grad_scale and skip_nonfinite instead"
            )
        if updater.gathering is not None:
            raise ValueError(
                "a captured step takes the gradients that stand in its arrays; make the optimizer without accumulate, "
                "and add the gradients of micro-batches up in those arrays"
            )
        for section in updater.sections:
            if section.rule.takes_loss:
                raise ValueError(
                    f"a captured step works out all steps beforehand, but {section.rule.name} takes the loss of each; "
                    "call opt.step(grads, loss=loss)"
                )
        updater.refuse_averaged("leave its with block, and then capture a step")
        self._refuse_monitors(updater)
        self._updater, self.steps = updater, steps
        given = updater.asked_grads() if grads is None else grads
        self._arrays = updater.arrays
        self._parts = updater.stepping.held(self._arrays, updater.parameters.of(given, "grads"))
        if not self._parts:
            raise ValueError("grads has no arrays, only None; pass a gradient for at least one parameter")
        stepping = [section for section, *_ in self._parts]
        self._resting = [section for section in updater.sections if section not in stepping]
        programs = [plan.on_gpu(len(section.counts.rows)) for section, (_, plan, *_) in self._parts]
        # For each rule where its arrays are among all.
        places = [section.numbers_of_all[chosen] for section, (_, _, chosen, *_) in self._parts]
        self._steps = UnattendedSteps(programs, places, None)
        self._steps.tables()
        for section, (_, _, chosen, *_) in self._parts:
            section.begin_slots(chosen, section.of(self._arrays))
        self._fill()
        updater.captured = self

    def _refuse_monitors(self, updater: Updater) -> None:
        if monitors := updater.choices.called_monitors:
            names = ", ".join(type(monitor).__name__ for monitor in monitors.values())
            raise ValueError(
                f"a captured step works out all steps beforehand, but {names} changes with what the host sees; pass "
                "numbers or schedules without monitors"
            )

    def _fill(self) -> None:
        """Compute the numbers of the coming steps and send them to the GPU; if that fails, the earlier numbers hold."""
        journal = self._updater.journal
        parts = [ForeseenPart(*pair) for pair in zip(self._parts, self._steps.programs, strict=True)]
        every = [*parts, *map(Foreseen, self._resting)]
        # Step by step, all rows in each: the order in which ordinary steps call the functions of the step.
        for step in range(journal.applied + 1, journal.applied + self.steps + 1):
            for one in every:
                one.step((step, None, 0, None))
        self._refuse_monitors(self._updater)
        self._steps.tell_all(self.steps, [part.told for part in parts], [part.carried for part in parts])
        self._foreseen, self._numbers, self._said = every, [(part.section, part.numbers) for part in parts], False
        self._before = journal.applied, journal.skipped

    def __call__(self) -> None:
        self._refuse_closed()
        self._steps.run()

    def settle(self) -> None:
        """Set the optimizer's counts to those of the GPU. Raises RuntimeError, once, if something stopped the replays.

        Raises ValueError if a parameter was replaced by another array, which replays do not update.
        """
        done = self._count()
        self._check_parameters()
        self._say(*done)

    def _count(self) -> tuple[int, int, str]:
        """Set the optimizer's counts to those of the GPU; returns the steps applied and skipped, and why it stopped."""
        applied, skipped, stopped = self._steps.clock()
        journal, (applied_before, skipped_before) = self._updater.journal, self._before
        for one in self._foreseen:
            one.count(applied)
        journal.applied, journal.skipped = applied_before + applied, skipped_before + skipped
        records, found = journal.latest
        if applied:
            records = [(own.members, own.counts, numbers[applied - 1]) for own, numbers in self._numbers]
        (first, *_), *_ = self._parts
        if applied + skipped and GRAD_NORM in first.program.noted:
            found = noted(first.program, self._steps.programs[0], GRAD_NORM)
        journal.latest = records, found
        return applied, skipped, stopped

    def _check_parameters(self) -> None:
        now = self._updater.arrays
        for section, (_, _, chosen, *_) in self._parts:
            for k in chosen:
                if now[place := section.members[k]] is not self._arrays[place]:
                    raise ValueError(
                        f"{section.label(k, section.rule.arrays[0])} is another array than when the step was captured, "
                        "and replays go on with the old one; write into the old array, or capture another step"
                    )

    def _say(self, applied: int, skipped: int, stopped: str) -> None:
        if stopped and not self._said:
            self._said = True
            rules = ", ".join(section.rule.name for section in self._updater.sections)
            raise RuntimeError(
                f"{rules}: of its {self.steps} captured steps {applied} were applied and {skipped} "
                f"skipped; then {stopped}, and replays have written nothing since; call refill()"
            )

    def _refuse_closed(self) -> None:
        if self._updater.captured is not self:
            raise RuntimeError("this captured step was closed; make another with opt.captured(grads)")

    @property
    def left(self) -> int:
        """How many steps are left before `refill`; waits for the GPU."""
        with self._updater.lock:
            applied: int = self._steps.clock()[0]
            return self.steps - applied

    def refill(self) -> None:
        """Compute the numbers of as many steps again, from the optimizer's present state and hyperparameters.

        Waits for the GPU. A graph that holds the step goes on with these numbers. Raises what a function of the step
        raises; the numbers from before then still hold.
        """
        with self._updater.lock:
            self._refuse_closed()
            # Why it stopped is not raised: refill is the remedy.
            self._count()
            self._check_parameters()
            self._fill()

    def close(self) -> None:
        """Settle, and return the optimizer to ordinary steps. After it no graph that holds the step may be launched."""
        with self._updater.lock:
            if self._updater.captured is self:
                # An interrupt before all is counted leaves the captured step open.
                done = self._count()
                self._updater.captured = None
                self._check_parameters()
                self._say(*done)

    def __enter__(self) -> "Captured":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
