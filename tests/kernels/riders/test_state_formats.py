"""State arrays in bfloat16, rounded at random by a key: the bits of NumPy on every backend, and no bias."""

import copy
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from examples import EXACT, others_in_ci, same_bits
from stepping import all_in_numpy
from stepping import on as on

import fastopt
from fastopt import RowSparse
from fastopt.kernels import RULES
from fastopt.kernels.language.rounding import rounded
from fastopt.kernels.libraries.library import to_host

RULES_WITH_STATE = [name for name in EXACT if RULES[name].slots]
OPTIONS = {"state_format": "bfloat16", "seed": 7}


def arrays(*shapes: Any) -> tuple[list[Any], list[Any]]:
    generator = np.random.default_rng(0)
    return tuple([generator.standard_normal(shape).astype("float32") for shape in shapes] for _ in range(2))  # type: ignore[return-value]


def check_steps(on: Any, name: str, options: dict[str, Any], params: list[Any], grads: list[Any]) -> None:
    wanted = all_in_numpy(fastopt.Optimizer([p.copy() for p in params], name, **options), grads, 3)
    opt = on(params, grads, name, options, 3)
    state = [[to_host(array, name) for array in own.values()] for own in opt._updater.state]
    ours = [array for p, slots in zip(params, state, strict=True) for array in (p, *slots)]
    assert all(map(same_bits, ours, wanted))


@pytest.mark.parametrize("name", ["adam", pytest.param("momentum", marks=pytest.mark.ci)])
def test_steps_have_numpys_bits(name: str, on: Any) -> None:
    check_steps(on, name, OPTIONS, *arrays((), 3, 1500))


@pytest.mark.parametrize("name", others_in_ci(RULES_WITH_STATE, ("lamb", "dadapt_adam")))
def test_every_rule_has_numpys_bits(name: str) -> None:
    from stepping import stepped

    check_steps(stepped, name, OPTIONS, *arrays(3, (40, 30)))


def test_pieces_threads_and_layouts_change_no_bit() -> None:
    """An array for two threads, in many pieces; and strided gradients, with which elements count as in C."""
    from stepping import stepped

    params, grads = arrays((401, 300), (30, 40))
    params[1], grads[1] = np.asfortranarray(params[1]), np.ascontiguousarray(grads[1])
    check_steps(stepped, "adam", OPTIONS, params, grads)


def test_to_nearest_is_what_an_array_of_that_type_has() -> None:
    from stepping import stepped

    check_steps(stepped, "adam", {"state_format": "bfloat16", "state_rounding": "nearest"}, *arrays(3, 1500))


def test_the_rounding_has_no_bias_and_keeps_what_needs_none() -> None:
    x = np.float32(1 + 2**-10)  # An eighth of the way from 1 to its neighbour.
    ups = [float((rounded(np.full(4096, x), k, 65535 - k) > x).mean()) for k in (1, 77, 12345)]
    assert np.allclose(ups, 1 / 8, atol=0.01)
    kept = np.array([0.0, -0.0, 1.5, -(2.0**-126), np.inf, -np.inf, 2.0**127], "float32")
    assert all(same_bits(rounded(kept, k, 3 * k), kept) for k in range(50))
    nans = np.array([0x7F800001, 0xFFFFFFFF], "uint32").view("float32")
    assert np.isnan(rounded(nans, 65535, 65535)).all()
    below = rounded(np.linspace(1, 2, 1000, dtype="float32"), 5, 6)
    assert same_bits(below, below.astype(ml_dtypes.bfloat16).astype("float32"))


def test_small_changes_add_up() -> None:
    """A decay of 0.001 is less than half a unit of bfloat16: to nearest v stays where it is."""
    after = {}
    for rounding in ("stochastic", "nearest"):
        opt = fastopt.Adam([np.zeros(4096, "float32")], state_format="bfloat16", state_rounding=rounding)
        opt.step([np.ones(4096, "float32")])
        start = opt.state[0]["v"].astype("float32").mean()
        for _ in range(500):
            opt.step([np.zeros(4096, "float32")])
        after[rounding] = opt.state[0]["v"].astype("float32").mean() / start
    assert after["nearest"] == 1
    assert after["stochastic"] == pytest.approx(0.999**500, rel=0.02)


