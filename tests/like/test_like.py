"""Optimizers by the peers' names: what is accepted, what is refused, and what reading and setting the rate does."""

import functools
import inspect
import operator
import os
import re
from typing import Any

import numpy as np
import pytest
from examples import ROOT, docs, same_bits
from peer_names import made, path_of_formula

import fastopt
from fastopt import like
from fastopt.schedules import linear

ROWS = docs("optimizer_rows").ROWS
NAMES = sorted({(row.peer, row.name) for row in ROWS})
# Their formulas are tested in NumPy, without kernels.
KEPT = {*NAMES} - {(row.peer, row.name) for row in ROWS if not row.kept}
# These have no rate, or one that acts before the first step alone, or cannot be 0.
OF_ITS_OWN = {("optax", "contrib.cocob"), ("optax", "polyak_sgd"), ("torch", "Rprop"), ("keras", "Ftrl")}


def constructor(peer: str, name: str) -> Any:
    return operator.attrgetter(f"{peer}.{name}")(like)


def make(peer: str, optimizer: str, /, **options: Any) -> Any:
    return made(peer, optimizer, np.ones(4), **options)


def rate_of(peer: str) -> str:
    return {"torch": "lr", "keras": "learning_rate", "optax": "learning_rate", "thinc": "learn_rate"}[peer]


def rate(peer: str, name: str) -> dict[str, float]:
    """A rate for an optimizer that takes one."""
    return {} if (peer, name) in OF_ITS_OWN and peer == "optax" else {rate_of(peer): 0.1}


@pytest.mark.parametrize(("peer", "name"), [named for named in NAMES if named not in OF_ITS_OWN])
def test_the_rate_is_lr_and_can_be_set(peer: str, name: str) -> None:
    opt = make(peer, name, **{rate_of(peer): 0.25})

    def after() -> Any:
        if (peer, name) in KEPT:
            # ADOPT's first step only sets its second moment.
            return list(path_of_formula(opt, [[np.full(4, 3.0)]] * 2, [1.0] * 2))[-1]
        opt.step(np.full(4, 3.0))
        return opt.params

    assert isinstance(opt, fastopt.Optimizer)
    assert opt.lr == 0.25
    opt.lr = 0.0
    assert same_bits(after(), np.ones(4))
    opt.lr = 0.5
    assert np.all(after() < 1)


def test_a_rate_that_acts_once_is_a_number() -> None:
    sizes = [slots["size"] for slots in make("torch", "Rprop", lr=0.25).state]
    assert np.all(sizes[0] == 0.25)
    with pytest.raises(TypeError, match="lr acts once, before the first step; pass a number"):
        make("torch", "Rprop", lr=linear(0.1, steps=10))


def test_the_calls_of_keras_that_the_documents_print_run() -> None:
    kwargs: dict[str, Any] = {}
    a, b, c = np.ones(3), np.ones(3), np.ones(3)
    # fmt: off
    one = like.keras.Adagrad(
        a,
        learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-07,
        name='Adagrad', **kwargs
    )
    two = like.keras.RMSprop(
        b,
        learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-07, centered=False,
        name='RMSprop', **kwargs
    )
    three = like.keras.Adam(
        c,
        learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False,
        name='Adam', **kwargs
    )
    # fmt: on
    for opt in (one, two, three):
        opt.step(np.ones(3))
        assert np.all(opt.params < 1)


NOTHING: dict[str, dict[str, Any]] = {
    "torch": {"foreach": None, "fused": None, "capturable": False, "differentiable": False, "maximize": False},
    "keras": {
        **dict.fromkeys(("clipnorm", "clipvalue", "global_clipnorm", "loss_scale_factor", "ema_overwrite_frequency")),
        **{"gradient_accumulation_steps": None, "weight_decay": None, "use_ema": False, "name": "any", "decay": None},
    },
    "optax": {"mu_dtype": None, "mask": None, "eps_root": 0.0, "accumulator_dtype": None, "bias_correction": False}
    | {"state_dtype": None, "clip_value_fn": None, "scaling": 1.0, "optimism": None, "init_estim_sq_dist": None},
    "thinc": {"L2": 0.0, "use_averages": False, "grad_clip": 0.0},
}


