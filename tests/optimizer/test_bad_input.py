"""A bad call says which argument, what came and what to do, and changes nothing."""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import fastopt
from fastopt.kernels import RULES, rule

ADAM = RULES["adam"]


def four(dtype: Any = "float32", shape: Any = 6) -> dict[str, Any]:
    return {name: np.ones(shape, dtype) for name in ADAM.arrays}


def read_only() -> Any:
    array = np.ones(6, "float32")
    array.flags.writeable = False
    return array


ARRAYS: dict[str, tuple[str, Callable[[dict[str, Any]], Any], str]] = {
    "another shape": ("g", lambda a: np.ones(5, "float32"), r"g has shape \(5,\) but p has shape \(6,\)"),
    "a shape that would broadcast": ("m", lambda a: np.ones((1, 6), "float32"), "m has shape"),
    "integers": ("g", lambda a: np.ones(6, int), "g is an array of int64; expected float16"),
    "complex": (
        "p",
        lambda a: np.ones(6, complex),
        r"g is float32 but p is complex128; convert it with g.astype\('complex128'\)",
    ),
    "objects": ("v", lambda a: np.ones(6, object), "v is an array of object"),
    "truth values": ("g", lambda a: np.ones(6, bool), "g is an array of bool"),
    "long double": ("g", lambda a: np.ones(6, np.longdouble), "g is an array of"),
    "a type of eight bits": ("m", lambda a: np.ones(6, ml_dtypes.float8_e4m3fn), "m is an array of float8"),
    "float64 beside float32": ("g", lambda a: np.ones(6), r"g is float64 but p is float32.*g.astype\('float32'\)"),
    "a read-only parameter": ("p", lambda a: read_only(), r"p is read-only; pass a writable array"),
    "a read-only slot": ("v", lambda a: read_only(), "v is read-only"),
    "the other byte order": ("g", lambda a: np.ones(6, ">f4"), "g has the other byte order"),
    "the same array twice": ("m", lambda a: a["v"], "v shares memory with m"),
    "the parameter as gradient": ("g", lambda a: a["p"], "g shares memory with p"),
    "a broadcast slot": (
        "v",
        lambda a: np.lib.stride_tricks.as_strided(np.ones(1, "float32"), (6,), (0,)),
        "v has elements that share memory",
    ),
    "unaligned": ("g", lambda a: np.ones(25, "u1")[1:].view("float32"), "g is not aligned"),
    "a list": ("g", lambda a: [1.0] * 6, "g: expected an array; got a list"),
    "a number": ("p", lambda a: 1.0, "p: expected an array; got 1.0, a float"),
    "a NumPy scalar": ("p", lambda a: np.float32(1), "p: expected an array"),
    "None": ("g", lambda a: None, "g: expected an array; got None"),
    "a masked array": ("g", lambda a: np.ma.masked_array(np.ones(6, "float32")), "g: a MaskedArray computes by rules"),
    "a matrix": ("g", lambda a: np.ones((1, 6), "float32").view(np.matrix), "g: a matrix computes by rules"),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("what", ARRAYS)
def test_a_bad_array_is_named_and_nothing_is_changed(what: str) -> None:
    name, make, message = ARRAYS[what]
    arrays = four()
    arrays[name] = make(arrays)
    before = {k: np.array(a, copy=True) for k, a in arrays.items()}
    with pytest.raises((TypeError, ValueError), match=message):
        ADAM(*arrays.values(), t=1)
    for k, a in arrays.items():
        assert np.array_equal(np.asarray(a), before[k]), k


def test_overlapping_views_are_refused_and_interleaved_ones_are_not() -> None:
    buffer = np.zeros(40, "float32")
    with pytest.raises(ValueError, match="b shares memory with p"):
        RULES["momentum"](buffer[:10], np.ones(10, "float32"), buffer[9:19], t=1)
    assert not buffer.any()
    RULES["momentum"](buffer[0:20:2], np.ones(10, "float32"), buffer[1:20:2], t=1)
    assert buffer[:20].all()


NUMBERS = {
    "nan": ({"lr": np.nan}, ValueError, "adam: lr is NaN"),
    "negative": ({"lr": -0.1}, ValueError, "lr must satisfy 0 <= lr < inf; got -0.1"),
    "infinite": ({"lr": np.inf}, ValueError, "lr must satisfy"),
    "beta of one": ({"beta1": 1.0}, ValueError, "beta1 must satisfy 0 <= beta1 < 1; got 1.0"),
    "misspelt": ({"beta_1": 0.9}, TypeError, "no hyperparameter 'beta_1'; did you mean 'beta1'"),
    "unused": ({"momentum": 0.9}, TypeError, "adam has no hyperparameter 'momentum'; there are lr, beta1, beta2, eps"),
    "an endless integer": ({"lr": 10**400}, ValueError, "lr is an integer beyond the range"),
    "text": ({"lr": "0.1"}, TypeError, "lr must be a number; got '0.1', a str"),
    "an array": ({"lr": np.ones(6)}, TypeError, "lr must be a number"),
    "True": ({"lr": True}, TypeError, "lr must be a number; got True"),
    "complex": ({"lr": 1j}, TypeError, "lr must be a number"),
    "None": ({"eps": None}, TypeError, "eps must be a number"),
    "t of 0": ({"t": 0}, ValueError, "t, the number of the step, starts at 1; got 0"),
    "t negative": ({"t": -1}, ValueError, "starts at 1"),
    "t a float": ({"t": 1.0}, TypeError, "must be an integer; got 1.0"),
    "t True": ({"t": True}, TypeError, "must be an integer"),
    "no t": ({"t": None}, TypeError, "adam needs t"),
}


@pytest.mark.parametrize("what", NUMBERS)
def test_a_bad_number_is_named_and_nothing_is_changed(what: str) -> None:
    given, error, message = NUMBERS[what]
    arrays = four()
    with pytest.raises(error, match=message):
        ADAM(*arrays.values(), **{"t": 1, **given})  # type: ignore[arg-type]
    assert all((a == 1).all() for a in arrays.values())


def test_other_wrong_calls() -> None:
    arrays = list(four().values())
    with pytest.raises(TypeError, match="adam takes 4 arrays: p, g, m, v; got 3"):
        ADAM(*arrays[:3], t=1)
    with pytest.raises(TypeError, match="initial_accumulator only sets the start of slot 'h'"):
        RULES["adagrad"](*arrays[:3], t=1, initial_accumulator=0.1)
    with pytest.raises(TypeError, match="eps_inside must be True or False; got 1"):
        RULES["adagrad"](*arrays[:3], t=1, eps_inside=1)
    with pytest.raises(ValueError, match='over must be "array" or "model"; got \'row\''):
        RULES["adam_max_norm"](*arrays[:3], t=1, over="row")
    assert all((a == 1).all() for a in arrays)


@pytest.mark.parametrize("value", ["x", None, 1j, np.ones(3), True])
def test_a_bad_uniform_state_is_named(value: Any) -> None:
    arrays = list(four().values())
    with pytest.raises(TypeError, match="nadam: mu_product must be a number; got"):
        RULES["nadam"](*arrays, t=2, mu_product=value)
    assert all((a == 1).all() for a in arrays)
    assert type((RULES["nadam"](*arrays, t=2, mu_product=np.float64(0.9)) or ())[0]) is float


def test_a_number_that_cannot_be_computed_names_the_expression() -> None:
    @fastopt.kernels.rule
    def inverse(p, g, *, lr=1.0, scale=1.0):  # type: ignore[no-untyped-def]
        return p - lr / scale * g

    p = np.ones(3, "float32")
    with pytest.raises(ValueError, match=r"inverse: .*division by zero in one of lr / scale, with lr=1.0, scale=0.0"):
        inverse(p, p.copy(), scale=0.0)
    assert (p == 1).all()


def test_infinite_gradients_are_not_errors() -> None:
    arrays = four()
    arrays["g"][:] = [np.nan, np.inf, -np.inf, 0, 1e38, -1]
    with np.errstate(all="ignore"):
        ADAM(*arrays.values(), t=1)
    assert np.isnan(arrays["p"][:3]).all()
    assert np.isfinite(arrays["p"][3])


def params() -> dict[str, Any]:
    return {"W": np.ones((2, 3), "float32"), "b": [np.ones(3, "float32"), np.ones(2, "float32")]}


GRADS = {
    "a missing key": (lambda g: {"W": g["W"]}, r"grads\['b'\] is missing; the structure must be that of params"),
    "an extra key": (lambda g: {**g, "c": g["W"]}, r"grads\['c'\] is not in params"),
    "a short list": (lambda g: {**g, "b": g["b"][:1]}, r"grads\['b'\]\[1\] is missing"),
    "an array for a list": (lambda g: {**g, "b": g["W"]}, r"grads\['b'\] must be a list, as in params; got an ndarray"),
    "another shape": (lambda g: {**g, "b": g["b"][::-1]}, r"grads\['b'\]\[0\] has shape \(2,\) but params\['b'\]\[0\]"),
    "another type": (
        lambda g: {**g, "W": g["W"].astype(float)},
        r"grads\['W'\] is float64 but params\['W'\] is float32",
    ),
    "a parameter": (lambda g: {**g, "W": PARAMS["W"]}, r"grads\['W'\] shares memory with params\['W'\]"),
}
PARAMS = params()


@pytest.mark.parametrize("what", GRADS)
def test_a_bad_gradient_is_named_by_its_path_and_nothing_is_changed(what: str) -> None:
    make, message = GRADS[what]
    PARAMS.update(params())
    opt = fastopt.Adam(PARAMS)
    with pytest.raises((TypeError, ValueError), match=message):
        opt.step(make(params()))
    assert opt.t == 0
    assert all((a == 1).all() for a in (PARAMS["W"], *PARAMS["b"]))
    assert not any(slot.any() for state in opt.state for slot in state.values())
    opt.step(params())
    assert opt.t == 1


def test_a_bad_optimizer_is_refused_at_construction() -> None:
    with pytest.raises(ValueError, match="there is no rule 'adm'; did you mean 'adam'"):
        fastopt.Optimizer(params(), "adm")
    with pytest.raises(TypeError, match="rule must be a rule made with @rule"):
        fastopt.Optimizer(params(), lambda p, g: p)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="params has no arrays"):
        fastopt.Adam([])
    with pytest.raises(TypeError, match=r"params\['W'\]: expected an array; got 3"):
        fastopt.Adam({"W": 3})
    shared = np.ones(3, "float32")
    with pytest.raises(ValueError, match=r"params\[1\] shares memory with params\[0\]"):
        fastopt.Adam([shared, shared[:2]])
    with pytest.raises(ValueError, match="params has no arrays"):
        fastopt.Adam([None, "W"])
    with pytest.raises(TypeError, match="Adam has no variant with amsgrad and uncorrected; the options go together so"):
        fastopt.Adam(params(), amsgrad=True, uncorrected=True)
    with pytest.raises(TypeError, match="Adam: amsgrad must be True or False; got 'False'"):
        fastopt.Adam(params(), amsgrad="False")
    with pytest.raises(TypeError, match="SGD with momentum and nesterov has no dampening"):
        fastopt.SGD(params(), momentum=0.9, nesterov=True, dampening=0.1)
    with pytest.raises(TypeError, match="Adam has no hyperparameter 'learning_rate'"):
        fastopt.Adam(params(), learning_rate=0.1)
    with pytest.raises(ValueError, match="lr must satisfy"):
        fastopt.Adam(params(), lr=lambda t: -1.0)
    with pytest.raises(TypeError, match="initial_accumulator acts once, before the first step; pass a number"):
        fastopt.Adagrad(params(), initial_accumulator=lambda t: 0.1)
    with pytest.raises(ValueError, match="cast_to must be 'float16', 'bfloat16' or None; got 'int8'"):
        fastopt.Adam(params(), cast_to="int8")
    with pytest.raises(ValueError, match="decay has no effect without weight_decay"):
        fastopt.Adam(params(), decay="l2")
    with pytest.raises(ValueError, match="adamw has a weight decay of its own"):
        fastopt.AdamW(params(), decay="l2")
    with pytest.raises(ValueError, match="clip_norm must satisfy clip_norm > 0; got 0"):
        fastopt.Adam(params(), clip_norm=0)
    with pytest.raises(ValueError, match="ema_overwrite has no effect without ema"):
        fastopt.Adam(params(), ema_overwrite=1.0)
    with pytest.raises(ValueError, match="ema_overwrite must satisfy 0 <= ema_overwrite <= 1; got 2"):
        fastopt.Adam(params(), ema=0.9, ema_overwrite=2.0)
    with pytest.raises(ValueError, match="clip_eps has no effect without clip_norm or clip_array_norm"):
        fastopt.Adam(params(), clip_eps=1e-6)
    with pytest.raises(ValueError, match="clip_ratio_floor has no effect without clip_ratio; pass clip_ratio too"):
        fastopt.Adam(params(), clip_ratio_floor=0.1)
    with pytest.raises(ValueError, match="clip_ratio_floor must satisfy 0 < clip_ratio_floor < inf; got 0"):
        fastopt.Adam(params(), clip_ratio=0.1, clip_ratio_floor=0)
    with pytest.raises(ValueError, match="keeps an average of its own, which clip_update would not leave the average"):
        fastopt.ScheduleFreeAdamW(params(), clip_update=1.0)
    with pytest.raises(ValueError, match=r"groups\['b'\]: clip_eps is one for all norms; pass clip_eps beside groups"):
        fastopt.Adam(params(), clip_norm=1.0, groups={"b": {"clip_eps": 1e-6}})
    assert "clip_norm" not in fastopt.Adam(params(), clip_norm=None, ema=None).hyper


