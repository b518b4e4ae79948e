"""Gradients that are added up over several calls: a step takes their sum or mean, and nobody loses any silently."""

import copy
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import same_bits

import fastopt
from fastopt import RowSparse
from fastopt.kernels import RULES
from fastopt.kernels.gathering import SUM

# They share a kernel; the riders' tests and the fuzzer have other types.
KINDS = {"W": np.dtype("float32"), "h": np.dtype("float32"), "z": np.dtype("complex64")}


def weights() -> dict[str, Any]:
    return {name: np.full((2, 3), 0.5, kind) for name, kind in KINDS.items()}


def gradients(seed: int, but: str = "") -> dict[str, Any]:
    """Some gradients, None for the parameters whose names are in `but`."""
    generator = np.random.default_rng(seed)
    drawn = {name: (generator.standard_normal((2, 3)) + 0.25j).astype("complex64") for name in KINDS}
    return {
        name: None if name in but else (drawn[name] if kind.kind == "c" else drawn[name].real.astype(kind))
        for name, kind in KINDS.items()
    }


def summed(micro: list[dict[str, Any]], how: str) -> dict[str, Any]:
    """What NumPy makes of them, one after the other."""
    result: dict[str, Any] = {}
    for name in KINDS:
        total = None
        for one in micro:
            if one[name] is not None:
                total = one[name] if total is None else total + one[name]
        if total is not None and how == "mean":
            # A complex number is two real ones.
            total = (total.view("float32") / np.float32(len(micro))).view(total.dtype)
        result[name] = total
    return result


def alike(one: fastopt.Optimizer, other: fastopt.Optimizer) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    arrays = zip(mine.pop("arrays").values(), theirs.pop("arrays").values(), strict=True)
    numbers = [{part: state[part] for part in ("steps", "applied", "skipped")} for state in (mine, theirs)]
    return numbers[0] == numbers[1] and all(same_bits(a, b) for a, b in arrays)


def made(how: str | None, **options: Any) -> fastopt.Optimizer:
    return fastopt.SGD(weights(), lr=0.1, momentum=0.9, clip_norm=0.7, accumulate=how, **options)


def half_way(how: str = "mean") -> fastopt.Optimizer:
    """A step of one gradient, and then two calls, of which W had one gradient and h none."""
    opt = made(how)
    opt.step(gradients(0))
    opt.accumulate(gradients(1, but="Wh"))
    opt.accumulate(gradients(2, but="h"))
    return opt


@pytest.mark.parametrize("how", ["mean", "sum"])
def test_a_step_takes_numpys_sum_or_mean_of_all_calls(how: str) -> None:
    opt, plain = made(how), made(None)
    for step, count in enumerate((3, 1, 2)):
        # The first call has no gradient of W, and in the last step h has none at all.
        but = ["W" + "h" * (step == 2), *["h" * (step == 2)] * count]
        micro = [gradients(10 * step + k, but[k]) for k in range(count)]
        for k, one in enumerate(micro):
            assert opt.accumulated == k
            opt.accumulate(one)
        opt.step()
        plain.step(summed(micro, how))
        assert alike(opt, plain), step
    assert opt.accumulated == 0
    opt.step(gradients(50))
    plain.step(gradients(50))
    assert alike(opt, plain)


def test_a_single_call_passes_the_gradient_on_to_the_bit() -> None:
    opt = fastopt.SGD(np.ones(3, "float32"), accumulate="sum")
    opt.accumulate(np.array([-0.0, np.nan, 2.0], "float32"))
    (kept,) = [array for key, array in opt.state_dict()["arrays"].items() if key.startswith(SUM)]
    assert np.signbit(kept[0])
    opt.accumulate(np.array([-0.0, 1.0, 2.0], "float32"))
    (kept,) = [array for key, array in opt.state_dict()["arrays"].items() if key.startswith(SUM)]
    assert same_bits(kept, np.array([-0.0, np.nan, 4.0], "float32"))


