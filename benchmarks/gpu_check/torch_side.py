"""torch.optim.AdamW, fused, on the same GPU and in the same stream as CuPy."""

from collections.abc import Callable, Sequence
from typing import Any

from .neighbours import step_peers

WARM_UP = 3


def absent() -> str | None:
    """Why torch is not among the contenders, if it is not."""
    try:
        import torch
    except ImportError as error:
        return f"torch cannot be imported: {error}"
    return None if torch.cuda.is_available() else f"torch {torch.__version__} sees no GPU"


def tensor(array: Any) -> Any:
    """A copy of a CuPy array, in memory of torch's."""
    import torch

    return torch.from_dlpack(array).clone()


def parameters(arrays: Sequence[Any], grads: Sequence[Any]) -> list[Any]:
    """Parameters with gradients: copies of both."""
    import torch

    params = [torch.nn.Parameter(tensor(array)) for array in arrays]
    for p, g in zip(params, grads, strict=True):
        p.grad = tensor(g)
    return params


def adamw(params: Sequence[Any], **more: Any) -> Any:
    """AdamW, fused, with the hyperparameters of step_peers.py."""
    import torch

    return torch.optim.AdamW(params, lr=step_peers.LR, weight_decay=step_peers.DECAY, fused=True, **more)


def captured(step: Callable[[], Any]) -> Callable[[], Any]:
    """A graph of what a step launches, to be replayed, after WARM_UP steps in a side stream, as torch asks for."""
    import torch

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    replay: Callable[[], Any] = graph.replay
    return replay
