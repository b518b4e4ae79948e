"""Row-sparse gradients: the bits of dense ones, only touched rows moved, and errors before anything is changed."""

import json
import sys
from pathlib import Path
from typing import Any

import cuda_shim
import numpy as np
import pytest
import scipy.sparse
from examples import DTYPES, arrays_for, same_bits

import fastopt
from fastopt import RowSparse, schedules
from fastopt.kernels import RULES, maximum, rule, where
from fastopt.kernels.program.stillness import ignores_zeros, stays
from fastopt.kernels.step import catch_up as catching
from fastopt.updater import behind

ROWS = 40
SOME = ("adam", "adagrad", "nadam", "sgd_hypergradient", "lamb", "rmsprop_centered_momentum")


def table(dtype: str = "float32", seed: int = 0) -> list[Any]:
    generator = np.random.default_rng(seed)
    return [generator.standard_normal((ROWS, 6)).astype(DTYPES[dtype]), np.ones(4, DTYPES[dtype])]


def gradients(step: int, dtype: str = "float32", width: tuple[int, ...] = (6,)) -> list[Any]:
    """A row-sparse one, with rows that come twice and in some steps with none, and a dense one."""
    generator = np.random.default_rng(1000 + step)
    count = generator.integers(0, 6)
    rows = generator.integers(0, ROWS if step % 3 else 3, count)
    values = generator.standard_normal((count, *width)).astype(DTYPES[dtype])
    return [RowSparse(rows, values), generator.standard_normal(4).astype(DTYPES[dtype])]


def arrays(opt: Any) -> list[Any]:
    """All that the optimizer holds."""
    every = [*opt.params, *(slot for slots in opt.state for slot in slots.values())]
    return every + [tree[k] for tree in (getattr(opt, "ema", None), getattr(opt, "cast", None)) if tree for k in (0, 1)]


def pair(rule: Any, dtype: str = "float32", **options: Any) -> tuple[Any, Any]:
    return tuple(fastopt.Optimizer(table(dtype), rule, **options) for _ in range(2))  # type: ignore[return-value]


def run_both(sparse: Any, dense: Any, steps: int, dtype: str = "float32") -> None:
    for step in range(steps):
        embedding, bias = gradients(step, dtype)
        sparse.step([embedding, bias.copy()])
        dense.step([embedding.dense((ROWS, 6)).astype(DTYPES[dtype]), bias.copy()])


def check_same(sparse: Any, dense: Any) -> None:
    assert sparse.t == dense.t
    for one, other in zip(arrays(sparse), arrays(dense), strict=True):
        assert same_bits(one, other)


def check_exact(name: str, dtype: str) -> None:
    sparse, dense = pair(name, dtype)
    run_both(sparse, dense, 20, dtype)
    sparse.flush()
    rule = RULES[name]
    if dtype == "float64" and rule.program(rule.hyper).reductions:
        # The rows add up in the order in which they are touched, a dense gradient in that of the array.
        for one, other in zip(arrays(sparse), arrays(dense), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
        return
    check_same(sparse, dense)
    assert sparse.uniform_states == dense.uniform_states


@pytest.mark.parametrize("name", SOME)
def test_exact_rows_have_the_bits_of_dense_gradients(name: str) -> None:
    check_exact(name, "float32")


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_the_bits_of_dense_gradients(name: str, dtype: str) -> None:
    check_exact(name, dtype)


OPTIONS: dict[str, dict[str, Any]] = {
    "l2": {"weight_decay": 0.1},
    "decoupled": {"weight_decay": 0.1, "decay": "decoupled"},
    "averages and copies": {"ema": 0.9, "cast_to": "bfloat16"},
    "maximize": {"maximize": True, "clip_value": 0.5, "grad_scale": 2.0},
    "array norm": {"clip_array_norm": 0.5, "skip_nonfinite": True},
    "groups": {"groups": {"0": {"lr": 0.05}}},
    "norms of the parameter": {"clip_ratio": 0.05},
    "lookahead": {"lookahead": 4},
}


@pytest.mark.parametrize("case", OPTIONS)
def test_every_option_works_with_rows(case: str) -> None:
    sparse, dense = pair("adam", **OPTIONS[case])
    run_both(sparse, dense, 15)
    sparse.flush()
    check_same(sparse, dense)


def test_missed_steps_have_the_rates_of_their_time() -> None:
    def rate(t: int) -> float:
        return 0.1 / t

    sparse, dense = pair("momentum", lr=rate)
    run_both(sparse, dense, 9)
    for opt in (sparse, dense):
        opt.lr = schedules.cosine(0.3, steps=20)
    run_both(sparse, dense, 9)
    sparse.flush()
    check_same(sparse, dense)


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-6), ("float64", 1e-12)])
def test_a_global_clip_agrees_to_the_order_of_a_sum(dtype: str, bound: float) -> None:
    """The norm adds up the rows in the order in which they are touched, a dense one in the order of the array."""
    sparse, dense = pair("adamw", dtype, clip_norm=0.5)
    run_both(sparse, dense, 20, dtype)
    sparse.flush()
    for one, other in zip(arrays(sparse), arrays(dense), strict=True):
        np.testing.assert_allclose(one, other, rtol=bound, atol=bound)


