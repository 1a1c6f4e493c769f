"""What was measured, by what was done."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from dev.bench.measure import Runs
from dev.bench.stores import Store

Scale: TypeAlias = Literal["empty", "one", "five"]
SCALES: tuple[Scale, ...] = ("empty", "one", "five")


@dataclass(slots=True)
class ColdLoads:
    """Loads of a store into nothing, with what reads the same and keeps nothing."""

    store: Store
    floor: Runs
    unmasked: Runs
    masked: Runs
    warehouse: Path
    """What the last masked load left. Never changed: whoever goes on takes a copy."""


@dataclass(slots=True)
class WarmLoads:
    """Loads into a warehouse that has (nearly) everything, with a walk of the same tree where it is one."""

    floor: Runs | None
    loads: Runs


@dataclass(slots=True)
class Builds:
    """Builds of everything, and the warehouse that the last one left."""

    runs: Runs
    warehouse: Path
    warehouse_bytes: int
    seconds_by_layer: dict[str, float]


@dataclass(slots=True)
class Increments:
    """A session came in, was loaded and built, several times over. The empty warehouse gets none."""

    loads: dict[Scale, Runs] = field(default_factory=lambda: {scale: Runs([]) for scale in SCALES})
    builds: dict[Scale, Runs] = field(default_factory=lambda: {scale: Runs([]) for scale in SCALES})
