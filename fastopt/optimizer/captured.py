"""A step that a CUDA graph can hold: all numbers that it needs are on the GPU, for any number of steps ahead."""

from dataclasses import replace
from typing import Any

import numpy as np

from ..kernels.arrays.row_sparse import RowSparse
from ..kernels.language.hyperparameters import plain_number
from ..kernels.language.values import shown
from ..kernels.riders import GRAD_NORM
from ..kernels.step.executors import foretold, noted
from ..updater.counts import History
from ..updater.updater import Updater


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

    Replays have the bits of ordinary steps. The host does not see them: every question to the optimizer (`t`,
    `skipped`, `save`, ...) waits for the GPU first. Functions of the step are called beforehand, once for each of the
    steps; past the last of these steps nothing is written, and the next question raises RuntimeError.

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
        section, *others = updater.sections
        if others:
            rules = ", ".join(one.rule.name for one in updater.sections)
            raise ValueError(
                f"a captured step has one rule, but this optimizer has {rules}; call opt.step(grads), or make an "
                "optimizer for each rule"
            )
        updater.refuse_averaged("leave its with block, and then capture a step")
        self._refuse_monitors(updater)
        self._updater, self._section, self.steps = updater, section, steps
        given = updater.asked_grads() if grads is None else grads
        parameters, gradients = updater.arrays, updater.parameters.of(given, "grads")
        chosen = [k for k, gradient in enumerate(gradients) if gradient is not None]
        if not chosen:
            raise ValueError("grads has no arrays, only None; pass a gradient for at least one parameter")
        counts = section.split(chosen)
        self._chosen = chosen
        self._parameters = [parameters[k] for k in chosen]
        self._gradients = [section.gradient(k, parameters[k], gradients[k]) for k in chosen]
        for k, gradient in zip(chosen, self._gradients, strict=True):
            if isinstance(gradient, RowSparse):
                label = section.label(k, section.rule.arrays[1])
                raise TypeError(f"{label} is row-sparse; a captured step needs dense gradients: pass a CuPy array")
        self._plan = section.plans.new(chosen, counts.row_of)
        self._plan.take(self._parameters, self._gradients)
        self._steps = self._plan.unattended_steps(len(counts.rows))
        self._steps.tables()
        section.begin_slots(chosen, parameters)
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
        rows, gpu = self._section.counts.rows, self._steps.gpu_numbers
        coming = [replace(row) for row in rows]
        told, states, means, numbers = [], [], [], []
        # Step by step, all rows in each: the order in which ordinary steps call the functions of the step.
        applied = self._updater.journal.applied
        for step in range(applied + 1, applied + self.steps + 1):
            numbers.append([row.numbers(step) for row in coming])
            known = foretold(gpu, numbers[-1])
            told.append([values for values, _ in known])
            states.append([after for _, after in known])
            for number in self._section.counts.going_on(self._plan.rows):
                row = coming[number]
                had, own = row.history, row.history.states | states[-1][number]
                steps = number in self._plan.rows
                row.history = had.after(own, numbers[-1][number]) if steps else had._replace(states=own)
            means.append([row.history.means for row in coming])
        self._refuse_monitors(self._updater)
        carried = [[row.history.states[name] for name in gpu.carried] for row in rows]
        table = np.array(told, np.float64).reshape(self.steps, len(rows), len(gpu.told))
        self._steps.tell_all(np.ascontiguousarray(table.swapaxes(0, 1)), carried)
        self._states, self._means, self._numbers, self._said = states, means, numbers, False
        self._base = [row.history.steps for row in rows], applied, self._updater.journal.skipped

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
        updater, gpu = self._updater, self._steps.gpu_numbers
        applied, skipped, stopped = self._steps.clock()
        counts, applied_before, skipped_before = self._base
        carried = self._steps.states()
        rows = self._section.counts.rows
        for number in self._section.counts.going_on(self._plan.rows):
            row = rows[number]
            known = self._states[applied - 1][number] if applied else {}
            row.history = History(
                counts[number] + applied * (number in self._plan.rows),
                row.history.states | known | dict(zip(gpu.carried, carried[number], strict=True)),
                self._means[applied - 1][number] if applied else row.history.means,
            )
        updater.journal.applied, updater.journal.skipped = applied_before + applied, skipped_before + skipped
        journal, program = updater.journal, self._section.program
        section = self._section
        records, found = journal.latest
        if applied:
            records = [(section.members, section.counts, self._numbers[applied - 1])]
        if applied + skipped and GRAD_NORM in program.noted:
            found = noted(program, self._steps, GRAD_NORM)
        journal.latest = records, found
        return applied, skipped, stopped

    def _check_parameters(self) -> None:
        updater = self._updater
        now = updater.arrays
        for k, array in zip(self._chosen, self._parameters, strict=True):
            if now[k] is not array:
                label = updater.label(k, updater.rule.arrays[0])
                raise ValueError(
                    f"{label} is another array than when the step was captured, and replays go on with the old one; "
                    "write into the old array, or capture another step"
                )

    def _say(self, applied: int, skipped: int, stopped: str) -> None:
        if stopped and not self._said:
            self._said = True
            raise RuntimeError(
                f"{self._updater.rule.name}: of its {self.steps} captured steps {applied} were applied and {skipped} "
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
