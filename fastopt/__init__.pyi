"""Optimizers for NumPy and CuPy arrays: update rules written once, fused kernels on CPU and GPU, the same bits."""

# Written by docs/generators/generate.py from the rules.

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import kernels as kernels
from . import lab as lab
from . import like as like
from . import schedules as schedules
from .checkpoint.restore import LoadReport as LoadReport
from .kernels.arrays.row_sparse import RowSparse as RowSparse
from .monitors import BoldDriver as BoldDriver
from .monitors import EarlyStopping as EarlyStopping
from .monitors import ReduceOnPlateau as ReduceOnPlateau
from .optimizer.optimizer import Optimizer as Optimizer
from .studies.range_test import RangeTest as RangeTest
from .studies.range_test import lr_find as lr_find
from .studies.sweep import Sweep as Sweep
from .studies.sweep import sweep as sweep
from .trees.attributes import attributes as attributes
from .updater.loss_scale import LossScaler as LossScaler
from .updater.sparsity_factor import SparsityFactor as SparsityFactor
from .updater.sync import SyncReport as SyncReport

__version__: str

_Number = float | Callable[[int], float]

class ACProp(Optimizer):
    """ACProp: updates the arrays of `params` in place, all in one pass.

    acprop (by default): Zhuang et al. 2021, arXiv:2110.05454, as in the authors' code without rectifying: the first step is not divided.
    With the authors' eps a weight whose gradients have been 0 so far leaps at its first other gradient, since its
    divisor is then near sqrt(eps); a larger eps bounds the leap.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the squared distance of the gradient from its mean; 0 <= beta2 < 1.
    eps = 1e-16: added to the running mean of squared distances in each step, and to its root; eps >= 0.
    momentum_update = False: the step is along the running mean of the gradient, its bias corrected, not along the gradient.
    ahead = False: the distance is from the mean before it takes the gradient in, and the first step is divided by 1 + eps, as in optax.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-16,
        momentum_update: bool = False,
        ahead: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class AdaBelief(Optimizer):
    """AdaBelief: updates the arrays of `params` in place, all in one pass.

    adabelief (by default): Zhuang et al. 2020, arXiv:2010.07468, Algorithm 2.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the squared distance of the gradient from its mean; 0 <= beta2 < 1.
    eps = 1e-16: added to the running mean of squared distances in each step, and to its root; eps >= 0.
    nesterov = False: the step is along the running mean of a step on, as in optax.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-16,
        nesterov: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class AdaBound(Optimizer):
    """AdaBound: updates the arrays of `params` in place, all in one pass.

    adabound (by default): Luo et al. 2019, arXiv:1902.09843, AdaBound as the authors' code has it, with Adam's bias corrections.

    amsbound (with amsbound): Luo et al. 2019, arXiv:1902.09843, AMSBound: the second moment is the largest so far.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    final_lr = 0.1: the rate that the bounds close in on. A schedule of lr does not change it; it may have one of its own; 0 <= final_lr < inf.
    gamma = 0.001: how fast the bounds close in; 0 < gamma < 1.
    amsbound = False: chooses the rule amsbound.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        final_lr: _Number = 0.1,
        gamma: _Number = 0.001,
        amsbound: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Adadelta(Optimizer):
    """Adadelta: updates the arrays of `params` in place, all in one pass.

    adadelta (by default): Zeiler 2012, arXiv:1212.5701, Algorithm 1, which has no rate: at lr = 1 it is that, to the bit. The update uses
    the u of the step before.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 1.0: the learning rate; 0 <= lr < inf.
    rho = 0.9: the decay of the running means of the squares of gradients and of steps; 0 <= rho < 1.
    eps = 1e-06: added to both means, inside their roots; eps >= 0.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 1.0,
        rho: _Number = 0.9,
        eps: _Number = 1e-06,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Adagrad(Optimizer):
    """Adagrad: updates the arrays of `params` in place, all in one pass.

    adagrad (by default): Duchi, Hazan & Singer 2011, JMLR 12, Figure 1 (the diagonal form).

    adagrad_momentum (with momentum): Duchi, Hazan & Singer 2011, whose scaled gradients gather in a velocity b (Polyak 1964); lr is outside.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.01: the learning rate; 0 <= lr < inf.
    lr_decay = 0.0: the rate is lr / (1 + (t - 1) * lr_decay), as in torch; lr_decay >= 0.
    eps = 1e-10: added to the divisor, which it keeps from zero; eps >= 0.
    eps_inside = False: eps is inside the root, as in keras and optax, not added to it, as in torch.
    initial_accumulator = 0.0: the value of h before the first step: 0 in torch, 0.1 in keras and optax; initial_accumulator >= 0.
    skip_zero = False: no step where h is 0, as in optax. Only in adagrad.
    momentum = 0.0: the part of the velocity that stays from step to step; chooses the rule adagrad_momentum; 0 <= momentum < 1.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.01,
        lr_decay: _Number = 0.0,
        eps: _Number = 1e-10,
        eps_inside: bool = False,
        initial_accumulator: _Number = 0.0,
        skip_zero: bool = False,
        momentum: _Number = 0.0,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Adam(Optimizer):
    """Adam: updates the arrays of `params` in place, all in one pass.

    adam (by default): Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1.

    amsgrad (with amsgrad): Reddi, Kale & Kumar 2018, arXiv:1904.09237, Algorithm 2.

    adam_uncorrected (with uncorrected): Kingma & Ba 2015 without bias correction and with eps inside the root, as lecture notes on schedules print it.

    adam_eps_root (with eps_root): Kingma & Ba 2015 with an eps inside the root too, as in optax, where a step can be differentiated at zero.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; in adam_uncorrected added to the second moment, inside the root; eps >= 0.
    eps_hat = False: eps is the epsilon hat of Kingma & Ba 2015, end of section 2, as in keras and thinc: it joins the root before the bias is corrected. Only in adam and amsgrad.
    correct = 'after': the bias is corrected "after" the maximum, as in torch, "before" it, as in optax, or "never", as the paper does for v. Only in amsgrad.
    correct_mean = True: the bias of the running mean is corrected, which the paper does not do. Only in amsgrad.
    amsgrad = False: chooses the rule amsgrad.
    uncorrected = False: chooses the rule adam_uncorrected.
    eps_root = 0.0: added to the second moment, inside the root; chooses the rule adam_eps_root; eps_root >= 0.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        eps_hat: bool = False,
        correct: str = 'after',
        correct_mean: bool = True,
        amsgrad: bool = False,
        uncorrected: bool = False,
        eps_root: _Number = 0.0,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class AdamW(Optimizer):
    """AdamW: updates the arrays of `params` in place, all in one pass.

    adamw (by default): Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2.

    adamw_amsgrad (with amsgrad): Reddi, Kale & Kumar 2018 with the decoupled weight decay of Loshchilov & Hutter 2019.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    weight_decay = 0.01: before the step the weights are multiplied by 1 - lr * weight_decay, as in torch; 0 <= weight_decay < inf.
    eps_hat = False: eps is the epsilon hat of Kingma & Ba 2015, end of section 2, as in keras and thinc: it joins the root before the bias is corrected.
    amsgrad = False: chooses the rule adamw_amsgrad.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        weight_decay: _Number = 0.01,
        eps_hat: bool = False,
        amsgrad: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Adamax(Optimizer):
    """Adamax: updates the arrays of `params` in place, all in one pass.

    adamax (by default): Kingma & Ba 2015, arXiv:1412.6980, Algorithm 2, and an eps, which the paper lacks.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.002: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running maximum of the gradient's magnitude; 0 <= beta2 < 1.
    eps = 1e-08: added to the gradient's magnitude or, with eps_inside off, to the divisor, which it keeps from zero; eps >= 0.
    eps_inside = True: eps is inside the maximum, as in torch, not added to it, as in keras.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.002,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        eps_inside: bool = True,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class AdamLp(Optimizer):
    """AdamLp: updates the arrays of `params` in place, all in one pass.

    adam_lp (by default): Kingma & Ba 2015, arXiv:1412.6980, section 7.1 before the limit: the norm of the given order, bias corrected.

    Adamax is its limit. In float32 it fails long before: |g|**order leaves the type's range.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.002: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: to the power of the order it is the decay of the running mean of |g|**order; 0 <= beta2 < 1.
    order = 3.0: the order of the norm; 1 <= order < inf.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.002,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        order: _Number = 3.0,
        eps: _Number = 1e-08,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class AdamMaxNorm(Optimizer):
    """AdamMaxNorm: updates the arrays of `params` in place, all in one pass.

    adam_max_norm (by default): Kingma & Ba 2015 with the squared maximum norm of the whole gradient for second moment, as printed in notes.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.002: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the square of the gradient's maximum; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    over = 'array': "array" takes the maximum in each array, "model" in all arrays of the optimizer.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.002,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        over: str = 'array',
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Adan(Optimizer):
    """Adan: updates the arrays of `params` in place, all in one pass.

    adan (by default): Xie et al. 2022, arXiv:2208.06677, with the betas of the authors' code: one minus those of the paper.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.98: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.92: the decay of the running mean of the gradient's differences, and their weight beside the gradient; 0 <= beta2 < 1.
    beta3 = 0.99: the decay of the running mean of the square; 0 <= beta3 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    weight_decay = 0.0: after the step the weights are divided by 1 + lr * weight_decay, a proximal step; 0 <= weight_decay < inf.
    no_prox = False: the weights are multiplied by 1 - lr * weight_decay instead, before the step.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.98,
        beta2: _Number = 0.92,
        beta3: _Number = 0.99,
        eps: _Number = 1e-08,
        weight_decay: _Number = 0.0,
        no_prox: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class AdEMAMix(Optimizer):
    """AdEMAMix: updates the arrays of `params` in place, all in one pass.

    ademamix (by default): Pagliardini, Ablin & Grangier 2024, arXiv:2409.03137, with the numbers and the warm-ups of their code.

    ademamix_simplified (with simplified): Morwani et al. 2025, arXiv:2502.02431, simplified AdEMAMix, with the numbers of their code.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; in ademamix_simplified the part of the decaying sum of gradients that stays from step to step; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    beta3 = 0.9999: the decay of the slow running mean of the gradient, whose bias is not corrected; 0 <= beta3 < 1. Only in ademamix.
    alpha = 2.0: the weight of the slow mean beside that of the fast mean; in ademamix_simplified the weight of the gradient itself beside that of the sum; 0 <= alpha < inf.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    warmup = 0.0: the steps over which alpha rises from 0, and beta3 from beta1; 0 for none; in ademamix_simplified the steps over which beta1 rises from min_beta1; 0 for none; 0 <= warmup < inf.
    min_beta1 = 0.9: where the warm-up begins; 0 <= min_beta1 < 1. Only in ademamix_simplified.
    simplified = False: chooses the rule ademamix_simplified.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        beta3: _Number = 0.9999,
        alpha: _Number = 2.0,
        eps: _Number = 1e-08,
        warmup: _Number = 0.0,
        min_beta1: _Number = 0.9,
        simplified: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class ADOPT(Optimizer):
    """ADOPT: updates the arrays of `params` in place, all in one pass.

    adopt (by default): Taniguchi et al. 2024, arXiv:2411.02853, as the authors' code has it: the first step only sets v.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the divided gradient; 0 <= beta1 < 1.
    beta2 = 0.9999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-06: the divisor is at least this; eps >= 0.
    clip = True: the divided gradient is kept within (t - 1)**(1/4) of 0, as the authors have it since November 2024. Without it a weight whose gradients have all been 0 leaps by its first other gradient over eps, as with the authors; so does with count="optimizer" an array that gets its first gradient in a later step.
    nesterov = False: the step is along the running mean of a step on, as in optax.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.9,
        beta2: _Number = 0.9999,
        eps: _Number = 1e-06,
        clip: bool = True,
        nesterov: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class AggMo(Optimizer):
    """AggMo: updates the arrays of `params` in place, all in one pass.

    aggmo (by default): Lucas et al. 2019, arXiv:1804.00325, with the authors' three velocities, whose dampings are 0, 0.9 and 0.99.

    The velocity that keeps nothing is the gradient itself, and needs no slot.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.01: the learning rate; 0 <= lr < inf.
    momentum = 0.9: the part of the velocity b that stays from step to step; 0 <= momentum < 1.
    momentum_slow = 0.99: the part of the velocity c that stays from step to step; 0 <= momentum_slow < 1.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.01,
        momentum: _Number = 0.9,
        momentum_slow: _Number = 0.99,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class ASGD(Optimizer):
    """ASGD: updates the arrays of `params` in place, all in one pass.

    asgd (by default): Polyak & Juditsky 1992, Acceleration of stochastic approximation by averaging, with the numbers of torch.

    The mean of the weights is read with opt.averaged(). Under a schedule torch takes the lr of the step before, this
    rule that of the step.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.01: the learning rate; 0 <= lr < inf.
    lambd = 0.0001: how fast the rate falls, and the decay of the weights: before a step they are multiplied by 1 - lambd * eta, where eta is the rate of the step; 0 <= lambd < inf.
    alpha = 0.75: the rate of a step is lr / (1 + lambd * lr * (t - 1))**alpha; 0 <= alpha < inf.
    t0 = 1000000.0: the steps before the mean begins; until then it is the weights themselves; 0 <= t0 < inf.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.01,
        lambd: _Number = 0.0001,
        alpha: _Number = 0.75,
        t0: _Number = 1000000.0,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class COCOB(Optimizer):
    """COCOB: updates the arrays of `params` in place, all in one pass.

    cocob (by default): Orabona & Tommasi 2017, arXiv:1705.07795, Algorithm 2. It has no rate, and gives the same steps for gradients
    that are all multiplied by a number. The weights follow from p0 and the other slots: the next step forgets what else
    moved them.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    alpha = 100.0: the part of its wealth that a weight bets is at most one in alpha at first; 0 < alpha < inf.
    eps = 1e-08: the largest gradient's magnitude before the first step; 0 < eps < inf.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        alpha: _Number = 100.0,
        eps: _Number = 1e-08,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class DAdaptSGD(Optimizer):
    """DAdaptSGD: updates the arrays of `params` in place, all in one pass.

    dadapt_sgd (by default): Defazio & Mishchenko 2023, arXiv:2301.07733, as DAdaptSGD in the authors' package dadaptation: dual averaging
    with the rate lr * d / g0, of which g0 is the norm of the first gradient. The weights follow from x0 and s: the next
    step forgets what else moved them, as a decoupled weight decay does.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 1.0: a factor of the rate that the rule works out: 1, or a schedule; with 0 nothing changes in a step; 0 <= lr < inf.
    momentum = 0.0: the part of the weights that stays from step to step; 0 <= momentum < 1.
    d0 = 1e-06: the first estimate of the distance from the start to the solution, which is too small; 0 < d0 < inf.
    growth_rate = inf: in a step the estimate of the distance grows by no more than this factor; growth_rate >= 1.
    over = 'model': "model": all arrays have one rate, as in the authors' code; "array": each has its own. An array without a gradient in some steps keeps up with the others if the optimizer is made with count="optimizer".

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 1.0,
        momentum: _Number = 0.0,
        d0: _Number = 1e-06,
        growth_rate: _Number = ...,
        over: str = 'model',
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class DAdaptAdam(Optimizer):
    """DAdaptAdam: updates the arrays of `params` in place, all in one pass.

    dadapt_adam (by default): Defazio & Mishchenko 2023, arXiv:2301.07733, as DAdaptAdam in the authors' package dadaptation; optax's
    dadapt_adamw has decouple and bias_correction on.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 1.0: a factor of the rate that the rule works out: 1, or a schedule; with 0 nothing changes in a step; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient times the rate; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; 0 < eps < inf.
    weight_decay = 0.0: the part of the weights that is added to the gradient, or taken from them with decouple; 0 <= weight_decay < inf.
    decouple = False: the weight decay multiplies the weights, as in AdamW, and is no part of the gradient.
    bias_correction = False: the bias of both running means is corrected, in the rate. Every step counts, as in optax; the package does not count steps before the first gradient, nor steps whose lr is 0.
    d0 = 1e-06: the first estimate of the distance from the start to the solution, which is too small; 0 < d0 < inf.
    growth_rate = inf: in a step the estimate of the distance grows by no more than this factor; growth_rate >= 1.
    over = 'model': "model": all arrays have one rate, as in the authors' code; "array": each has its own. An array without a gradient in some steps keeps up with the others if the optimizer is made with count="optimizer".

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 1.0,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        weight_decay: _Number = 0.0,
        decouple: bool = False,
        bias_correction: bool = False,
        d0: _Number = 1e-06,
        growth_rate: _Number = ...,
        over: str = 'model',
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class DoG(Optimizer):
    """DoG: updates the arrays of `params` in place, all in one pass.

    dog (by default): Ivgi, Hinder & Carmon 2023, arXiv:2302.12022, DoG, and LDoG with over="array". The authors evaluate an average
    of the weights, such as that of the option ema.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 1.0: a factor of the rate that the rule works out, which the authors advise to leave at 1; 0 <= lr < inf.
    init_step = 1e-06: the distance that is taken as made before the first step, as init says; 0 < init_step < inf.
    eps = 1e-08: added to the sum of the squared norms, inside the root; 0 <= eps < inf.
    init = 'heuristic': "heuristic" takes init_step times 1 and the norm of the weights at the start for that distance, as the paper, "distance" init_step itself; for "learning_rate" init_step is the rate of the first step, as in optax.
    over = 'model': "model": all arrays have one rate, as in the authors' code; "array": each has its own. An array without a gradient in some steps keeps up with the others if the optimizer is made with count="optimizer".

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 1.0,
        init_step: _Number = 1e-06,
        eps: _Number = 1e-08,
        init: str = 'heuristic',
        over: str = 'model',
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class DoWG(Optimizer):
    """DoWG: updates the arrays of `params` in place, all in one pass.

    dowg (by default): Khaled, Mishchenko & Jin 2023, arXiv:2305.16284, Algorithm 1, and an eps, which the paper lacks.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 1.0: a factor of the rate that the rule works out, 1 in the paper; 0 <= lr < inf.
    init_sq_dist = 0.0001: the square of the distance that is taken as made before the first step; 0 < init_sq_dist < inf.
    eps = 0.0001: added to the root of the weighted sum of the squared norms; 0 <= eps < inf.
    over = 'model': "model": all arrays have one rate, as in the authors' code; "array": each has its own. An array without a gradient in some steps keeps up with the others if the optimizer is made with count="optimizer".

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 1.0,
        init_sq_dist: _Number = 0.0001,
        eps: _Number = 0.0001,
        over: str = 'model',
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Ftrl(Optimizer):
    """Ftrl: updates the arrays of `params` in place, all in one pass.

    ftrl (by default): McMahan et al. 2013, Ad click prediction: a view from the trenches, per-coordinate FTRL-Proximal.

    The weights follow from the slots, and their values at the start count for little: where no gradient has come
    they are 0 after a step. The default start of h and beta are those of keras; the paper has 0 and 1.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the paper's alpha; 0 < lr < inf.
    l1 = 0.0: the paper's lambda 1; a weight is 0 while its z is within l1 of 0; 0 <= l1 < inf.
    l2 = 0.0: the paper's lambda 2; it joins the divisor; 0 <= l2 < inf.
    l2_shrinkage = 0.0: l2_shrinkage * p joins the gradient in z, but not in h; 0 <= l2_shrinkage < inf.
    beta = 0.0: the paper's, which joins the root of h; 0 <= beta < inf.
    initial_accumulator = 0.1: the value of h before the first step; 0 <= initial_accumulator < inf.
    whole_squares = False: the penalties are l2 and l2_shrinkage times the squares of the weights, as in keras, so both count twice, not l2 / 2 times, as in the paper.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        l1: _Number = 0.0,
        l2: _Number = 0.0,
        l2_shrinkage: _Number = 0.0,
        beta: _Number = 0.0,
        initial_accumulator: _Number = 0.1,
        whole_squares: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class SGDHD(Optimizer):
    """SGDHD: updates the arrays of `params` in place, all in one pass.

    sgd_hypergradient (by default): Baydin et al. 2018, arXiv:1703.04782, SGD-HD: the rate is lr + change, lr its first value or a
    schedule, that is corrected.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.01: the learning rate; 0 <= lr < inf.
    hypergrad_lr = 0.001: the paper's beta, the rate at which the rate descends; 0 <= hypergrad_lr < inf.
    multiplicative = False: the paper's other rule, which changes the rate by a part of itself: it is lr * (1 + change).
    over = 'model': "model" has one rate for all arrays, as the paper, "array" one for each.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.01,
        hypergrad_lr: _Number = 0.001,
        multiplicative: bool = False,
        over: str = 'model',
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class AdamHD(Optimizer):
    """AdamHD: updates the arrays of `params` in place, all in one pass.

    adam_hypergradient (by default): Baydin et al. 2018, arXiv:1703.04782, Adam-HD: the rate is lr + change, lr its first value or a
    schedule, that is corrected.

    The direction of the step before is computed again from m and v, with the present beta1, beta2 and eps.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    hypergrad_lr = 1e-07: the paper's beta, the rate at which the rate descends; 0 <= hypergrad_lr < inf.
    multiplicative = False: the paper's other rule, which changes the rate by a part of itself: it is lr * (1 + change).
    over = 'model': "model" has one rate for all arrays, as the paper, "array" one for each.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        hypergrad_lr: _Number = 1e-07,
        multiplicative: bool = False,
        over: str = 'model',
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class LAMB(Optimizer):
    """LAMB: updates the arrays of `params` in place, all in one pass.

    lamb (by default): You et al. 2020, arXiv:1904.00962, Algorithm 2, with the ratio of the norms as it is, and 1 where either is 0.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-06: added to the divisor, which it keeps from zero; eps >= 0.
    weight_decay = 0.01: weight_decay * p is added to the step before its norm is taken; 0 <= weight_decay < inf.
    min_ratio = 0.0: a bound of the ratio; none in apex, optax and keras, 0.01 and 10 in DeepSpeed; 0 <= min_ratio < inf.
    max_ratio = inf: a bound of the ratio; none in apex, optax and keras, 0.01 and 10 in DeepSpeed; max_ratio > 0.
    decay_first = False: the decay is no part of the step, but done before it by lr * weight_decay, as in keras.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-06,
        weight_decay: _Number = 0.01,
        min_ratio: _Number = 0.0,
        max_ratio: _Number = ...,
        decay_first: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class LaProp(Optimizer):
    """LaProp: updates the arrays of `params` in place, all in one pass.

    laprop (by default): Ziyin, Wang & Ueda 2020, arXiv:2002.04839, with the numbers of the authors' code; lr is outside of the mean.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.0004: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the divided gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-15: added to the divisor, which it keeps from zero; eps >= 0.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.0004,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-15,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class LARS(Optimizer):
    """LARS: updates the arrays of `params` in place, all in one pass.

    lars (by default): You, Gitman & Ginsburg 2017, arXiv:1708.03888, Algorithm 1; lr, scaled for each array, is inside the velocity b.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 1.0: the learning rate; 0 <= lr < inf.
    momentum = 0.9: the part of the velocity that stays from step to step; 0 <= momentum < 1.
    weight_decay = 0.0: weight_decay * p is added to the gradient; 0 <= weight_decay < inf.
    trust = 0.001: the paper's eta, the part of its norm by which an array may change in a step; 0 < trust < inf.
    eps = 0.0: added to the norm of the gradient, as in apex; 0 <= eps < inf.
    joint = False: the ratio is to the norm of the gradient with its decay, as in optax, not to the sum of their norms.
    nesterov = False: the step is that of a velocity which the scaled gradient entered twice, as in optax.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 1.0,
        momentum: _Number = 0.9,
        weight_decay: _Number = 0.0,
        trust: _Number = 0.001,
        eps: _Number = 0.0,
        joint: bool = False,
        nesterov: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Lion(Optimizer):
    """Lion: updates the arrays of `params` in place, all in one pass.

    lion (by default): Chen et al. 2023, arXiv:2302.06675, Algorithm 2, without weight decay.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.0001: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the part of the running mean in the sum whose sign is the step; 0 <= beta1 < 1.
    beta2 = 0.99: the decay of the running mean of the gradient; 0 <= beta2 < 1.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.0001,
        beta1: _Number = 0.9,
        beta2: _Number = 0.99,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class MARS(Optimizer):
    """MARS: updates the arrays of `params` in place, all in one pass.

    mars (by default): Yuan et al. 2024, arXiv:2411.10438, MARS-AdamW, which takes the last step's gradient as it came.

    The authors update arrays of one dimension by AdamW; here every array has this rule.

    mars_lion (with lion): Yuan et al. 2024, arXiv:2411.10438, MARS-Lion: the sign of the running mean of the corrected gradient.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.003: the learning rate; 0 <= lr < inf.
    beta1 = 0.95: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.99: the decay of the running mean of the gradient's square; 0 <= beta2 < 1. Only in mars.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0. Only in mars.
    gamma = 0.025: the weight of the gradient's change, which is multiplied by beta1 / (1 - beta1); 0 <= gamma < inf.
    weight_decay = 0.0: before the step the weights are multiplied by 1 - lr * weight_decay; 0 <= weight_decay < inf.
    lion = False: chooses the rule mars_lion.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.003,
        beta1: _Number = 0.95,
        beta2: _Number = 0.99,
        eps: _Number = 1e-08,
        gamma: _Number = 0.025,
        weight_decay: _Number = 0.0,
        lion: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class MoMo(Optimizer):
    """MoMo: updates the arrays of `params` in place, all in one pass.

    momo (by default): Schaipp et al. 2024, arXiv:2305.07583, Algorithm 1, and MoMo* with adapt_lower_bound. It needs the loss of the
    step.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 1.0: the largest rate; 0 <= lr < inf.
    beta = 0.9: the decay of the running means of the gradient, the loss and the product of gradient and weights, which all start as those of the first step; 0 <= beta < 1.
    lower_bound = 0.0: a lower bound of the loss, or with adapt_lower_bound the first estimate of the least loss; -inf < lower_bound < inf.
    weight_decay = 0.0: at the end of the step the weights are divided by 1 + lr * weight_decay; 0 <= weight_decay < inf.
    adapt_lower_bound = False: the least loss is estimated from step to step.
    decay_step = True: that divides the step too, as in the paper, not the weights before it alone, as in optax.
    over = 'model': "model": all arrays have one rate, as in the authors' code; "array": each has its own. An array without a gradient in some steps keeps up with the others if the optimizer is made with count="optimizer".

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 1.0,
        beta: _Number = 0.9,
        lower_bound: _Number = 0.0,
        weight_decay: _Number = 0.0,
        adapt_lower_bound: bool = False,
        decay_step: bool = True,
        over: str = 'model',
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class MoMoAdam(Optimizer):
    """MoMoAdam: updates the arrays of `params` in place, all in one pass.

    momo_adam (by default): Schaipp et al. 2024, arXiv:2305.07583, Algorithm 2, and MoMo-Adam* with adapt_lower_bound. It needs the loss of
    the step.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.01: the largest rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running means of the gradient, the loss and the product of gradient and weights; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    lower_bound = 0.0: a lower bound of the loss, or with adapt_lower_bound the first estimate of the least loss; -inf < lower_bound < inf.
    weight_decay = 0.0: at the end of the step the weights are divided by 1 + lr * weight_decay; 0 <= weight_decay < inf.
    adapt_lower_bound = False: the least loss is estimated from step to step.
    decay_step = True: that divides the step too, as in the paper, not the weights before it alone, as in optax.
    over = 'model': "model": all arrays have one rate, as in the authors' code; "array": each has its own. An array without a gradient in some steps keeps up with the others if the optimizer is made with count="optimizer".

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.01,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        lower_bound: _Number = 0.0,
        weight_decay: _Number = 0.0,
        adapt_lower_bound: bool = False,
        decay_step: bool = True,
        over: str = 'model',
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class NAdam(Optimizer):
    """NAdam: updates the arrays of `params` in place, all in one pass.

    nadam (by default): Dozat 2016, Incorporating Nesterov Momentum into Adam, Algorithm 2, with its warming momentum.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.002: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    psi = 0.004: how fast the momentum warms: 0.004 in torch, 1 in keras, math.inf (at once) in optax; psi >= 0.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.002,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        psi: _Number = 0.004,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class NAGAdam(Optimizer):
    """NAGAdam: updates the arrays of `params` in place, all in one pass.

    nag_adam (by default): Nesterov 1983 within the scaling of Kingma & Ba 2015, as lecture notes print it: lr enters u and the step.

    The notes take one gradient ahead, at p - beta * u, and one at p. A rule is given one: g stands for both, so an
    exact lookahead is the caller's, who may evaluate g at p - beta * u.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.01: the learning rate; 0 <= lr < inf.
    beta = 0.9: the part of the velocity u that stays from step to step; 0 <= beta < 1.
    beta1 = 0.9: the part of u in the step, beside that of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.01,
        beta: _Number = 0.9,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class NovoGrad(Optimizer):
    """NovoGrad: updates the arrays of `params` in place, all in one pass.

    novograd (by default): Ginsburg et al. 2019, arXiv:1905.11286: the first v is the first squared norm that is not 0 (optax takes the
    first step's, even 0), and no bias is corrected.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.95: the part of the velocity that stays from step to step; 0 <= beta1 < 1.
    beta2 = 0.98: the decay of the running mean of the squared norm of an array's gradient; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    weight_decay = 0.0: weight_decay * p is added to the divided gradient, in the velocity; 0 <= weight_decay < inf.
    grad_averaging = False: the divided gradient is multiplied by 1 - beta1 before it enters the velocity, as apex has it.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.95,
        beta2: _Number = 0.98,
        eps: _Number = 1e-08,
        weight_decay: _Number = 0.0,
        grad_averaging: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class OptimisticSGD(Optimizer):
    """OptimisticSGD: updates the arrays of `params` in place, all in one pass.

    optimistic_sgd (by default): Daskalakis et al. 2018, arXiv:1711.00141: twice the gradient less the gradient before.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.01: the learning rate; 0 <= lr < inf.
    alpha = 1.0: the weight of the gradient; 0 <= alpha < inf.
    beta = 1.0: the weight of the gradient's change since the step before; 0 <= beta < inf.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.01,
        alpha: _Number = 1.0,
        beta: _Number = 1.0,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class OptimisticAdam(Optimizer):
    """OptimisticAdam: updates the arrays of `params` in place, all in one pass.

    optimistic_adam (by default): Daskalakis et al. 2018, arXiv:1711.00141, Optimistic Adam.

    The direction of the step before is computed again from m and v, with the present beta1, beta2 and eps.

    optimistic_nadam (with nesterov): Daskalakis et al. 2018, arXiv:1711.00141, Optimistic Adam with Nesterov's momentum, which is optax's default.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    alpha = 1.0: the weight of Adam's direction; in optimistic_nadam the weight of the direction; 0 <= alpha < inf.
    beta = 1.0: the weight of the direction's change since the step before; 0 <= beta < inf.
    nesterov = False: chooses the rule optimistic_nadam.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        alpha: _Number = 1.0,
        beta: _Number = 1.0,
        nesterov: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class PolyakSGD(Optimizer):
    """PolyakSGD: updates the arrays of `params` in place, all in one pass.

    polyak_sgd (by default): Loizou et al. 2021, arXiv:2002.10542, SPS_max, as optax's polyak_sgd. It needs the loss of the step.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 1.0: a factor of the rate that the rule works out, 1 in optax; 0 <= lr < inf.
    max_lr = 1.0: the paper's gamma_b, which that rate does not exceed; max_lr >= 0.
    f_min = 0.0: the least value of the loss; -inf < f_min < inf.
    eps = 0.0: added to the squared norm of the gradient; 0 <= eps < inf.
    clamp = False: a loss below f_min makes no step, as the variant sps+ in optax, and not one up the gradient.
    over = 'model': "model": all arrays have one rate, as in the authors' code; "array": each has its own. An array without a gradient in some steps keeps up with the others if the optimizer is made with count="optimizer".

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 1.0,
        max_lr: _Number = 1.0,
        f_min: _Number = 0.0,
        eps: _Number = 0.0,
        clamp: bool = False,
        over: str = 'model',
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Prodigy(Optimizer):
    """Prodigy: updates the arrays of `params` in place, all in one pass.

    prodigy (by default): Mishchenko & Defazio 2023, arXiv:2306.06101, as in the authors' package prodigyopt; optax's prodigy has
    bias_correction on.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 1.0: a factor of the rate that the rule works out: 1, or a schedule; with 0 nothing changes in a step; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient times d; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of its square; 0 <= beta2 < 1.
    beta3 = 0.0: the decay of the sums that d follows from; 0 stands for the square root of beta2; 0 <= beta3 < 1.
    eps = 1e-08: added to the divisor times d; 0 < eps < inf.
    weight_decay = 0.0: the part of the weights that is taken from them, or added to the gradient with decouple off; 0 <= weight_decay < inf.
    decouple = True: the weight decay multiplies the weights, as in AdamW, and is no part of the gradient.
    bias_correction = False: the bias of both running means is corrected, in the rate. Every step counts, as in optax; the package does not count steps before the first gradient, nor steps whose lr is 0.
    safeguard_warmup = False: lr is no part of the divisor in the estimate, which a long warm-up would make too large.
    d0 = 1e-06: the first estimate of the distance from the start to the solution, which is too small; 0 < d0 < inf.
    d_coef = 1.0: a factor of the estimate of the distance, to be changed rather than lr; 0 < d_coef < inf.
    growth_rate = inf: in a step the estimate of the distance grows by no more than this factor; growth_rate >= 1.
    over = 'model': "model": all arrays have one rate, as in the authors' code; "array": each has its own. An array without a gradient in some steps keeps up with the others if the optimizer is made with count="optimizer".

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 1.0,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        beta3: _Number = 0.0,
        eps: _Number = 1e-08,
        weight_decay: _Number = 0.0,
        decouple: bool = True,
        bias_correction: bool = False,
        safeguard_warmup: bool = False,
        d0: _Number = 1e-06,
        d_coef: _Number = 1.0,
        growth_rate: _Number = ...,
        over: str = 'model',
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class QHM(Optimizer):
    """QHM: updates the arrays of `params` in place, all in one pass.

    qhm (by default): Ma & Yarats 2019, arXiv:1810.06801, QHM.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.1: the learning rate; 0 <= lr < inf.
    momentum = 0.999: the paper's beta, the decay of the running mean of the gradient; 0 <= momentum < 1.
    nu = 0.7: the weight of the running mean in the step; the rest is the gradient's; 0 <= nu <= 1.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.1,
        momentum: _Number = 0.999,
        nu: _Number = 0.7,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class QHAdam(Optimizer):
    """QHAdam: updates the arrays of `params` in place, all in one pass.

    qhadam (by default): Ma & Yarats 2019, arXiv:1810.06801, QHAdam, with the numbers of the example in their code; nu1 = 1 is Adam.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.99: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    nu1 = 0.8: the weight of the running mean of the gradient in the step; the rest is the gradient's; 0 <= nu1 <= 1.
    nu2 = 1.0: the weight of the running mean of the square in the divisor; the rest is the square's; 0 <= nu2 <= 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.99,
        beta2: _Number = 0.999,
        nu1: _Number = 0.8,
        nu2: _Number = 1.0,
        eps: _Number = 1e-08,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class RAdam(Optimizer):
    """RAdam: updates the arrays of `params` in place, all in one pass.

    radam (by default): Liu et al. 2020, arXiv:1908.03265, Algorithm 2.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    eps_hat = True: eps joins the uncorrected root, as in torch and thinc, not the corrected one, as in optax.
    threshold = 5.0: the degrees of freedom above which a step is rectified; 4 <= threshold < inf.
    ahead = 0.0: the bias is corrected for so many steps more than were made: 1 in thinc; ahead >= 0.
    nesterov = False: the step is along the running mean of a step on, as in optax.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        eps_hat: bool = True,
        threshold: _Number = 5.0,
        ahead: _Number = 0.0,
        nesterov: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class RMSprop(Optimizer):
    """RMSprop: updates the arrays of `params` in place, all in one pass.

    rmsprop (by default): Tieleman & Hinton 2012, Coursera, Neural Networks for Machine Learning, lecture 6e.

    rmsprop_centered (with centered): Graves 2013, arXiv:1308.0850, equations 38 to 45 without momentum: divides by the standard deviation.

    rmsprop_momentum (with momentum): Tieleman & Hinton 2012, whose scaled gradients gather in a velocity b.

    rmsprop_centered_momentum (with centered and momentum): Graves 2013, arXiv:1308.0850, equations 38 to 45: scaled gradients gather in a velocity b.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.01: the learning rate; 0 <= lr < inf.
    alpha = 0.99: the decay of the running means of the gradient's square and, if centered, of the gradient; 0 <= alpha < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    eps_inside = False: eps is inside the root, as in keras and optax, not added to it, as in torch.
    bias_correction = False: the bias of the running mean of the square is corrected, as in Adam. Only in rmsprop and rmsprop_momentum.
    lr_inside = False: lr multiplies what enters the velocity, as in keras and optax, not what leaves it, as in torch. Only in rmsprop_momentum and rmsprop_centered_momentum.
    nesterov = False: the step is that of a velocity which the scaled gradient entered twice, as in optax. Only in rmsprop_momentum and rmsprop_centered_momentum.
    centered = False: chooses the rule rmsprop_centered or rmsprop_centered_momentum.
    momentum = 0.0: the part of the velocity that stays from step to step; chooses the rule rmsprop_momentum or rmsprop_centered_momentum; 0 <= momentum < 1.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.01,
        alpha: _Number = 0.99,
        eps: _Number = 1e-08,
        eps_inside: bool = False,
        bias_correction: bool = False,
        lr_inside: bool = False,
        nesterov: bool = False,
        centered: bool = False,
        momentum: _Number = 0.0,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Rprop(Optimizer):
    """Rprop: updates the arrays of `params` in place, all in one pass.

    rprop (by default): Riedmiller & Braun 1993, A direct adaptive method for faster backpropagation learning, without backtracking.

    A weight whose gradient has changed its sign rests for a step, and its size then stays in the next, as in torch.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.01: the size of the first step; 0 < lr < inf.
    eta_minus = 0.5: what the size is multiplied by where the gradient has changed its sign; 0 < eta_minus < 1.
    eta_plus = 1.2: what the size is multiplied by where the gradient has kept its sign; 1 < eta_plus < inf.
    min_step = 1e-06: no size is below; 0 <= min_step < inf.
    max_step = 50.0: no size is above; 0 < max_step < inf.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.01,
        eta_minus: _Number = 0.5,
        eta_plus: _Number = 1.2,
        min_step: _Number = 1e-06,
        max_step: _Number = 50.0,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class ScheduleFreeSGD(Optimizer):
    """ScheduleFreeSGD: updates the arrays of `params` in place, all in one pass.

    schedule_free_sgd (by default): Defazio et al. 2024, arXiv:2405.15682, with the weights and the warm-up of the authors' package schedulefree.
    The parameter is y, where gradients are taken; z takes the steps; the average x of all z is read with
    opt.averaged().

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 1.0: the learning rate; 0 <= lr < inf.
    momentum = 0.9: the part of x in y, the paper's beta; 0 < momentum < 1.
    weight_decay = 0.0: weight_decay * y is added to the gradient; 0 <= weight_decay < inf.
    warmup_steps = 0.0: the rate rises to lr in a line over so many steps; 0 <= warmup_steps < inf.
    r = 0.0: in the average a step weighs in proportion to its number to this power; 0 <= r < inf.
    weight_lr_power = 2.0: in the average a step weighs in proportion to the largest rate so far to this power; 0 <= weight_lr_power < inf.
    late_warmup = False: the steps warm up from 0, one step later than their weights in the average, as in optax.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 1.0,
        momentum: _Number = 0.9,
        weight_decay: _Number = 0.0,
        warmup_steps: _Number = 0.0,
        r: _Number = 0.0,
        weight_lr_power: _Number = 2.0,
        late_warmup: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class ScheduleFreeAdamW(Optimizer):
    """ScheduleFreeAdamW: updates the arrays of `params` in place, all in one pass.

    schedule_free_adamw (by default): Defazio et al. 2024, arXiv:2405.15682, Algorithm 1, as in the authors' package schedulefree, where the bias of v
    is corrected in the divisor and not in the rate. The parameter is y, where gradients are taken; z takes the steps;
    the average x of all z is read with opt.averaged().

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.0025: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the part of x in y; 0 < beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    weight_decay = 0.0: weight_decay * y is added to the step before the rate multiplies it; 0 <= weight_decay < inf.
    warmup_steps = 0.0: the rate rises to lr in a line over so many steps; 0 <= warmup_steps < inf.
    r = 0.0: in the average a step weighs in proportion to its number to this power; 0 <= r < inf.
    weight_lr_power = 2.0: in the average a step weighs in proportion to the largest rate so far to this power; 0 <= weight_lr_power < inf.
    late_warmup = False: the steps warm up from 0, one step later than their weights in the average, as in optax.
    decay_first = False: the decay moves y alone, before the step, by lr * weight_decay without a warm-up, as in keras, whose average is that of weight_lr_power = 0.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.0025,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        weight_decay: _Number = 0.0,
        warmup_steps: _Number = 0.0,
        r: _Number = 0.0,
        weight_lr_power: _Number = 2.0,
        late_warmup: bool = False,
        decay_first: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class ScheduleFreeRAdam(Optimizer):
    """ScheduleFreeRAdam: updates the arrays of `params` in place, all in one pass.

    schedule_free_radam (by default): Defazio et al. 2024, arXiv:2405.15682, with the rectified rate of Liu et al. 2020, arXiv:1908.03265, in place of
    a warm-up, as in the authors' package schedulefree. The parameter is y, where gradients are taken; z takes the
    steps; the average x of all z is read with opt.averaged().

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.0025: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the part of x in y; 0 < beta1 < 1.
    beta2 = 0.999: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor, which it keeps from zero; eps >= 0.
    weight_decay = 0.0: weight_decay * y is added to the step before the rate multiplies it; 0 <= weight_decay < inf.
    r = 0.0: in the average a step weighs in proportion to its number to this power; 0 <= r < inf.
    weight_lr_power = 2.0: in the average a step weighs in proportion to the largest rate so far to this power; 0 <= weight_lr_power < inf.
    silent_sgd_phase = True: the weights rest until the second moment can be trusted; if off, they then follow the gradient.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.0025,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 1e-08,
        weight_decay: _Number = 0.0,
        r: _Number = 0.0,
        weight_lr_power: _Number = 2.0,
        silent_sgd_phase: bool = True,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class SGD(Optimizer):
    """SGD: updates the arrays of `params` in place, all in one pass.

    sgd (by default): Robbins & Monro 1951: one step against the gradient.

    momentum (with momentum): Polyak 1964; Sutskever et al. 2013.

    nesterov (with momentum and nesterov or with nesterov): Nesterov 1983, rewritten so that p is the point of the lookahead: Bengio et al. 2013, arXiv:1212.0901, eq. 7.

    With u the velocity of the original rule and theta its parameter, p = theta - momentum * u and b = u / lr, or b = u
    with lr_inside; they part when lr changes.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.01: the learning rate; 0 <= lr < inf.
    dampening = 0.0: the part of a gradient that does not enter the velocity; the first enters whole, as in torch; 0 <= dampening <= 1. Only in momentum.
    lr_inside = False: lr multiplies what enters the velocity, as in keras, not what leaves it, as in torch. Only in momentum and nesterov.
    momentum = 0.0: the part of the velocity that stays from step to step; chooses the rule momentum or nesterov; 0 <= momentum < 1.
    nesterov = False: chooses the rule nesterov.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.01,
        dampening: _Number = 0.0,
        lr_inside: bool = False,
        momentum: _Number = 0.0,
        nesterov: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class SignSGD(Optimizer):
    """SignSGD: updates the arrays of `params` in place, all in one pass.

    signsgd (by default): Bernstein et al. 2018, arXiv:1802.04434, signSGD: every weight moves by lr.

    signum (with momentum): Bernstein et al. 2018, arXiv:1802.04434, Signum: the sign is that of a running mean.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    momentum = 0.0: the decay of the running mean of the gradient; chooses the rule signum; 0 <= momentum < 1.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        momentum: _Number = 0.0,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class StableAdamW(Optimizer):
    """StableAdamW: updates the arrays of `params` in place, all in one pass.

    stable_adamw (by default): Wortsman et al. 2023, arXiv:2304.13013, Algorithm 2. Both running means are kept without their bias.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.99: the decay of the running mean of the gradient's square; 0 <= beta2 < 1.
    eps = 1e-08: added to the divisor of the step; the size of an update is that of gradients divided by this at least; 0 < eps < inf.
    weight_decay = 0.01: before the step the weights are multiplied by 1 - weight_decay times the rate of the array; 0 <= weight_decay < inf.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta1: _Number = 0.9,
        beta2: _Number = 0.99,
        eps: _Number = 1e-08,
        weight_decay: _Number = 0.01,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Tiger(Optimizer):
    """Tiger: updates the arrays of `params` in place, all in one pass.

    tiger (by default): Su 2023, Tiger: a tight-fisted optimizer, https://kexue.fm/archives/9512.

    The author's code has the option by_size for matrices, and lr / 2 without a decay for biases and gains: here groups
    give them that. In embeddings it takes the size of each row, which this rule does not.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.001: the learning rate; 0 <= lr < inf.
    beta = 0.965: the decay of the running mean of the gradient; 0 <= beta < 1.
    weight_decay = 0.01: before the step the weights are multiplied by 1 - lr * weight_decay; 0 <= weight_decay < inf.
    by_size = False: in both places lr is multiplied by the root mean square of the array; an array of zeros then stays so.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.001,
        beta: _Number = 0.965,
        weight_decay: _Number = 0.01,
        by_size: bool = False,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Yogi(Optimizer):
    """Yogi: updates the arrays of `params` in place, all in one pass.

    yogi (by default): Zaheer et al. 2018, Adaptive Methods for Nonconvex Optimization, NeurIPS, Algorithm 2, with Adam's bias
    correction.

    Its own choices, with their defaults; a number may be a function of the step, which counts from 1:

    lr = 0.01: the learning rate; 0 <= lr < inf.
    beta1 = 0.9: the decay of the running mean of the gradient; 0 <= beta1 < 1.
    beta2 = 0.999: how fast the second moment follows the square of the gradient; 0 <= beta2 < 1.
    eps = 0.001: added to the divisor, which it keeps from zero; eps >= 0.
    initial_accumulator = 1e-06: the value of both moments before the first step, as in optax; initial_accumulator >= 0.

    The options that ride along, grad_scale and others, are described at fastopt.Optimizer.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: _Number = 0.01,
        beta1: _Number = 0.9,
        beta2: _Number = 0.999,
        eps: _Number = 0.001,
        initial_accumulator: _Number = 1e-06,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        clip_eps: _Number | None = None,
        clip_ratio: _Number | None = None,
        clip_ratio_floor: _Number | None = None,
        clip_update: _Number | None = None,
        weight_decay: _Number | None = None,
        lookahead: _Number | None = None,
        lookahead_rate: _Number | None = None,
        ema: _Number | None = None,
        ema2: _Number | None = None,
        ema_overwrite: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | Sequence[tuple[Any, Mapping[str, Any]]] | None = None,
        decay: str | None = None,
        maximize: bool = False,
        ema_uncorrected: bool = False,
        cast_to: str | None = None,
        zero_grads: bool = False,
        skip_nonfinite: bool = False,
        loss_scaler: LossScaler | None = None,
        shared: bool = False,
        sparse: str = 'exact',
        lr_scale: Mapping[str, Any] | None = None,
        count: str = 'parameter',
        cautious: str | None = None,
        reciprocals: bool = False,
        state_format: str | None = None,
        state_rounding: str = 'stochastic',
        min_8bit_size: int = 4096,
        param_rounding: str = 'nearest',
        master_weight_bits: int | None = None,
        seed: int = 0,
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        cast_grads: bool = False,
        start: Mapping[str, float] | None = None,
        accumulate: str | None = None,
        monitors: Sequence[Any] = (),
    ) -> None: ...
