"""All that surrounds a step of torch's optimizers works with ours: groups, schedulers, hooks, scalers, states."""

import copy
import io
import pickle
import re
from typing import Any

import pytest
from examples import ROOT

pytestmark = pytest.mark.peers

NEAR = 1e-12
SHAPES = ((7, 5), (3,), (), (2, 3, 4))
NAMES = ("SGD", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW", "Adamax", "NAdam", "RAdam")


def plain(cls: Any, params: list[Any]) -> Any:
    return cls(params, lr=0.03)


def with_momentum(cls: Any, params: list[Any]) -> Any:
    options = {"SGD": {"momentum": 0.9, "dampening": 0.3}, "RMSprop": {"momentum": 0.9, "centered": True}}
    return cls(params, lr=0.03, weight_decay=0.1, **options.get(cls.__name__, {}))


def two_groups(cls: Any, params: list[Any]) -> Any:
    momentum = {"momentum": 0.9} if cls.__name__ == "SGD" else {}
    return cls([{"params": params[:2], "weight_decay": 0.1}, {"params": params[2:], "lr": 0.01}], lr=0.03, **momentum)


def twin(twins: Any, name: str, make: Any = with_momentum) -> Any:
    return twins.Twins(name, twins.start(*SHAPES, dtype=twins.torch.float64), make)


def calls(optimizer: Any) -> int:
    """How many kernel calls made the last step."""
    return sum(run.calls for run in optimizer._bound.runs)


@pytest.mark.parametrize("name", NAMES)
def test_one_kernel_call_updates_all_groups_and_those_added_later(name: str, twins: Any, wide: Any) -> None:
    pair = twin(twins, name, two_groups)
    for _ in range(3):
        pair.step()
        assert calls(pair.ours) == 1
    (late,) = twins.start((4, 4), dtype=wide, seed=9)
    for optimizer, params in ((pair.ours, pair.params), (pair.theirs, pair.others)):
        params.append(twins.torch.nn.Parameter(late.clone()))
        optimizer.add_param_group({"params": params[-1:], "lr": 0.1, "weight_decay": 0.2})
    for _ in range(3):
        pair.step()
        assert calls(pair.ours) == 1
    assert pair.apart() < NEAR
    assert pair.ours.updates == twins.fast.Updates(3 * 4 + 3 * 5)


@pytest.mark.parametrize("scheduler", ["StepLR", "OneCycleLR"])
@pytest.mark.parametrize("name", ["SGD", "RMSprop", "AdamW", "NAdam"])
def test_schedulers_change_rate_and_momentum(name: str, scheduler: str, twins: Any, wide: Any) -> None:
    pair = twin(twins, name)
    options = {"step_size": 4} if scheduler == "StepLR" else {"max_lr": 0.1, "total_steps": 20}
    schedulers = [
        getattr(twins.optim.lr_scheduler, scheduler)(optimizer, **options) for optimizer in (pair.ours, pair.theirs)
    ]
    for _ in range(15):
        pair.step()
        for one in schedulers:
            one.step()
    assert pair.apart() < NEAR
    assert pair.ours.updates == twins.fast.Updates(15 * 4)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_come_and_go(name: str, twins: Any, wide: Any) -> None:
    pair = twin(twins, name)
    for absent in ((), (1,), (0, 1, 2, 3), (0, 2), (), (3,), ()):
        pair.step(absent)
    assert pair.apart() < NEAR
    assert pair.ours.updates == twins.fast.Updates(7 * 4 - 8)


@pytest.mark.parametrize("name", NAMES)
def test_state_goes_to_torch_and_back_in_the_middle_of_a_run(name: str, twins: Any, wide: Any) -> None:
    pair = twin(twins, name)
    for _ in range(3):
        for _ in range(4):
            pair.step()
        ours, theirs = (copy.deepcopy(optimizer.state_dict()) for optimizer in (pair.ours, pair.theirs))
        assert ours["param_groups"] == theirs["param_groups"]
        pair.ours.load_state_dict(theirs)
        pair.theirs.load_state_dict(ours)
    pair.step()
    assert pair.apart() < NEAR
    assert pair.ours.updates == twins.fast.Updates(13 * 4)


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "torch.save"])
@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam"])
def test_a_copy_goes_on_by_itself(name: str, how: str, twins: Any, wide: Any) -> None:
    pair = twin(twins, name)
    for _ in range(4):
        pair.step()
    both = {"params": pair.params, "optimizer": pair.ours}
    if how == "deepcopy":
        both = copy.deepcopy(both)
    elif how == "pickle":
        both = pickle.loads(pickle.dumps(both))
    else:
        file = io.BytesIO()
        twins.torch.save(both, file)
        both = twins.torch.load(io.BytesIO(file.getvalue()), weights_only=False)
    kept = [p.detach().clone() for p in pair.params]
    original, pair.params, pair.ours = pair.params, both["params"], both["optimizer"]
    for _ in range(4):
        pair.step()
    assert pair.apart() < NEAR
    assert pair.ours.updates == twins.fast.Updates(4 * 4)
    assert all(twins.torch.equal(p, q) for p, q in zip(original, kept, strict=True))


