"""What the kernels cannot do of a torch step goes to torch's own, and is counted; nothing stale or foreign is used."""

import copy
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from test_torch_conduct import NAMES, NEAR, plain, twin, with_momentum

pytestmark = pytest.mark.peers


@pytest.mark.filterwarnings("ignore:Sparse invariant")
@pytest.mark.parametrize("name", ["SGD", "Adagrad"])
def test_a_sparse_gradient_goes_to_torch_and_the_others_to_the_kernels(name: str, twins: Any, wide: Any) -> None:
    torch = twins.torch
    pair = twin(twins, name, plain)
    for _ in range(4):
        pair.give()
        for params in (pair.params, pair.others):
            params[0].grad = params[0].grad.to_sparse()
        pair.ours.step()
        pair.theirs.step()
    pair.step()  # Dense again.
    assert pair.apart() < NEAR
    assert pair.ours.updates == twins.fast.Updates(4 * 3 + 4, {"a sparse gradient": 4})
    pair.params[0].grad = pair.params[0].grad.to_sparse()
    opt = twins.fast.Adam(pair.params)
    before = [p.detach().clone() for p in pair.params]
    with pytest.raises(RuntimeError, match="Adam does not support sparse gradients"):
        opt.step()
    assert all(torch.equal(p, q) for p, q in zip(pair.params, before, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_a_complex_parameter_is_updated_as_torch_does(name: str, twins: Any, wide: Any) -> None:
    torch = twins.torch
    begin = [*twins.start((4, 3), dtype=wide), torch.view_as_complex(twins.start((3, 2), dtype=wide)[0])]
    pair = twins.Twins(name, begin, with_momentum)

    generator = torch.Generator().manual_seed(1)
    # backward may conjugate a gradient in name alone, which torch's own step refuses.
    for lazily in (False, False, True, False, True):
        for p, q in zip(pair.params, pair.others, strict=True):
            grad = torch.randn(p.shape, dtype=p.dtype, generator=generator)
            p.grad, q.grad = (grad.conj(), grad.conj().resolve_conj()) if lazily else (grad, grad)
        pair.ours.step()
        pair.theirs.step()
        for p, q in zip(pair.params, pair.others, strict=True):
            assert torch.allclose(p, q, rtol=NEAR)
    assert pair.ours.updates == twins.fast.Updates(10)
    bound = pair.ours._bound
    for p in pair.params:
        p.grad = torch.ones_like(p).conj()
    pair.ours.step()
    assert pair.ours._bound is bound  # It serves gradients that are conjugated in name alone too.
    for p, q in zip(pair.params, pair.others, strict=True):
        assert {k: v.dtype for k, v in pair.ours.state[p].items() if v.numel() > 1} == {
            k: v.dtype for k, v in pair.theirs.state[q].items() if v.numel() > 1
        }


def test_other_tensors_go_to_torch_by_name(twins: Any) -> None:
    torch = twins.torch

    class Own(torch.Tensor):
        pass

    with torch.inference_mode():
        made_there = torch.ones(3)
    shared = torch.ones(5)
    tied = (
        "the parameter shares memory with the parameter in 1 element: the first is the parameter[0], which is the "
        "parameter[2]; if they are tied, pass the array that both are views of, with one gradient; if they are to be "
        "independent, pass a copy of the parameter"
    )
    cases: list[tuple[str, list[Any], int]] = [
        ("a Own", [torch.ones(3).as_subclass(Own)], 1),
        ("a parameter made in inference mode", [made_there], 1),
        ("a negated view", [torch._neg_view(-torch.ones(3))], 1),
        # Which of all of them share it is not asked.
        (tied, [shared[:3], shared[2:]], 3),
    ]
    for reason, params, left in cases:
        good = torch.ones(2)
        opt = twins.fast.SGD([*params, good], lr=0.5)
        for p in (*params, good):
            p.grad = torch.ones(p.shape)
        with torch.inference_mode("inference" in reason):
            opt.step()
            assert opt.updates == twins.fast.Updates(len(params) + 1 - left, {reason: left})
            assert all((p == 0.5).all() for p in (*params, good) if "shares" not in reason)
    assert shared.tolist() == [0.5, 0.5, 0.0, 0.5, 0.5]


def test_an_eps_that_our_float32_flushes_goes_to_torch(twins: Any) -> None:
    torch = twins.torch
    params = [torch.ones(3), torch.ones(3, dtype=torch.float64), torch.ones(3, dtype=torch.complex128)]
    opt = twins.fast.Adam(params, lr=0.5)
    for group_eps, left in ((1e-8, 0), (1e-40, 1), (1e-8, 0)):
        opt.param_groups[0]["eps"] = group_eps
        for p in params:
            p.grad = torch.zeros_like(p)
        before = sum(opt.updates.torch.values())
        opt.step()
        assert sum(opt.updates.torch.values()) - before == left
        assert all((p == 1).all() for p in params)


def test_what_torch_refuses_is_refused_in_its_words(twins: Any) -> None:
    torch = twins.torch
    broadcast, capturable = torch.ones(1).expand(3), torch.ones(3)
    cases = [
        (twins.fast.SGD([broadcast]), RuntimeError, "more than one element of the written-to tensor"),
        (twins.fast.Adam([capturable], capturable=True), AssertionError, "If capturable=True, params and state_steps"),
    ]
    for opt, error, message in cases:
        for p in opt.param_groups[0]["params"]:
            p.grad = torch.ones(3)
        with pytest.raises(error, match=message):
            opt.step()
        assert opt.updates == twins.fast.Updates()


def test_a_parameter_that_stands_twice_in_a_group_is_updated_twice_as_by_torch(twins: Any) -> None:
    p = twins.torch.ones(3)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        opt = twins.fast.SGD([p, p], lr=0.25)
    p.grad = twins.torch.ones(3)
    opt.step()
    assert (p == 0.5).all()


def lying(tensor: Any) -> dict[str, Any]:
    """The tensor, and others of its values that lie otherwise in memory."""
    wide = tensor.new_zeros(*tensor.shape[:-1], 2 * tensor.shape[-1])
    return {
        "as it is": tensor.clone(),
        "transposed": tensor.transpose(0, 1).contiguous().transpose(0, 1),
        "every second": wide[..., ::2].copy_(tensor),
        "channels last": tensor.contiguous(memory_format=__import__("torch").channels_last),
        "inside another": tensor.new_zeros(tensor.numel() + 1)[1:].view(tensor.shape).copy_(tensor),
    }


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_parameters_and_gradients_may_lie_in_any_order(name: str, twins: Any, wide: Any) -> None:
    torch = twins.torch
    (tensor,) = twins.start((4, 3, 2, 2), dtype=wide)
    for layout, begin in lying(tensor).items():
        for other in lying(tensor):
            pair = twins.Twins(name, [begin], with_momentum)
            pair.params[0].data, pair.others[0].data = begin, begin.clone(memory_format=torch.preserve_format)
            for _ in range(3):
                pair.give()
                for params in (pair.params, pair.others):
                    params[0].grad = lying(params[0].grad)[other]
                pair.ours.step()
                pair.theirs.step()
            assert torch.allclose(pair.params[0], pair.others[0], rtol=NEAR, atol=1e-15), (layout, other)
            assert pair.ours.updates == twins.fast.Updates(3)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (1, 1)])
