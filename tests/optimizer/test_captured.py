"""Steps that a GPU takes by itself, ordinary ones and replays of captured ones, have the bits of the CPU's.

On a machine without a GPU they run in the CuPy that is made of NumPy and a C++ compiler; with one, on CuPy too.
"""

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import cuda_shim
import numpy as np
import pytest
from examples import DTYPES, INEXACT, ROOT, others_in_ci
from plain_model import PlainModel
from replays import Simulated, assert_equal, bits, captured, capturing, carries, halved_by_norm
from replays import on as on
from replays import shim as shim

import fastopt
from fastopt import schedules
from fastopt.kernels import RULES, Rule, norm, rule, where
from fastopt.kernels.cuda import compiler as cupy_kernels

SIZES = (5, 129, 0, 70_001)
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "the tail": {
        **{
            "grad_scale": 0.5,
            "clip_norm": 3.0,
            "ema": schedules.interpolate([0.5, 0.9], boundaries=[6]),
            "zero_grads": True,
            "cast_to": "bfloat16",
        },
        **{"weight_decay": 0.1, "decay": "decoupled"},
    },
    "skipping": {"clip_array_norm": 0.7, "skip_nonfinite": True},
}


@pytest.fixture(scope="module")
def every_kernel(shim: cuda_shim.Shim, request: pytest.FixtureRequest) -> None:
    """The kernels of all rules that are tested, in one text, to be compiled at once: compilers are slow to start."""
    own = [item for item in request.session.items if getattr(item, "module", None) is request.module]
    run = {item.callspec.params.get("name") for item in own if hasattr(item, "callspec")}
    with cuda_shim.simulated(shim):
        shim.recording = True
        for tested in [*(RULES[name] for name in CAPTURED if name in run), halved_by_norm, carries]:
            for options in usable(tested).values():
                opt = fastopt.Optimizer(arrays("float32", 0, across(tested))[0], tested, **options)
                opt.captured(opt.grads)()
        shim.recording = False


def usable(tested: Rule) -> dict[str, dict[str, Any]]:
    """The options that have an effect with a rule."""
    if tested.name in ("halved_by_norm", "carries"):
        return {"plain": {}, "skipping": {"skip_nonfinite": True}}
    # Compilers are slow: all options for some rules, the fullest for each.
    every = tested.name in ("sgd", "nadam", "lamb", "adam_hypergradient")
    found = {name: dict(options) for name, options in OPTIONS.items() if every or name == "the tail"}
    if "weight_decay" in tested.hyper:
        found["the tail"].pop("decay")
    if "lr" not in tested.hyper:
        found["the tail"]["decay"] = "l2"
    if tested.average:
        found["the tail"].pop("ema")
    if "over" in tested.hyper and not across(tested):
        # The model in plain NumPy goes array by array.
        found = {name: {**options, "over": "array"} for name, options in found.items()}
    return found


# For these one array lies across its memory, which takes kernels of its own, and the CPU's kernels are compared with;
# for others it is plain NumPy, for which nothing has to be compiled.
SOME = (*list(RULES)[::4], *INEXACT, *[name for name, tested in RULES.items() if "over" in tested.hyper][::3])
# A loss of each step cannot be captured.
CAPTURED = [name for name, tested in RULES.items() if not tested.takes_loss]


def across(tested: Rule) -> bool:
    return tested.name in SOME or tested.name not in RULES


def arrays(storage: str, seed: int, across: bool = True) -> tuple[list[Any], list[Any]]:
    """Parameters and gradients of several sizes; one of each lies across its memory, or is dense like the others."""
    generator = np.random.default_rng(seed)
    drawn = [[generator.standard_normal(size).astype(DTYPES[storage]) for size in SIZES] for _ in range(2)]
    for several in drawn:
        last = generator.standard_normal((6, 8)).astype(DTYPES[storage])
        several.append(last[:, ::2] if across else last)
    return drawn[0], drawn[1]


class InNumPy(PlainModel):
    """Steps in plain NumPy, under the names that an Optimizer has for what came of them."""

    @property
    def uniform_states(self) -> Any:
        return self.states

    @property
    def _updater(self) -> "InNumPy":
        return self

    def named(self) -> Iterator[tuple[str, Any]]:
        averages = self.ema if "ema" in self.options else []
        for k, p in enumerate(self.params):
            arrays = [p, *self.slots[k], *averages[k : k + 1], *self.cast[k : k + 1]]
            yield from (("", value) for value in (*arrays, *self.states[k].values()))


