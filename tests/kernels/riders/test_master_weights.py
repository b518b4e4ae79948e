"""Parameters in bfloat16 with a correction beside each: together a weight of 24 or 32 bits, to the bit."""

import copy
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from examples import EXACT, others_in_ci, same_bits
from stepping import LOSS, all_in_numpy, stepped
from stepping import on as on

import fastopt
from fastopt import RowSparse
from fastopt.kernels.language.masters import joined, lower, upper
from fastopt.kernels.language.rounding import STORED
from fastopt.kernels.libraries.library import to_host
from fastopt.kernels.riders import CORRECTION

HALF = np.dtype(ml_dtypes.bfloat16)
BITS = (24, 32)
EVERYTHING = {
    **{"clip_norm": 0.5, "clip_array_norm": 0.4, "clip_ratio": 0.3, "clip_update": 2.0, "weight_decay": 0.01},
    **{"ema": 0.9, "ema2": 0.5, "lookahead": 3, "cautious": "mean", "cast_to": "float16"},
}


def arrays(*shapes: Any, seed: int = 0) -> tuple[list[Any], list[Any]]:
    generator = np.random.default_rng(seed)
    params = [generator.standard_normal(shape).astype(HALF) for shape in shapes]
    return params, [generator.standard_normal(shape).astype("float32") for shape in shapes]


def master(p: Any, correction: Any, bits: int) -> Any:
    """The float32 weight of both parts, by whole numbers alone."""
    high = np.asarray(p).view(np.uint16).astype(np.int64)
    whole = (high << bits - 16) + np.asarray(correction).astype(np.int64)
    return (whole << 32 - bits).astype(np.uint32).view(np.float32)


def masters(opt: Any, bits: int) -> list[Any]:
    pairs = zip(opt.params, opt.state, strict=True)
    return [master(p, own[CORRECTION], bits) if CORRECTION in own else p for p, own in pairs]


def parts(x: Any, bits: int) -> tuple[Any, Any]:
    """Both parts of float32 weights, as they are stored."""
    token = STORED.set({"p": "bfloat16"})
    try:
        x = np.asarray(x, np.float32)
        return upper(x, bits, "p").astype(HALF), lower(x, bits).astype({24: np.int8, 32: np.int16}[bits])
    finally:
        STORED.reset(token)


def check_steps(on: Any, name: str, options: dict[str, Any], params: list[Any], grads: list[Any]) -> None:
    wanted = all_in_numpy(fastopt.Optimizer([p.copy() for p in params], name, **options), grads, 3)
    opt = on(params, grads, name, options, 3)
    state = [[to_host(array, name) for array in own.values()] for own in opt._updater.state]
    ours = [array for p, slots in zip(params, state, strict=True) for array in (p, *slots)]
    assert len(ours) == len(wanted)
    assert all(map(same_bits, ours, wanted))


@pytest.mark.parametrize("bits", BITS)
def test_steps_have_numpys_bits(bits: int, on: Any) -> None:
    """Of one float32 parameter beside, and one that is strided; more than a pack, and what is left of one."""
    params, grads = arrays((), 1500, (8, 6))
    params[2], grads[2] = params[2][:, ::2], grads[2][:, ::2]
    whole = np.linspace(-1, 1, 37, dtype="float32")
    check_steps(on, "adam", {"master_weight_bits": bits, "lr": 1e-3}, [*params, whole], [*grads, whole[::-1].copy()])


def test_norms_of_weights_have_numpys_bits(on: Any) -> None:
    options = {"master_weight_bits": 24, "clip_ratio": 0.3, "ema": 0.9, "cast_to": "float16", "lr": 1e-3}
    params, grads = arrays(1500, 40)
    params[1] = params[1].astype("float32")
    check_steps(on, "momentum", options, params, grads)


@pytest.mark.parametrize("name", others_in_ci(EXACT, ("lamb", "schedule_free_sgd")))
def test_every_rule_has_numpys_bits(name: str) -> None:
    check_steps(stepped, name, {"master_weight_bits": 24}, *arrays(3, (40, 30)))


