"""Schedule-Free: an average of the weights in place of a schedule that ends at a step known beforehand."""

from ..families import Family
from ..language.functions import decayed, maximum, minimum, over_parts, quotient, where
from ..rule_type import rule
from .adam import normalized
from .radam import rectifier

AVERAGING = "0 <= weight_decay < inf, 0 <= r < inf, 0 <= weight_lr_power < inf"
WARMUP = "0 <= lr < inf, 0 <= warmup_steps < inf"
MOMENTS = "0 < beta1 < 1, 0 <= beta2 < 1, eps >= 0"


def warm_part(t, warmup):
    """The part of a warm-up of so many steps that is over after step t, from 0 to 1; 1 if it has none."""
    return where(warmup > 0, minimum(t / where(warmup > 0, warmup, 1.0), 1.0), 1.0)


def weighed(t, lr, r, weight_lr_power, lr_max, weight_sum):
    """The part of a step's weight in the sum of all weights; then the uniform states, the largest rate and the sum."""
    lr_max = maximum(lr_max, lr)
    weight = t**r * lr_max**weight_lr_power
    weight_sum = weight_sum + weight
    return quotient(weight, weight_sum), lr_max, weight_sum


def moved(p, z, step, lr, beta1, c):
    """The points y and z after a step from z, of which c is the weight in x; x itself is not needed."""
    return p + c * (z - p) + lr * (beta1 * (1 - c) - 1) * step, z - lr * step


def average_x(p, z, beta1):
    """The average x, of which y = beta1 * x + (1 - beta1) * z; exactly y where z is y."""
    return p + (1 - 1 / beta1) * (z - p)


def x_of_sgd(p, z, *, momentum):
    return average_x(p, z, momentum)


def x_of_adam(p, z, *, beta1):
    return average_x(p, z, beta1)


@rule(
    require=f"{WARMUP}, 0 < momentum < 1, {AVERAGING}",
    start={"z": "p"},
    states=("lr_max", "weight_sum"),
    average=x_of_sgd,
)
def schedule_free_sgd(
    p,
    g,
    z,
    *,
    t,
    lr=1.0,
    momentum=0.9,
    weight_decay=0.0,
    warmup_steps=0.0,
    r=0.0,
    weight_lr_power=2.0,
    late_warmup=False,
    lr_max=0.0,
    weight_sum=0.0,
):
    """Defazio et al. 2024, arXiv:2405.15682, with the weights and the warm-up of the authors' package schedulefree.
    The parameter is y, where gradients are taken; z takes the steps; the average x of all z is read with
    opt.averaged().

    momentum: the part of x in y, the paper's beta.
    weight_decay: weight_decay * y is added to the gradient.
    """
    weighing = lr * warm_part(t, warmup_steps)
    lr = lr * warm_part(t - 1, warmup_steps) if late_warmup else weighing
    c, lr_max, weight_sum = weighed(t, weighing, r, weight_lr_power, lr_max, weight_sum)
    p, z = moved(p, z, g + weight_decay * p, lr, momentum, c)
    return p, z, lr_max, weight_sum


@rule(require=f"{WARMUP}, {MOMENTS}, {AVERAGING}", start={"z": "p"}, states=("lr_max", "weight_sum"), average=x_of_adam)
def schedule_free_adamw(
    p,
    g,
    z,
    v,
    *,
    t,
    lr=2.5e-3,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
    warmup_steps=0.0,
    r=0.0,
    weight_lr_power=2.0,
    late_warmup=False,
    decay_first=False,
    lr_max=0.0,
    weight_sum=0.0,
):
    """Defazio et al. 2024, arXiv:2405.15682, Algorithm 1, as in the authors' package schedulefree, where the bias of v
    is corrected in the divisor and not in the rate. The parameter is y, where gradients are taken; z takes the steps;
    the average x of all z is read with opt.averaged().

    beta1: the part of x in y.
    weight_decay: weight_decay * y is added to the step before the rate multiplies it.
    decay_first: the decay moves y alone, before the step, by lr * weight_decay without a warm-up, as in keras, whose
    average is that of weight_lr_power = 0.
    """
    weighing = lr * warm_part(t, warmup_steps)
    p = decayed(p, lr, weight_decay) if decay_first else p
    lr = lr * warm_part(t - 1, warmup_steps) if late_warmup else weighing
    c, lr_max, weight_sum = weighed(t, weighing, r, weight_lr_power, lr_max, weight_sum)
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    step = normalized(g, v, t, beta2=beta2, eps=eps)
    p, z = moved(p, z, step if decay_first else step + weight_decay * p, lr, beta1, c)
    return p, z, v, lr_max, weight_sum


@rule(
    require=f"0 <= lr < inf, {MOMENTS}, {AVERAGING}",
    start={"z": "p"},
    states=("lr_max", "weight_sum"),
    average=x_of_adam,
)
def schedule_free_radam(
    p,
    g,
    z,
    v,
    *,
    t,
    lr=2.5e-3,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
    r=0.0,
    weight_lr_power=2.0,
    silent_sgd_phase=True,
    lr_max=0.0,
    weight_sum=0.0,
):
    """Defazio et al. 2024, arXiv:2405.15682, with the rectified rate of Liu et al. 2020, arXiv:1908.03265, in place of
    a warm-up, as in the authors' package schedulefree. The parameter is y, where gradients are taken; z takes the
    steps; the average x of all z is read with opt.averaged().

    beta1: the part of x in y.
    weight_decay: weight_decay * y is added to the step before the rate multiplies it.
    silent_sgd_phase: the weights rest until the second moment can be trusted; if off, they then follow the gradient.
    """
    trusted, rectified = rectifier(t, beta2, 4.0)
    lr = lr * where(trusted, rectified, 0.0 if silent_sgd_phase else 1.0)
    c, lr_max, weight_sum = weighed(t, lr, r, weight_lr_power, lr_max, weight_sum)
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    step = normalized(g, v, t, beta2=beta2, eps=eps)
    step = step if silent_sgd_phase else where(trusted, step, g)
    p, z = moved(p, z, step + weight_decay * p, lr, beta1, c)
    return p, z, v, lr_max, weight_sum


SGD = Family("ScheduleFreeSGD", {"": schedule_free_sgd})
ADAMW = Family("ScheduleFreeAdamW", {"": schedule_free_adamw})
RADAM = Family("ScheduleFreeRAdam", {"": schedule_free_radam})