def test_parameters_in_bfloat16_learn_and_others_are_as_they_were(on: Any) -> None:
    """Beside one in float32, and one that is strided, whose elements are rounded by their place in C order."""
    (half, whole, apart), grads = arrays(1500, 7, (8, 6))
    params = [half.astype(ml_dtypes.bfloat16), whole, apart.astype(ml_dtypes.bfloat16)[:, ::2]]
    grads = [grads[0].astype(ml_dtypes.bfloat16), grads[1], grads[2].astype(ml_dtypes.bfloat16)[:, ::2]]
    check_steps(on, "momentum", {"param_rounding": "stochastic", "state_format": "bfloat16"}, params, grads)


def test_steps_of_less_than_half_a_unit_add_up() -> None:
    moved = []
    for rounding in ("nearest", "stochastic"):
        p = np.ones(4096, ml_dtypes.bfloat16)
        opt = fastopt.SGD([p], lr=2**-12, param_rounding=rounding)
        for _ in range(256):
            opt.step([np.ones(4096, ml_dtypes.bfloat16)])
        moved.append(1 - p.astype("float32").mean())
    assert moved == [0, pytest.approx(2**-4, rel=0.05)]


def test_the_key_is_of_seed_slot_name_and_step() -> None:
    def bits(params: Any, seed: int = 0, steps: int = 1) -> list[bytes]:
        opt = fastopt.Adam(params, amsgrad=True, state_format="bfloat16", seed=seed)
        for _ in range(steps):
            opt.step({name: np.linspace(0.1, 1, 500, dtype="float32") for name in params})
        return [array.tobytes() for own in opt._updater.state for array in own.values()]

    def one(name: str = "a") -> dict[str, Any]:
        return {name: np.zeros(500, "float32")}

    # v and v_max are of the same numbers, and are rounded apart.
    m, v, v_max = bits(one())
    assert v != v_max
    assert bits(one()) == [m, v, v_max]
    assert m not in (bits(one(), seed=1)[0], bits(one("b"))[0])
    assert bits(one() | one("b"))[:3] == [m, v, v_max]


def test_runs_go_on_with_the_same_bits(tmp_path: Path) -> None:
    def run(opt: Any, steps: range) -> None:
        for k in steps:
            opt.step([np.random.default_rng(k).standard_normal(300).astype("float32")])

    whole, first = (fastopt.Adam([np.zeros(300, "float32")], **OPTIONS) for _ in range(2))
    run(whole, range(6))
    run(first, range(3))
    first.save(tmp_path / "state")
    second, copied = fastopt.Adam([np.zeros(300, "float32")], **OPTIONS), copy.deepcopy(first)
    second.load(tmp_path / "state")
    for opt in (second, copied):
        run(opt, range(3, 6))
        assert same_bits(opt.params[0], whole.params[0])
        assert all(map(same_bits, opt.state[0].values(), whole.state[0].values()))
    other = fastopt.Adam([np.zeros(300, "float32")], state_format="bfloat16", seed=8)
    with pytest.raises(ValueError, match="seed"):
        other.load(tmp_path / "state")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"state_format": "int4"}, "state_format must be"),
        ({"state_format": "bfloat16", "state_rounding": "up"}, "state_rounding must be"),
        ({"state_format": "bfloat16", "seed": -1}, "seed must be"),
        ({"seed": 3}, "seed has no effect"),
        ({"state_rounding": "nearest"}, "no effect without state_format"),
        ({"param_rounding": "down"}, "param_rounding must be"),
        ({"param_rounding": "stochastic"}, "no parameter is in bfloat16"),
        ({"param_rounding": "stochastic", "cast_to": "float16"}, "need no copy"),
        ({"state_format": "bfloat16", "state_rounding": "nearest", "seed": 1}, "seed has no effect"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fastopt.Adam([np.ones(3, "float32")], **options)


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(ValueError, match=r"state_format .* computed in float64"):
        fastopt.Adam([np.ones(3)], **OPTIONS)
    with pytest.raises(ValueError, match="no state arrays"):
        fastopt.SGD([np.ones(3, "float32")], **OPTIONS)
    opt = fastopt.Adam([np.ones((3, 2), "float32")], **OPTIONS)
    with pytest.raises(TypeError, match="row-sparse, but each step"):
        opt.step([RowSparse([1], np.ones((1, 2), "float32"))])


@pytest.mark.peers
def test_peers_are_given_numbers_of_float32_and_theirs_are_rounded() -> None:
    import torch

    params, grads = arrays((4, 3))
    opt, other = (fastopt.Adam([params[0].copy()], **OPTIONS) for _ in range(2))
    opt.step(grads)
    theirs = fastopt.like.torch.state_of(opt)
    assert theirs["state"][0]["exp_avg"].dtype == torch.float32
    fastopt.like.torch.load_state(other, theirs)
    assert all(map(same_bits, other.state[0].values(), opt.state[0].values()))
