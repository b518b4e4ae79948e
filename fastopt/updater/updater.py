"""The core of an Optimizer: parameters with their state, counts and plans, and the function that applies a step."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ..kernels.arrays.row_sparse import distinct_rows
from ..kernels.definition import Definition
from ..kernels.language.hyperparameters import checked_loss
from ..kernels.riders import AVERAGE, COPY, CORRECTION, SECOND
from ..kernels.system import lock
from ..trees.followers import register
from .apart import Apart
from .choices import Choices
from .counts import History, SharedNumbers
from .gathering import Gathering
from .journal import NO_STEP, Journal
from .kept import copied, kept, remake
from .loss_scale import LossScaler
from .observers import Averaging, Replayed, Watching
from .section import Section
from .side_by_side import SideBySide
from .state import new_gradients
from .taken import Taken, taken


class Updater:
    """Parameters, and all that a step changes.

    params: the caller's tree. parameters: the places of its arrays; storages: their stored types. state: for each
    parameter its state arrays by slot, those of what rides along too. sections: the parameters of each rule; stepping:
    what takes a step of them all.
    definition, rule, hyper: of the rule of all parameters, which groups may replace. takes_loss: whether a step needs
    the loss. lock: held while anything changes. watch: the observer of the steps, or None. captured: the captured step
    that is open, or None. averaged: what has put averages in the place of the parameters, or None.
    gathering: the sums of gradients of several calls, or None without the option accumulate.
    """

    def __init__(self, params: Any, choices: Choices) -> None:
        self.begin(choices)
        new = taken(params, choices)
        arrays = new.parameters.of(params, "params")
        self.take(params, new, arrays, new.begun(choices), None)

    def begin(self, choices: Choices) -> None:
        """Make all that needs no parameters."""
        self.lock, self.journal = lock(), Journal()
        self.choices, self.definition, self.rule = choices, choices.definition, choices.definition.rule
        self.hyper, self.groups = choices.hyper, choices.groups
        kinds: dict[Any, Section] = {}
        # For each of the rules its section; groups with the same rule have one.
        self._section_of = [kinds.setdefault(ruled.kind, Section(ruled, choices)) for ruled in choices.rules]
        how, zeroes = choices.accumulate, bool(self.definition.on.get("zero_grads"))
        self.gathering = Gathering(how, zeroes, choices.casts) if how else None
        self.loss_scaler: LossScaler | None = None
        self.watch: Watching | None = None
        self.captured: Replayed | None = None
        self.averaged: Averaging | None = None

    # For copy.deepcopy and pickle.
    __getstate__, __setstate__, __deepcopy__ = kept, remake, copied

    def take(
        self,
        params: Any,
        new: Taken,
        arrays: list[Any],
        histories: Sequence[History],
        gradients: Sequence[Any] | None,
    ) -> None:
        """Take over parameters; may be interrupted and called again, whatever the tree has become by then.

        arrays: those of the tree. gradients: the arrays of `grads`, or None for all or for those that nobody has asked
        for.
        """
        self._params, self.taken = params, new
        self.parameters, self.storages, self.state = new.parameters, new.storages, new.state
        for hyper, of_rule in self.choices.every_hyper:
            hyper.hold(of_rule, new.above.get(hyper))
        # No method of this object goes into the plans: they must not lead back to it.
        apart = Apart(new.parameters.paths, new.state)
        members: dict[Section, list[int]] = {section: [] for section in self._section_of}
        # Where each parameter is: its section and its number there.
        self._places: list[tuple[Section, int]] = []
        for k, number in enumerate(new.rule_of):
            own = members[section := self._section_of[number]]
            self._places.append((section, len(own)))
            own.append(k)
        # A section without parameters begins anew: it has arrays no more.
        pairs = dict(zip(self._section_of, self.choices.rules, strict=True))
        anew = {section: Section(pairs[section], self.choices) for section, own in members.items() if not own}
        self._section_of = [anew.get(section, section) for section in self._section_of]
        self.sections = [section for section, own in members.items() if own]
        for section in self.sections:
            own = members[section]
            section.take(own, new, partial(apart.beside, own) if len(own) < len(new.state) else tuple)
        self.stepping: Any = self.sections[0] if len(self.sections) == 1 else SideBySide(self.sections, apart)
        self.takes_loss = any(section.rule.takes_loss for section in self.sections)
        self.latest = arrays
        self.gradients = gradients
        self._asked = gradients is not None and all(array is not None for array in gradients)
        if self.gathering is not None:
            self.gathering.take(new)
        self.set_counts(histories, self.journal.applied, self.journal.skipped)
        if any(section.has_derived or section.keeps_average for section in self.sections):
            register(self)

    @property
    def params(self) -> Any:
        """The caller's tree."""
        if self.journal.pending is not None:
            self.finish()
        return self._params

    @params.setter
    def params(self, params: Any) -> None:
        self.finish()
        self._params = params

    def finish(self) -> None:
        """Finish what an interrupt left open, before parameters and state are looked at."""
        if self.journal.pending is not None:
            # It may be another thread's step that is on its way.
            with self.lock:
                self.journal.settle()

    def serve(self, loss_scaler: LossScaler | None) -> None:
        """Use another loss scaler, which then serves no other optimizer."""
        self.loss_scaler = loss_scaler
        if loss_scaler is not None:
            loss_scaler.serve(self.journal)

    @property
    def arrays(self) -> list[Any]:
        """The parameters that are in the tree now; the caller may have replaced some."""
        return self.parameters.of(self._params, "params")

    @property
    def t(self) -> int:
        """How many steps were applied."""
        self.settle()
        return self.journal.applied

    @property
    def skipped(self) -> int:
        """How many steps were skipped since a gradient was not finite."""
        self.settle()
        return self.journal.skipped

    @property
    def uniform_states(self) -> list[dict[str, float]]:
        """The numbers that the rule carries from step to step, for each parameter."""
        self.settle()
        return [row.history.states for row in self.rows]

    @property
    def rules(self) -> list[Any]:
        """The rule of each parameter."""
        return [section.rule for section, _ in self._places]

    def definition_of(self, k: int) -> Definition:
        """The rule of the k-th parameter, with what rides along."""
        return self._places[k][0].definition

    @property
    def rows(self) -> list[SharedNumbers]:
        """For each parameter the numbers that it shares with others."""
        return [section.counts.rows[section.counts.row_of[place]] for section, place in self._places]

    @property
    def grads(self) -> Any:
        """Gradient arrays in the tree of the parameters, made when they are first asked for."""
        self.finish()
        if self.gathering is not None:
            raise AttributeError(
                "an optimizer with accumulate has no arrays for gradients, as opt.step() takes what "
                "opt.accumulate(grads) has added up, and not what stands in them; pass arrays of your own, as in "
                "opt.accumulate(grads)"
            )
        if not self._asked:
            self.gradients = new_gradients(self.parameters, self.storages, self.arrays, self.gradients or ())
            self._asked = True
        return self.parameters.in_tree(self.gradients or ())

    def asked_grads(self) -> Any:
        """The tree of `grads`, or of the sums that `accumulate` has made. Raises TypeError if there are no sums, or if
        the caller cannot have written into all arrays of `grads`."""
        if self.gathering is not None:
            self.finish()
            return self.gathering.tree()
        if not self._asked:
            new = "" if self.gradients is None else " since opt.sync() took new parameters"
            raise TypeError(
                f"without grads a step takes the arrays of opt.grads, but opt.grads was never read{new}, so that "
                "nothing was written there; pass the gradients, as in opt.step(grads), or write them into opt.grads "
                "first"
            )
        return self.grads

    def tree_of(self, slot: str) -> Any:
        """The arrays of a slot in the tree of the parameters, with None for those whose rule keeps none."""
        self.finish()
        return self.parameters.in_tree([slots.get(slot) for slots in self.state])

    def set_counts(self, histories: Sequence[History], applied: int, skipped: int) -> None:
        """Set each parameter's history, and how many steps were applied and skipped."""
        for section in self.sections:
            section.set_counts(section.of(histories))
        self.journal.applied, self.journal.skipped, self.journal.latest = applied, skipped, NO_STEP

    def refresh(self, but: Collection[int] = ()) -> None:
        """Have copies, and averages without a mean, equal the parameters, which others may have written, and
        corrections be 0. but: the numbers of parameters that nobody has written; copies beside corrections stay.
        """
        if any(section.has_derived for section in self.sections):
            with self.lock:
                self.settle()
                self.taken.check(arrays := self.arrays, range(len(arrays)))
                corrected = {k for k in but if CORRECTION in self.state[k]}
                for k, (section, place) in enumerate(self._places):
                    if k not in corrected:
                        section.uncorrect(place)
                self.refresh_all(arrays, {self.parameters.keys[k] for k in corrected})

    def refresh_all(self, arrays: Sequence[Any], but: Collection[str] = ()) -> None:
        """`refresh` while the lock is held. arrays: the parameters. but: by their keys those whose copies stay."""
        for section in self.sections:
            section.refresh(section.of(arrays), section.of(self.parameters.keys), but)

    def follow(self, arrays: Collection[Any]) -> None:
        """Follow the values of arrays that were put back, if they are parameters."""
        ids = set(map(id, arrays))
        try:
            own = self.arrays
        except ValueError:  # Its container has changed, as its next step will say.
            return
        theirs = [k for k, array in enumerate(own) if id(array) in ids]
        if not theirs:
            return
        with self.lock:
            self.settle()
            for k in theirs:
                section, place = self._places[k]
                section.begin_anew(place, own[k])
            self.refresh(set(range(len(own))).difference(theirs))
            if self.averaged is not None:
                self.averaged.keep(theirs)

    def settle(self) -> None:
        """Bring the counts up to date after an interrupted step or after replays of a captured step."""
        self.finish()
        if self.captured is not None:
            self.captured.settle()

    def refuse_averaged(self, remedy: str) -> None:
        """Raise RuntimeError while averages are in the place of the parameters."""
        if self.averaged is not None:
            raise RuntimeError(
                f"the averages are in the place of the parameters, within averaged(); {remedy}; if that was "
                "interrupted, opt.averaged().close() brings the parameters back"
            )

    def refuse_captured(self) -> None:
        """Raise RuntimeError while a captured step is open."""
        if self.captured is not None:
            raise RuntimeError(
                "a captured step is open, which counts steps for itself; call the captured step, or close() it first"
            )

    def step(self, params: Any, grads: Any, loss: Any = None) -> None:
        """Apply a step. params, grads: trees in the structure of the parameters. loss: as in Optimizer.step."""
        with self.lock:
            if self.journal.pending is not None:
                self.finish()  # It may be of other parameters.
            of = self.parameters.of
            parameters, gradients = of(params, "params"), of(grads, "grads")
            watch = self.watch
            try:
                if watch is not None and watch.due():
                    arrays = [s.as_array(k, g) for (s, k), g in zip(self._places, gradients, strict=True)]
                    watch.around(parameters, arrays, loss)
                else:
                    self.update(parameters, gradients, loss)
            except TypeError:
                # A container in the place of an array has a better message.
                self.parameters.matching(params, "params")
                raise

    def accumulate(self, grads: Any) -> None:
        """Add gradients to those that the next step takes, as Optimizer.accumulate says."""
        if self.gathering is None:
            raise AttributeError(
                "this optimizer was made without accumulate; make another with accumulate='mean' or 'sum', of the "
                "gradients of all calls"
            )
        with self.lock:
            self.finish()
            self.refuse_averaged("leave its with block, and then accumulate")
            of = self.parameters.of
            self.gathering.add(of(self.params, "params"), of(grads, "grads"), self.gradient, self.journal)

    def update(self, parameters: list[Any], gradients: list[Any], loss: Any = None) -> None:
        """Apply a step without the watch. parameters, gradients: in the order of the tree, None for no gradient."""
        if loss is not None or self.takes_loss:
            loss = self._checked(loss)
        journal, scaler = self.journal, self.loss_scaler
        if journal.pending is not None:
            journal.settle()
        if self.captured is not None:
            self.refuse_captured()
        if self.averaged is not None:
            self.refuse_averaged("leave its with block, and then step")
        gathering, stepping = self.gathering, self.stepping
        # Of how many calls of accumulate the gradients are the sums.
        calls = 0 if gathering is None else gathering.calls_of(gradients)
        try:
            begun = stepping.begin(parameters, gradients)
        except (TypeError, ValueError):
            # A parameter that its state does not fit has a remedy of its own.
            self.taken.check(parameters, [k for k, gradient in enumerate(gradients) if gradient is not None])
            raise
        if begun is None:
            if gathering is not None:
                gathering.drop()
            return
        self.latest = parameters
        scale = None
        if scaler is not None:
            scaler.check_serves(journal)
            scale = scaler.inverse()
        told = journal.applied + 1, loss, calls, scale
        numbers = stepping.numbers(begun, told)
        stepping.prepare(begun, parameters)
        executor = begun[0]
        states = executor.decide(numbers)
        found = executor.program, executor.found
        if states is None:
            zeroed = stepping.skipped(begun)
            journal.begin(0, (), scaler, zeroed, (), (journal.latest[0], found), gathering)
        else:
            counted, zeroed, notes, used = stepping.applied(begun, states, numbers, told)
            executor.write(journal.begin(executor.writes, counted, scaler, zeroed, notes, (used, found), gathering))
        journal.settle()

    def _checked(self, loss: Any) -> Any:
        """The loss of a step as a number, checked for the rules."""
        # Of all rules: one that has no parameters may take the loss too.
        rules = [*(section.rule for section in self.sections), *(one.definition.rule for one in self.choices.rules)]
        rule = next((rule for rule in rules if rule.takes_loss), self.rule)
        return checked_loss(rule.name, loss, rule.takes_loss, self.definition.guarded)

    def gradient(self, k: int, parameter: Any, gradient: Any) -> Any:
        """A gradient of the k-th parameter in the form that a plan takes."""
        section, place = self._places[k]
        return section.gradient(place, parameter, gradient)

    def begun(self, new: Taken) -> list[History]:
        """The histories of parameters that begin now, in the midst of a run."""
        histories = new.begun(self.choices)
        for section in self.sections:
            start = section.counts.started(section.rule.states)
            for k, rule in enumerate(new.rule_of):
                if self._section_of[rule] is section:
                    histories[k] = histories[k]._replace(states=start)
        return histories

    def flush(self, rows: Any = None) -> None:
        """Have the rows that row-sparse gradients have not touched lately catch up with the steps that they missed.

        rows: arrays of row numbers in the tree of the parameters, or None in the place of an array; None for all rows.
        Raises TypeError, ValueError or IndexError for invalid row numbers; nothing has then been changed.
        """
        with self.lock:
            self.settle()
            arrays = self.arrays
            behind = [k for k, (section, place) in enumerate(self._places) if place in section.rows_behind.by_parameter]
            if rows is None:
                chosen = dict.fromkeys(behind)
            else:
                named = zip(self.parameters.of(rows, "rows"), arrays, self.parameters.paths, strict=True)
                checked = [
                    x if x is None else distinct_rows(x, (*p.shape, 0)[0], f"rows{path}") for x, p, path in named
                ]
                chosen = {k: checked[k] for k in behind if checked[k] is not None}
            self.taken.check(arrays, chosen)
            self.catch_up_all({k: arrays[k] for k in chosen}, chosen)

    def catch_up_all(self, arrays: Mapping[int, Any], rows: Mapping[int, Any] | None = None) -> None:
        """Have rows of parameters catch up, where some are behind. arrays: by the number of the parameter. rows: row
        numbers by the same, NumPy's int64, each once; None for all."""
        for k, array in arrays.items():
            section, place = self._places[k]
            if place in section.rows_behind.by_parameter:
                section.catch_up(place, array, None if rows is None else rows[k])

    def label(self, position: int, name: str) -> str:
        """How messages name an array of a parameter."""
        section, place = self._places[position]
        return section.label(place, name)

    def named(self) -> Iterator[tuple[str, Any]]:
        """Every array and uniform state with its name."""
        trees, states = {AVERAGE: "ema", SECOND: "ema2", COPY: "cast"}, self.uniform_states
        for k, (path, array) in enumerate(zip(self.parameters.paths, self.arrays, strict=True)):
            yield f"params{path}", array
            for slot, value in (self.state[k] | states[k]).items():
                yield trees[slot] + path if slot in trees else self.label(k, slot), value
