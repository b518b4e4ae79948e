"""What changes gradients and steps, slow weights and averages at once: the bits of plain NumPy on every backend."""

from typing import Any

import numpy as np
import pytest
from examples import same_bits
from plain_model import PlainModel
from rider_choices import rising
from stepping import on as on

from fastopt.kernels import RULES
from fastopt.kernels.libraries.library import to_host
from fastopt.kernels.riders import AVERAGES, SLOW

OPTIONS: dict[str, Any] = {
    **{"clip_norm": 3.0, "clip_ratio": 0.3, "clip_ratio_floor": 0.5, "cautious": "mean", "clip_update": 0.5},
    **{"lookahead": 2, "lookahead_rate": 0.25, "ema": rising, "ema2": 0.5, "ema_overwrite": lambda t: float(t == 3)},
}


# Each norm of a step has the whole rule in it: the kernels of LAMB are slow to compile.
@pytest.mark.parametrize("name", ["momentum", pytest.param("lamb", marks=pytest.mark.ci)])
def test_all_options_together_have_numpys_bits(name: str, on: Any) -> None:
    generator = np.random.default_rng(0)
    params, grads = ([generator.standard_normal(n).astype("float32") for n in (3, 1500)] for _ in range(2))
    model = PlainModel(RULES[name], params, OPTIONS)
    for _ in range(5):
        model.step(grads)
    opt = on(params, grads, name, OPTIONS, 5)
    assert all(map(same_bits, params, model.params))
    for slot, wanted in ((AVERAGES["ema"], model.ema), (AVERAGES["ema2"], model.ema2), (SLOW, model.slow)):
        tree = [to_host(array, slot) for array in opt._updater.tree_of(slot)]
        assert all(map(same_bits, tree, wanted)), slot
