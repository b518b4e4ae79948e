"""scikit-learn's MLPClassifier and MLPRegressor, trained by fastopt.

They are scikit-learn's own classes, with two arguments more. Without these the solvers "adam" and "sgd" have
scikit-learn's formulas; with `rule`, any rule of fastopt's takes their place.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from ..kernels import RULES, Rule
from ..kernels.language.hyperparameters import suggestion
from ..optimizer.classes import CLASSES
from ..optimizer.meant import names_meant
from ..optimizer.optimizer import Optimizer, updater_of
from .versions import warn_if_untested

warn_if_untested("scikit-learn", "1.9", "1.9")

# For each solver of scikit-learn's: our class, scikit-learn's argument for each hyperparameter of ours, fixed values.
SOLVERS: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "adam": ("Adam", {"beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon"}, {"eps_hat": True}),
    "sgd": ("SGD", {"momentum": "momentum", "nesterov": "nesterovs_momentum"}, {"lr_inside": True}),
}


class Updates(SGDOptimizer):  # type: ignore[misc]
    """The optimizer that scikit-learn's loop calls: its schedule of the rate, and fastopt's update.

    fastopt's optimizer is made again after unpickling, for the arrays that are then given.
    """

    def __init__(
        self, params: Sequence[Any], rule: Any, hyper: Mapping[str, Any], rate: float, schedule: str, power_t: float
    ) -> None:
        super().__init__([], rate, schedule, power_t=power_t)
        self.rule, self.hyper = rule, dict(hyper)
        self._made: Optimizer | None = made(rule, params, lr=rate, **hyper)
        self._saved: dict[str, Any] | None = None

    def update_params(self, params: Sequence[Any], grads: Sequence[Any]) -> None:
        """Update the parameters in place by one step."""
        if self._made is None:
            self._made = made(self.rule, list(params), lr=self.learning_rate, **self.hyper)
            if self._saved:
                self._made.load_state_dict(self._saved, params=False)
        if self._made.lr != self.learning_rate:
            self._made.lr = self.learning_rate
        # A regressor's gradients are float64 where its targets are.
        self._made.update(params, [g.astype(p.dtype, copy=False) for p, g in zip(params, grads, strict=True)])

    def __getstate__(self) -> dict[str, Any]:
        saved = self._saved
        if self._made is not None:
            saved = self._made.state_dict()
            weights = self._made.rule.arrays[0] + "/"
            saved["arrays"] = {key: array for key, array in saved["arrays"].items() if not key.startswith(weights)}
        return {**self.__dict__, "_made": None, "_saved": saved}


def made(rule: Any, params: Sequence[Any], **hyper: Any) -> Optimizer:
    """An optimizer by the name of a class of fastopt's, by the name of a rule, or of a user's own rule.

    Raises ValueError for a rule that takes the loss, which scikit-learn's loop does not tell.
    """
    make: Callable[..., Optimizer] = Optimizer
    chosen: tuple[Any, ...] = (rule,)
    if isinstance(rule, str) and rule not in RULES:
        if rule not in CLASSES:
            raise ValueError(f"there is no rule {rule!r}; {suggestion(rule, [*CLASSES, *RULES])}")
        make, chosen = CLASSES[rule], ()
    optimizer = make(params, *chosen, **hyper)
    if taking := [own.name for own in updater_of(optimizer).rules if own.takes_loss]:
        raise ValueError(
            f"{taking[0]} takes the loss of each step, which scikit-learn does not tell its optimizer; "
            "choose another rule"
        )
    return optimizer


class Trained:
    """The additions of both estimators to scikit-learn's.

    rule: the name of an optimizer of fastopt's ("Lion") or of a rule ("adam_lp"), or a user's own rule. hyper: its
    hyperparameters and options, such as {"beta1": 0.95, "weight_decay": 0.01}; learning_rate_init is its rate, which
    learning_rate changes as it does with the solver "sgd". Without rule the solver's formula holds.
    `fit` raises TypeError or ValueError for values that the rule cannot use, before it trains; as scikit-learn has it,
    the constructor and set_params take anything.
    """

    def __init__(self, *args: Any, rule: Any = None, hyper: Mapping[str, Any] | None = None, **given: Any) -> None:
        super().__init__(*args, **given)
        self.rule, self.hyper = rule, hyper

    def _fit(self, X: Any, y: Any, sample_weight: Any = None, incremental: bool = False) -> Any:
        """What scikit-learn's `fit` and `partial_fit` call, whether or not they validate parameters."""
        if not (incremental and hasattr(self, "_optimizer")):
            self._check()
        return super()._fit(X, y, sample_weight, incremental)  # type: ignore[misc]

    def __setattr__(self, name: str, value: Any) -> None:
        # What scikit-learn itself sets beside the parameters ends or begins with an underscore.
        if not (name.startswith("_") or name.endswith("_") or name in inspect.signature(type(self)).parameters):
            names, _ = names_meant(Optimizer, name)
            if names:
                inner = ", ".join(f"{one!r}: ..." for one in names)
                remedy = "learning_rate_init" if names == ("lr",) else f"hyper={{{inner}}}, with a rule"
                raise AttributeError(f"{type(self).__name__} has no {name} to set to {value!r}; set {remedy}")
        super().__setattr__(name, value)

    @property
    def _optimizer(self) -> Any:
        """The optimizer, which scikit-learn's loop sets and then calls."""
        try:
            return self.__dict__["_optimizer"]
        except KeyError:
            raise AttributeError(
                f"this {type(self).__name__} has no optimizer before it is trained; call fit"
            ) from None

    @_optimizer.setter
    def _optimizer(self, theirs: Any) -> None:
        own: Any = self
        rule, hyper = self._chosen()
        schedule = own.learning_rate if own.rule is not None or own.solver == "sgd" else "constant"
        params, rate = [*own.coefs_, *own.intercepts_], own.learning_rate_init
        self.__dict__["_optimizer"] = Updates(params, rule, hyper, rate, schedule, own.power_t)

    def _chosen(self) -> tuple[Any, dict[str, Any]]:
        """The rule and its hyperparameters without the rate."""
        own: Any = self
        if own.rule is not None:
            return own.rule, dict(own.hyper or {})
        family, names, fixed = SOLVERS[own.solver]
        given = {name: getattr(own, theirs) for name, theirs in names.items()}
        if not given.get("momentum", True):
            return "SGD", {}
        return family, {**given, **fixed}

    def _check(self) -> None:
        own: Any = self
        if own.rule is None and own.hyper is not None:
            raise ValueError(
                "hyper has no effect without rule; pass rule too, or scikit-learn's own arguments of the solver"
            )
        if own.rule is not None:
            for name in ("solver", *(theirs for _, names, _ in SOLVERS.values() for theirs in names.values())):
                value, default = getattr(own, name), inspect.signature(type(self)).parameters[name].default
                if value != default:
                    raise ValueError(
                        f"{name}={value!r} has no effect with rule; leave {name} out, and pass hyperparameters of the "
                        "rule in hyper"
                    )
            if "lr" in (own.hyper or {}):
                raise ValueError("hyper must not have lr; pass learning_rate_init instead, which learning_rate changes")
        if own.rule is not None or own.solver in SOLVERS:
            # Invalid hyperparameters are refused before the data are looked at; the data give the shapes for lr_scale.
            rule, hyper = self._chosen()
            arrays = 2 * (np.size(own.hidden_layer_sizes) + 1)
            made(rule, [np.zeros(1) for _ in range(arrays)], lr=1e-3, **{**hyper, "lr_scale": None})


def _estimator(base: Any) -> Any:
    """scikit-learn's estimator with what Trained adds; its parameters are read from the signature."""
    theirs = inspect.signature(base)
    own = [p for p in inspect.signature(Trained).parameters.values() if p.name in ("rule", "hyper")]

    def __init__(self: Any, *args: Any, **given: Any) -> None:
        Trained.__init__(self, *args, **given)

    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    __init__.__signature__ = theirs.replace(parameters=[first, *theirs.parameters.values(), *own])  # type: ignore
    constraints = {**base._parameter_constraints, "rule": [str, Rule, None], "hyper": [Mapping, None]}
    about = (inspect.getdoc(Trained) or "").partition("\n\n")[2]
    members = {
        "__init__": __init__,
        "__doc__": f"scikit-learn's {base.__name__}, trained by fastopt.\n\n{about}",
        "__module__": __name__,
        "_parameter_constraints": constraints,
    }
    return type(base.__name__, (Trained, base), members)


MLPClassifier = _estimator(neural_network.MLPClassifier)
MLPRegressor = _estimator(neural_network.MLPRegressor)
