"""`averaged`: the averages of the weights in the place of the weights, for a while, and the weights back to the bit."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import same_bits
from safetensors import safe_open

import fastopt
from fastopt import RowSparse
from fastopt.kernels import rule
from fastopt.updater import averaged as module


def x(p, z, *, beta):  # type: ignore[no-untyped-def]
    return p + (1 - 1 / beta) * (z - p)


@rule(require="0 <= lr < inf, 0 < beta < 1", start={"z": "p"}, average=x)
def averaging(p, g, z, *, t, lr=0.1, beta=0.9):  # type: ignore[no-untyped-def]
    """Schedule-Free descent with equal weights."""
    return p + (z - p) / t + lr * (beta * (1 - 1 / t) - 1) * g, z - lr * g


def weights() -> dict[str, Any]:
    generator = np.random.default_rng(0)
    return {"a": generator.standard_normal((4, 3)).astype("float32"), "b": generator.standard_normal(5)}


def gradients(params: dict[str, Any], step: int) -> dict[str, Any]:
    return {name: np.cos(p + step) for name, p in params.items()}


def trained(**options: Any) -> tuple[dict[str, Any], fastopt.Optimizer]:
    """Parameters after five steps, of both types, with a group of its own beta; the last step had another lr."""
    params = weights()
    opt = fastopt.Optimizer(params, averaging, groups={"b": {"beta": 0.75}}, **options)
    for step in range(5):
        opt.step(gradients(params, step))
    return params, opt


def bits(tree: Any) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in tree.items()}


def test_the_parameters_are_numpys_averages_and_come_back_to_the_bit() -> None:
    params, opt = trained()
    before = bits(params)
    wanted = {
        name: averaging.average.reference(params[name], opt.state[k]["z"], beta=beta)[0]
        for k, (name, beta) in enumerate({"a": 0.9, "b": 0.75}.items())
    }
    with opt.averaged() as inner:
        assert inner is params
        assert all(same_bits(params[name], wanted[name]) for name in params)
    assert bits(params) == before
    np.testing.assert_allclose(wanted["b"], params["b"] + (1 - 1 / 0.75) * (opt.state[1]["z"] - params["b"]))


def test_before_its_first_step_a_parameter_is_its_own_average() -> None:
    for options in ({"rule": averaging}, {"rule": "sgd", "ema": 0.9}):
        params = weights()
        opt = fastopt.Optimizer(params, options.pop("rule"), **options)
        opt.step({"a": gradients(params, 0)["a"], "b": None})
        params["b"][...] = 7.0  # Nobody has said so.
        with opt.averaged():
            assert (params["b"] == 7).all()
        assert (params["b"] == 7).all()


def test_a_number_from_which_the_average_follows_stays() -> None:
    _, opt = trained()
    with pytest.raises(TypeError, match="beta is one for the whole run, as the average follows from it; pass a number"):
        fastopt.Optimizer(weights(), averaging, beta=lambda t: 1 - 0.5 / t)
    for numbers in (opt.hyper, opt.groups["b"]):
        with pytest.raises(
            ValueError, match=r"beta is one for the whole run, .*; make another optimizer with beta=0\.5"
        ):
            numbers["beta"] = 0.5
    assert (opt.beta, opt.groups["b"].beta) == (0.9, 0.75)
    opt.beta = 0.9


def test_the_averages_of_the_option_ema_are_read_the_same_way() -> None:
    params = weights()
    params["b"] = params["b"].astype("float16")
    opt = fastopt.Adam(params, ema=0.9, cast_to="bfloat16")
    for step in range(3):
        opt.step(gradients(params, step))
    before, copied = bits(params), bits(opt.cast)
    with opt.averaged():
        assert all(same_bits(params[name], opt.ema[name].astype(params[name].dtype)) for name in params)
        assert all(same_bits(opt.cast[name], params[name].astype(opt.cast[name].dtype)) for name in params)
    assert (bits(params), bits(opt.cast)) == (before, copied)


def contents(path: Path) -> dict[str, Any]:
    """A saved file, whose metadata safetensors writes in any order."""
    with safe_open(path, framework="np") as file:
        return {**file.metadata(), **{name: file.get_tensor(name).tobytes() for name in file.keys()}}  # noqa: SIM118


def test_what_is_saved_within_is_what_training_goes_on_from(tmp_path: Path) -> None:
    params, opt = trained()
    opt.save(tmp_path / "before")
    saved = opt.state_dict()
    with opt.averaged():
        opt.save(tmp_path / "within")
        inner = opt.state_dict()
    assert contents(tmp_path / "within") == contents(tmp_path / "before")
    assert saved["arrays"].keys() == inner["arrays"].keys()
    assert all(same_bits(saved["arrays"][key], inner["arrays"][key]) for key in saved["arrays"])
    other = weights()
    resumed = fastopt.Optimizer(other, averaging, groups={"b": {"beta": 0.75}})
    resumed.load(tmp_path / "within")
    for one, tree in ((opt, params), (resumed, other)):
        one.step(gradients(tree, 9))
    with opt.averaged(), resumed.averaged():
        assert bits(params) == bits(other)


REFUSED: dict[str, Callable[[fastopt.Optimizer, Any], Any]] = {
    "averaged": lambda opt, params: opt.averaged().__enter__(),
    "a step": lambda opt, params: opt.step(gradients(params, 1)),
    "update": lambda opt, params: opt.update(params, gradients(params, 1)),
    "load": lambda opt, params: opt.load_state_dict(opt.state_dict()),
    "sync": lambda opt, params: opt.sync(),
    "captured": lambda opt, params: opt.captured(gradients(params, 1)),
    "deepcopy": lambda opt, params: copy.deepcopy(opt),
    "pickle": lambda opt, params: pickle.dumps(opt),
}


@pytest.mark.parametrize("call", REFUSED)
def test_within_it_what_would_mix_weights_and_averages_is_refused(call: str) -> None:
    params, opt = trained()
    before, saved = bits(params), opt.state_dict()
    with opt.averaged():
        inside = bits(params)
        with pytest.raises(RuntimeError, match=r"the averages are in the place of the parameters.*; leave"):
            REFUSED[call](opt, params)
        assert bits(params) == inside
    assert bits(params) == before
    assert all(same_bits(value, saved["arrays"][key]) for key, value in opt.state_dict()["arrays"].items())
    opt.step(gradients(params, 6))


def test_without_an_average_there_is_nothing_to_read() -> None:
    with pytest.raises(AttributeError, match=r"adam keeps no average of the weights; make the optimizer with ema="):
        fastopt.Adam(weights()).averaged()
    with pytest.raises(AttributeError, match=r"averaging keeps an average of its own; read it by `with opt\.averaged"):
        _ = fastopt.Optimizer(weights(), averaging).ema
    with pytest.raises(ValueError, match=r"averaging keeps an average of its own, .*; leave ema out"):
        fastopt.Optimizer(weights(), averaging, ema=0.9)


def test_an_error_within_brings_the_weights_back() -> None:
    params, opt = trained()
    before = bits(params)
    with pytest.raises(KeyError), opt.averaged():
        raise KeyError
    assert bits(params) == before


@pytest.mark.parametrize("moment", ["set_to", "copy"])
def test_an_interrupt_on_the_way_in_or_out_leaves_the_weights(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    params = {"a": weights()["a"]}
    opt = fastopt.Optimizer(params, averaging, cast_to="float16")
    for step in range(5):
        opt.step(gradients(params, step))
    before, real = (bits(params), bits(opt.cast)), getattr(module, moment)
    calls, interrupts = [], 0

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == stop:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(module, moment, interrupted)
    for stop in range(1, 6):
        calls.clear()
        try:
            with opt.averaged():
                pass
        except KeyboardInterrupt:
            interrupts += 1
        assert opt.t == 5  # The next look at the optimizer finishes what is open.
        assert (bits(params), bits(opt.cast)) == before, stop
    assert interrupts == {"set_to": 1, "copy": 4}[moment]
    opt.step(gradients(params, 5))


def test_a_block_that_never_began_can_be_closed() -> None:
    params, opt = trained()
    before = bits(params)
    opt.averaged().__enter__()
    with pytest.raises(RuntimeError, match=r"opt\.averaged\(\)\.close\(\) brings the parameters back"):
        opt.step(gradients(params, 5))
    opt.averaged().close()
    assert bits(params) == before
    opt.averaged().close()
    opt.step(gradients(params, 5))


def test_a_parameter_that_is_read_only_is_named_and_nothing_is_changed() -> None:
    for options in ({"rule": averaging}, {"rule": "sgd", "ema": 0.9}):
        params = weights()
        opt = fastopt.Optimizer(params, options.pop("rule"), **options)
        opt.step(gradients(params, 0))
        before = bits(params)
        params["b"].setflags(write=False)
        with (
            pytest.raises(ValueError, match=r"params\['b'\] is read-only; make params\['b'\] writable"),
            opt.averaged(),
        ):
            pass
        assert bits(params) == before
        params["b"].setflags(write=True)
        opt.step(gradients(params, 1))


def test_restored_weights_have_their_copies_whatever_the_average_is() -> None:
    for options in (
        {"rule": "sgd", "ema": 0.5},
        {"rule": "sgd", "ema": 0.5, "ema_uncorrected": True},
        {"rule": averaging},
    ):
        for cast in ({}, {"cast_to": "float16"}):
            params = {"a": weights()["a"]}
            given = dict(options)
            opt = fastopt.Optimizer(params, given.pop("rule"), **given, **cast)  # type: ignore[arg-type]
            stopping = fastopt.EarlyStopping(params=params)
            opt.step(gradients(params, 0))
            stopping.update(1.0)
            best = bits(params)
            opt.step(gradients(params, 1))
            with opt.averaged():
                stopping.restore()
            assert bits(params) == best
            if cast:
                assert same_bits(opt.cast["a"], params["a"].astype("float16"))


def test_early_stopping_keeps_the_averages_and_training_goes_on_from_them() -> None:
    params, opt = trained()
    stopping = fastopt.EarlyStopping(params=params)
    with opt.averaged():
        stopping.update(1.0, opt)
        best = bits(params)
    opt.step(gradients(params, 5))
    stopping.restore()
    assert bits(params) == best
    with opt.averaged():  # What was restored is the average, not taken for the point beside it.
        assert bits(params) == best
    opt.step(gradients(params, 6))
    with opt.averaged():
        stopping.restore()
    assert bits(params) == best
    assert bits({name: state["z"] for name, state in zip(params, opt.state, strict=True)}) == best


def test_watched_steps_and_averages_do_not_meet(tmp_path: Path) -> None:
    lines = []
    for reads in (False, True):
        params = weights()
        opt = fastopt.Optimizer(params, averaging)
        with opt.watch(tmp_path / str(reads), every=1):
            for step in range(4):
                opt.step(gradients(params, step))
                if reads:
                    with opt.averaged():
                        pass
        lines.append((tmp_path / str(reads)).read_text(encoding="utf-8"))
    assert lines[0] == lines[1]


def test_rows_catch_up_before_they_are_read() -> None:
    dense, sparse = (np.ones((6, 2), "float32") for _ in range(2))
    one, other = (fastopt.Optimizer([p], averaging) for p in (dense, sparse))
    for step in range(4):
        rows = RowSparse([step], np.full((1, 2), 1.0 + step, "float32"))
        one.step([rows.dense((6, 2))])
        other.step([rows])
    with one.averaged(), other.averaged():
        assert same_bits(dense, sparse)


MISTAKES = [
    (lambda z, p: z, r"average must be a function of p, then of slots of the rule \(z\).*; got \(z, p\)"),
    (lambda p, *z: p, r"without defaults; got \(p, \*z\)"),
    (lambda p, z, *, lr=1.0: z, r"without defaults; got \(p, z, \*, lr=1\.0\)"),
    (3, "average must be a function of p and of slots; got 3, an int"),
    (lambda p, m: m, r"got \(p, m\)"),
    (lambda p, z, *, rate: z, r"of its hyperparameters \(lr\), without defaults; got \(p, z, \*, rate\)"),
    (lambda p, z: p, r"average: it changes nothing"),
]


@pytest.mark.parametrize(("function", "message"), MISTAKES)
def test_an_average_that_cannot_be_is_refused_where_the_rule_is_made(function: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):

        @rule(start={"z": "p"}, average=function)
        def mine(p, g, z, *, lr=0.1):  # type: ignore[no-untyped-def]
            return p - lr * g, z + p


def test_a_rule_with_an_average_is_pickled_with_it() -> None:
    assert pickle.loads(pickle.dumps(averaging)) is averaging
    cloudpickle = pytest.importorskip("joblib.externals.cloudpickle")

    @rule(start={"z": "p"}, average=lambda p, z: z)
    def inner(p, g, z, *, lr=0.1):  # type: ignore[no-untyped-def]
        return p - lr * g, z + g

    script = "import pickle, sys; print(pickle.load(sys.stdin.buffer).average.arrays)"
    done = subprocess.run(
        [sys.executable, "-c", script], input=cloudpickle.dumps(inner), capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "('p', 'z')"