@pytest.mark.parametrize(("peer", "name"), NAMES)
def test_arguments_at_their_do_nothing_value_are_accepted(peer: str, name: str) -> None:
    taken = inspect.signature(constructor(peer, name)).parameters
    idle = {n: v for n, v in NOTHING[peer].items() if n in taken or "kwargs" in taken}
    # In these the default does something.
    idle |= {n: taken[n].default for n in ("eps_root", "weight_decay") if n in idle and taken[n].default}
    opt = make(peer, name, **rate(peer, name), **idle)
    assert (peer, name) in OF_ITS_OWN or opt.lr == 0.1


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("torch", "Adam", {"capturable": True}, "capturable=True has no effect here"),
    ("torch", "Adam", {"differentiable": True}, "differentiable=True has no effect here"),
    ("torch", "SGD", {"nesterov": True}, "nesterov=True needs a momentum"),
    ("torch", "SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening 0"),
    ("torch", "SGD", {"dampening": 0.1}, "has no dampening"),
    ("torch", "Adam", {"betas": (0.9, 1.0)}, "beta2 must satisfy"),
    ("torch", "Adam", {"lr": -1.0}, "lr must satisfy"),
    ("torch", "Adam", {"beta1": 0.9}, "beta1"),
    ("keras", "Adam", {"gradient_accumulation_steps": 2}, "gradient_accumulation_steps=2 has no effect here"),
    ("keras", "Adam", {"ema_momentum": 0.9}, "ema_momentum=0.9 has no effect here"),
    ("keras", "Adam", {"ema_overwrite_frequency": 5}, "ema_overwrite_frequency=5 has no effect here: use_ema is off"),
    ("keras", "Adam", {"use_ema": True, "ema_overwrite_frequency": 0}, "ema_overwrite_frequency must be at least 1"),
    ("keras", "Adam", {"use_ema": True, "ema_overwrite_frequency": 2.5}, "must be an int; got 2.5"),
    ("keras", "Ftrl", {"learning_rate_power": -1.0}, "learning_rate_power must be -0.5.*got -1.0"),
    ("keras", "Ftrl", {"l1": 0.1}, "did you mean 'l1_regularization_strength'"),
    ("keras", "ScheduleFreeAdamW", {"use_ema": True}, "keeps an average of its own"),
    ("torch", "Rprop", {"etas": (1.5, 1.2)}, "eta_minus must satisfy"),
    ("torch", "Rprop", {"step_sizes": 0.1}, "step_sizes must be a pair of values, of min_step and max_step"),
    ("torch", "Rprop", {"weight_decay": 0.1}, "weight_decay"),
    ("torch", "ASGD", {"capturable": True}, "capturable=True has no effect here"),
    ("torch", "SparseAdam", {"amsgrad": True}, "amsgrad"),
    ("keras", "Adam", {"clipnorm": 1.0, "clipvalue": 1.0}, "only one of clipnorm, clipvalue, global_clipnorm"),
    ("keras", "Adam", {"clipvalue": -1.0}, "clip_value must satisfy"),
    ("keras", "Adam", {"decay": 0.1}, "Adam has no argument 'decay'; there are params"),
    ("keras", "Adam", {"lr": 0.1}, "Adam has no argument 'lr'; did you mean 'learning_rate'"),
    ("keras", "Adam", {"name": 3}, "name must be a string"),
    ("keras", "AdamW", {"weight_decay": None}, "weight_decay must be a number"),
    ("optax", "sgd", {"nesterov": True}, "no effect without momentum"),
    ("optax", "rmsprop", {"nesterov": True}, "no effect without momentum"),
    ("optax", "rmsprop", {"bias_correction": True, "centered": True}, "what rounding leaves of their difference"),
    ("optax", "signum", {"accumulator_dtype": "bfloat16"}, "state is float32"),
    ("optax", "novograd", {"eps_root": 1e-8}, "fastopt has no such formula"),
    ("optax", "optimistic_adam", {"learning_rate": abs}, "use optimistic_adam_v2, which takes functions"),
    ("optax", "optimistic_adam", {"learning_rate": 0.0, "optimism": 0.1}, "optimism needs a learning_rate above 0"),
    ("optax", "polyak_sgd", {"scaling": 0.5}, "scaling must be 1.0; got 0.5"),
    ("optax", "polyak_sgd", {"variant": "sps-"}, "variant must be 'sps' or 'sps\\+'; got 'sps-'"),
    ("optax", "contrib.cocob", {"learning_rate": 0.5}, "learning_rate=0.5 has no effect here"),
    ("optax", "contrib.adopt", {"clip_value_fn": abs}, "fastopt has no such formula"),
    ("optax", "contrib.acprop", {"eps": 1e-8}, "fastopt has no such formula"),
    ("optax", "contrib.prodigy", {"betas": (0.9,)}, "betas must be a pair of values"),
    ("optax", "contrib.dog", {"init_step": 1e-6}, "init_step must be a pair of a kind and a number"),
    ("optax", "contrib.dog", {"init_step": ("norm", 1e-6)}, "init must be 'heuristic', 'distance' or 'learning_rate'"),
    ("optax", "contrib.schedule_free_sgd", {"learning_rate": abs}, "learning_rate must be a number, as in optax"),
    ("optax", "contrib.schedule_free_adamw", {"state_dtype": "bfloat16"}, "state is float32"),
    ("optax", "adam", {"mu_dtype": "bfloat16"}, "state is float32"),
    ("optax", "adam", {"nesterov": True, "eps_root": 1e-8}, "fastopt has no such formula"),
    ("optax", "adamw", {"mask": {}}, "a weight decay of its own"),
    ("optax", "adabelief", {"eps": 1e-8}, "fastopt has no such formula"),
    ("optax", "lars", {"trust_ratio_mask": False}, "make an optimizer for each part"),
    ("optax", "adadelta", {"learning_rate": None}, "climb"),
    ("thinc", "Adam", {"beta1": 0.0}, "use SGD"),
    ("thinc", "Adam", {"L2": 0.1, "L2_is_weight_decay": False}, "pass grad_clip=0"),
    ("thinc", "Adam", {"learn_rate": [0.1, 0.01]}, "pass a function of the step"),
]