def both(
    tested: Rule, on: Any, options: dict[str, Any], in_numpy: bool = False, storage: str = "float32"
) -> tuple[Any, Any, Any, Any]:
    """An optimizer there and one on the CPU, or its steps in plain NumPy, and the gradients of each."""
    parameters, gradients = arrays(storage, 1, across(tested))
    opt = fastopt.Optimizer([on.array(p) for p in parameters], tested, **options)
    expected: Any
    if in_numpy:
        expected = InNumPy(tested, [p.copy() for p in parameters], options)
    else:
        with on.on_the_cpu():
            expected = fastopt.Optimizer([p.copy() for p in parameters], tested, **options)
    return opt, expected, [on.array(g) for g in gradients], gradients


def draw(gradients: list[Any], mine: list[Any], seed: int, on: Any) -> None:
    """New gradients in place, the same for both."""
    generator = np.random.default_rng(seed)
    for array, own in zip(gradients, mine, strict=True):
        array[...] = generator.standard_normal(array.shape)
        own[...] = on.array(array)


@pytest.mark.parametrize("name", [*others_in_ci(CAPTURED), "carries"])
def test_replays_have_the_bits_of_ordinary_steps(name: str, on: Any, request: pytest.FixtureRequest) -> None:
    if isinstance(on, Simulated):
        request.getfixturevalue("every_kernel")
    tested = RULES.get(name, carries)
    for options in usable(tested).values():
        if "lr" in tested.hyper and "lr" not in tested.starts_from:
            options["lr"] = schedules.linear(0.05, end=0.01, steps=7)
        opt, expected, mine, gradients = both(tested, on, options, in_numpy=not across(tested))
        step = opt.captured(mine, steps=12)
        replay = captured(step)
        assert opt.t == 0  # Nothing has run yet.
        for k in range(9):
            draw(gradients, mine, k, on)
            if k == 4 and "skip_nonfinite" in options:
                gradients[-1][-1, -1] = np.nan
                mine[-1][...] = on.array(gradients[-1])
            replay()
            with on.on_the_cpu():
                expected.step(gradients)
        assert step.left == 12 - opt.t
        assert_equal(opt, expected, on, name not in INEXACT)
        step.close()
        draw(gradients, mine, 99, on)
        opt.step(mine)
        with on.on_the_cpu():
            expected.step(gradients)
        assert_equal(opt, expected, on, name not in INEXACT)


def model(on: Any, tested: Any = "adamw", **options: Any) -> tuple[Any, list[Any], list[Any]]:
    """An optimizer there, its gradients, and the same as NumPy arrays."""
    opt, _, mine, gradients = both(RULES.get(tested, tested), on, options)
    return opt, mine, gradients


@pytest.mark.parametrize("name", ["adamw", "lamb", "in_the_model"])
def test_ordinary_steps_wait_for_no_norm(name: str, on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"clip_norm": 2.0} if name == "in_the_model" else {"clip_array_norm": 0.5}
    opt, expected, mine, gradients = both(RULES.get(name, RULES["adamw"]), on, options)
    for k in range(5):
        draw(gradients, mine, k, on)
        with monkeypatch.context() as patch:
            patch.setattr(cupy_kernels.cupy(), "asnumpy", None)
            opt.step(mine)
        with on.on_the_cpu():
            expected.step(gradients)
        if "clip_norm" in options:
            # Asking for it waits.
            assert opt.grad_norm == expected.grad_norm > 0
    assert_equal(opt, expected, on)


