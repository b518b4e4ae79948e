"""The parameters of a model: a tree of arrays, flattened once, with a path and a name for each array."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..kernels.language.values import short
from .getter import Code, getter
from .matching import Wanted, matching
from .plain import refuse
from .tree import leaves, rebuilt, structure

# So many kinds of trees are read fast by turns.
_FORMS = 3


class Parameters:
    """The places of the arrays of a tree in its order, each array once. The tree itself is not kept.

    may_share: an array may stand in several places; the first place gives it its path and name. shared: whether an
    array does.
    paths: as in ['W'][0]; names: as in W.0; keys: the names, but paths where two names are equal. remedy: what messages
    advise for parameters that have another structure.
    Raises ValueError for a tree without arrays, or with an array twice, TypeError for what cannot be a parameter.
    """

    def __init__(self, tree: Any, may_share: bool, remedy: str) -> None:
        self._structure, self._remedy = structure(tree), remedy
        firsts: dict[int, int] = {}
        self._owner: list[int] = []  # for each leaf the number of its array
        self.paths: list[str] = []
        self.names: list[str] = []
        self._leaf_paths: list[str] = []
        for path, name, array in leaves(tree, ""):
            refuse(array, f"params{path}")
            self._leaf_paths.append(path)
            if id(array) in firsts and not may_share:
                raise ValueError(
                    f"params{path} is the same array as params{self.paths[firsts[id(array)]]}; pass shared=True to "
                    "update the array once; its gradient then stands in both places, or in one, with None in the other"
                )
            self._owner.append(firsts.setdefault(id(array), len(self.paths)))
            if self._owner[-1] == len(self.paths):
                self.paths.append(path)
                self.names.append(name)
        # Two names may be equal where a key has a dot in it, as in {"a.b": x, "a": {"b": y}}.
        twice = {name for name, count in Counter(self.names).items() if count > 1}
        self.keys = [path if name in twice else name for path, name in zip(self.paths, self.names, strict=True)]
        if not self.paths:
            raise ValueError(
                f"params has no arrays; pass an array, or a list or dict of arrays, to train; got {short(tree)}"
            )
        self.shared = len(self._owner) > len(self.paths)
        self._codes = {what == "params": self._held(tree, what)[1].made() for what in ("params", "grads")}
        self._new_getters()

    def _new_getters(self) -> None:
        # Of parameters and of gradients, which may have other containers; the newest first.
        self._getters: dict[bool, tuple[Callable[[Any], list[Any] | None], ...]]
        self._getters = {same: (getter(*code),) for same, code in self._codes.items()}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_getters"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._new_getters()

    def of(self, tree: Any, what: str) -> list[Any]:
        """The leaves of a tree of the same structure: for each array the leaf in its place, which may be None.

        what: how messages name the tree. Raises ValueError for another structure, and where the places of one shared
        array hold different arrays.
        """
        same = what == "params"
        for read in self._getters[same]:
            try:
                flat = read(tree)
            except (KeyError, TypeError, AttributeError, IndexError):
                continue
            if flat is not None:
                break
        else:
            flat, code = self._held(tree, what)
            self._getters[same] = (getter(*code.made()), *self._getters[same])[:_FORMS]
        return self._each_once(flat, what) if self.shared else flat

    def matching(self, tree: Any, what: str) -> list[Any]:
        """The leaves of a tree, place by place. Raises ValueError that names what differs, containers in the places of
        arrays too."""
        return self._held(tree, what)[0]

    def _held(self, tree: Any, what: str) -> tuple[list[Any], Code]:
        """The leaves of a tree that is held against the structure, and code for trees like it."""
        ours = Wanted("the params that were taken before", self._remedy, True)
        others = Wanted("params", "the structure must be that of params", False)
        code = Code()
        return matching(tree, self._structure, what, ours if what == "params" else others, code), code

    def _each_once(self, found: Sequence[Any], what: str) -> list[Any]:
        chosen: list[Any] = [None] * len(self.paths)
        paths = [""] * len(self.paths)
        for leaf, owner, path in zip(found, self._owner, self._leaf_paths, strict=True):
            if chosen[owner] is None:
                chosen[owner], paths[owner] = leaf, path
            elif leaf is not None and leaf is not chosen[owner]:
                raise ValueError(
                    f"{what}{path} and {what}{paths[owner]} are two gradients of one shared array; put one array, such "
                    "as their sum, in both places, or None in all but one"
                )
        return chosen

    def in_tree(self, arrays: Sequence[Any]) -> Any:
        """A tree of the same structure with other arrays in the places of the parameters; each is given once."""
        return rebuilt(self._structure, iter([arrays[owner] for owner in self._owner]))

    def label(self, arrays: Sequence[str], position: int, name: str) -> str:
        """How messages name an array of a parameter. arrays: the rule's names, parameter and gradient first."""
        parameter, gradient, *_ = arrays
        return {parameter: "params", gradient: "grads"}.get(name, f"state {name!r} of params") + self.paths[position]
