"""Adam and its kin: running means of the gradient and of its square."""

from ..definition import rule
from ..families import Family
from ..grammar import maximum, sqrt

REQUIRE = "0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0"


@rule(require=REQUIRE)
def adam(p, g, m, v, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return p - lr * m_hat / (sqrt(v_hat) + eps), m, v


@rule(require=REQUIRE)
def amsgrad(p, g, m, v, v_max, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Reddi, Kale & Kumar 2018, arXiv:1904.09237, Algorithm 2, with the bias corrected after the maximum, as torch."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    v_max = maximum(v_max, v)
    m_hat = m / (1 - beta1**t)
    v_hat = v_max / (1 - beta2**t)
    return p - lr * m_hat / (sqrt(v_hat) + eps), m, v, v_max


@rule(require=REQUIRE)
def adam_uncorrected(p, g, m, v, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Kingma & Ba 2015 without bias correction and with eps inside the root, as lecture notes on schedules print it."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return p - lr * m / sqrt(v + eps), m, v


def decayed(p, lr, weight_decay):
    """The parameter after decoupled weight decay, before the step."""
    return p * (1 - lr * weight_decay)


@rule(require=f"{REQUIRE}, 0 <= weight_decay < inf")
def adamw(p, g, m, v, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    """Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2; the decay is multiplied by lr, as in torch."""
    return adam.formula(decayed(p, lr, weight_decay), g, m, v, t=t, lr=lr, beta1=beta1, beta2=beta2, eps=eps)


@rule(require=f"{REQUIRE}, 0 <= weight_decay < inf")
def adamw_amsgrad(p, g, m, v, v_max, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    """Reddi, Kale & Kumar 2018 with the decoupled weight decay of Loshchilov & Hutter 2019."""
    p = decayed(p, lr, weight_decay)
    return amsgrad.formula(p, g, m, v, v_max, t=t, lr=lr, beta1=beta1, beta2=beta2, eps=eps)


ADAM = Family("Adam", {"": adam, "amsgrad": amsgrad, "uncorrected": adam_uncorrected})
ADAMW = Family("AdamW", {"": adamw, "amsgrad": adamw_amsgrad})
