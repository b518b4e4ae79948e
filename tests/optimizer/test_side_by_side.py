"""Rules side by side in one optimizer: what each parameter gets, what they have in common, and groups by function."""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from examples import same_bits
from fuzz_trees import Wrapped

import fastopt
from fastopt.kernels import norm, rule
from fastopt.optimizer.optimizer import updater_of

SHAPES = {"embed": (50, 6), "w": (40, 9), "b": (7,), "head.w": (9, 3), "head.b": (3,)}
TYPES = {"embed": "float32", "w": "float16", "b": "float64", "head.w": ml_dtypes.bfloat16, "head.b": "float32"}
GROUPS = {"embed": {"rule": "adamw", "lr": 3e-4}, "head": {"rule": "lamb"}, "*.b": {"lr": 0.5}}
OF_GROUPS: dict[str, dict[str, Any]] = {
    "embed": {"rule": "adamw", "lr": 3e-4},
    "w": {"rule": "momentum"},
    "b": {"rule": "momentum"},
    "head.w": {"rule": "lamb"},
    "head.b": {"rule": "lamb", "lr": 0.5},
}


def tree(seed: int) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    return {name: generator.normal(size=shape).astype(TYPES[name]) for name, shape in SHAPES.items()}


def nested(arrays: Mapping[str, Any]) -> dict[str, Any]:
    head = {"w": arrays["head.w"], "b": arrays["head.b"]}
    return {**{name: array for name, array in arrays.items() if "." not in name}, "head": head}


class Alone:
    """Each parameter by an optimizer of its own, given the factor of the clip over all of them."""

    def __init__(self, arrays: Mapping[str, Any], **options: Any) -> None:
        self.arrays, self.clip = arrays, options.pop("clip_norm", np.inf)
        self.opts = {
            name: fastopt.Optimizer(array, own["rule"], grad_scale=1.0, **options, **_numbers(own))
            for (name, array), own in zip(arrays.items(), OF_GROUPS.values(), strict=True)
        }

    def step(self, grads: Mapping[str, Any]) -> None:
        there = {name: g for name, g in grads.items() if g is not None}
        wide = [g.astype("float64" if g.dtype == np.float64 else "float32") for g in there.values()]
        size = norm(wide)
        for name, g in there.items():
            self.opts[name].grad_scale = self.clip / max(size, self.clip) if self.clip < np.inf else 1.0
            self.opts[name].step(g)


def _numbers(own: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in own.items() if name != "rule"}


def test_each_parameter_gets_its_rule_and_all_share_the_clip_and_the_steps() -> None:
    arrays, others = tree(0), tree(0)
    opt = fastopt.SGD(nested(arrays), momentum=0.9, groups=GROUPS, clip_norm=1.0, skip_nonfinite=True, ema=0.9)
    alone = Alone(others, clip_norm=1.0, ema=0.9)
    for k in range(1, 7):
        grads: dict[str, Any] = tree(k)
        if k == 3:
            grads["embed"] = None  # a rule without any gradient
        if k == 4:
            grads["w"] = grads["head.b"] = None
        opt.step(nested(grads))
        alone.step(grads)
    for name, array in arrays.items():
        assert same_bits(array, others[name]), name
    head = opt.ema["head"]
    assert same_bits(head["w"], alone.opts["head.w"].ema)
    assert [list(slots) for slots in opt.state] == [["m", "v"], ["b"], ["b"], ["m", "v"], ["m", "v"]]
    bad, before = tree(9), {name: array.copy() for name, array in arrays.items()}
    bad["head.b"][1] = np.nan
    opt.step(nested(bad))
    assert (opt.t, opt.skipped) == (6, 1)
    assert all(same_bits(array, before[name]) for name, array in arrays.items())


def test_a_norm_beyond_the_range_in_one_type_is_that_of_all() -> None:
    one, two = np.ones(3), np.ones(4, "float32")
    opt = fastopt.SGD([one, two], lr=1.0, clip_norm=1.0, groups={"1": {"rule": "lion", "lr": 0.5}})
    opt.step([np.full(3, 1e200), np.ones(4, "float32")])
    factor = 1.0 / norm([np.full(3, 1e200), np.ones(4)])
    assert same_bits(one, 1.0 - 1e200 * factor * np.ones(3))


