"""Checks that arrays can be updated together. They raise before anything is written."""

from collections.abc import Collection, Sequence

from .view import View


def check(
    views: Sequence[View],
    names: Sequence[str],
    written: Collection[int],
    of_parts: Collection[int] = (),
    gradient: int | None = None,
) -> None:
    """Raise TypeError or ValueError unless these arrays can be updated together.

    written: the positions of the arrays that will be changed. of_parts: those of real arrays that have an element for
    each part, where the others are complex. gradient: that of a gradient which an option would cast.
    """
    first = views[0]
    for position, (view, name) in enumerate(zip(views, names, strict=True)):
        if view.device != first.device:
            remedy = "cupy.asnumpy" if first.device == "cpu" else "cupy.asarray"
            raise TypeError(
                f"{name} is a {view.kind} on {view.device} but {names[0]} is a {first.kind} on {first.device}; "
                f"convert it with {remedy}"
            )
        # What all arrays have in common is seen at once; the rest says what differs.
        if view.shape != first.shape or view.complex != first.complex:
            shapes = (view.shape, first.shape) if position in of_parts else (view.own_shape, first.own_shape)
            if shapes[0] != shapes[1]:
                raise ValueError(f"{name} has shape {shapes[0]} but {names[0]} has shape {shapes[1]}")
            if position not in of_parts:
                check_complex(view, name, first, names[0])
        if view.storage != first.storage:
            check_types(view, name, first, names[0], position == gradient)
    for k in written:
        if not views[k].writable:
            raise ValueError(f"{names[k]} is read-only; pass a writable array, such as {names[k]}.copy()")
        if views[k].overlaps_itself:
            raise ValueError(
                f"{names[k]} has elements that share memory (a broadcast view?); pass the array that it is a view of, "
                "or, for elements that are to be independent, a copy"
            )


def check_complex(view: View, name: str, parameter: View, its_name: str) -> None:
    """Raise TypeError if one of two arrays is complex and the other is not."""
    if view.complex and not parameter.complex:
        raise TypeError(
            f"{name} is {view.own_type} but {its_name} is {parameter.own_type}; take its real part, {name}.real"
        )
    if parameter.complex and not view.complex:
        raise TypeError(
            f"{name} is {view.own_type} but {its_name} is {parameter.own_type}; convert it with "
            f"{name}.astype({parameter.own_type!r})"
        )


def check_types(view: View, name: str, parameter: View, its_name: str, castable: bool) -> None:
    """Raise TypeError for an array that is not computed with in the type of the parameter.

    castable: whether an option would cast it.
    """
    if view.compute != parameter.compute:
        option = ", or make the optimizer with cast_grads=True" if castable else ""
        raise TypeError(
            f"{name} is {view.own_type} but {its_name} is {parameter.own_type}; float64 does not mix with other types: "
            f"convert it with {name}.astype({parameter.own_type!r}){option}"
        )
