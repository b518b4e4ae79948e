"""MoMo: momentum whose rate follows from a model of the loss, as Polyak's step does."""

from ..families import Family
from ..language.functions import decayed, maximum, minimum, norm, over_parts, quotient, scaled, total, where
from ..rule_type import rule
from .adam import REQUIRE as ADAM_RANGES
from .adam import normalized

REQUIRE = "-inf < lower_bound < inf, 0 <= weight_decay < inf"


def modelled(t, height, inner, square, *, lr, correction, lower_bound, weight_decay, adapt_lower_bound, bound):
    """The rate of a step of the model, and the new estimate of the loss's lower bound.

    height: the model at 0, less its slope. inner: the product of the slope and the weights. square: of the slope's
    norm. correction: of the bias of the running means, 1 if they have none. bound: the estimate of the step before.
    """
    grown = 1 + lr * weight_decay
    if adapt_lower_bound:
        bound = where(t > 1, bound, lower_bound)
        cap = grown * height + inner
        reset = maximum(cap / (2 * correction * grown), lower_bound)
        bound = where(cap < grown * correction * bound, reset, bound)
    least = bound if adapt_lower_bound else lower_bound
    gap = maximum(grown * (height - correction * least) + inner, 0.0)
    rate = minimum(lr / correction, quotient(gap, square))
    if adapt_lower_bound:
        bound = maximum((height + inner - 0.5 * rate * square) / correction, lower_bound)
    return rate, bound


def proximal(p, step, rate, lr, weight_decay, decay_step):
    """The weights after a step and a decay that divides by 1 + lr * weight_decay; the step too, with decay_step."""
    grown = 1 + lr * weight_decay
    return decayed(p, lr / grown, weight_decay) - scaled(step, rate / grown if decay_step else rate)


@rule(
    require=f"0 <= lr < inf, 0 <= beta < 1, {REQUIRE}",
    states=("mean_loss", "slope", "bound"),
)
def momo(
    p,
    g,
    m,
    *,
    t,
    loss,
    lr=1.0,
    beta=0.9,
    lower_bound=0.0,
    weight_decay=0.0,
    adapt_lower_bound=False,
    decay_step=True,
    over="model",
    mean_loss=0.0,
    slope=0.0,
    bound=0.0,
):
    """Schaipp et al. 2024, arXiv:2305.07583, Algorithm 1, and MoMo* with adapt_lower_bound. It needs the loss of the
    step.

    lr: the largest rate.
    beta: the decay of the running means of the gradient, the loss and the product of gradient and weights, which all
    start as those of the first step.
    lower_bound: a lower bound of the loss, or with adapt_lower_bound the first estimate of the least loss.
    weight_decay: at the end of the step the weights are divided by 1 + lr * weight_decay.
    adapt_lower_bound: the least loss is estimated from step to step.
    decay_step: that divides the step too, as in the paper, not the weights before it alone, as in optax.
    """
    beta = where(t > 1, beta, 0.0)
    m = beta * m + (1 - beta) * g
    mean_loss = beta * mean_loss + (1 - beta) * loss
    slope = beta * slope + (1 - beta) * total(g * p, over=over)
    size, inner = norm(m, over=over), total(m * p, over=over)
    rate, bound = modelled(
        t,
        mean_loss - slope,
        inner,
        size * size,
        lr=lr,
        correction=1.0,
        lower_bound=lower_bound,
        weight_decay=weight_decay,
        adapt_lower_bound=adapt_lower_bound,
        bound=bound,
    )
    return proximal(p, m, rate, lr, weight_decay, decay_step), m, mean_loss, slope, bound


@rule(
    require=f"{ADAM_RANGES}, {REQUIRE}",
    states=("mean_loss", "slope", "bound"),
)
def momo_adam(
    p,
    g,
    m,
    v,
    *,
    t,
    loss,
    lr=1e-2,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    lower_bound=0.0,
    weight_decay=0.0,
    adapt_lower_bound=False,
    decay_step=True,
    over="model",
    mean_loss=0.0,
    slope=0.0,
    bound=0.0,
):
    """Schaipp et al. 2024, arXiv:2305.07583, Algorithm 2, and MoMo-Adam* with adapt_lower_bound. It needs the loss of
    the step.

    lr: the largest rate.
    beta1: the decay of the running means of the gradient, the loss and the product of gradient and weights.
    lower_bound: a lower bound of the loss, or with adapt_lower_bound the first estimate of the least loss.
    weight_decay: at the end of the step the weights are divided by 1 + lr * weight_decay.
    adapt_lower_bound: the least loss is estimated from step to step.
    decay_step: that divides the step too, as in the paper, not the weights before it alone, as in optax.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    step = normalized(m, v, t, beta2=beta2, eps=eps)
    mean_loss = beta1 * mean_loss + (1 - beta1) * loss
    slope = beta1 * slope + (1 - beta1) * total(g * p, over=over)
    rate, bound = modelled(
        t,
        mean_loss - slope,
        total(m * p, over=over),
        total(m * step, over=over),
        lr=lr,
        correction=1 - beta1**t,
        lower_bound=lower_bound,
        weight_decay=weight_decay,
        adapt_lower_bound=adapt_lower_bound,
        bound=bound,
    )
    return proximal(p, step, rate, lr, weight_decay, decay_step), m, v, mean_loss, slope, bound


MOMO = Family("MoMo", {"": momo})
MOMO_ADAM = Family("MoMoAdam", {"": momo_adam})