@pytest.mark.parametrize(("peer", "name", "options", "message"), REFUSED)
def test_what_cannot_be_honoured_is_an_error(peer: str, name: str, options: dict[str, Any], message: str) -> None:
    needed = rate(peer, name) if peer == "optax" else {}
    make(peer, name, **needed)
    with pytest.raises((TypeError, ValueError), match=message):
        make(peer, name, **{**needed, **options})


@pytest.mark.parametrize("name", ["adan", "rprop", "contrib.schedule_free"])
def test_what_is_no_optimizer_here_is_refused_by_name(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"has no {name.rpartition('.')[2]}.* use .*"):
        operator.attrgetter(name)(like.optax)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        operator.attrgetter(name.rpartition(".")[0] + ".nothing" if "." in name else "nothing")(like.optax)


@pytest.mark.parametrize("name", ["polyak_sgd", "contrib.momo", "contrib.momo_adam"])
def test_a_loss_is_asked_for(name: str) -> None:
    opt = make("optax", name)
    with pytest.raises(TypeError, match=f"{opt.rule.name} needs the loss of the step; pass it by name"):
        opt.step(np.ones(4))
    assert (same_bits(opt.params, np.ones(4)), opt.t) == (True, 0)


def test_functions_are_called_as_the_peer_calls_them() -> None:
    def rates(opt: Any) -> list[float]:
        seen = []
        for _ in range(3):
            opt.params[...] = 1.0
            opt.step(np.ones(4))
            seen.append(round(1.0 - opt.params[0], 12))
        return seen

    assert rates(like.optax.sgd(np.ones(4), lambda count: 0.1 * (count + 1))) == [0.1, 0.2, 0.3]
    assert rates(like.torch.SGD(np.ones(4), lr=lambda t: 0.1 * t)) == [0.1, 0.2, 0.3]
    for peer in ("torch", "keras", "optax"):
        ours = linear(0.1, steps=10, end=1.1)
        sgd = getattr(getattr(like, peer), "sgd" if peer == "optax" else "SGD")
        assert rates(sgd(np.ones(4), ours)) == [0.1, 0.2, 0.3]
        falls = like.optax.exponential_decay(0.8, 1, 0.5)
        assert rates(sgd(np.ones(4), falls)) == [0.8, 0.4, 0.2]
    assert rates(like.keras.SGD(np.ones(4), learning_rate=lambda: 0.25)) == [0.25] * 3
    assert rates(like.thinc.SGD(np.ones(4), lambda step: 0.1 * (step + 1), grad_clip=0.0)) == [0.1, 0.2, 0.3]