@pytest.mark.parametrize("mode", ["lazy", "exact"])
def test_rows_are_updated_as_arrays_of_their_own_and_the_others_stay(mode: str) -> None:
    """The first step, in which nothing is behind; what is not touched is NaN and would spoil whatever read it."""
    (params, bias), rows = table(), np.array([7, 3, 39])
    untouched = np.setdiff1d(np.arange(ROWS), rows)
    params[untouched] = np.nan
    values = np.random.default_rng(5).standard_normal((3, 6)).astype("float32")
    before = params.copy()
    opt = fastopt.AdamW([params, bias], lr=0.1, clip_norm=100.0, sparse=mode)
    opt.step([RowSparse(rows, values), np.zeros(4, "float32")])
    zeros = np.zeros((3, 6), "float32")
    expected = RULES["adamw"].reference(before[rows], values, zeros, zeros, t=1, lr=0.1)
    assert same_bits(params[rows], expected[0])
    assert same_bits(params[untouched], before[untouched])
    for slot, new in zip(("m", "v"), expected[1:], strict=True):
        assert same_bits(opt.state[0][slot][rows], new)
        assert not opt.state[0][slot][untouched].any()


def test_lazy_rows_do_not_move_until_they_are_touched() -> None:
    params = table()
    opt = fastopt.Adam(params, lr=0.1, sparse="lazy")
    opt.step([RowSparse([2], np.ones((1, 6), "float32")), None])
    after = params[0].copy()
    opt.step([RowSparse([5], np.ones((1, 6), "float32")), None])
    opt.flush()
    assert same_bits(np.delete(params[0], 5, 0), np.delete(after, 5, 0))


def test_what_is_read_and_written_follows_the_rows() -> None:
    opt = fastopt.Adam([np.zeros((1000, 8), "float32")])
    opt.step([RowSparse([5, 900, 6, 5], np.ones((4, 8), "float32"))])
    (plan,) = opt._updater.sections[0].plans.kept.values()
    assert [int(b.table[:, 4].sum()) for b in plan._runs[-1].every] == [3 * 8]


def test_neighbours_that_have_missed_different_steps_are_kept_apart() -> None:
    sparse, dense = (fastopt.Adam([table()[0]]) for _ in range(2))
    for step in range(12):
        rows = RowSparse([step], np.full((1, 6), 1.0 + step, "float32"))
        sparse.step([rows])
        dense.step([rows.dense((ROWS, 6))])
    sparse.flush()
    check_same(sparse, dense)


def test_what_stays_is_not_guessed() -> None:
    @rule
    def at_least_the_gradient(p, g):  # type: ignore[no-untyped-def]
        return maximum(p, g)

    @rule
    def decayed_in_part(p, g, m, *, rate=0.1):  # type: ignore[no-untyped-def]
        return where(g > 0, p, p - rate * m), m

    @rule
    def moved_by_zero(p, g, m):  # type: ignore[no-untyped-def]
        return p - m * g / (m + 1), m + g

    for each, expected in ((at_least_the_gradient, False), (decayed_in_part, False), (moved_by_zero, True)):
        assert stays(each.program(each.hyper), ["g"]) is expected