def test_a_group_starts_from_its_rules_defaults_and_inherits_what_rides_along() -> None:
    params = {"a": np.ones(3, "float32"), "b": np.ones(3, "float32"), "c": np.ones(3, "float32")}
    groups = {"b": {"rule": "adamw"}, "c": {"rule": fastopt.kernels.sgd, "weight_decay": 0.5}}
    opt = fastopt.Adam(params, lr=0.25, clip_value=0.5, weight_decay=0.1, decay="decoupled", groups=groups)
    assert (opt.lr, opt.groups["b"].lr, opt.groups["b"].weight_decay, opt.groups["c"].lr) == (0.25, 1e-3, 0.01, 0.01)
    assert "clip_value" not in opt.groups["b"]  # that of all holds, also if it changes
    opt.clip_value = 0.25
    before = params["c"].copy()
    opt.step({name: np.ones(3, "float32") for name in params})
    # sgd with the kind of decay of all, and a strength of its own.
    decayed = before - np.float32(0.01) * np.float32(0.5) * before
    assert same_bits(params["c"], decayed - np.float32(0.01) * np.float32(0.25))
    opt.groups["c"].lr = 0.0
    assert opt.lr == 0.25


def test_the_later_of_two_rules_wins_and_a_plain_group_may_span_several() -> None:
    params = {"a": np.ones(2, "float32"), "b": np.ones(2, "float32"), "c": np.ones(2, "float32")}
    groups = {"*": {"rule": "adam"}, "b": {"rule": "lion"}, "[bc]": {"lr": 0.25}}
    opt = fastopt.SGD(params, groups=groups)
    opt.step({name: np.ones(2, "float32") for name in params})
    # Nobody has the rule of all.
    assert [own.name for own in updater_of(opt).rules] == ["adam", "lion", "adam"]
    assert [params[name][0] for name in "bc"] == [0.75, pytest.approx(0.75)]
    opt.groups["[bc]"].lr = 0.5
    opt.step({name: np.ones(2, "float32") for name in params})
    assert [params[name][0] for name in "bc"] == [0.25, pytest.approx(0.25)]
    assert dict(opt.groups["[bc]"]) == {"lr": 0.5}


def test_a_saved_run_goes_on_and_its_rules_must_be_the_same(tmp_path: Path) -> None:
    def made(groups: Any = GROUPS) -> Any:
        return fastopt.SGD(nested(tree(0)), momentum=0.9, groups=groups, clip_norm=1.0, count="optimizer")

    opt = made()
    for k in (1, 2):
        opt.step(nested(tree(k)))
    opt.groups["*.b"].lr = 0.125
    opt.save(tmp_path / "state")
    loaded, copied, pickled = made(), copy.deepcopy(opt), pickle.loads(pickle.dumps(opt))
    assert loaded.load(tmp_path / "state").changed == ("groups['*.b'].lr: 0.5 -> 0.125",)
    for one in (opt, loaded, copied, pickled):
        one.step(nested(tree(3)))
        now, wanted = one.state_dict()["arrays"], opt.state_dict()["arrays"]
        assert all(same_bits(now[name], wanted[name]) for name in wanted)
    with pytest.raises(
        ValueError, match=r"'embed' has adamw in the state, lion in the optimizer; make the optimizer with"
    ):
        made(GROUPS | {"embed": {"rule": "lion"}}).load(tmp_path / "state")
    with pytest.raises(ValueError, match=r"'head' has lamb in the state, none in the optimizer"):
        made({"embed": GROUPS["embed"], "*.b": {"lr": 0.5}}).load(tmp_path / "state")


def test_a_rule_that_carries_numbers_goes_on_where_it_has_no_gradient() -> None:
    def run(first: Any) -> Any:
        opt = fastopt.SGD([np.ones(2), np.ones(2)], groups={"1": {"rule": "nadam"}}, count="optimizer")
        opt.step([np.ones(2), first])
        opt.step([np.ones(2), np.ones(2)])
        return opt.uniform_states[1]

    assert run(None) == run(np.ones(2)) != {}


def test_new_parameters_begin_and_moved_ones_stay_if_their_rule_does() -> None:
    a, b = np.ones(2, "float32"), np.ones(2, "float32")
    params = {"x": {"a": a}, "y": {"b": b}}
    opt = fastopt.SGD(params, momentum=0.9, groups={"y": {"rule": "adam"}})
    opt.step({"x": {"a": a.copy()}, "y": {"b": b.copy()}})
    report = opt.sync({"x": {"a": a, "c": np.ones(2, "float32")}, "y": {"d": b}})
    assert (report.kept, report.begun) == (("x.a", "y.d"), ("x.c",))
    report = opt.sync({"x": {"b": b}})
    assert (report.kept, report.begun, report.unmatched) == ((), ("x.b",), ("y",))
    opt.step({"x": {"b": np.ones(2, "float32")}})