def test_a_clip_of_all_gradients_makes_no_rate_one_for_the_model() -> None:
    options = {"clip_norm": 1.0, "weight_decay": 0.1, "decay": "decoupled", "groups": {"a": {"lr": 0.5}}}
    params = {"a": np.ones(2), "b": np.ones(2)}
    assert fastopt.DoWG(params, over="array", **options).groups["a"].lr == 0.5
    with pytest.raises(ValueError, match="dowg works out one rate for the whole model"):
        fastopt.DoWG(params, **options)


@pytest.mark.parametrize("make", [fastopt.Prodigy, fastopt.DAdaptSGD, fastopt.DAdaptAdam])
def test_a_group_has_no_rate_of_its_own_where_one_is_worked_out_for_the_model(make: Any) -> None:
    params = {"a": np.ones(2), "b": np.ones(2)}
    for lr in (0.5, lambda t: 1.0):
        with pytest.raises(
            ValueError, match=r"groups\['b'\]: lr must be 0 or left out, since .* one rate for the whole"
        ):
            make(params, groups={"b": {"lr": lr}})
    make(params, groups={"b": {"lr": 0.5}}, over="array")
    opt = make(params, lr=0.5, groups={"b": {"lr": 0.0}})
    opt.step({name: p.copy() for name, p in params.items()})
    assert (params["b"] == 1).all() or make is fastopt.DAdaptSGD
    with pytest.raises(ValueError, match=r"groups\['b'\]: lr must be 0"):
        opt.groups["b"].lr = 0.25
    assert opt.groups["b"].lr == 0