@pytest.mark.parametrize("name", RULES)
def test_what_stays_under_a_zero_gradient_is_read_off_the_formula(name: str) -> None:
    rule = RULES[name]
    program = rule.program(rule.hyper)
    p, g, *slots = arrays_for(rule, 30, "float64")
    # A number that is 0 by default, such as a decay, would hide what the formula does with it.
    hyper = {k: 0.5 if v == 0 and v is not False else v for k, v in rule.hyper.items() if k not in rule.starts_from}
    # Late, since in their first steps some rules hold all weights.
    steps = rule.step_numbers(30, 0.5)

    def unchanged(state: list[Any]) -> bool:
        new = rule.reference(p, np.zeros_like(g), *state, **steps, **hyper)
        return all(same_bits(one, other) for one, other in zip((p, *state), new, strict=False))

    # Of what hangs on a power, or on a norm of more than the gradient, not all that stays is read off.
    readable = rule.exact and ignores_zeros(program)

    def check(zero: list[str], state: list[Any]) -> None:
        read_off, true = stays(program, [rule.arrays[1], *zero]), unchanged(state)
        assert read_off == true if readable else true or not read_off

    check([], slots)
    zero = [slot for slot in rule.slots if rule.start[slot] == 0.0]
    check(zero, [np.zeros_like(s) if slot in zero else s for slot, s in zip(rule.slots, slots, strict=True)])


@pytest.mark.parametrize("storage", ["float16", "bfloat16"])
def test_rows_of_16_bit_types_are_added_up_in_float32(storage: str) -> None:
    values = np.array([[1.0], [2.0**-9], [2.0**-9]], DTYPES[storage])
    params = [np.zeros((3, 1), DTYPES[storage])]
    opt = fastopt.SGD(params, lr=1.0)
    opt.step([RowSparse([1, 1, 1], values)])
    assert same_bits(params[0][1], np.array([-1.0 - 2.0**-8], "float32").astype(DTYPES[storage]))


def test_rows_that_come_twice_are_added_up_in_their_order() -> None:
    values = np.array([[1e8], [1.0], [-1e8], [1.0]], "float32")
    params = [np.zeros((3, 1), "float32")]
    fastopt.SGD(params, lr=1.0).step([RowSparse([2, 2, 2, 0], values)])
    assert params[0].ravel().tolist() == [-1.0, 0.0, 0.0]


