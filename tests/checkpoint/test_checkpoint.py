"""Checkpoints: a run that is stopped goes on as if it had not been; damage and misfits change nothing."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import saved_runs
from examples import ROOT, by_turns, others_in_ci, run_python, same_bits
from safetensors import safe_open
from safetensors.numpy import save_file

import fastopt
from fastopt.checkpoint import file as checkpoint
from fastopt.checkpoint import restore, state
from fastopt.kernels import RULES


def same_state(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two results of state_dict are the same to the bit."""
    rest = [{name: value for name, value in d.items() if name != "arrays"} for d in (one, other)]
    arrays = one["arrays"], other["arrays"]
    equal = all(same_bits(arrays[0][key], arrays[1][key]) for key in arrays[0] if key in arrays[1])
    return list(arrays[0]) == list(arrays[1]) and equal and repr(rest[0]) == repr(rest[1])


def adam(params: Any = None, **options: Any) -> Any:
    """A small optimizer that has made a step."""
    opt = fastopt.Adam(params or {"W": np.ones((2, 3), "float32"), "b": np.ones(3, "float32")}, lr=0.1, **options)
    opt.step({name: np.full_like(array, 0.5) for name, array in opt.params.items()})
    return opt


STORED = [(dtype, kind) for dtype in ("float32", "float64") for kind in saved_runs.KINDS]
STORED.remove(("float64", "bfloat16"))  # They do not mix.
# Alone, and with what rides along, which has a kernel of its own for each rule.
ALONE = others_in_ci(pytest.param(name, ("float32", "alone")) for name in RULES)
RIDING = others_in_ci(by_turns(RULES, STORED))


@pytest.mark.parametrize(("name", "stored"), ALONE + RIDING)
def test_a_resumed_run_has_the_bits_of_one_that_was_not_stopped(
    name: str, stored: tuple[str, str], tmp_path: Path
) -> None:
    dtype, kind = stored
    whole, read, taken = (
        saved_runs.optimizer(name, saved_runs.parameters(seed, dtype, kind), dtype, alone=kind == "alone")
        for seed in (0, 9, 9)
    )
    saved_runs.run(whole, 1, 5)
    assert whole.skipped == (kind != "alone")
    whole.save(tmp_path / "half")
    read.load(tmp_path / "half")
    taken.load_state_dict(whole.state_dict())
    for resumed in (read, taken):
        assert same_state(whole.state_dict(), resumed.state_dict())
    for opt in (whole, read, taken):
        saved_runs.run(opt, 6, saved_runs.STEPS)
    for resumed in (read, taken):
        assert same_state(whole.state_dict(), resumed.state_dict())


