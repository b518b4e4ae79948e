"""AdEMAMix: Adam with a second, far longer memory of the gradient."""

from ..families import Family
from ..language.functions import exp, log, minimum, over_parts, sqrt, where
from ..rule_type import rule
from .adam import REQUIRE
from .schedule_free import warm_part


def warm_decay(start, beta, t, warmup):
    """A decay that has come from `start` towards `beta`, so that the half-life of its mean grows evenly.

    As in Apple's code 1e-8 is added within the logarithms.
    """
    done = warm_part(t, warmup)
    # Of 1 the logarithm would be 0, and divide 0.
    first, last = log(minimum(start + 1e-8, 1 - 2.0**-53)), log(minimum(beta + 1e-8, 1 - 2.0**-53))
    return where(t < warmup, exp(first * last / ((1 - done) * last + done * first)), beta)


@rule(require=f"{REQUIRE}, 0 <= beta3 < 1, 0 <= alpha < inf, 0 <= warmup < inf")
def ademamix(p, g, m, slow, v, *, t, lr=1e-3, beta1=0.9, beta2=0.999, beta3=0.9999, alpha=2.0, eps=1e-8, warmup=0.0):
    """Pagliardini, Ablin & Grangier 2024, arXiv:2409.03137, with the numbers and the warm-ups of their code.

    beta3: the decay of the slow running mean of the gradient, whose bias is not corrected.
    alpha: the weight of the slow mean beside that of the fast mean.
    warmup: the steps over which alpha rises from 0, and beta3 from beta1; 0 for none.
    """
    beta = warm_decay(beta1, beta3, t, warmup)
    m = beta1 * m + (1 - beta1) * g
    slow = beta * slow + (1 - beta) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return p - lr * (m_hat + alpha * warm_part(t, warmup) * slow) / (sqrt(v_hat) + eps), m, slow, v


@rule(require=f"{REQUIRE}, 0 <= alpha < inf, 0 <= warmup < inf, 0 <= min_beta1 < 1")
def ademamix_simplified(
    p, g, m, v, *, t, lr=1e-3, beta1=0.99, beta2=0.95, alpha=0.0, eps=1e-8, warmup=0.0, min_beta1=0.9
):
    """Morwani et al. 2025, arXiv:2502.02431, simplified AdEMAMix, with the numbers of their code.

    beta1: the part of the decaying sum of gradients that stays from step to step.
    alpha: the weight of the gradient itself beside that of the sum.
    warmup: the steps over which beta1 rises from min_beta1; 0 for none.
    min_beta1: where the warm-up begins.
    """
    m = warm_decay(min_beta1, beta1, t, warmup) * m + g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    v_hat = v / (1 - beta2**t)
    return p - lr * (m + alpha * g) / (sqrt(v_hat) + eps), m, v


FAMILY = Family("AdEMAMix", {"": ademamix, "simplified": ademamix_simplified})
