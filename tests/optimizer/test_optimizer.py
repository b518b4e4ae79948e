"""The plain Optimizer: trees of arrays, schedules, and which rule the options of a class select."""

import inspect
import re
import weakref
from typing import Any

import numpy as np
import pytest
from examples import arrays_for, same_bits

import fastopt
from fastopt.kernels import FAMILIES, RULES
from fastopt.kernels.cpu import backend as cpu
from fastopt.kernels.riders import NUMBERS
from fastopt.kernels.step.plan import Plan
from fastopt.kernels.tasks import stage_run as tasks
from fastopt.kernels.tasks.layout import Layout
from fastopt.updater.counts import Counts
from fastopt.updater.section import Section


def tree(values: Any) -> Any:
    return {"W": values[0], "layers": [values[1], {"b": values[2]}]}


@pytest.mark.parametrize("name", RULES)
def test_a_step_over_a_tree_is_the_rule_on_each_array(name: str) -> None:
    rule = RULES[name]
    shapes = [(4, 3), (50_000,), ()]
    params = [np.asarray(np.random.default_rng(k).standard_normal(s), "float32") for k, s in enumerate(shapes)]
    mine = [p.copy() for p in params]
    slots = [rule.state_of(p, {}) for p in mine]
    states = [dict(rule.states) for _ in mine]
    apart: dict[str, Any] = {"over": "array"} if "over" in rule.hyper else {}
    opt = fastopt.Optimizer(tree(params), rule, **apart)
    for t in (1, 2, 3):
        grads = [
            np.asarray(np.random.default_rng(t * 10 + k).standard_normal(s), "float32") for k, s in enumerate(shapes)
        ]
        opt.step(tree(grads), **rule.told(0.5))
        for k, p in enumerate(mine):
            new = rule(p, grads[k], *slots[k], t=t, **rule.told(0.5), **apart, **states[k])
            states[k] = dict(zip(rule.states, new or (), strict=True))
    assert opt.t == 3
    assert all(same_bits(a, b) for a, b in zip(params, mine, strict=True))
    for state, own in zip(opt.state, slots, strict=True):
        assert all(same_bits(a, b) for a, b in zip(state.values(), own, strict=True))
    assert all(found in states for found in opt.uniform_states)


def test_any_hyperparameter_may_be_a_function_of_the_step() -> None:
    rates = {1: 0.5, 2: 0.25, 3: 0.125}
    p = np.ones(3, "float32")
    opt = fastopt.SGD([p], lr=rates.__getitem__)
    for _ in rates:
        opt.step([np.ones(3, "float32")])
    assert np.array_equal(p, np.full(3, 1 - 0.875, "float32"))


def test_a_step_with_an_invalid_scheduled_value_changes_nothing() -> None:
    p = np.ones(3, "float32")
    opt = fastopt.SGD(p, lr=lambda t: 0.1 if t == 1 else -1.0)
    opt.step(np.zeros(3, "float32"))
    with pytest.raises(ValueError, match="lr must satisfy"):
        opt.step(np.ones(3, "float32"))
    assert opt.t == 1
    assert (p == 1).all()


SELECTED = [
    (fastopt.SGD, {}, "sgd"),
    (fastopt.SGD, {"momentum": 0.0}, "sgd"),
    (fastopt.SGD, {"momentum": 0.9}, "momentum"),
    (fastopt.SGD, {"momentum": 0.9, "nesterov": True}, "nesterov"),
    (fastopt.SGD, {"nesterov": True}, "nesterov"),
    (fastopt.SGD, {"momentum": 0.9, "nesterov": False}, "momentum"),
    (fastopt.Adagrad, {}, "adagrad"),
    (fastopt.Adagrad, {"momentum": 0.9}, "adagrad_momentum"),
    (fastopt.RMSprop, {}, "rmsprop"),
    (fastopt.RMSprop, {"centered": True}, "rmsprop_centered"),
    (fastopt.RMSprop, {"momentum": 0.9}, "rmsprop_momentum"),
    (fastopt.RMSprop, {"centered": True, "momentum": 0.9}, "rmsprop_centered_momentum"),
    (fastopt.Adam, {}, "adam"),
    (fastopt.Adam, {"amsgrad": True}, "amsgrad"),
    (fastopt.Adam, {"uncorrected": True}, "adam_uncorrected"),
    (fastopt.AdamW, {"amsgrad": True, "weight_decay": 0.1}, "adamw_amsgrad"),
]


