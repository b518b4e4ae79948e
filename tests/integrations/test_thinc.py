"""fastopt.integrations.thinc: Thinc's conduct and formulas, with NumPy's bits.

Runs with Thinc 9.1, and in spaCy's environment with 8.3.
"""

import copy
import pickle
import re
import tomllib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from examples import ROOT, same_bits
from paths import Path, relative

from fastopt.integrations import versions
from fastopt.kernels import FAMILIES
from fastopt.like.thinc.optimizers import FIXED, average_decay
from fastopt.schedules import cosine

pytestmark = pytest.mark.peers

KEY = (7, "W")
SHAPE = (13, 17)
STEPS = 50
# Thinc subtracts beta2 from 1 in float32: at 0.999 the difference is off by 1.3e-5 of itself, its root by half of that.
# An average that crosses zero has it three times.
TOLERANCE = 3e-5


@pytest.fixture(scope="module")
def ours() -> Any:
    from fastopt.integrations import thinc

    return thinc


@pytest.fixture(scope="module")
def theirs() -> Any:
    import thinc.api

    return thinc.api


def registered() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: dict[str, str] = project["entry-points"]["thinc_optimizers"]
    return found


FITTING = [name.split(".")[1] for name in registered()]
EXACT = [name for name in FITTING if FAMILIES[name].select({})[0].exact]


def gradients(seed: int = 0, steps: int = STEPS) -> Iterator[np.ndarray]:
    """Some whose norm is clipped and some whose is not; columns from far below eps to far above."""
    generator = np.random.default_rng(seed)
    scale = 10.0 ** generator.uniform(-10, 0, SHAPE[1])
    for _ in range(steps):
        yield (generator.standard_normal(SHAPE) * scale * 10.0 ** generator.uniform(-1, 1)).astype("float32")


def start() -> np.ndarray:
    """Zeros in every other row: sums of steps, whose differences no large start hides."""
    found = np.random.default_rng(1).standard_normal(SHAPE).astype("float32")
    found[::2] = 0.0
    return found


def run(optimizer: Any, lr_scale: float = 1.0) -> tuple[Path, Path]:
    """The weights after each step, and their averages; none without use_averages."""
    weights = start()
    path, averages = [weights.copy()], []
    for gradient in gradients():
        found, zeroed = optimizer(KEY, weights, gradient, lr_scale=lr_scale)
        assert np.shares_memory(found, weights)
        assert np.shares_memory(zeroed, gradient)
        assert not gradient.any()
        optimizer.step_schedules()
        path.append(weights.copy())
        if optimizer.averages is not None:
            averages.append(optimizer.averages[KEY].copy())
    return path, averages


CASES: list[tuple[str, dict[str, Any]]] = [
    ("Adam", {}),
    ("Adam", {"learn_rate": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-6, "grad_clip": 0.3}),
    ("Adam", {"L2": 0.1, "grad_clip": 0.0, "use_averages": False}),
    # With a small eps, Adam divides the rounding of what L2 leaves of a gradient by its size.
    ("Adam", {"L2": 0.1, "L2_is_weight_decay": False, "eps": 1e-4}),
    ("Adam", {"learn_rate": [0.01, 0.003, 0.001], "L2": [0.0, 0.1]}),
    ("RAdam", {}),
    ("RAdam", {"learn_rate": 0.01, "beta2": 0.95, "L2": 0.1}),
    ("SGD", {"learn_rate": 0.1}),
    ("SGD", {"learn_rate": 0.1, "L2": 0.1, "grad_clip": 0.5}),
    ("SGD", {"learn_rate": 0.1, "L2": 0.1, "L2_is_weight_decay": False}),
]


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_the_optimizers_that_thinc_has_follow_it(ours: Any, theirs: Any, name: str, options: dict[str, Any]) -> None:
    weights, averages = run(getattr(ours, name)(**options))
    wanted, wanted_averages = run(getattr(theirs, name)(**options))
    assert relative(weights, wanted).max() < TOLERANCE
    assert len(averages) == (STEPS if options.get("use_averages", True) else 0)
    assert relative(averages, wanted_averages).max(initial=0) < TOLERANCE


@pytest.mark.parametrize("name", ["Adam", "RAdam"])
def test_the_papers_formulas_are_not_thincs(ours: Any, theirs: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "FIXED", {})
    assert relative(run(getattr(ours, name)())[0], run(getattr(theirs, name)())[0]).max() > 100 * TOLERANCE


