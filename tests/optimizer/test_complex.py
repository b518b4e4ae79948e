"""Complex arrays are updated as pairs of real numbers, in place, whatever their library and layout."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from examples import INEXACT, same_bits
from stepping import in_numpy
from stepping import on as on

import fastopt
from fastopt.kernels import RULES, max_norm, rule

MODULUS = {"second_moment": "modulus"}
CONJUGATED = {"conjugate_grads": True}
EXACT = [name for name in RULES if name not in INEXACT and name != "adam_max_norm"]
HAVE_MODULUS = ["adabelief", "adadelta", "adagrad", "adam", "amsgrad", "radam", "rmsprop_centered", "yogi"]


def numbers(seed: int, shape: tuple[int, ...], dtype: str = "complex64") -> Any:
    generator = np.random.default_rng(seed)
    return (generator.normal(size=shape) + 1j * generator.normal(size=shape)).astype(dtype)


def pairs(array: Any) -> Any:
    """A copy as real numbers, in the same order of memory."""
    array = array.copy(order="K")
    return array[..., None].view(array.real.dtype)


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "0-d": lambda a: a[1, 2, ...],
    "no elements": lambda a: a[:0],
    "every other": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "backwards": lambda a: a[:, ::-1],
}


def check_against_pairs(name: str, dtype: str, layout: Callable[[Any], Any], **options: Any) -> None:
    z = layout(numbers(0, (4, 5), dtype))
    real = pairs(z)
    ours, theirs = fastopt.Optimizer([z], name, **options), fastopt.Optimizer([real], name, **options)
    for seed in (1, 2):
        gradient = layout(numbers(seed, (4, 5), dtype))
        loss = ours.rule.told(0.5)
        ours.step([gradient], **loss)
        theirs.step([pairs(gradient)], **loss)
    assert same_bits(pairs(z), real)
    for slot, array in ours.state[0].items():
        assert array.dtype == dtype
        assert array.shape == z.shape
        assert same_bits(pairs(array), theirs.state[0][slot])


@pytest.mark.parametrize("name", [name for name in RULES if name != "adam_max_norm"])
def test_every_rule_takes_complex_arrays_as_pairs(name: str) -> None:
    for layout in ("C", "Fortran", "0-d", "no elements"):
        check_against_pairs(name, "complex64", LAYOUTS[layout])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_and_type_is_taken_as_pairs(layout: str) -> None:
    for dtype in ("complex64", "complex128"):
        check_against_pairs("adam", dtype, LAYOUTS[layout], clip_norm=1.0)


def plain(name: str, p: Any, gradients: list[Any]) -> Any:
    """Steps by the formula on both parts, with one second moment of |g|^2.

    They are real arrays: NumPy's product of complex arrays is rounded once or twice, as the processor has it, and its
    quotient is a product with a rounded 1 / number.
    """
    parts, m, v = [p.real, p.imag], [0.0, 0.0], 0.0
    for t, g in enumerate(gradients, 1):
        if name == "adam":
            v = 0.999 * v + ((1 - 0.999) * g.real * g.real + (1 - 0.999) * g.imag * g.imag)
            m = [0.9 * mean + (1 - 0.9) * part for mean, part in zip(m, (g.real, g.imag), strict=True)]
            steps = [0.1 * (mean / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8) for mean in m]
        else:
            v = v + (g.real * g.real + g.imag * g.imag)
            steps = [0.1 * part / (np.sqrt(v) + 1e-10) for part in (g.real, g.imag)]
        parts = [part - step for part, step in zip(parts, steps, strict=True)]
    return parts


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name", ["adam", "adagrad"])
def test_one_second_moment_has_the_bits_of_the_formula_on_complex_arrays(name: str, dtype: str) -> None:
    z, gradients = numbers(0, (300,), dtype), [numbers(seed, (300,), dtype) for seed in (1, 2, 3)]
    real, imaginary = plain(name, z.copy(), gradients)
    opt = fastopt.Optimizer(z, name, lr=0.1, **MODULUS)
    for gradient in gradients:
        opt.step(gradient)
    assert same_bits(z.real, real)
    assert same_bits(z.imag, imaginary)
    second = opt.state[0]["v" if name == "adam" else "h"]
    assert same_bits(second.real, second.imag)


def check_on(stepped: Callable[..., Any], name: str, options: dict[str, Any]) -> None:
    def made() -> tuple[list[Any], list[Any]]:
        shapes = [(7, 3), (301,), (2, 2, 2)]
        params = [numbers(k, shape) for k, shape in enumerate(shapes)]
        grads = [numbers(9 + k, shape) for k, shape in enumerate(shapes)]
        params[2], grads[2] = params[2][:, ::-1], grads[2][::-1]
        return params, grads

    params, grads = made()
    wanted = in_numpy(*made(), name, options)
    stepped(params, grads, name, options)
    assert all(same_bits(np.asarray(p), w) for p, w in zip(params, wanted, strict=True))
    # A single array goes another way on CuPy.
    (p, *_), (g, *_) = made()
    wanted = in_numpy([p.copy()], [g], name, options)
    stepped([p], [g], name, options)
    assert same_bits(np.asarray(p), wanted[0])


@pytest.mark.parametrize("options", [{"clip_norm": 1.0}, MODULUS | CONJUGATED], ids=["clip", "both"])
def test_backends_agree_on_complex_arrays(options: dict[str, Any], on: Callable[..., Any]) -> None:
    check_on(on, "adam", options)


# Each is a kernel more; adam is in other tests.
FEW = ("rmsprop_centered", "yogi")


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in FEW else pytest.mark.ci) for n in HAVE_MODULUS])
def test_one_second_moment_of_every_rule_is_that_of_the_reference(name: str) -> None:
    z, g = numbers(0, (41,)), numbers(1, (41,))
    wanted = in_numpy([z.copy()], [g], name, MODULUS)
    opt = fastopt.Optimizer([z], name, **MODULUS)
    for _ in range(2):
        opt.step([g])
    assert same_bits(z, wanted[0])
    assert any(same_bits(array.real, array.imag) for array in opt.state[0].values())


def test_the_rules_with_one_second_moment_are_these() -> None:
    have = []
    for name in RULES:
        try:
            fastopt.Optimizer(numbers(0, (3,)), name, **MODULUS)
        except TypeError:
            continue
        have.append(name)
    assert {*HAVE_MODULUS, "nadam", "adam_hypergradient", "adamw", "rmsprop", "nag_adam"} <= {*have}
    assert {"sgd", "momentum", "lion", "adamax", "lamb", "lars"}.isdisjoint(have)


def test_conjugated_gradients_are_those_of_the_other_convention() -> None:
    z, g = numbers(0, (50,)), numbers(1, (50,))
    everything = {"clip_norm": 0.5, "clip_value": 0.5, "weight_decay": 0.1, "maximize": True}
    for name, options in (("adam", everything), ("lars", {"maximize": True})):
        ours, theirs = z.copy(), z.copy()
        fastopt.Optimizer(ours, name, **CONJUGATED, **options).step(g)
        fastopt.Optimizer(theirs, name, **options).step(g.conj())
        assert same_bits(ours, theirs)


def test_real_parameters_beside_complex_ones_are_as_ever() -> None:
    z, w = numbers(0, (50,)), np.linspace(-1, 1, 50, dtype="f4")
    g = {"z": numbers(1, (50,)), "w": w[::-1].copy()}
    p, alone = {"z": z.copy(), "w": w.copy()}, w.copy()
    fastopt.Adam(p, **MODULUS, **CONJUGATED).step(g)
    fastopt.Adam(alone).step(g["w"])
    assert same_bits(p["w"], alone)
    assert not same_bits(p["z"], z)


@rule
def by_the_largest(p, g, *, lr=0.1):
    return p - lr / max_norm(g) * g


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda z: fastopt.Adam(z, cast_to="bfloat16"), "cast_to makes .* float32; params is computed in complex64"),
        (lambda z: fastopt.Adam(z.real.copy(), **MODULUS), "no effect, since no parameter is complex"),
        (lambda z: fastopt.Adam(z.real.copy(), **CONJUGATED), "no effect, since no parameter is complex"),
        (lambda z: fastopt.Adam(z, second_moment="both"), "second_moment must be 'parts' or 'modulus'; got 'both'"),
        (lambda z: fastopt.SGD(z, **MODULUS), "sgd: second_moment=.* has no effect"),
        (lambda z: fastopt.LAMB(z, **MODULUS), "lamb: no kernel has a norm of .* without second_moment="),
        (
            lambda z: fastopt.SGDHD(z, **CONJUGATED),
            "sgd_hypergradient: no kernel has a total .* without conj.*numpy.conj",
        ),
        (fastopt.AdamMaxNorm, r"adam_max_norm takes max_norm\(g\), .* params is complex64"),
        (lambda z: fastopt.Adam(z, eps=1e-40), "eps=1e-40 is 0 in float32"),
        (lambda z: fastopt.Adam({"a": z.reshape(3, 2), "b": z.reshape(3, 2).T}), "the transpose of; if they are tied"),
        (
            lambda z: fastopt.Adam({"a": z, "b": z[2:]}),
            r"in 4 elements: the first is params\['b'\]\[0\], which .*\[2\]",
        ),
        (lambda z: fastopt.Optimizer(z, by_the_largest).step(z), "by_the_largest takes max_norm.* complex64"),
        (lambda z: fastopt.Adam(z).step(z.real.copy()), r"grads is float32 but params is complex64.*astype\('comp"),
        (lambda z: fastopt.Adam(z.real.copy()).step(z), r"grads is complex64 but params is float32.*grads.real"),
        (lambda z: fastopt.Adam(z).step(pairs(z)), r"grads has shape \(6, 2\) but params has shape \(6,\)"),
        (lambda z: fastopt.Adam(z).step(z.astype("c16")), r"complex128 but .* complex64.*astype\('complex64'\)"),
        (lambda z: fastopt.Adam(z.astype("c32")), "complex numbers of two float128; expected complex64"),
        (lambda z: fastopt.Adam(z.astype(">c8")), "the other byte order .*astype.'complex64'"),
        (lambda z: fastopt.Adam(z, lr_scale={"": z}), "lr_scale.* is complex64; a rate is a real number"),
    ],
)
def test_what_complex_arrays_cannot_do_is_refused_by_name(made: Callable[[Any], Any], message: str) -> None:
    z = numbers(0, (6,))
    before = z.copy()
    with pytest.raises((TypeError, ValueError), match=message):
        made(z)
    assert same_bits(z, before)


def test_rows_of_complex_arrays_are_updated_as_dense_gradients_would() -> None:
    rows = np.array([5, 2, 5])
    for shape in ((8, 3), (8,)):
        z, values = numbers(0, shape), numbers(1, (3, *shape[1:]))
        sparse, dense = z.copy(), z.copy()
        for p, g in ((sparse, fastopt.RowSparse(rows, values)), (dense, np.zeros_like(z))):
            opt = fastopt.Adam(
                {"z": p},
                lr_scale={"z": np.linspace(0.5, 1, 8, dtype="f4").reshape(-1, *shape[2:1], *[1] * (len(shape) - 1))},
            )
            if p is dense:
                np.add.at(g, rows, values)
            for _ in range(3):
                opt.step({"z": g})
            opt.flush()
        assert same_bits(sparse, dense)
    matrix, params = scipy.sparse.csr_matrix(np.diag(numbers(2, (8,)))[:, :3]), [numbers(0, (8, 3)), numbers(0, (8, 3))]
    fastopt.Adagrad(params[0]).step(matrix)
    fastopt.Adagrad(params[1]).step(matrix.toarray())
    assert same_bits(*params)
    with pytest.raises(
        ValueError, match=re.escape("values of shape (3, 3), but each row of the parameter has shape ()")
    ):
        fastopt.Adam(numbers(0, (8,))).step(fastopt.RowSparse(rows, numbers(1, (3, 3))))


def test_gradients_of_other_complex_types_are_cast() -> None:
    z, g = numbers(0, (50,)), numbers(1, (50,), "complex128")
    ours, theirs = z.copy(), z.copy()
    fastopt.Adam(ours, cast_grads=True, **MODULUS).step(g)
    fastopt.Adam(theirs, **MODULUS).step(g.astype("complex64"))
    assert same_bits(ours, theirs)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_checkpoints_stay_complex(dtype: str, tmp_path: Path) -> None:
    z, g = {"z": np.asfortranarray(numbers(0, (5, 4), dtype))}, {"z": numbers(1, (5, 4), dtype)}
    opt = fastopt.Adam(z, ema=0.9)
    opt.step(g)
    opt.save(tmp_path / "run.safetensors")
    saved = opt.state_dict()
    assert saved["arrays"]["p/z"].dtype == dtype
    opt.step(g)
    for source in (tmp_path / "run.safetensors", saved):
        others = {"z": np.zeros((5, 4), dtype)}
        other = fastopt.Adam(others, ema=0.9)
        other.load(source) if isinstance(source, Path) else other.load_state_dict(source)
        other.step(g)
        assert same_bits(others["z"], z["z"])
        assert same_bits(other.ema["z"], opt.ema["z"])
    with pytest.raises((TypeError, ValueError), match=r"p/z was saved (as|with)"):
        fastopt.Adam({"z": np.zeros((5, 4, 2), z["z"].real.dtype)}, ema=0.9).load(tmp_path / "run.safetensors")


def test_what_looks_at_steps_takes_complex_arrays(tmp_path: Path) -> None:
    z, real = {"z": numbers(0, (5, 4))}, {"z": pairs(numbers(0, (5, 4)))}
    lines = []
    for params, g in ((z, numbers(1, (5, 4))), (real, pairs(numbers(1, (5, 4))))):
        opt = fastopt.Adam(params)
        with opt.watch(tmp_path / "watch.jsonl", every=1):
            opt.step({"z": g})
        lines.append([json.loads(line) for line in (tmp_path / "watch.jsonl").read_text().splitlines()])
        (tmp_path / "watch.jsonl").unlink()
        opt.check_finite()
    assert lines[0][1] == lines[1][1]
    assert (lines[0][0]["shapes"], lines[1][0]["shapes"]) == ({"z": [5, 4]}, {"z": [5, 4, 2]})
    early = fastopt.EarlyStopping(params=z)
    best = z["z"].copy()
    early.update(1.0)
    z["z"][...] = np.inf
    with pytest.raises(FloatingPointError, match="params"):
        fastopt.Adam(z).check_finite()
    early.restore()
    assert same_bits(z["z"], best)