@pytest.mark.parametrize(("cls", "options", "name"), SELECTED)
def test_options_select_the_rule(cls: Any, options: Any, name: str) -> None:
    assert cls(np.ones(2, "float32"), **options).rule is RULES[name]


def test_every_rule_belongs_to_one_family() -> None:
    members = [rule.name for family in FAMILIES.values() for rule in family.variants.values()]
    assert sorted(set(members)) == sorted(RULES)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_class_has_a_signature_and_the_sources(name: str) -> None:
    cls = getattr(fastopt, name)
    signature = inspect.signature(cls)
    options = set(inspect.signature(fastopt.Optimizer).parameters) - {"params", "rule", "hyper"}
    assert set(signature.parameters) == {"params", *FAMILIES[name].hyper, *NUMBERS, *options}
    for rule in FAMILIES[name].variants.values():
        assert rule.source
        assert rule.source in cls.__doc__
    opt = cls(np.ones(2, "float32"))
    for parameter in signature.parameters.values():
        if parameter.name in opt.rule.hyper and parameter.name not in FAMILIES[name].options:
            assert parameter.default == opt.rule.hyper[parameter.name]


@pytest.mark.parametrize("name", FAMILIES)
def test_help_lists_every_choice_of_a_family_with_its_default_and_meaning(name: str) -> None:
    family = FAMILIES[name]
    choices = {choice.name: choice for choice in family.choices()}
    assert [*choices] == [*family.hyper]
    for choice in choices.values():
        assert choice.meaning or choice.chooses, choice.name
        assert f"\n{choice.name} = {family.hyper[choice.name]!r}: {choice.text}\n" in getattr(fastopt, name).__doc__
    for rule in family.variants.values():
        # What a docstring says of a name is found under it, and of no other name.
        assert set(rule.meanings) <= set(rule.hyper)
        assert all(meaning in choices[key].text for key, meaning in rule.meanings.items())
        assert not re.search(r"^\w+: ", rule.source, re.MULTILINE)


def test_a_choice_says_which_rules_have_it_and_what_it_chooses() -> None:
    choices = {choice.name: choice.text for choice in FAMILIES["SGD"].choices()}
    assert choices["dampening"].endswith("as in torch; 0 <= dampening <= 1. Only in momentum.")
    assert choices["nesterov"] == "chooses the rule nesterov."
    assert "chooses the rule momentum or nesterov" in choices["momentum"]
    adam = {choice.name: choice.text for choice in FAMILIES["Adam"].choices()}
    assert "keeps from zero; in adam_uncorrected added to the second moment" in adam["eps"]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_source_and_ranges(name: str) -> None:
    rule = RULES[name]
    assert re.search(r"\b(19|20)\d\d\b", rule.__doc__ or ""), "the docstring must name the source and its year"
    numbers = {n for n, v in rule.hyper.items() if isinstance(v, float)}
    assert numbers == set(rule.ranges)


def test_a_hyperparameter_cannot_be_removed() -> None:
    opt = fastopt.SGD({"a": np.ones(2, "float32")}, groups={"a": {"lr": 0.5}})
    for numbers in (opt.hyper, opt.groups["a"]):
        with pytest.raises(TypeError, match="the hyperparameter lr cannot be removed; set lr to another value"):
            del numbers["lr"]
    assert (opt.lr, opt.groups["a"].lr) == (RULES["sgd"].hyper["lr"], 0.5)


def test_several_numbers_are_set_or_none() -> None:
    plateau = fastopt.ReduceOnPlateau()
    opt = fastopt.Adam(np.ones(3), lr=plateau * 0.1, beta1=0.75)
    with pytest.raises(ValueError, match=r"beta2"):
        opt.hyper.update({"lr": 0.5, "beta1": 0.5, "beta2": 2.0})
    with pytest.raises(TypeError, match=r"no hyperparameter 'beta3'"):
        opt.hyper.update(beta1=0.5, beta3=0.5)
    assert (opt.beta1, opt.monitors) == (0.75, [plateau])
    opt.hyper.update({"lr": 0.5}, beta1=0.5)
    assert (opt.lr, opt.beta1, opt.monitors) == (0.5, 0.5, [])


def test_slots_start_where_the_rule_says() -> None:
    opt = fastopt.Adagrad(np.ones(2, "float32"), initial_accumulator=0.1)
    assert np.array_equal(opt.state[0]["h"], np.full(2, 0.1, "float32"))
    assert fastopt.Yogi(np.ones(2, "float16")).state[0]["v"].dtype == np.float32
    # What is too large for the type is infinite, without a warning.
    assert np.isinf(fastopt.Adagrad(np.ones(2, "float32"), initial_accumulator=1e300).state[0]["h"]).all()