def assert_same_run(name: str, options: dict[str, Any], shapes: Any, steps: int, grads_in: str = "float32") -> None:
    """Take the steps with a correction of 16 bits, and with float32 parameters; all must be alike to the bit."""
    params, _ = arrays(*shapes)
    ours = fastopt.Optimizer(params, name, master_weight_bits=32, **options)
    whole = fastopt.Optimizer([p.astype("float32") for p in params], name, **options)
    for k in range(steps):
        grads = [g.astype(grads_in).astype("float32") for g in arrays(*shapes, seed=k + 1)[1]]
        whole.step(grads, **whole.rule.told(LOSS + k))
        ours.step([g.astype(grads_in) for g in grads], **whole.rule.told(LOSS + k))
    assert all(map(same_bits, masters(ours, 32), whole.params))
    for p, w, own, theirs in zip(ours.params, whole.params, ours._updater.state, whole._updater.state, strict=True):
        # Half up in magnitude.
        assert same_bits(p, ((w.view(np.uint32) + np.uint32(0x8000)) >> np.uint32(16)).astype(np.uint16).view(HALF))
        assert all(same_bits(own[slot], theirs[slot]) for slot in theirs)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adam", EVERYTHING),
        ("adam", {"skip_nonfinite": True, "groups": {"0": {"rule": "lion", "lr": 1e-3}}, "maximize": True}),
        pytest.param("schedule_free_adamw", {"clip_norm": 1.0}, marks=pytest.mark.ci),
    ],
)
def test_with_32_bits_a_run_is_that_of_float32_parameters(name: str, options: dict[str, Any]) -> None:
    assert_same_run(name, options, [(13, 7), 1500], 30)


def test_gradients_may_be_in_bfloat16() -> None:
    assert_same_run("adam", {}, [1500], 5, "bfloat16")


@pytest.mark.ci
@pytest.mark.parametrize("name", EXACT)
def test_every_rule_is_that_of_float32_parameters(name: str) -> None:
    assert_same_run(name, {}, [(13, 7), 300], 5)


def test_odd_weights_come_back() -> None:
    above = np.array([0x7F7FFFFF, 0x7F7F8000, 0xFF7FFFFF, 0x7F7F7FFF], np.uint32).view("float32")  # bfloat16: infinite
    odd = np.array([0.0, -0.0, np.inf, -np.inf, 1.0, -(2.0**-126)], np.float32)
    some = np.random.default_rng(0).integers(0, 2**32, 10**6, dtype=np.uint32).view("float32")
    some = some[np.isfinite(some) & (abs(some) >= np.float32(2.0**-126))]
    for bits in BITS:
        drops = 32 - bits
        for x in (above, odd, some):
            kept = (x.view(np.uint32).astype(np.uint64) + (1 << drops >> 1)) >> drops << drops
            p, correction = parts(x, bits)
            assert same_bits(master(p, correction, bits), kept.astype(np.uint32).view("float32"))
            again = joined(p.astype("float32"), correction.astype("float32"), bits)
            assert same_bits(again, kept.astype(np.uint32).view("float32"))
        p, correction = parts(above, bits)
        assert np.isinf(p.astype("float32")[:3]).all()
        nans = np.array([0x7F800001, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FC00000], np.uint32).view("float32")
        p, correction = parts(nans, bits)
        assert (p.view(np.uint16).tolist(), correction.tolist()) == ([0x7FC0] * 4, [0] * 4)
        p, correction = parts(np.array([1e-40, -1e-40], np.float32), bits)
        assert (p.view(np.uint16).tolist(), correction.tolist()) == ([0, 0x8000], [0, 0])


@pytest.mark.parametrize("bits", BITS)
def test_kernels_take_odd_weights_as_numpy_does(bits: int, on: Any) -> None:
    """Steps that end at such weights, and go on from there."""
    ends = np.array([1, np.inf, -np.inf, 0, -0.0, 3.4e38, -3.4e38, 3.3961775e38, 1e-40, -1e-40, 1.18e-38, 1], "float32")
    start = np.ones((3, len(ends)), HALF)
    start[1], start[2] = 0, np.float32(1e-39)
    with np.errstate(all="ignore"):
        grads = start.astype("float32") - ends
    grads[0, 0] = np.array(0x7FFFFFFF, np.uint32).view("float32")  # CUDA's NaN
    grads[2] = 0
    # A cautious step leaves weights as they are read, denormals too.
    for options in ({}, {"cautious": "mean"}):
        check_steps(on, "sgd", {"master_weight_bits": bits, "lr": 1.0, **options}, [start.copy()], [grads])