@pytest.mark.long
def test_a_new_process_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    whole = {}
    for name in RULES:
        whole[name] = saved_runs.optimizer(name, saved_runs.parameters())
        saved_runs.run(whole[name], 1, 5)
        whole[name].save(tmp_path / f"{name}.half", user={"step": 5})
        saved_runs.run(whole[name], 6, saved_runs.STEPS)
    done = run_python(str(ROOT / "tests" / "support" / "saved_runs.py"), str(tmp_path), *RULES, NUMBA_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    for name in RULES:
        resumed = saved_runs.optimizer(name, saved_runs.parameters(9))
        resumed.load(tmp_path / f"{name}.resumed")
        assert same_state(whole[name].state_dict(), resumed.state_dict()), name


def test_state_dict_is_a_snapshot_that_json_can_hold_but_for_the_arrays() -> None:
    opt = adam()
    saved = opt.state_dict()
    before = saved["arrays"]["m/W"].copy()
    opt.step({name: np.ones_like(array) for name, array in opt.params.items()})
    assert same_bits(saved["arrays"]["m/W"], before)
    rest = {name: value for name, value in saved.items() if name != "arrays"}
    assert json.loads(json.dumps(rest)) == rest


def test_every_layout_and_type_is_kept_exactly(tmp_path: Path) -> None:
    """safetensors 0.8.0 takes the memory of an array as it lies."""
    grid = np.arange(24, dtype="float32").reshape(4, 6)
    arrays = {
        "transposed": grid.T,
        "strided": grid[:, ::2],
        "reversed": grid[::-1],
        "0-d": np.array(2.5),
        "empty": np.zeros((0, 3), "float16"),
        "bfloat16": grid.astype(ml_dtypes.bfloat16).T,
        "special": np.array([np.nan, np.inf, -0.0, 1e-45], "float32"),
    }
    checkpoint.write(tmp_path / "a", {}, arrays)
    with checkpoint.opened(tmp_path / "a") as file:
        for name, array in arrays.items():
            assert file.specs[name] == (array.dtype.name, array.shape)
            assert same_bits(file.array(name), array)


def test_names_are_paths_and_two_alike_are_told_apart(tmp_path: Path) -> None:
    one = {"a.b": np.zeros(2, "float32"), "a": {"b": np.ones(2, "float32")}, "c": np.ones(1, "float32")}
    opt = fastopt.SGD(one, momentum=0.9)
    opt.save(tmp_path / "s")
    assert sorted(key for key in opt.state_dict()["arrays"] if key.startswith("p/")) == [
        "p/['a']['b']",
        "p/['a.b']",
        "p/c",
    ]
    two = fastopt.SGD({**one, "a": {"b": np.full(2, 7, "float32")}, "a.b": np.full(2, 8, "float32")}, momentum=0.9)
    two.load(tmp_path / "s")
    assert two.params["a"]["b"].tolist() == [1, 1]
    assert two.params["a.b"].tolist() == [0, 0]


def test_a_state_is_loaded_by_name_and_not_by_order() -> None:
    opt = fastopt.SGD({"a": np.zeros(2, "float32"), "b": np.zeros(2, "float32")}, momentum=0.9)
    opt.step({"a": np.full(2, 100, "float32"), "b": np.ones(2, "float32")})
    other = fastopt.SGD({"b": np.zeros(2, "float32"), "a": np.zeros(2, "float32")}, momentum=0.9)
    other.load_state_dict(opt.state_dict())
    assert [state["b"][0] for state in other.state] == [1, 100]


def test_numbers_are_restored_and_functions_are_the_codes(tmp_path: Path) -> None:
    opt = adam(beta1=lambda t: 0.9)
    opt.lr = 0.025
    opt.save(tmp_path / "s", user={"epoch": 3})
    other = adam(beta1=lambda t: 0.8)
    report = other.load(tmp_path / "s")
    assert other.lr == 0.025
    assert report.changed == ("lr: 0.1 -> 0.025",)
    assert report.user == {"epoch": 3}
    scheduled = adam(beta1=fastopt.schedules.constant(0.9))
    assert "beta1: constant(0.9) is kept" in scheduled.load(tmp_path / "s").changed[1]


def test_a_part_is_loaded_by_name_and_the_rest_reported(tmp_path: Path) -> None:
    adam().save(tmp_path / "s")
    other = fastopt.Adam({"b": np.zeros(3, "float32"), "new": np.zeros(2, "float32")}, ema=0.9)
    before = other.state_dict()
    with pytest.raises(ValueError, match="p/new"):
        other.load(tmp_path / "s")
    assert same_state(other.state_dict(), before)
    report = other.load(tmp_path / "s", partial=True)
    assert set(report.unexpected) == {"p/W", "m/W", "v/W"}
    assert {"p/new", "m/new", "average of the parameter/b"} <= set(report.missing)
    assert other.params["b"].tolist() == adam().params["b"].tolist()
    assert other.params["new"].tolist() == [0, 0]
    assert (other.t, other.state_dict()["steps"]) == (1, {"b": 1, "new": 0})


def test_parameters_may_be_kept_elsewhere(tmp_path: Path) -> None:
    opt = adam()
    opt.save(tmp_path / "state", params=False)
    opt.save(tmp_path / "all")
    for file, params in (("state", True), ("all", False)):
        other = fastopt.Adam({"W": np.zeros((2, 3), "float32"), "b": np.zeros(3, "float32")})
        other.load(tmp_path / file, params=params)
        assert not other.params["W"].any()
        assert same_bits(other.state[0]["m"], opt.state[0]["m"])


def unfit() -> dict[str, tuple[Any, str]]:
    """Optimizers into which a state of Adam does not fit, and what the message says."""

    def zeros(shape: Any, dtype: str = "float32") -> Any:
        return {"W": np.zeros(shape, dtype), "b": np.zeros(3, dtype)}

    read_only = zeros((2, 3))
    plateau = fastopt.ReduceOnPlateau()
    return {
        "another rule": (fastopt.SGD(zeros((2, 3))), "state is of the rule adam, but this optimizer has the rule sgd"),
        "another shape": (fastopt.Adam(zeros((3, 2))), r"p/W was saved with shape \(2, 3\), but params\['W'\] has"),
        "another type": (fastopt.Adam(zeros((2, 3), "float64")), "saved as float32"),
        "an average": (fastopt.Adam(zeros((2, 3)), ema=0.9), "average of the parameter/W"),
        "a group": (fastopt.Adam(zeros((2, 3)), groups={"b": {"lr": 1.0}}), "groups"),
        "an option": (fastopt.Adam(zeros((2, 3)), maximize=True), "maximize"),
        "a scaler": (fastopt.Adam(zeros((2, 3)), loss_scaler=fastopt.LossScaler()), "loss_scaler|options"),
        "a monitor": (fastopt.Adam(zeros((2, 3)), lr=plateau * 0.1), "monitors"),
        "other names": (fastopt.Adam({"V": np.zeros(3, "float32")}), "m/V"),
        "read-only": (_locked(fastopt.Adam(read_only), read_only["W"]), "read-only"),
    }


def _locked(opt: Any, array: Any) -> Any:
    array.flags.writeable = False
    return opt


@pytest.mark.parametrize("case", unfit())
def test_what_does_not_fit_is_refused_and_nothing_changed(case: str, tmp_path: Path) -> None:
    adam().save(tmp_path / "s")
    opt, message = unfit()[case]
    before = opt.state_dict()
    with pytest.raises((ValueError, TypeError), match=message):
        opt.load(tmp_path / "s")
    assert same_state(opt.state_dict(), before)


BROKEN: dict[str, Any] = {
    "format": [None, 0, -1, 2**70, "1", True, state.FORMAT + 1],
    "rule": [None, 3, "sgd", []],
    "options": [None, {"maximize": True}],
    "hyper": [None, {}, {"lr": "x"}, {"lr": float("nan")}, {"lr": -1.0}, {"lr": [1]}, []],
    "groups": [None, {"b": {"lrs": 1.0}}, {"b": 3}, []],
    "steps": [None, {"W": -1}, {"W": 1.5}, {"W": True}, {"W": 2**64}, []],
    "uniform_states": [None, {"W": {"x": 1.0}}, {"W": 3}],
    "skipped": [None, -1, 1.5],
    "monitors": [None, [{"kind": "ReduceOnPlateau", "state": {}}], [3]],
    "loss_scaler": [{}, {"scale": 1.0, "applied": 0}],
    "arrays": [None, {}, 3],
}


@pytest.mark.parametrize(("part", "value"), [(part, value) for part, values in BROKEN.items() for value in values])
def test_a_broken_state_is_refused_and_nothing_changed(part: str, value: Any) -> None:
    opt = adam()
    saved = opt.state_dict()
    if part == "hyper" and isinstance(value, dict) and value:
        value = {**saved["hyper"], **value}
    with pytest.raises((ValueError, TypeError)):
        opt.load_state_dict({**saved, part: value})
    assert same_state(opt.state_dict(), saved)


def test_a_failure_after_the_monitors_puts_them_back() -> None:
    plateau = fastopt.ReduceOnPlateau(patience=0)
    opt = fastopt.SGD({"W": np.ones(2, "float32")}, lr=plateau * 0.1, loss_scaler=fastopt.LossScaler())
    saved = opt.state_dict()
    for _ in range(3):
        plateau.update(1.0)
    before = opt.state_dict()
    with pytest.raises(ValueError, match="scale"):
        opt.load_state_dict({**saved, "loss_scaler": {"scale": -1.0, "applied": 0}})
    assert same_state(opt.state_dict(), before)
    opt.load_state_dict(saved)
    assert plateau.state_dict() == saved["monitors"][0]["state"]


@pytest.mark.parametrize("count", [500, pytest.param(6000, marks=pytest.mark.long)])
def test_a_damaged_file_is_an_error_and_nothing_is_changed(count: int, tmp_path: Path) -> None:
    """Bytes changed, cut out, put in, and the end cut off: in the header's size, the header and the arrays alike."""
    opt = adam(loss_scaler=fastopt.LossScaler())
    path, damaged = tmp_path / "whole", tmp_path / "damaged"
    opt.save(path)
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    other = adam(loss_scaler=fastopt.LossScaler())
    other.step({name: np.ones_like(array) for name, array in other.params.items()})
    before = other.state_dict()
    generator = np.random.default_rng(count)
    refused = 0
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(generator.choice([1, 1, 1, 2, 3])):
            place = int(generator.integers(*[(0, 8), (8, header), (header, len(whole))][generator.integers(0, 3)]))
            kind = generator.choice([0, 0, 0, 1, 2, 3])
            if kind == 0:
                # Half of them such as occur, so that numbers become other numbers.
                occurring = whole[int(generator.integers(8, len(whole)))]
                data[place : place + 1] = bytes([generator.choice([occurring, int(generator.integers(0, 256))])])
            elif kind == 1:
                del data[place : place + int(generator.integers(1, 9))]
            elif kind == 2:
                data[place:place] = generator.bytes(int(generator.integers(1, 9)))
            else:
                del data[place:]
        damaged.write_bytes(data)
        try:
            other.load(damaged)
        except (ValueError, TypeError):
            refused += 1
            assert same_state(other.state_dict(), before)
        else:
            # Only what says nothing may differ: the blanks that fill up the header, or a byte set to itself.
            assert same_state(other.state_dict(), opt.state_dict())
            other.load_state_dict(before)
    assert refused > 0.9 * count


def test_a_changed_number_in_the_description_is_an_error(tmp_path: Path) -> None:
    opt = adam()
    opt.save(tmp_path / "s")
    whole = (tmp_path / "s").read_bytes()
    changed = whole.replace(rb"\"lr\": 0.1,", rb"\"lr\": 0.2,")
    assert changed != whole
    (tmp_path / "s").write_bytes(changed)
    with pytest.raises(ValueError, match="damaged: its description"):
        opt.load(tmp_path / "s")


def hostile(size: int, header: Any) -> bytes:
    """A file with this header, whatever it says."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return size.to_bytes(8, "little") + text if size >= 0 else len(text).to_bytes(8, "little") + text


HOSTILE = {
    "empty": b"",
    "a header of 2^63 bytes": hostile(2**63, b"{}"),
    "a header of 2^40 bytes": hostile(2**40, b"{}"),
    "no JSON": hostile(-1, b"{" * 1000),
    "an array of 2^60 elements": hostile(-1, {"p/W": {"dtype": "F32", "shape": [2**60], "data_offsets": [0, 2**62]}}),
    "a shape that overflows": hostile(-1, {"p/W": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}),
    "offsets out of the file": hostile(-1, {"p/W": {"dtype": "F32", "shape": [2], "data_offsets": [10**9, 10**9 + 8]}}),
    "another's file": hostile(-1, {"__metadata__": {"format": "pt"}}),
    "a description that nests": hostile(
        -1, {"__metadata__": {"fastopt": "[" * 100_000, "fastopt_crc32": checkpoint._hex(0)}}
    ),
    "a zip": b"PK\x03\x04" + bytes(100),
    "a pickle": b"\x80\x04K\x01.",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_an_error_without_a_large_allocation(case: str, tmp_path: Path) -> None:
    import tracemalloc

    (tmp_path / "h").write_bytes(HOSTILE[case])
    opt = adam()
    tracemalloc.start()
    with pytest.raises(ValueError, match="h"):
        opt.load(tmp_path / "h")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_nesting_that_python_cannot_follow_is_an_error(tmp_path: Path) -> None:
    import zlib

    text = '{"state":' + "[" * 100_000
    metadata = {"fastopt": text, "fastopt_crc32": checkpoint._hex(zlib.crc32(text.encode()))}
    save_file({}, tmp_path / "n", metadata)
    with pytest.raises(ValueError, match="description"):
        adam().load(tmp_path / "n")


def test_shapes_are_looked_at_before_anything_is_read(tmp_path: Path) -> None:
    """A sparse file of a gigabyte costs nothing on the disk."""
    import tracemalloc

    opt = adam()
    opt.save(tmp_path / "s")
    with safe_open(tmp_path / "s", framework="np") as file:
        metadata = file.metadata()
    big = 2**30
    names = list(opt.state_dict()["arrays"])
    shape = {name: [0] for name in names} | {names[0]: [big // 4]}
    offsets = {name: [big, big] for name in names} | {names[0]: [0, big]}
    header = {name: {"dtype": "F32", "shape": shape[name], "data_offsets": offsets[name]} for name in names}
    text = json.dumps({"__metadata__": metadata, **header}).encode()
    text += b" " * (-len(text) % 8)
    with (tmp_path / "big").open("wb") as out:
        out.write(hostile(-1, text))
        out.truncate(8 + len(text) + big)
    tracemalloc.start()
    with pytest.raises(ValueError, match="saved with shape"):
        opt.load(tmp_path / "big")
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_a_file_of_an_earlier_version_is_read() -> None:
    """tests/data holds a file that each format's first version wrote: adam, two steps, a bfloat16 array."""
    for path in sorted((ROOT / "tests" / "data").glob("checkpoint-*.safetensors")):
        opt = fastopt.Adam({"W": np.zeros((2, 3), "float32"), "low": np.zeros(4, ml_dtypes.bfloat16)}, lr=0.5)
        report = opt.load(path)
        assert (report.user, opt.t, opt.lr) == ({"epoch": 2}, 2, 0.125)
        made = example_run()
        assert same_state(opt.state_dict(), made.state_dict())


def example_run() -> Any:
    """What the files in tests/data hold."""
    params = {"W": np.arange(6, dtype="float32").reshape(2, 3), "low": np.arange(4).astype(ml_dtypes.bfloat16)}
    opt = fastopt.Adam(params, lr=0.125)
    for step in (1, 2):
        opt.step({name: np.full(array.shape, step, array.dtype) for name, array in params.items()})
    return opt


def centered_run() -> Any:
    """What tests/data/centered-1.safetensors holds, of numbers whose means and variances float32 has exactly."""
    params = {"W": np.arange(6, dtype="float32").reshape(2, 3), "low": np.arange(4).astype(ml_dtypes.bfloat16)}
    opt = fastopt.RMSprop(params, lr=0.125, alpha=0.5, momentum=0.5, centered=True)
    for step in (1, 2, 3):
        grads = {key: np.arange(p.size).reshape(p.shape) % 3 + step**2 for key, p in params.items()}
        opt.step({key: grad.astype(params[key].dtype) for key, grad in grads.items()})
    return opt


CENTERED = ROOT / "tests" / "data" / "centered-1.safetensors"


def test_a_file_of_an_older_format_goes_through_its_upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    """The older file has the mean square v of the gradients, of which their variance is made."""
    made = centered_run()
    opt = fastopt.RMSprop(
        {"W": np.zeros((2, 3), "float32"), "low": np.zeros(4, ml_dtypes.bfloat16)}, momentum=0.9, centered=True
    )
    before = opt.state_dict()
    # What the upgrade makes is checked as what a file says.
    upgrade = restore.UPGRADES[1]
    for wrong, message in (
        (lambda saved: upgrade(saved).remade({**upgrade(saved).state, "skipped": -1}, {}), "skipped"),
        (lambda saved: saved.remade(upgrade(saved).state, {}), "the state has no var/W"),
    ):
        monkeypatch.setitem(restore.UPGRADES, 1, wrong)
        with pytest.raises(ValueError, match=message):
            opt.load(CENTERED)
        assert same_state(opt.state_dict(), before)
    monkeypatch.undo()
    assert opt.load(CENTERED).user == {"epoch": 3}
    assert same_state(opt.state_dict(), made.state_dict())


@pytest.mark.parametrize("lost", ["v/W", "a/W"])
def test_what_an_array_is_made_of_is_checked_and_may_be_lacking(lost: str, tmp_path: Path) -> None:
    opt = centered_run()
    before = opt.state_dict()
    with checkpoint.opened(CENTERED) as file:
        state, arrays = file.state, {name: file.array(name) for name in file.specs}
    part = {name: array for name, array in arrays.items() if name != lost}
    for given, message in ((part, "no var/W"), ({**arrays, lost: arrays[lost][:1]}, "shape")):
        checkpoint.write(tmp_path / "s", state, given)
        with pytest.raises(ValueError, match=message):
            opt.load(tmp_path / "s")
        assert same_state(opt.state_dict(), before)
    checkpoint.write(tmp_path / "s", state, part)
    assert "var/W" in opt.load(tmp_path / "s", partial=True).missing
    whole = bytearray(CENTERED.read_bytes())
    place = whole.index(arrays[lost].tobytes())
    whole[place] ^= 1
    (tmp_path / "damaged").write_bytes(whole)
    with pytest.raises(ValueError, match=f"'{lost}' does not fit its checksum"):
        opt.load(tmp_path / "damaged")


def test_there_is_a_file_for_each_format() -> None:
    names = {path.name for path in (ROOT / "tests" / "data").glob("checkpoint-*.safetensors")}
    assert names == {f"checkpoint-{number}.safetensors" for number in range(1, state.FORMAT + 1)}
    assert set(restore.UPGRADES) == set(range(1, state.FORMAT))


@pytest.mark.parametrize(
    ("path", "kind"),
    [("no/such/folder/s", OSError), (".", OSError), ("/dev/full", OSError), ("name\0", (OSError, ValueError))],
)
def test_a_place_that_cannot_be_written_is_an_error(path: str, kind: Any, tmp_path: Path) -> None:
    opt = adam()
    before = opt.state_dict()
    with pytest.raises(kind):
        opt.save(tmp_path / path)
    assert same_state(opt.state_dict(), before)
    assert list(tmp_path.iterdir()) == []
    assert not Path("/dev/full").exists() or Path("/dev/full").is_char_device()


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """The limit of a file's size stands for the disk's."""
    code = f"""
import resource, signal, numpy as np, fastopt
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
opt = fastopt.SGD({{"W": np.ones(100_000, "float32")}}, momentum=0.9)
opt.save({str(tmp_path / "s")!r})
opt.params["W"][:] = 2
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    opt.save({str(tmp_path / "s")!r})
except OSError as error:
    print(error)
"""
    done = run_python("-c", code)
    assert "has room" in done.stdout, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    opt = fastopt.SGD({"W": np.zeros(100_000, "float32")}, momentum=0.9)
    opt.load(tmp_path / "s")
    assert opt.params["W"].tolist() == [1.0] * 100_000


def test_what_json_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    opt = adam()
    opt.save(tmp_path / "s")
    whole = (tmp_path / "s").read_bytes()
    circle: list[Any] = []
    circle.append(circle)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for user, said in (
        ({"best": [1, {"array": np.ones(3)}]}, r"user\['best'\]\[1\]\['array'\], an ndarray; pass .*tolist\(\)"),
        ({"best": 1j}, r"user\['best'\], a complex; pass numbers, strings, lists or dicts$"),
        (np.longdouble(1), "user, a longdouble; pass numbers"),
        ([{(1, 2): 3}], r"user\[0\], which has the key \(1, 2\), a tuple; use a string"),
        ({"at": {1: "a", "1": "b"}}, r"user\['at'\], whose keys 1 and '1' are both '1' in JSON; use different"),
        ({None: 0, "null": 5}, "user, whose keys None and 'null' are both 'null'"),
        ({True: 0, "true": 5}, "user, whose keys True and 'true' are both 'true'"),
        (circle, "user, which contains itself"),
        (deep, "user, which contains itself or is nested"),
    ):
        with pytest.raises(TypeError, match=f"^JSON cannot hold {said}"):
            opt.save(tmp_path / "s", user=user)
    assert (tmp_path / "s").read_bytes() == whole
    assert len(list(tmp_path.iterdir())) == 1


def test_numbers_of_numpy_are_saved_as_pythons(tmp_path: Path) -> None:
    class Kept:
        """A monitor of one's own."""

        best = np.float32(0.5)

        def state_dict(self) -> dict[str, Any]:
            return {"best": self.best}

        def load_state_dict(self, state: Any) -> None:
            self.best = state["best"]

    factor = fastopt.SparsityFactor(3)
    factor.update(np.eye(3)[:2])
    opt, other = (adam(monitors=[Kept(), factor]) for _ in range(2))
    user = {
        "best": np.float32(0.5),
        "done": np.bool_(True),
        "at": [np.int64(3), (np.float16(2), ml_dtypes.bfloat16(4))],
        "0-d": np.array(7),
        np.int64(5): None,
    }
    opt.save(tmp_path / "s", user=user)
    factor.update(np.zeros((9, 3)))
    other.monitors[0].best = None
    found = other.load(tmp_path / "s").user
    assert repr(found) == repr({"best": 0.5, "done": True, "at": [3, [2.0, 4.0]], "0-d": 7, "5": None})
    assert other.monitors[0].best == 0.5
    assert factor.rate.tolist() == [0.5, 0.5, 0.0]
    # Whoever keeps a state in another form may get such numbers back.
    saved = opt.state_dict()
    saved |= {"applied": np.int64(1), "skipped": np.array(0), "steps": {"W": np.int32(1), "b": np.uint8(1)}}
    other.load_state_dict(saved)
    assert type(other.t) is int
    assert repr(other.state_dict()["steps"]) == "{'W': 1, 'b': 1}"


def test_a_part_of_another_shape_or_type_is_left_and_reported(tmp_path: Path) -> None:
    opt = adam()
    opt.save(tmp_path / "s")
    params = {"W": np.zeros((3, 3), "float32"), "b": np.zeros(3, "float16")}
    other = fastopt.Adam(params)
    other.state[0]["m"][...] = 7
    before = other.state_dict()
    for how in ({}, {"params": False}):
        with pytest.raises((TypeError, ValueError), match="was saved"):
            other.load(tmp_path / "s", **how)
    report = other.load(tmp_path / "s", partial=True)
    assert report.missing == report.unexpected == ()
    assert [said for said in report.changed if "as it was" in said] == [
        *(
            f"{slot}/W: as it was, since it was saved with shape (2, 3), but {name} has shape (3, 3)"
            for slot, name in (
                ("p", "params['W']"),
                ("m", "state 'm' of params['W']"),
                ("v", "state 'v' of params['W']"),
            )
        ),
        "p/b: as it was, since it was saved as float32, but params['b'] is float16",
    ]
    after = other.state_dict()
    for key in ("p/W", "m/W", "v/W", "p/b"):
        assert same_bits(after["arrays"][key], before["arrays"][key])
    # The moments are computed in float32 for both types.
    assert same_bits(after["arrays"]["m/b"], opt.state_dict()["arrays"]["m/b"])
    assert after["steps"] == {"W": 0, "b": 1}


def test_an_average_stays_with_its_parameter() -> None:
    opt, other = adam(ema=0.5), fastopt.Adam({"W": np.zeros((2, 3), "float16"), "b": np.zeros(3, "float32")}, ema=0.5)
    report = other.load_state_dict(opt.state_dict(), partial=True)
    assert "average of the parameter/W: as it was, since it follows the parameter" in report.changed
    assert (other.ema["W"].tolist(), other.params["W"].tolist()) == ([[0.0] * 3] * 2,) * 2
    assert same_bits(other.ema["b"], opt.ema["b"])
    # It is still of no means, and so follows what the caller writes.
    other.params["W"][...] = 3
    other.refresh()
    assert (other.ema["W"] == 3).all()
    # Where the parameters are kept elsewhere, it is loaded.
    other = adam(ema=0.5)
    other.step({"W": np.ones((2, 3), "f"), "b": np.ones(3, "f")})
    other.load_state_dict(opt.state_dict(), params=False)
    assert same_bits(other.ema["W"], opt.ema["W"])


def test_a_slot_without_the_others_is_left_and_the_reason_is_told() -> None:
    opt = adam()
    saved = opt.state_dict()
    saved["arrays"]["m/W"] = np.zeros((3, 3), "f")
    del saved["arrays"]["v/b"]
    changed = opt.load_state_dict(saved, partial=True).changed
    assert "v/W: as it was, since the state has no m/W that fits" in changed
    assert "m/b: as it was, since the state has no v/b" in changed


def test_monitors_and_a_loss_scale_that_are_not_taken_are_reported() -> None:
    scaled = adam(beta1=fastopt.ReduceOnPlateau() * 0.5, loss_scaler=fastopt.LossScaler(8.0))
    plain = adam(skip_nonfinite=True, grad_scale=1.0)
    for opt, saved, told in (
        (plain, scaled.state_dict(), "the state has the monitors ['ReduceOnPlateau'], the optimizer []"),
        (plain, scaled.state_dict(), "the state has a loss_scaler, the optimizer has none"),
        (scaled, plain.state_dict(), "the state has the monitors [], the optimizer ['ReduceOnPlateau']"),
        (scaled, plain.state_dict(), "the optimizer has a loss_scaler, the state has none"),
        (plain, plain.state_dict() | {"monitors": [3]}, "the state has the monitors [None], the optimizer []"),
    ):
        assert f"not taken: {told}" in opt.load_state_dict(saved, partial=True).changed
    with pytest.raises(ValueError, match="the state has the monitors"):
        plain.load_state_dict(scaled.state_dict())


def test_lists_in_the_place_of_arrays_are_refused() -> None:
    opt = adam()
    saved, before = opt.state_dict(), opt.state_dict()
    saved["arrays"]["m/W"] = saved["arrays"]["m/W"].tolist()
    with pytest.raises(TypeError, match=r"arrays\['m/W'\] in the state must be a NumPy array; got a list"):
        opt.load_state_dict(saved)
    assert same_state(opt.state_dict(), before)


def test_a_parameter_that_was_replaced_in_its_tree_is_the_one_that_is_saved_and_loaded(tmp_path: Path) -> None:
    opt = adam()
    old, opt.params["W"] = opt.params["W"], np.full((2, 3), 7, "float32")
    assert opt.state_dict()["arrays"]["p/W"].tolist() == [[7] * 3] * 2
    opt.save(tmp_path / "s")
    opt.params["W"][...] = np.nan
    with pytest.raises(FloatingPointError, match=r"params\['W'\] has 6 NaN"):
        opt.check_finite()
    kept = old.copy()
    opt.load(tmp_path / "s")
    assert (opt.params["W"] == 7).all()
    assert same_bits(old, kept)


@pytest.mark.parametrize("now", [np.ones((5, 3), "f"), np.ones((2, 3))], ids=["shape", "type"])
def test_a_parameter_that_its_state_does_not_fit_is_not_saved(now: Any, tmp_path: Path) -> None:
    opt = adam(cast_to="float16")
    opt.save(tmp_path / "s")
    whole, saved = (tmp_path / "s").read_bytes(), opt.state_dict()
    opt.params["W"] = now
    for call in (
        opt.state_dict,
        opt.refresh,
        lambda: opt.save(tmp_path / "s"),
        lambda: opt.load_state_dict(saved, partial=True),
    ):
        with pytest.raises(ValueError, match=r"^params\['W'\] .*, but its state .* call opt\.sync\(\)"):
            call()
    assert (tmp_path / "s").read_bytes() == whole
    assert len(list(tmp_path.iterdir())) == 1
    sparse = fastopt.SGD([np.ones((4, 2), "f")], momentum=0.9)
    for row in (0, 1):
        sparse.step([fastopt.RowSparse(np.array([row]), np.ones((1, 2), "f"))])
    sparse.params[0] = np.ones((5, 2), "f")
    with pytest.raises(ValueError, match=r"call opt\.sync\(\)"):
        sparse.flush()


def test_the_file_has_the_mode_that_the_umask_gives_and_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    old = os.umask(0o027)
    try:
        adam().save(tmp_path / "link")
    finally:
        os.umask(old)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").stat().st_mode & 0o777 == 0o640


KILLED = """
import sys, numpy as np, fastopt
opt = fastopt.SGD({"W": np.zeros(3_000_000, "float32")}, momentum=0.9)
print("ready", flush=True)
for k in range(10_000):
    opt.params["W"][:] = k
    opt.save(sys.argv[1], user=k)
"""


@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=pytest.mark.long)])
def test_a_process_killed_at_any_moment_leaves_a_whole_file(kills: int, tmp_path: Path) -> None:
    generator = np.random.default_rng(kills)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    opt = fastopt.SGD({"W": np.zeros(3_000_000, "float32")}, momentum=0.9)
    seen = []
    for _ in range(kills):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "s")], env=environment, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            while not (tmp_path / "s").exists():
                time.sleep(0.01)
            time.sleep(float(generator.uniform(0, 0.2)))
            child.send_signal(signal.SIGKILL)
        seen.append(opt.load(tmp_path / "s").user)
        assert (opt.params["W"] == seen[-1]).all()
    assert len(seen) == kills


def test_load_report_prints_its_parts() -> None:
    report = fastopt.LoadReport((), ("m/W",), (), None)
    assert dataclasses.asdict(report)["unexpected"] == ("m/W",)
