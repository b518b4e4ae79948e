"""torch's own configurations and error inputs, from its wheel, through our subclasses: the same numbers, counted."""

import inspect
import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest
from examples import DTYPES, same_bits
from paths import Path, relative
from peer_gradients import COUNT, KINDS, TOLERANCE

pytestmark = pytest.mark.peers

STEPS = 50
ULP = 2.0**-23
# How many of torch's configurations there are of each, on a CPU. Another number is a version to look at anew.
CONFIGURATIONS = {"SGD": 27, "Adagrad": 21, "RMSprop": 16, "Adadelta": 12, "Adam": 15, "AdamW": 15, "Adamax": 10}
CONFIGURATIONS |= {"NAdam": 14, "RAdam": 12}
# What torch's database has besides.
SKIPPED = {
    "ASGD": "its rates and its mean are not among the states that the kernels run on",
    "Adafactor": "no rule of ours",
    "LBFGS": "evaluates the model several times a step",
    "Muon": "no rule of ours",
    "Rprop": "its sizes of steps are not among the states that the kernels run on",
    "SparseAdam": "takes sparse gradients alone, which go to torch",
}


def begin() -> tuple[np.ndarray, Path]:
    """COUNT weights of each kind, every second of which starts at zero, and gradients; numbers that float32 has."""
    generator = np.random.default_rng(STEPS)
    weights = generator.standard_normal(COUNT * len(KINDS))
    weights[::2] = 0.0
    grads = np.concatenate([kind(generator, (STEPS, COUNT)) for kind in KINDS], axis=1)
    return weights.astype("float32").astype("float64"), list(grads.astype("float32").astype("float64"))


def optimizer(cls: Any, weights: np.ndarray, dtype: Any, **options: Any) -> Any:
    import torch

    tensor = torch.tensor(weights, dtype=dtype)
    return cls([tensor if options.get("differentiable") else torch.nn.Parameter(tensor)], **options)


def test_every_optimizer_in_torchs_database_is_ours_or_has_a_reason(twins: Any) -> None:
    assert set(twins.infos()) == {*CONFIGURATIONS, *SKIPPED}
    assert set(twins.NAMES) == set(CONFIGURATIONS)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_torchs_configurations_give_its_numbers_and_reach_the_kernels(name: str, twins: Any, wide: Any) -> None:
    weights, grads = begin()
    found, counted = twins.configurations(name), Counter[str]()
    for one in found:
        ours, theirs = (optimizer(getattr(of, name), weights, wide, **one.kwargs) for of in (twins.fast, twins.optim))
        apart = relative(twins.path(ours, grads), twins.path(theirs, grads)).max()
        assert apart < TOLERANCE, (one.desc, apart)
        expected = Counter({"differentiable=True": STEPS} if one.kwargs.get("differentiable") else {})
        assert ours.updates == twins.fast.Updates(0 if expected else STEPS, expected), one.desc
        counted += Counter({"kernels": ours.updates.kernels, **ours.updates.torch})
    print(f"{name}: {len(found)} configurations, updates: {dict(counted)}")
    assert len(found) == CONFIGURATIONS[name]
    assert counted.total() == STEPS * len(found)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_fifty_steps_in_float32_are_within_4_ulp_or_torchs_own_errors(name: str, twins: Any, wide: Any) -> None:
    import torch

    weights, grads = begin()
    own = getattr(torch.optim, name)
    flags = [{}, *({way: True} for way in ("foreach", "fused") if way in inspect.signature(own).parameters)]
    for one in twins.infos()[name].optim_inputs_func(device="cpu"):

        def run(cls: Any, dtype: Any, options: Any = one.kwargs, **way: Any) -> Path:
            return twins.path(optimizer(cls, weights, dtype, **options, **way), grads)

        ways = [way for way in flags if "foreach" not in way or not isinstance(one.kwargs.get("lr"), torch.Tensor)]
        theirs, exact = [run(own, torch.float32, **way) for way in ways], run(own, torch.float64)
        apart = most(run(getattr(twins.fast, name), torch.float32), theirs[0])
        # Two that err by so much may be twice that apart.
        assert apart <= max(4, 2 * max(most(path, exact) for path in theirs)), (one.desc, apart)


