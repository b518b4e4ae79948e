"""The container of the parameters is the caller's and may change; names are what an optimizer knows parameters by."""

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastopt


def zeros(value: float = 0.0, size: int = 3) -> Any:
    return np.full(size, value, "float32")


def stepped() -> tuple[dict[str, Any], fastopt.Optimizer]:
    """Two parameters with velocities of 100 and 1, after one step."""
    params = {"a": zeros(), "b": zeros()}
    opt = fastopt.SGD(params, lr=1.0, momentum=0.9)
    opt.step({"a": zeros(100), "b": zeros(1)})
    return params, opt


REMEDY = r"if params was changed on purpose, call opt\.sync\(\), which takes params as it now is"


def test_a_change_of_structure_is_an_error_that_names_the_path_and_changes_nothing() -> None:
    params, opt = stepped()
    kept = opt.state_dict()["arrays"]
    a = params.pop("a")
    for call in (
        lambda: opt.step({"b": zeros()}),
        lambda: opt.state_dict(),
        lambda: opt.update(params, {"b": zeros()}),
    ):
        with pytest.raises(ValueError, match=rf"params\['a'\] is missing; {REMEDY}"):
            call()
    params["a"] = a
    params["c"] = zeros()
    with pytest.raises(ValueError, match=rf"params\['c'\] is not in the params that were taken before; {REMEDY}"):
        opt.step({"a": zeros(), "b": zeros(), "c": zeros()})
    del params["c"]
    params["b"] = {"inner": params["b"]}
    with pytest.raises(ValueError, match=rf"params\['b'\] must be an array, .*; got a dict; {REMEDY}"):
        opt.step({"a": zeros(), "b": zeros()})
    params["b"] = params["b"]["inner"]
    assert all((array == kept[key]).all() for key, array in opt.state_dict()["arrays"].items())


def test_trees_of_state_have_the_structure_that_was_taken() -> None:
    params = {"a": zeros(), "b": zeros()}
    opt = fastopt.SGD(params, lr=1.0, ema=0.5, cast_to="float16")
    params["c"] = zeros()
    del params["a"]
    assert [list(tree) for tree in (opt.ema, opt.cast)] == [["a", "b"]] * 2
    opt.sync()
    assert [list(tree) for tree in (opt.ema, opt.cast, opt.grads)] == [["b", "c"]] * 3


def test_the_order_of_keys_changes_nothing() -> None:
    params, opt = stepped()
    params["a"] = params.pop("a")
    opt.step({"b": zeros(), "a": zeros()})
    assert params["b"].tolist() == pytest.approx([-1.9] * 3)
    assert params["a"].tolist() == pytest.approx([-190] * 3)


def test_known_names_keep_their_state_new_ones_begin_and_gone_ones_are_dropped() -> None:
    params, opt = stepped()
    del params["a"]
    params["c"] = zeros()
    report = opt.sync()
    assert (report.kept, report.begun, report.dropped) == (("b",), ("c",), ("a",))
    opt.step({"b": zeros(), "c": zeros(1)})
    assert params["b"].tolist() == pytest.approx([-1.9] * 3)
    assert params["c"].tolist() == [-1] * 3
    assert sorted(opt.state_dict()["arrays"]) == ["b/b", "b/c", "p/b", "p/c"]


def test_a_replaced_array_keeps_the_state_of_its_name_unless_its_shape_is_another() -> None:
    params, opt = stepped()
    params["a"], params["b"] = zeros(), zeros(size=4)
    with pytest.raises(
        ValueError, match=r"params\['b'\] has shape \(4,\), but its state \(3,\); .* call opt\.sync\(\)"
    ):
        opt.step({"a": zeros(), "b": zeros(1, size=4)})
    report = opt.sync()
    assert (report.kept, report.begun, report.dropped) == (("a",), ("b",), ("b",))
    opt.step({"a": zeros(), "b": zeros(1, size=4)})
    assert params["a"].tolist() == pytest.approx([-90] * 3)
    assert params["b"].tolist() == [-1] * 4


def test_in_a_list_an_array_keeps_its_state_at_its_new_place() -> None:
    params = [zeros() for _ in range(3)]
    opt = fastopt.SGD(params, lr=1.0, momentum=0.9)
    opt.step([zeros(100), zeros(10), zeros(1)])
    del params[0]
    with pytest.raises(ValueError, match=rf"params\[2\] is missing; {REMEDY}"):
        opt.step([zeros(), zeros()])
    assert opt.sync().dropped == ("0",)
    opt.step([zeros(), zeros()])
    assert [p[0] for p in params] == pytest.approx([-19, -1.9])