@pytest.mark.parametrize("name", NAMES)
def test_small_and_empty_parameters(name: str, shape: tuple[int, ...], twins: Any, wide: Any) -> None:
    pair = twins.Twins(name, twins.start(shape, dtype=wide), with_momentum)
    for _ in range(4):
        pair.step()
    assert pair.apart() < NEAR
    assert pair.ours.updates == twins.fast.Updates(4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_16_bit_parameters_follow_torchs_fused_step(name: str, dtype: str, twins: Any) -> None:
    """Both compute in float32 and round once; where the last bit of float32 decides, that is one unit of 16 bits."""
    torch = twins.torch
    dtype = getattr(torch, dtype)
    pair = twins.Twins(name, twins.start((64, 8), dtype=dtype), lambda cls, params: cls(params, lr=0.03, fused=True))
    pair.step()
    for p, q in (
        (pair.params[0], pair.others[0]),
        *zip(
            *(o.state[p].values() for o, p in ((pair.ours, pair.params[0]), (pair.theirs, pair.others[0]))), strict=True
        ),
    ):
        apart = (p.float() - q.float()).abs() / q.float().abs().clamp_min(1e-6)
        assert apart.max() <= torch.finfo(dtype).eps
        assert (apart == 0).float().mean() > 0.98
    assert pair.ours.updates == twins.fast.Updates(1)


def swap_parameter(pair: Any) -> None:
    for params in (pair.params, pair.others):
        params[0].data = params[0].data.clone() + 1


def swap_state_memory(pair: Any) -> None:
    for opt, params in ((pair.ours, pair.params), (pair.theirs, pair.others)):
        state = opt.state[params[0]]["exp_avg"]
        state.data = state.data.clone() * 2


def swap_state(pair: Any) -> None:
    for opt, params in ((pair.ours, pair.params), (pair.theirs, pair.others)):
        opt.state[params[1]]["exp_avg_sq"] = opt.state[params[1]]["exp_avg_sq"] * 2


def swap_count(pair: Any) -> None:
    for opt, params in ((pair.ours, pair.params), (pair.theirs, pair.others)):
        opt.state[params[1]]["step"] = opt.state[params[1]]["step"] * 10
        opt.state[params[2]]["step"].fill_(1)


def forget_state(pair: Any) -> None:
    for opt in (pair.ours, pair.theirs):
        opt.state.clear()


def drop_parameter(pair: Any) -> None:
    for opt in (pair.ours, pair.theirs):
        del opt.param_groups[0]["params"][1]


def change_options(pair: Any) -> None:
    for opt in (pair.ours, pair.theirs):
        opt.param_groups[0].update(maximize=True, weight_decay=0.3, betas=(0.5, 0.6))


@pytest.mark.parametrize(
    "change",
    [swap_parameter, swap_state_memory, swap_state, swap_count, forget_state, drop_parameter, change_options],
)
def test_nothing_stale_is_used(change: Callable[[Any], None], twins: Any, wide: Any) -> None:
    pair = twin(twins, "Adam")
    for _ in range(3):
        pair.step()
    stale = [copy.deepcopy(p.data) for p in pair.params]
    kept = [p.data for p in pair.params]
    change(pair)
    changed = [old.data_ptr() != p.data_ptr() for old, p in zip(kept, pair.params, strict=True)]
    for _ in range(3):
        pair.step()
    assert pair.apart() < NEAR
    for moved, old, before in zip(changed, kept, stale, strict=True):
        assert not moved or twins.torch.equal(old, before)
    assert not pair.ours.updates.torch


@pytest.mark.parametrize("saved", NAMES)
@pytest.mark.parametrize("name", NAMES)
def test_state_of_another_class_is_refused_with_the_names_that_differ(name: str, saved: str, twins: Any) -> None:
    torch = twins.torch
    ours, theirs = (twins.Twins(one, twins.start((3,)), with_momentum) for one in (name, saved))
    ours.step()
    theirs.step()
    before = copy.deepcopy(ours.ours.state_dict())
    state = copy.deepcopy(theirs.theirs.state_dict())
    # The same names, and with decoupled_weight_decay the same rule.
    if {name, saved} <= {"Adam", "AdamW"} or name == saved:
        ours.ours.load_state_dict(state)
        return
    # RAdam's options and state are among Adam's: torch's own names do not tell them apart.
    if (name, saved) in {("Adam", "RAdam"), ("AdamW", "RAdam")}:
        ours.ours.load_state_dict(state)
        return
    with pytest.raises(ValueError, match=f"^{name} cannot go on from a state of another optimizer class: its .* ") as e:
        ours.ours.load_state_dict(state)
    words = re.findall(r"\w+", str(e.value))
    known = {*state["param_groups"][0], *state["state"][0], *before["param_groups"][0], *before["state"][0]}
    assert known & set(words)
    assert repr(ours.ours.state_dict()) == repr(before)
    ours.step()
    assert torch.isfinite(ours.params[0]).all()


def test_a_version_that_was_not_tested_warns(twins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastopt.integrations import versions

    monkeypatch.setattr(versions, "version", lambda package: "2.99.1+cpu")
    with pytest.warns(UserWarning, match=r"tested with torch 2\.13 to 2\.13; this is 2\.99\.1"):
        versions.warn_if_untested("torch", "2.13", "2.13")
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        versions.warn_if_untested("torch", "2.13", "2.13")