def most(ours: Path, theirs: Path) -> float:
    """How many ulp 99 of 100 are apart; of the others, gradient and decay cancel, and the last bit decides."""
    return float(np.quantile(relative(ours, theirs), 0.99)) / ULP


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_centered_rmsprop_loses_no_more_digits_than_torchs(momentum: float, twins: Any, wide: Any) -> None:
    """torch's state has the mean square, which differs from the square of the mean by a hundred-thousandth here."""
    import torch

    grads = list(1 + 3e-3 * np.random.default_rng(0).standard_normal((2000, COUNT)))

    def run(cls: Any, dtype: Any) -> Path:
        opt = optimizer(cls, np.zeros(COUNT), dtype, lr=1e-5, centered=True, momentum=momentum)
        return twins.path(opt, grads)[-1:]

    exact = run(torch.optim.RMSprop, torch.float64)
    ours, theirs = (relative(run(cls, torch.float32), exact).max() for cls in (twins.fast.RMSprop, torch.optim.RMSprop))
    assert 0.01 < theirs < 0.1
    assert ours < 1.1 * theirs


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_step_gives_the_bits_of_the_rule(name: str, dtype: str, twins: Any) -> None:
    """State has the type of the parameter, as in torch; a 16-bit one is rounded once in each step."""
    import torch

    from fastopt.integrations.torch.kinds import KINDS, definition_of, read

    (start,) = twins.start((7, 5), dtype=getattr(torch, dtype))
    p = torch.nn.Parameter(start)
    opt = getattr(twins.fast, name)([p], lr=0.03, weight_decay=0.1)
    (group,) = opt.param_groups
    step = definition_of([read(name, group, opt.defaults)])
    arrays = [numpy_of(p), *(np.zeros((7, 5), DTYPES[dtype]) for _ in step.slots)]
    carried = step.states
    for t in range(1, 11):
        (p.grad,) = twins.gradients([p], t)
        numbers = {key: value for key, value in read(name, group, opt.defaults).numbers.items() if key in step.hyper}
        arrays[1:1] = [numpy_of(p.grad)]
        (*arrays,) = step.reference(*arrays, t=t, **numbers, **carried)
        # torch keeps numbers in its default type.
        carried = dict(zip(carried, (float(np.float32(value)) for value in arrays[1 + len(step.slots) :]), strict=True))
        arrays = arrays[: 1 + len(step.slots)]
        opt.step()
        found = [p, *(opt.state[p][KINDS[name].names[slot]] for slot in step.slots)]
        assert all(same_bits(numpy_of(tensor), array) for tensor, array in zip(found, arrays, strict=True))
    assert opt.updates == twins.fast.Updates(10)


def numpy_of(tensor: Any) -> Any:
    """A copy of a tensor as a NumPy array, bfloat16 too."""
    import torch

    bits = tensor.detach().contiguous().view(torch.uint8).numpy().copy()
    return bits.view(DTYPES[str(tensor.dtype).removeprefix("torch.")]).reshape(tensor.shape)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_torchs_error_inputs_are_refused_alike(name: str, twins: Any) -> None:
    import torch

    found = twins.infos()[name].optim_error_inputs_func(device="cpu", dtype=torch.float32)
    assert len(found) >= 7
    for one in found:
        given = one.optimizer_error_input
        params = [torch.nn.Parameter(torch.ones(1))] if given.params is None else given.params
        assert one.error_on.name == "CONSTRUCTION_ERROR"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(one.error_type, match=one.error_regex):
                getattr(twins.fast, name)(params, **given.kwargs)