def test_gradients_are_set_to_zero_by_the_pass_that_adds_them_and_the_sum_is_not() -> None:
    params, grads = np.ones(3, "float32"), np.ones(3, "float32")
    opt = fastopt.SGD(params, lr=1.0, accumulate="sum", zero_grads=True)
    for _ in range(3):
        grads += 1
        opt.accumulate(grads)
        assert not grads.any()
    opt.step()
    assert (params == np.float32(1 - 4)).all()


def test_a_cast_gradient_is_rounded_before_it_is_added() -> None:
    params, grads = np.ones(2, "float32"), np.array([1 + 2.0**-25, 1e300])
    opt = fastopt.SGD(params, lr=1.0, accumulate="sum", cast_grads=True)
    for _ in range(2):
        opt.accumulate(grads)
    opt.step()
    assert params.tolist() == [-1.0, -np.inf]


def test_a_step_that_is_skipped_drops_the_sum() -> None:
    opt = fastopt.SGD(np.ones(2, "float32"), lr=1.0, accumulate="mean", loss_scaler=fastopt.LossScaler(2.0))
    opt.accumulate(np.array([1.0, np.inf], "float32"))
    opt.step()
    assert (opt.skipped, opt.t, opt.accumulated) == (1, 0, 0)
    opt.accumulate(np.array([1.0, 2.0], "float32"))
    opt.step()
    assert opt.params.tolist() == [0.0, -1.0]  # The scale was halved to 1.


def test_a_rule_with_a_loss_takes_that_of_the_step() -> None:
    rule = RULES["polyak_sgd"]
    opt = fastopt.Optimizer(np.ones(2, "float32"), rule, accumulate="mean")
    for number in (1.0, 3.0):
        opt.accumulate(np.full(2, number, "float32"))
    with pytest.raises(TypeError, match="loss"):
        opt.step()
    assert opt.accumulated == 2
    opt.step(loss=0.5)
    assert same_bits(opt.params, rule.reference(np.ones(2, "float32"), np.full(2, 2.0, "float32"), loss=0.5)[0])


def test_rows_that_missed_steps_catch_up_before_a_step_of_a_sum() -> None:
    rows = RowSparse(np.array([1]), np.ones((1, 2), "float32"))
    dense = rows.dense((3, 2))
    opt, plain = (fastopt.Adam(np.ones((3, 2), "float32"), weight_decay=0.01, accumulate=how) for how in ("sum", None))
    for _ in range(2):
        opt.step(rows)
        plain.step(dense)
    opt.accumulate(np.full((3, 2), 2.0, "float32"))
    opt.step()
    plain.step(np.full((3, 2), 2.0, "float32"))
    assert same_bits(opt.params, plain.params)


def through_file(opt: fastopt.Optimizer, folder: Path) -> fastopt.Optimizer:
    opt.save(folder / "half")
    other = made("mean")
    other.accumulate(gradients(99))  # What it had is dropped.
    report = other.load(folder / "half")
    assert (report.missing, report.unexpected, report.changed) == ((), (), ())
    return other