LAYOUTS: dict[str, Any] = {
    "Fortran": lambda a: np.asfortranarray(a),
    "columns": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "rows": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: np.array(a[::-1])[::-1],
    "vector": lambda a: a[:, 0].copy(),
    "cube": lambda a: a.reshape(ROWS, 2, 3).copy(),
    "turned cube": lambda a: a.reshape(ROWS, 2, 3).transpose(0, 2, 1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout(layout: str) -> None:
    params, twins = ([LAYOUTS[layout](table()[0])] for _ in range(2))
    shape = params[0].shape
    sparse, dense = (fastopt.Adam(each, weight_decay=0.01) for each in (params, twins))
    for step in range(8):
        gradient = gradients(step, width=shape[1:])[0]
        if step == 4:  # values that are no dense block either
            wide = np.repeat(gradient.values, 2, axis=0)
            gradient = RowSparse(gradient.rows, wide[::2])
        sparse.step([gradient])
        dense.step([gradient.dense(shape)])
    sparse.flush()
    assert same_bits(params[0], twins[0])


def test_dense_and_missing_gradients_in_between() -> None:
    sparse, dense = pair("adam")
    for step in range(12):
        embedding, bias = gradients(step)
        whole = embedding.dense((ROWS, 6))
        given: Any = [embedding, embedding, whole, None, embedding, whole][step % 6]
        sparse.step([given, bias])
        dense.step([None if given is None else whole, bias])
    sparse.flush()
    check_same(sparse, dense)


class Stop(Exception):
    pass


# What runs between the first look at a step with rows and its end.
FILES = tuple(
    f"{name}.py" for name in ("optimizer", "plans", "journal", "sparse", "catch_up", "rows", "table", "plan", "tasks")
)


def test_an_interrupt_leaves_rows_from_before_or_after_the_step() -> None:
    """An exception at each line of Python in turn, as a signal's handler may raise one, while rows catch up."""

    def after(steps: int) -> Any:
        opt = fastopt.Adam(table(), weight_decay=0.01)
        for step in range(steps):
            opt.step(gradients(step))
        return opt

    def prints(opt: Any) -> Any:
        state = opt.state_dict()
        return state["steps"], {name: array.tobytes() for name, array in state["arrays"].items()}

    every = RowSparse(np.arange(ROWS), np.ones((ROWS, 6), "float32"))
    whole = after(7)
    whole.step([every, np.ones(4, "float32")])
    before, done = prints(after(7)), prints(whole)
    at, found = 0, [0, 0]
    while True:
        opt, at, count = after(7), at + 1, 0

        def trace(frame: Any, event: str, _: Any, at: int = at) -> Any:
            nonlocal count
            if not frame.f_code.co_filename.endswith(FILES):
                return None
            if event in ("line", "return"):
                count += 1
                if count == at:
                    raise Stop
            return trace

        given, kept = [every, np.ones(4, "float32")], sys.gettrace()
        sys.settrace(trace)
        try:
            opt.step(given)
        except Stop:
            pass
        finally:
            sys.settrace(kept)
        now = prints(opt)
        assert now in (before, done), f"half done when interrupted at line {at}"
        found[now == done] += 1
        if count < at:
            break
    assert found[0] > 100
    assert found[1] > 5


def test_a_bad_dense_gradient_finds_rows_that_are_behind_as_they_are() -> None:
    params = table()
    opt = fastopt.Adam(params)
    for step in (1, 2, 4):
        opt.step(gradients(step))
    assert opt._updater.sections[0].rows_behind.by_parameter
    before = [a.copy() for a in arrays(opt)]
    with pytest.raises(ValueError, match=r"grads\[0\] has shape"):
        opt.step([np.ones((ROWS, 5), "float32"), np.ones(4, "float32")])
    assert all(map(same_bits, arrays(opt), before))


def test_a_step_with_rows_can_be_watched(tmp_path: Path) -> None:
    opt = fastopt.SGD(table(), lr=0.5)
    with opt.watch(tmp_path / "run.jsonl", every=1):
        opt.step([RowSparse([3, 3, 7], np.ones((3, 6), "float32")), np.ones(4, "float32")])
    seen = json.loads((tmp_path / "run.jsonl").read_text().splitlines()[1])["arrays"]["0"]
    assert seen["zeros"] == pytest.approx(38 / 40)
    assert seen["grad_norm"] == pytest.approx(np.sqrt(6 * (4 + 1)))
    assert seen["rate"][2] == pytest.approx(0.5)


def test_nothing_changes_when_the_last_row_is_not_finite() -> None:
    params = table()
    opt = fastopt.Adam(params, skip_nonfinite=True, zero_grads=True)
    opt.step(gradients(1))
    before = [a.copy() for a in arrays(opt)]
    values = np.ones((2, 6), "float32")
    values[1, 5] = np.inf
    opt.step([RowSparse([1, 4], values), np.ones(4, "float32")])
    assert (opt.skipped, opt.t) == (1, 1)
    assert all(map(same_bits, arrays(opt), before))
    assert not values.any()


def test_gradients_are_zeroed_where_rows_come_twice_too() -> None:
    opt = fastopt.SGD(table(), zero_grads=True)
    for rows in ([1, 2], [1, 1]):
        values = np.ones((2, 6), "float32")
        opt.step([RowSparse(rows, values), None])
        assert not values.any()


def test_gradients_that_are_zeroed_may_not_share_memory() -> None:
    """The second would be read after it was set to zero."""
    tables, whole = [np.zeros((4, 3), "float32") for _ in range(2)], np.ones((4, 3), "float32")
    values = whole[:2]
    opt = fastopt.SGD(tables, lr=1.0, zero_grads=True)
    for other, name in ((RowSparse([0, 1], values), r"grads\[1\]\.values"), (whole, r"grads\[1\]")):
        with pytest.raises(ValueError, match=rf"{name} shares memory with grads\[0\]\.values"):
            opt.step([RowSparse([0, 1], values), other])
    assert not any(table.any() for table in tables)
    opt.step([RowSparse([0, 1], values), RowSparse([0, 1], values.copy())])
    assert [table.sum() for table in tables] == [-6, -6]
    assert not values.any()


def test_gradients_that_are_made_dense_are_zeroed_too() -> None:
    table, values = np.ones((4, 3), "float32"), np.ones((2, 3), "float32")
    opt = fastopt.LAMB([table], zero_grads=True, skip_nonfinite=True)
    opt.step([RowSparse([0, 1], values)])
    assert not values.any()
    values[...] = np.inf
    opt.step([RowSparse([0, 1], values)])
    assert (opt.t, opt.skipped, values.any()) == (1, 1, False)
    values.flags.writeable = False
    with pytest.raises(ValueError, match=r"grads\[0\]\.values is read-only, and zero_grads would set it"):
        opt.step([RowSparse([0, 1], values)])


def test_saved_in_the_middle_and_resumed(tmp_path: Path) -> None:
    opt, dense = pair("nadam", lr=schedules.cosine(0.1, steps=30))
    for step in range(7):
        opt.step(gradients(step))
    opt.save(tmp_path / "half")
    resumed = fastopt.Optimizer(table(seed=3), "nadam", lr=schedules.cosine(0.1, steps=30))
    resumed.load(tmp_path / "half")
    for step in range(7, 14):
        opt.step(gradients(step))
        resumed.step(gradients(step))
    for each in (opt, resumed):
        each.flush()
    check_same(resumed, opt)
    run_both(fastopt.SGD(table()), dense, 14)
    check_same(opt, dense)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching, "LONGEST", 4)
    monkeypatch.setattr(behind, "LONGEST", 4)
    sparse, dense = pair("adamw")
    for step in range(15):
        run_both(sparse, dense, 1)
        assert sparse._updater.sections[0].rows_behind.by_parameter[0].steps <= 4, step
    sparse.flush()
    check_same(sparse, dense)
    assert not sparse._updater.sections[0].rows_behind.by_parameter


@pytest.mark.parametrize("kind", ["csr", "coo", "csc"])
def test_sparse_matrices_are_rows(kind: str) -> None:
    sparse, dense = (fastopt.Adagrad([table()[0]]) for _ in range(2))
    entries = np.array([1.0, 2.0, 0.5, 4.0], "float32")
    matrix = scipy.sparse.coo_matrix((entries, ([3, 3, 9, 3], [0, 5, 2, 0])), shape=(ROWS, 6)).asformat(kind)
    sparse.step([matrix])
    dense.step([matrix.toarray()])
    check_one = [*sparse.params, sparse.state[0]["h"]], [*dense.params, dense.state[0]["h"]]
    assert all(map(same_bits, *check_one))


def test_threads_do_not_change_the_bits() -> None:
    params = [[np.zeros((3000, 64), "float32")] for _ in range(2)]
    values = np.random.default_rng(1).standard_normal((2500, 64)).astype("float32")
    rows = np.random.default_rng(2).permutation(3000)[:2500]
    many, one = (fastopt.Adam(each) for each in params)
    many.step([RowSparse(rows, values)])
    for part in np.array_split(np.arange(2500), 7):
        lazy = fastopt.Adam([params[1][0]], sparse="lazy")
        lazy.step([RowSparse(rows[part], values[part])])
    assert same_bits(params[0][0], params[1][0])
    assert one.t == 0


def test_on_a_gpus_kernels_rows_have_the_same_bits(tmp_path: Path) -> None:
    if cuda_shim.compiler() is None:
        pytest.skip("there is no C++ compiler")
    _, dense = pair("adam", weight_decay=0.01)
    for step in range(4):
        dense.step([gradients(step)[0].dense((ROWS, 6)), gradients(step)[1]])
    with cuda_shim.simulated(cuda_shim.Shim()):
        sparse, _ = pair("adam", weight_decay=0.01)
        for step in range(4):
            sparse.step(gradients(step))
        sparse.flush()
    check_same(sparse, dense)


ONES = np.ones((2, 6), "float32")


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: RowSparse([0, 40], ONES), IndexError, r"grads\[0\] has row 40 at position 1; there are rows 0 to 39"),
        (lambda: RowSparse([-1, 0], ONES), IndexError, r"row -1 at position 0"),
        (lambda: RowSparse(np.array([2**63, 0], "uint64"), ONES), IndexError, "row -9223372036854775808"),
        (lambda: RowSparse(np.ones(2, bool), ONES), TypeError, "got an array of truth values: pass numpy.flatnonzero"),
        (lambda: RowSparse([0.0, 1.0], ONES), TypeError, "rows must be integers; got an array of float64"),
        (lambda: RowSparse([True, False], ONES), TypeError, "integers"),
        (lambda: RowSparse([[0, 1]], ONES), ValueError, "one dimension"),
        (
            lambda: RowSparse([0, 1, 2], ONES),
            ValueError,
            r"values must have 3 rows, one for each number in rows; got shape \(2, 6\)",
        ),
        (lambda: RowSparse([0, 1], ONES[:, :5]), ValueError, r"values of shape \(2, 5\), but each row .* \(6,\)"),
        (lambda: RowSparse([0, 1], ONES.astype("float64")), TypeError, "float64 does not mix"),
        (lambda: RowSparse([0, 1], ONES.astype("int32")), TypeError, "int32"),
        (lambda: RowSparse([0, 1], 3.0), TypeError, "got an ndarray and a float"),
        (lambda: scipy.sparse.csr_matrix((41, 6), dtype="float32"), ValueError, r"shape \(41, 6\)"),
        (lambda: scipy.sparse.csr_matrix((ROWS, 6), dtype="int32"), TypeError, "int32"),
    ],
)
def test_bad_rows_are_named_and_nothing_is_changed(make: Any, kind: type[Exception], message: str) -> None:
    params = table()
    opt = fastopt.Adam(params)
    opt.step(gradients(1))
    opt.step(gradients(2))
    before = [a.copy() for a in arrays(opt)]
    with pytest.raises(kind, match=message):
        opt.step([make(), np.ones(4, "float32")])
    assert opt.t == 2
    assert all(map(same_bits, arrays(opt), before))


