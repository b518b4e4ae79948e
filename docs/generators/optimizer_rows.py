"""How the peers' optimizers are called there and in fastopt.like: what docs/optimizers.md tabulates and
tests/kernels/rules/test_peers.py, tests/like/test_kept.py and tests/like/test_moving.py run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastopt.kernels import RULES
from fastopt.schedules import Schedule, inverse_time

# optax takes the power of b2 otherwise than Python does. With b2 = 0.999 the degrees of freedom are about 5, as a
# difference of numbers near 2,000, so its last bit comes out hundreds of times larger.
CANCELLING = {("optax", "radam", 0.999): 1e-10}
LR, MU, RHO, B1, B2, WD = 0.03, 0.8, 0.95, 0.85, 0.98, 0.1
FALLING = inverse_time(LR, rate=0.1)


@dataclass(frozen=True)
class Row:
    """One optimizer of a peer's with arguments that mean the same there and here.

    rule: its name here. tolerance: how far they may be apart in float64, relative to a weight's largest value. kept:
    whether the peer's weights are kept as data, to which the formula in NumPy is held, in float64; the kernels of other
    rows run beside the peer, in float32 too.
    """

    peer: str
    name: str
    rule: str
    options: Mapping[str, Any] = field(default_factory=dict)
    kept: bool = False

    @property
    def tolerance(self) -> float:
        return CANCELLING.get((self.peer, self.name, self.options.get("b2", 0.999)), 1e-12)

    @property
    def takes_loss(self) -> bool:
        """Whether a step is given the loss."""
        return RULES[self.rule].takes_loss

    @property
    def arguments(self) -> str:
        return ", ".join(f"{name}={told(value)}" for name, value in self.options.items())

    def __str__(self) -> str:
        return f"{self.peer}.{self.name}({self.arguments})"


def told(value: Any) -> str:
    return "falling" if isinstance(value, Schedule) else repr(value)


Table = dict[tuple[str, str], list[dict[str, Any]]]


def _rows(peer: str, shared: Mapping[str, Any], table: Table, kept: bool = False) -> Iterator[Row]:
    for (name, rule), variants in table.items():
        for options in variants:
            yield Row(peer, name, rule, {**shared, **options} if options else {}, kept)


BETAS = {"betas": (B1, B2)}
TORCH: Table = {
    ("SGD", "sgd"): [{}, {"lr": FALLING, "weight_decay": WD, "maximize": True}],
    ("SGD", "momentum"): [{"momentum": MU}, {"lr": FALLING, "momentum": MU, "dampening": 0.3, "weight_decay": WD}],
    ("SGD", "nesterov"): [{"lr": FALLING, "momentum": MU, "nesterov": True}],
    ("Adagrad", "adagrad"): [
        {},
        {"lr_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-6, "weight_decay": WD, "maximize": True},
    ],
    ("RMSprop", "rmsprop"): [{}, {"lr": FALLING, "alpha": RHO, "weight_decay": WD, "maximize": True}],
    ("RMSprop", "rmsprop_centered"): [{"alpha": RHO, "centered": True}],
    ("RMSprop", "rmsprop_momentum"): [{"lr": FALLING, "alpha": RHO, "momentum": MU}],
    ("RMSprop", "rmsprop_centered_momentum"): [{"alpha": RHO, "centered": True, "momentum": MU}],
    ("Adadelta", "adadelta"): [{}, {"lr": 0.5, "rho": RHO, "eps": 1e-7, "weight_decay": WD, "maximize": True}],
    ("Adam", "adam"): [{}, {"lr": FALLING, **BETAS, "weight_decay": WD, "maximize": True}],
    ("Adam", "amsgrad"): [{**BETAS, "amsgrad": True}],
    ("Adam", "adamw"): [{**BETAS, "weight_decay": WD, "decoupled_weight_decay": True}],
    ("AdamW", "adamw"): [{}, {"lr": FALLING, **BETAS, "weight_decay": WD, "maximize": True}],
    ("AdamW", "adamw_amsgrad"): [{**BETAS, "weight_decay": WD, "amsgrad": True}],
    ("Adamax", "adamax"): [{}, {"lr": FALLING, **BETAS, "weight_decay": WD, "maximize": True}],
    ("NAdam", "nadam"): [
        {},
        {**BETAS, "momentum_decay": 0.1, "weight_decay": WD, "maximize": True},
        {**BETAS, "weight_decay": WD, "decoupled_weight_decay": True},
    ],
    ("RAdam", "radam"): [
        {},
        {**BETAS, "weight_decay": WD, "maximize": True},
        {**BETAS, "weight_decay": WD, "decoupled_weight_decay": True},
    ],
}
KERAS_BETAS = {"beta_1": B1, "beta_2": B2}
FALLS = {"learning_rate": FALLING}
KERAS: Table = {
    ("SGD", "sgd"): [{}, {**FALLS, "weight_decay": WD, "clipnorm": 0.5, "name": "SGD"}],
    ("SGD", "momentum"): [{**FALLS, "momentum": MU, "global_clipnorm": 3.0}],
    ("SGD", "nesterov"): [{**FALLS, "momentum": MU, "nesterov": True, "clipvalue": 2.0}],
    ("Adagrad", "adagrad"): [{}, {"epsilon": 1e-5, "initial_accumulator_value": 0.2, "weight_decay": WD}],
    ("RMSprop", "rmsprop"): [{}, {**FALLS, "rho": RHO, "weight_decay": WD}],
    ("RMSprop", "rmsprop_centered"): [{"rho": RHO, "centered": True}],
    ("RMSprop", "rmsprop_momentum"): [{**FALLS, "rho": RHO, "momentum": MU}],
    ("RMSprop", "rmsprop_centered_momentum"): [{**FALLS, "rho": RHO, "centered": True, "momentum": MU}],
    ("Adadelta", "adadelta"): [{}, {"rho": 0.9, "weight_decay": WD}],
    ("Adam", "adam"): [{}, {**FALLS, **KERAS_BETAS, "weight_decay": WD, "loss_scale_factor": 4.0}],
    ("Adam", "amsgrad"): [{**KERAS_BETAS, "amsgrad": True}],
    ("AdamW", "adamw"): [{}, {**FALLS, **KERAS_BETAS, "weight_decay": WD}],
    ("AdamW", "adamw_amsgrad"): [{**KERAS_BETAS, "amsgrad": True}],
    ("Adamax", "adamax"): [{}, {**KERAS_BETAS, "weight_decay": WD}],
    ("Nadam", "nadam"): [{}, {**KERAS_BETAS, "weight_decay": WD}],
    ("Lion", "lion"): [{}, {**KERAS_BETAS, "weight_decay": WD}],
    ("Lamb", "lamb"): [{}, {**KERAS_BETAS, "weight_decay": WD}],
}
RATE = {"learning_rate": LR}
OPTAX_BETAS = {"b1": B1, "b2": B2}
OPTAX: Table = {
    ("sgd", "sgd"): [FALLS],
    ("sgd", "momentum"): [{**FALLS, "momentum": MU}],
    ("sgd", "nesterov"): [{**FALLS, "momentum": MU, "nesterov": True}],
    ("adagrad", "adagrad"): [RATE, {"initial_accumulator_value": 0.0, "eps": 0.0}],
    ("rmsprop", "rmsprop"): [RATE, {"decay": RHO, "eps_in_sqrt": False, "initial_scale": 0.5}],
    ("rmsprop", "rmsprop_centered"): [{"decay": RHO, "eps": 1e-6, "centered": True, "initial_scale": 0.5}],
    ("rmsprop", "rmsprop_momentum"): [{**FALLS, "decay": RHO, "momentum": MU}],
    ("rmsprop", "rmsprop_centered_momentum"): [{**FALLS, "decay": RHO, "eps": 1e-6, "centered": True, "momentum": MU}],
    ("adadelta", "adadelta"): [{"learning_rate": 1.0}, {"rho": RHO, "weight_decay": WD}],
    ("adam", "adam"): [RATE, {**FALLS, **OPTAX_BETAS}],
    ("adam", "adam_eps_root"): [{**OPTAX_BETAS, "eps_root": 1e-8}],
    ("adam", "nadam"): [{**OPTAX_BETAS, "nesterov": True}],
    ("adamw", "adam"): [RATE, {**FALLS, **OPTAX_BETAS, "weight_decay": WD}],
    ("nadam", "nadam"): [RATE],
    ("nadamw", "nadam"): [{**OPTAX_BETAS, "weight_decay": WD}],
    ("amsgrad", "amsgrad"): [RATE, {**OPTAX_BETAS, "bias_correction_nu": False}],
    ("adamax", "adamax"): [RATE],
    ("adamaxw", "adamax"): [{**OPTAX_BETAS, "weight_decay": WD}],
    ("radam", "radam"): [RATE, {**OPTAX_BETAS, "threshold": 10.0}],
    ("lion", "lion"): [RATE, {**OPTAX_BETAS, "weight_decay": WD}],
    ("adabelief", "adabelief"): [{"eps": 1e-12, "eps_root": 1e-12}],
    ("yogi", "yogi"): [RATE],
    ("lamb", "lamb"): [RATE, {**OPTAX_BETAS, "weight_decay": WD}],
    ("lars", "lars"): [RATE, {**FALLS, "momentum": MU, "weight_decay": WD, "trust_coefficient": 0.02, "eps": 1e-3}],
}
THINC_BETAS = {"beta1": B1, "beta2": B2}
THINC: Table = {
    ("SGD", "sgd"): [
        {"learn_rate": LR},
        {"learn_rate": FALLING, "L2": WD},
        {"L2": WD, "L2_is_weight_decay": False, "grad_clip": 0.0, "use_averages": False},
    ],
    ("Adam", "adam"): [{}, {"learn_rate": FALLING, **THINC_BETAS, "L2": WD, "grad_clip": 0.5}],
    ("RAdam", "radam"): [{}, {**THINC_BETAS, "L2": WD, "grad_clip": 0.0}],
}
KEPT_OF_TORCH: Table = {
    ("Rprop", "rprop"): [{}, {"etas": (0.4, 1.3), "step_sizes": (0.01, 0.2), "maximize": True}],
    ("ASGD", "asgd"): [{}, {"lambd": 0.3, "alpha": 0.6, "t0": 10.0, "weight_decay": WD}],
    ("SparseAdam", "adam"): [{}, {**BETAS, "maximize": True}],
}
FTRL = {"l1_regularization_strength": 0.4, "l2_regularization_strength": 0.3, "beta": 0.5, "weight_decay": WD}
KEPT_OF_KERAS: Table = {
    ("Ftrl", "ftrl"): [
        {},
        {"learning_rate": 0.1, **FTRL, "l2_shrinkage_regularization_strength": 0.2, "initial_accumulator_value": 0.2},
    ],
    ("ScheduleFreeAdamW", "schedule_free_adamw"): [{}, {**KERAS_BETAS, "warmup_steps": 8, "weight_decay": WD}],
    ("Adam", "adam"): [{"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 4}],
}
MOMENTS = {**RATE, **OPTAX_BETAS}
DECAYED = {"weight_decay": WD}
# The rates of optax's warm-up are float32, which has each of these.
EXACT = {"learning_rate": 2.0**-5, "warmup_steps": 8}
MODEL = {"learning_rate": 0.2, "lower_bound": 0.5, "weight_decay": WD, "adapt_lower_bound": True}
KEPT_OF_OPTAX: Table = {
    ("rmsprop", "rmsprop"): [{**FALLS, "decay": RHO, "bias_correction": True, "eps_in_sqrt": False}],
    ("rmsprop", "rmsprop_momentum"): [{**FALLS, "momentum": MU, "nesterov": True, "bias_correction": True}],
    ("rmsprop", "rmsprop_centered_momentum"): [
        {**FALLS, "eps": 1e-3, "centered": True, "momentum": MU, "nesterov": True, "initial_scale": 0.5}
    ],
    ("radam", "radam"): [{**MOMENTS, "nesterov": True}],
    ("adabelief", "adabelief"): [{**MOMENTS, "eps": 1e-12, "eps_root": 1e-12, "nesterov": True}],
    ("lars", "lars"): [{**FALLS, "momentum": MU, **DECAYED, "nesterov": True}],
    ("amsgrad", "amsgrad"): [
        {**MOMENTS, "bias_correction_mu": False},
        {**MOMENTS, "bias_correction_mu": False, "bias_correction_nu": False},
    ],
    ("sign_sgd", "signsgd"): [FALLS],
    ("signum", "signum"): [RATE, {**RATE, "beta": MU}],
    ("novograd", "novograd"): [RATE, {**MOMENTS, **DECAYED}],
    ("optimistic_gradient_descent", "optimistic_sgd"): [RATE, {**FALLS, "alpha": 0.9, "beta": 0.6}],
    ("optimistic_adam", "optimistic_nadam"): [RATE, {**MOMENTS, "optimism": 0.02}],
    ("optimistic_adam", "optimistic_adam"): [{**MOMENTS, "nesterov": False}],
    ("optimistic_adam_v2", "optimistic_nadam"): [RATE],
    ("optimistic_adam_v2", "optimistic_adam"): [
        {**MOMENTS, **FALLS, "alpha": 0.9, "beta": 0.6, "eps": 1e-6, "nesterov": False}
    ],
    ("polyak_sgd", "polyak_sgd"): [
        {},
        {"max_learning_rate": 0.3, "f_min": 0.5, "eps": 0.1, "variant": "sps+"},
    ],
    ("contrib.acprop", "acprop"): [RATE, {**MOMENTS, "eps": 1e-4, "eps_root": 1e-4, **DECAYED}],
    ("contrib.ademamix", "ademamix"): [RATE, {**MOMENTS, "b3": 0.99, "alpha": 3.0, **DECAYED}],
    ("contrib.simplified_ademamix", "ademamix_simplified"): [RATE, {**MOMENTS, "alpha": 3.0, **DECAYED}],
    ("contrib.adopt", "adopt"): [RATE, {**MOMENTS, "eps": 0.3, "nesterov": True, "use_clipping": False}],
    ("contrib.cocob", "cocob"): [{}, {"alpha": 10.0, "eps": 1e-3, **DECAYED}],
    ("contrib.dadapt_adamw", "dadapt_adam"): [{}, {"betas": (B1, B2), "estim_lr0": 1e-3, **DECAYED}],
    ("contrib.prodigy", "prodigy"): [
        {},
        {"betas": (B1, B2), "beta3": 0.9, "estim_lr0": 1e-3, "estim_lr_coef": 0.7, **DECAYED, "safeguard_warmup": True},
    ],
    ("contrib.dog", "dog"): [
        {},
        {"init_step": ("distance", 1e-2), **DECAYED},
        {"init_step": ("learning_rate", 1e-2), "learning_rate": FALLING},
    ],
    ("contrib.dowg", "dowg"): [{}, {"init_estim_sq_dist": 1e-2, **DECAYED}],
    ("contrib.momo", "momo"): [{}, {**MODEL, "beta": MU}],
    ("contrib.momo_adam", "momo_adam"): [{}, {**MODEL, **OPTAX_BETAS}],
    ("contrib.schedule_free_sgd", "schedule_free_sgd"): [
        RATE,
        {**EXACT, "b1": MU, **DECAYED, "weight_lr_power": 1.0},
    ],
    ("contrib.schedule_free_adamw", "schedule_free_adamw"): [
        {},
        {**OPTAX_BETAS, **EXACT, "eps": 1e-6, **DECAYED},
    ],
}
ROWS = [
    *_rows("torch", {"lr": LR}, TORCH),
    *_rows("torch", {"lr": LR}, KEPT_OF_TORCH, kept=True),
    *_rows("keras", RATE, KERAS),
    *_rows("keras", RATE, KEPT_OF_KERAS, kept=True),
    *_rows("optax", RATE, OPTAX),
    *_rows("optax", {}, KEPT_OF_OPTAX, kept=True),
    *_rows("thinc", {"learn_rate": LR}, THINC),
]


def table(peer: str, kept: bool = False) -> str:
    """The optimizers of a peer, the rules that they are here, and the arguments with which they were compared.

    kept: those whose weights are kept as data, else the others.
    """
    lines = [f"| `fastopt.like.{peer}` | rule | compared with |", "| --- | --- | --- |"]
    chosen = [row for row in ROWS if (row.peer, row.kept) == (peer, kept)]
    for name, rule in dict.fromkeys((row.name, row.rule) for row in chosen):
        rows = [row for row in chosen if (row.name, row.rule) == (name, rule)]
        calls = "; ".join(f"`{row.arguments}`" if row.options else "its defaults" for row in rows)
        lines.append(f"| `{name}` | `{rule}` | {calls} |")
    return "\n".join(lines)