@pytest.mark.parametrize("fallback", [False, True])
def test_hooks_run_once_a_step(fallback: bool, twins: Any) -> None:
    from torch.optim.optimizer import register_optimizer_step_post_hook

    torch, seen = twins.torch, []
    torch.optim.SGD([torch.nn.Parameter(torch.ones(2))])  # torch then wraps the step of the class itself.
    p = torch.nn.Parameter(torch.ones(2))
    opt = twins.fast.SGD([p])
    everywhere = register_optimizer_step_post_hook(lambda *_: seen.append("everywhere"))
    opt.register_step_pre_hook(lambda *_: seen.append("before"))
    opt.register_step_post_hook(lambda *_: seen.append("after"))
    p.grad = torch.ones_like(p).to_sparse() if fallback else torch.ones_like(p)
    opt.step()
    everywhere.remove()
    assert seen == ["before", "after", "everywhere"]
    assert opt.updates.kernels == (not fallback)


def test_a_hook_may_change_the_arguments(twins: Any) -> None:
    torch, asked = twins.torch, []
    opt = twins.fast.Adam([torch.nn.Parameter(torch.ones(2))])
    opt.register_step_pre_hook(lambda *_: ((opt, lambda: asked.append("another closure") or 3.0), {}))
    assert opt.step(lambda: 5.0) == 3.0
    assert asked == ["another closure"]


def test_a_profiler_sees_the_step(twins: Any) -> None:
    torch = twins.torch
    p = torch.nn.Parameter(torch.ones(2))
    opt = twins.fast.Adam([p])
    p.grad = torch.ones_like(p)
    opt.step()
    for profiling, events in (
        (torch.profiler.profile, lambda p: p.events()),
        (torch.autograd.profiler.profile, lambda p: p.function_events),
    ):
        with profiling() as profile:
            opt.step()
        assert "Optimizer.step#Adam.step" in {event.name for event in events(profile)}
    assert opt.updates.kernels == 3


def test_around_a_step_of_ones_own_the_hooks_are_torchs(twins: Any) -> None:
    torch, seen = twins.torch, []

    class Mine(twins.fast.Adam):  # type: ignore[misc, name-defined]
        def step(self, closure: Any = None) -> Any:
            seen.append("mine")
            return super().step(closure)

    p = torch.nn.Parameter(torch.ones(2))
    opt = Mine([p])
    opt.register_step_pre_hook(lambda *_: seen.append("before"))
    opt.register_step_post_hook(lambda *_: seen.append("after"))
    p.grad = torch.ones_like(p)
    opt.step()
    assert seen == ["before", "mine", "after"]
    assert opt.updates.kernels == 1


