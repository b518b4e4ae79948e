"""Copies of optimizers: copy.deepcopy and pickle take all along, and what is copied together stays linked."""

import copy
import functools
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import run_python, same_bits

import fastopt
from fastopt import RowSparse, like, schedules
from fastopt.kernels import rule, rule_type
from fastopt.optimizer.optimizer import updater_of
from fastopt.updater.journal import Journal

HOW: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
}
# What pickle raises for what it does not find in a module.
UNFOUND = (pickle.PicklingError, AttributeError)
both = pytest.mark.parametrize("again", HOW.values(), ids=HOW)


def falling(t: int) -> float:
    return 0.1 / t


class Cooling:
    """A function of the step that holds a monitor."""

    def __init__(self, monitor: Any) -> None:
        self.monitor = monitor

    def __call__(self, t: int) -> float:
        return float(self.monitor(t)) / max(t, 1)

    def __repr__(self) -> str:
        return "Cooling"


def tree(seed: int) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    return {"W": generator.normal(size=(4, 3)).astype("f"), "b": [generator.normal(size=3).astype("f")]}


def arrays(opt: Any) -> list[Any]:
    state = opt.state_dict()
    return [*state.pop("arrays").values(), repr(state)]


def same(one: Any, other: Any) -> bool:
    return all(
        a == b if isinstance(a, str) else same_bits(a, b) for a, b in zip(arrays(one), arrays(other), strict=True)
    )


def groups_and_scales() -> Any:
    scale = np.array([[0.5], [1], [2], [0]], "f")
    return fastopt.SGD(tree(0), momentum=0.9, lr=falling, groups={"b": {"lr": 0.5}}, lr_scale={"W": scale})


def average_and_copy() -> Any:
    rate = fastopt.ReduceOnPlateau(patience=0) * schedules.cosine(0.1, steps=10)
    return fastopt.SGD(tree(0), momentum=0.9, lr=rate, ema=0.9, cast_to="bfloat16", zero_grads=True)


def scaled() -> Any:
    return fastopt.NAdam(tree(0), lr=0.01, loss_scaler=fastopt.LossScaler(4.0, interval=3), zero_grads=True)


def shared() -> Any:
    params = tree(0)
    return fastopt.SGD({**params, "tied": params["W"]}, momentum=0.9, lr=schedules.function(falling), shared=True)


@both
@pytest.mark.parametrize("make", [groups_and_scales, average_and_copy, scaled, shared])
def test_a_copy_goes_on_with_the_bits_of_the_original(make: Callable[[], Any], again: Callable[[Any], Any]) -> None:
    opt = make()
    grads = [tree(k) for k in range(1, 6)]
    if make is shared:
        grads = [{**own, "tied": None} for own in grads]
    grads[1]["W"][0] = np.inf if make is scaled else 0
    for own in grads[:3]:
        opt.step(copy.deepcopy(own))
    params, linked = again((opt.params, opt))
    alone = again(opt)
    assert linked.params is params
    assert not np.shares_memory(params["W"], opt.params["W"])
    assert type(alone) is type(opt)
    before = arrays(opt)
    for own in grads[3:]:
        for each in (linked, alone):
            each.step(copy.deepcopy(own))
    assert [repr(a) for a in arrays(opt)] == [repr(a) for a in before]
    for own in grads[3:]:
        opt.step(copy.deepcopy(own))
    assert same(linked, opt)
    assert same(alone, opt)
    assert same_bits(params["W"], opt.params["W"])
    if make is shared:
        assert params["tied"] is params["W"]