def test_the_scale_of_the_rate_reaches_the_step_and_the_decay(ours: Any, theirs: Any) -> None:
    options = {"L2": 0.1, "learn_rate": 0.01}
    wanted, _ = run(theirs.Adam(**options), lr_scale=0.25)
    assert relative(run(ours.Adam(**options), lr_scale=0.25)[0], wanted).max() < TOLERANCE
    assert relative(run(ours.Adam(**options))[0], wanted).max() > 0.1


@pytest.mark.parametrize("options", [{}, {"L2": 0.1}, {"L2": 0.1, "L2_is_weight_decay": False}], ids=str)
@pytest.mark.parametrize("name", EXACT)
def test_every_optimizer_gives_numpys_bits(ours: Any, name: str, options: dict[str, Any]) -> None:
    from fastopt.integrations.thinc_step import Around, thinc_step

    optimizer = getattr(ours, name)(**options)
    decays = options.get("L2_is_weight_decay", True)
    step = thinc_step(optimizer.rule, Around(True, "L2" in options and not decays, "L2" in options and decays, True))
    hyper = {**step.hyper, "L2": 0.1} if options else dict(step.hyper)
    hyper = {n: v for n, v in hyper.items() if n not in step.starts_from}
    hyper |= {"lr": FAMILIES[name].hyper["lr"], **FIXED.get(name, {})}
    value = {slot: step.hyper.get(begin, begin) for slot, begin in step.start.items()}
    weights = start()
    arrays = [weights.copy(), *(np.full(SHAPE, value[slot], "float32") for slot in step.arrays[2:])]
    states = dict(step.states)
    for t, gradient in enumerate(gradients(steps=4), 1):
        hyper["average_decay"] = average_decay(t)
        results = step.reference(arrays[0], gradient, *arrays[1:], t=t if step.uses_t else None, **hyper, **states)
        written = dict(zip((*step.written, *step.states), results, strict=True))
        arrays = [written[array] for array in (step.arrays[0], *step.arrays[2:])]
        states = {state: written[state] for state in states}
        optimizer(KEY, weights, gradient)
        assert same_bits(weights, arrays[0])
        assert same_bits(optimizer.averages[KEY], arrays[-1])


def test_pyproject_lists_the_families_that_fit_and_thinc_finds_them(ours: Any, theirs: Any) -> None:
    assert registered() == ours.entry_points()
    for name in registered():
        assert theirs.registry.optimizers.get(name)().rule.name


def test_the_example_of_the_page_gives_an_optimizer(theirs: Any) -> None:
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```ini\n(.*?)```", page, re.DOTALL)
    config = theirs.Config().from_str(f"[training]\n\n{block}")
    optimizer = theirs.registry.resolve(config)["training"]["optimizer"]
    assert optimizer._now(KEY)["L2"] == 0.01


@pytest.mark.parametrize("name", FITTING)
def test_a_config_may_name_every_optimizer_and_chooses_its_defaults(theirs: Any, ours: Any, name: str) -> None:
    config = theirs.Config().from_str(f'[optimizer]\n@optimizers = "fastopt.{name}.v1"\n')
    made, called = theirs.registry.resolve(config)["optimizer"], getattr(ours, name)()
    assert made.rule is called.rule
    assert made._now(KEY) == called._now(KEY)


def test_a_config_gives_the_optimizer(theirs: Any) -> None:
    text = '[optimizer]\n@optimizers = "fastopt.Lion.v1"\nlearn_rate = 0.002\nbeta1 = 0.8\ngrad_clip = 0.5\n'
    optimizer = theirs.registry.resolve(theirs.Config().from_str(text))["optimizer"]
    assert isinstance(optimizer, theirs.Optimizer)
    assert optimizer.rule.name == "lion"
    numbers = optimizer._now(KEY)
    assert (numbers["lr"], numbers["beta1"], numbers["grad_clip"]) == (0.002, 0.8, 0.5)


def test_a_hyperparameter_may_be_whatever_thinc_takes_or_a_function(ours: Any, theirs: Any) -> None:
    values = [0.1, 0.05, 0.025, 0.025]
    sources = [
        lambda: list(values),
        lambda: (value for value in values),
        lambda: lambda step: values[min(step, 3)],
        lambda: theirs.decaying(0.1, 1.0),
        lambda: cosine(0.1, steps=10),
    ]
    expected = [values, values, values, [0.1, 0.05, 0.1 / 3, 0.025], [cosine(0.1, steps=10)(t) for t in range(1, 5)]]
    for source, wanted in zip(sources, expected, strict=True):
        optimizer = ours.SGD(source(), grad_clip=0.0)
        weights, found = np.zeros(3, "float32"), []
        for _ in range(4):
            before = weights.copy()
            optimizer(KEY, weights, np.full(3, -1, "float32"))
            found.append(float((weights - before)[0]))
            optimizer.step_schedules()
        assert np.allclose(found, wanted, rtol=1e-6)


