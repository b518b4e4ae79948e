"""Centered RMSprop on torch's state, which has the mean square of the gradients where ours has their variance."""

from ...kernels import rule
from ...kernels.rules.rmsprop import gathered, mean, stepped, variance


def lerp(a, b, weight):
    """torch's function, by which its mean moves: with it the mean has no bias, as `mean` has in float32."""
    return a + weight * (b - a)


@rule(require="0 <= lr < inf, 0 <= alpha < 1, eps >= 0")
def torch_rmsprop_centered(p, g, v, a, *, lr=1e-2, alpha=0.99, eps=1e-8):
    """torch.optim.RMSprop(centered=True)."""
    v, a = mean(v, g * g, alpha), lerp(a, g, 1 - alpha)
    return stepped(p, g, variance(v, a), lr=lr, eps=eps, eps_inside=False), v, a


@rule(require="0 <= lr < inf, 0 <= alpha < 1, 0 <= momentum < 1, eps >= 0")
def torch_rmsprop_centered_momentum(p, g, v, a, b, *, lr=1e-2, alpha=0.99, momentum=0.9, eps=1e-8):
    """torch.optim.RMSprop(centered=True, momentum=...)."""
    v, a = mean(v, g * g, alpha), lerp(a, g, 1 - alpha)
    p, b = gathered(p, g, variance(v, a), b, lr=lr, momentum=momentum, eps=eps, eps_inside=False, lr_inside=False)
    return p, v, a, b


# For each rule of ours whose state is not torch's the rule that runs on torch's.
ON_ITS_STATE = {
    "rmsprop_centered": torch_rmsprop_centered,
    "rmsprop_centered_momentum": torch_rmsprop_centered_momentum,
}
