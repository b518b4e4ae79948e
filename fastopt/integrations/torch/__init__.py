"""torch.optim's optimizers on fastopt's kernels: change the import and nothing else.

Only the step differs: all parameters of all groups are updated by one kernel call, where they lie. The state is torch's
own, `state_dict` goes both ways. Work that the kernels cannot do, such as sparse gradients, capturable and
differentiable, is left to torch's own step, and counted: see `updates`. foreach and fused only choose
among torch's own steps.
"""

import torch

from ..versions import warn_if_untested
from .step import FastStep, Updates

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Updates"]

warn_if_untested("torch", "2.13", "2.13")


class SGD(FastStep, torch.optim.SGD):
    """torch.optim.SGD on fastopt's kernels."""


class Adagrad(FastStep, torch.optim.Adagrad):
    """torch.optim.Adagrad on fastopt's kernels."""


class RMSprop(FastStep, torch.optim.RMSprop):
    """torch.optim.RMSprop on fastopt's kernels."""


class Adadelta(FastStep, torch.optim.Adadelta):
    """torch.optim.Adadelta on fastopt's kernels."""


class Adam(FastStep, torch.optim.Adam):
    """torch.optim.Adam on fastopt's kernels."""


class AdamW(FastStep, torch.optim.AdamW):
    """torch.optim.AdamW on fastopt's kernels."""


class Adamax(FastStep, torch.optim.Adamax):
    """torch.optim.Adamax on fastopt's kernels."""


class NAdam(FastStep, torch.optim.NAdam):
    """torch.optim.NAdam on fastopt's kernels."""


class RAdam(FastStep, torch.optim.RAdam):
    """torch.optim.RAdam on fastopt's kernels."""
