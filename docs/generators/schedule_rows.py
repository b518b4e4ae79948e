"""How the peers' schedules are called there, in fastopt.like and in fastopt.schedules: what docs/schedules.md tabulates
and tests/schedules/test_schedule_peers.py runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One schedule: `call` is valid under the peer's names and those of fastopt.like, `same` under our own.

    In torch's the base rate stands where torch takes the optimizer. shown: whether the documentation has the row.
    """

    peer: str
    call: str
    same: str = ""
    note: str = ""
    shown: bool = True

    def __str__(self) -> str:
        return f"{self.peer}.{self.call}"


ROWS = [
    Row("torch", "LambdaLR(0.1, lambda epoch: 0.95**epoch)", "function(lambda step: 0.1 * 0.95 ** (step - 1))"),
    Row("torch", "MultiplicativeLR(0.1, lambda epoch: 0.95)", "exponential(0.1, gamma=0.95)"),
    Row("torch", "StepLR(0.1, step_size=30, gamma=0.1)", "step_decay(0.1, every=30, gamma=0.1)"),
    Row("torch", "MultiStepLR(0.1, [30, 80], gamma=0.1)", "multi_step(0.1, boundaries=[30, 80], gamma=0.1)"),
    Row("torch", "MultiStepLR(0.1, [80, 30, 80, 0], gamma=0.5)", shown=False),
    Row("torch", "ConstantLR(0.1, factor=0.5, total_iters=40)", "piecewise([0.05, 0.1], boundaries=[40])"),
    Row("torch", "LinearLR(0.1, 0.25, 1.0, total_iters=40)", "linear(0.025, end=0.1, steps=40)"),
    Row("torch", "LinearLR(0.1, 1.0, 0.1, total_iters=250)", shown=False),
    Row("torch", "ExponentialLR(0.1, gamma=0.97)", "exponential(0.1, gamma=0.97)"),
    Row("torch", "PolynomialLR(0.1, total_iters=250, power=2.0)", "polynomial(0.1, steps=250, power=2.0)"),
    Row("torch", "PolynomialLR(0.1)", shown=False),
    Row(
        "torch",
        "CosineAnnealingLR(0.1, T_max=300, eta_min=0.001)",
        "cosine(0.1, steps=300, end=0.001)",
        "rises again after T_max, in torch and in fastopt.like; cosine holds its end",
    ),
    Row("torch", "CosineAnnealingLR(0.1, T_max=70, eta_min=0.001)", shown=False),
    Row(
        "torch",
        "CosineAnnealingWarmRestarts(0.1, T_0=20, T_mult=2, eta_min=0.001)",
        "warm_restarts(0.1, period=20, growth=2, end=0.001)",
    ),
    Row("torch", "CosineAnnealingWarmRestarts(0.1, T_0=2, T_mult=3, eta_min=0.01)", shown=False),
    Row("torch", "CosineAnnealingWarmRestarts(0.1, T_0=30, eta_min=0.01)", shown=False),
    Row(
        "torch",
        "CyclicLR(0.001, 0.1, step_size_up=40)",
        "triangular(0.001, 0.1, up=40)",
        "its momentum is the attribute `momentum` in fastopt.like",
    ),
    Row(
        "torch",
        "CyclicLR(0.001, 0.1, step_size_up=40, step_size_down=20, mode='triangular2')",
        "triangular2(0.001, 0.1, up=40, down=20)",
    ),
    Row(
        "torch",
        "CyclicLR(0.001, 0.1, step_size_up=40, mode='exp_range', gamma=0.99)",
        "exp_range(0.001, 0.1, up=40, gamma=0.99)",
    ),
    Row("torch", "CyclicLR(0.001, 0.1, 40, scale_fn=lambda cycle: 1 / cycle)", shown=False),
    Row(
        "torch",
        "CyclicLR(0.001, 0.1, 40, scale_fn=lambda epoch: 1 / (1 + epoch), scale_mode='iterations')",
        shown=False,
    ),
    Row(
        "torch",
        "OneCycleLR(0.1, total_steps=300)",
        "interpolate([0.004, 0.1, 4e-7], boundaries=[89, 299], shape='cosine')",
        "reaches its end with the last step, one earlier than one_cycle(0.1, steps=300); torch fails after it, "
        "fastopt.like holds the end; `momentum` as above",
    ),
    Row("torch", "OneCycleLR(0.1, epochs=30, steps_per_epoch=11, anneal_strategy='linear')", shown=False),
    Row("torch", "OneCycleLR(0.1, total_steps=300, three_phase=True, final_div_factor=100.0)", shown=False),
    Row("torch", "OneCycleLR(0.1, total_steps=310, pct_start=0.0, base_momentum=0.7)", shown=False),
    Row(
        "torch",
        "ChainedScheduler([ConstantLR(0.1, 0.5, 20), ExponentialLR(0.1, 0.98)])",
        "piecewise([0.05, 0.1], boundaries=[20]) * exponential(1.0, gamma=0.98)",
        "of those that multiply the rate; the others are refused, as they undo those before them",
    ),
    Row("torch", "ChainedScheduler([LinearLR(0.1), StepLR(0.1, 50, 0.5), PolynomialLR(0.1, 280)])", shown=False),
    Row(
        "torch",
        "SequentialLR([LinearLR(0.1, 0.1, total_iters=20), ExponentialLR(0.1, 0.98)], milestones=[20])",
        "join([linear(0.01, end=0.1, steps=20), exponential(0.1, gamma=0.98)], boundaries=[20])",
    ),
    Row(
        "torch",
        "SequentialLR([ConstantLR(0.1), CosineAnnealingLR(0.1, 60, 0.01), StepLR(0.1, 30)], [15, 60])",
        shown=False,
    ),
    Row(
        "keras",
        "ExponentialDecay(0.1, decay_steps=50, decay_rate=0.5)",
        "exponential(0.1, gamma=0.5, every=50)",
    ),
    Row(
        "keras",
        "ExponentialDecay(0.1, decay_steps=50, decay_rate=0.5, staircase=True)",
        "step_decay(0.1, every=50, gamma=0.5)",
    ),
    Row(
        "keras",
        "PiecewiseConstantDecay([100, 200], [0.1, 0.05, 0.01])",
        "piecewise([0.1, 0.05, 0.01], boundaries=[101, 201])",
        "keras changes one update later than torch and optax",
    ),
    Row(
        "keras",
        "PolynomialDecay(0.1, decay_steps=250, end_learning_rate=0.001, power=2.0)",
        "polynomial(0.1, steps=250, power=2.0, end=0.001)",
    ),
    Row("keras", "PolynomialDecay(0.1, 70, 0.001, 0.5, cycle=True)", "", "in fastopt.like alone"),
    Row(
        "keras",
        "InverseTimeDecay(0.1, decay_steps=50, decay_rate=0.5)",
        "inverse_time(0.1, rate=0.5, every=50)",
    ),
    Row("keras", "InverseTimeDecay(0.1, 50, 0.5, staircase=True)", shown=False),
    Row("keras", "CosineDecay(0.1, decay_steps=250, alpha=0.1)", "cosine(0.1, steps=250, end=0.01)"),
    Row(
        "keras",
        "CosineDecay(0.01, decay_steps=250, alpha=0.1, warmup_target=0.1, warmup_steps=30)",
        "join([linear(0.01, end=0.1, steps=30), cosine(0.1, steps=250, end=0.01)], boundaries=[30])",
        "decay_steps are those after the warm-up",
    ),
    Row("keras", "CosineDecay(0.1, 90)", shown=False),
    Row(
        "keras",
        "CosineDecayRestarts(0.1, first_decay_steps=20, t_mul=2.0, m_mul=0.8, alpha=0.1)",
        "warm_restarts(0.1, period=20, growth=2.0, shrink=0.8, end=0.01)",
    ),
    Row("keras", "CosineDecayRestarts(0.1, 30, t_mul=1.5, m_mul=0.8, alpha=0.1)", shown=False),
    Row("keras", "CosineDecayRestarts(0.1, 30, t_mul=1.0, alpha=0.1)", shown=False),
    Row("optax", "constant_schedule(0.1)", "constant(0.1)"),
    Row(
        "optax",
        "polynomial_schedule(0.1, 0.001, power=2, transition_steps=200)",
        "polynomial(0.1, steps=200, power=2, end=0.001)",
    ),
    Row("optax", "polynomial_schedule(0.1, 0.001, 0.5, 200, transition_begin=50)", shown=False),
    Row("optax", "linear_schedule(0.0, 0.1, transition_steps=100)", "linear(0.0, end=0.1, steps=100)"),
    Row(
        "optax",
        "linear_schedule(0.1, 0.01, 100, transition_begin=50)",
        "join([0.1, linear(0.1, end=0.01, steps=100)], boundaries=[50])",
    ),
    Row(
        "optax",
        "piecewise_constant_schedule(0.1, {100: 0.5, 200: 0.1})",
        "piecewise([0.1, 0.05, 0.005], boundaries=[100, 200])",
    ),
    Row(
        "optax",
        "piecewise_interpolate_schedule('linear', 0.1, {100: 2.0, 250: 0.1})",
        "interpolate([0.1, 0.2, 0.02], boundaries=[100, 250])",
    ),
    Row("optax", "piecewise_interpolate_schedule('cosine', 0.1, {100: 2.0, 250: 0.1})", shown=False),
    Row(
        "optax",
        "exponential_decay(0.1, transition_steps=50, decay_rate=0.5, end_value=0.01)",
        "exponential(0.1, gamma=0.5, every=50, end=0.01)",
    ),
    Row("optax", "exponential_decay(0.1, 50, 0.5, transition_begin=33, staircase=True)", shown=False),
    Row("optax", "exponential_decay(0.1, 50, 1.5, end_value=0.3)", shown=False),
    Row("optax", "cosine_decay_schedule(0.1, decay_steps=250, alpha=0.1)", "cosine(0.1, steps=250, end=0.01)"),
    Row("optax", "cosine_decay_schedule(0.1, 250, alpha=0.1, exponent=2.0)", shown=False),
    Row(
        "optax",
        "linear_onecycle_schedule(300, 0.1)",
        "interpolate([0.004, 0.1, 0.004, 4e-7], boundaries=[90, 255, 300])",
    ),
    Row(
        "optax",
        "cosine_onecycle_schedule(300, 0.1, final_div_factor=100.0)",
        "one_cycle(0.1, steps=300, end_factor=4e-4)",
        "optax rounds the step of the peak down",
    ),
    Row(
        "optax",
        "warmup_constant_schedule(0.0, 0.1, warmup_steps=30)",
        "linear(0.0, end=0.1, steps=30)",
    ),
    Row(
        "optax",
        "warmup_cosine_decay_schedule(0.0, 0.1, warmup_steps=30, decay_steps=280, end_value=0.01)",
        "join([linear(0.0, end=0.1, steps=30), cosine(0.1, steps=250, end=0.01)], boundaries=[30])",
        "decay_steps count the warm-up, as in cosine(0.1, steps=280, end=0.01, warmup=30), whose warm-up does not "
        "begin with a step of zero",
    ),
    Row("optax", "warmup_cosine_decay_schedule(0.02, 0.1, 0, 250, 0.01, exponent=1.5)", shown=False),
    Row(
        "optax",
        "warmup_exponential_decay_schedule(0.0, 0.1, 30, transition_steps=50, decay_rate=0.5)",
        "join([linear(0.0, end=0.1, steps=30), exponential(0.1, gamma=0.5, every=50)], boundaries=[30])",
    ),
    Row("optax", "warmup_exponential_decay_schedule(0.0, 0.1, 30, 50, 0.5, 20, True, 0.01)", shown=False),
    Row(
        "optax",
        "sgdr_schedule([dict(init_value=0.0, peak_value=0.1, warmup_steps=10, decay_steps=100, end_value=0.01), "
        "dict(init_value=0.01, peak_value=0.08, warmup_steps=5, decay_steps=150, end_value=0.01)])",
        "join([linear(0.0, end=0.1, steps=10), cosine(0.1, steps=90, end=0.01), linear(0.01, end=0.08, steps=5), "
        "cosine(0.08, steps=145, end=0.01)], boundaries=[10, 100, 105])",
    ),
    Row(
        "optax",
        "join_schedules([constant_schedule(0.1), cosine_decay_schedule(0.1, 200, 0.1)], [50])",
        "join([0.1, cosine(0.1, steps=200, end=0.01)], boundaries=[50])",
    ),
]


def table(peer: str) -> str:
    """The rows of a peer for the documentation."""
    lines = [f"| `{peer}`, and `fastopt.like.{peer}` | `fastopt.schedules` | |", "| --- | --- | --- |"]
    for row in ROWS:
        if row.peer == peer and row.shown:
            lines.append(f"| `{row.call}` | {f'`{row.same}`' if row.same else ''} | {row.note} |")
    return "\n".join(lines)
