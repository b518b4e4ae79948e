"""COCOB: each weight bets on its gradients' signs, and needs no rate."""

from ..families import Family
from ..language.functions import maximum
from ..rule_type import rule


@rule(require="0 < alpha < inf, 0 < eps < inf", start={"p0": "p", "largest": "eps"})
def cocob(p, g, p0, largest, magnitudes, reward, gradients, *, alpha=100.0, eps=1e-8):
    """Orabona & Tommasi 2017, arXiv:1705.07795, Algorithm 2. It has no rate, and gives the same steps for gradients
    that are all multiplied by a number. The weights follow from p0 and the other slots: the next step forgets what else
    moved them.

    alpha: the part of its wealth that a weight bets is at most one in alpha at first.
    eps: the largest gradient's magnitude before the first step.
    """
    largest = maximum(largest, abs(g))
    magnitudes = magnitudes + abs(g)
    reward = maximum(reward - (p - p0) * g, 0.0)
    gradients = gradients - g
    wealth = (largest + reward) / maximum(magnitudes + largest, alpha * largest)
    return p0 + gradients / largest * wealth, p0, largest, magnitudes, reward, gradients


FAMILY = Family("COCOB", {"": cocob})