def test_numbers_may_be_set_between_steps(ours: Any, theirs: Any) -> None:
    """As a number in Thinc 8, as a schedule in Thinc 9; a stage that was off may be switched on."""
    optimizer = ours.SGD(0.5, grad_clip=0.0)
    weights = np.zeros(3, "float32")
    optimizer(KEY, weights, np.ones(3, "float32"))
    assert np.all(weights == -0.5)
    optimizer.learn_rate, optimizer.grad_clip = 1.0, 0.25
    optimizer(KEY, weights, np.array([3, 0, 4], "float32"))
    assert np.allclose(weights, [-0.5 - 0.15, -0.5, -0.5 - 0.2])


def test_only_what_it_has_may_be_set_as_in_thinc(ours: Any, theirs: Any) -> None:
    for opt in (ours.Adam(), theirs.Adam()):
        for name in ("lr", "beta1", "clip_norm", "anything"):
            with pytest.raises(AttributeError, match=name):
                setattr(opt, name, 0.5)
        opt.learn_rate = opt.b1 = 0.5
    opt = ours.Adam()
    with pytest.raises(AttributeError, match="this optimizer of adam has learn_rate, b1, b2, eps, L2, grad_clip"):
        opt.lr = 0.5


def test_each_key_counts_for_itself(ours: Any, theirs: Any) -> None:
    def weights_of(module: Any) -> list[np.ndarray]:
        optimizer = module.Adam(0.01)
        found = [start(), start()[0]]
        for k, gradient in enumerate(gradients(steps=9)):
            optimizer((1, "W"), found[0], gradient.copy())
            if k % 3 == 0:
                optimizer((1, "b"), found[1], gradient[0].copy())
            optimizer.step_schedules()
        assert dict(optimizer.nr_update) == {(1, "W"): 9, (1, "b"): 3}
        return found

    for a, b in zip(weights_of(ours), weights_of(theirs), strict=True):
        assert np.allclose(a, b, rtol=TOLERANCE, atol=1e-6)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"])
@pytest.mark.parametrize("name", ["Adam", "NAdam", "Adagrad"])
def test_a_copy_goes_on_with_the_same_bits(ours: Any, name: str, again: Any) -> None:
    grads = list(gradients(steps=6))
    optimizer, weights = getattr(ours, name)(), start()
    for gradient in grads[:3]:
        optimizer(KEY, weights, gradient.copy())
    other, others = again(optimizer), weights.copy()
    for gradient in grads[3:]:
        optimizer(KEY, weights, gradient.copy())
        other(KEY, others, gradient.copy())
    assert same_bits(weights, others)
    assert same_bits(optimizer.averages[KEY], other.averages[KEY])
    assert optimizer.averages[KEY] is not other.averages[KEY]


def falling(t: int) -> float:
    """A function of the step, to be named in this module."""
    return 0.1 / (t + 1)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"])
def test_a_function_of_the_step_is_copied_too(ours: Any, again: Any) -> None:
    import thinc.schedules

    if not hasattr(thinc.schedules, "Schedule"):
        pytest.skip("Thinc 8 takes generators, which Python does not copy")
    optimizer = ours.SGD(falling, L2=0.0, grad_clip=0.0, use_averages=False)
    optimizer.step_schedules()
    weights = start()
    again(optimizer)(KEY, weights, np.ones_like(weights))
    assert same_bits(weights, start() - np.float32(0.05))


def test_weights_that_moved_are_followed(ours: Any) -> None:
    one, other = ours.Adam(), ours.Adam()
    fixed, moving = start(), start()
    for gradient in gradients(steps=5):
        one(KEY, fixed, gradient.copy())
        moving = moving.copy()
        other(KEY, moving, gradient)
    assert same_bits(fixed, moving)


def test_empty_arrays_are_left_alone(ours: Any) -> None:
    optimizer = ours.Adam()
    optimizer(KEY, np.zeros((0, 3), "float32"), np.zeros((0, 3), "float32"))
    assert not optimizer.nr_update


