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

class AdaBelief(Optimizer):
    """AdaBelief: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    adabelief (by default): Zhuang et al. 2020, arXiv:2010.07468, Algorithm 2.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0.

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
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Adadelta(Optimizer):
    """Adadelta: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    adadelta (by default): Zeiler 2012, arXiv:1212.5701, Algorithm 1, which has no rate: at lr = 1 it is that, to the bit.

    The update uses the u of the step before.
      Requires 0 <= lr < inf, 0 <= rho < 1, eps >= 0.

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
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Adagrad(Optimizer):
    """Adagrad: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    adagrad (by default): Duchi, Hazan & Singer 2011, JMLR 12, Figure 1 (the diagonal form). skip_zero: no step where h is 0, as optax.
      Requires 0 <= lr < inf, lr_decay >= 0, eps >= 0, initial_accumulator >= 0.

    adagrad_momentum (with momentum): Duchi, Hazan & Singer 2011, whose scaled gradients gather in a velocity b (Polyak 1964); lr is outside.
      Requires 0 <= lr < inf, 0 <= momentum < 1, lr_decay >= 0, eps >= 0, initial_accumulator >= 0.

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
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Adam(Optimizer):
    """Adam: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    adam (by default): Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1.

    eps_hat: eps is the epsilon hat of the end of their section 2, as in keras and thinc: it joins the uncorrected root.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0.

    amsgrad (with amsgrad): Reddi, Kale & Kumar 2018, arXiv:1904.09237, Algorithm 2, whose bias is corrected "after" the maximum, as torch.

    correct: or "before" it, as optax, or "never", as the paper does for v. eps_hat: as in adam.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0.

    adam_uncorrected (with uncorrected): Kingma & Ba 2015 without bias correction and with eps inside the root, as lecture notes on schedules print it.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0.

    adam_eps_root (with eps_root): Kingma & Ba 2015 with an eps inside the root too, as in optax, where a step can be differentiated at zero.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0, eps_root >= 0.

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
        amsgrad: bool = False,
        uncorrected: bool = False,
        eps_root: _Number = 0.0,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class AdamW(Optimizer):
    """AdamW: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    adamw (by default): Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2; the decay is multiplied by lr, as in torch.

    eps_hat: as in adam.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0, 0 <= weight_decay < inf.

    adamw_amsgrad (with amsgrad): Reddi, Kale & Kumar 2018 with the decoupled weight decay of Loshchilov & Hutter 2019. eps_hat: as in adam.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0, 0 <= weight_decay < inf.

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
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Adamax(Optimizer):
    """Adamax: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    adamax (by default): Kingma & Ba 2015, arXiv:1412.6980, Algorithm 2. eps, which the paper lacks, is inside the maximum, as in torch,
    or added to u, as in keras.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0.

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
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class AdamLp(Optimizer):
    """AdamLp: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    adam_lp (by default): Kingma & Ba 2015, arXiv:1412.6980, section 7.1 before the limit: the norm of the given order, bias corrected.

    Adamax is its limit. In float32 it fails long before: |g|**order leaves the type's range.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0, 1 <= order < inf.

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
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class AdamMaxNorm(Optimizer):
    """AdamMaxNorm: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    adam_max_norm (by default): Kingma & Ba 2015 with the squared maximum norm of the whole gradient for second moment, as printed in notes.

    over: "array" takes the maximum in each array, "model" in all arrays of the optimizer.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0.

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
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class SGDHD(Optimizer):
    """SGDHD: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    sgd_hypergradient (by default): Baydin et al. 2018, arXiv:1703.04782, SGD-HD: the rate is lr + change, lr its first value or a
    schedule, that is corrected.

    hypergrad_lr: the paper's beta. multiplicative: its other rule, which changes the rate by a part of itself; the
    rate is then lr * (1 + change). over: "model" has one rate for all arrays, as the paper; "array" one for each.
      Requires 0 <= lr < inf, 0 <= hypergrad_lr < inf.

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
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class AdamHD(Optimizer):
    """AdamHD: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    adam_hypergradient (by default): Baydin et al. 2018, arXiv:1703.04782, Adam-HD: the rate is lr + change, lr its first value or a
    schedule, that is corrected.

    The direction of the step before is computed again from m and v, with the present beta1, beta2 and eps.
    hypergrad_lr: the paper's beta. multiplicative: its other rule, which changes the rate by a part of itself; the
    rate is then lr * (1 + change). over: "model" has one rate for all arrays, as the paper; "array" one for each.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0, 0 <= hypergrad_lr < inf.

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
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class LAMB(Optimizer):
    """LAMB: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    lamb (by default): You et al. 2020, arXiv:1904.00962, Algorithm 2, with the ratio of the norms as it is, and 1 where either is 0.

    min_ratio, max_ratio: its bounds; none in apex, optax and keras, 0.01 and 10 in DeepSpeed. decay_first: the decay
    is no part of the step, but done before it by lr * weight_decay, as in keras.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0, 0 <= weight_decay < inf, 0 <= min_ratio < inf, max_ratio > 0.

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
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class LARS(Optimizer):
    """LARS: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    lars (by default): You, Gitman & Ginsburg 2017, arXiv:1708.03888, Algorithm 1; lr, scaled for each array, is inside the velocity b.

    trust: the paper's eta, the part of its norm by which an array may change in a step. eps: added to the norm of the
    gradient, as in apex. joint: the ratio is to the norm of the gradient with its decay, as in optax, not to the sum of
    their norms.
      Requires 0 <= lr < inf, 0 <= momentum < 1, 0 <= weight_decay < inf, 0 < trust < inf, 0 <= eps < inf.

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
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Lion(Optimizer):
    """Lion: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    lion (by default): Chen et al. 2023, arXiv:2302.06675, Algorithm 2, without weight decay.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1.

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
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class NAdam(Optimizer):
    """NAdam: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    nadam (by default): Dozat 2016, Incorporating Nesterov Momentum into Adam, Algorithm 2, with its warming momentum.

    psi: how fast the momentum warms: 0.004 in torch, 1 in keras, math.inf (at once) in optax.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0, psi >= 0.

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
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class NAGAdam(Optimizer):
    """NAGAdam: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    nag_adam (by default): Nesterov 1983 within the scaling of Kingma & Ba 2015, as lecture notes print it: lr enters u and the step.

    The notes take one gradient ahead, at p - beta * u, and one at p. A rule is given one: g stands for both, so an
    exact lookahead is the caller's, who may evaluate g at p - beta * u.
      Requires 0 <= lr < inf, 0 <= beta < 1, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0.

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
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class RAdam(Optimizer):
    """RAdam: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    radam (by default): Liu et al. 2020, arXiv:1908.03265, Algorithm 2; rectified above `threshold` degrees of freedom.

    eps_hat: eps joins the uncorrected root, as in torch and thinc, or the corrected one, as in optax. ahead: the bias
    is corrected for so many steps more than were made: 1 in thinc.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0, 4 <= threshold < inf, ahead >= 0.

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
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class RMSprop(Optimizer):
    """RMSprop: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    rmsprop (by default): Tieleman & Hinton 2012, Coursera, Neural Networks for Machine Learning, lecture 6e.
      Requires 0 <= lr < inf, 0 <= alpha < 1, eps >= 0.

    rmsprop_centered (with centered): Graves 2013, arXiv:1308.0850, equations 38 to 45 without momentum: divides by the standard deviation.
      Requires 0 <= lr < inf, 0 <= alpha < 1, eps >= 0.

    rmsprop_momentum (with momentum): Tieleman & Hinton 2012, whose scaled gradients gather in a velocity b: lr is outside of it as in torch, or inside
    as in keras and optax.
      Requires 0 <= lr < inf, 0 <= alpha < 1, 0 <= momentum < 1, eps >= 0.

    rmsprop_centered_momentum (with centered and momentum): Graves 2013, arXiv:1308.0850, equations 38 to 45: lr is outside the velocity b as in torch, or inside as in keras
    and optax.
      Requires 0 <= lr < inf, 0 <= alpha < 1, 0 <= momentum < 1, eps >= 0.

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
        lr_inside: bool = False,
        centered: bool = False,
        momentum: _Number = 0.0,
        grad_scale: _Number | None = None,
        clip_value: _Number | None = None,
        clip_norm: _Number | None = None,
        clip_array_norm: _Number | None = None,
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class SGD(Optimizer):
    """SGD: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    sgd (by default): Robbins & Monro 1951: one step against the gradient.
      Requires 0 <= lr < inf.

    momentum (with momentum): Polyak 1964; Sutskever et al. 2013. The first gradient is not dampened.

    lr_inside: lr multiplies what enters the velocity b, as in keras, not what leaves it.
      Requires 0 <= lr < inf, 0 <= momentum < 1, 0 <= dampening <= 1.

    nesterov (with momentum and nesterov): Nesterov 1983, rewritten so that p is the point of the lookahead: Bengio et al. 2013, arXiv:1212.0901, eq. 7.

    With u the velocity of the original rule and theta its parameter, p = theta - momentum * u and b = u / lr.
    lr_inside: b = u, as in keras; they part when lr changes.
      Requires 0 <= lr < inf, 0 <= momentum < 1.

    nesterov (with nesterov): Nesterov 1983, rewritten so that p is the point of the lookahead: Bengio et al. 2013, arXiv:1212.0901, eq. 7.

    With u the velocity of the original rule and theta its parameter, p = theta - momentum * u and b = u / lr.
    lr_inside: b = u, as in keras; they part when lr changes.
      Requires 0 <= lr < inf, 0 <= momentum < 1.

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
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...

class Yogi(Optimizer):
    """Yogi: updates the arrays of `params` in place, all in one pass.

    Each hyperparameter is a number or a function of the step, which counts from 1.

    yogi (by default): Zaheer et al. 2018, Adaptive Methods for Nonconvex Optimization, NeurIPS, Algorithm 2, with Adam's bias
    correction and the start of both moments as in optax.
      Requires 0 <= lr < inf, 0 <= beta1 < 1, 0 <= beta2 < 1, eps >= 0, initial_accumulator >= 0.

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
        weight_decay: _Number | None = None,
        ema: _Number | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
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
        second_moment: str = 'parts',
        conjugate_grads: bool = False,
        monitors: Sequence[Any] = (),
    ) -> None: ...
