"""Checks that arrays can be updated together. They raise before anything is written."""

from collections.abc import Collection, Sequence

from .view import View


def check(views: Sequence[View], names: Sequence[str], written: Collection[int]) -> None:
    """Raise TypeError or ValueError unless these arrays can be updated together.

    written: the positions of the arrays that will be changed.
    """
    first = views[0]
    for view, name in zip(views, names, strict=True):
        if view.device != first.device:
            remedy = "cupy.asnumpy" if first.device == "cpu" else "cupy.asarray"
            raise TypeError(
                f"{name} is a {view.kind} on {view.device} but {names[0]} is a {first.kind} on {first.device}; "
                f"convert it with {remedy}"
            )
        if view.shape != first.shape:
            raise ValueError(f"{name} has shape {view.shape} but {names[0]} has shape {first.shape}")
        if (view.storage == "float64") != (first.storage == "float64"):
            raise TypeError(
                f"{name} is {view.storage} but {names[0]} is {first.storage}; float64 does not mix with other types: "
                f"convert it with {name}.astype({first.storage!r})"
            )
    for k in written:
        if not views[k].writable:
            raise ValueError(f"{names[k]} is read-only; pass a writable array, such as {names[k]}.copy()")
        if views[k].overlaps_itself:
            raise ValueError(
                f"{names[k]} has elements that share memory (a broadcast view?); pass the array that it is a view of, "
                "or, for elements that are to be independent, a copy"
            )
