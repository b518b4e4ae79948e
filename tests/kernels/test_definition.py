"""`@rule`: where it can stand, what it refuses, and that its errors point at the author's line."""

import copy
import math
import pickle
import textwrap
from typing import Any

import numpy as np
import pytest
from examples import arrays_for, check_update, run_python

from fastopt import kernels
from fastopt.kernels import RULES, max_norm, norm, rule, sign, sqrt, where
from fastopt.kernels.cpu import backend as cpu
from fastopt.kernels.program.spelling import as_written


def ones(n: int = 5) -> Any:
    return np.ones(n, "float32")


def test_a_rule_is_its_formula_on_numpy_arrays() -> None:
    p, g = ones(), ones()
    assert np.array_equal(RULES["sgd"].formula(p, g, lr=0.5), p - np.float32(0.5) * g)
    RULES["sgd"](p, g, lr=0.5)
    assert np.array_equal(p, np.full(5, 0.5, "float32"))


def test_the_step_is_asked_for_only_where_the_chosen_formula_reads_it() -> None:
    rule, p, v = RULES["rmsprop"], ones(), np.zeros(5, "float32")
    new, square = rule.reference(p, ones(), v)
    rule(p, ones(), v)
    assert np.array_equal(p, new)
    assert np.array_equal(v, square)
    for call in (rule, rule.reference):
        with pytest.raises(TypeError, match="rmsprop needs t, the number of the step, from 1"):
            call(p, ones(), v, bias_correction=True)


def test_a_rule_of_ones_own_in_five_lines() -> None:
    @rule
    def signed_momentum(p, g, m, *, lr=1e-3, beta=0.9):  # type: ignore[no-untyped-def]
        m = beta * m + (1 - beta) * g
        return p - lr * sign(m), m

    check_update(signed_momentum, arrays_for(signed_momentum, 1000, "float32", special=True))


def test_a_closure_is_frozen_at_definition() -> None:
    scale = 2.0

    @rule
    def scaled(p, g, *, lr=1.0):  # type: ignore[no-untyped-def]
        return p - lr * scale * g

    scale = 100.0
    p, g = ones(), ones()
    assert np.array_equal(scaled.formula(p, g, lr=1.0), np.full(5, -1, "float32"))
    check_update(scaled, [p, g])
    assert p[0] == -1


@pytest.mark.parametrize("how", ["stdin", "exec", "script"])
def test_a_rule_can_be_defined_without_a_file(how: str, tmp_path: Any) -> None:
    text = textwrap.dedent(
        """
        import numpy as np
        from fastopt.kernels import rule, sqrt
        factor = 3.0
        @rule
        def mine(p, g, h, *, lr=0.1):
            h = h + factor * g * g
            return p - lr * g / sqrt(h), h

        p, g, h = (np.ones(3, "float32") for _ in range(3))
        mine(p, g, h)
        print(p, h)
        """
    )
    script = tmp_path / "mine.py"
    script.write_text(text)
    command = {"stdin": ["-"], "exec": ["-c", f"exec({text!r}, {{}})"], "script": [str(script)]}[how]
    done = run_python(*command, given=text if how == "stdin" else None)
    assert done.stderr == ""
    assert done.stdout == "[0.95 0.95 0.95] [4. 4. 4.]\n"


