"""fastopt.integrations.sklearn: scikit-learn's networks trained by fastopt, in scikit-learn's own ways."""

import copy
import pickle
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import ROOT, run_python, same_bits

import fastopt
from fastopt.kernels import rule

pytestmark = pytest.mark.peers


@rule(require="lr >= 0")
def own_rule(p, g, *, lr=0.1):  # type: ignore[no-untyped-def]
    """A rule of one's own, to be named in this module."""
    return p - 2 * lr * g


@pytest.fixture(scope="module")
def ours() -> Any:
    from fastopt.integrations import sklearn

    return sklearn


@pytest.fixture(scope="module")
def theirs() -> Any:
    from sklearn import neural_network

    return neural_network


@pytest.fixture(autouse=True)
def _short_runs() -> Iterator[None]:
    """Runs of a few epochs do not converge, which scikit-learn says."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def digits(storage: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x[:600] / 16).astype(storage), y[:600]


SHORT = {"max_iter": 8, "random_state": 0, "hidden_layer_sizes": (20, 10)}
SOLVERS: list[dict[str, Any]] = [
    {},
    {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4, "learning_rate_init": 0.01},
    {"early_stopping": True},
    {"solver": "sgd"},
    {"solver": "sgd", "momentum": 0.0},
    {"solver": "sgd", "nesterovs_momentum": False, "learning_rate": "invscaling", "learning_rate_init": 0.1},
    {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3},
    # The rate is divided by 5 in the middle of the run, and then the run stops.
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1, "learning_rate_init": 0.2},
    {"solver": "lbfgs"},
]


def weights(estimator: Any) -> list[np.ndarray]:
    return [*estimator.coefs_, *estimator.intercepts_]


def apart(a: Any, b: Any) -> float:
    """The largest difference of the weights of two networks, relative to the largest weight of each array."""
    return max(abs(p - q).max() / abs(q).max() for p, q in zip(weights(a), weights(b), strict=True))


# Rounding, which some dozens of steps spread.
TOLERANCE = {"float32": 3e-5, "float64": 1e-13}


@pytest.mark.parametrize("storage", ["float32", "float64"])
@pytest.mark.parametrize("options", SOLVERS, ids=str)
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_the_solvers_train_as_scikit_learns(
    ours: Any, theirs: Any, kind: str, options: dict[str, Any], storage: str
) -> None:
    x, y = digits(storage)
    y = y if kind == "MLPClassifier" else (y / 10).astype(storage)
    found = getattr(ours, kind)(**{**SHORT, **options}).fit(x, y)
    wanted = getattr(theirs, kind)(**{**SHORT, **options}).fit(x, y)
    assert apart(found, wanted) < TOLERANCE[storage]
    assert found.n_iter_ == wanted.n_iter_
    assert np.allclose(getattr(found, "loss_curve_", []), getattr(wanted, "loss_curve_", []), rtol=1e-4)
    if options.get("solver") != "lbfgs":
        assert found._optimizer.learning_rate <= found.learning_rate_init


def test_adams_eps_is_where_scikit_learn_has_it(ours: Any, theirs: Any) -> None:
    """The comparison above tells the two places of eps apart."""
    x, y = digits()
    options = {**SHORT, "epsilon": 1e-4}
    wanted = theirs.MLPClassifier(**options).fit(x, y)
    other = ours.MLPClassifier(**SHORT, rule="Adam", hyper={"eps": 1e-4}).fit(x, y)
    assert apart(other, wanted) > 1e9 * TOLERANCE["float64"]


def test_every_update_reaches_fastopt(ours: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If scikit-learn no longer set and called `_optimizer`, its own would train, and nobody would see."""
    calls: list[int] = []
    plain = fastopt.Optimizer.update

    def counted(self: Any, params: Any, grads: Any) -> None:
        calls.append(len(params))
        plain(self, params, grads)

    monkeypatch.setattr(fastopt.Optimizer, "update", counted)
    x, y = digits()
    for options in ({}, {"solver": "sgd"}, {"rule": "Lion"}):
        calls.clear()
        estimator = ours.MLPClassifier(**SHORT, batch_size=100, **options).fit(x, y)
        assert calls == [6] * 6 * estimator.n_iter_
        assert isinstance(estimator._optimizer, ours.Updates)
        estimator.partial_fit(x, y)
        assert len(calls) == 6 * (SHORT["max_iter"] + 1)


@pytest.mark.parametrize(
    ("chosen", "hyper"),
    [
        ("RMSprop", {"alpha": 0.95, "centered": True}),
        ("Lion", {"weight_decay": 0.01, "decay": "decoupled"}),
        ("NAdam", {}),
        ("adam_lp", {"order": 4.0}),
        ("LAMB", {"clip_norm": 1.0}),
        (own_rule, None),
    ],
)
def test_any_rule_trains(ours: Any, chosen: Any, hyper: Any) -> None:
    x, y = digits()
    rate = 0.05 if chosen is own_rule else 3e-3
    estimator = ours.MLPClassifier(
        **{**SHORT, "max_iter": 40}, rule=chosen, hyper=hyper, learning_rate_init=rate, batch_size=50
    ).fit(x, y)
    assert estimator.score(x, y) > 0.9
    own = estimator._optimizer._made
    assert own.lr == rate
    for name, value in (hyper or {}).items():
        assert name in ("centered", "decay") or own.hyper[name] == value