def test_the_code_of_the_page_runs() -> None:
    page = (ROOT / "docs" / "optimizers.md").read_text(encoding="utf-8")
    names = {"fastopt": fastopt, "params": {"W": np.ones((2, 3), "float32")}}
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], names)
    assert names["opt"].lr == 1e-4


def test_trees_groups_of_types_and_other_libraries_are_taken_as_everywhere() -> None:
    params = {"layers": [{"W": np.ones((2, 3), "float32")}, {"W": np.ones(3, "float16")}]}
    opt = like.keras.Adam(params, 0.1, 0.8)
    opt.step({"layers": [{"W": np.ones((2, 3), "float32")}, {"W": np.ones(3, "float16")}]})
    assert opt.beta1 == 0.8
    assert np.all(params["layers"][0]["W"] < 1)
    with pytest.raises(TypeError, match=r"numpy\.asarray"):
        like.torch.Adam(np.ma.ones(3))


def test_torchs_groups_are_groups_here() -> None:
    weights = [np.ones(2), np.ones(2), np.ones(3)]
    groups = [{"params": weights[:2], "weight_decay": 0.5}, {"params": weights[2], "lr": 0.25}]
    opt = like.torch.SGD(groups, lr=0.5)
    assert (opt.lr, opt.groups["0"].weight_decay, opt.groups["1"].lr) == (0.5, 0.5, 0.25)
    opt.step([[np.ones(2), np.zeros(2)], np.ones(3)])
    assert [weight[0] for weight in weights] == [0.25, 0.75, 0.75]
    opt = like.torch.AdamW([{"params": np.ones(2), "weight_decay": 0.0}, {"params": np.ones(3)}])
    assert (opt.weight_decay, opt.groups["0"].weight_decay, dict(opt.groups["1"])) == (0.01, 0.0, {})
    with pytest.raises(ValueError, match=r"params\[0\] differs in maximize"):
        like.torch.SGD([{"params": np.ones(2), "maximize": True}])
    with pytest.raises(TypeError, match="lrr"):
        like.torch.SGD([{"params": np.ones(2), "lrr": 0.1}])


@pytest.mark.peers
@pytest.mark.parametrize(("peer", "name"), NAMES)
def test_arguments_and_defaults_are_the_peers(peer: str, name: str) -> None:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    import optax
    import thinc.api
    import torch

    home = {"torch": torch.optim, "keras": keras.optimizers, "optax": optax, "thinc": thinc.api}[peer]
    theirs = inspect.signature(operator.attrgetter(name)(home)).parameters
    ours = inspect.signature(constructor(peer, name)).parameters
    assert next(iter(ours)) == "params"
    # Of a default that is a function None takes the place.
    wanted = {n: None if inspect.isfunction(one.default) else one.default for n, one in theirs.items() if n != "params"}
    # Keras has the arguments that all share behind the others and in places; here they go by name.
    assert [(n, one.default) for n, one in ours.items() if n != "params"] == list(wanted.items())
    kinds = {n: one.kind for n, one in theirs.items() if n in ours}
    if peer != "keras":
        assert all(ours[n].kind == kind for n, kind in kinds.items() if n != "params")


