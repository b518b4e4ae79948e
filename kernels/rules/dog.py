"""Distance over gradients: the rate is how far the weights have come, over the sum of squared gradients."""

from ..families import Family
from ..language.functions import maximum, norm, quotient, scaled, sqrt, where
from ..rule_type import rule

INITS = ("heuristic", "distance", "learning_rate")


@rule(require="0 <= lr < inf, 0 < init_step < inf, 0 <= eps < inf", start={"p0": "p"}, states=("distance", "squares"))
def dog(
    p,
    g,
    p0,
    *,
    lr=1.0,
    init_step=1e-6,
    eps=1e-8,
    init="heuristic",
    over="model",
    distance=0.0,
    squares=0.0,
):
    """Ivgi, Hinder & Carmon 2023, arXiv:2302.12022, DoG, and LDoG with over="array". The authors evaluate an average
    of the weights, such as that of the option ema.

    lr: a factor of the rate that the rule works out, which the authors advise to leave at 1.
    init_step: the distance that is taken as made before the first step, as init says.
    eps: added to the sum of the squared norms, inside the root.
    init: "heuristic" takes init_step times 1 and the norm of the weights at the start for that distance, as the paper,
    "distance" init_step itself; for "learning_rate" init_step is the rate of the first step, as in optax.
    """
    if init not in INITS:
        raise ValueError(f"dog: init must be {', '.join(map(repr, INITS[:-1]))} or {INITS[-1]!r}; got {init!r}")
    size = norm(g, over=over)
    least = {"heuristic": init_step * (1 + norm(p0, over=over)), "distance": init_step, "learning_rate": 0.0}[init]
    distance = maximum(distance, maximum(norm(p - p0, over=over), least))
    rate = quotient(distance, sqrt(squares + size * size + eps))
    if init == "learning_rate":
        rate = where(squares > 0, rate, init_step)
    return p - scaled(g, lr * rate), p0, distance, squares + size * size


@rule(require="0 <= lr < inf, 0 < init_sq_dist < inf, 0 <= eps < inf", start={"p0": "p"}, states=("sq_dist", "squares"))
def dowg(p, g, p0, *, lr=1.0, init_sq_dist=1e-4, eps=1e-4, over="model", sq_dist=0.0, squares=0.0):
    """Khaled, Mishchenko & Jin 2023, arXiv:2305.16284, Algorithm 1, and an eps, which the paper lacks.

    lr: a factor of the rate that the rule works out, 1 in the paper.
    init_sq_dist: the square of the distance that is taken as made before the first step.
    eps: added to the root of the weighted sum of the squared norms.
    """
    away, size = norm(p - p0, over=over), norm(g, over=over)
    sq_dist = maximum(sq_dist, maximum(away * away, init_sq_dist))
    squares = squares + sq_dist * (size * size)
    return p - scaled(g, lr * quotient(sq_dist, sqrt(squares) + eps)), p0, sq_dist, squares


DOG = Family("DoG", {"": dog})
DOWG = Family("DoWG", {"": dowg})
