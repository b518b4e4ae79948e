"""How other libraries spell hyperparameters and options, and which known name another was meant to be."""

import functools
import re
from collections.abc import Iterable

# By their name: ours.
TORCH = {"initial_accumulator_value": "initial_accumulator", "momentum_decay": "psi"}
KERAS = {
    "learning_rate": "lr",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "epsilon": "eps",
    "initial_accumulator_value": "initial_accumulator",
    "l1_regularization_strength": "l1",
    "l2_regularization_strength": "l2",
    "l2_shrinkage_regularization_strength": "l2_shrinkage",
    "clipnorm": "clip_array_norm",
    "global_clipnorm": "clip_norm",
    "clipvalue": "clip_value",
}
OPTAX = {
    "learning_rate": "lr",
    "b1": "beta1",
    "b2": "beta2",
    "decay": "alpha",
    "eps_in_sqrt": "eps_inside",
    "initial_accumulator_value": "initial_accumulator",
    "trust_coefficient": "trust",
    "b3": "beta3",
    "estim_lr0": "d0",
    "estim_lr_coef": "d_coef",
    "init_estim_sq_dist": "init_sq_dist",
    "max_learning_rate": "max_lr",
    "use_clipping": "clip",
}
THINC = {"learn_rate": "lr", "b1": "beta1", "b2": "beta2", "L2": "weight_decay", "grad_clip": "clip_array_norm"}
# Names of two of ours.
PAIRS = {
    "betas": ("beta1", "beta2"),
    "etas": ("eta_minus", "eta_plus"),
    "step_sizes": ("min_step", "max_step"),
}
# What is not renamed alone, or stands in older versions and in other libraries.
OTHERS = {
    "use_ema": "ema",
    "ema_momentum": "ema",
    "ema_overwrite_frequency": "ema_overwrite",
    "use_averages": "ema",
    "loss_scale_factor": "grad_scale",
    "decoupled_weight_decay": "decay",
    "L2_is_weight_decay": "decay",
    "weight_decay_rate": "weight_decay",
    "max_grad_norm": "clip_norm",
    "gradient_accumulation_steps": "accumulate",
    # jax.example_libraries, autograd, MXNet
    "step_size": "lr",
    "mass": "momentum",
    "wd": "weight_decay",
    "rescale_grad": "grad_scale",
    "clip_gradient": "clip_value",
}
SPELLINGS = {
    **{theirs: (ours,) for names in (TORCH, KERAS, OPTAX, THINC, OTHERS) for theirs, ours in names.items()},
    **PAIRS,
}


def meant(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known names that a name stands for in another library, or that may have been mistyped; none if there are
    none."""
    known = tuple(known)
    theirs = {theirs: ours for theirs, ours in SPELLINGS.items() if set(ours) <= set(known) and theirs not in known}
    # Nothing is refused for what is meant, so that short names may be nearer here.
    near = name if name in theirs else nearest(name, (*known, *theirs), 3)
    return theirs.get(near, (near,)) if near else ()


@functools.lru_cache(1024)
def nearest(name: str, known: tuple[str, ...], short: int = 4) -> str | None:
    """The known name that may have been mistyped: a letter or two are more, fewer, other or exchanged. Of names with
    fewer letters than `short` the letters are the same."""
    plain = _plain(name)
    found = []
    for one in known:
        other = _plain(one)
        least = min(len(plain), len(other))
        most = 0 if least < short else 1 if least < 8 else 2
        if abs(len(plain) - len(other)) <= most and (sorted(plain) == sorted(other) or _edits(plain, other) <= most):
            found.append((_edits(plain, other), one))
    return min(found)[1] if found else None


def _plain(name: str) -> str:
    """A name in small letters, without underscores and with each doubled letter once."""
    return re.sub(r"(.)\1+", r"\1", name.lower().replace("_", ""))


def _edits(one: str, other: str) -> int:
    """How many letters differ, where a pair that is exchanged counts once."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one):
        row = [i + 1]
        for j, wanted in enumerate(other):
            row.append(min(row[j] + 1, rows[i][j + 1] + 1, rows[i][j] + (letter != wanted)))
            if i and j and (letter, one[i - 1]) == (other[j - 1], wanted):
                row[-1] = min(row[-1], rows[i - 1][j - 1] + 1)
        rows.append(row)
    return rows[-1][-1]