@pytest.mark.parametrize("bits", BITS)
def test_steps_of_less_than_half_a_unit_add_up(bits: int) -> None:
    p = np.ones(100, HALF)
    opt = fastopt.SGD([p], lr=2**-12, master_weight_bits=bits)
    for _ in range(256):
        opt.step([np.ones(100, HALF)])
    assert (p == 1 - 2**-4).all()
    assert opt.state[0][CORRECTION].dtype == {24: "int8", 32: "int16"}[bits]


def test_other_parameters_are_as_they_were() -> None:
    """They have no correction, and their kernel is that of an optimizer without the option but for names."""
    params, grads = arrays(300, 40)
    whole = [params[0], params[1].astype("float32")]
    plain = fastopt.Adam([whole[1].copy()])
    opt = fastopt.Adam(whole, master_weight_bits=24)
    for _ in range(3):
        opt.step(grads)
        plain.step(grads[1:])
    assert [*opt.state[1]] == ["m", "v"]
    assert same_bits(opt.params[1], plain.params[0])
    assert f"{CORRECTION}/1" not in opt.state_dict()["arrays"]


def run(opt: Any, steps: range, shape: Any = 300) -> None:
    for k in steps:
        opt.step([np.random.default_rng(k).standard_normal(shape).astype("float32")])


def test_runs_go_on_with_the_same_bits(tmp_path: Path) -> None:
    def made(**options: Any) -> Any:
        return fastopt.Adam([np.ones(300, HALF)], **options)

    whole, first, second = (made(master_weight_bits=24, ema=0.9) for _ in range(3))
    run(whole, range(6))
    run(first, range(3))
    first.save(tmp_path / "state")
    second.load(tmp_path / "state")
    apart = made(master_weight_bits=24, ema=0.9)
    apart.params[0][...] = first.params[0]
    apart.load(tmp_path / "state", params=False)
    for opt in (second, apart, copy.deepcopy(first)):
        run(opt, range(3, 6))
        assert same_bits(opt.params[0], whole.params[0])
        assert all(map(same_bits, opt._updater.state[0].values(), whole._updater.state[0].values()))
    for options in ({"ema": 0.9}, {"ema": 0.9, "master_weight_bits": 32}):
        with pytest.raises(ValueError, match="master_weight_bits"):
            made(**options).load(tmp_path / "state")
    # Without its correction a weight is what the parameter says.
    other = made(master_weight_bits=24)
    run(other, range(2))
    saved = made()
    run(saved, range(3))
    other.load_state_dict(saved.state_dict(), partial=True)
    assert not other.state[0][CORRECTION].any()


def test_accumulated_gradients_are_taken() -> None:
    opt, once = (fastopt.Adam([np.ones(300, HALF)], master_weight_bits=32, accumulate="sum") for _ in range(2))
    g = np.full(300, 0.25, "float32")
    opt.accumulate([g])
    opt.accumulate([g])
    once.accumulate([2 * g])
    for one in (opt, once):
        one.step()
    assert same_bits(masters(opt, 32)[0], masters(once, 32)[0])


def test_averages_are_of_the_weights_and_come_and_go() -> None:
    for name, options in (("adam", {"ema": 0.9}), ("schedule_free_sgd", {})):
        opt = fastopt.Optimizer([np.ones(300, HALF)], name, master_weight_bits=32, **options)
        whole = fastopt.Optimizer([np.ones(300, "float32")], name, **options)
        for one in (opt, whole):
            run(one, range(5))
        before = masters(opt, 32)[0].copy()
        with opt.averaged() as (p,), whole.averaged() as (w,):
            assert same_bits(p, w.astype(HALF))
        assert same_bits(masters(opt, 32)[0], before)