def test_none_switches_off_a_decay_that_a_rule_has_itself() -> None:
    assert fastopt.AdamW(np.ones(2), weight_decay=None).weight_decay == 0
    assert fastopt.Tiger(np.ones(2), weight_decay=None).weight_decay == 0


def test_names_of_a_rules_numbers_may_be_any() -> None:
    @rule
    def named(w, grad, *, p=0.1, g=0.5, self=2.0):  # type: ignore[no-untyped-def]
        return w - p * g * self * grad

    p = np.ones(2)
    fastopt.Optimizer(p, named, clip_value=10.0).step(np.ones(2))
    np.testing.assert_allclose(p, 0.9)


def test_an_array_for_an_option_is_no_number() -> None:
    with pytest.raises(TypeError, match="momentum must be a number; got an ndarray"):
        fastopt.SGD(np.ones(2), momentum=np.ones(2))


def test_a_scale_of_each_element_is_refused_where_a_number_would_follow_from_it() -> None:
    p = {"a": np.ones(2)}
    for make in (fastopt.Prodigy, fastopt.ScheduleFreeSGD):
        with pytest.raises(TypeError, match=r"carries numbers that follow from lr, .* leave lr_scale out"):
            make(p, lr_scale={"a": np.ones(2)})
    with pytest.raises(TypeError, match="rprop has no lr that lr_scale could multiply in a step"):
        fastopt.Rprop(p, lr_scale={"a": np.ones(2)})