def test_groups_scales_and_schedules_hold_for_what_joins() -> None:
    params = {"a": zeros()}
    scales = {"*": np.array([2.0], "float32")}
    rate = lambda t: 1.0 if t == 1 else 10.0  # noqa: E731
    opt = fastopt.SGD(params, lr=rate, groups={"a*": {"lr": 0.5}}, lr_scale=scales, maximize=True)
    opt.step({"a": zeros(1)})
    params |= {"a2": zeros(), "b": zeros()}
    opt.sync()
    opt.step({name: zeros(1) for name in params})
    assert {name: p[0] for name, p in params.items()} == {"a": 2.0, "a2": 1.0, "b": 20.0}


@pytest.mark.parametrize("dropped", [False, True])
def test_rows_that_are_behind_catch_up_before(dropped: bool) -> None:
    """Of a table that is dropped too: later nothing could."""

    def run(sparse: bool) -> Any:
        params = {"gone": zeros(), "table": np.zeros((4, 2), "float32")}
        opt = fastopt.Adam(params, lr=0.1)
        for rows in ([0, 1], [1], [2]):
            values = np.ones((len(rows), 2), "float32")
            grad: Any = fastopt.RowSparse(np.array(rows), values)
            opt.step({"gone": None, "table": grad if sparse else grad.dense((4, 2))})
        if dropped:
            table = params.pop("table")
            opt.sync()
            return table
        del params["gone"]
        opt.sync()
        opt.step({"table": np.ones((4, 2), "float32")})
        return params["table"]

    assert (run(True) == run(False)).all()


def test_an_array_that_took_another_s_place_is_known_too() -> None:
    params, opt = stepped()
    params["a"] = zeros()
    opt.step({"a": zeros(), "b": zeros()})
    params["c"] = params.pop("a")
    assert opt.sync().kept == ("b", "c")
    # Places that were swapped were stepped by their names, and stay so.
    params["b"], params["c"] = params["c"], params["b"]
    velocities = {name: opt.state[k]["b"][0] for k, name in enumerate(["b", "c"])}
    opt.step({"b": zeros(), "c": zeros()})
    opt.sync()
    after = {name: opt.state[k]["b"][0] for k, name in enumerate(params)}
    assert after == {name: pytest.approx(0.9 * velocities[name]) for name in velocities}


def test_gradient_arrays_that_the_caller_holds_stay_those_of_known_parameters() -> None:
    params, opt = stepped()
    held = opt.grads
    del params["a"]
    params["c"] = zeros()
    opt.sync()
    assert opt.grads["b"] is held["b"]
    held["b"][...] = 1
    opt.step()
    assert params["b"].tolist() == pytest.approx([-2.9] * 3)


def test_gradient_arrays_that_nobody_has_asked_for_are_not_stepped_with() -> None:
    params, opt = stepped()
    held = opt.grads
    params["c"] = zeros()
    opt.sync()
    t = opt.t
    with pytest.raises(TypeError, match=r"opt.grads was never read since opt.sync\(\) took new parameters"):
        opt.step()
    assert opt.t == t
    opt.grads["c"][...] = 1
    assert opt.grads["a"] is held["a"]
    opt.step()
    assert opt.t == t + 1


def test_patterns_that_no_longer_match_are_named() -> None:
    params = {"a": zeros(), "b": zeros()}
    opt = fastopt.SGD(params, lr=1.0, groups={"a": {"lr": 0.0}, "*": {"lr": 1.0}}, lr_scale={"a": zeros(1)})
    params["c"] = params.pop("a")
    assert opt.sync().unmatched == ("a",)


def test_another_tree_may_be_given() -> None:
    one, two = zeros(), zeros()
    opt = fastopt.SGD((one, two), lr=1.0, momentum=0.9)
    opt.step((zeros(100), zeros(1)))
    assert opt.sync((two,)).kept == ("0",)
    opt.step((zeros(),))
    assert two.tolist() == pytest.approx([-1.9] * 3)


