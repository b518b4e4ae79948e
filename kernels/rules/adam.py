"""Adam and its kin: running means of the gradient and of its square."""

from ..families import Family
from ..language.functions import decayed, maximum, over_parts, sqrt
from ..rule_type import rule

REQUIRE = "0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0"


def hatted(eps, beta2, t):
    """The number that, added to the bias-corrected root, has the effect of eps added to the uncorrected root."""
    return eps / sqrt(1 - beta2**t)


def looked_ahead(m, g, t, beta1):
    """The running mean as it would be a step on if the gradient came again, with each part's own bias correction."""
    return beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)


def rate_correction(t, beta1, beta2):
    """The factor of the rate that corrects the bias of both running means, where eps is in no proportion to that."""
    return sqrt(1 - beta2**t) / (1 - beta1**t)


def normalized(x, v, t, *, beta2, eps):
    """x over the root of the second moment, whose bias is corrected."""
    return x / (sqrt(v / (1 - beta2**t)) + eps)


@rule(require=REQUIRE)
def adam(p, g, m, v, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, eps_hat=False):
    """Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return p - lr * m_hat / (sqrt(v_hat) + (hatted(eps, beta2, t) if eps_hat else eps)), m, v


@rule(require=f"{REQUIRE}, eps_root >= 0")
def adam_eps_root(p, g, m, v, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, eps_root=1e-8):
    """Kingma & Ba 2015 with an eps inside the root too, as in optax, where a step can be differentiated at zero.

    eps_root: added to the second moment, inside the root.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return p - lr * m_hat / (sqrt(v_hat + eps_root) + eps), m, v


@rule(require=REQUIRE)
def amsgrad(
    p,
    g,
    m,
    v,
    v_max,
    *,
    t,
    lr=1e-3,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    eps_hat=False,
    correct="after",
    correct_mean=True,
):
    """Reddi, Kale & Kumar 2018, arXiv:1904.09237, Algorithm 2.

    correct: the bias is corrected "after" the maximum, as in torch, "before" it, as in optax, or "never", as the paper
    does for v.
    correct_mean: the bias of the running mean is corrected, which the paper does not do.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    correction = 1 - beta2**t
    v_max = maximum(v_max, v / correction if correct == "before" else v)
    m_hat = m / (1 - beta1**t) if correct_mean else m
    v_hat = v_max / correction if correct == "after" else v_max
    return p - lr * m_hat / (sqrt(v_hat) + (hatted(eps, beta2, t) if eps_hat else eps)), m, v, v_max


@rule(require=REQUIRE)
def adam_uncorrected(p, g, m, v, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Kingma & Ba 2015 without bias correction and with eps inside the root, as lecture notes on schedules print it.

    eps: added to the second moment, inside the root.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    return p - lr * m / sqrt(v + eps), m, v


@rule(require=f"{REQUIRE}, 0 <= weight_decay < inf")
def adamw(p, g, m, v, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2, eps_hat=False):
    """Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2.

    weight_decay: before the step the weights are multiplied by 1 - lr * weight_decay, as in torch.
    """
    numbers = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "eps_hat": eps_hat}
    return adam.formula(decayed(p, lr, weight_decay), g, m, v, t=t, **numbers)


@rule(require=f"{REQUIRE}, 0 <= weight_decay < inf")
def adamw_amsgrad(p, g, m, v, v_max, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2, eps_hat=False):
    """Reddi, Kale & Kumar 2018 with the decoupled weight decay of Loshchilov & Hutter 2019."""
    numbers = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "eps_hat": eps_hat}
    return amsgrad.formula(decayed(p, lr, weight_decay), g, m, v, v_max, t=t, **numbers)


ADAM = Family("Adam", {"": adam, "amsgrad": amsgrad, "uncorrected": adam_uncorrected, "eps_root": adam_eps_root})
ADAMW = Family("AdamW", {"": adamw, "amsgrad": adamw_amsgrad})
