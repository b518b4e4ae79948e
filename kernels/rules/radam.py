"""RAdam: Adam that waits until the variance of its second moment can be trusted."""

from ..families import Family
from ..language.functions import over_parts, sqrt, where
from ..rule_type import rule
from .adam import looked_ahead


def rectifier(t, beta2, threshold):
    """Whether the second moment can be trusted after t steps, and the factor of the rate if so, else any number."""
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    trusted = rho > threshold
    scale = where(trusted, (rho_inf - 4) * (rho_inf - 2) * rho, 1.0)
    return trusted, sqrt((rho - 4) * (rho - 2) * rho_inf / scale)


@rule(require="0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0, 4 <= threshold < inf, ahead >= 0")
def radam(
    p,
    g,
    m,
    v,
    *,
    t,
    lr=1e-3,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    eps_hat=True,
    threshold=5.0,
    ahead=0.0,
    nesterov=False,
):
    """Liu et al. 2020, arXiv:1908.03265, Algorithm 2.

    threshold: the degrees of freedom above which a step is rectified.
    eps_hat: eps joins the uncorrected root, as in torch and thinc, not the corrected one, as in optax.
    ahead: the bias is corrected for so many steps more than were made: 1 in thinc.
    nesterov: the step is along the running mean of a step on, as in optax.
    """
    t = t + ahead
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + over_parts((1 - beta2) * g * g)
    m_hat = looked_ahead(m, g, t, beta1) if nesterov else m / (1 - beta1**t)
    trusted, r = rectifier(t, beta2, threshold)
    correction = sqrt(1 - beta2**t)
    rectified = r * correction * m_hat / (sqrt(v) + (eps if eps_hat else eps * correction))
    return p - lr * where(trusted, rectified, m_hat), m, v


FAMILY = Family("RAdam", {"": radam})
