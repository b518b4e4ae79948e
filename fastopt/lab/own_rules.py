"""Variants that the documents print or wish for and that the library does not have: rules of one's own."""

from ..kernels import rule, sqrt


@rule(require="0 <= lr < inf, eps >= 0")
def adagrad_without_root(p, g, h, *, lr=1e-2, eps=1e-10):  # type: ignore[no-untyped-def]
    """Adagrad that divides by the sum of squares itself, of which the documents warn."""
    h = h + g * g
    return p - lr * g / (h + eps), h


@rule(require="0 <= lr < inf, 0 <= rho < 1, eps >= 0")
def adadelta_printed(p, g, v, *, lr=1.0, rho=0.9, eps=1e-6):  # type: ignore[no-untyped-def]
    """Adadelta's rate as the documents' chapter on schedules prints it: of the gradients' means before and after."""
    old = v
    v = rho * v + (1 - rho) * (g * g)
    return p - lr * (sqrt(old + eps) / sqrt(v + eps)) * g, v