# Rules that fastopt does not have.
ELSEWHERE = {
    "torch": {"Adafactor", "LBFGS", "Muon", "Optimizer"},
    "keras": {"Adafactor", "LossScaleOptimizer", "MultiOptimizer", "Muon", "Optimizer", "OptimizerMap"},
    "optax": {
        # Refused by name, with the reason.
        *("adan", "rprop", "contrib.schedule_free"),
        *("adafactor", "fromage", "lbfgs", "noisy_sgd", "sm3", "contrib.dpsgd", "contrib.galore", "contrib.madgrad"),
        *("contrib.muon", "contrib.sophia"),
    },
}


def is_optimizer(name: str, one: Any, module: Any = None) -> bool:
    """Whether a function of optax's, of a module, makes an optimizer, which has a rate."""
    if isinstance(one, functools.partial):
        one = one.func
    if not inspect.isfunction(one) or name.startswith("_") or (module and one.__module__ != module.__name__):
        return False
    parameters = inspect.signature(one).parameters
    return not name.startswith("scale_by") and any("learning_rate" in parameter for parameter in parameters)


@pytest.mark.peers
def test_every_optimizer_that_both_have_is_here() -> None:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    import optax
    import torch

    theirs = {
        "torch": {name for name in torch.optim.__all__ if inspect.isclass(getattr(torch.optim, name))},
        "keras": {name for name, one in vars(keras.optimizers).items() if inspect.isclass(one)},
        "optax": {name for name, one in vars(optax._src.alias).items() if is_optimizer(name, one, optax._src.alias)}
        | {f"contrib.{name}" for name, one in vars(optax.contrib).items() if is_optimizer(name, one)},
    }
    for peer, found in theirs.items():
        assert found - ELSEWHERE[peer] == {name for where, name in NAMES if where == peer}


# Arguments that are no hyperparameters, nor options here: attributes of such names are the user's own.
FREE = {
    "torch": {"foreach", "fused", "capturable", "differentiable"},
    "keras": {"gradient_accumulation_steps", "learning_rate_power", "name", "kwargs"},
    "optax": {
        *("accumulator_dtype", "mu_dtype", "mask", "weight_decay_mask", "trust_ratio_mask", "initial_scale"),
        *("bias_correction_mu", "bias_correction_nu", "state_dtype", "clip_value_fn", "variant", "scaling", "optimism"),
    },
    "thinc": set(),
}


@pytest.mark.parametrize(("peer", "name"), NAMES)
def test_no_argument_of_a_peer_is_set_silently_on_an_optimizer_that_lacks_it(peer: str, name: str) -> None:
    opt = fastopt.SGD(np.ones(4))
    for argument in inspect.signature(constructor(peer, name)).parameters:
        if argument not in {"params", "lr", *FREE[peer]}:
            with pytest.raises(AttributeError, match=argument):
                setattr(opt, argument, 0.5)