def test_what_cannot_be_used_is_refused_at_construction(ours: Any) -> None:
    for wrong, words in [
        ({"learn_rate": -1.0}, "learn_rate must satisfy"),
        ({"beta1": 1.0}, "beta1 must satisfy"),
        ({"learn_rate": [-0.1, 0.1]}, "learn_rate must satisfy"),
        ({"grad_clip": -1.0}, "grad_clip must satisfy"),
        ({"L2": float("nan")}, "L2 is NaN"),
        ({"learn_rate": "fast"}, "Invalid schedule"),
        ({"beta1": 0.0}, "with which thinc does not"),
    ]:
        with pytest.raises((TypeError, ValueError), match=words):
            ours.Adam(**wrong)
    with pytest.raises(TypeError, match="did you mean 'beta1'"):
        ours.Adam(beta_1=0.9)
    with pytest.raises(TypeError, match="with no options has no dampening"):
        ours.SGD(dampening=0.1)
    for name in set(FAMILIES) - set(FITTING):
        with pytest.raises(ValueError, match=r"(one array at a time|the loss|an average|no rate).*; use another rule"):
            getattr(ours, name)()
    with pytest.raises(ValueError, match="one array at a time"):
        ours.AdamMaxNorm(over="model")


def test_what_cannot_be_updated_is_refused_by_name_and_not_counted(ours: Any) -> None:
    optimizer = ours.Adam()
    weights, gradient = start(), np.ones(SHAPE, "float32")
    fixed = weights.copy()
    fixed.flags.writeable = False
    for wrong in ((fixed, gradient), (weights, gradient[1:]), (weights, gradient.astype("int32")), (weights, weights)):
        with pytest.raises((TypeError, ValueError), match=r"of \(7, 'W'\)"):
            optimizer(KEY, *wrong)
        assert not optimizer.nr_update[KEY]
        assert same_bits(weights, start())
        assert np.all(gradient == 1)
    # An attribute that cannot be used is refused at each call, and another then holds.
    for wrong in (-1.0, float("nan"), "x", True):
        optimizer.learn_rate = wrong
        for _ in range(2):
            with pytest.raises((TypeError, ValueError), match="learn_rate"):
                optimizer(KEY, weights, gradient)
        assert same_bits(weights, start())
    optimizer.learn_rate, optimizer.eps = 0.0, 1e-40
    with pytest.raises(ValueError, match=r"of \(7, 'W'\): adam: .*eps=1e-40.*0 in float32"):
        optimizer(KEY, weights, gradient)
    optimizer.eps = 1e-8
    optimizer(KEY, weights, gradient.copy())
    assert same_bits(weights, start())
    # A first call that failed leaves no state of its shape behind.
    other = ours.Adam()
    with pytest.raises(ValueError, match="shape"):
        other(KEY, weights, gradient[1:])
    other(KEY, weights[1:].copy(), gradient[1:].copy())
    late = ours.Adam([0.1, -0.1])
    late(KEY, weights, gradient)
    late.step_schedules()
    with pytest.raises(ValueError, match="learn_rate must satisfy"):
        late(KEY, weights, gradient)
    assert late.nr_update[KEY] == 1


def test_a_version_that_was_not_tested_warns_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "version", lambda _: "10.0.1")
    with pytest.warns(UserWarning, match=r"tested with thinc 8\.3 to 9\.1; this is 10\.0\.1") as seen:
        versions.warn_if_untested("thinc", "8.3", "9.1")
    assert len(seen) == 1
    for tested in ("8.3.14", "9.1.1", "9.0", "8.3.0.dev2"):
        monkeypatch.setattr(versions, "version", lambda _, tested=tested: tested)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            versions.warn_if_untested("thinc", "8.3", "9.1")


def test_a_network_trains_as_with_thincs_own(ours: Any, theirs: Any) -> None:
    def losses(optimizer: Any) -> list[float]:
        theirs.fix_random_seed(0)
        model = theirs.chain(theirs.Relu(32), theirs.Relu(32), theirs.Softmax())
        generator = np.random.default_rng(0)
        x = generator.standard_normal((256, 8)).astype("float32")
        y = np.eye(4, dtype="float32")[(x[:, 0] > 0) * 2 + (x[:, 1] > 0)]
        model.initialize(x[:2], y[:2])
        found = []
        for _ in range(60):
            guess, backprop = model.begin_update(x)
            backprop((guess - y) / len(x))
            model.finish_update(optimizer)
            optimizer.step_schedules()
            found.append(float(-np.log((guess * y).sum(axis=1)).mean()))
        with model.use_params(optimizer.averages):
            found.append(float(((model.predict(x) - y) ** 2).mean()))
        return found

    found, wanted = losses(ours.Adam(0.01)), losses(theirs.Adam(0.01))
    assert found[-2] < 0.2 < found[0]
    assert np.allclose(found, wanted, rtol=1e-3)