def test_who_else_writes_parameters_ends_corrections() -> None:
    def made() -> Any:
        opt = fastopt.Adam([np.ones(300, HALF), np.ones(300, HALF)], master_weight_bits=24, cast_to="float16")
        for k in range(3):
            opt.step([np.random.default_rng(k).standard_normal(300).astype("float32") for _ in range(2)])
        return opt

    opt = made()
    stopping = fastopt.EarlyStopping(patience=3, params=[opt.params[0]])
    stopping.update(1.0)
    correction = opt.state[1][CORRECTION].copy()
    assert correction.any()
    copied = opt.cast[1].copy()
    stopping.restore()
    assert not opt.state[0][CORRECTION].any()
    assert same_bits(opt.cast[0], opt.params[0].astype("float32").astype("float16"))
    # The other weight was not written.
    assert same_bits(opt.state[1][CORRECTION], correction)
    assert same_bits(opt.cast[1], copied)
    opt.sync()
    assert same_bits(opt.state[1][CORRECTION], correction)
    opt.params[1] = opt.params[1].copy()
    opt.sync()
    assert not opt.state[1][CORRECTION].any()
    opt = made()
    opt.params[0][...] = 1
    opt.refresh()
    assert not opt.state[0][CORRECTION].any()


@pytest.mark.parametrize("sparse", ["exact", "lazy"])
def test_rows_alone_are_those_of_float32_parameters(sparse: str) -> None:
    params = np.random.default_rng(0).standard_normal((50, 4)).astype(HALF)
    ours = fastopt.Adam([params], master_weight_bits=32, sparse=sparse)
    whole = fastopt.Adam([params.astype("float32")], sparse=sparse)
    generator = np.random.default_rng(1)
    for _ in range(10):
        gradient = RowSparse(generator.integers(0, 50, 5), generator.standard_normal((5, 4)).astype("float32"))
        ours.step([gradient])
        whole.step([gradient])
    for opt in (ours, whole):
        opt.flush()
    assert same_bits(masters(ours, 32)[0], whole.params[0])


def test_rows_at_rest_do_not_catch_up() -> None:
    opt = fastopt.Adagrad([np.ones((50, 4), HALF)], master_weight_bits=24)
    opt.step([RowSparse([1], np.ones((1, 4), "float32"))])
    assert not opt._updater.sections[0].rows_behind.by_parameter


def test_an_array_of_another_type_is_named() -> None:
    opt = fastopt.Adam(
        {"W": np.ones(3, HALF), "b": np.ones(3, "float32"), "c": np.ones(3, HALF)}, master_weight_bits=24
    )
    grads = {name: np.ones(3, "float32") for name in opt.params}
    for name, other, message in (
        ("W", "float32", r"params\['W'\] is float32, but has state"),
        ("b", HALF, r"params\['b'\] is bfloat16, but has no state"),
    ):
        before = opt.params[name]
        opt.params[name] = before.astype(other)
        with pytest.raises(TypeError, match=message):
            opt.step(grads)
        opt.params[name] = before
    opt.step(grads)
    opt.params["W"] = np.ones(3, "float32")
    assert opt.sync().begun == ("W",)
    with pytest.raises(TypeError, match="int8"):
        opt.step(grads | {"W": np.ones(3, "int8")})
    with pytest.raises(TypeError, match="int16"):
        fastopt.Adam([np.ones(3, "int16")])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"master_weight_bits": 16}, "master_weight_bits must be 24 or 32, or None; got 16"),
        ({"master_weight_bits": True}, "master_weight_bits must be"),
        ({"master_weight_bits": 24, "param_rounding": "stochastic"}, "leave one of them out"),
        ({"master_weight_bits": 24}, "no parameter is in bfloat16"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fastopt.Adam([np.ones(3, "float32")], **options)


@pytest.mark.parametrize("kind", ["float64", "complex64"])
def test_types_without_corrections_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=r"master_weight_bits is for real parameters .* computed in float32"):
        fastopt.Adam([np.ones(3, HALF), np.ones(3, kind)], master_weight_bits=24)


@pytest.mark.peers
def test_peers_are_given_no_correction() -> None:
    import torch

    params, grads = arrays((4, 3))
    opt, other = (fastopt.Adam([p], master_weight_bits=24) for p in (params[0].copy(), params[0].copy()))
    for one in (opt, other):
        one.step(grads)
    kept = other.state[0][CORRECTION].copy()
    theirs = fastopt.like.torch.state_of(opt)
    assert set(theirs["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    assert theirs["state"][0]["exp_avg"].dtype == torch.float32
    fastopt.like.torch.load_state(other, theirs)
    assert same_bits(other.state[0][CORRECTION], kept)