def test_state_lies_in_memory_as_the_parameter() -> None:
    p = np.asfortranarray(np.ones((3, 4), "float32"))
    assert fastopt.Adam(p).state[0]["m"].flags.f_contiguous
    assert len(arrays_for(RULES["adam"], 3, "float32")) == 4


def test_gradients_follow_the_keys_and_not_their_order() -> None:
    params = {"a": np.zeros(3, "float32"), "b": np.zeros(3, "float32")}
    opt = fastopt.SGD(params, lr=1.0)
    params["a"] = params.pop("a")
    opt.step({"a": np.full(3, 1, "float32"), "b": np.full(3, 2, "float32")})
    assert (params["a"] == -1).all()
    assert (params["b"] == -2).all()


def test_a_parameter_that_was_replaced_is_the_one_that_is_updated() -> None:
    params = {"W": np.zeros(3, "float32")}
    opt = fastopt.SGD(params, lr=1.0)
    opt.step({"W": np.ones(3, "float32")})
    old, params["W"] = params["W"], np.full(3, 5, "float32")
    opt.step({"W": np.ones(3, "float32")})
    assert (old == -1).all()
    assert (params["W"] == 4).all()
    params["W"] = np.zeros((3, 1), "float32")
    with pytest.raises(ValueError, match=r"grads\['W'\] has shape \(3,\) but params\['W'\] has shape \(3, 1\)"):
        opt.step({"W": np.ones(3, "float32")})


def test_state_cannot_be_replaced_behind_the_optimizers_back() -> None:
    opt = fastopt.Adam(np.zeros(3, "float32"))
    with pytest.raises(TypeError):
        opt.state[0]["m"] = np.ones(3, "float32")  # type: ignore[index]


def test_optimizers_that_are_alike_share_kernels_and_nothing_else() -> None:
    """Each used to load its own: 5 ms and some memory for every kernel of every optimizer."""

    def stepped(**options: Any) -> fastopt.Optimizer:
        opt = fastopt.Adam([np.ones(3, "float32")], clip_value=1.0, ema=0.9, **options)
        opt.step([np.ones(3, "float32")])
        return opt

    one = stepped()
    made = cpu.kernel.cache_info().misses
    other = stepped(lr=0.5)
    assert cpu.kernel.cache_info().misses == made
    stepped(maximize=True)
    assert cpu.kernel.cache_info().misses == made + 1
    other.lr = 0.25
    assert (one.lr, one.t, one.params[0][0]) == (1e-3, 1, np.float32(1 - 1e-3))


def test_rules_share_the_kernels_of_a_clip_and_no_others() -> None:
    first, last = (
        {
            cpu._named(name, program.stages[k], Layout(("float32",) * len(program.stages[k].arrays)))
            for name in ("adam", "nadam")
            for program in [fastopt.Optimizer(np.ones(3, "float32"), name, clip_norm=1.0)._updater.sections[0].program]
        }
        for k in (0, -1)
    )
    assert (len(first), len(last)) == (1, 2)


def test_gradients_that_come_and_go_are_prepared_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[int] = []
    bind = Plan._bind
    monkeypatch.setattr(Plan, "_bind", lambda self, *arrays: bound.append(len(arrays[0])) or bind(self, *arrays))
    opt = fastopt.Adam([np.ones(3, "float32") for _ in range(4)])
    grads = [np.ones(3, "float32") for _ in range(4)]
    # As the parameters, but for one, which differs when it first comes.
    grads[2] = np.ones(6, "float32")[::2]
    for k in range(1, 40):
        opt.step([g.copy() if k >> n & 1 and n != 2 else None for n, g in enumerate(grads)])
    assert bound == [4]
    for k in range(1, 40):
        opt.step([g if k >> n & 1 else None for n, g in enumerate(grads)])
    assert bound == [4, 4]
    assert opt.state_dict()["steps"] == {
        str(n): sum(k >> n & 1 for k in range(1, 40)) * (1 + (n != 2)) for n in range(4)
    }


