"""Trees of arrays for the fuzzer: the trees are drawn by hypothesis, the arrays from seeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from examples import DTYPES, SPECIAL
from hypothesis import strategies as st

from fastopt.kernels.arrays.view import as_complex, as_pairs


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclass
class Layer:
    W: Any
    b: Any


class Keys(dict[str, Any]):
    """A dictionary of another class."""


@dataclass(frozen=True)
class Kind:
    """What decides which kernel an array goes to: the stored types, and the dimensions if it is not dense."""

    storage: str
    gradient: str
    dimensions: int | None = None


LENGTHS = [3, 1, 2, 7, 16, 0, 33, 70]
LAYOUTS = ["C", "F", "reversed", "stepped"]
MOODS = ["normal", "normal", "normal", "normal", "zero", "tiny", "huge", "infinite", "special"]


@dataclass(frozen=True)
class Leaf:
    """One array of a tree; with `layout` it can be made again and again."""

    kind: Kind
    shape: tuple[int, ...]
    layout: str


def leaf(seed: int, kinds: tuple[Kind, ...], large: bool) -> Leaf:
    """Drawn from a seed: hypothesis, which likes to repeat what it drew, would draw few that differ."""
    generator = np.random.default_rng(seed)

    def one_of(choices: Sequence[Any]) -> Any:
        return choices[generator.integers(len(choices))]

    kind = one_of(kinds)
    if kind.dimensions is not None:
        return Leaf(kind, tuple(one_of(LENGTHS) for _ in range(kind.dimensions)), one_of(LAYOUTS))
    # One kernel of many threads is enough, and its compilation takes long.
    if large and kind == kinds[0] and one_of(range(20)) == 7:
        return Leaf(kind, one_of([(70_001,), (700, 101)]), one_of("CF"))
    shape = [one_of(LENGTHS) for _ in range(one_of([1, 2, 0, 3]))]
    return Leaf(kind, (*shape[:2], *(min(n, 5) for n in shape[2:])), one_of("CF"))


def laid(values: Any, layout: str) -> Any:
    """The values in an array of their own with a layout."""
    if layout == "F":
        return np.array(values, order="F")
    if layout == "reversed":
        return np.array(values[(slice(None, None, -1),) * values.ndim], order="C")[
            (slice(None, None, -1),) * values.ndim
        ]
    if layout == "stepped" and values.ndim:
        array = np.zeros((*values.shape[:-1], 2 * values.shape[-1]), values.dtype)[..., ::2]
        array[...] = values
        return array
    if layout == "broadcast" and values.size:
        return np.broadcast_to(values.reshape(-1)[0], values.shape)
    return np.array(values, order="C")


def numbers(shape: tuple[int, ...], storage: str, seed: int, mood: str = "normal") -> Any:
    """Values of a type."""
    if storage == "complex64":
        return as_complex(numbers((*shape, 2), "float32", seed, mood))
    generator = np.random.default_rng(seed)
    values = np.asarray(generator.standard_normal(shape))
    if mood == "zero":
        values *= 0
    if mood in ("tiny", "huge"):
        values *= 1e-40 if mood == "tiny" else {"float16": 2e4, "float64": 1e200}.get(storage, 1e30)
    if mood == "infinite" and values.size:
        values.reshape(-1)[seed % values.size] = [np.inf, -np.inf, np.nan][seed % 3]
    if mood == "special":
        values = np.where(generator.random(shape) < 1 / 3, generator.choice(SPECIAL, size=shape), values)
    with np.errstate(all="ignore"):
        return values.astype(DTYPES[storage])


def in_parts(array: Any) -> Any:
    """An array as the model has it: a complex one as pairs of real numbers, in the same memory."""
    return as_pairs(array) if array.dtype.kind == "c" else array


# What stands in a tree for something that is no array: None, or a name.
ASIDE = ["nothing", "a name"]


@st.composite
def nested(draw: Any, leaves: list[int]) -> Any:
    """A tree with these leaves in this order."""
    if len(leaves) == 1:
        kind = draw(st.sampled_from([int, int, int, list, dict, tuple]))
        return leaves[0] if kind is int else {"only": leaves[0]} if kind is dict else kind(leaves)
    kind = draw(st.sampled_from([dict, list, tuple, Pair, Layer, Keys, "flat"]))
    cut = draw(st.integers(1, len(leaves) - 1))
    if kind == "flat":
        return [list(leaves), tuple(leaves), {f"k{place}": k for place, k in enumerate(leaves)}][cut % 3]
    parts = [draw(nested(leaves[:cut])), draw(nested(leaves[cut:]))]
    aside = [draw(st.sampled_from(ASIDE))] * (kind not in (Pair, Layer) and draw(st.integers(0, 3)) == 3)
    parts[1:1] = aside
    if kind in (dict, Keys):
        return kind(zip(["a", *["aside"] * len(aside), "b"], parts, strict=True))
    return kind(*parts) if kind in (Pair, Layer) else kind(parts)


def parts(tree: Any) -> list[tuple[str, Any]] | None:
    """The names and values in a container; None for a leaf."""
    if isinstance(tree, dict):
        return list(tree.items())
    if isinstance(tree, Layer):
        return [(field.name, getattr(tree, field.name)) for field in fields(tree)]
    if isinstance(tree, list | tuple):
        return list(zip(getattr(tree, "_fields", map(str, range(len(tree)))), tree, strict=True))
    return None


def replaced(tree: Any, leaf_of: Callable[[int], Any], nothing: Any = "nothing") -> Any:
    """The tree with something else for each of its leaves. nothing: what stands for "nothing"."""
    if tree in ASIDE:
        return nothing if tree == "nothing" else tree
    found = parts(tree)
    if found is None:
        return leaf_of(tree)
    values = [replaced(value, leaf_of, nothing) for _, value in found]
    if isinstance(tree, dict):
        return type(tree)(zip(tree, values, strict=True))
    return type(tree)(*values) if isinstance(tree, Pair | Layer) else type(tree)(values)


def named(tree: Any, name: str = "") -> list[tuple[str, int]]:
    """The dotted names and the leaves."""
    if tree in ASIDE:
        return []
    found = parts(tree)
    if found is None:
        return [(name, tree)]
    return [pair for part, value in found for pair in named(value, f"{name}.{part}" if name else part)]


def placed(like: Any, tree: Any) -> dict[int, Any]:
    """For each leaf of a tree what stands in its place in another of the same structure, which may be less exact."""
    if like in ASIDE:
        return {}
    found = parts(like)
    if found is None:
        return {like: tree}
    values = [value for _, value in parts(tree) or []]
    return {k: v for (_, one), other in zip(found, values, strict=True) for k, v in placed(one, other).items()}


class Wrapped:
    """An array of another library that shares its memory with NumPy."""

    def __init__(self, array: Any) -> None:
        self.shape, self.__array_interface__ = array.shape, array.__array_interface__
        self.array = array


def frozen(array: Any) -> Any:
    """A view that cannot be written."""
    view = array.view()
    view.flags.writeable = False
    return view


def wrappable(array: Any) -> bool:
    # The array interface has no name for bfloat16.
    return array is not None and array.dtype.kind == "f" and array.dtype.name != "bfloat16"


def in_one_block(values: Sequence[Any], layouts: Sequence[str]) -> list[Any]:
    """Copies that lie one after the other, as gradients do in flat buffers."""
    block = np.zeros(sum(16 + x.nbytes for x in values), np.uint8)
    made, start = [], 0
    for x, layout in zip(values, layouts, strict=True):
        view = block[start : start + x.nbytes].view(x.dtype).reshape(x.shape, order="F" if layout == "F" else "C")
        view[...] = x
        made.append(view)
        start += -(-x.nbytes // 8) * 8
    return made


def put(tree: Any, old: Any, new: Any) -> bool:
    """Put an array in the place of another; whether its container allows it."""
    if not isinstance(tree, dict | list | tuple):
        return False
    for k, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        if value is old and not isinstance(tree, tuple):
            tree[k] = new
            return True
        if put(value, old, new):
            return True
    return False


def with_one_more(tree: Any, name: str, leaf: int) -> Any:
    """The tree with a leaf more in its first dictionary; None if it has no dictionary."""
    if isinstance(tree, dict):
        return type(tree)({**tree, name: leaf})
    found = parts(tree)
    for place, (_, value) in enumerate(found or []):
        if (changed := with_one_more(value, name, leaf)) is not None:
            values = [changed if k == place else other for k, (_, other) in enumerate(found or [])]
            return type(tree)(*values) if isinstance(tree, Pair | Layer) else type(tree)(values)
    return None


def put_in(tree: Any, name: str, array: Any) -> bool:
    """Put an array into the first dictionary of a tree; whether there is one."""
    if isinstance(tree, dict):
        tree[name] = array
        return True
    return any(put_in(value, name, array) for _, value in parts(tree) or [])


def without(tree: Any, leaf: int) -> Any:
    """The tree without a leaf, and later leaves one lower; None if the leaf is not one of several in a dictionary."""
    if isinstance(tree, int):
        return tree - (tree > leaf)
    if tree in ASIDE:
        return tree
    found = parts(tree) or []
    if any(value == leaf for _, value in found if isinstance(value, int)):
        if not isinstance(tree, dict) or len(tree) < 2:
            return None
        return type(tree)({name: without(value, leaf) for name, value in tree.items() if value != leaf})
    values = [without(value, leaf) for _, value in found]
    if any(value is None for value in values):
        return None
    if isinstance(tree, dict):
        return type(tree)(zip(tree, values, strict=True))
    return type(tree)(*values) if isinstance(tree, Pair | Layer) else type(tree)(values)


def taken_out(tree: Any, array: Any) -> bool:
    """Remove an array from the dictionary that has it; whether one has."""
    for name, value in parts(tree) or []:
        if value is array:
            del tree[name]
            return True
        if taken_out(value, array):
            return True
    return False
