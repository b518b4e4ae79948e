"""Attributes of objects as containers of arrays: layers that keep their weights in self.W and self.b."""

from collections.abc import Iterator
from typing import Any


class Attributes:
    """Some attributes of an object, or of every object in a list, tuple or dict, as a container of arrays.

    of: the object, or the container. names: of the attributes. They are looked up whenever the container is read, so
    that an attribute that was bound to another array gives that array. part: whether it is of one object in a
    container, which may lack attributes.
    """

    __slots__ = ("names", "of", "part")

    def __init__(self, of: Any, names: tuple[str, ...], part: bool = False) -> None:
        self.of, self.names, self.part = of, names, part

    @property
    def several(self) -> bool:
        """Whether it is of a container of objects."""
        return isinstance(self.of, list | tuple | dict)

    def within(self, of: Any) -> "Attributes":
        """The same attributes of an object, or a container, within the container."""
        return Attributes(of, self.names, True)

    def like(self, of: Any) -> Any:
        """The same attributes of other objects; of one object in a container that object, as it stood there."""
        return of if self.part else Attributes(of, self.names)

    def there(self) -> list[int]:
        """The numbers of the names of which the object has an attribute."""
        return [k for k, name in enumerate(self.names) if hasattr(self.of, name)]

    def check(self) -> None:
        """Raise ValueError for a name of which no object has an attribute."""
        objects = list(_objects(self.of))
        for name in () if self.part else self.names:
            if not any(hasattr(one, name) for one in objects):
                whose = " or ".join(_kinds(objects)) or "object"
                raise ValueError(
                    f"attributes: no {whose} has an attribute {name!r} yet; set {name} first, or leave it out"
                )

    def __repr__(self) -> str:
        return f"<attributes {', '.join(self.names)} of {', '.join(_kinds(list(_objects(self.of))))}>"


def _objects(of: Any) -> Iterator[Any]:
    if isinstance(of, list | tuple | dict):
        for one in of.values() if isinstance(of, dict) else of:
            yield from _objects(one)
    else:
        yield of


def _kinds(objects: list[Any]) -> list[str]:
    return list(dict.fromkeys(type(one).__name__ for one in objects))


def attributes(of: Any, /, *names: str) -> Attributes:
    """Attributes of an object as a container of arrays, for parameters and for gradients.

        opt = fastopt.Adam(fastopt.attributes(layers, "W", "b"))
        grads = fastopt.attributes(layers, "dW", "db")
        ...                                             # in each step layers set their dW and db
        opt.step(grads)

    They are looked up in each step: an attribute that was bound to another array, as by self.W = self.W - change,
    gives that array, with the state of its place. The names of parameters, for groups and in checkpoints, are as W, or
    0.W in a list. None is no parameter, and as a gradient none. Averages and copies are attributes too: opt.ema[0].W.

    Parameters
    ----------
    of
        An object; or a list, tuple or dict of objects, in which each may lack attributes.
    names
        The attributes. Those of gradients stand in the order of their parameters. Gradients of an object may also be
        a dict by the names of its parameters, or a list or tuple in their order.

    Raises
    ------
    TypeError
        If there are no names, or a name is not a string.
    """
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError(f"pass the names of attributes, as in attributes(layer, 'W', 'b'); got {names!r}")
    return Attributes(of, names)