@both
def test_monitors_gradients_and_scales_go_along(again: Callable[[Any], Any]) -> None:
    plateau, other = fastopt.ReduceOnPlateau(patience=0, factor=0.5), fastopt.ReduceOnPlateau(patience=0, factor=0.5)
    scale, params = np.ones(3, "f"), tree(0)
    opt = fastopt.SGD(
        params,
        lr=plateau.of(schedules.function(Cooling(other)) * 8.0, lowest=0.5),
        groups={"b": {"lr": Cooling(other)}},
        lr_scale={"W": scale},
        monitors=[fastopt.EarlyStopping(params=params)],
    )
    grads = opt.grads
    copied, plateau2, other2, scale2, grads2 = again((opt, plateau, other, scale, grads))
    assert (opt.monitors[:2], copied.monitors[:2]) == ([other, plateau], [other2, plateau2])
    assert plateau2 is not plateau
    for _ in range(2):
        plateau2.update(1.0)
        other2.update(1.0)
    scale2[...], grads2["W"][...], grads2["b"][0][...] = 0.5, 1, 1
    before = copy.deepcopy(copied.params)
    copied.step()
    assert same_bits(copied.params["W"], before["W"] - np.float32(0.5) * 2)
    assert same_bits(copied.params["b"][0], before["b"][0] - np.float32(0.5))
    assert (opt.t, plateau.value, other.value) == (0, 1.0, 1.0)
    # The early stopping of the copy holds the copy's arrays.
    stopping = copied.monitors[2]
    stopping.update(1.0)
    kept = copied.params["W"].copy()
    copied.step()
    stopping.restore()
    assert same_bits(copied.params["W"], kept)


def test_every_class_and_every_peers_optimizer_can_be_copied() -> None:
    made = [fastopt.Optimizer(tree(0), "adam_lp")]
    made += [getattr(fastopt, name)(tree(0)) for name in fastopt.optimizer.classes.CLASSES]
    made += [like.torch.AdamW([{"params": [np.ones(3)]}, {"params": [np.ones(2)], "lr": 0.1}])]
    made += [like.torch.SGD([np.ones(3)], lr=like.torch.LambdaLR(0.1, abs)), like.thinc.Adam([np.ones(3)])]
    made += [like.keras.Adam([np.ones(3)], learning_rate=float, use_ema=True)]
    made += [like.optax.adam([np.ones(3)], Cooling(fastopt.ReduceOnPlateau()))]
    for opt in made:
        for again in HOW.values():
            assert repr(again(opt)) == repr(opt)
            assert same(again(opt), opt)


@both
def test_rows_that_are_behind_catch_up_in_the_copy(again: Callable[[Any], Any]) -> None:
    opt = fastopt.SGD([np.ones((6, 3), "f")], momentum=0.9)
    for rows in ([0, 1], [1, 5], [2]):
        opt.step([RowSparse(np.array(rows), np.ones((len(rows), 3), "f"))])
    copied = again(opt)
    gone = opt.params[0].copy()
    copied.flush()
    assert same_bits(opt.params[0], gone)
    opt.flush()
    assert not same_bits(opt.params[0], gone)
    assert same(copied, opt)


@both
def test_a_step_that_was_interrupted_is_settled_before(again: Callable[[Any], Any], monkeypatch: Any) -> None:
    opt, whole = groups_and_scales(), groups_and_scales()
    for one in (opt, whole):
        one.step(tree(1))
    times: list[int] = []
    count = Journal._count

    def interrupted(*arguments: Any) -> None:
        times.append(1)
        if len(times) == 1:
            raise InterruptedError
        count(*arguments)

    # After the arrays were written, before they are counted.
    monkeypatch.setattr(Journal, "_count", interrupted)
    with pytest.raises(InterruptedError):
        opt.step(tree(2))
    whole.step(tree(2))
    assert same(again(opt), whole)


@both
def test_a_copy_is_not_watched_and_a_captured_step_refuses(again: Callable[[Any], Any], tmp_path: Path) -> None:
    opt = fastopt.SGD(tree(0))
    with opt.watch(tmp_path / "w", every=1):
        copied = again(opt)
        copied.sync()
        copied.watch(tmp_path / "v").close()
    updater_of(opt).captured = object()  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match=r"a captured step is open.*close"):
        again(opt)


