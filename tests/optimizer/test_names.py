"""An attribute that an optimizer does not have is an error that says what was meant, but the user's own are free."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.kernels import FAMILIES, RULES
from fastopt.kernels.language.spellings import SPELLINGS
from fastopt.kernels.riders import NUMBERS

OPTIONS = [p.name for p in inspect.signature(fastopt.Optimizer).parameters.values() if p.kind is p.KEYWORD_ONLY]
EVERY = {
    *(name for rule in RULES.values() for name in rule.hyper),
    *(name for family in FAMILIES.values() for name in family.hyper),
    *NUMBERS,
    *OPTIONS,
    *SPELLINGS,
}


def params() -> dict[str, Any]:
    return {"W": np.ones(3, "float32"), "b": np.ones(2, "float32")}


WITHOUT = "this optimizer was made without {0}; make another with {0}="
_FAMILIES = [family.name for family in FAMILIES.values() if "momentum" in family.hyper]
HAVING = ", ".join([*_FAMILIES[:4], *["others"] * (len(_FAMILIES) > 4)])
SET: dict[str, tuple[Any, str]] = {
    "learning_rate": (
        9,
        r"learning_rate cannot be set to 9: fastopt calls it lr; write opt.lr = 9; this Adam has lr, beta1",
    ),
    "betas": (
        (0.5, 0.9),
        r"betas cannot .*fastopt calls it beta1 and beta2; write opt.beta1, opt.beta2 = \(0.5, 0.9\);",
    ),
    "epsilon": (1e-4, "fastopt calls it eps; write opt.eps = 0.0001;"),
    "lrr": (1, r"lrr cannot be set to 1: did you mean opt.lr = 1\?; this Adam has lr"),
    "LR": (1, r"did you mean opt.lr = 1\?"),
    "bteas": ((1, 2), r"did you mean opt.beta1, opt.beta2 = \(1, 2\)\?"),
    "learning_rat": (1, r"did you mean opt.lr = 1\?"),
    "clip_norm": (
        1.0,
        WITHOUT.format("clip_norm") + "1.0; this Adam has lr",
    ),
    "clipnorm": (
        1.0,
        "fastopt calls it clip_array_norm; " + WITHOUT.format("clip_array_norm") + "1.0",
    ),
    "weigth_decay": (
        0.1,
        r"did you mean weight_decay\? " + WITHOUT.format("weight_decay") + "0.1",
    ),
    "dceay": (3, r"did you mean decay\? decay is fixed when an optimizer is made; make another with decay=3"),
    "step_size": (0.1, "fastopt calls it lr; write opt.lr = 0.1"),
    "wd": (0.1, "fastopt calls it weight_decay; " + WITHOUT.format("weight_decay") + "0.1"),
    "grads": ({}, r"grads cannot be set to {}: write into its arrays.*opt\.step\(grads\)"),
    "t": (5, "t cannot be set to 5: applied steps are counted"),
    "weight_decay_rate": (0.1, "fastopt calls it weight_decay; " + WITHOUT.format("weight_decay") + "0.1"),
    "amsgrad": (True, WITHOUT.format("amsgrad") + "True"),
    "momentum": (0.9, f"the rule adam has no momentum; {HAVING} have momentum"),
    "maximize": (
        True,
        "maximize is fixed when an optimizer is made; make another with maximize=True",
    ),
    "monitors": ([], "monitors is fixed when an optimizer is made"),
    "ema": (0.9, "ema cannot be set to 0.9: " + WITHOUT.format("ema") + "0.9"),
    "groups": ({}, r"groups are fixed when an optimizer is made; opt.groups\['b'\].lr = ... sets a number of a group"),
    "rule": ("sgd", "rule is fixed when an optimizer is made; make another"),
    "hyper": ({}, "hyper stays the same object; write its numbers, as opt.hyper.lr = 0.1"),
}


@pytest.mark.parametrize("name", SET)
def test_a_name_that_it_does_not_have_cannot_be_set_and_the_message_says_what_can(name: str) -> None:
    value, message = SET[name]
    opt = fastopt.Adam(params())
    with pytest.raises(AttributeError, match=message):
        setattr(opt, name, value)
    assert name in ("groups", "rule", "hyper") or name not in vars(opt)
    assert dict(opt.hyper) == dict(fastopt.Adam(params()).hyper)


@pytest.mark.parametrize("name", sorted(EVERY))
def test_no_name_of_a_hyperparameter_or_an_option_anywhere_is_set_silently(name: str) -> None:
    for opt in (fastopt.SGD(params()), fastopt.Optimizer(params(), "lion")):
        if name in opt.hyper or name == "loss_scaler":
            continue
        with pytest.raises(AttributeError, match=name):
            setattr(opt, name, 1)
        if name in vars(opt) or hasattr(type(opt), name):
            continue
        with pytest.raises(AttributeError, match=name):
            getattr(opt, name)
        with pytest.raises(AttributeError, match=name):
            delattr(opt, name)


def test_reading_a_name_that_it_does_not_have_says_what_was_meant() -> None:
    opt: Any = fastopt.Adam(params())
    for name, message in {
        "learning_rate": "Adam has no learning_rate: fastopt calls it lr; read opt.lr; this Adam has lr, beta1",
        "lrr": r"Adam has no lrr: did you mean opt.lr\?",
        "clip_norm": r"Adam has no clip_norm: .* made without clip_norm; make another with clip_norm=\.\.\.",
        "cast": "this optimizer was made without cast_to",
        "anything": "Adam has no anything and no hyperparameter of that name",
        "_lr": "Adam has no _lr",
    }.items():
        with pytest.raises(AttributeError, match=message):
            getattr(opt, name)
        assert not hasattr(opt, name)


def test_what_it_has_cannot_be_removed() -> None:
    opt: Any = fastopt.Adam(params(), groups={"b": {"lr": 0.1}})
    opt.history = [1]
    del opt.history
    for name in ("lr", "beta1", "groups", "rule", "hyper"):
        with pytest.raises(AttributeError, match=f"{name} cannot be removed from an optimizer"):
            delattr(opt, name)
    with pytest.raises(AttributeError, match="Adam has no history"):
        del opt.history
    with pytest.raises(TypeError, match="the hyperparameter lr cannot be removed"):
        del opt.groups["b"].lr
    assert (opt.lr, opt.groups["b"].lr) == (0.001, 0.1)


def test_names_of_groups() -> None:
    opt = fastopt.Adam(params(), groups={"b": {"lr": 0.1}})
    calls: list[tuple[Callable[[], Any], type[Exception], str]] = [
        (lambda: setattr(opt.groups["b"], "learning_rate", 1), TypeError, "'learning_rate'; did you mean 'lr'"),
        (lambda: opt.groups["b"].__setitem__("betas", 1), TypeError, "'betas'; did you mean 'beta1' and 'beta2'"),
        (lambda: setattr(opt.groups["b"], "foo", 1), TypeError, "no hyperparameter 'foo'; there are lr, beta1"),
        (lambda: opt.groups["W"], KeyError, "no group .*'W.*'; this optimizer was made with the groups .*'b"),
        (lambda: opt.groups.__setitem__("W", {"lr": 1}), TypeError, r"make another with groups=\{'W': \{'lr': 1\}\}"),
        (lambda: opt.groups.__delitem__("b"), TypeError, "groups are fixed when an optimizer is made"),
    ]
    for call, error, message in calls:
        with pytest.raises(error, match=message):
            call()
    assert (len(opt.groups), opt.groups["b"]["lr"]) == (1, 0.1)
    opt.groups["b"].beta1 = 0.5
    assert opt.groups["b"]["beta1"] == 0.5


def test_attributes_of_the_user_s_own_are_free_and_so_is_what_a_subclass_defines() -> None:
    class Own(fastopt.Adam):
        betas = (0.9, 0.99)
        momentum: float

        def __init__(self, params: Any) -> None:
            self.history: list[float] = []
            self.momentum = 0.5
            with pytest.raises(AttributeError, match=r"lr cannot be set to 1: Optimizer.__init__ sets lr"):
                self.lr = 1
            super().__init__(params)
            self.betas, self._clip_norm, self.epoch = (0.8, 0.9), 1.0, 3

        @property
        def learning_rate(self) -> Any:
            return self.lr

        @learning_rate.setter
        def learning_rate(self, value: float) -> None:
            self.lr = 10 * value

    opt = Own(params())
    opt.learning_rate = 0.5
    opt.step_count = opt.counter = 4
    opt.counts, opt.decays, opt.delay, opt.stat = 5, [], 3, {}
    opt.counter += 1
    assert (opt.lr, opt.betas, opt.momentum, opt.history, opt.counter) == (5, (0.8, 0.9), 0.5, [], 5)
    with pytest.raises(AttributeError, match="fastopt calls it beta1"):
        opt.beta_1 = 0.5
    seen: list[Any] = []
    opt.step = seen.append  # type: ignore[method-assign,assignment]
    opt.step(3)
    assert seen == [3]


def test_what_an_optimizer_only_shows_is_refused_in_its_own_words() -> None:
    shown = [name for name, held in vars(fastopt.Optimizer).items() if isinstance(held, property) and held.fset is None]
    assert len(shown) >= 8
    for name in shown:
        with pytest.raises(AttributeError, match=f"{name} cannot be set to 3: "):
            setattr(fastopt.Adam(params()), name, 3)


def test_averages_and_their_decay_have_one_name_which_messages_tell_apart() -> None:
    opt = fastopt.Adam(params(), ema=0.5)
    with pytest.raises(AttributeError, match=r"fastopt calls it ema; write opt\.hyper\.ema = 0\.9;"):
        opt.ema_momentum = 0.9
    opt.hyper.ema = 0.9
    assert (opt.hyper["ema"], opt.ema["W"][0]) == (0.9, 1)


def test_a_property_of_a_subclass_takes_the_place_of_a_hyperparameter_and_a_plain_attribute_is_refused() -> None:
    class Noted(fastopt.Adam):
        @property
        def lr(self) -> Any:
            return self.hyper.lr

        @lr.setter
        def lr(self, value: float) -> None:
            self.seen = value
            self.hyper.lr = value / 2

        @property
        def eps(self) -> Any:
            return self.hyper.eps

    opt = Noted(params())
    opt.lr = 0.5
    assert (opt.lr, opt.seen, opt.hyper.lr) == (0.25, 0.5, 0.25)
    with pytest.raises(AttributeError, match="no setter"):
        opt.eps = 1.0

    class Plain(fastopt.Adam):
        lr = 0.5

    with pytest.raises(
        TypeError, match=r"Plain\.lr hides the hyperparameter lr.*pass lr=\.\.\. to Optimizer\.__init__"
    ):
        Plain(params())


def test_a_property_that_fails_says_why() -> None:
    class Failing(fastopt.Adam):
        @property
        def note(self) -> Any:
            return {}.valu  # type: ignore[attr-defined]

        @property
        def lr(self) -> Any:
            return self.rat

        def __init__(self, params: Any) -> None:
            with pytest.raises(AttributeError, match=r"Failing has no _updater before Optimizer\.__init__ "):
                print(self.t)
            super().__init__(params)

    opt = Failing(params())
    with pytest.raises(AttributeError, match="'dict' object has no attribute 'valu'"):
        print(opt.note)
    with pytest.raises(AttributeError, match="Failing has no rat "):
        print(opt.lr)


def test_an_argument_and_an_attribute_have_the_same_hint() -> None:
    for name, hint in {"lrr": "'lr'", "bteas": "'beta1' and 'beta2'", "step_size": "'lr'", "esp": "'eps'"}.items():
        with pytest.raises(TypeError, match=f"did you mean {hint}"):
            fastopt.Adam(params(), **{name: 1.0})
        with pytest.raises(AttributeError, match=hint.replace("' and '", ".*").strip("'")):
            setattr(fastopt.Adam(params()), name, 1.0)


def test_a_mistyped_attribute_of_what_an_optimizer_is_given_is_refused(tmp_path: Path) -> None:
    scaler, plateau = fastopt.LossScaler(), fastopt.ReduceOnPlateau()
    stopping, driver = fastopt.EarlyStopping(params=params()), fastopt.BoldDriver()
    for one, name, message in [
        (scaler, "growth_factor", "LossScaler has no growth_factor to set to 0.5; did you mean growth"),
        (scaler, "scal", "did you mean scale"),
        (plateau, "patiense", "ReduceOnPlateau has no patiense .*did you mean patience"),
        (plateau, "min_delta", "did you mean threshold"),
        (plateau, "cut", "did you mean factor"),
        (plateau, "min_lr", "did you mean lowest"),
        (stopping, "params", "params"),
        (driver, "tolerence", "did you mean tolerance"),
        (
            fastopt.schedules.cosine(0.1, steps=10),
            "steps",
            "cosine.* cannot be set: a schedule does not change",
        ),
        (fastopt.schedules.cosine(0.1, steps=10), "lr", "lr of cosine.* cannot be set"),
        (0.1 * fastopt.schedules.cosine(0.1, steps=10), "rate", "cannot be set"),
    ]:
        with pytest.raises(AttributeError, match=message):
            setattr(one, name, 0.5)
    with pytest.raises(AttributeError, match="LossScaler has no init_scale; did you mean scale"):
        print(scaler.init_scale)
    for one, name in ((scaler, "scale"), (plateau, "factor"), (fastopt.schedules.cosine(0.1, steps=10), "steps")):
        with pytest.raises(AttributeError, match=name):
            delattr(one, name)
    plateau.factor, plateau.patience = 0.5, 0
    for loss in (1.0, 1.0):
        plateau.update(loss)
    scaler.note = plateau.note = "the user's own"
    assert (plateau.value, stopping.params["W"].shape, driver.params) == (0.5, (3,), None)


READ_ONLY = {
    "grads": r": write into its arrays, as in opt.grads\['W'\].*, or pass the gradients to opt.step\(grads\)",
    "state": r": write into its arrays, as in opt.state\[0\].*, or call load_state_dict",
    "t": ": applied steps are counted; load_state_dict sets the count of a saved run",
    "uniform_states": ": load_state_dict sets them",
}


@pytest.mark.parametrize("name", READ_ONLY)
def test_what_is_only_read_cannot_be_set_and_the_message_says_what_can(name: str) -> None:
    opt = fastopt.Adam(params())
    with pytest.raises(AttributeError, match=f"^{name} cannot be set to 3{READ_ONLY[name]}"):
        setattr(opt, name, 3)