@pytest.mark.ci
def test_gradients_are_added_up_without_waiting(on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opt, expected, mine, gradients = both(RULES["sgd"], on, {"accumulate": "mean", "clip_norm": 2.0})
    for k in range(3):
        for part in range(k + 1):
            draw(gradients, mine, 10 * k + part, on)
            with monkeypatch.context() as patch:
                patch.setattr(cupy_kernels.cupy(), "asnumpy", None)
                opt.accumulate(mine)
            with on.on_the_cpu():
                expected.accumulate(gradients)
        with monkeypatch.context() as patch:
            patch.setattr(cupy_kernels.cupy(), "asnumpy", None)
            opt.step()
        with on.on_the_cpu():
            expected.step()
        assert opt.grad_norm == expected.grad_norm
    assert_equal(opt, expected, on)
    with pytest.raises(ValueError, match="make the optimizer without accumulate"):
        opt.captured(mine)


@pytest.mark.parametrize("count", ["parameter", "optimizer"])
def test_groups_and_parameters_without_gradients_count_for_themselves(count: str, on: Any) -> None:
    """A product of momenta that all share goes on without a gradient."""
    options = {"groups": {"1": {"lr": 0.5}, "3": {"lr": lambda t: 0.1 / t}}, "clip_norm": 1.0, "count": count}
    opt, expected, mine, gradients = both(RULES["nadam"], on, options)
    opt.step(mine)
    with on.on_the_cpu():
        expected.step(gradients)
    mine[1] = gradients[1] = None
    replay = captured(opt.captured(mine, steps=4))
    for k in range(4):
        draw(gradients[2:], mine[2:], k, on)
        replay()
        with on.on_the_cpu():
            expected.step(gradients)
        if k % 2:
            assert opt.numbers("3", last=True) == expected.numbers("3", last=True)
            assert opt.grad_norm == expected.grad_norm
    assert_equal(opt, expected, on)
    opt._updater.captured.close()
    assert (opt.numbers(last=True), opt.grad_norm) == (expected.numbers(last=True), expected.grad_norm)
    mine[1], gradients[1] = on.array(np.ones(SIZES[1], "float32")), np.ones(SIZES[1], "float32")
    opt.step(mine)
    with on.on_the_cpu():
        expected.step(gradients)
    assert_equal(opt, expected, on)


def test_parameters_on_another_device_begin_anew(on: Any) -> None:
    with on.on_the_cpu():
        opt = fastopt.SGD([np.zeros(3, "float32")], lr=1.0, momentum=0.9, cast_to="float16")
        opt.step([np.ones(3, "float32")])
    report = opt.sync([on.array(np.zeros(3, "float32"))])
    assert (report.kept, report.begun) == ((), ("0",))
    opt.step([on.array(np.ones(3, "float32"))])
    assert on.host(opt.params[0]).tolist() == [-1, -1, -1]


def test_past_the_end_nothing_is_written_until_it_is_refilled(on: Any) -> None:
    opt, expected, mine, gradients = both(RULES["adamw"], on, {"clip_norm": 1.0, "zero_grads": True})
    step = opt.captured(mine, steps=3)
    replay = captured(step)
    for _ in range(3):
        draw(gradients, mine, 0, on)
        replay()
        with on.on_the_cpu():
            expected.step(gradients)
    draw(gradients, mine, 1, on)
    before = bits(opt, on), [on.host(g).tobytes() for g in mine]
    for _ in range(3):
        replay()
    with pytest.raises(RuntimeError, match=r"of its 3 captured steps 3 were applied and 0 skipped; then there were no"):
        _ = opt.skipped
    assert (bits(opt, on), [on.host(g).tobytes() for g in mine]) == before
    assert opt.t == 3  # It is said once.
    opt.lr, expected.lr = 0.25, 0.25
    step.refill()
    replay()
    with on.on_the_cpu():
        expected.step(gradients)
    assert_equal(opt, expected, on)
    assert step.left == 2


def test_many_replays_have_the_bits_of_as_many_steps(on: Any) -> None:
    steps = 100 if isinstance(on, Simulated) else 1000
    options = {"lr": schedules.cosine(0.01, steps=steps, warmup=steps // 10), "clip_norm": 0.5, "ema": 0.99}
    opt = fastopt.AdamW([on.array(np.ones(64, "float32")) for _ in range(3)], **options)
    with on.on_the_cpu():
        expected = fastopt.AdamW([np.ones(64, "float32") for _ in range(3)], **options)
    gradients = [np.random.default_rng(k).standard_normal(64).astype("float32") for k in range(3)]
    with opt.captured([on.array(g) for g in gradients], steps=steps) as step:
        replay = captured(step)
        for _ in range(steps):
            replay()
    with on.on_the_cpu():
        for _ in range(steps):
            expected.step(gradients)
    assert_equal(opt, expected, on)


def test_what_the_readme_says_of_graphs_runs(on: Any, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if "cupy" in block]
    opt, mine, _ = model(on)
    names = {
        "opt": opt,
        "grads": mine,
        "params": opt.params,
        "cupy": cupy_kernels.cupy(),
        "backward": lambda *_: None,
    }
    exec(block.replace("10_000", "5"), names)
    assert capsys.readouterr().out == "5 0\n"


def test_what_was_replayed_is_in_what_is_saved(on: Any) -> None:
    opt, mine, _ = model(on)
    replay = captured(opt.captured(mine, steps=4))
    replay()
    replay()
    other = fastopt.AdamW([on.array(array) for array in opt.params])
    other.load_state_dict(opt.state_dict())
    assert other.t == 2
    assert bits(other, on) == bits(opt, on)


@rule
def halved_where(p, g, *, lr=0.1):
    """In Python both sides of `where` are computed, so that the division is not guarded."""
    return p - where(norm(g) > 0, lr / norm(g), 0.0) * g


@pytest.mark.parametrize("tested", [halved_by_norm, halved_where], ids=str)
def test_a_division_by_a_norm_of_zero_stops_it_and_is_said(tested: Rule, on: Any) -> None:
    opt, mine, _ = model(on, tested)
    mine[0][...] = 0
    before = bits(opt, on)
    with on.on_the_cpu(), pytest.raises(ValueError, match="division by zero"):
        fastopt.Optimizer(np.ones(3), tested).step(np.zeros(3))
    opt.step(mine)  # The host does not wait, and hears of it later.
    opt.params[0].sum()
    on.host(opt.params[0])
    with pytest.raises(ZeroDivisionError, match="a number that follows from a norm is divided by zero"):
        opt.step(mine)
    assert bits(opt, on) == before
    mine[0][...] = 1
    mine[2] = None  # That without elements has no norm either.
    opt.step(mine)
    assert bits(opt, on) != before
    replayed, mine, _ = model(on, tested)
    mine[0][...] = 0
    replay = captured(replayed.captured(mine, steps=2))
    replay()
    mine[0][...] = 1
    replay()
    with pytest.raises(RuntimeError, match="then a number that follows from a norm is divided by zero, and replays"):
        _ = replayed.t
    assert bits(replayed, on) == before


def test_what_stopped_a_step_is_noticed_by_one_on_other_arrays(on: Any) -> None:
    opt, mine, _ = model(on, halved_by_norm)
    opt.step(mine)  # The norm of no elements is zero.
    on.host(opt.params[0])
    mine[4] = on.array(np.ones((6, 4), "float32", "F"))  # It lies otherwise, so all is bound anew.
    with pytest.raises(ZeroDivisionError, match="a number that follows from a norm is divided by zero"):
        opt.step(mine)


def test_an_ordinary_step_cannot_be_captured(on: Any) -> None:
    for options in ({}, {"clip_norm": 1.0}):
        opt, mine, _ = model(on, **options)
        opt.step(mine)
        with capturing(), pytest.raises(RuntimeError, match=r"make the step before with captured\(\)"):
            opt.step(mine)
        assert opt.t == 1


def test_what_cannot_be_captured_is_said_before_anything_is_changed(on: Any) -> None:
    opt, mine, _ = model(on)
    for steps in (0, -1, True, 2.0):
        with pytest.raises(ValueError, match="steps must be a whole number, 1 or more"):
            opt.captured(mine, steps=steps)
    with pytest.raises(ValueError, match="grads has no arrays"):
        opt.captured([None] * len(mine))
    with pytest.raises(ValueError, match=r"grads\[0\] has shape"):
        opt.captured([mine[1], *mine[1:]])
    rows = fastopt.RowSparse(np.array([0]), on.array(np.ones((1, 4), "float32")))
    with pytest.raises(TypeError, match=r"grads\[4\] is row-sparse; a captured step needs dense gradients"):
        opt.captured([*mine[:4], rows])
    scaled, mine, _ = model(on, grad_scale=1.0, skip_nonfinite=True)
    scaled.loss_scaler = fastopt.LossScaler()  # One for each optimizer; the model makes two.
    with pytest.raises(ValueError, match="no loss_scaler, which looks at each step"):
        scaled.captured(mine)
    watched, mine, _ = model(on, lr=0.1 * fastopt.ReduceOnPlateau())
    with pytest.raises(ValueError, match="ReduceOnPlateau changes with what the host sees"):
        watched.captured(mine)
    for one in (opt, scaled, watched):
        one.step(mine)


def test_a_schedule_that_fails_fails_before_the_capture(on: Any) -> None:
    opt, mine, _ = model(on, lr=lambda t: 0.1 if t < 5 else float("nan"))
    with pytest.raises(ValueError, match="lr is NaN"):
        opt.captured(mine, steps=5)
    opt.captured(mine, steps=4).close()
    opt.step(mine)


def test_all_kernels_are_there_before_a_capture(on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    @rule
    def never_compiled(p, g, *, lr=0.1):
        return p - lr / norm(g) * g

    opt, mine, _ = model(on, never_compiled, clip_norm=1.0)
    step = opt.captured(mine[:2] + [None] * 3, steps=1)
    with monkeypatch.context() as patch:
        for name in ("RawKernel", "asarray", "zeros", "empty"):
            patch.setattr(cupy_kernels.cupy(), name, None)
        replay = captured(step)
    replay()
    assert opt.t == 1


def test_what_needs_the_host_is_refused_while_a_stream_is_captured(on: Any) -> None:
    opt, mine, _ = model(on)
    with capturing(), pytest.raises(RuntimeError, match=r"make the step before with captured\(\)"):
        opt.captured(mine)
    opt.step(mine)
    step = opt.captured(mine, steps=2)
    with capturing():
        for asked in (lambda: opt.t, lambda: step.left, step.refill):
            with pytest.raises(RuntimeError, match="the current stream is being captured"):
                asked()
    assert (opt.t, step.left) == (1, 2)


def test_a_refill_that_fails_leaves_what_was_counted(on: Any) -> None:
    opt, mine, _ = model(on, lr=lambda t: 0.1 if t < 5 else float("nan"))
    step = opt.captured(mine, steps=3)
    replay = captured(step)
    replay()
    replay()
    with pytest.raises(ValueError, match="lr is NaN"):
        step.refill()
    assert (opt.t, step.left) == (2, 1)
    replay()
    assert (opt.t, step.left) == (3, 0)


def test_functions_of_the_step_are_asked_as_in_ordinary_steps(on: Any) -> None:
    asked: list[tuple[str, int]] = []

    def rate(group: str) -> Callable[[int], float]:
        return lambda t: asked.append((group, t)) or 0.1  # type: ignore[func-returns-value]

    opt, mine, _ = model(on, lr=rate("all"), groups={"1": {"lr": rate("1")}, "3": {"lr": rate("3")}})
    mine[3] = None
    asked.clear()  # When it was made it asked each once.
    opt.captured(mine, steps=3).close()
    beforehand = asked.copy()
    asked.clear()
    for _ in range(3):
        opt.step(mine)
    assert beforehand == asked
    # Steps are the optimizer's, of what has no gradient too.
    assert beforehand.count(("3", 1)) == 1


@rule
def widening(p, g, *, lr=0.1, width=1.0):
    return p - lr / width * g


def test_a_division_by_zero_to_come_is_said_as_in_a_step(on: Any) -> None:
    opt, mine, _ = model(on, widening, width=lambda t: 3.0 - t)
    with pytest.raises(ValueError, match=r"widening: .*division by zero in one of lr / width, with lr=0.1, width=0.0"):
        opt.captured(mine, steps=3)
    opt.step(mine)


def test_while_it_is_open_ordinary_steps_and_loads_are_refused(on: Any) -> None:
    opt, mine, _ = model(on)
    saved = opt.state_dict()
    step = opt.captured(mine, steps=2)
    for refused in (lambda: opt.step(mine), lambda: opt.load_state_dict(saved), lambda: opt.captured(mine)):
        with pytest.raises(RuntimeError, match=r"a captured step is open, .*close\(\) it first"):
            refused()
    step.close()
    step.close()
    opt.step(mine)
    for refused in (step, step.refill):
        with pytest.raises(RuntimeError, match=r"this captured step was closed; .* opt.captured\(grads\)"):
            refused()
    assert opt.t == 1


def test_a_parameter_that_was_replaced_is_found(on: Any) -> None:
    opt, mine, _ = model(on)
    captured(opt.captured(mine, steps=2))()
    opt.params[1] = on.array(np.zeros(SIZES[1], "float32"))
    with pytest.raises(ValueError, match=r"params\[1\] is another array than when the step was captured"):
        _ = opt.t


def test_only_cupy_arrays_have_captured_steps() -> None:
    with cuda_shim.on_the_cpu():
        opt = fastopt.Adam([np.zeros(3)])
        with pytest.raises(TypeError, match="captured steps are for CuPy arrays"):
            opt.captured([np.zeros(3)])
        opt.step([np.zeros(3)])


@pytest.mark.parametrize("wrong", [np.int64, np.uint16])
def test_the_simulation_sees_an_argument_of_another_width(
    wrong: Any, shim: cuda_shim.Shim, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cuda_shim.simulated(shim):
        opt, mine, _ = model(Simulated())
        monkeypatch.setattr(cupy_kernels.cupy(), "uint32", wrong)
        with pytest.raises(AssertionError):
            opt.captured(mine)()


def without_room(make: Callable[[Any], Any], last: int) -> Callable[[Any], Any]:
    """Makes arrays on the GPU, but no more task tables from that one on."""
    tables = itertools.count(1)

    def make_or_fail(values: Any) -> Any:
        # A row has an address or more, a length and a row of scalars.
        if values.dtype == np.int64 and values.ndim == 2 and values.shape[1] >= 3 and next(tables) >= last:
            raise MemoryError("none left")
        return make(values)

    return make_or_fail


@pytest.mark.parametrize("options", [{}, {"clip_norm": 1.0}, {"clip_norm": 1.0, "skip_nonfinite": True}])
def test_without_memory_for_a_table_nothing_is_changed(
    options: dict[str, Any], on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = [on.array(np.ones(9, kind)) for kind in ("float32", "float32", "float64", "float64")]
    gradients = [on.array(np.ones(9, kind)) for kind in ("float32", "float32", "float64", "float64")]
    opt = fastopt.AdamW(parameters, **options)
    cupy, before = cupy_kernels.cupy(), bits(opt, on)
    for last in range(1, 3 if not options else 5):
        with monkeypatch.context() as patch:
            patch.setattr(cupy, "asarray", without_room(cupy.asarray, last))
            with pytest.raises(MemoryError, match=r"no memory for the task table: none left; nothing has been changed"):
                opt.step(gradients)
        assert (opt.t, bits(opt, on)) == (0, before)
        opt.load_state_dict(opt.state_dict())
    opt.step(gradients)
    assert opt.t == 1


MISTAKES = [
    ("for (long long chunk = first + step;", "for (long long chunk = first + 2 * step;"),
    ("for (int set = 1; set < sets", "for (int set = 2; set < sets"),
    ("clock[APPLIED]++;", "clock[APPLIED] += 2;"),
    ("skipped = true;", "skipped = false;"),
    ("(steps ? group * steps + clock[APPLIED] : group)", "(steps ? group * steps : group)"),
    ("if (go && *go < 1)", "if (go && *go < -5)"),
]


@pytest.mark.parametrize(("right", "wrong"), MISTAKES)
def test_the_comparison_sees_a_wrong_kernel(right: str, wrong: str) -> None:
    if cuda_shim.compiler() is None:
        pytest.skip("there is no C++ compiler: neither g++ nor the package ziglang")
    for edits, fails in (({}, False), ({right: wrong}, True)):
        shim = cuda_shim.Shim(edits, ["-O0"])
        with cuda_shim.simulated(shim):
            on = Simulated()
            opt, expected, mine, gradients = both(
                RULES["adam"], on, {"clip_norm": 2.0, "skip_nonfinite": True, "lr": lambda t: 0.1 / t}
            )
            replay = captured(opt.captured(mine, steps=6))
            for k in range(4):
                draw(gradients, mine, k, on)
                if k == 2:
                    gradients[0][0] = mine[0][0] = np.inf
                replay()
                with on.on_the_cpu():
                    expected.step(gradients)
            with pytest.raises(AssertionError) if fails else contextlib.nullcontext():
                assert_equal(opt, expected, on)
        assert shim.edited == set(edits)