def test_values_may_not_be_what_the_step_writes() -> None:
    params = table()
    opt = fastopt.Adam(params)
    with pytest.raises(ValueError, match="shares memory"):
        opt.step([RowSparse([0, 1], params[0][2:4]), None])


def test_modes_are_named() -> None:
    with pytest.raises(ValueError, match="sparse must be 'exact' or 'lazy'; got 'dense'"):
        fastopt.Adam(table(), sparse="dense")
    with pytest.raises(ValueError, match="ema is of every row"):
        fastopt.Adam(table(), sparse="lazy", ema=0.9)
    with pytest.raises(ValueError, match="without rows"):
        fastopt.Adam([np.array(1.0)]).step([RowSparse([0], np.ones(1))])


@pytest.mark.parametrize("mode", ["exact", "lazy"])
def test_row_numbers_may_be_read_only_or_unaligned(mode: str) -> None:
    plain = np.array([5, 2, 5])
    read_only = np.frombuffer(plain.tobytes(), np.int64)
    room = bytearray(8 * 3 + 1)
    unaligned = np.frombuffer(memoryview(room)[1:], np.int64)
    unaligned[:] = plain
    assert not read_only.flags.writeable
    assert not unaligned.flags.aligned
    found = []
    for rows in (plain, read_only, unaligned):
        p = np.ones((6, 2), "float32")
        fastopt.Adam(p, sparse=mode).step(fastopt.RowSparse(rows, np.ones((3, 2), "float32")))
        found.append(p)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_a_parameter_without_rows_may_have_none_touched() -> None:
    p = np.zeros((0, 3), "float32")
    opt = fastopt.Adam({"table": p, "other": np.ones(2)}, lr=0.5)
    opt.step({"table": fastopt.RowSparse(np.zeros(0, int), np.zeros((0, 3), "float32")), "other": np.ones(2)})
    assert opt.t == 1