WAYS: dict[str, Callable[[fastopt.Optimizer, Path], fastopt.Optimizer]] = {
    "a file": through_file,
    "a deepcopy": lambda opt, folder: copy.deepcopy(opt),
    "a pickle": lambda opt, folder: pickle.loads(pickle.dumps(opt)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_goes_on_from_the_middle_of_a_gathering(way: str, tmp_path: Path) -> None:
    opt = half_way()
    other = WAYS[way](opt, tmp_path)
    assert (other.accumulated, alike(opt, other)) == (2, True)
    for one in (opt, other):
        one.accumulate(gradients(3))
        one.step()
    assert alike(opt, other)
    assert opt.t == 2


def test_states_with_and_without_sums_load_into_optimizers_with_and_without_the_option() -> None:
    opt, plain, summing = half_way(), made(None), made("sum")
    saved, before = opt.state_dict(), plain.state_dict()
    del before["accumulated"]  # As in a file from before the option.
    opt.load_state_dict(before)
    assert (opt.accumulated, opt.t) == (0, 0)
    idle = made("mean").state_dict()
    plain.load_state_dict(idle)
    for other, told in ((plain, "accumulate=None"), (summing, "accumulate='sum'")):
        with pytest.raises(ValueError, match=rf"gradients of accumulate='mean', the optimizer {told}"):
            other.load_state_dict(saved)
        assert (other.t, other.accumulated) == (0, 0)
        report = other.load_state_dict(saved, partial=True)
        assert (other.t, other.accumulated) == (1, 0)
        assert report.unexpected == (f"{SUM}/W", f"{SUM}/z")
    with pytest.raises(ValueError, match="accumulate='mean'"):
        summing.load_state_dict(idle)


def test_a_state_of_which_a_sum_is_missing_or_that_cannot_be_is_refused() -> None:
    opt, other = half_way(), made("mean")
    saved = opt.state_dict()
    few = {key: array for key, array in saved["arrays"].items() if key != f"{SUM}/W"}
    with pytest.raises(ValueError, match="the state has no sum of the gradients/W"):
        other.load_state_dict({**saved, "arrays": few})
    for wrong in ({"calls": -1, "of": []}, {"calls": 2, "of": [3]}, 7):
        with pytest.raises(ValueError, match="accumulated in the state must have a"):
            other.load_state_dict({**saved, "accumulated": wrong})
    assert (other.t, other.accumulated) == (0, 0)


def test_after_a_sync_what_stays_keeps_its_sum_and_what_comes_begins() -> None:
    opt = half_way("sum")
    del opt.params["z"]
    opt.params["n"] = np.zeros(2, "float32")
    opt.sync()
    assert (opt.accumulated, list(opt.state_dict()["accumulated"]["of"])) == (2, ["W"])
    opt.accumulate({"W": gradients(3)["W"], "h": None, "n": np.ones(2, "float32")})
    kept = opt.state_dict()["arrays"]
    assert same_bits(kept[f"{SUM}/W"], summed([gradients(2), gradients(3)], "sum")["W"])
    assert same_bits(kept[f"{SUM}/n"], np.ones(2, "float32"))


def test_a_watch_sees_the_sum(tmp_path: Path) -> None:
    opt = fastopt.SGD({"W": np.ones(4, "float32")}, lr=0.5, accumulate="sum")
    with opt.watch(tmp_path / "run") as watch:
        for _ in range(2):
            opt.accumulate({"W": np.ones(4, "float32")})
        opt.step()
        watch.flush()
        assert '"grad_norm":4' in (tmp_path / "run").read_text().splitlines()[1]


class Stop(Exception):
    pass


def test_an_interrupt_leaves_the_sums_from_before_or_after_the_call_and_the_step() -> None:
    """An exception at each line of Python in turn, as a signal's handler may raise one."""
    files = ("optimizer.py", "journal.py", "gathering.py", "updater.py")

    def half_way() -> fastopt.Optimizer:
        opt = fastopt.SGD(np.ones(3, "float32"), lr=1.0, accumulate="sum", zero_grads=True)
        opt.accumulate(np.ones(3, "float32"))
        return opt

    def prints(opt: fastopt.Optimizer) -> Any:
        state = opt.state_dict()
        return state["steps"], state["accumulated"], {name: a.tobytes() for name, a in state["arrays"].items()}

    for call in (lambda opt: opt.accumulate(np.ones(3, "float32")), lambda opt: opt.step()):
        before, whole = prints(half_way()), half_way()
        call(whole)
        done, found, at = prints(whole), [0, 0], 0
        while found[0] + found[1] == at:
            opt, at, count = half_way(), at + 1, 0

            def trace(frame: Any, event: str, _: Any, at: int = at) -> Any:
                nonlocal count
                if not frame.f_code.co_filename.endswith(files):
                    return None
                if event in ("line", "return"):
                    count += 1
                    if count == at:
                        raise Stop
                return trace

            kept = sys.gettrace()
            sys.settrace(trace)
            try:
                call(opt)
            except Stop:
                pass
            finally:
                sys.settrace(kept)
            now = prints(opt)
            assert now in (before, done), f"half done when interrupted at line {at}"
            if count < at:
                break
            found[now == done] += 1
        assert min(found) > 3


def refused(opt: fastopt.Optimizer, error: type[Exception], match: str, call: Callable[[], Any]) -> None:
    before = copy.deepcopy(opt)
    with pytest.raises(error, match=match):
        call()
    assert opt.accumulated == before.accumulated
    assert alike(opt, before)


def test_bad_calls_are_refused_by_name_and_change_nothing() -> None:
    opt, plain = half_way(), made(None)
    good = gradients(5)
    rows = RowSparse([0], np.ones((1, 3), "float32"))
    refused(opt, RuntimeError, "the gradients of 2 calls of opt.accumulate wait", lambda: opt.step(good))
    refused(
        opt, TypeError, r"grads\['W'\] is float64 but params", lambda: opt.accumulate({**good, "W": np.ones((2, 3))})
    )
    refused(opt, ValueError, r"grads\['W'\] has shape", lambda: opt.accumulate({**good, "W": np.ones(3, "float32")}))
    refused(opt, TypeError, r"grads\['W'\] is row-sparse", lambda: opt.accumulate({**good, "W": rows}))
    refused(opt, ValueError, r"grads\['z'\] is missing", lambda: opt.accumulate({"W": good["W"], "h": good["h"]}))
    refused(opt, ValueError, "make the optimizer without accumulate", lambda: opt.captured(good))
    refused(opt, AttributeError, "an optimizer with accumulate has no arrays for gradients", lambda: opt.grads)
    refused(
        opt, AttributeError, "accumulate is fixed when an optimizer is made", lambda: setattr(opt, "accumulate", "sum")
    )
    refused(opt, AttributeError, "accumulated cannot be set to 3", lambda: setattr(opt, "accumulated", 3))
    refused(plain, AttributeError, "made without accumulate; make another", lambda: plain.accumulate(good))
    opt.step()
    refused(opt, TypeError, r"call opt.accumulate\(grads\) first", lambda: opt.step())
    with pytest.raises(ValueError, match="accumulate must be 'mean' or 'sum', or None; got 'avg'"):
        made("avg")
    averaging = fastopt.SGD(np.ones(2, "float32"), ema=0.9, accumulate="sum")
    with averaging.averaged(), pytest.raises(RuntimeError, match="leave its with block, and then accumulate"):
        averaging.accumulate(np.ones(2, "float32"))
    assert averaging.accumulated == 0


def test_a_parameter_of_another_kind_begins_a_sum_but_has_none_added() -> None:
    opt = fastopt.SGD([np.ones(2, "float32"), np.ones(2, "float32")], lr=1.0, accumulate="sum")
    opt.accumulate([np.ones(2, "float32"), None])
    opt.params[1] = np.ones(2)
    opt.accumulate([np.ones(2, "float32"), np.ones(2)])
    opt.params[0] = np.ones(2)
    with pytest.raises(ValueError, match=r"params\[0\] is another kind of array than when opt.accumulate added up"):
        opt.accumulate([np.ones(2), np.ones(2)])
    opt.params[0] = np.zeros(2, "float32")
    opt.step()
    assert [p.tolist() for p in opt.params] == [[-2.0, -2.0], [0.0, 0.0]]


def test_scalars_are_added_up_for_parameters_without_dimensions() -> None:
    # Each becomes an array that nobody but the call has.
    params = [np.zeros((), "float32") for _ in range(8)]
    opt = fastopt.SGD(params, lr=1.0, accumulate="sum")
    for call in range(1, 4):
        opt.accumulate([np.float32(k + call) for k in range(8)])
    opt.step()
    assert [float(p) for p in params] == [-(3 * k + 6) for k in range(8)]
