"""Rules for what the library's own rules do not have: norms, stores without arithmetic, odd names."""

from examples import DTYPES, EXACT

from fastopt.kernels import RULES, Rule, max_norm, maximum, minimum, norm, rule, sign, where


@rule
def clipped(p, g, m, *, lr=0.1, limit=1.0):
    """Two reductions in a stage, one of an expression; an update that depends on them."""
    size = norm(g - 0.5 * m, over="model")
    scale = minimum(1.0, limit / (size + max_norm(g) + 0.5))
    m = 0.9 * m + scale * g
    return p - lr * m, m


@rule
def in_two_waves(p, g, *, lr=0.1):
    """A reduction that needs another one."""
    return p - lr * norm(g / (norm(g) + 1.0)) * g


@rule
def without_arithmetic(p, g, kept, other, *, switch=1.0):
    """Stores that no arithmetic has flushed, every comparison, constants that have no literal."""
    inside = ((g > -0.5) & (g <= 0.5)) | ~(kept != kept)
    p = where(inside & (g >= p), where(switch > 0, g, -g), maximum(p, -0.0))
    return (
        where(p == 0, minimum(g, 0.0), p),
        maximum(other, -0.0),
        where(abs(kept) < float("inf"), kept, sign(g) * float("nan")),
    )


def _odd_names() -> Rule:
    """Names that C++ or the kernel has too, and Greek ones; a docstring full of comments."""

    def template(double, threadIdx, n, table, λ, s0, __shared_, x0, *, at0=0.5, float32=2.0, β=0.25, row_=3.0):
        """*/ "quotes" \\ // ??/ @ #error"""
        s0 = s0 * at0 + float32 * threadIdx + (1 - β) * n
        λ = λ * β + row_ * table
        return double - s0 * s0 + λ * λ, table, n, λ, s0, __shared_ + x0 * x0, maximum(x0, __shared_)

    return rule(template)


OWN = {r.name: r for r in (clipped, in_two_waves, without_arithmetic, _odd_names())}
# Every rule that promises NumPy's bits.
EVERY = {**{name: RULES[name] for name in EXACT}, **OWN}


def shape(rule: Rule) -> tuple[object, ...]:
    """What stands around a formula in the kernels of its stages: reductions, and whether there are numbers."""
    return tuple(
        (*((node.op, node.value) for node in stage.reductions), bool(stage.scalars))
        for stage in rule.program(rule.hyper).stages
    )


# A rule of each shape, with the stored types by turns: what a claim about threads needs to be shown of.
SHAPES = {shape(rule): name for name, rule in reversed(EVERY.items())}
OF_EACH_SHAPE = {name: list(DTYPES)[k % len(DTYPES)] for k, name in enumerate(reversed(SHAPES.values()))}
