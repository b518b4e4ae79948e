"""The names of an optimizer's attributes: what is read and set by another name, and what is refused, with what was
meant."""

import inspect
import reprlib
from collections.abc import Collection
from typing import Any

from .meant import FIXED, lacking, names_meant, option_names
from .spelled import by_spelling, check_set, put

# What an optimizer has and nobody sets, and what to do instead.
_READ_ONLY = {
    "t": "applied steps are counted; load_state_dict sets the count of a saved run",
    "skipped": "skipped steps are counted; load_state_dict sets the count of a saved run",
    "state": "write into its arrays, as in opt.state[0]['m'][...] = 0, or call load_state_dict, as for 8 bits",
    "uniform_states": "load_state_dict sets them",
    "grads": "write into its arrays, as in opt.grads['W'][...] = g, or pass the gradients to opt.step(grads)",
    "grad_norm": "each step with clip_norm sets it",
    "accumulated": "opt.accumulate(grads) counts its calls, and a step begins anew",
    "cast": "it follows the weights; opt.refresh() has it follow what others wrote into them",
}


class Named:
    """The base of Optimizer: hyperparameters are attributes, and what is nearly the name of one is an error.

    A subclass may define attributes of any name; a property of a hyperparameter's name takes the place of the number.
    """

    def __getattr__(self, name: str) -> Any:
        kind, hyper = type(self), self.__dict__.get("hyper", ())
        if name in hyper and not hasattr(kind, name):
            return hyper[name]
        held = _held(kind.__mro__, name)
        # A property has raised an AttributeError, and does so again.
        return held.__get__(self, kind) if hasattr(type(held), "__get__") else _read(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        own, kind = self.__dict__, type(self)
        number = name in own.get("hyper", ())
        held = None if number and not hasattr(kind, name) else _held(kind.__mro__, name)
        if hasattr(type(held), "__set__") and not _is_ours_to_read(kind, held):
            super().__setattr__(name, value)
        elif number:
            check_set(self, name)
            own["hyper"][name] = value
        elif (name in own and name not in FIXED) or not _taken(self, name, value):
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if name in vars(self).get("hyper", ()) or name in FIXED or by_spelling(self, name):
            raise AttributeError(
                f"{name} cannot be removed from an optimizer; set it to another value, or make another"
            )
        if name not in vars(self) and not hasattr(type(self), name):
            raise AttributeError(lacking(self, _base(type(self)), name))
        super().__delattr__(name)

    def __copy__(self) -> Any:
        raise TypeError(
            "a shallow copy would be this optimizer under two names, with one state and one count of steps. "
            "copy.deepcopy(opt) copies the parameters too; copy.deepcopy((params, opt)) gives both, still linked; an "
            "optimizer of its own on the same parameters is made anew, and takes opt.state_dict() by load_state_dict"
        )


def check_class(kind: type, hyper: Collection[str]) -> None:
    """Raise TypeError for a subclass that has a plain attribute, or a method, of a hyperparameter's name."""
    for name in hyper:
        held = _held(_above(kind), name)
        if held is not None and not hasattr(type(held), "__set__"):
            raise TypeError(
                f"{kind.__name__}.{name} hides the hyperparameter {name}, which would keep another value; pass "
                f"{name}=... to Optimizer.__init__, or make {name} a property"
            )


def _held(classes: Collection[type], name: str) -> Any:
    """What the first of the classes with an attribute of this name has there; None if none has one."""
    for one in classes:
        if name in one.__dict__:
            return one.__dict__[name]
    return None


def _base(kind: type) -> Any:
    """fastopt.Optimizer, which alone stands on Named."""
    return kind.__mro__[kind.__mro__.index(Named) - 1]


def _above(kind: type) -> tuple[type, ...]:
    """A subclass of Optimizer, and the classes that it inherits from before that."""
    return kind.__mro__[: kind.__mro__.index(Named) - 1]


def _is_ours_to_read(kind: type, held: Any) -> bool:
    """Whether an attribute of a class is a property of Optimizer without a setter."""
    return isinstance(held, property) and held.fset is None and held in vars(_base(kind)).values()


def _read(optimizer: Any, name: str) -> Any:
    """The value that an optimizer has by a peer's name. Raises AttributeError, with what was meant, for others."""
    if names := by_spelling(optimizer, name):
        numbers = tuple(optimizer.hyper[one] for one in names)
        return numbers if len(numbers) > 1 else numbers[0]
    if (spelled := vars(optimizer).get("_spelled")) and name in spelled.others:
        return spelled.others[name][0](optimizer)
    raise AttributeError(lacking(optimizer, _base(type(optimizer)), name))


def _taken(optimizer: Any, name: str, value: Any) -> bool:
    """Whether a value was set by a peer's name; False for an attribute that is the user's own.

    Raises AttributeError for a name of a hyperparameter or an option that the optimizer does not have, or one that
    seems to be meant so.
    """
    base = _base(type(optimizer))
    if name.startswith("_") or _defined(type(optimizer), name):
        return False
    if names := by_spelling(optimizer, name):
        check_set(optimizer, *names)
        put(optimizer.hyper, names, value, vars(optimizer)["_spelled"].taken, name)
        return True
    if (spelled := vars(optimizer).get("_spelled")) and name in spelled.others:
        write = spelled.others[name][1]
        if write is None:
            raise AttributeError(f"{name} cannot be replaced; set what it has")
        write(optimizer, value)
        return True
    if name in FIXED and "_updater" not in vars(optimizer):
        return False
    if name in _READ_ONLY:
        raise AttributeError(f"{name} cannot be set to {reprlib.repr(value)}: {_READ_ONLY[name]}")
    its_method = hasattr(base, name) and name not in option_names(base)
    if not its_method and names_meant(base, name, tuple(vars(optimizer).get("hyper", ())))[0]:
        raise AttributeError(lacking(optimizer, base, name, value))
    return False


def _defined(kind: type, name: str) -> bool:
    """Whether a subclass, or a class that it inherits from, has an attribute in its body, or annotates it there."""
    return any(name in vars(one) or name in inspect.get_annotations(one) for one in _above(kind))
