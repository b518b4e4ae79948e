"""RMSprop: Adagrad with a running mean of the squared gradients in place of their sum."""

from ..families import Family
from ..language.functions import maximum, over_parts
from ..rule_type import rule
from .adagrad import root
from .sgd import velocity


def mean(average, x, alpha):
    """An exponentially decaying average."""
    return alpha * average + (1 - alpha) * x


def centered(var, a, g, alpha):
    """The variance of the gradients about their mean, and the mean, after one more gradient.

    As in Finch 2009, Incremental calculation of weighted mean and variance, section 9: the mean square less the square
    of the mean is the same number, but loses the digits that the two share.
    """
    away = g - a
    # The mean moves from g, not from a: where g stays 0 it ends at 0.
    return alpha * (var + over_parts((1 - alpha) * away * away)), g - alpha * away


def variance(v, a):
    """The variance, of a mean square v and a mean a; rounding must not make it negative."""
    return maximum(v - over_parts(a * a), 0.0)


def mean_square(var, a):
    """The mean square, of a variance and a mean a."""
    return var + over_parts(a * a)


def corrected(v, alpha, t, bias_correction):
    """The running mean of the square, without its bias if that is to be corrected."""
    return v / (1 - alpha**t) if bias_correction else v


def stepped(p, g, square, *, lr, eps, eps_inside):
    """The parameter after a step whose gradient is divided by the root of a running square."""
    return p - lr * g / root(square, eps, eps_inside)


def gathered(p, g, square, b, *, lr, momentum, eps, eps_inside, lr_inside, nesterov=False):
    """The same with the scaled gradients gathered in a velocity b."""
    step, b = velocity(b, (lr * g if lr_inside else g) / root(square, eps, eps_inside), momentum, nesterov)
    return p - (step if lr_inside else lr * step), b


@rule(require="0 <= lr < inf, 0 <= alpha < 1, eps >= 0")
def rmsprop(p, g, v, *, t, lr=1e-2, alpha=0.99, eps=1e-8, eps_inside=False, bias_correction=False):
    """Tieleman & Hinton 2012, Coursera, Neural Networks for Machine Learning, lecture 6e.

    alpha: the decay of the running means of the gradient's square and, if centered, of the gradient.
    bias_correction: the bias of the running mean of the square is corrected, as in Adam.
    """
    v = mean(v, over_parts(g * g), alpha)
    v_hat = corrected(v, alpha, t, bias_correction)
    return stepped(p, g, v_hat, lr=lr, eps=eps, eps_inside=eps_inside), v


@rule(require="0 <= lr < inf, 0 <= alpha < 1, eps >= 0")
def rmsprop_centered(p, g, var, a, *, lr=1e-2, alpha=0.99, eps=1e-8, eps_inside=False):
    """Graves 2013, arXiv:1308.0850, equations 38 to 45 without momentum: divides by the standard deviation."""
    var, a = centered(var, a, g, alpha)
    return stepped(p, g, var, lr=lr, eps=eps, eps_inside=eps_inside), var, a


@rule(require="0 <= lr < inf, 0 <= alpha < 1, 0 <= momentum < 1, eps >= 0")
def rmsprop_momentum(
    p,
    g,
    v,
    b,
    *,
    t,
    lr=1e-2,
    alpha=0.99,
    momentum=0.9,
    eps=1e-8,
    eps_inside=False,
    lr_inside=False,
    nesterov=False,
    bias_correction=False,
):
    """Tieleman & Hinton 2012, whose scaled gradients gather in a velocity b.

    lr_inside: lr multiplies what enters the velocity, as in keras and optax, not what leaves it, as in torch.
    nesterov: the step is that of a velocity which the scaled gradient entered twice, as in optax.
    bias_correction: the bias of the running mean of the square is corrected, as in Adam.
    """
    v = mean(v, over_parts(g * g), alpha)
    numbers = {"lr": lr, "momentum": momentum, "eps": eps, "eps_inside": eps_inside, "lr_inside": lr_inside}
    p, b = gathered(p, g, corrected(v, alpha, t, bias_correction), b, nesterov=nesterov, **numbers)
    return p, v, b


@rule(require="0 <= lr < inf, 0 <= alpha < 1, 0 <= momentum < 1, eps >= 0")
def rmsprop_centered_momentum(
    p, g, var, a, b, *, lr=1e-2, alpha=0.99, momentum=0.9, eps=1e-8, eps_inside=False, lr_inside=False, nesterov=False
):
    """Graves 2013, arXiv:1308.0850, equations 38 to 45: scaled gradients gather in a velocity b.

    lr_inside: lr multiplies what enters the velocity, as in keras and optax, not what leaves it, as in torch.
    nesterov: the step is that of a velocity which the scaled gradient entered twice, as in optax.
    """
    var, a = centered(var, a, g, alpha)
    numbers = {"lr": lr, "momentum": momentum, "eps": eps, "eps_inside": eps_inside, "lr_inside": lr_inside}
    p, b = gathered(p, g, var, b, nesterov=nesterov, **numbers)
    return p, var, a, b


FAMILY = Family(
    "RMSprop",
    {
        "": rmsprop,
        "centered": rmsprop_centered,
        "momentum": rmsprop_momentum,
        "centered momentum": rmsprop_centered_momentum,
    },
)