def test_the_average_of_one_rule_is_read_and_the_others_stay() -> None:
    params = {"a": np.ones(4, "float32"), "b": np.ones(4, "float32")}
    opt = fastopt.SGD(params, lr=0.5, groups={"b": {"rule": "schedule_free_sgd", "lr": 1.0}})
    alone = fastopt.Optimizer(np.ones(4, "float32"), "schedule_free_sgd", lr=1.0)
    for k in range(1, 4):
        g = np.full(4, k, "float32")
        opt.step({"a": g, "b": g})
        alone.step(g)
    trained = {name: array.copy() for name, array in params.items()}
    with opt.averaged(), alone.averaged() as average:
        assert same_bits(params["a"], trained["a"])
        assert same_bits(params["b"], average)
        assert not same_bits(params["b"], trained["b"])
    assert same_bits(params["b"], trained["b"])


def test_rows_losses_scales_and_watches_are_those_of_each_rule(tmp_path: Path) -> None:
    table, w = np.ones((6, 2), "float32"), np.ones(3, "float32")
    scale = np.array([[1], [2], [1], [1], [1], [1]], "float32")
    opt = fastopt.Optimizer(
        {"table": table, "w": w}, "polyak_sgd", groups={"table": {"rule": "adagrad"}}, lr_scale={"table": scale}
    )
    other, alone = np.ones((6, 2), "float32"), np.ones(3, "float32")
    rows, polyak = fastopt.Adagrad(other, lr_scale={"*": scale}), fastopt.Optimizer(alone, "polyak_sgd")
    with opt.watch(tmp_path / "watch", every=1):
        for k in range(3):
            sparse = fastopt.RowSparse(np.array([k, 1]), np.full((2, 2), k + 1, "float32"))
            opt.step({"table": sparse, "w": np.full(3, k + 1, "float32")}, loss=2.0)
            rows.step(sparse)
            polyak.step(np.full(3, k + 1, "float32"), loss=2.0)
    assert same_bits(table, other)
    assert same_bits(w, alone)
    assert len((tmp_path / "watch").read_text().splitlines()) == 4
    opt.state[1]
    table[0, 0] = np.inf
    with pytest.raises(FloatingPointError, match=r"params\['table'\] has 1 infinite"):
        opt.check_finite()
    with pytest.raises(TypeError, match=r"^polyak_sgd needs the loss"):
        opt.step({"table": np.ones((6, 2), "float32"), "w": np.ones(3, "float32")})


SHARED = np.zeros(12, "float32")


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        ([SHARED[6:], np.ones(6, "float32")], r"^grads\[0\] shares memory with params\[1\]; pass a copy of grads\[0\]"),
        ([np.ones(6, "float32"), SHARED[:6]], r"^grads\[1\] shares memory with params\[0\]"),
    ],
)
def test_a_gradient_in_the_memory_of_another_rules_parameter_is_refused(grads: Any, message: str) -> None:
    SHARED[...] = 1
    opt = fastopt.SGD([SHARED[:6], SHARED[6:]], groups={"1": {"rule": "lion"}})
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            opt.step(grads)
    # Also if it only moves there.
    opt.step([np.ones(6, "float32"), np.ones(6, "float32")])
    before = SHARED.copy()
    with pytest.raises(ValueError, match=message):
        opt.step(grads)
    assert same_bits(SHARED, before)
    assert opt.t == 1


def of_vectors(name: str, array: Any) -> bool:
    return bool(array.ndim < 2)


class Counted:
    def __init__(self, function: Callable[[str, Any], Any]) -> None:
        self.function, self.calls = function, 0

    def __call__(self, name: str, array: Any) -> Any:
        self.calls += 1
        return self.function(name, array)


