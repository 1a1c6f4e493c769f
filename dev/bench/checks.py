"""What must hold on any machine, however busy: whether work is repeated that was done before.

Bounds are generous, because minutes of continuous integration are not to be spent on noise. Where the system
counts the bytes that a process reads and writes (Linux), these are compared, and no clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dev.bench.lab import Lab
from dev.bench.measure import Runs
from dev.bench.stores import Layout

BOUNDS: Mapping[str, float] = {
    "load-json": 30.0,
    "load-sqlite": 30.0,
    "reload-json": 0.5,
    "reload-sqlite": 0.5,
    "session-json": 0.7,
    "session-sqlite": 0.9,  # SQLite's own check reads a small database to its end wherever something changed
    "incremental": 0.5,
    "growth-load": 8.0,
    "growth-build": 8.0,
    "loader-memory": 1.25,
    "size": 2.0,
}
_MEMORY_MB = 600.0


@dataclass(frozen=True, slots=True)
class Check:
    """A ratio and the bound that it must not exceed."""

    name: str
    what: str
    value: float
    bound: float

    @property
    def met(self) -> bool:
        """Whether the bound holds."""
        return self.value <= self.bound


def checks(lab: Lab) -> list[Check]:
    """Return all checks, made on what the lab measured."""
    layouts: tuple[Layout, ...] = ("json", "sqlite")
    empty = lab.empty_loads[0]
    found = []
    for layout in layouts:
        cold = lab.cold_loads(layout)
        second, session = lab.second_loads[layout].loads, lab.session_loads[layout].loads
        start = empty.wall.median
        found += [
            _check(
                f"load-{layout}",
                "a cold load without its start, as a multiple of reading alone",
                (cold.masked.wall.median - start) / cold.floor.wall.median,
            ),
            _check(
                f"reload-{layout}",
                "what a second load reads of what the first one read",
                share_read(second, cold.masked, empty),
            ),
            _check(
                f"session-{layout}",
                "what a load of one new session reads of what the first one read",
                share_read(session, cold.masked, empty),
            ),
        ]
    five, one = lab.builds("five"), lab.builds("one")
    found += [
        _check(
            "incremental",
            "what a build after one new session writes of what a build of everything wrote, 5x",
            share_written(
                lab.increments.builds["five"],
                five.runs,
                lab.increments.builds["empty"],
                lab.builds("empty").runs,
            ),
        ),
        _check(
            "growth-load",
            "cold load, 5x, as a multiple of 1x",
            lab.cold_loads_five[0].wall.median / lab.cold_loads("sqlite").masked.wall.median,
        ),
        _check(
            "growth-build",
            "build of everything, 5x, as a multiple of 1x",
            five.runs.wall.median / one.runs.wall.median,
        ),
        _check(
            "loader-memory",
            f"the loader's peak memory, as a multiple of {_MEMORY_MB:,.0f} MB",
            max(
                runs.peak_mb.largest
                for runs in (
                    lab.cold_loads("json").masked,
                    lab.cold_loads("sqlite").masked,
                    lab.cold_loads_five[0],
                )
            )
            / _MEMORY_MB,
        ),
        _check(
            "size",
            "the warehouse file, 5x, as a multiple of the JSON that it holds",
            five.warehouse_bytes / lab.store("sqlite", "five").totals.n_bytes,
        ),
    ]
    return found


def _check(name: str, what: str, value: float) -> Check:
    return Check(name, what, value, BOUNDS[name])


def share_read(some: Runs, everything: Runs, nothing: Runs) -> float:
    """Return what some runs read of what others read; what a run reads in any case is taken off both.

    Seconds take the place of bytes where those are not known.
    """
    return _share(
        (some.read_bytes, everything.read_bytes, nothing.read_bytes, nothing.read_bytes),
        (some, everything, nothing, nothing),
    )


def share_written(some: Runs, everything: Runs, some_in_any_case: Runs, all_in_any_case: Runs) -> float:
    """Return what some runs wrote of what others wrote; what each writes in any case is taken off.

    Seconds take the place of bytes where those are not known.
    """
    runs = (some, everything, some_in_any_case, all_in_any_case)
    return _share(
        (
            some.written_bytes,
            everything.written_bytes,
            some_in_any_case.written_bytes,
            all_in_any_case.written_bytes,
        ),
        runs,
    )


def _share(
    n_bytes: tuple[float | None, float | None, float | None, float | None],
    runs: tuple[Runs, Runs, Runs, Runs],
) -> float:
    known = [n for n in n_bytes if n is not None]
    some, everything, less, all_less = known if len(known) == len(runs) else [one.wall.median for one in runs]
    return max(0.0, some - less) / max(1e-9, everything - all_less)
