"""A machine that uses an optimizer as people do, rightly and wrongly, and holds it against the model in plain NumPy."""

import copy
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import same_bits, same_numbers
from fuzz_bad_arrays import CALLS as ARRAYS
from fuzz_bad_files import CALLS as FILES
from fuzz_bad_numbers import CALLS as NUMBERS
from fuzz_cases import SEEDS, Case, Problem, number, problems
from fuzz_trees import (
    LAYOUTS,
    MOODS,
    Wrapped,
    frozen,
    in_one_block,
    in_parts,
    laid,
    named,
    numbers,
    placed,
    put,
    put_in,
    replaced,
    taken_out,
    wrappable,
)
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from plain_model import PlainModel, copied

import fastopt
from fastopt.kernels import Rule
from fastopt.kernels.gathering import SUM
from fastopt.kernels.language.hyperparameters import plain_number
from fastopt.kernels.riders import AVERAGES, COPY, SLOW

# Where gradients come from: new arrays; those of the step before; views into one block, or of one number; such that
# only share their memory, or cannot be written; scalars for parameters without dimensions; the optimizer's own; and
# parameters that are given too.
HOW = ["new", "same arrays", "one block", "broadcast", "wrapped", "read-only", "scalars", "own", "update"]
# Which arrays have no gradient, by bits.
ABSENT = [0, 0, 0, 0, 1, 2, 5, 6, 31]
BAD = {**ARRAYS, **NUMBERS, **FILES}