def test_a_function_chooses_parameters_once_by_name_and_array() -> None:
    params = {"w": np.ones((2, 3)), "b": np.ones(3), "scale": np.ones(3)}
    chooser = Counted(of_vectors)
    groups: Any = [(chooser, {"weight_decay": 0.0}), ("scale", {"lr": 0.5})]
    opt = fastopt.AdamW(params, weight_decay=0.5, groups=groups)
    opt.step({name: np.zeros_like(array) for name, array in params.items()})
    assert [params[name].flat[0] < 1 for name in params] == [True, False, False]
    assert chooser.calls == 3
    assert (dict(opt.groups[0]), dict(opt.groups["scale"])) == ({"weight_decay": 0.0}, {"lr": 0.5})
    saved = opt.state_dict()
    assert list(saved["groups"]) == ["b, scale", "scale"]
    fastopt.AdamW(params, weight_decay=0.5, groups=[(lambda n, p: n != "w", groups[0][1]), groups[1]]).load_state_dict(
        saved
    )
    with pytest.raises(
        ValueError, match=r"the state has the groups \['b, scale', 'scale'\], the optimizer \['b', 'scale'\]"
    ):
        fastopt.AdamW(params, groups=[(lambda n, p: n == "b", groups[0][1]), groups[1]]).load_state_dict(saved)
    opt.sync({**params, "new": np.ones(2)})
    assert chooser.calls == 4  # those that stay, stay where they are
    assert copy.deepcopy(opt).sync({**params, "newer": np.ones(2)}).begun == ("newer",)
    lambdas = fastopt.AdamW(params, groups=[(lambda n, p: p.ndim < 2, {"weight_decay": 0.0})])
    pickled = pickle.loads(pickle.dumps(lambdas))
    pickled.step({name: np.ones_like(array) for name, array in params.items()})
    with pytest.raises(TypeError, match=r"groups\[0\]: its function was not pickled with the optimizer, so late is in"):
        pickled.sync({**pickled.params, "late": np.ones(2)})


@rule
def named_otherwise(weight, grad, pace, *, lr=0.5):  # type: ignore[no-untyped-def]
    """A rule of one's own, with names of its own."""
    pace = pace + abs(grad)
    return weight - lr * grad / pace, pace


def test_a_rule_of_ones_own_with_names_of_its_own_stands_beside_others() -> None:
    params = [np.ones(2), np.ones(2)]
    opt = fastopt.Adam(params, groups={"1": {"rule": named_otherwise, "lr": 0.25}})
    opt.step([np.ones(2), np.full(2, 3.0)])
    assert params[1].tolist() == [0.75, 0.75]
    assert [name for name in opt.state_dict()["arrays"] if name.endswith("/1")] == ["p/1", "pace/1"]
    with pytest.raises(ValueError, match=r"grads\[1\] has shape"):
        opt.step([np.ones(2), np.ones(3)])


BAD: list[tuple[Any, type[Exception], str]] = [
    ({"0": {"rule": "adma"}}, ValueError, r"^groups\['0'\]: there is no rule 'adma'; did you mean"),
    ({"0": {"rule": 3}}, TypeError, r"^groups\['0'\]: rule must be a rule made with @rule"),
    ({"0": {"rule": "sgd", "beta1": 0.5}}, TypeError, r"^groups\['0'\]: sgd has no hyperparameter 'beta1'"),
    ({"0": {"rule": "lion", "lr": -1.0}}, ValueError, r"^groups\['0'\]: lion: lr must satisfy"),
    ({"0": {"rule": "sgd"}, "*": {"beta1": 0.5}}, TypeError, r"^groups\['\*'\]: sgd has no hyperparameter 'beta1'"),
    (
        {"0": {"rule": "schedule_free_sgd"}, "1": {"ema": 0.5}},
        ValueError,
        r"schedule_free_sgd keeps an average of its own",
    ),
    ({"0": {"rule": "sgd", "clip_norm": 1.0}}, ValueError, r"^groups\['0'\]: clip_norm is of all gradients together"),
    ([("0", {"lr": 0.1}), ("0", {"lr": 0.2})], ValueError, "^groups has '0' twice; pass its numbers in one dict"),
    (
        [(of_vectors, {"lr": 0.1}), (lambda n, p: False, {})],
        ValueError,
        "^groups: the function .*<lambda>.* chose no param",
    ),
    ([(of_vectors,)], TypeError, r"^groups must be a dict .* at place 0; "),
    ([(lambda n, p: p > 0, {})], TypeError, r"^groups\[0\]: its function must say whether 0 is in the group, by True"),
    ([(3, {"lr": 0.1})], TypeError, "^groups must have names of parameters, patterns or functions; got 3"),
]


