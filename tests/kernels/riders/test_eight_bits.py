"""State in codes of 8 bits, in blocks that share a scale: the bits of NumPy's decode, rule, encode."""

import copy
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import pytest
from examples import EXACT, others_in_ci, same_bits
from stepping import LOSS, all_in_numpy

import fastopt
from fastopt.kernels import RULES
from fastopt.kernels.language.root8 import codes_of, numbers_of, scales_of
from fastopt.kernels.language.storages import BLOCK
from fastopt.kernels.reference import Flushed

OPTIONS: dict[str, Any] = {"state_format": "8bit", "min_8bit_size": 300}
REFUSED = {
    "asgd": "keeps mean, which starts as the weights",
    "ftrl": "works out the weights from z, h",
    "prodigy": "keeps p0, which starts as the weights",
}
FITTING = [
    name for name in EXACT if (rule := RULES[name]).slots and not rule.from_parameter and name not in ("ftrl", "cocob")
]


def check_steps(name: str, params: list[Any], grads: list[Any], steps: int = 3, **options: Any) -> Any:
    opt = fastopt.Optimizer(params, name, **OPTIONS, **options)
    wanted = all_in_numpy(opt, grads, steps)
    for _ in range(steps):
        opt.step(grads, **opt.rule.told(LOSS))
    slots = opt._updater.definition.slots
    each = zip(params, opt._updater.state, strict=True)
    ours = [array for p, own in each for array in (p, *(own[slot] for slot in slots if slot in own))]
    assert len(ours) == len(wanted)
    assert all(map(same_bits, ours, wanted))
    return opt


def arrays(*shapes: Any) -> tuple[list[Any], list[Any]]:
    generator = np.random.default_rng(0)
    return tuple([generator.standard_normal(shape).astype("float32") for shape in shapes] for _ in range(2))  # type: ignore[return-value]


def test_steps_have_numpys_bits_about_the_size_of_a_block() -> None:
    """Arrays that are small stay float32; an array for two threads, in many pieces."""
    opt = check_steps("adam", *arrays((), 299, 511, 512, 513, (401, 300)))
    kinds = [[array.dtype.name for array in own.values()] for own in opt._updater.state]
    assert kinds[:2] == [["float32", "float32"]] * 2
    assert kinds[2:] == [["int8", "uint8", "float32", "float32"]] * 4


