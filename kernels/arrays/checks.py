"""Checks that arrays can be updated together. They raise before anything is written."""

from collections.abc import Collection, Sequence

from .view import View


def check(views: Sequence[View], names: Sequence[str], written: Collection[int], gradient: int | None = None) -> None:
    """Raise TypeError or ValueError unless these arrays can be updated together.

    written: the positions of the arrays that will be changed. gradient: that of a gradient which an option would cast.
    """
    first = views[0]
    for k, (view, name) in enumerate(zip(views, names, strict=True)):
        if view.device != first.device:
            remedy = "cupy.asnumpy" if first.device == "cpu" else "cupy.asarray"
            raise TypeError(
                f"{name} is a {view.kind} on {view.device} but {names[0]} is a {first.kind} on {first.device}; "
                f"convert it with {remedy}"
            )
        if view.shape != first.shape:
            raise ValueError(f"{name} has shape {view.shape} but {names[0]} has shape {first.shape}")
        check_types(view, name, first, names[0], k == gradient)
    for k in written:
        if not views[k].writable:
            raise ValueError(f"{names[k]} is read-only; pass a writable array, such as {names[k]}.copy()")
        if views[k].overlaps_itself:
            raise ValueError(f"{names[k]} has elements that share memory (a broadcast view?); copy it first")


def check_types(view: View, name: str, parameter: View, its_name: str, castable: bool) -> None:
    """Raise TypeError for an array that is not computed with in the type of the parameter.

    castable: whether an option would cast it.
    """
    if view.compute != parameter.compute:
        option = ", or make the optimizer with cast_grads=True" if castable else ""
        raise TypeError(
            f"{name} is {view.storage} but {its_name} is {parameter.storage}; float64 does not mix with other types: "
            f"convert it with {name}.astype({parameter.storage!r}){option}"
        )