def test_a_sync_that_cannot_be_leaves_all_as_it_was(tmp_path: Path) -> None:
    params, opt = stepped()
    params["b2"] = params["b"]
    with pytest.raises(ValueError, match=r"params\['b2'\] is the same array as params\['b'\]"):
        opt.sync()
    params["b2"] = 0.5
    with pytest.raises(TypeError, match=r"params\['b2'\]: expected an array"):
        opt.sync()
    del params["b2"]
    with opt.watch(tmp_path / "w"), pytest.raises(RuntimeError, match="this optimizer is watched, into"):
        opt.sync()
    opt.step({"a": zeros(), "b": zeros()})
    assert params["b"].tolist() == pytest.approx([-1.9] * 3)


def test_a_snapshot_follows_replaced_arrays_and_refuses_other_structures() -> None:
    params: dict[str, Any] = {"a": zeros(1)}
    stopping = fastopt.EarlyStopping(params=params)
    params["a"] = zeros(2)
    stopping.update(1.0)
    params["a"] = zeros(3)
    stopping.restore()
    assert params["a"].tolist() == [2, 2, 2]
    params["a"] = zeros(3, size=4)
    with pytest.raises(ValueError, match=r"params\['a'\] is float32 of shape \(4,\), but was float32 of shape \(3,\)"):
        stopping.restore()
    params["b"] = zeros()
    with pytest.raises(
        ValueError, match=r"params\['b'\] is not in .*; make another EarlyStopping for the " "new structure"
    ):
        stopping.update(0.5)


def test_an_early_stop_that_cannot_copy_weights_notes_no_loss() -> None:
    params: dict[str, Any] = {"a": zeros(1)}
    stopping, driver = fastopt.EarlyStopping(params=params), fastopt.BoldDriver(params=params)
    for monitor in (stopping, driver):
        monitor.update(3.0)
    params["b"] = zeros()
    for monitor in (stopping, driver):
        before = monitor.state_dict()
        with pytest.raises(ValueError, match="for the new structure"):
            monitor.update(1.0)
        assert monitor.state_dict() == before


def test_an_interrupted_sync_is_finished_before_anything_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = zeros(), zeros()
    opt = fastopt.SGD([one, two], lr=1.0, momentum=0.9)
    opt.step([zeros(100), zeros(1)])
    with monkeypatch.context() as patch:
        patch.setattr(type(opt._updater), "set_counts", interrupted)
        with pytest.raises(KeyboardInterrupt):
            opt.sync([two, one])
    assert opt.params[0] is two
    opt.step([zeros(), zeros()])
    assert [one[0], two[0]] == pytest.approx([-190, -1.9])
    # And whatever becomes of the container meanwhile.
    changed = [two, one]
    with monkeypatch.context() as patch:
        patch.setattr(type(opt._updater), "set_counts", interrupted)
        with pytest.raises(KeyboardInterrupt):
            opt.sync(changed)
    changed.append(zeros())
    assert opt.sync(changed).begun == ("2",)


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


def test_an_interrupted_load_is_finished_whatever_becomes_of_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    params = {"a": zeros(), "b": zeros()}
    opt = fastopt.SGD(params, lr=1.0, ema=0.5)
    saved = opt.state_dict()
    opt.step({"a": zeros(1), "b": zeros(1)})
    with monkeypatch.context() as patch:
        patch.setattr(type(opt._updater), "set_counts", interrupted)
        with pytest.raises(KeyboardInterrupt):
            opt.load_state_dict(saved)
    params["c"] = zeros()
    assert opt.sync().begun == ("c",)
    assert (opt.t, params["a"][0]) == (0, 0)


def test_an_array_that_was_replaced_is_not_kept_alive() -> None:
    params = {"a": zeros()}
    opt = fastopt.SGD(params, lr=1.0)
    old = weakref.ref(params["a"])
    params["a"] = zeros()
    opt.step({"a": zeros(1)})
    assert old() is None


def test_a_dataclass_that_takes_more_or_less_than_its_fields_is_rebuilt_without_its_init() -> None:
    """It may make its arrays itself, and have more than its fields say."""
    from dataclasses import dataclass, field

    @dataclass
    class Layer:
        size: Any
        made: Any = field(init=False)

        def __post_init__(self) -> None:
            self.made = self.size * 2

    layer: Any = Layer(zeros(1))
    layer.cache = np.ones(3)
    cache = weakref.ref(layer.cache)
    opt = fastopt.SGD(layer, lr=1.0, ema=0.5)
    assert opt.ema.made.tolist() == [2, 2, 2]
    opt.step(opt.grads)
    layer.cache = None
    assert cache() is None
