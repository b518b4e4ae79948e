"""Loss surfaces of two parameters, by name, and surfaces of one's own from a NumPy function."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..inspection.names import of_module
from ..kernels.language.hyperparameters import suggestion

Pair = tuple[float, float]
# A complex step this small squares to 0, so its derivative has no error of truncation.
_STEP = 1e-30


@dataclass(frozen=True)
class Surface:
    """A loss of two parameters, and the window in which it is drawn.

    f: the loss, of x and y, which are arrays of one shape or, for the gradient, complex numbers. gradient: gives its
    two derivatives at a point; None takes them by a complex step, exact to the rounding, which needs an analytic f:
    no abs, maximum or comparison. x, y: the ends of the window that is drawn. start: where runs begin. minima: known
    minima, to be marked. steps: of a run. note: the text on the lab's page.
    Raises ValueError or TypeError, naming the surface, for a function that does not give such numbers.
    """

    name: str
    f: Callable[[Any, Any], Any]
    start: Pair
    x: Pair
    y: Pair
    gradient: Callable[[Any, Any], Any] | None = None
    minima: tuple[Pair, ...] = ()
    steps: int = 200
    note: str = ""

    def __post_init__(self) -> None:
        for axis in ("x", "y"):
            low, high = getattr(self, axis)
            if not low < high:
                raise ValueError(f"surface {self.name}: {axis} must be its ends, the lower first; got {low, high}")
        if self.steps < 1:
            raise ValueError(f"surface {self.name}: steps must be 1 or more; got {self.steps}")
        loss = self.loss(self.start)
        if not np.isfinite(loss):
            raise ValueError(f"surface {self.name}: the loss at the start, {self.start}, is {loss}; start elsewhere")
        self._check_slope()

    def loss(self, p: Any) -> float:
        """The loss at a point."""
        value = np.asarray(self.f(np.float64(p[0]), np.float64(p[1])))
        if value.shape != ():
            raise ValueError(f"surface {self.name}: f must give one number at a point; got shape {value.shape}")
        return float(value.real)

    def slope(self, p: Any) -> Any:
        """The gradient at a point, two float64."""
        x, y = float(p[0]), float(p[1])
        if self.gradient is None:
            parts = self.f(complex(x, _STEP), complex(y)), self.f(complex(x), complex(y, _STEP))
            return np.array([np.imag(part) / _STEP for part in parts])
        derivatives = np.asarray(self.gradient(x, y), np.float64)
        if derivatives.shape != (2,):
            raise ValueError(
                f"surface {self.name}: gradient must give the 2 derivatives, by x and y; got shape {derivatives.shape}"
            )
        return derivatives

    def grid(self, points: int) -> tuple[Any, Any, Any]:
        """x, y and the loss on the window, for contour lines; NaN where it has no finite value."""
        x, y = np.meshgrid(np.linspace(*self.x, points), np.linspace(*self.y, points))
        with np.errstate(all="ignore"):
            loss = np.asarray(self.f(x, y), np.float64)
        if loss.shape != x.shape:
            raise ValueError(
                f"surface {self.name}: f must work on arrays, element by element; {x.shape} became {loss.shape}"
            )
        return x, y, np.where(np.isfinite(loss), loss, np.nan)

    def _check_slope(self) -> None:
        """Compare the gradient with differences of f at the start and at a point beside it, where kinks are rare."""
        width = min(self.x[1] - self.x[0], self.y[1] - self.y[0])
        for shift in (0.0, 0.00317):
            p = np.array(self.start) + shift * width
            h = 1e-6 * width
            slope = self.slope(p)
            sides = [(self.loss(p + d) - self.loss(p - d)) / (2 * h) for d in (np.array([h, 0]), np.array([0, h]))]
            if np.allclose(slope, sides, rtol=1e-3, atol=1e-4 * (1 + max(map(abs, sides)))):
                return
        how = "the complex step" if self.gradient is None else "gradient"
        remedy = "; f must be analytic (no abs, maximum, comparisons), or pass gradient=" * (self.gradient is None)
        raise ValueError(
            f"surface {self.name}: at {tuple(map(float, p))} {how} gives {slope.tolist()}, but differences of f give "
            f"{[float(side) for side in sides]}{remedy}"
        )


def _beale(x: Any, y: Any) -> Any:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


SURFACES: dict[str, Surface] = {
    surface.name: surface
    for surface in (
        Surface(
            "valley",
            lambda x, y: (0.032 * x**2 + 1.6 * y**2) / 2,
            start=(-9.0, 2.0),
            x=(-10.0, 4.0),
            y=(-2.6, 2.6),
            minima=((0.0, 0.0),),
            note="Long and narrow: fifty times as steep across, the dense direction, as along, the sparse one.",
        ),
        Surface(
            "quadratic",
            lambda x, y: x**2 + 1.2 * x * y + y**2,
            start=(-2.5, 0.5),
            x=(-3.0, 2.0),
            y=(-1.8, 2.2),
            minima=((0.0, 0.0),),
            note="A bowl that is turned by 45 degrees, four times as steep across as along. Rules that scale x and y "
            "apart do not see its axes.",
        ),
        Surface(
            "rosenbrock",
            lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
            start=(-1.4, 2.0),
            x=(-2.0, 2.0),
            y=(-0.8, 3.0),
            minima=((1.0, 1.0),),
            steps=1000,
            note="Rosenbrock 1960: a curved valley with steep walls and hardly a slope along its floor.",
        ),
        Surface(
            "beale",
            _beale,
            start=(1.0, 1.5),
            x=(-0.5, 4.5),
            y=(-1.6, 2.0),
            minima=((3.0, 0.5),),
            steps=300,
            note="Beale 1958: steep corners around a flat floor.",
        ),
        Surface(
            "saddle",
            lambda x, y: x**2 / 2 - y**2 / 2 + y**4 / 4,
            start=(1.6, 0.001),
            x=(-1.0, 2.0),
            y=(-1.6, 1.6),
            minima=((0.0, 1.0), (0.0, -1.0)),
            note="Every run starts a thousandth off the ridge of the saddle at (0, 0): who leaves it, and when?",
        ),
        Surface(
            "ridge",
            lambda x, y: abs(x) / 2 + 2 * abs(y - x / 2),
            start=(-3.5, 1.5),
            x=(-4.0, 2.0),
            y=(-2.4, 2.0),
            # A subgradient: 0 on a kink.
            gradient=lambda x, y: (np.sign(x) / 2 - np.sign(y - x / 2), 2 * np.sign(y - x / 2)),
            minima=((0.0, 0.0),),
            note="Not smooth: the gradient jumps at the floor of the crease, and keeps its size up to the minimum.",
        ),
    )
}


def surface(which: "str | Surface") -> Surface:
    """A surface, by its name, as module:name for your own, or given as a Surface.

    Raises ValueError for an unknown name, TypeError for anything that is no surface.
    """
    if isinstance(which, Surface):
        return which
    if not isinstance(which, str):
        raise TypeError(f"a surface is a fastopt.lab.Surface or the name of one; got {which!r}")
    if ":" not in which:
        if which not in SURFACES:
            raise ValueError(f"there is no surface {which!r}; {suggestion(which, SURFACES)}")
        return SURFACES[which]
    own = of_module(which, "surface")
    if not isinstance(own, Surface):
        raise TypeError(f"{which} must be a fastopt.lab.Surface; it is {own!r}")
    return own