def test_a_closure_computes_gradients(twins: Any) -> None:
    torch = twins.torch
    p = torch.nn.Parameter(torch.ones(3))
    opt = twins.fast.SGD([p], lr=0.5)

    def closure() -> Any:
        opt.zero_grad()
        loss = (p**2).sum() / 2
        loss.backward()
        return loss

    with torch.no_grad():
        assert float(opt.step(closure)) == 1.5
    assert (p == 0.5).all()


@pytest.mark.parametrize("set_to_none", [True, False])
def test_training_by_backward_gives_torchs_weights(set_to_none: bool, twins: Any, wide: Any) -> None:
    torch = twins.torch
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 7), torch.nn.Linear(7, 5))
    model[2].weight, model[0].bias = model[2].weight, model[2].bias  # Tied.
    other = copy.deepcopy(model)
    pairs = [(model, twins.fast.AdamW(model.parameters())), (other, torch.optim.AdamW(other.parameters()))]
    for _ in range(10):
        x = torch.randn(16, 5)
        for network, opt in pairs:
            opt.zero_grad(set_to_none=set_to_none)
            ((network(x) - x) ** 2).mean().backward()
            opt.step()
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=NEAR, atol=1e-14)
    assert pairs[0][1].updates == twins.fast.Updates(10 * 5)


@pytest.mark.parametrize("fused", [False, True])
def test_a_grad_scaler_unscales_and_leaves_out_steps(fused: bool, twins: Any) -> None:
    torch = twins.torch
    weights = []
    for cls in (twins.fast.Adam, torch.optim.Adam):
        p = torch.nn.Parameter(torch.ones(4))
        opt, scaler = cls([p], lr=0.1, fused=fused), torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3)
        for t in range(8):
            opt.zero_grad()
            scaler.scale((p * (torch.inf if t == 4 else t + 1.0)).sum()).backward()
            scaler.step(opt)
            scaler.update()
        weights.append((p.detach(), opt.state[p]["step"], scaler.get_scale()))
        if cls is twins.fast.Adam:
            assert opt.updates == twins.fast.Updates(7)
    (p, steps, scale), (q, others, other) = weights
    assert torch.allclose(p, q, rtol=1e-6)
    assert steps == others == 7
    assert scale == other


def test_a_rate_that_is_a_tensor_may_change_in_place(twins: Any) -> None:
    torch = twins.torch
    p, rate = torch.nn.Parameter(torch.zeros(2)), torch.tensor(1.0)
    opt = twins.fast.SGD([p], lr=rate)
    for value in (1.0, 0.5, 0.25):
        rate.fill_(value)
        p.grad = torch.ones(2)
        opt.step()
    assert (p == -1.75).all()


def test_foreach_and_fused_are_accepted_and_make_no_difference(twins: Any) -> None:
    for flag in ("foreach", "fused"):
        pair = twins.Twins("Adam", twins.start(*SHAPES), lambda cls, params, flag=flag: cls(params, **{flag: True}))
        for _ in range(5):
            pair.step()
        assert pair.apart() < 1e-6
        assert pair.ours.updates == twins.fast.Updates(5 * 4)
    with pytest.raises(RuntimeError, match="`fused` and `foreach` cannot be `True` together"):
        twins.fast.Adam(pair.params, foreach=True, fused=True)


def test_autograd_notices_that_a_parameter_was_changed(twins: Any) -> None:
    torch = twins.torch
    p = torch.nn.Parameter(torch.ones(3))
    opt = twins.fast.SGD([p])
    loss = (p**2).sum()
    p.grad = torch.ones(3)
    opt.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_step_is_torchs_own(twins: Any, wide: Any) -> None:
    torch = twins.torch
    pair = twin(twins, "Adam", plain)
    step = torch.compile(pair.ours.step, backend="eager")
    for _ in range(3):
        pair.give()
        step()
        pair.theirs.step()
    assert pair.apart() < NEAR
    assert pair.ours.updates == twins.fast.Updates(0, {"torch.compile": 3 * 4})


def test_the_torch_code_of_the_readme_runs_and_prints_what_it_says(twins: Any, capsys: Any) -> None:
    (block,) = re.findall(r"```py\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip() in block
