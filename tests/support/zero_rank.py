"""One of two processes that train with torch's ZeroRedundancyOptimizer on ours: `zero_rank.py RANK FOLDER`."""

import sys
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.optim import ZeroRedundancyOptimizer

import fastopt.integrations.torch as fast

STEPS, SHAPES = 6, ((8, 4), (8,), (3, 8), (3,), (5, 5))


def train(rank: int, bucket_view: bool) -> tuple[list[Any], Any]:
    generator = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]
    others = [torch.nn.Parameter(p.detach().clone()) for p in params]
    zero = ZeroRedundancyOptimizer(params, fast.AdamW, parameters_as_bucket_view=bucket_view, lr=0.03)
    whole = torch.optim.AdamW(others, lr=0.03)
    for _ in range(STEPS):
        for p, q in zip(params, others, strict=True):
            p.grad = torch.randn(p.shape, generator=generator)
            q.grad = p.grad.clone()
        zero.step()
        whole.step()
    for p, q in zip(params, others, strict=True):
        assert torch.allclose(p, q, rtol=1e-5, atol=1e-6)
    assert isinstance(zero.optim, fast.AdamW)
    assert not zero.optim.updates.torch
    # Each has state for its own part only; together for all.
    counts = torch.tensor([zero.optim.updates.kernels, len(zero.optim.state)])
    assert 0 < counts[1] < len(SHAPES)
    dist.all_reduce(counts)
    assert counts.tolist() == [STEPS * len(SHAPES), len(SHAPES)]
    zero.consolidate_state_dict(to=0)
    if rank == 0:
        plain = torch.optim.AdamW(others)
        plain.load_state_dict(zero.state_dict())
        for p in others:
            assert torch.allclose(plain.state[p]["exp_avg_sq"], whole.state[p]["exp_avg_sq"], rtol=1e-5)
    return params, zero


if __name__ == "__main__":
    rank, folder = int(sys.argv[1]), sys.argv[2]
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    for bucket_view in (False, True):
        train(rank, bucket_view)
    dist.destroy_process_group()
    print(f"rank {rank} done")