def test_numbers_are_read_and_set_by_the_peer_s_names() -> None:
    opt = make("keras", "Adam", global_clipnorm=1.0)
    assert (opt.learning_rate, opt.beta_1, opt.epsilon, opt.global_clipnorm) == (0.001, 0.9, 1e-7, 1.0)
    opt.learning_rate, opt.epsilon, opt.beta_2 = 0.5, 1e-3, 0.75
    assert (opt.lr, opt.eps, opt.beta2, "learning_rate" in vars(opt)) == (0.5, 1e-3, 0.75, False)
    opt.learning_rate = lambda: 0.25
    opt.step(np.full(4, 3.0))
    assert opt.params[0] == pytest.approx(0.75, abs=1e-3)
    with pytest.raises(ValueError, match="lr must satisfy"):
        opt.learning_rate = -1
    with pytest.raises(
        AttributeError, match=r"clipnorm cannot be .*made without clip_array_norm; make another with clipnorm=2\.0"
    ):
        opt.clipnorm = 2.0
    with pytest.raises(AttributeError, match="cannot be removed"):
        del opt.learning_rate
    rho = make("keras", "RMSprop")
    rho.rho = 0.5
    assert rho.alpha == 0.5
    opt = make("keras", "Adam", use_ema=True, ema_momentum=0.9)
    opt.ema_momentum = 0.5
    assert (opt.use_ema, opt.ema_momentum, opt.hyper.ema(1), opt.hyper.ema(2), rho.use_ema) == (
        True,
        0.5,
        0,
        0.5,
        False,
    )
    opt.hyper.ema = 0.75
    assert opt.ema_momentum == 0.75
    overwritten = make("keras", "Adam", use_ema=True, ema_overwrite_frequency=2)
    overwritten.ema_overwrite_frequency = 3
    assert [overwritten.ema_overwrite_frequency, *map(overwritten.hyper.ema_overwrite, range(1, 5))] == [3, 0, 0, 1, 0]
    with pytest.raises(AttributeError, match=r"without ema_overwrite; make another with ema_overwrite_frequency=3"):
        opt.ema_overwrite_frequency = 3
    with pytest.raises(ValueError, match="ema must satisfy"):
        opt.ema_momentum = 1.5
    with pytest.raises(AttributeError, match="make another with use_ema=False"):
        opt.use_ema = False
    with pytest.raises(AttributeError, match=r"without ema; make another with ema_momentum=0\.5"):
        rho.ema_momentum = 0.5
    opt = make("thinc", "Adam", L2=0.1)
    with pytest.raises(AttributeError, match="make another with L2_is_weight_decay=False"):
        opt.L2_is_weight_decay = False
    opt.learn_rate, opt.L2, opt.b1 = lambda t: 1 / (t + 1), 0.2, 0.5
    assert (opt.lr(1), opt.weight_decay, opt.beta1, opt.grad_clip) == (1, 0.2, 0.5, 1)
    # One optimizer's names are no other's.
    with pytest.raises(AttributeError, match="fastopt calls it lr"):
        make("torch", "Adam").learning_rate = 1
    with pytest.raises(AttributeError, match="fastopt calls it beta1"):
        make("optax", "adam", learning_rate=0.1).b1 = 0.5


def test_torch_s_groups_are_read_and_set() -> None:
    opt = make("torch", "AdamW", lr=0.5)
    (group,) = opt.param_groups
    assert dict(group) | {"params": None} == {
        **{"params": None, "lr": 0.5, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01, "eps_hat": False},
    }
    assert group["params"][0] is opt.params
    group["lr"] *= 0.5
    group["betas"] = (0.5, 0.75)
    assert (opt.lr, opt.beta1, opt.betas) == (0.25, 0.5, (0.5, 0.75))
    for wrong in ((0.25, 1.0), (0.25,), 0.25):
        with pytest.raises(ValueError, match=r"beta"):
            group["betas"] = wrong
    assert opt.betas == (0.5, 0.75)
    with pytest.raises(ValueError, match=r"beta2"):
        group.update(lr=0.75, betas=(0.25, 3.0))
    assert (opt.lr, opt.betas) == (0.25, (0.5, 0.75))
    group.update({"lr": 0.125}, betas=(0.5, 0.75))
    group["lr"] *= 2
    for wrong_name in ("learning_rate", "params", "beta1x"):
        with pytest.raises(KeyError, match="cannot be set; this group has lr, betas, eps"):
            group[wrong_name] = 1
    with pytest.raises(AttributeError, match="param_groups cannot be replaced"):
        opt.param_groups = []
    a, b, c = (np.ones(2, "float32") for _ in range(3))
    opt = like.torch.SGD([{"params": [a]}, {"params": {"b": b}, "lr": 0.25}], lr=0.5)
    for group in opt.param_groups:
        group["lr"] *= 0.5
    assert ([own.lr for own in opt.groups.values()], opt.param_groups[1]["params"][0] is b) == ([0.25, 0.125], True)
    opt = like.torch.SGD([{"params": [a]}, {"params": [c]}, {"params": b, "lr": 0.25}], lr=0.5)
    opt.lr = 0.75
    opt.param_groups[0]["lr"] = 1.0
    assert [group["lr"] for group in opt.param_groups] == [1, 0.75, 0.25]
    opt = like.torch.Adam([{"params": [a]}, {"params": [c]}])
    with pytest.raises(ValueError, match="beta2 must satisfy"):
        opt.param_groups[0]["betas"] = (0.5, 1.0)
    assert [dict(own) for own in opt.groups.values()] == [{}, {}]
    opt = like.torch.SGD([{"params": []}, {"params": a}])
    for group in opt.param_groups:
        group["lr"] *= 0.5
    assert [group["lr"] for group in opt.param_groups] == [1e-3, 5e-4]


