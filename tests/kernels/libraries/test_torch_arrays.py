"""torch tensors on the CPU are updated where they lie, without a copy."""

from typing import Any

import numpy as np
import pytest

import fastopt
from fastopt.kernels import RULES

pytestmark = pytest.mark.peers


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_a_tensor_is_updated_in_place(dtype: str, requires_grad: bool) -> None:
    torch = pytest.importorskip("torch")
    p = torch.ones(3, 5, dtype=getattr(torch, dtype), requires_grad=requires_grad)
    address = p.data_ptr()
    opt = fastopt.SGD({"W": p}, lr=0.5)
    opt.step({"W": torch.ones_like(p)})
    opt.step({"W": torch.ones_like(p).detach()})
    assert p.data_ptr() == address
    assert (p == 0).all()
    assert p.dtype is getattr(torch, dtype)


def test_a_tensor_that_is_conjugated_in_name_alone_is_refused_at_each_step() -> None:
    torch = pytest.importorskip("torch")
    p, g = torch.ones(3, dtype=torch.complex64), torch.full((3,), 0.5 + 0.25j)
    opt = fastopt.SGD(p, lr=1.0)
    for _ in range(2):
        opt.step(g)
    before = p.clone()
    with pytest.raises(TypeError, match=r"grads: .* conjugate bit set. Use tensor.resolve_conj"):
        opt.step(g.conj())
    assert torch.equal(p, before)
    opt.step(g.conj().resolve_conj())
    assert torch.equal(p, before - g.conj())


def test_a_transposed_tensor_and_numpy_arrays_go_together() -> None:
    torch = pytest.importorskip("torch")
    p = torch.arange(6.0).reshape(2, 3).T
    m, v = (np.zeros((3, 2), "float32") for _ in range(2))
    expected = RULES["adam"].reference(p.numpy().copy(), np.ones((3, 2), "float32"), m, v, t=1)
    RULES["adam"](p, torch.ones(3, 2), m, v, t=1)
    assert np.array_equal(p.numpy(), expected[0])
    assert np.array_equal(m, expected[1])


@pytest.mark.filterwarnings("ignore:Sparse")
def test_a_tensor_that_cannot_be_shared_is_named() -> None:
    torch = pytest.importorskip("torch")
    p = np.ones((2, 2), "float32")
    bad: list[Any] = [
        torch.ones(2, 2).to_sparse(),
        torch.ones(2, 2, device="meta"),
        torch.ones(2, 2).cfloat().conj().imag,
    ]
    for tensor in bad:
        with pytest.raises(TypeError, match="g: this Tensor cannot be shared with NumPy"):
            RULES["sgd"](p, tensor)
    assert (p == 1).all()