class Machine(RuleBasedStateMachine):
    """One run of it is an example. A subclass has the case, a folder for files, and seen, a count of what happened."""

    case: Case
    folder: Path
    seen: Counter[str]

    @initialize(data=st.data(), seed=SEEDS)
    def make(self, data: Any, seed: int) -> None:
        self.problem: Problem = data.draw(problems(self.case))
        self.opt, self.model, self.arrays = self.built(seed)
        self.grads: list[Any] = []
        self.forgets = False
        self.saved: dict[str, tuple[Any, PlainModel, bool]] = {}
        self.seen["examples"] += 1
        self.seen["examples with work for several threads"] += sum(a.size for a in self.arrays) > 65536

    def built(self, seed: int) -> tuple[Any, PlainModel, list[Any]]:
        """An optimizer, its model, and the parameters."""
        problem, statics = self.problem, self.case.statics
        arrays = self.parameters(seed)
        scalers = [fastopt.LossScaler(problem.scale, interval=3) if problem.scale else None for _ in range(2)]
        plain = {name: plain_number(value) for name, value in problem.hyper.items()}
        numbers = [{name: plain_number(v) for name, v in given.items()} for given in problem.groups.values()]
        if self.case.scaler:
            plain.setdefault("grad_scale", 1.0)
        seen = [*map(in_parts, arrays)]
        model = PlainModel(self.case.rule, seen, {**statics, **plain}, numbers, problem.members, scalers[1])
        options = {**statics, **problem.hyper, "loss_scaler": scalers[0], "shared": self.shared}
        groups = list(problem.groups.items()) if any(map(callable, problem.groups)) else problem.groups
        return fastopt.Optimizer(self.tree(arrays), self.case.rule, groups=groups, **options), model, arrays

    def parameters(self, seed: int) -> list[Any]:
        leaves = self.problem.leaves
        return [laid(numbers(one.shape, one.kind.storage, seed + k), one.layout) for k, one in enumerate(leaves)]

    @property
    def told(self) -> dict[str, Any]:
        """The loss of each step, for a rule that takes it."""
        return self.case.rule.told(1.0)

    @property
    def shared(self) -> bool:
        return len(named(self.problem.tree)) > len(self.problem.leaves)

    def tree(self, arrays: Sequence[Any]) -> Any:
        """These arrays in the structure of the parameters."""
        return replaced(self.problem.tree, arrays.__getitem__, nothing=None)

    def gradients(self, seed: int, mood: str = "normal", how: str = "new") -> list[Any]:
        """For each parameter a gradient in NumPy, laid as its kind allows."""
        leaves = self.problem.leaves
        values = [numbers(one.shape, one.kind.gradient, seed + k, mood) for k, one in enumerate(leaves)]
        if how == "same arrays" and self.grads:
            for array, new in zip(self.grads, values, strict=True):
                array[...] = new
            return self.grads
        if (
            how == "own"
            and "accumulate" not in self.case.options
            and all(one.kind.storage == one.kind.gradient for one in leaves)
        ):
            own = placed(self.problem.tree, self.opt.grads)
            for k, new in enumerate(values):
                own[k][...] = new
            return [own[k] for k in range(len(leaves))]
        generator = np.random.default_rng(seed)
        layouts = [LAYOUTS[generator.integers(4)] if one.kind.dimensions else one.layout for one in leaves]
        if how == "one block":
            return in_one_block(values, layouts)
        if how == "broadcast" and not self.case.options.get("zero_grads"):
            layouts = ["broadcast" if one.kind.dimensions else one.layout for one in leaves]
            return [laid(x, layout) for x, layout in zip(values, layouts, strict=True)]
        self.grads = [laid(x, layout) for x, layout in zip(values, layouts, strict=True)]
        return self.grads

    def steps(self, seed: int, count: int) -> None:
        generator = np.random.default_rng(seed)
        for k in range(count):
            if k:
                self.all_is_as_in_the_model()
            mood, how, absent = (kinds[generator.integers(len(kinds))] for kinds in (MOODS, HOW, ABSENT))
            note(f"step: seed={seed + 10 * k}, mood={mood!r}, how={how!r}, absent={absent}")
            self.one_step(seed + 10 * k, mood, how, absent)

    # As often as four other uses.
    some, more, others, last = (rule(seed=SEEDS, count=st.integers(1, 4))(f) for f in [steps] * 4)

    def one_step(self, seed: int, mood: str, how: str, absent: int) -> None:
        gradients: list[Any] = self.gradients(seed, mood, how)
        own = how == "own" and self.are_own(gradients)
        # An optimizer of one array takes None for no argument.
        if not own and self.problem.tree != 0:
            gradients = [None if absent >> k & 1 else g for k, g in enumerate(gradients)]
        if how == "read-only" and not self.case.options.get("zero_grads"):
            gradients = [g if g is None else frozen(g) for g in gradients]
        if how == "scalars" and not self.case.options.get("zero_grads"):
            gradients = [g if g is None or g.shape else g[()] for g in gradients]
        if "accumulate" in self.case.options and (self.model.calls or seed % 2):
            self.accumulated(gradients, seed)
            return
        before, params = (self.model.t, self.model.skipped), self.model.params
        others = self.parameters(seed ^ 1)
        if how == "update":
            self.model.params = [copied(in_parts(x), like=p) for x, p in zip(others, params, strict=True)]
        given = self.tree([Wrapped(g) if how == "wrapped" and wrappable(g) else g for g in gradients])
        update, step = (
            lambda: self.opt.update(self.tree(others), given, **self.told),
            lambda: self.opt.step(*([] if own else [given]), **self.told),
        )
        left = self.both([g if g is None else in_parts(g) for g in gradients], update if how == "update" else step)
        if how == "update":
            check("another parameter", others, self.model.params)
            self.model.params = params
        if left is None:
            return
        check("the gradient", [g for g in gradients if g is not None], [g for g in left if g is not None])
        self.seen["steps"] += self.model.t > before[0]
        self.seen["skipped steps"] += self.model.skipped > before[1]
        self.seen["steps without some gradients"] += any(g is None for g in gradients)
        self.seen[f"gradients: {'the own' if own else how}"] += 1

    def are_own(self, gradients: Sequence[Any]) -> bool:
        """Whether these are the optimizer's own arrays."""
        asked = "accumulate" not in self.case.options
        return asked and placed(self.problem.tree, self.opt.grads)[0] is gradients[0]

    def accumulated(self, gradients: Sequence[Any], seed: int) -> None:
        """Gradients that are added up, and now and then a step that takes the sum."""
        left = self.model.accumulate([g if g is None else in_parts(g) for g in gradients])
        with np.errstate(all="raise"):
            self.opt.accumulate(self.tree(gradients))
        check("the gradient", [g for g in gradients if g is not None], [g for g in left if g is not None])
        self.seen["gradients added up"] += 1
        if seed % 3:
            return
        self.all_is_as_in_the_model()
        self.seen["steps of a sum"] += 1
        self.both(None, lambda: self.opt.step(**self.told))

    def both(self, gradients: Any, step: Callable[[], None]) -> Any:
        """A step of the model and of the optimizer; the gradients of the model after it, None if both refused it."""
        before, pairs = self.model.t, zip(self.model.rules, gradients or self.model.sums, strict=True)
        rules = {rule.name for rule, g in pairs if g is not None}
        try:
            left = self.model.step(*([] if gradients is None else [gradients]))
        except OverflowError:
            # A number of the step leaves the range of float64.
            with pytest.raises(ValueError, match="in one of "):
                step()
            self.seen["steps whose numbers overflow"] += 1
            return None
        # Whoever has NumPy raise what it would warn of meets no error from a step.
        with np.errstate(all="raise"):
            step()
        self.seen["steps of several rules"] += self.model.t > before and len(rules) > 1
        return left

    @rule(data=st.data(), by=st.sampled_from(["attribute", "item", "hyper"]))
    def set_number(self, data: Any, by: str) -> None:
        """For all, or for a group."""
        place = data.draw(st.integers(0, len(self.problem.groups)))
        layer = [self.opt.hyper, *self.opt.groups.values()][place]
        model = self.model.groups[place - 1] if place else self.model.hyper
        rules = self.rules_of(place)
        # Of a group what it has: a state is refused by a group that has other numbers.
        names = [n for n in self.case.numbers_of(rules[0]) if (n in layer or not place) and n not in rules[0].constants]
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        value = data.draw(number(rules, name))
        if by == "item":
            layer[name] = value
        else:
            setattr(self.opt if by == "attribute" and not place else layer, name, value)
        model[name] = plain_number(value)
        self.seen["functions of the step set" if callable(value) else "numbers set"] += 1
        self.seen["numbers of groups set"] += bool(place)

    def rules_of(self, place: int) -> list[Rule]:
        """The rules that the numbers of all (0) or of a group (from 1) may be for."""
        if not place:
            return [self.case.rule]
        own = self.model.groups[place - 1].get("rule")
        return [own] if own else [self.case.rule, *(rule for rule, _ in self.case.beside[:1])]

    @rule(seed=SEEDS, mood=st.sampled_from(MOODS), k=st.integers(0, 4))
    def write_a_parameter(self, seed: int, mood: str, k: int) -> None:
        """As whoever trains may do between two steps."""
        k %= len(self.arrays)
        leaf = self.problem.leaves[k]
        for array in (in_parts(self.arrays[k]), self.model.params[k]):
            array[...] = in_parts(numbers(leaf.shape, leaf.kind.storage, seed, mood))
        self.seen["parameters written"] += 1

    @rule(seed=SEEDS, k=st.integers(0, 4))
    def replace_a_parameter(self, seed: int, k: int) -> None:
        """Another array in the same place of the tree, where that can be done."""
        k %= len(self.arrays)
        leaf = self.problem.leaves[k]
        new = laid(numbers(leaf.shape, leaf.kind.storage, seed), leaf.layout)
        if not self.shared and put(self.opt.params, self.arrays[k], new):
            self.arrays[k] = new
            self.model.params[k] = in_parts(new).copy(order="K")
            self.seen["parameters replaced"] += 1

    @rule()
    def refresh(self) -> None:
        self.opt.refresh()
        self.model.follow()
        self.seen["copies and averages that followed"] += 1

    @rule(seed=SEEDS, k=st.integers(0, 4), add=st.booleans())
    def change_the_structure(self, seed: int, k: int, add: bool) -> None:
        """A key more, or one less, where the tree has a dictionary."""
        k %= len(self.arrays)
        name = f"new{self.seen['structures with one more']}"
        others = [*range(k, len(self.arrays)), *range(k)]
        fewer = ((j, less) for j in others if (less := self.problem.without(j)) is not None)
        k, changed = self.problem.with_one_more(name) if add else next(fewer, (k, None))
        if changed is None or (add and self.forgets):
            return
        grads = self.tree(self.gradients(seed))
        if add:
            leaf = changed.leaves[k]
            new = laid(numbers(leaf.shape, leaf.kind.storage, seed), leaf.layout)
            put_in(self.opt.params, name, new)
        else:
            taken_out(self.opt.params, self.arrays[k])
        with pytest.raises(ValueError, match="sync"):
            self.opt.step(grads, **self.told)
        report = self.opt.sync()
        self.problem, self.saved, self.grads = changed, {}, []
        assert len(report.kept) == len(self.arrays) - (not add)
        assert (len(report.begun), len(report.dropped)) == (add, not add)
        if add:
            self.arrays.insert(k, new)
            self.model.add(k, in_parts(new), changed.members)
        else:
            del self.arrays[k]
            self.model.drop(k, changed.members)
        self.model.follow()
        self.seen["structures with one more" if add else "structures with one less"] += 1

    @rule(where=st.sampled_from(["one", "two", "memory"]), params=st.sampled_from([True, True, False]))
    def save(self, where: str, params: bool) -> None:
        self.seen["saves"] += 1
        if where == "memory":
            self.saved[where] = self.opt.state_dict(), self.model.copy(), True
            return
        user = {"step": self.model.t, "where": [where, None, 0.1]}
        self.opt.save(self.folder / where, params=params, user=user)
        self.saved[where] = user, self.model.copy(), params

    @rule(data=st.data(), where=st.sampled_from(["one", "two", "memory"]), params=st.booleans(), partial=st.booleans())
    def load(self, data: Any, where: str, params: bool, partial: bool) -> None:
        if where not in self.saved:
            self.save(where, params)
        # A number that was set since is as it was.
        self.set_number(data, "item")
        kept, model, with_params = self.saved[where]
        if where == "memory":
            report = self.opt.load_state_dict(kept, params=params, partial=partial)
        else:
            report = self.opt.load(self.folder / where, params=params, partial=partial)
            assert report.user == kept
        assert (report.missing, report.unexpected) == ((), ())
        self.model.load(model, params and with_params)
        self.seen["loads of files" if where != "memory" else "loads from memory"] += 1

    def go_on_in_another(self, data: Any, seed: int, through_file: bool) -> None:
        """As a new process does: made as at first, then loaded. What was set is set there too."""
        self.set_number(data, "attribute")
        opt, model, arrays = self.built(seed)
        if through_file:
            self.opt.save(self.folder / "last")
            opt.load(self.folder / "last")
        else:
            opt.load_state_dict(self.opt.state_dict())
        model.load(self.model)
        self.opt, self.model, self.arrays, self.grads, self.forgets = opt, model, arrays, [], False
        self.seen["optimizers replaced by new ones"] += 1

    # Twice, since an example leaves out some rules at random.
    new, newer = (rule(data=st.data(), seed=SEEDS, through_file=st.booleans())(f) for f in [go_on_in_another] * 2)

    @rule(pickled=st.booleans())
    def go_on_in_a_copy(self, pickled: bool) -> None:
        """The model is copied along, as its functions of the step are the optimizer's."""
        together = self.opt, self.model, self.arrays
        copied = pickle.loads(pickle.dumps(together)) if pickled else copy.deepcopy(together)
        (self.opt, self.model, self.arrays), self.grads = copied, []
        # pickle drops functions that choose parameters.
        self.forgets |= pickled and any(map(callable, self.problem.groups))
        self.seen["optimizers replaced by copies"] += 1

    @rule(data=st.data())
    def load_a_part(self, data: Any) -> None:
        """Some arrays are not there; those of the optimizer stay."""
        whole, model = self.opt.state_dict(), self.model.copy()
        keys = sorted(whole["arrays"])
        dropped = data.draw(st.lists(st.sampled_from(keys), min_size=1, max_size=3, unique=True))
        arrays = {key: array for key, array in whole["arrays"].items() if key not in dropped}
        with_params = any(key.startswith(f"{self.case.rule.arrays[0]}/") for key in arrays)
        missing = [
            k for k in keys if k in dropped and (with_params or not k.startswith(f"{self.case.rule.arrays[0]}/"))
        ]
        report = self.opt.load_state_dict({**whole, "arrays": arrays}, partial=True)
        assert sorted(report.missing) == missing
        paths = self.opt._updater.parameters.keys
        slots = {"params": self.case.rule.arrays[0], **AVERAGES, "slow": SLOW, "cast": COPY, "sums": SUM}
        self.model.load(model, True, lambda name, k: f"{slots.get(name, name)}/{paths[k]}" in dropped)
        self.seen["loads of a part"] += 1

    @rule()
    def look(self) -> None:
        """Nothing that is only looked at changes anything."""
        assert self.case.rule.name in repr(self.opt)
        arrays = [*self.model.params, *(slot for slots in self.model.slots for slot in slots), *self.model.cast]
        arrays += [array for name in AVERAGES if name in self.model.hyper for array in getattr(self.model, name)]
        arrays += self.model.slow if "lookahead" in self.model.hyper else []
        carried = [value for own in self.model.states for value in own.values()]
        finite = all(np.isfinite(np.asarray(a, "float64")).all() for a in [*arrays, *carried])
        if finite:
            self.opt.check_finite()
        else:
            with self.nothing_changes((FloatingPointError,)):
                self.opt.check_finite()
        self.seen["looked at, finite" if finite else "looked at, not finite"] += 1

    @rule(data=st.data(), seed=SEEDS, count=st.integers(1, 10))
    def call_badly(self, data: Any, seed: int, count: int) -> None:
        for name in np.random.default_rng(seed).choice(sorted(BAD), count):
            note(f"bad call: {name}")
            made = BAD[name](self, data)
            if made is None:
                self.seen[f"not made: {name}"] += 1
                continue
            call, errors = made
            if self.model.calls:
                # A step with other gradients.
                errors = (*errors, RuntimeError)
            with self.nothing_changes(errors):
                call()
            self.seen["bad calls"] += 1
            self.seen[f"bad: {name}"] += 1

    @contextmanager
    def nothing_changes(self, errors: tuple[type[Exception], ...]) -> Iterator[None]:
        """One of these errors, with a message, and afterwards every array, count and number as before."""
        before = self.everything()
        with pytest.raises(errors, match=r"."):
            yield
        assert self.everything() == before

    def everything(self) -> Any:
        """To the bit, NaNs included."""
        state = self.opt.state_dict()
        arrays = {key: (a.dtype, a.shape, a.tobytes()) for key, a in state.pop("arrays").items()}
        return repr(state), arrays, [a.tobytes() for a in (*self.arrays, *self.grads)]

    @invariant()
    def all_is_as_in_the_model(self) -> None:
        opt, model = self.opt, self.model
        own = placed(self.problem.tree, opt.params)
        assert all(own[k] is array for k, array in enumerate(self.arrays))
        check("the parameter", self.arrays, model.params)
        for k, slots in enumerate(opt.state):
            check(f"a slot of array {k}", list(slots.values()), model.slots[k])
        for name, slot, wanted in (
            *((name, slot, getattr(model, name) if name in model.hyper else []) for name, slot in AVERAGES.items()),
            ("slow", SLOW, model.slow if "lookahead" in model.hyper else []),
            ("cast", COPY, model.cast),
        ):
            if wanted:
                tree = placed(self.problem.tree, opt._updater.tree_of(slot))
                check(name, [tree[k] for k in range(len(wanted))], wanted)
        for mine, theirs in zip(opt.uniform_states, model.states, strict=True):
            assert same_numbers(mine.values(), theirs.values()), f"{mine} {theirs}"
        assert opt.accumulated == model.calls
        for k, wanted in enumerate(model.sums):
            mine = opt._updater.gathering and opt._updater.gathering.arrays[k]
            assert (mine is None) == (wanted is None)
            check(f"the sum of array {k}", *([] if one is None else [one] for one in (mine, wanted)))
        assert (opt.t, opt.skipped) == (model.t, model.skipped), (opt.t, opt.skipped, model.t, model.skipped)
        layers = zip([opt.hyper, *opt.groups.values()], [model.hyper, *model.groups], strict=True)
        assert all(dict(mine) == {name: theirs[name] for name in mine} for mine, theirs in layers)
        if model.scaler:
            assert opt.loss_scaler.state_dict() == model.scaler.state_dict()


def check(what: str, mine: Sequence[Any], wanted: Sequence[Any]) -> None:
    for k, (one, other) in enumerate(zip(mine, wanted, strict=True)):
        assert same_bits(in_parts(one), in_parts(other)), f"{what} {k}: {one} {other}"
