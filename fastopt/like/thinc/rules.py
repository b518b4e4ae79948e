"""Where Thinc's formulas are not those of the papers."""

from ...kernels import Rule, rule, sqrt
from ...kernels.rules.adam import REQUIRE, adam
from ...kernels.rules.radam import radam


@rule(require=REQUIRE)
def adam_eps_hat(p, g, m, v, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Kingma & Ba 2015, arXiv:1412.6980, in the order of section 2: eps joins the root that is not corrected."""
    eps = eps / sqrt(1 - beta2**t)
    return adam.formula(p, g, m, v, t=t, lr=lr, beta1=beta1, beta2=beta2, eps=eps)


@rule(require=REQUIRE)
def radam_ahead(p, g, m, v, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Liu et al. 2020, arXiv:1908.03265, Algorithm 2, with the corrections of the step to come."""
    return radam.formula(p, g, m, v, t=t + 1, lr=lr, beta1=beta1, beta2=beta2, eps=eps)


# By the name of the rule that stands in for it elsewhere.
FORMULAS: dict[str, Rule] = {"adam": adam_eps_hat, "radam": radam_ahead}