def test_uniform_expressions_are_computed_on_the_host_in_float64() -> None:
    (stage,) = RULES["adam"].program(RULES["adam"].hyper).stages
    assert {as_written(node) for node in stage.scalars} == {
        *("lr", "beta1", "1 - beta1", "1 - beta1**t", "beta2", "1 - beta2", "1 - beta2**t", "eps")
    }
    given = (
        RULES["adam"]
        .program(RULES["adam"].hyper)
        .known_function({"t": 7, "lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8})
    )
    assert given == [1e-3, 0.9, 1 - 0.9, 1 - 0.9**7, 0.999, 1 - 0.999, 1 - 0.999**7, 1e-8]


def test_common_subexpressions_are_computed_once() -> None:
    @rule
    def twice(p, g, a, b, *, lr=0.1):  # type: ignore[no-untyped-def]
        return p - lr * sqrt(g * g + a), sqrt(g * g + a), b + sqrt(g * g + a)

    (stage,) = twice.program(twice.hyper).stages
    assert stage.operations.count("sqrt") == 1
    assert stage.operations.count("multiply") == 2


def test_constants_are_kept_apart_by_type_and_sign() -> None:
    @rule
    def zeros(p, g, a, *, lr=0.1):  # type: ignore[no-untyped-def]
        return p * 0.0 + lr * g, a * -0.0

    p, g, a = ones(), np.zeros(5, "float32"), ones()
    zeros(p, g, a)
    assert not np.signbit(p).any()
    assert np.signbit(a).all()


def test_static_hyperparameters_have_a_formula_each() -> None:
    for inside in (False, True):
        arrays = arrays_for(RULES["adagrad"], 1000, "float32")
        check_update(RULES["adagrad"], arrays, eps_inside=inside, eps=1e-2)
    hyper = RULES["adagrad"].hyper
    outside, within = (RULES["adagrad"].program({**hyper, "eps_inside": inside}) for inside in (False, True))
    assert outside is not within
    assert outside is RULES["adagrad"].program(hyper)


def test_a_uniform_root_of_a_negative_number_is_nan_and_does_not_raise() -> None:
    for t in range(1, 12):
        check_update(RULES["radam"], arrays_for(RULES["radam"], 100, "float32"), t=t)


@pytest.mark.parametrize("size", [1, 5, 1024, 70_000, 200_001])
@pytest.mark.parametrize(
    ("storage", "parallel_from"), [("float32", 10**9), ("float64", 10**9), ("bfloat16", 10**9), ("float32", 65_536)]
)
def test_norms_are_added_in_one_order(
    storage: str, parallel_from: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu, "PARALLEL_FROM", parallel_from)

    @rule
    def normalized(p, g, m, *, lr=0.1):  # type: ignore[no-untyped-def]
        m = 0.9 * m + g
        size = norm(m)
        ratio = where(size > 0, norm(p) / size, 1.0)
        return p - lr * ratio * m / max_norm(p - m), m

    assert len(normalized.program(normalized.hyper).stages) == 2
    check_update(normalized, arrays_for(normalized, size, storage))
    check_update(normalized, [np.asfortranarray(a.reshape(-1, 1)) for a in arrays_for(normalized, size, storage)])


@pytest.mark.parametrize("storage", ["float32", "float64"])
def test_norms_are_added_in_one_order_where_layouts_differ(storage: str) -> None:
    @rule
    def normalized(p, g, *, lr=0.1):  # type: ignore[no-untyped-def]
        return p - lr * g / norm(g)

    for seed in range(20):
        p, g = arrays_for(normalized, (300, 70), storage, seed=seed)
        check_update(normalized, [p, np.asfortranarray(g)])


def test_a_slot_that_is_returned_as_it_came_is_left_alone() -> None:
    @rule
    def anchored(p, g, anchor, *, lr=0.1):  # type: ignore[no-untyped-def]
        return p - lr * (g + p - anchor), anchor

    arrays = arrays_for(anchored, 300, "float32", special=True)
    before = arrays[2].copy()
    check_update(anchored, arrays)
    assert arrays[2].tobytes() == before.tobytes()


def test_a_norm_of_what_depends_on_a_norm_is_a_third_stage() -> None:
    @rule
    def nested(p, g, *, lr=0.1):  # type: ignore[no-untyped-def]
        step = g / (norm(g) + 1.0)
        return p - lr * step / (norm(step) + 1.0)

    assert [len(stage.reductions) for stage in nested.program(nested.hyper).stages] == [1, 1, 0]
    check_update(nested, arrays_for(nested, 3000, "float32"))


def test_any_name_may_be_used() -> None:
    @rule(require="0 <= β1 < 1")
    def float(p, g, int, template, s0, i, n, table, at_0, x0, load, σ, u3c3, *, register=0.1, β1=0.9, inf=1.0):  # type: ignore
        """Docstrings with */ and \"\"\" and ''' and \\ at the end \\"""
        return (
            p - register * (int + template + s0 + i + n + table) / inf,
            *(
                int * β1,
                template + g,
                s0 * 0.5,
                i,
                n + g,
                table + 1.0,
                at_0 + x0,
                x0 - at_0,
                load * 2.0,
                σ + 1.0,
                u3c3 - σ,
            ),
        )

    check_update(float, arrays_for(float, 300, "float32"))


def test_numpy_scalars_become_python_numbers() -> None:
    given = {"lr": np.float64(0.1), "beta1": np.float32(0.5), "beta2": np.array(0.25)}
    for storage in ("float32", "float64"):
        check_update(RULES["adam"], arrays_for(RULES["adam"], 100, storage), t=np.int64(2), **given)  # type: ignore[arg-type]

    @rule
    def mine(p, g, *, lr=np.float64(0.1)):  # noqa: B008 # type: ignore[no-untyped-def]
        return p - lr * g

    assert type(mine.hyper["lr"]) is float
    assert mine.formula(ones(), ones()).dtype == np.float32


def in_place(p, g, m):  # type: ignore[no-untyped-def]
    m *= 0.9
    return p - m, m


REFUSED = {
    "branches on an array value": (lambda p, g: p if g > 0 else g, "cannot branch"),
    "branches on a hyperparameter": (lambda p, g, *, lr=0.1: p if lr > 0 else g, "cannot branch"),
    "function outside the grammar": (lambda p, g: p - np.tanh(g), "np.tanh is not in the grammar"),
    "array function outside the grammar": (lambda p, g: p - np.clip(g, -1, 1), "np.clip is not in the grammar"),
    "a ufunc's method": (lambda p, g: p - np.add.reduce(g), "np.add.reduce is not in the grammar"),
    "math on an element": (lambda p, g: p - math.sqrt(g), "use sqrt, exp, log from fastopt.kernels"),
    "NumPy on a number": (lambda p, g, *, lr=0.1: p - np.sqrt(lr) * g, "use sqrt from fastopt.kernels"),
    "a NumPy constant": (lambda p, g: p - np.float64(0.1) * g, "write 0.1"),
    "NumPy's where on numbers": (lambda p, g, *, lr=0.1: p - np.where(lr > 0.05, lr, 2 * lr) * g, "use where from"),
    "not of a number's comparison": (lambda p, g, *, lr=0.1: where(~(lr < 0.5), g, p), "write the opposite comparison"),
    "an endless integer": (lambda p, g: p - 10**400 * g, "beyond the range of floating-point numbers"),
    "no change": (lambda p, g: p, "it changes nothing"),
    "an unused hyperparameter beside a switch": (
        lambda p, g, *, lr=0.1, flag=False: p - g if flag else p + g,
        "'lr' is never used",
    ),
    "a captured array": (lambda p, g: p - np.ones(3) * g, "cannot use an array from outside"),
    "where of two numbers": (lambda p, g: p - where(g > 0, 1.0, -1.0), "float64 array in NumPy"),
    "a comparison times a number": (lambda p, g, *, lr=0.1: p - (g > 0) * lr, "choose with where"),
    "where without a comparison": (lambda p, g: where(g, p, g), "must be a comparison"),
    "indexing": (lambda p, g: p - g[0], "one element at a time"),
    "a method": (lambda p, g: p - g.mean(), "has no mean"),
    "an in-place operator": (in_place, "in-place operator"),
    "floor division": (lambda p, g: p // g, "not in the grammar"),
    "a string": (lambda p, g: p - g * "2", "cannot compute with '2'"),
    "too few values": (lambda p, g, m: p - g, "it must return p, m: 2 values"),
    "a slot that is not returned": (lambda p, g, m, v: (p - m * v * g, m), "it must return p, m, v: 3 values"),
    "nothing": (lambda p, g: None, "it must return p: 1 value; it returned None"),
    "a truth value": (lambda p, g: p > g, "truth value"),
    "a number": (lambda p, g, *, lr=0.1: lr, "the new value of p is one number"),
    "an unused slot": (lambda p, g, m: (p - g, g), "slot 'm' is never used"),
    "an unused hyperparameter": (lambda p, g, *, lr=0.1: p - g, "'lr' is never used"),
    "an unused t": (lambda p, g, *, t: p - g, "t is never used"),
    "no default": (lambda p, g, *, lr: p - lr * g, "needs a default"),
    "no gradient": (lambda p: p, "the parameter and its gradient"),
    "a default before the star": (lambda p, g, lr=0.1: p - lr * g, "hyperparameters come after the"),
    "any number of arrays": (lambda p, g, *slots: p - g, "one by one"),
    "a power of a norm": (lambda p, g: p - g / norm(g) ** 3, "write x \\* x"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_rule_cannot_be_is_refused_at_definition_and_at_the_authors_line(what: str) -> None:
    function, message = REFUSED[what]
    with pytest.raises((TypeError, AttributeError), match=message) as caught:
        rule(function)
    said = str(caught.value) + "".join(getattr(caught.value, "__notes__", []))
    assert f'{__file__}", line {function.__code__.co_firstlineno}' in said


def test_the_error_names_the_line_at_fault() -> None:
    with pytest.raises(TypeError) as caught:
        rule(in_place)
    assert f"at line {in_place.__code__.co_firstlineno + 1}" in "".join(caught.value.__notes__)
    assert in_place.__code__ in [frame.frame.code.raw for frame in caught.traceback]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"require": "lr > nonsense"}, "must compare lr with numbers"),
        ({"require": "lr"}, "is not of the form"),
        ({"require": "eta >= 0"}, "the rule has no hyperparameter 'eta'"),
        ({"require": "lr >= 1"}, "lr must satisfy lr >= 1; got 0.1"),
        ({"start": {"q": 1.0}}, "'q', which is not a slot"),
        ({"start": {"m": "eta"}}, "'eta', which is neither the parameter nor a hyperparameter"),
        ({"states": ("m",)}, "not a keyword-only argument"),
    ],
)
def test_declarations_beside_the_rule_are_checked(arguments: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):

        @rule(**arguments)
        def mine(p, g, m, *, lr=0.1):  # type: ignore[no-untyped-def]
            return p - lr * m, m + g


def test_the_grammar_keeps_python_numbers() -> None:
    for value in (kernels.sqrt(2.0), kernels.exp(0), kernels.log(np.float64(2)), kernels.maximum(1.0, 2.0), sign(-3.0)):
        assert type(value) is float
    assert math.isnan(kernels.sqrt(-1.0))
    assert kernels.exp(1e4) == math.inf
    assert kernels.log(0.0) == -math.inf
    assert math.isnan(kernels.maximum(math.nan, 1.0))
    assert math.isnan(kernels.minimum(1.0, math.nan))
    assert kernels.where(True, 1.0, math.nan) == 1.0


def test_maximum_of_zeros_gives_the_second() -> None:
    plus, minus = np.zeros(40, "float32"), -np.zeros(40, "float32")
    for function in (kernels.maximum, kernels.minimum):
        assert np.signbit(function(plus, minus)).all()
        assert not np.signbit(function(minus, plus)).any()
        assert math.copysign(1, function(0.0, -0.0)) == -1


@pytest.mark.parametrize("name", RULES)
def test_rules_are_pickled_and_copied_by_name(name: str) -> None:
    assert pickle.loads(pickle.dumps(RULES[name])) is RULES[name]
    assert copy.deepcopy(RULES[name]) is RULES[name]