@pytest.mark.parametrize("bits", [24, 32])
def test_weights_in_two_parts_go_with_codes(bits: int) -> None:
    params, grads = arrays(1500, (40, 30))
    halves, grads = ([a.astype(ml_dtypes.bfloat16) for a in both] for both in (params, grads))
    opt = check_steps("adamw", halves, grads, master_weight_bits=bits, reciprocals=True)
    held = halves[0].nbytes + sum(array.nbytes for array in opt._updater.state[0].values())
    assert held == 1500 * (bits // 8 + 2) + 2 * 4 * 6


def test_blocks_are_in_the_order_of_memory_whatever_the_gradients() -> None:
    params, grads = arrays((40, 30), (30, 5, 4))
    params = [np.asfortranarray(params[0]), params[1].transpose(2, 0, 1)]
    grads = [grads[0], np.ascontiguousarray(grads[1].transpose(2, 0, 1))]
    check_steps("adamw", params, grads, clip_norm=1.0, ema=0.9, reciprocals=True)
    strided = [np.zeros((40, 60), "float32")[:, ::2]]
    check_steps("adam", strided, grads[:1])


@pytest.mark.parametrize("name", others_in_ci(FITTING, ("lion", "lamb")))
def test_every_rule_has_numpys_bits(name: str) -> None:
    check_steps(name, *arrays(3, (40, 30)))


def test_every_rule_fits_or_says_why_not() -> None:
    params = [np.zeros(5000, "float32")]
    for name, rule in RULES.items():
        if rule.slots and name not in FITTING and rule.exact:
            with pytest.raises(ValueError, match=f"{name} (keeps|works out) .* 8 bits are too few"):
                fastopt.Optimizer(params, name, state_format="8bit")
    for name, why in REFUSED.items():
        with pytest.raises(ValueError, match=why):
            fastopt.Optimizer(params, name, state_format="8bit")


def test_what_is_never_negative_is_read_off_the_formula_or_declared() -> None:
    kept = {name: RULES[name].never_negative for name in RULES if RULES[name].slots}
    assert {name for name in kept if {"v", "h", "u", "s", "v_max", "var"} & set(RULES[name].slots) - kept[name]} == {
        # Sums of gradients by this name, and steps.
        "dadapt_adam",
        "dadapt_sgd",
        "prodigy",
        "nag_adam",
    }
    assert kept["adam"] == {"v"}
    assert kept["yogi"] == kept["stable_adamw"] == {"v"}  # declared


def test_a_slot_may_be_declared_as_it_is() -> None:
    def own(p: Any, g: Any, v: Any, *, lr: float = 0.1) -> Any:
        return p - lr * g, v - 0.1 * (v - g * g)

    assert not fastopt.kernels.rule(own).never_negative
    assert fastopt.kernels.rule(require="v >= 0")(own).never_negative == {"v"}
    with pytest.raises(TypeError, match=r"of slot 'v' only v >= 0 can be said; got '0 <= v < 1'"):
        fastopt.kernels.rule(require="0 <= v < 1")(own)


def flushed(*values: float) -> Any:
    return np.array(values, "float32").view(Flushed)


def decoded(x: Any, storage: str) -> Any:
    with np.errstate(all="ignore"):
        codes, scales = codes_of(x, storage), scales_of(x, storage)
        return np.asarray(numbers_of(codes, np.repeat(scales, BLOCK)[: x.size]))


@pytest.mark.parametrize("storage", ["int8", "uint8"])
def test_codes_of_odd_values(storage: str) -> None:
    assert not decoded(flushed(*[0.0] * 300), storage).any()
    assert not decoded(flushed(1e-40, 0.0), storage).any()
    one_huge = decoded(flushed(1e30, 1.0, 0.0), storage)
    assert one_huge[0] == pytest.approx(1e30, rel=1e-6)
    assert (one_huge[1:] == 0).all() == (storage == "int8")
    for bad in (np.nan, np.inf):
        block = decoded(flushed(bad, *[1.0] * 299), storage)
        assert not np.isfinite(block[:BLOCK]).any()
        assert block[BLOCK:] == pytest.approx(1, rel=1e-6)
    # No code of what is never negative is 0 beside others, so that no step is divided by nothing.
    assert codes_of(flushed(1.0, 1e-12), "uint8").tolist() == [255, 1]
    assert codes_of(flushed(1.0, -1.0, 1e-12, -0.0), "int8").tolist() == [127, -127, 0, 0]
    x = flushed(*np.geomspace(1e-3, 1, 200))
    steps = 255 if storage == "uint8" else 127
    assert np.abs(np.sqrt(decoded(x, storage)) - np.sqrt(x)).max() <= 0.51 / steps


def test_steps_of_odd_values_have_numpys_bits() -> None:
    """A block of zeros, one of a huge element, denormals, and what is not finite poisons its block alone."""
    grad = np.ones(5 * BLOCK + 3, "float32")
    grad[:BLOCK] = 0
    grad[BLOCK] = 1e18
    grad[2 * BLOCK : 3 * BLOCK] = 1e-40
    grad[3 * BLOCK], grad[4 * BLOCK] = np.nan, np.inf
    params = [np.zeros(grad.size, "float32")]
    check_steps("adam", params, [grad])
    bad = np.isnan(params[0]).reshape(-1)
    assert bad[3 * BLOCK : 5 * BLOCK].all()
    assert not bad[: 3 * BLOCK].any()
    assert not bad[5 * BLOCK :].any()


def test_the_state_is_read_as_numbers() -> None:
    params, grads = arrays(600, (20, 30))
    params[1], grads[1] = np.asfortranarray(params[1]), np.asfortranarray(grads[1])
    coded, whole = (fastopt.Adam([p.copy(order="K") for p in params], **o) for o in (OPTIONS, {}))
    for opt in (coded, whole):
        opt.step(grads)
    for ours, theirs in zip(coded.state, whole.state, strict=True):
        assert list(ours) == ["m", "v"]
        for slot in ours:
            assert ours[slot].shape == theirs[slot].shape
            assert np.abs(np.sqrt(np.abs(ours[slot])) - np.sqrt(np.abs(theirs[slot]))).max() < 0.01
            with pytest.raises(ValueError, match="read-only"):
                ours[slot][...] = 0


def test_runs_go_on_with_the_same_bits(tmp_path: Path) -> None:
    def run(opt: Any, steps: range) -> None:
        for k in steps:
            opt.step([np.random.default_rng(k).standard_normal((30, 20)).astype("float32")])

    def made(order: Any = "F") -> Any:
        return fastopt.Adam([np.zeros((30, 20), "float32", order=order)], **OPTIONS)

    whole, first, second, copied = made(), made(), made(), made()
    run(whole, range(6))
    run(first, range(3))
    first.save(tmp_path / "state.safetensors", params=True)
    second.load(tmp_path / "state.safetensors", params=True)
    copied.load_state_dict(copy.deepcopy(first.state_dict()))
    for opt in (first, second, copied, copy.deepcopy(first)):
        run(opt, range(3, 6))
        assert same_bits(opt.params[0], whole.params[0])
    # In another order of memory other elements share a block: they are coded anew, and that is said.
    other = made("C")
    report = other.load(tmp_path / "state.safetensors", params=True)
    assert [line for line in report.changed if "coded anew" in line]
    saved = made()
    saved.load(tmp_path / "state.safetensors", params=True)
    for slot in ("m", "v"):
        ours, theirs = other.state[0][slot], saved.state[0][slot]
        assert np.abs(np.sqrt(np.abs(ours)) - np.sqrt(np.abs(theirs))).max() < 0.01


def test_bad_options_are_refused_by_name() -> None:
    p = [np.zeros(5000, "float32")]
    for message, options in {
        "state_format must be 'bfloat16' or '8bit', or None; got '4bit'": {"state_format": "4bit"},
        "min_8bit_size must be a whole number of elements": {"state_format": "8bit", "min_8bit_size": -1},
        "min_8bit_size has no effect without state_format='8bit'": {"min_8bit_size": 1},
        "state_rounding has no effect without state_format='bfloat16'": {
            "state_format": "8bit",
            "state_rounding": "nearest",
        },
        "seed has no effect": {"state_format": "8bit", "seed": 1},
    }.items():
        with pytest.raises(ValueError, match=message):
            fastopt.Adam(p, **options)
    with pytest.raises(ValueError, match=r"state_format is for real parameters .* computed in float64"):
        fastopt.Adam([np.zeros(5000)], state_format="8bit")
    opt = fastopt.Adam([np.zeros((500, 10), "float32")], state_format="8bit")
    with pytest.raises(TypeError, match="row-sparse, but blocks of its state share a scale; pass a dense"):
        opt.step([fastopt.RowSparse(np.array([1]), np.ones((1, 10), "float32"))])
    assert not opt.state[0]["m"].any()


def near(ours: Any, theirs: Any) -> bool:
    """Whether numbers in codes are those of others, within a step of their blocks."""
    top = np.sqrt(np.abs(theirs).max())
    return bool(np.abs(np.sqrt(np.abs(ours)) - np.sqrt(np.abs(theirs))).max() <= 0.51 / 127 * top + 0.01 * top)


def test_groups_may_have_a_format_of_their_own() -> None:
    """Of their rule or of that of all, the numbers of which they share; None is float32."""
    params = {name: np.zeros(1500, "float32") for name in ("a", "b", "c", "d")}
    grads = {name: np.random.default_rng(3).standard_normal(1500).astype("float32") for name in params}
    groups: Any = {
        "b": {"state_format": None, "lr": 0.1},
        "c": {"state_format": "bfloat16"},
        "d": {"rule": "lion", "state_format": "bfloat16"},
        "d*": {"state_format": "8bit"},
    }
    opt = fastopt.Adam(params, lr=0.1, groups=groups, clip_norm=1.0, **OPTIONS)
    alone = {
        name: fastopt.Optimizer({name: np.zeros(1500, "float32")}, rule, lr=lr, clip_norm=1.0, **options)
        for name, rule, lr, options in [
            ("a", "adam", 0.1, OPTIONS),
            ("b", "adam", 0.1, {}),
            ("c", "adam", 0.1, {"state_format": "bfloat16"}),
            ("d", "lion", opt.groups["d"].lr, OPTIONS),
        ]
    }
    kinds = [{slot: array.dtype.name for slot, array in own.items() if " " not in slot} for own in opt._updater.state]
    assert kinds == [
        {"m": "int8", "v": "uint8"},
        {"m": "float32", "v": "float32"},
        {"m": "bfloat16", "v": "bfloat16"},
        {"m": "int8"},
    ]
    # The clip is of all together: with equal gradients, half as large as of one alone.
    for _ in range(3):
        opt.step(grads)
        for name, own in alone.items():
            own.clip_norm = opt.clip_norm / 2
            own.step({name: grads[name]})
    for name, own in alone.items():
        assert same_bits(params[name], own.params[name]), name
    saved = opt.state_dict()
    assert saved["formats"] == {"b": None, "c": "bfloat16", "d": "bfloat16", "d*": "8bit"}
    other = fastopt.Adam(params, lr=0.1, groups=groups | {"c": {}}, clip_norm=1.0, **OPTIONS)
    with pytest.raises((ValueError, TypeError), match=r"the state has the formats .* of groups"):
        other.load_state_dict(saved)
    with pytest.raises(ValueError, match=r"params.*'b'.*: schedule_free_sgd keeps z, which starts as the weights"):
        fastopt.Adam(params, groups={"b": {"rule": "schedule_free_sgd", "state_format": "8bit"}})


@pytest.mark.parametrize("here", [None, "bfloat16", "8bit"])
@pytest.mark.parametrize("there", [None, "bfloat16", "8bit"])
def test_a_state_in_another_format_is_converted_on_request(here: Any, there: Any, tmp_path: Path) -> None:
    params = [np.zeros((40, 50), "float32")]
    first = fastopt.Adam(params, state_format=there)
    if there == "8bit":
        first = fastopt.Adam(params, **OPTIONS)
    first.step([np.random.default_rng(0).standard_normal((40, 50)).astype("float32")])
    first.save(tmp_path / "state.safetensors")
    fortran = [np.zeros((40, 50), "float32", order="F")]
    second = fastopt.Adam(fortran, **OPTIONS) if here == "8bit" else fastopt.Adam(fortran, state_format=here)
    if here != there:
        with pytest.raises(
            (ValueError, TypeError), match=r"m/0 was saved as|the state has the options|the state has no"
        ):
            second.load(tmp_path / "state.safetensors")
        assert not np.any(second.state[0]["m"].astype("float32"))
    report = second.load(tmp_path / "state.safetensors", convert=True)
    assert bool(report.changed) == (here != there or here == "8bit")
    for slot in ("m", "v"):
        ours, theirs = (opt.state[0][slot].astype("float32") for opt in (second, first))
        assert near(ours, theirs) if here == "8bit" else np.allclose(ours, theirs, rtol=2**-8)
    assert second.t == 1


class ScaleByAdamState(NamedTuple):
    """As optax has it."""

    count: Any
    mu: Any
    nu: Any


def test_a_peers_state_comes_and_goes_as_numbers() -> None:
    params = [np.ones((30, 50), "float32", order="F")]
    opt = fastopt.Adam(params, **OPTIONS)
    mu, nu = np.random.default_rng(0).standard_normal((2, 30, 50)).astype("float32")
    theirs = (ScaleByAdamState(np.array(5), [mu], [nu * nu]), ())
    fastopt.like.optax.load_state(opt, theirs)
    again, _ = fastopt.like.optax.state_of(opt, theirs)
    assert again.mu[0].dtype == again.nu[0].dtype == np.float32
    assert near(again.mu[0], mu)
    assert near(again.nu[0], nu * nu)
    assert again.count == opt.t == 5


def test_what_goes_along_works_with_codes(tmp_path: Path) -> None:
    """Watching, averages in the place of the weights, sums of micro-batches, skipped steps, a copy of the optimizer."""
    grad = np.random.default_rng(0).standard_normal(2000).astype("float32")
    plain = fastopt.Adam([np.zeros(2000, "float32")], ema=0.9, skip_nonfinite=True, **OPTIONS)
    opt = fastopt.Adam([np.zeros(2000, "float32")], ema=0.9, skip_nonfinite=True, accumulate="mean", **OPTIONS)
    with opt.watch(tmp_path / "watch.jsonl", every=1):
        for k in range(3):
            plain.step([grad])
            opt.accumulate([grad])
            opt.accumulate([grad])
            opt.step()
            if k == 1:
                with opt.averaged():
                    assert not same_bits(opt.params[0], plain.params[0])
                opt = copy.deepcopy(opt)
                opt.step([np.full(2000, np.nan, "float32")])
    assert opt.skipped == 1
    assert same_bits(opt.params[0], plain.params[0])
    assert same_bits(opt.state[0]["v"], plain.state[0]["v"])
    opt.check_finite()


def test_a_rule_without_state_has_what_rides_along() -> None:
    groups: Any = {"e": {"rule": "sgd", "lr": 0.1}}
    params = {name: np.zeros(1500, "float32") for name in ("w", "e")}
    opt = fastopt.Adam(params, groups=groups, ema=0.9, lookahead=2, **OPTIONS)
    opt.step({name: np.ones(1500, "float32") for name in params})
    assert [list(own) for own in opt.state] == [["m", "v"], []]


def test_rows_are_refused_for_the_parameters_in_codes_alone() -> None:
    """A table of embeddings in another format, or a small one, beside others in 8 bits or rounded at random."""
    rows = fastopt.RowSparse(np.array([1, 3]), np.ones((2, 100), "float32"))
    for options in (OPTIONS, {"state_format": "bfloat16"}):
        params = {"w": np.zeros(1500, "float32"), "embed": np.zeros((5, 100), "float32")}
        groups: Any = {"embed": {"state_format": None}}
        opt = fastopt.Adam(params, groups=groups, **options)
        whole = fastopt.Adam({"embed": np.zeros((5, 100), "float32")})
        for _ in range(2):
            opt.step({"w": np.ones(1500, "float32"), "embed": rows})
            whole.step({"embed": rows})
        opt.flush()
        whole.flush()
        assert same_bits(params["embed"], whole.params["embed"])
    small = fastopt.Adam({"embed": np.zeros((2, 100), "float32")}, **OPTIONS)
    small.step({"embed": fastopt.RowSparse(np.array([1]), np.ones((1, 100), "float32"))})


def test_damaged_codes_are_named_and_nothing_is_changed() -> None:
    first = fastopt.Adam([np.zeros((40, 50), "float32")], **OPTIONS)
    first.step([np.ones((40, 50), "float32")])
    saved = first.state_dict()
    arrays = saved["arrays"]
    short = {**arrays, "scales of v/0": arrays["scales of v/0"][:-1]}
    for message, bad in {
        "the state has no scales of v/0": {
            **saved,
            "arrays": {name: array for name, array in arrays.items() if name != "scales of v/0"},
        },
        "scales of v/0 was saved with shape": {**saved, "arrays": short},
        "orders in the state must be a dict": {**saved, "orders": 3},
        r"orders\['m/0'\] in the state must name each of 2 axes": {**saved, "orders": {"m/0": [0, 0]}},
    }.items():
        for convert in (False, True):
            second = fastopt.Adam([np.zeros((40, 50), "float32")], **OPTIONS)
            with pytest.raises(ValueError, match=message):
                second.load_state_dict(bad, convert=convert)
            assert second.t == 0
            assert not second.state[0]["v"].any()
        plain = fastopt.Adam([np.zeros((40, 50), "float32")])
        with pytest.raises((ValueError, TypeError)):
            plain.load_state_dict(bad, convert=True)
        assert not plain.state[0]["v"].any()


def test_a_seed_of_parameters_is_not_converted_away() -> None:
    def made(seed: int, **options: Any) -> Any:
        return fastopt.Adam([np.zeros(300, ml_dtypes.bfloat16)], seed=seed, param_rounding="stochastic", **options)

    with pytest.raises(ValueError, match="the state has the options"):
        made(7).load_state_dict(made(5, state_format="bfloat16").state_dict(), convert=True)


def test_what_codes_do_not_have_is_refused_or_left_out() -> None:
    with pytest.raises(ValueError, match=r"slot 'v_max' starts at -1.0, and its codes of 8 bits are never negative"):
        fastopt.Adam([np.zeros(300, "float32")], amsgrad=True, start={"v_max": -1.0}, **OPTIONS)
    opt = fastopt.Adam([np.zeros(300, "float32")], **OPTIONS)
    saved = fastopt.Adam([np.zeros(300, "float32")]).state_dict()
    saved["arrays"]["v/0"][:] = -1
    opt.load_state_dict(saved, convert=True)
    assert not opt.state[0]["v"].any()


def test_an_array_of_integers_in_the_place_of_a_parameter_is_refused() -> None:
    params = {"w": np.zeros(300, "float32")}
    opt = fastopt.Adam(params, **OPTIONS)
    params["w"] = np.zeros(300, "int8")
    for call in (opt.state_dict, opt.sync):
        with pytest.raises(TypeError, match="int8"):
            call()


def test_a_groups_format_is_for_real_parameters_in_float32_too() -> None:
    params = [np.zeros(300), np.zeros(300, "float32")]
    with pytest.raises(ValueError, match=r"state_format is for real parameters that are computed in float32; params"):
        fastopt.Adam(params, groups={"0": {"state_format": "8bit"}})
    opt = fastopt.Adam(params, groups={"0": {"state_format": None}}, **OPTIONS)
    opt.step([np.ones(300), np.ones(300, "float32")])
    assert opt.state[0]["m"].dtype == np.float64


def test_copies_and_pickles_keep_the_order_of_codes() -> None:
    params = [np.zeros((6, 9, 8), "float32").transpose(1, 2, 0)]
    grads = [np.random.default_rng(0).standard_normal((9, 8, 6)).astype("float32")]
    opt = fastopt.Adam(params, **OPTIONS)
    opt.step(grads)
    others = [pickle.loads(pickle.dumps(opt, protocol)) for protocol in (2, 4, 5)]
    for other in (*others, copy.deepcopy(opt)):
        assert same_bits(other.state[0]["m"], opt.state[0]["m"])
        other.step(grads)
    opt.step(grads)
    assert all(same_bits(other.params[0], opt.params[0]) for other in others)


def test_a_slot_and_its_scales_are_loaded_together_or_not_at_all() -> None:
    first, second = (fastopt.Adam([np.zeros(size, "float32")], **OPTIONS) for size in (1200, 1210))
    for k, opt in enumerate((first, second)):
        opt.step([np.full(opt.params[0].shape, 1.0 + k, "float32")])
    before = [second.state[0][slot].copy() for slot in ("m", "v")]
    saved = first.state_dict()
    second.load_state_dict(saved, partial=True)
    assert all(map(same_bits, before, (second.state[0][slot] for slot in ("m", "v"))))
    del saved["arrays"]["scales of v/0"]
    third = fastopt.Adam([np.zeros(1200, "float32")], **OPTIONS)
    report = third.load_state_dict(saved, partial=True)
    assert not third.state[0]["m"].any()
    assert third.uniform_states == [{}]
    assert "m/0: as it was, since the state has no scales of v/0" in report.changed


def test_a_parameter_whose_group_has_another_format_begins_anew_by_sync() -> None:
    params = {name: np.zeros(300, "float32") for name in ("a1", "a2")}
    opt = fastopt.Adam(params, groups={"a*": {"state_format": "bfloat16"}})
    opt.step({name: np.ones(300, "float32") for name in params})
    params["b"] = params.pop("a2")
    opt.sync()
    assert [own["m"].dtype.name for own in opt.state] == ["bfloat16", "float32"]
    assert opt.state[0]["m"].any()
    assert not opt.state[1]["m"].any()
