"""Where optax's states have the slots and numbers of our rules, by rule and by a key such as ScaleByAdamState.mu."""

_MOMENTS = {"ScaleByAdamState.mu": "m", "ScaleByAdamState.nu": "v"}
_SQUARES = {"ScaleByRmsState.nu": "v"}
_CENTERED = {"ScaleByRStdDevState.mu": "a", "ScaleByRStdDevState.nu": "v"}
_TRACE, _OPPOSITE = {"TraceState.trace": "b"}, {"TraceState.trace": "-b"}
PREVIOUS = "ScaleByOptimisticGradientState.previous_gradient"
# For each rule optax's places of the slots, and our slots, or the names in fastopt/checkpoint/made.py; a minus sign
# marks values of opposite sign.
STATE: dict[str, dict[str, str]] = {
    "sgd": {},
    "momentum": _TRACE,
    "nesterov": _TRACE,
    "adagrad": {"ScaleByRssState.sum_of_squares": "h"},
    "rmsprop": _SQUARES,
    "rmsprop_centered": _CENTERED,
    "rmsprop_momentum": {**_SQUARES, **_OPPOSITE},
    "rmsprop_centered_momentum": {**_CENTERED, **_OPPOSITE},
    "adadelta": {"ScaleByAdaDeltaState.e_g": "v", "ScaleByAdaDeltaState.e_x": "u"},
    "adam": _MOMENTS,
    "adam_eps_root": _MOMENTS,
    "adamw": _MOMENTS,
    "amsgrad": {
        "ScaleByAmsgradState.mu": "m",
        "ScaleByAmsgradState.nu": "v",
        "ScaleByAmsgradState.nu_max": "v_max",
    },
    "adamax": {"ScaleByAdamState.mu": "m", "ScaleByAdamState.nu": "u"},
    "nadam": _MOMENTS,
    "radam": _MOMENTS,
    "lion": {"ScaleByLionState.mu": "m"},
    "adabelief": {"ScaleByBeliefState.mu": "m", "ScaleByBeliefState.nu": "s"},
    "yogi": _MOMENTS,
    "lamb": _MOMENTS,
    "lars": _OPPOSITE,
    "signsgd": {},
    "signum": {"EmaState.ema": "m"},
    "novograd": {"ScaleByNovogradState.mu": "m"},
    "optimistic_sgd": {PREVIOUS: "last"},
    "optimistic_adam": _MOMENTS,
    "optimistic_nadam": {**_MOMENTS, PREVIOUS: "last"},
    "polyak_sgd": {},
    "acprop": {"ScaleByBeliefState.mu": "m", "ScaleByBeliefState.nu": "s"},
    "ademamix": {"ScaleByAdemamixState.m1": "m", "ScaleByAdemamixState.m2": "slow", "ScaleByAdemamixState.nu": "v"},
    "ademamix_simplified": {"ScaleBySimplifiedAdEMAMixState.m": "m", "ScaleBySimplifiedAdEMAMixState.n": "v"},
    "adopt": _MOMENTS,
    "cocob": {
        "COCOBState.init_particles": "p0",
        "COCOBState.cumulative_gradients": "gradients",
        "COCOBState.scale": "largest",
        "COCOBState.subgradients": "magnitudes",
        "COCOBState.reward": "reward",
    },
    "dadapt_adam": {
        "DAdaptAdamWState.exp_avg": "m",
        "DAdaptAdamWState.exp_avg_sq": "v",
        "DAdaptAdamWState.grad_sum": "s",
    },
    "prodigy": {
        "ProdigyState.exp_avg": "m",
        "ProdigyState.exp_avg_sq": "v",
        "ProdigyState.grad_sum": "s",
        "ProdigyState.params0": "p0",
    },
    "dog": {"DoGState.init_params": "p0"},
    "dowg": {"DoWGState.init_params": "p0"},
    "momo": {"MomoState.exp_avg": "m"},
    "momo_adam": {"MomoAdamState.exp_avg": "m", "MomoAdamState.exp_avg_sq": "v"},
    "schedule_free_sgd": {"ScheduleFreeState.z": "z"},
    "schedule_free_adamw": {"ScheduleFreeState.z": "z", "ScaleByRmsWithCountState.nu": "v"},
}
# For each rule optax's places of its uniform states, one or several of which have the number there.
_AVERAGED: dict[str, tuple[str, ...]] = {
    "ScheduleFreeState.weight_sum": ("weight_sum",),
    "ScheduleFreeState.max_lr": ("lr_max",),
}
NUMBERS: dict[str, dict[str, tuple[str, ...]]] = {
    "novograd": {"ScaleByNovogradState.nu": ("v",)},
    "dadapt_adam": {
        "DAdaptAdamWState.estim_lr": ("d",),
        "DAdaptAdamWState.numerator_weighted": ("numerator",),
    },
    "prodigy": {"ProdigyState.estim_lr": ("d", "d_max"), "ProdigyState.numerator_weighted": ("numerator",)},
    "dog": {"DoGState.max_dist": ("distance",), "DoGState.sum_sq_norm_grads": ("squares",)},
    "dowg": {"DoWGState.estim_sq_dist": ("sq_dist",), "DoWGState.weighted_sq_norm_grads": ("squares",)},
    "momo": {"MomoState.barf": ("mean_loss",), "MomoState.gamma": ("slope",), "MomoState.lb": ("bound",)},
    "momo_adam": {
        "MomoAdamState.barf": ("mean_loss",),
        "MomoAdamState.gamma": ("slope",),
        "MomoAdamState.lb": ("bound",),
    },
    "schedule_free_sgd": _AVERAGED,
    "schedule_free_adamw": _AVERAGED,
}
# What optax names the counts of steps, each with the number that it starts from, and whether there was none.
COUNTS = {"count": 0, "count_m2": 0, "t": 0, "step_count": 1}
FLAGS = ("is_init_step", "is_initial_step")
# A hyperparameter that optax keeps in the state, and the names that it has here.
GIVEN = {"ScheduleFreeState.b1": ("beta1", "momentum")}
# The choices of formula that optax leaves to the caller.
FREE = (
    *("eps_inside", "correct", "correct_mean", "nesterov", "bias_correction", "clip", "clamp", "init"),
    *("safeguard_warmup", "adapt_lower_bound"),
)
