"""The digits network trained on CuPy, beside the same run on the CPU.

Every step of the optimizer is compared bit by bit with the formula in NumPy, given the gradients that the GPU computed.
The networks are not the same to the bit: cuBLAS adds the products of a matrix product in another order than the CPU's
library, and exp and log are others. With the sums of every product in a random order the losses of ten epochs, on a
CPU, part by 1.2e-7 at most (four seeds); TOLERANCE is 80 times that. Products in TF32, whose numbers have 10 bits,
would pass it in the first epoch.
"""

from typing import Any

from fastopt.train.digits.training import Training

from .runner import Rows

RULE, EPOCHS = "adamw", 10
TOLERANCE = 1e-5


def rows(device: str = "cuda", epochs: int = EPOCHS) -> Rows:
    """A row for each device, then how far the losses of the epochs are apart."""
    losses: dict[str, list[float]] = {}
    for where in ("cpu", device):
        training = Training(RULE, epochs=epochs, device=where)
        losses[where] = [epoch.loss for epoch in training.run()]
        summary = training.summary()
        row = {"losses": losses[where], "test_accuracy": summary.test_accuracy, "steps": summary.steps}
        wrong = "" if summary.same_bits else f"other bits than the formula's, from {summary.differs_at} on"
        yield where, {**row, "wrong": wrong, "line": f"loss {losses[where][-1]:.6f}, the formula's bits in each step"}
    yield "the two losses", apart(losses["cpu"], losses[device])


def apart(one: list[float], other: list[float]) -> dict[str, Any]:
    """How far two curves are apart at most, relative to the first."""
    furthest = max(abs(b / a - 1) for a, b in zip(one, other, strict=True))
    close = furthest <= TOLERANCE
    return {
        "furthest": furthest,
        "tolerance": TOLERANCE,
        "wrong": "" if close else f"they part by {furthest:.2g}, more than {TOLERANCE}",
        "line": f"apart by {furthest:.2g} at most",
    }