def test_parameters_of_equal_numbers_share_them_again() -> None:
    params = [np.ones(3, "float32") for _ in range(40)]
    opt, generator = fastopt.Adam(params), np.random.default_rng(0)
    for _ in range(60):
        there = generator.random(40) < 0.5
        opt.step([np.ones(3, "float32") if x else None for x in there])
    counts = opt.state_dict()["steps"].values()
    # Two rows for each count: of those that took part in the last step, and of the others.
    assert len(opt._updater.sections[0].counts.rows) <= 2 * len(set(counts)) + 2 < 40


def test_a_parameter_without_gradient_may_be_of_any_kind() -> None:
    params = [np.ones(3, "float32") for _ in range(3)]
    opt, g = fastopt.SGD(params, lr=1.0), np.ones(3, "float32")
    frozen = np.ones(3, "float32")
    frozen.setflags(write=False)
    for other in (frozen, None, np.ones(7, "float64"), params[0]):
        opt.update([params[0], params[1], other], [g, g, None])
        opt.update([params[0], params[1], other], [g, None, None])
    with pytest.raises(ValueError, match="read-only"):
        opt.update([params[0], params[1], frozen], [g, None, g])
    assert (params[0].tolist(), params[1].tolist(), params[2].tolist()) == ([-7.0] * 3, [-3.0] * 3, [1.0] * 3)


def test_what_fills_a_gap_is_not_taken_for_what_it_is_not() -> None:
    """After it lay in another way before, or its parameter did, or arrays of another library came in between."""

    class Foreign:
        def __init__(self, array: Any) -> None:
            self.array, self.shape = array, array.shape
            self.__array_interface__ = array.__array_interface__

    values = np.arange(12, dtype="float32").reshape(3, 4)
    c_order, f_order = values, np.asfortranarray(values)
    for first, then in ((f_order, c_order), (c_order, f_order)):
        for between in ([values, None], [Foreign(values), None], [np.asfortranarray(values), None]):
            params = [np.zeros((3, 4), "float32") for _ in range(2)]
            opt = fastopt.SGD(params, lr=1.0)
            for given in ([values, first], between, [values, None], [values, then], between, [values, first]):
                opt.step(given)
            assert (params[0] == -6 * values).all()
            assert (params[1] == -3 * values).all()
    opt = fastopt.SGD([np.zeros(3, "float32"), np.zeros(4, "float32")], lr=1.0)
    small, large, g = np.ones(4, "float32"), np.zeros(4000, "float32"), np.ones(3, "float32")
    opt.step([g, small])
    opt.update([opt.params[0], large], [g, None])
    with pytest.raises(ValueError, match="has shape"):
        opt.update([opt.params[0], large], [g, small])
    opt.update([opt.params[0], np.zeros(4)], [g, None])
    with pytest.raises(TypeError, match="float64 does not mix"):
        opt.update([opt.params[0], np.zeros(4)], [g, small])


def test_an_interrupt_while_counts_part_leaves_no_plan_that_counts_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    params, grads = ([np.ones(3, "float32") for _ in range(2)] for _ in range(2))
    opt = fastopt.Adam(params)
    opt.step(grads)
    split = Counts.split

    def interrupted(*arguments: Any) -> None:
        split(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Counts, "split", interrupted)
        with pytest.raises(KeyboardInterrupt):
            opt.step([grads[0], None])
    opt.step(grads)
    opt.step(grads)
    assert opt.state_dict()["steps"] == {"0": 3, "1": 3}


def test_a_subclass_may_set_attributes_first_and_override_update() -> None:
    class Own(fastopt.Optimizer):
        def __init__(self, params: Any) -> None:
            self.params, self.loss_scaler, self.updater, self.calls = params, None, "a name of its own", 0
            super().__init__(params, "sgd")

        def update(self, params: Any, grads: Any) -> None:
            self.calls += 1
            super().update(params, grads)

    opt = Own([np.ones(3, "float32")])
    opt.step([np.ones(3, "float32")])
    assert (opt.calls, opt.t, opt.updater) == (1, 1, "a name of its own")
    other = [np.full(3, 5, "float32")]
    opt.params = other
    opt.step([np.ones(3, "float32")])
    assert other[0][0] < 5
    assert opt.state_dict()["arrays"]["p/0"].tobytes() == other[0].tobytes()


def test_gradients_are_not_kept_alive() -> None:
    opt = fastopt.Adam(np.zeros(100_000, "float32"))
    for _ in range(3):
        gradient = np.ones(100_000, "float32")
        watched = weakref.ref(gradient)
        opt.step(gradient)
        del gradient
        assert watched() is None