@pytest.mark.parametrize(("groups", "error", "message"), BAD)
def test_a_bad_group_is_named(groups: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fastopt.Adam([np.ones(3, "float32"), np.ones(3, "float32")], groups=groups)


def test_a_rate_array_of_a_rule_without_lr_is_refused_where_it_matches() -> None:
    params = {"a": np.ones(3, "float32"), "b": np.ones(3, "float32")}

    @rule
    def without_lr(p, g):  # type: ignore[no-untyped-def]
        return p - g

    groups, scale = {"b": {"rule": without_lr}}, np.ones(3, "float32")
    fastopt.SGD(params, groups=groups, lr_scale={"a": scale}).step({name: np.ones(3, "float32") for name in params})
    with pytest.raises(TypeError, match=r"^lr_scale: b has the rule without_lr, which has no lr"):
        fastopt.SGD(params, groups=groups, lr_scale={"*": scale})


def test_groups_with_the_same_rule_are_updated_together() -> None:
    params = [np.ones(2, "float32") for _ in range(4)]
    opt = fastopt.Adam(params, groups={"1": {"rule": "adam", "lr": 0.5}, "2": {"rule": "lion"}, "3": {"rule": "lion"}})
    assert [section.members for section in updater_of(opt).sections] == [[0, 1], [2, 3]]
    opt.step([np.ones(2, "float32")] * 4)
    assert [round(float(p[0]), 4) for p in params] == [0.999, 0.5, 0.9999, 0.9999]


def test_numbers_go_on_without_gradients_beside_a_norm_of_all() -> None:
    opt = fastopt.SGD([np.ones(2), np.ones(2)], groups={"1": {"rule": "nadam"}}, count="optimizer", clip_norm=1.0)
    opt.step([np.ones(2), None])
    alone = fastopt.NAdam(np.ones(2))
    alone.step(np.ones(2))
    assert opt.uniform_states[1] == alone.uniform_states[0]


def test_a_norm_of_all_adds_up_beside_a_rule_that_reads_no_gradient() -> None:
    @rule
    def shrinking(p, g, *, lr=0.5):  # type: ignore[no-untyped-def]
        return p - lr * p

    params, others = [np.ones(2) for _ in range(3)], [np.ones(2) for _ in range(2)]
    groups = {"1": {"rule": shrinking}, "2": {"rule": "momentum", "lr": 0.5}}
    fastopt.SGD(params, groups=groups, clip_norm=1.0, skip_nonfinite=True).step([np.ones(2) for _ in range(3)])
    fastopt.SGD(others, groups={"1": groups["2"]}, clip_norm=1.0).step([np.ones(2) for _ in range(2)])
    assert (same_bits(params[0], others[0]), same_bits(params[2], others[1])) == (True, True)
    assert params[1].tolist() == [0.5, 0.5]


def test_groups_by_functions_that_choose_the_same_are_saved_apart() -> None:
    def made(lr: float) -> Any:
        groups = [("b", {"lr": lr}), (lambda n, p: n == "b", {"momentum": lr}), (lambda n, p: n == "b", {})]
        return fastopt.SGD({"a": np.ones(2), "b": np.ones(2)}, momentum=0.9, groups=groups)

    saved = made(0.5).state_dict()
    assert saved["groups"] == {"b": {"lr": 0.5}, "b (2)": {"momentum": 0.5}, "b (3)": {}}
    other = made(0.25)
    other.load_state_dict(saved)
    assert (other.groups["b"].lr, other.groups[1].momentum) == (0.5, 0.5)


def test_a_rate_of_a_group_is_refused_only_where_its_rule_works_out_one_for_all() -> None:
    params = {name: np.ones(2, "float32") for name in "abc"}
    groups = {"a": {"rule": "prodigy"}, "[bd]": {"lr": 0.5}}
    opt = fastopt.SGD(params, groups=groups)
    opt.groups["[bd]"].lr = 0.25
    message = "lr must be 0 or left out, since prodigy works out one"
    with pytest.raises(ValueError, match=message):
        fastopt.SGD(params, groups={**groups, "[ab]": {"lr": 0.5}})
    # What a later rule replaces has no effect.
    fastopt.Prodigy(params, groups={"a*": {"lr": 0.5}, "a": {"rule": "sgd"}})
    # A new parameter may bring a group and a rule together.
    opt = fastopt.SGD(params, groups={"[ad]": {"rule": "prodigy"}, "[bd]": {"lr": 0.5}})
    with pytest.raises(ValueError, match=message):
        opt.sync({**params, "d": np.ones(2, "float32")})
    assert list(opt.params) == ["a", "b", "c"]


def test_numbers_of_a_group_of_several_rules_are_set_all_or_none() -> None:
    opt = fastopt.SGD([np.ones(2), np.ones(2)], groups={"0": {"rule": "lion"}, "*": {"lr": 0.5}})
    with pytest.raises(TypeError, match="has no hyperparameter 'rate'"):
        opt.groups["*"].update(lr=0.25, rate=1.0)
    assert opt.groups["*"].lr == 0.5
    with pytest.raises(TypeError, match="the hyperparameter lr cannot be removed"):
        del opt.groups["*"].lr


def test_a_monitor_that_is_called_for_one_rule_alone_is_saved() -> None:
    monitor = fastopt.ReduceOnPlateau()
    # No parameter of the group has the rule of all, for which the function is called at first only.
    groups: Any = {"1": {"rule": "lion"}, "1*": {"lr": lambda t: monitor(t) if t > 1 else 0.5}}
    opt = fastopt.SGD([np.ones(2), np.ones(2)], groups=groups)
    for _ in range(2):
        opt.step([np.ones(2), np.ones(2)])
    assert opt.monitors == [monitor]


def test_a_slot_with_the_name_of_the_parameters_is_refused() -> None:
    @rule
    def directed(w, g, p, *, lr=0.5):  # type: ignore[no-untyped-def]
        p = g - p
        return w - lr * p, p

    with pytest.raises(ValueError, match=r"^groups\['1'\]: directed has the slot 'p', which in a checkpoint names"):
        fastopt.SGD([np.ones(2), np.ones(2)], groups={"1": {"rule": directed}})


def test_a_gradient_in_the_memory_of_a_new_parameter_of_another_rule_is_refused() -> None:
    memory, own = np.ones(12, "float32"), np.ones(6, "float32")
    opt = fastopt.SGD([np.ones(6, "float32"), own], groups={"1": {"rule": "lion"}})
    grads = [np.ones(6, "float32"), np.ones(6, "float32")]
    opt.step(grads)
    opt.params = [memory[:6], own]
    opt.step(grads)
    with pytest.raises(ValueError, match=r"^grads\[1\] shares memory with params\[0\]"):
        opt.step([grads[0], memory[:6]])
    assert opt.t == 2


def test_only_rules_that_have_parameters_need_the_loss() -> None:
    opt = fastopt.Optimizer([np.ones(2)], "polyak_sgd", groups={"*": {"rule": "sgd"}})
    opt.step([np.ones(2)])
    opt.step([np.ones(2)], loss=1.0)  # a loop that tells it need not know
    assert opt.t == 2


def test_a_state_is_not_taken_for_a_number_of_the_rule_of_all() -> None:
    @rule
    def damped(p, g, *, lr=0.5, mu_product=1.0):  # type: ignore[no-untyped-def]
        return p - lr * mu_product * g

    other = np.ones(2)
    opt = fastopt.Optimizer([np.ones(2), other], damped, mu_product=lambda t: 0.5, groups={"1": {"rule": "nadam"}})
    alone = fastopt.NAdam(np.ones(2))
    for _ in range(2):
        opt.step([np.ones(2), np.ones(2)])
        alone.step(np.ones(2))
    assert same_bits(other, alone.params)


def test_no_row_catches_up_in_a_step_that_is_refused() -> None:
    table = np.ones((5, 2), "float32")
    opt = fastopt.SGD([table, np.ones(3, "float32")], momentum=0.9, groups={"1": {"rule": "lion"}})
    for row in (0, 1):
        opt.step([fastopt.RowSparse(np.array([row]), np.ones((1, 2), "float32")), np.ones(3, "float32")])
    before = table.copy()
    with pytest.raises(ValueError, match=r"grads\[1\] has shape"):
        opt.step([np.ones((5, 2), "float32"), np.ones(4, "float32")])
    assert same_bits(table, before)


def test_torchs_groups_have_no_rules_of_their_own() -> None:
    with pytest.raises(ValueError, match=r"^params\[0\] differs in rule, which must be the same in all groups"):
        fastopt.like.torch.SGD([{"params": [np.ones(2)], "rule": fastopt.kernels.adam}])


def test_the_average_that_only_a_group_has_is_read_saved_and_loaded() -> None:
    def made() -> Any:
        return fastopt.SGD([np.ones(2), np.ones(2)], groups={"1": {"rule": "momentum", "ema": 0.5}})

    opt, other = made(), made()
    opt.step([np.ones(2), np.ones(2)])
    saved = opt.state_dict()
    # As if the average had begun a step later.
    saved["means"]["1"]["ema"]["run"] = 0
    other.load_state_dict(saved)
    assert other.state_dict()["means"] == saved["means"]
    other.step([np.ones(2), np.ones(2)])
    nothing, average = other.ema
    assert nothing is None
    assert same_bits(average, other.params[1])  # the first of its means


def test_rate_arrays_stand_beside_a_rule_that_takes_none() -> None:
    params, scale = [np.ones(2), np.ones(2)], np.ones(2)
    groups = {"1": {"rule": "prodigy"}}
    fastopt.SGD(params, groups=groups, lr_scale={"0": scale})
    message = r"^lr_scale: 1 has the rule prodigy, which carries numbers that follow from lr"
    with pytest.raises(TypeError, match=message):
        fastopt.SGD(params, groups=groups, lr_scale={"*": scale})
    fastopt.Prodigy(params, groups={"0": {"rule": "sgd"}}, lr_scale={"0": scale})
    with pytest.raises(TypeError, match=message):
        fastopt.Prodigy(params, groups={"0": {"rule": "sgd"}}, lr_scale={"*": scale})


def test_scikit_learn_is_refused_a_group_whose_rule_takes_the_loss() -> None:
    pytest.importorskip("sklearn")
    from fastopt.integrations.sklearn import made

    with pytest.raises(ValueError, match=r"^polyak_sgd takes the loss of each step"):
        made("SGD", [np.ones(2), np.ones(2)], groups={"1": {"rule": "polyak_sgd"}})


def test_gradients_that_are_set_to_zero_lie_apart_across_rules() -> None:
    opt = fastopt.SGD([np.ones(6, "float32"), np.ones(6, "float32")], zero_grads=True, groups={"1": {"rule": "lion"}})
    ours, both = np.ones(6, "float32"), np.ones(6, "float32")
    opt.step([ours, np.ones(6, "float32")])
    opt.step([None, both])
    opt.step([both, None])
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^grads\[1\] shares memory with grads\[0\]"):
            opt.step([both, both])
    rows = fastopt.RowSparse(np.array([0]), both[:1])
    opt.step([rows, np.ones(6, "float32")])
    with pytest.raises(ValueError, match=r"^grads\[1\] shares memory with grads\[0\].values"):
        opt.step([rows, both])
    assert opt.t == 4


def test_gradients_of_an_unknown_library_are_set_to_zero_across_rules() -> None:
    opt = fastopt.SGD([np.ones(6, "float32"), np.ones(6, "float32")], zero_grads=True, groups={"1": {"rule": "lion"}})
    for _ in range(2):
        grads = [np.ones(6, "float32"), np.ones(6, "float32")]
        opt.step([Wrapped(g) for g in grads])
        assert not np.any(grads)
    with pytest.raises(ValueError, match=r"^grads\[1\] shares memory with grads\[0\]"):
        opt.step([Wrapped(grads[0]), Wrapped(grads[0])])
    assert opt.t == 2


def test_what_a_rule_had_goes_with_its_last_parameter() -> None:
    params = {"a": np.ones(2), "b": np.ones(2)}
    opt = fastopt.SGD(params, groups={"b": {"rule": "momentum"}})
    opt.step({"a": np.ones(2), "b": np.ones(2)})
    gone = weakref.ref(opt.state[1]["b"])
    opt.sync({"a": params["a"]})
    gc.collect()
    assert gone() is None


def test_numbers_of_a_group_of_several_rules_are_copied_and_pickled() -> None:
    numbers = fastopt.SGD([np.ones(2), np.ones(2)], groups={"0": {"rule": "lion"}, "*": {"lr": 0.5}}).groups["*"]
    for one in (copy.copy(numbers), copy.deepcopy(numbers), pickle.loads(pickle.dumps(numbers))):
        assert dict(one) == {"lr": 0.5}


def test_no_rule_of_ones_own_reaches_over_other_rules() -> None:
    def wide(p, g, *, lr=0.5):  # type: ignore[no-untyped-def]
        return p - lr * g / norm(p, over="optimizer")

    with pytest.raises(ValueError, match='over must be "array" or "model"; got \'optimizer\''):
        rule(wide)


def test_two_groups_of_one_rule_load_the_numbers_of_their_own_runs() -> None:
    def made(params: Any) -> Any:
        groups = {"a": {"rule": "nadam"}, "b": {"rule": "nadam", "beta1": 0.5}}
        return fastopt.SGD(params, groups=groups, count="optimizer")

    opt = made({"a": [np.ones(2)], "b": [np.ones(2)]})
    opt.step({"a": [np.ones(2)], "b": [np.ones(2)]})
    more = made({"a": [np.ones(2), np.ones(2)], "b": [np.ones(2)]})
    more.load_state_dict(opt.state_dict(), partial=True)
    first, second = opt.uniform_states
    assert more.uniform_states == [first, first, second]
    assert first != second


def test_one_moment_of_both_parts_needs_one_rule_that_has_a_moment() -> None:
    params = [np.ones(2, "complex64"), np.ones(2, "complex64")]
    opt = fastopt.SGD(params, groups={"1": {"rule": "adam"}}, second_moment="modulus")
    opt.step([np.full(2, 1 + 1j, "complex64"), np.full(2, 3 + 4j, "complex64")])
    assert opt.state[1]["v"][0].real == pytest.approx(0.001 * 25)
    with pytest.raises(TypeError, match=r'^sgd and lion: second_moment="modulus" has no effect'):
        fastopt.SGD(params, groups={"1": {"rule": "lion"}}, second_moment="modulus")


def test_a_group_with_a_rule_may_have_a_decay_of_its_own_kind_and_none_switches_one_off() -> None:
    def made(**group: Any) -> Any:
        groups = {"a": {"rule": "sgd", "lr": 0.5, "weight_decay": 0.5, **group}, "c": {"weight_decay": None}}
        return fastopt.AdamW({name: np.ones(2) for name in "abc"}, groups=groups)

    opt = made(decay="decoupled")
    assert repr(opt).startswith("<AdamW: adamw, sgd, 3 arrays")
    opt.step({name: np.full(2, float(name == "a")) for name in "abc"})
    assert [float(opt.params[name][0]) for name in "abc"] == [1 - 0.25 - 0.5, 1 - 1e-5, 1.0]
    saved = opt.state_dict()
    made(decay="decoupled").load_state_dict(saved)
    with pytest.raises(ValueError, match=r"'a' has sgd with decay='decoupled' in the state, sgd in the optimizer"):
        made().load_state_dict(saved)
    with pytest.raises(ValueError, match=r"^groups\['a'\]: decay must be 'l2', .*; got 'strong'"):
        made(decay="strong")
    with pytest.raises(ValueError, match=r"^groups\['b'\]: adamw has a weight decay of its own, on which decay"):
        fastopt.SGD({"b": np.ones(2)}, groups={"b": {"rule": "adamw", "decay": "l2"}})


@pytest.mark.peers
def test_tensors_are_looked_at_among_all() -> None:
    """Each rule's plan looks for its own in the lists of all: what moves, what another takes the place of."""
    torch: Any = pytest.importorskip("torch")
    arrays = [np.linspace(-1, 1, 300 + k, dtype="float32") for k in range(5)]
    groups: Any = [(lambda name, p: int(name) % 2 == 0, {"rule": "lion"})]
    tensors = [torch.from_numpy(array.copy()) for array in arrays]
    ours, theirs = fastopt.Adam(arrays, groups=groups), fastopt.Adam(tensors, groups=groups)
    for step in range(4):
        grads = [np.cos(array + step) for array in arrays]
        if step == 2:
            # Of the second rule, which only its own plan may see.
            theirs.params[2], ours.params[2] = tensors[2].clone(), arrays[2].copy()
            grads[1] = None  # type: ignore[call-overload]
        ours.step(grads)
        theirs.step([g if g is None else torch.from_numpy(g) for g in grads])
    assert all(section.plans.whole.watched for section in updater_of(theirs).sections)  # type: ignore[union-attr]
    assert all(same_bits(p, q.numpy()) for p, q in zip(ours.params, theirs.params, strict=True))
