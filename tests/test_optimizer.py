"""The plain Optimizer: trees of arrays, schedules, and which rule the options of a class select."""

import inspect
from typing import Any

import numpy as np
import pytest
from examples import arrays_for, same_bits

import fastopt
from fastopt.kernels import FAMILIES, RULES


def tree(values: Any) -> Any:
    return {"W": values[0], "layers": [values[1], {"b": values[2]}]}


@pytest.mark.parametrize("name", RULES)
def test_a_step_over_a_tree_is_the_rule_on_each_array(name: str) -> None:
    rule = RULES[name]
    shapes = [(4, 3), (50_000,), ()]
    params = [np.asarray(np.random.default_rng(k).standard_normal(s), "float32") for k, s in enumerate(shapes)]
    mine = [p.copy() for p in params]
    starts = [rule.hyper[v] if isinstance(v, str) else v for v in rule.start.values()]
    slots = [[np.full_like(p, start) for start in starts] for p in mine]
    states = [dict(rule.states) for _ in mine]
    opt = fastopt.Optimizer(tree(params), rule)
    for t in (1, 2, 3):
        grads = [
            np.asarray(np.random.default_rng(t * 10 + k).standard_normal(s), "float32") for k, s in enumerate(shapes)
        ]
        opt.step(tree(grads))
        for k, p in enumerate(mine):
            new = rule(p, grads[k], *slots[k], t=t, **states[k])
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
    assert sorted(members) == sorted(RULES)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_class_has_a_signature_and_the_sources(name: str) -> None:
    cls = getattr(fastopt, name)
    signature = inspect.signature(cls)
    assert set(signature.parameters) == {"params", *FAMILIES[name].hyper}
    for rule in FAMILIES[name].variants.values():
        assert inspect.cleandoc(rule.__doc__ or "nothing") in cls.__doc__
    opt = cls(np.ones(2, "float32"))
    for parameter in list(signature.parameters.values())[1:]:
        if parameter.name in opt.rule.hyper and parameter.name not in FAMILIES[name].options:
            assert parameter.default == opt.rule.hyper[parameter.name]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_source_and_ranges(name: str) -> None:
    rule = RULES[name]
    assert len(rule.__doc__ or "") > 30
    numbers = {n for n, v in rule.hyper.items() if isinstance(v, float)}
    assert numbers == set(rule.ranges)


def test_slots_start_where_the_rule_says() -> None:
    opt = fastopt.Adagrad(np.ones(2, "float32"), initial_accumulator=0.1)
    assert np.array_equal(opt.state[0]["h"], np.full(2, 0.1, "float32"))
    assert fastopt.Yogi(np.ones(2, "float16")).state[0]["v"].dtype == np.float32


def test_state_lies_in_memory_as_the_parameter() -> None:
    p = np.asfortranarray(np.ones((3, 4), "float32"))
    assert fastopt.Adam(p).state[0]["m"].flags.f_contiguous
    assert len(arrays_for(RULES["adam"], 3, "float32")) == 4