def test_torch_s_loop_over_groups_sets_each_group_once_and_a_checkpoint_has_it() -> None:
    def made() -> Any:
        arrays = [np.ones(2, "float32") for _ in range(3)]
        return like.torch.SGD(
            [{"params": arrays[:1]}, {"params": arrays[1]}, {"params": arrays[2], "lr": 0.25}], lr=0.5
        )

    opt = made()
    before = opt.state_dict()
    for _ in range(2):
        for group in opt.param_groups:
            group["lr"] *= 0.5
    assert [group["lr"] for group in opt.param_groups] == [0.125, 0.125, 0.0625]
    grads = [[np.ones(2, "float32")], np.ones(2, "float32"), np.ones(2, "float32")]
    opt.step(grads)
    assert [opt.params[0][0][0], opt.params[1][0], opt.params[2][0]] == [0.875, 0.875, 0.9375]
    with pytest.raises(ValueError, match=r"each group has its own lr here; set those: for g in opt\.param_groups"):
        opt.lr = 1.0
    other = made()
    other.load_state_dict(opt.state_dict())
    assert [group["lr"] for group in other.param_groups] == [0.125, 0.125, 0.0625]
    # Optimizers of older versions had groups for those numbers alone that differ.
    older = {**before, "groups": {"2": {"lr": 0.25}}}
    made().load_state_dict(older)
    opt.load_state_dict(before)
    assert [dict(own) for own in opt.groups.values()] == [{}, {}, {"lr": 0.25}]
    opt.step(grads)
    assert [opt.params[0][0][0], opt.params[1][0], opt.params[2][0]] == [0.5, 0.5, 0.75]
    state = opt.state_dict()
    for wrong in ({"clip_norm": 1.0}, {"momentum": 0.5}, {"lr": {"function": "f"}}):
        with pytest.raises(ValueError, match=r"the state has groups\['0'\]\.\w+, the optimizer not"):
            made().load_state_dict({**state, "groups": {"0": wrong, "2": {"lr": 0.25}}})
    adam = like.torch.Adam([{"params": np.ones(2)}])
    with pytest.raises(ValueError, match=r"groups\['0'\]\.eps_hat, the optimizer not"):
        adam.load_state_dict({**adam.state_dict(), "groups": {"0": {"eps_hat": True}}})
    with pytest.raises(ValueError, match="lr must satisfy"):
        made().load_state_dict({**state, "groups": {"0": {"lr": -1.0}, "2": {"lr": 0.25}}})


@pytest.mark.parametrize("betas", [(0.9,), 0.9])
def test_betas_that_are_no_pair_are_named(betas: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^betas must be a pair of values, of beta1 and beta2; got "):
        fastopt.like.torch.Adam([np.ones(3)], betas=betas)
