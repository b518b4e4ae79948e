"""A run on the handwritten digits, by its final loss alone."""

import math

from .training import Training


def final_loss(rule: str, lr: float, seed: int = 0, *, epochs: int = 5, batch_size: int = 32) -> float:
    """The mean loss over the last epoch, as the network learnt; the run ends with an epoch whose loss is not finite."""
    training = Training(rule, lr=lr, epochs=epochs, batch_size=batch_size, seed=seed, checked=False)
    loss = math.nan
    for epoch in training.run():
        loss = epoch.loss
        if not math.isfinite(loss):
            break
    return loss
