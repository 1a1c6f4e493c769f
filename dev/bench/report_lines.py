"""A line of the report: something measured, perhaps a floor below it, a target, and whether it is met."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import truediv
from statistics import median
from typing import Literal, TypeAlias

from dev.bench.measure import Figure

Group: TypeAlias = Literal[
    "load", "reload", "session", "build", "incremental", "memory", "size", "queries", "growth"
]


@dataclass(frozen=True, slots=True)
class Line:
    """A figure and its target. `value` is what is compared with the target: a ratio or a figure itself.

    Both have the unit `unit`: x, s, ms or MB. `target_is` says in words what the target is made of, where it
    is made of more than one number.
    """

    name: str
    group: Group
    what: str
    measured: Figure
    floor: Figure | None
    floor_is: str
    value: float
    unit: str
    target: float
    target_is: str = ""

    @property
    def shown(self) -> float:
        """Return the one number for what was measured: the median, of memory the largest value."""
        return _shown(self.measured)

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.value <= self.target

    @property
    def of_target(self) -> float:
        """Return how much of what the target allows is used: more than 1 misses it."""
        return self.value / self.target


def ratio(
    name: str, group: Group, what: str, measured: Figure, floor: Figure, floor_is: str, target: float
) -> Line:
    """Return a line whose target is a multiple of a floor that was measured in the same run."""
    value = compared(measured, floor, truediv)
    return Line(name, group, what, measured, floor, floor_is, value, "x", target)


def compared(measured: Figure, floor: Figure, how: Callable[[float, float], float]) -> float:
    """Return the median of how each value compares with the floor that was measured beside it, in turn.

    A machine's speed drifts within a run, and what stands side by side had the same. Where one was measured
    more often than the other, the medians are compared.
    """
    if len(measured.values) != len(floor.values):
        return how(measured.median, floor.median)
    return median(map(how, measured.values, floor.values))


def at_most(name: str, group: Group, what: str, measured: Figure, target: float) -> Line:
    """Return a line whose target is a number in the unit of the figure; memory by its peak."""
    return Line(name, group, what, measured, None, "", _shown(measured), measured.unit, target)


def _shown(measured: Figure) -> float:
    return measured.largest if measured.unit == "MB" else measured.median