def test_the_rate_of_any_rule_follows_learning_rate(ours: Any) -> None:
    x, y = digits()
    estimator = ours.MLPClassifier(**SHORT, rule="Lion", learning_rate="invscaling", batch_size=100).fit(x, y)
    steps = estimator.t_ + 1
    assert estimator._optimizer.learning_rate == pytest.approx(1e-3 / steps**0.5)
    falling = {"learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1}
    estimator = ours.MLPClassifier(**SHORT, rule="Lion", **falling).fit(x, y)
    assert estimator._optimizer.learning_rate < 1e-3 / 5


@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"])
@pytest.mark.parametrize(
    "options", [{}, {"solver": "sgd"}, {"rule": "NAdam"}, {"rule": own_rule, "early_stopping": False}], ids=str
)
def test_a_copy_goes_on_with_the_same_bits(ours: Any, options: dict[str, Any], again: Any) -> None:
    x, y = digits()
    one = ours.MLPClassifier(**SHORT, **options).fit(x, y)
    other = again(one)
    third = again(other)  # Before it is trained further.
    for estimator in (one, other, third):
        estimator.partial_fit(x, y)
        estimator.partial_fit(x, y)
    assert all(map(same_bits, weights(one), weights(other)))
    assert all(map(same_bits, weights(one), weights(third)))


def test_partial_fit_and_warm_start_go_on_as_scikit_learns(ours: Any, theirs: Any) -> None:
    x, y = digits()

    def trained(module: Any) -> Any:
        # The best weights, other arrays than those that were trained, are what it goes on with.
        stopped = module.MLPClassifier(**SHORT, warm_start=True, early_stopping=True).fit(x, y).fit(x, y)
        estimator = module.MLPClassifier(**SHORT)
        for _ in range(3):
            estimator.partial_fit(x, y, classes=range(10))
        return [stopped, estimator]

    for a, b in zip(trained(ours), trained(theirs), strict=True):
        assert apart(a, b) < TOLERANCE["float64"]


def test_it_behaves_in_pipelines_and_searches(ours: Any) -> None:
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = digits()
    estimator = ours.MLPClassifier(**SHORT, rule="Lion", hyper={"beta1": 0.8})
    copied = clone(estimator)
    assert copied.get_params() == estimator.get_params()
    assert {"rule", "hyper", "solver", "alpha"} <= set(estimator.get_params())
    assert "rule='Lion'" in repr(estimator)
    longer = {**SHORT, "max_iter": 40}
    grid = {"mlpclassifier__rule": ["Adam", "Lion"], "mlpclassifier__learning_rate_init": [1e-9, 3e-3]}
    search = GridSearchCV(make_pipeline(StandardScaler(), ours.MLPClassifier(**longer)), grid, cv=2).fit(x, y)
    assert search.best_params_["mlpclassifier__learning_rate_init"] == 3e-3
    assert search.score(x, y) > 0.8


@pytest.mark.parametrize(
    "make",
    [
        lambda ours: ours.MLPClassifier(max_iter=100),
        lambda ours: ours.MLPClassifier(max_iter=100, rule="RMSprop"),
        lambda ours: ours.MLPRegressor(max_iter=100),
    ],
    ids=["classifier", "with a rule", "regressor"],
)
def test_scikit_learns_own_checks_pass(ours: Any, make: Any) -> None:
    from sklearn.exceptions import SkipTestWarning
    from sklearn.utils.estimator_checks import check_estimator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        results = check_estimator(make(ours))
    statuses = {result["check_name"]: result["status"] for result in results}
    assert set(statuses.values()) == {"passed", "skipped"}
    assert list(statuses.values()).count("skipped") <= 4


def test_what_cannot_be_used_is_refused_by_fit(ours: Any) -> None:
    x, y = digits()
    for wrong, words in [
        ({"rule": "Lio"}, "did you mean 'Lion'"),
        ({"rule": 3}, "rule' parameter of MLPClassifier must be"),
        ({"rule": "Lion", "hyper": {"beta3": 1}}, "did you mean 'beta1'"),
        ({"rule": "Lion", "hyper": {"beta1": 1.0}}, "beta1 must satisfy"),
        ({"rule": "Lion", "hyper": {"lr": 1.0}}, "pass learning_rate_init instead"),
        ({"rule": "Lion", "momentum": 0.5}, "momentum=0.5 has no effect with rule"),
        ({"rule": "Lion", "solver": "lbfgs"}, "solver='lbfgs' has no effect with rule"),
        ({"hyper": {"beta1": 0.5}}, "hyper has no effect without rule"),
        ({"solver": "sgd", "momentum": 1.0}, "momentum must satisfy"),
    ]:
        estimator = ours.MLPClassifier().set_params(**wrong)
        with pytest.raises((TypeError, ValueError), match=words):
            estimator.fit(x, y)
        assert not hasattr(estimator, "coefs_")


def test_options_for_each_array_are_those_of_the_arrays_that_are_trained(ours: Any) -> None:
    x, y = digits()
    scale = np.zeros((x.shape[1], 1))
    options = {"groups": {"1": {"weight_decay": 0.1}, "2": {"lr": 0.0}}, "lr_scale": {"0": scale}}
    kept = [ours.MLPClassifier((3,), rule="Adam", hyper=options, random_state=0, max_iter=n) for n in (1, 3)]
    first, last = (one.fit(x, y) for one in kept)
    weights = [(one.coefs_[0], one.intercepts_[0], one.coefs_[1]) for one in (first, last)]
    assert [bool((a == b).all()) for a, b in zip(*weights, strict=True)] == [True, True, False]
    for wrong, words in [
        ({"groups": {"9": {"lr": 0.1}}}, "groups: '9' matches no parameter; the parameters are 0, 1, 2, 3"),
        ({"lr_scale": {"0": np.ones(7)}}, "lr_scale"),
    ]:
        with pytest.raises(ValueError, match=words):
            ours.MLPClassifier((3,), rule="Adam", hyper=wrong).fit(x, y)


def test_the_check_does_not_depend_on_scikit_learns(ours: Any) -> None:
    from sklearn import config_context

    x, y = digits()
    with config_context(skip_parameter_validation=True):
        for wrong in ({"rule": "Lion", "solver": "lbfgs"}, {"hyper": {"beta1": 0.5}}):
            with pytest.raises(ValueError, match="has no effect"):
                ours.MLPClassifier(**wrong).fit(x, y)


def test_an_invalid_candidate_fails_alone_in_a_search(ours: Any) -> None:
    from sklearn.exceptions import FitFailedWarning
    from sklearn.model_selection import GridSearchCV

    x, y = digits()
    grid = [{"learning_rate_init": [-1.0, 3e-3]}, {"rule": ["Lio"]}, {"hyper": [{"beta3": 1.0}, {"beta1": 2.0}]}]
    with pytest.warns(FitFailedWarning, match="did you mean 'Lion'"), pytest.warns(UserWarning, match="non-finite"):
        search = GridSearchCV(ours.MLPClassifier(**SHORT, rule="Lion"), grid, cv=2, error_score=np.nan).fit(x, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).tolist() == [False, True, False, False, False]


SCRIPT = """
import warnings
import numpy as np
from sklearn.model_selection import cross_val_score
from fastopt.integrations.sklearn import MLPClassifier
from fastopt.kernels import rule

FACTOR = 2

def doubled(x):
    return FACTOR * x

@rule(require="lr >= 0")
def own(p, g, m, *, lr=0.1, beta=0.5):
    m = beta * m + doubled(g)
    return p - lr * m, m

def within():
    return rule(require="lr >= 0")(own.formula.__wrapped__)

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(60, 4)), generator.integers(0, 2, 60)
    for chosen in (own, within()):
        model = MLPClassifier((5,), rule=chosen, hyper={"beta": 0.25}, max_iter=5, random_state=0)
        print(*(cross_val_score(model, x, y, cv=3, n_jobs=jobs, error_score="raise").tolist() for jobs in (1, 2)))
"""


def test_a_rule_of_a_script_reaches_worker_processes(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    lines = run_python(str(tmp_path / "script.py")).stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        here, there = re.findall(r"\[.*?\]", line)
        assert here == there


def test_a_number_of_fastopt_s_is_not_set_silently(ours: Any) -> None:
    estimator = ours.MLPClassifier(rule="Adam")
    for name, words in {
        "lr": "MLPClassifier has no lr to set to 0.5; set learning_rate_init",
        "betas": r"set hyper=\{'beta1': ..., 'beta2': ...\}, with a rule",
        "clip_norm": r"set hyper=\{'clip_norm': ...\}, with a rule",
        "weigth_decay": r"set hyper=\{'weight_decay': ...\}",
    }.items():
        with pytest.raises(AttributeError, match=words):
            setattr(estimator, name, 0.5)
    estimator.learning_rate_init = estimator.note = 0.5
    assert estimator.get_params()["learning_rate_init"] == 0.5


def test_the_example_of_the_page_runs() -> None:
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    found: dict[str, Any] = {}
    exec(compile(block, "clients.md", "exec"), found)
    x, y = digits()
    for name in ("model", "other"):
        found[name].set_params(max_iter=30)
        assert found[name].fit(x, y).score(x, y) > 0.8