@both
def test_a_copy_follows_its_own_weights_that_are_put_back(again: Callable[[Any], Any]) -> None:
    opt = again(average_and_copy())
    stopping = fastopt.EarlyStopping(params=opt.params)
    stopping.update(1.0)
    opt.step(tree(1))
    stopping.restore()
    assert same_bits(opt.cast["W"], opt.params["W"].astype(opt.cast["W"].dtype))


@both
def test_trees_of_a_copy_are_still_read_fast(again: Callable[[Any], Any], monkeypatch: Any) -> None:
    """The slow reading is for trees of another structure; that of the copy has the types of the containers."""
    params = OrderedDict(tree(0))
    copied = again(fastopt.SGD(params))

    def slow(*arguments: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("fastopt.trees.parameters.matching", slow)
    assert len(updater_of(copied).arrays) == 2


@both
def test_a_copy_knows_its_arrays_wherever_they_move(again: Callable[[Any], Any]) -> None:
    opt = fastopt.SGD([np.full(3, k, "f") for k in range(3)], momentum=0.9)
    for k, state in enumerate(opt.state):
        state["b"][...] = k
    copied = again(opt)
    del copied.params[0]
    assert copied.sync().begun == ()
    assert [state["b"][0] for state in copied.state] == [1, 2]


@both
@pytest.mark.parametrize("now", [np.ones((5, 3), "f"), np.ones((4, 3))], ids=["shape", "type"])
def test_a_parameter_that_was_replaced_begins_anew_in_the_copy_too(again: Callable[[Any], Any], now: Any) -> None:
    opt = fastopt.SGD(tree(0), momentum=0.9, lr_scale={"W": np.ones((4, 1), "f")})
    opt.step(tree(1))
    opt.params["W"] = now
    grads = {**tree(2), "W": 2 * now}
    copied = again(opt)
    with pytest.raises(ValueError, match=r"^params\['W'\] has .* as when its state was made; call opt\.sync\(\)"):
        copied.step(grads)
    copied.params["W"] = np.ones((4, 3), "f")
    copied.step(tree(2))  # As it was.
    copied = again(opt)
    if now.dtype == "f":
        with pytest.raises(ValueError, match=r"lr_scale\['W'\] has shape"):
            copied.sync()
    plain = fastopt.SGD(tree(0), momentum=0.9)
    plain.step(tree(1))
    plain.params["W"] = now
    copied = again(plain)
    assert copied.sync().begun == ("W",)
    copied.step(grads)
    assert same_bits(copied.state[0]["b"], grads["W"])


def test_a_shallow_copy_is_refused() -> None:
    with pytest.raises(TypeError, match=r"one count of steps.*copy\.deepcopy\(\(params, opt\)\)"):
        copy.copy(fastopt.SGD(tree(0)))


def test_functions_that_cannot_go_along_are_named() -> None:
    plateau = fastopt.ReduceOnPlateau()
    for options, place in (
        ({"lr": lambda t: 0.1}, "lr"),
        ({"groups": {"b": {"lr": lambda t: 0.1}}}, r"groups\['b'\]\.lr"),
    ):
        opt = fastopt.SGD(tree(0), **options)
        with pytest.raises(UNFOUND, match=rf"{place} is a function of the step that cannot be pickled.*top level"):
            pickle.dumps(opt)
        assert copy.deepcopy(opt).hyper.lr == opt.hyper.lr
    own = schedules.Schedule(lambda t: 0.1)
    with pytest.raises(UNFOUND, match=r"lr .*bare formula"):
        pickle.dumps(fastopt.SGD(tree(0), lr=own))
    assert copy.deepcopy(fastopt.SGD(tree(0), lr=own)).lr is own
    calls = fastopt.SGD(tree(0), lr=lambda t: plateau(t) * 0.1)
    with pytest.raises(UNFOUND, match=r"lr is a function of the step that cannot be pickled"):
        pickle.dumps(calls)


class Calling:
    """A function of the step, and a method, that call what the object holds."""

    def __init__(self, of: Any) -> None:
        self.of = of

    def __call__(self, t: int) -> float:
        return 0.1 * float(self.of(t))

    rate = __call__


PLATEAU = fastopt.ReduceOnPlateau(patience=0)


def reads_a_global(t: int) -> float:
    return PLATEAU(t) * 0.1


def hidden(rate: Callable[[int], float]) -> list[Any]:
    """A function of the step as such, and within whatever may hold it."""
    outer = fastopt.ReduceOnPlateau()
    held = [rate, outer * rate, outer.of(rate, lowest=0.01), functools.partial(rate), Calling(rate), Calling(rate).rate]
    return [*held, schedules.function(rate) * 0.5, outer * schedules.function(Calling({"at": rate}["at"]))]


@pytest.mark.parametrize("k", range(8))
def test_a_function_that_would_call_the_originals_monitor_is_refused_wherever_it_is_held(k: int) -> None:
    plateau = fastopt.ReduceOnPlateau()
    refused = r"^lr is .*calls a ReduceOnPlateau by a function.*plateau \* 0\.1"
    for own, ways in ((reads_a_global, HOW), (lambda t: plateau(t) * 0.1, ["deepcopy"])):
        opt = fastopt.SGD(tree(0), lr=hidden(own)[k])
        for how in ways:
            with pytest.raises(TypeError, match=refused):
                HOW[how](opt)
    # What is copied with its monitor, is.
    opt = fastopt.SGD(tree(0), lr=hidden(Cooling(fastopt.ReduceOnPlateau(patience=0)))[k])
    for again in HOW.values():
        copied = again(opt)
        assert len(copied.monitors) == len(opt.monitors)
        for monitor in 2 * copied.monitors:
            monitor.update(1.0)
        assert copied.lr(1) == pytest.approx(0.1 * opt.lr(1))


def test_a_pickler_that_takes_functions_by_value_takes_functions_of_the_step() -> None:
    by_value = pytest.importorskip("cloudpickle")
    outer, inner = fastopt.ReduceOnPlateau(patience=0), fastopt.ReduceOnPlateau(patience=0, factor=0.5)
    opt = fastopt.SGD(tree(0), lr=outer * (lambda t: inner(t) * 0.1), groups={"b": {"lr": lambda t: 0.5}})
    copied = pickle.loads(by_value.dumps(opt))
    assert len(copied.monitors) == 2
    for monitor in 2 * copied.monitors:
        monitor.update(1.0)
    assert (opt.lr(1), copied.lr(1)) == pytest.approx((0.1, 0.005))
    assert copied.groups["b"].lr(1) == 0.5
    copied.step(tree(1))
    assert "refused" not in repr(vars(copied.hyper))


def test_a_scaler_that_serves_another_optimizer_does_so_in_the_copies_too() -> None:
    scaler = fastopt.LossScaler(4.0)
    first, second = (fastopt.SGD(tree(0), loss_scaler=scaler) for _ in range(2))
    other, one = copy.deepcopy((second, first))
    assert one.loss_scaler is other.loss_scaler is not scaler
    other.step(tree(1))
    with pytest.raises(RuntimeError, match="was given to another optimizer since"):
        one.step(tree(1))
    second.step(tree(1))


class Meanwhile:
    """A rate. Where it is copied, another thread begins something."""

    def __init__(self, begun: Callable[[], None]) -> None:
        self.begun = begun

    def __call__(self, t: int) -> float:
        return 0.5

    def __deepcopy__(self, memo: Any) -> "Meanwhile":
        thread = threading.Thread(target=self.begun)
        thread.start()
        thread.join(0.1)
        return self


def test_a_copy_is_whole_while_another_thread_takes_steps() -> None:
    opt = fastopt.SGD(tree(0), momentum=0.9, lr=Meanwhile(lambda: opt.step(tree(2))))
    opt.step(tree(1))
    copied = copy.deepcopy(opt)
    whole = fastopt.SGD(tree(0), momentum=0.9, lr=0.5)
    whole.step(tree(1))
    assert all(map(same_bits, arrays(copied)[:-1], arrays(whole)[:-1]))
    assert copied.t == 1


@dataclass
class Layer:
    """A layer that has its own optimizer."""

    W: Any
    b: Any

    def __post_init__(self) -> None:
        self.opt = fastopt.SGD(self, momentum=0.9)


@both
def test_a_layer_that_has_its_optimizer_is_copied_with_it(again: Callable[[Any], Any]) -> None:
    layer = Layer(np.ones((2, 2), "f"), np.ones(2, "f"))
    copied = again(layer)
    assert copied.opt.params is copied
    copied.opt.step(Layer(np.ones((2, 2), "f"), np.ones(2, "f")))
    assert copied.W[0, 0] < 1 == layer.W[0, 0]


def test_a_tree_that_has_changed_is_no_optimizers_to_copy() -> None:
    opt = fastopt.SGD(tree(0))
    opt.params["more"] = np.ones(2, "f")
    for again in HOW.values():
        with pytest.raises(ValueError, match=r"opt\.sync\(\)"):
            again(opt)


ELSEWHERE = """
import pickle, sys
import numpy as np
opt, grads = pickle.loads(open(sys.argv[1], "rb").read())
opt.step(grads)
open(sys.argv[2], "wb").write(opt.params["W"].tobytes())
"""


def test_another_process_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    opt, grads = scaled(), tree(2)
    opt.step(tree(1))
    (tmp_path / "in").write_bytes(pickle.dumps((opt, grads)))
    done = run_python("-c", ELSEWHERE, str(tmp_path / "in"), str(tmp_path / "out"))
    assert done.stderr == ""
    opt.step(grads)
    assert (tmp_path / "out").read_bytes() == opt.params["W"].tobytes()


def test_a_rule_of_ones_own_is_pickled_by_value_where_functions_are(monkeypatch: Any) -> None:
    by_value = pytest.importorskip("cloudpickle")
    factor = 2.0

    @rule(require="lr >= 0", start={"m": "first"}, states=("s",))
    def own(p, g, m, *, lr=0.1, first=1.0, s=0.0):  # type: ignore[no-untyped-def]
        return p - factor * lr * g, m + g, s + 1.0

    made = by_value.dumps(own)
    assert pickle.loads(made) is own is copy.deepcopy(own) is copy.copy(own)
    # As another process has it.
    monkeypatch.setattr(rule_type, "_MARKED", type(rule_type._MARKED)())
    other = pickle.loads(made)
    assert other is not own
    assert pickle.loads(made) is other
    assert pickle.loads(by_value.dumps(other)) is other
    assert repr(other) == repr(own)
    assert (other.start, other.states, other.ranges) == (own.start, own.states, own.ranges)
    assert other.__qualname__ == own.__qualname__
    given = [np.ones(3), np.ones(3), np.zeros(3)]
    assert all(map(same_bits, other.reference(*given)[:2], own.reference(*given)[:2]))
    for one in (own, fastopt.Optimizer(np.ones(3), own)):
        with pytest.raises(UNFOUND, match=r"own is a rule that no module has by its name; make it by @rule at the top"):
            pickle.dumps(one)
    with pytest.raises(TypeError, match=r"cannot be sent to another process.*own is a rule that no module has"):
        fastopt.sweep(len, [own], [0.1])  # type: ignore[list-item]


SCRIPT = """
import multiprocessing, pickle
import numpy as np
import fastopt
from fastopt.kernels import rule

@rule
def own(p, g, *, lr=0.1):
    return p - 2 * lr * g

def there(chosen, opt):
    return chosen is own, opt.rule is own, opt.params.tolist()

if __name__ == "__main__":
    opt = fastopt.Optimizer(np.ones(2), own)
    assert pickle.loads(pickle.dumps(own)) is own
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        print(pool.apply(there, (own, opt)))
"""


def test_a_rule_of_a_script_is_the_same_rule_in_the_processes_it_starts(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = run_python(str(tmp_path / "script.py"))
    assert (done.stdout, done.stderr) == ("(True, True, [1.0, 1.0])\n", "")
