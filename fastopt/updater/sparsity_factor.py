"""Learning rates of single elements and rows: arrays that multiply lr, and how rare each feature is."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..kernels.language.hyperparameters import real, whole


class SparsityFactor:
    """How rare each feature is, as a factor of its learning rate: rate**-power of a running share of non-zeros.

    Pass it in `lr_scale` and call `update` with the inputs of each batch. The documents write
    eta_t = eta_0 * sparsity_factor(x_t): a feature that is seen in one example of a hundred has the rate 0.01, and with
    power 0.5 ten times the learning rate of one that is always there.

    features: their number, that of the parameter's rows. power: 0 for no effect. normalised: the factors are divided
    by their mean over the features. decay: of the running mean, bias corrected, over batches; None for the mean of all.
    smallest: the least rate that is used, so that a feature never seen has a finite factor. dtype: float64 for
    float64 parameters. Raises ValueError for numbers out of these ranges.

    rate: the share of examples in which each feature is not zero, an array of float64; 1 before the first batch.
    factor: what multiplies lr, an array that is updated in place.
    """

    def __init__(
        self,
        features: int,
        *,
        power: float = 0.5,
        normalised: bool = False,
        decay: float | None = None,
        smallest: float = 1e-3,
        dtype: str = "float32",
    ) -> None:
        features, power = whole("features", features, 1, "rows of the parameter"), real("power", power)
        decay, smallest = None if decay is None else real("decay", decay), real("smallest", smallest)
        if not 0 <= power < np.inf:
            raise ValueError(f"power must be 0 or more; got {power}")
        if decay is not None and not 0 <= decay < 1:
            raise ValueError(f"decay must be None, or 0 or more and less than 1; got {decay}")
        if not 0 < smallest <= 1:
            raise ValueError(f"smallest must be more than 0, and at most 1; got {smallest}")
        if dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be 'float32' or 'float64'; got {dtype!r}")
        self.power, self.normalised, self.decay, self.smallest = power, normalised, decay, smallest
        self.rate = np.ones(features)
        self.factor = np.ones(features, dtype)
        self._weight = 0.0  # of all batches so far: their examples, or with decay the sum of their weights

    def update(self, x: Any) -> None:
        """Take in a batch of inputs.

        x: examples by features, a NumPy array or a SciPy matrix; or the rows of a RowSparse gradient's table that the
        examples use, as a pair (rows, number of examples), each row at most once for an example.
        Raises ValueError for another number of features, IndexError for a row out of range.
        """
        counts, examples = self._counted(x)
        if not examples:
            return
        share = counts / examples
        if self.decay is None:
            self._weight += examples
            step = examples / self._weight
        else:
            # A running, bias-corrected mean: the first batch has the full weight.
            self._weight = self.decay * self._weight + (1 - self.decay)
            step = (1 - self.decay) / self._weight
        self.rate += step * (share - self.rate)
        self._set_factor()

    def _set_factor(self) -> None:
        factor = np.maximum(self.rate, self.smallest) ** -self.power
        self.factor[...] = factor / factor.mean() if self.normalised else factor

    def _counted(self, x: Any) -> tuple[Any, int]:
        """How often each feature is not zero, and in how many examples."""
        features = len(self.rate)
        if isinstance(x, tuple):
            rows, examples = np.asarray(x[0]), int(x[1])
            if len(rows) and (rows.min() < 0 or rows.max() >= features):
                raise IndexError(f"x[0], the rows, must be from 0 to {features - 1}; got {rows.min()} to {rows.max()}")
            return np.bincount(rows, minlength=features), examples
        if len(x.shape) != 2 or x.shape[1] != features:
            raise ValueError(
                f"x must have shape (examples, {features}), a column for each feature; got {tuple(x.shape)}"
            )
        if hasattr(x, "tocsc"):
            x = x.tocsc()
            x.eliminate_zeros()
            return np.diff(x.indptr), int(x.shape[0])
        return np.count_nonzero(x, axis=0), int(x.shape[0])

    def state_dict(self) -> dict[str, Any]:
        """The values that change from batch to batch: a list of numbers and a number, fit for JSON."""
        return {"rate": self.rate.tolist(), "weight": self._weight}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the state that `state_dict` gave. Raises ValueError for another number of features."""
        rate, weight = np.asarray(state["rate"], np.float64), float(state["weight"])
        if rate.shape != self.rate.shape:
            raise ValueError(
                f"rate in the state has shape {rate.shape}, but this SparsityFactor has {len(self.rate)} features; "
                f"make it with features={rate.size}"
            )
        self.rate[...], self._weight = rate, weight
        self._set_factor()

    def __repr__(self) -> str:
        return f"<SparsityFactor: {len(self.rate)} features, power {self.power:g}, rates from {self.rate.min():.3g}>"