@pytest.mark.parametrize("where", ["kernel", "shares"])
def test_an_interrupted_first_step_changes_nothing_and_can_be_taken_again(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = [np.ones(140_000, "float32"), np.ones(140_000, "float16")]
    opt = fastopt.Adam(params)
    grads = [np.ones_like(p) for p in params]
    calls = []

    def interrupted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*arguments)

    original = getattr(cpu, where)
    monkeypatch.setattr(cpu, where, interrupted)
    with pytest.raises(KeyboardInterrupt):
        opt.step(grads)
    assert opt.t == 0
    assert all((p == 1).all() for p in params)
    opt.step(grads)
    assert opt.t == 1
    assert all((p < 1).all() for p in params)


def test_an_interrupt_while_addresses_change_leaves_no_stale_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    p = np.zeros(4, "float32")
    opt = fastopt.SGD(p, lr=1.0)
    before = [np.ones(4, "float32") for _ in range(2)]
    for gradient in before:
        opt.step(gradient)
    kept = np.full(4, 5, "float32")

    def interrupted(*_: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(tasks.Batch, "move", interrupted)
        with pytest.raises(KeyboardInterrupt):
            opt.step(kept)
    opt.step(kept)
    assert (p == -7).all()


def test_a_step_after_a_load_that_was_interrupted_at_its_end_goes_on_from_what_was_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    p, g = np.ones(3, "float32"), np.ones(3, "float32")
    opt = fastopt.Adam(p)
    opt.step(g)
    saved = opt.state_dict()
    opt.step(g)
    after = p.copy()
    opt.step(g)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        # The arrays are written by then.
        patched.setattr(Section, "set_counts", interrupted)
        with pytest.raises(KeyboardInterrupt):
            opt.load_state_dict(saved)
    opt.step(g)
    assert (opt.t, p.tobytes()) == (2, after.tobytes())


def test_arrays_of_others_on_the_cpu_share_their_memory() -> None:
    class Foreign:
        """Gives its memory away by one protocol."""

        def __init__(self, array: Any, protocol: str) -> None:
            self.array, self.shape = array, array.shape
            if protocol == "dlpack":
                self.__class__ = type("Foreign", (Foreign,), {"__dlpack__": array.__dlpack__})
                type(self).__dlpack__ = lambda self, **k: array.__dlpack__(**k)  # type: ignore[attr-defined]
                type(self).__dlpack_device__ = lambda self: array.__dlpack_device__()  # type: ignore[attr-defined]
            else:
                self.__array_interface__ = array.__array_interface__

    for protocol in ("dlpack", "interface"):
        p = np.ones(5, "float32")
        opt = fastopt.SGD(Foreign(p, protocol), lr=0.5)
        opt.step(Foreign(np.ones(5, "float32"), protocol))
        opt.step(np.ones(5, "float32"))
        assert (p == 0).all()
        opt = fastopt.SGD(Foreign(p, protocol), skip_nonfinite=True, zero_grads=True)
        gradient = np.full(5, np.nan, "float32")
        opt.step(Foreign(gradient, protocol))
        assert (opt.skipped, gradient.any()) == (1, False)


def test_nothing_as_a_gradient_leaves_a_parameter_and_its_count_alone() -> None:
    params = {name: np.ones(3, "float32") for name in "abc"}
    alone = {name: np.ones(3, "float32") for name in "abc"}
    opt = fastopt.NAdam(params)
    single = {name: fastopt.NAdam(p) for name, p in alone.items()}
    for given in ("abc", "ab", "c", "", "bc", "abc"):
        opt.step({name: np.full(3, 0.5, "float32") if name in given else None for name in "abc"})
        for name in given:
            single[name].step(np.full(3, 0.5, "float32"))
        assert all(same_bits(params[name], alone[name]) for name in "abc")
    assert opt.t == 5


def test_zeros_move_what_has_momentum_or_decay_and_nothing_moves_nothing() -> None:
    params = {name: np.ones(3, "float32") for name in ("W", "frozen", "bias")}
    grads: dict[str, Any] = {"W": np.zeros(3, "float32"), "frozen": None, "bias": np.zeros(3, "float32")}
    fastopt.AdamW(params, lr=0.5, weight_decay=0.5, groups={"*bias": {"weight_decay": 0.0}}).step(grads)
    assert {name: p[0] for name, p in params.items()} == {"W": 0.75, "frozen": 1, "bias": 1}
    opt = fastopt.SGD(params, lr=1.0, momentum=0.5)
    opt.step({name: np.ones(3, "float32") for name in params})
    before = {name: p[0] for name, p in params.items()}
    opt.step(grads)
    assert {name: p[0] - before[name] for name, p in params.items()} == {"W": -0.5, "frozen": 0, "bias": -0.5}


def test_a_step_without_gradients_takes_those_that_were_asked_for() -> None:
    p = np.ones(3, "float32")
    opt = fastopt.SGD(p, lr=1.0, momentum=0.9)
    for grads in ((), (None,)):
        with pytest.raises(
            TypeError, match=r"^without grads a step takes the arrays of opt\.grads, but opt\.grads was never read"
        ):
            opt.step(*grads)
    with pytest.raises(TypeError, match=r"opt\.grads was never read"):
        opt.captured()
    assert (opt.t, p.tolist()) == (0, [1, 1, 1])
    opt.grads[...] = 1
    opt.step()
    assert (opt.t, p.tolist()) == (1, [0, 0, 0])


PATTERNS: list[tuple[Any, str]] = [
    ({0: {"lr": 1.0}}, r'groups must have names of .* or functions; got 0, an int; the first .* has the name "0"$'),
    ({("layers", 0): {"lr": 1.0}}, r"got \('layers', 0\), a tuple"),
    ([{"params": [0]}], r'groups must be a dict .*\{"lr": 0.01\}\}, or .* at place 0; fastopt\.like\.torch takes'),
    ("0", "groups must be a dict .*; got a str"),
    ({"0": 1.0}, r"groups\['0'\] must be a dict of hyperparameters, such as .*; got 1\.0"),
    ({"0": None}, r"groups\['0'\] must be a dict of hyperparameters, such as .*; got None"),
]


@pytest.mark.parametrize(("groups", "message"), PATTERNS)
def test_groups_are_dicts_by_name_or_lists_of_pairs(groups: Any, message: str) -> None:
    params = [np.ones(3, "float32"), np.ones(2, "float32")]
    for make in (fastopt.Adam, lambda params, groups: fastopt.Optimizer(params, "sgd", groups=groups)):
        with pytest.raises(TypeError, match=message):
            make(params, groups=groups)


def test_scales_of_rates_are_dicts_by_name() -> None:
    params = [np.ones(3, "float32")]
    with pytest.raises(TypeError, match=r"lr_scale must have strings as keys, .*; got 0, an int"):
        fastopt.SGD(params, lr_scale={0: np.ones(3, "float32")})
    with pytest.raises(TypeError, match=r'lr_scale must be a dict .*"layers\.0\.W": array\}; got a list$'):
        fastopt.SGD(params, lr_scale=[np.ones(3, "float32")])  # type: ignore[arg-type]


def test_groups_have_hyperparameters_of_their_own() -> None:
    params = {"head": {"W": np.ones(3, "float32"), "b": np.ones(3, "float32")}, "body": [np.ones(3, "float32")]}
    opt = fastopt.SGD(params, lr=1.0, groups={"head": {"lr": 0.5}, "*.b": {"lr": lambda t: 0.25 / t}})
    opt.step(opt.grads)
    for leaf in (opt.grads["head"]["W"], opt.grads["head"]["b"], opt.grads["body"][0]):
        leaf[...] = 1
    opt.step()
    assert params["body"][0][0] == 0
    assert params["head"]["W"][0] == 0.5
    assert params["head"]["b"][0] == 1 - 0.125
    opt.lr = 2.0
    opt.groups["head"].lr = 4.0
    opt.step()
    assert (opt.lr, params["body"][0][0], params["head"]["W"][0]) == (2.0, -2, -3.5)
    with pytest.raises(
        ValueError, match=r"groups: 'tail' matches no parameter; the parameters are head\.W, head\.b, body\.0"
    ):
        fastopt.SGD(params, groups={"tail": {"lr": 0.1}})
    with pytest.raises(ValueError, match="lr must satisfy"):
        opt.groups["head"].lr = -1.0
    limited = fastopt.AdaBelief(params, clip_norm=1.0, groups={"head": {}})
    with pytest.raises(ValueError, match=r"groups\['head'\]: clip_norm is of all gradients together"):
        limited.groups["head"]["clip_norm"] = 0.5
    switched = fastopt.Adagrad(params, groups={"head": {}})
    with pytest.raises(ValueError, match=r"groups\['head'\]: eps_inside chooses the formula, which is one for all"):
        switched.groups["head"]["eps_inside"] = True
    with pytest.raises(AttributeError, match="SGD has no momentum"):
        _ = opt.momentum
