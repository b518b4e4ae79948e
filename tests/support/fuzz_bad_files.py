"""Bad saves and loads. Files that are damaged are in test_checkpoint.py."""

from typing import Any

import numpy as np
from fuzz_calls import WRONG, Calls, Made
from hypothesis import strategies as st

import fastopt
from fastopt.checkpoint.state import FORMAT
from fastopt.kernels import RULES
from fastopt.updater.means import Means

MEANS = Means().plain

CALLS = Calls()


@CALLS.add("save: where nothing can be written")
def _(m: Any, data: Any) -> Made:
    place = data.draw(st.sampled_from([m.folder, m.folder / "nowhere" / "file"]))
    return lambda: m.opt.save(place), (OSError,)


@CALLS.add("save: what JSON cannot hold")
def _(m: Any, data: Any) -> Made:
    circle: list[Any] = []
    circle.append(circle)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    user = [np.ones(3), object(), {1, 2}, {(1, 2): 3}, circle, deep][data.draw(st.integers(0, 5))]
    m.opt.save(m.folder / "old")
    before = (m.folder / "old").read_bytes()

    def call() -> None:
        try:
            m.opt.save(m.folder / "old", user=user)
        finally:
            assert (m.folder / "old").read_bytes() == before

    return call, (TypeError,)


@CALLS.add("load: no file")
def _(m: Any, data: Any) -> Made:
    place = data.draw(st.sampled_from([m.folder, m.folder / "nowhere", m.folder / "nowhere" / "file"]))
    return lambda: m.opt.load(place), (FileNotFoundError,)


@CALLS.add("load: a file that is no checkpoint")
def _(m: Any, data: Any) -> Made:
    (m.folder / "text").write_bytes(data.draw(st.sampled_from([b"", b"{}", b"\xff" * 64, b"weights"])))
    return lambda: m.opt.load(m.folder / "text"), (ValueError,)


@CALLS.add("load: a file of another optimizer")
def _(m: Any, data: Any) -> Made:
    other = fastopt.Optimizer([np.ones(2, "float32")], RULES["yogi" if m.case.rule.name == "adamw" else "adamw"])
    other.save(m.folder / "other")
    return lambda: m.opt.load(m.folder / "other", partial=data.draw(st.booleans())), WRONG


@CALLS.add("load: no state")
def _(m: Any, data: Any) -> Made:
    wrong = data.draw(st.sampled_from([None, 3, [], {}, {"arrays": {}}, {"arrays": None}, "state"]))
    return lambda: m.opt.load_state_dict(wrong), WRONG


@CALLS.add("load: a state with a wrong part")
def _(m: Any, data: Any) -> Made:
    state = m.opt.state_dict()
    key = next(iter(state["steps"]))
    array = next(iter(state["arrays"]))
    lists = {k: a.tolist() for k, a in state["arrays"].items()}
    wider = {**state["arrays"], array: np.zeros((*state["arrays"][array].shape, 2), state["arrays"][array].dtype)}
    wrong: list[tuple[str, Any]] = [
        *(("format", x) for x in (None, 0, FORMAT + 1, "1", True, 1.0)),
        *(("applied", x) for x in (None, -1, 2**62)),
        *(("count", x) for x in ("x", 1)),
        *(("means", x) for x in (None, {key: 1}, {key: {"ema": {}}}, {key: {"ema": {**MEANS, "run": -1}}})),
        *(("means", {key: {"ema2": {**MEANS, name: 1.5}}}) for name in MEANS),
        *(("rule", x) for x in (None, "x", 3)),
        *(("rules", x) for x in (None, {"nowhere": m.case.rule.name}, {"nowhere": 3}, "x")),
        *(("steps", x) for x in (None, [], {key: -1}, {key: 1.5}, {key: True}, {key: None}, {key: 2**62})),
        *(("skipped", x) for x in (None, -1, 1.5, True)),
        *(("hyper", x) for x in (None, {}, {**state["hyper"], "more": 1}, dict.fromkeys(state["hyper"], "x"))),
        *(("groups", x) for x in (None, {"nowhere": {"lr": 0.1}}, {"*": 3})),
        *(("options", x) for x in (None, {"maximize": "x"})),
        *(("uniform_states", x) for x in (None, {key: {"x": 1.0}}, {key: 3})),
        *(("monitors", x) for x in (None, [1], [{"kind": "x"}])),
        *(("loss_scaler", x) for x in ({}, {"scale": -1.0, "applied": 0}, 3)),
        *(("arrays", x) for x in (None, [], {}, {**state["arrays"], "more/x": np.ones(1)}, lists, wider)),
    ]
    name, value = wrong[data.draw(st.integers(0, len(wrong) - 1))]
    return lambda: m.opt.load_state_dict({**state, name: value}), WRONG
