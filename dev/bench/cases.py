"""The table of targets, line by line, from measurements."""

from collections.abc import Callable, Mapping, Sequence
from operator import sub

from dev.bench.errors import BenchError
from dev.bench.lab import Lab
from dev.bench.measure import Figure, Runs
from dev.bench.measured import SCALES, Scale
from dev.bench.report_lines import Group, Line, at_most, compared, ratio
from dev.bench.stores import Layout

_LAYOUTS: tuple[tuple[Layout, str], ...] = (("json", "JSON tree"), ("sqlite", "SQLite"))
_SIZES: tuple[tuple[Scale, str], ...] = (("one", "1x"), ("five", "5x"))
_QUERY_MS: Mapping[Scale, tuple[float, float]] = {"one": (5.0, 20.0), "five": (15.0, 60.0)}
"""Targets of the reference queries, and of the one that returns whole texts."""
_WALK = "a walk that asks for each file's time"
_READING: Mapping[Layout, str] = {
    "json": "walk, read, parse",
    "sqlite": "select, parse",
}
_SESSION_SECONDS = 0.3
_WALKS = 2.5
_SLOWEST_QUERY = "session_details"


def load(lab: Lab) -> list[Line]:
    """Loads into nothing."""
    lines = []
    for layout, called in _LAYOUTS:
        cold = lab.cold_loads(layout)
        for runs, how, name, target in (
            (cold.unmasked, "without masking", "unmasked", 4.0),
            (cold.masked, "secrets masked", "masked", 7.0),
        ):
            what = f"cold load, {called}, {how}"
            lines.append(
                ratio(
                    f"load-{layout}-{name}",
                    "load",
                    what,
                    runs.wall,
                    cold.floor.wall,
                    _READING[layout],
                    target,
                )
            )
    return lines


def reload(lab: Lab) -> list[Line]:
    """Loads in which nothing changed."""
    tree, database = lab.second_loads["json"], lab.second_loads["sqlite"]
    what = "second load, nothing changed"
    return [
        ratio(
            "reload-json", "reload", f"{what}, JSON tree", tree.loads.wall, _floor(tree.floor), _WALK, _WALKS
        ),
        at_most("reload-sqlite", "reload", f"{what}, SQLite", database.loads.wall, 1.0),
    ]


def session(lab: Lab) -> list[Line]:
    """Loads after one more session of 200 documents."""
    tree, database = lab.session_loads["json"], lab.session_loads["sqlite"]
    walk = _floor(tree.floor)
    what = "load after one new session"
    return [
        Line(
            name="session-json",
            group="session",
            what=f"{what}, JSON tree",
            measured=tree.loads.wall,
            floor=walk,
            floor_is=_WALK,
            value=tree.loads.wall.median,
            unit="s",
            target=_WALKS * walk.median + _SESSION_SECONDS,
            target_is=f"{_WALKS} x floor + {_SESSION_SECONDS} s",
        ),
        at_most("session-sqlite", "session", f"{what}, SQLite", database.loads.wall, 1.0 + _SESSION_SECONDS),
    ]


def _floor(runs: Runs | None) -> Figure:
    if runs is None:
        raise ValueError("a tree has a floor")
    return runs.wall


def build(lab: Lab) -> list[Line]:
    """Builds of everything."""
    runs = lab.builds("one").runs
    what = "`dbt build` of everything from raw"
    return [
        at_most("build", "build", what, runs.wall, 45.0),
        at_most("build-memory", "build", f"{what}, peak memory", runs.peak_mb, 2_000.0),
    ]


def incremental(lab: Lab) -> list[Line]:
    """Builds after one more session."""
    empty, one, five = (lab.increments.builds[scale].wall for scale in SCALES)
    what = "`dbt build` after one new session"
    return [
        Line(
            name="incremental",
            group="incremental",
            what=f"{what}, 1x",
            measured=one,
            floor=empty,
            floor_is="the same on an empty store",
            value=compared(one, empty, sub),
            unit="s",
            target=4.0,
            target_is="floor + 4 s",
        ),
        ratio("incremental-growth", "incremental", f"{what}, 5x", five, one, "the same at 1x", 1.3),
    ]


def memory(lab: Lab) -> list[Line]:
    """The loader's memory, in every load into nothing."""
    runs = [
        *(runs for layout, _ in _LAYOUTS for runs in _cold_runs(lab, layout)),
        lab.cold_loads_five[0],
    ]
    peaks = Figure("MB", tuple(value for one in runs for value in one.peak_mb.values))
    return [at_most("loader-memory", "memory", "loader's peak memory, any cold load", peaks, 600.0)]


def _cold_runs(lab: Lab, layout: Layout) -> tuple[Runs, Runs]:
    cold = lab.cold_loads(layout)
    return cold.unmasked, cold.masked


def size(lab: Lab) -> list[Line]:
    """The warehouse file after load and build, beside the JSON that it holds."""
    lines = []
    for scale, called in _SIZES:
        held = lab.store("sqlite", scale).totals.n_bytes
        file = lab.builds(scale).warehouse_bytes
        lines.append(
            ratio(
                f"size-{called}",
                "size",
                f"warehouse file after load and build, {called}",
                Figure("MB", (file / 1e6,)),
                Figure("MB", (held / 1e6,)),
                "the JSON that it holds",
                0.5,
            )
        )
    return lines


def queries(lab: Lab) -> list[Line]:
    """The reference queries, 95th percentile of 21 runs each."""
    lines = []
    for scale, called in _SIZES:
        fast_ms, slow_ms = _QUERY_MS[scale]
        p95: dict[str, list[float]] = {}
        for timed in lab.queries(scale):
            for timing in timed:
                p95.setdefault(timing["query_name"], []).append(timing["p95_ms"])
        for name, values in p95.items():
            target = slow_ms if name == _SLOWEST_QUERY else fast_ms
            figure = Figure("ms", tuple(values))
            lines.append(at_most(f"{name}-{called}", "queries", f"`{name}`, p95, {called}", figure, target))
    return lines


def growth(lab: Lab) -> list[Line]:
    """Everything at 5x, compared with itself at 1x."""
    at_one = "the same at 1x"
    loads, builds = lab.increments.loads, lab.increments.builds
    one, five = (_sums(loads[scale], builds[scale]) for scale, _ in _SIZES)
    return [
        ratio(
            "growth-load",
            "growth",
            "cold load, SQLite, 5x",
            lab.cold_loads_five[0].wall,
            lab.cold_loads("sqlite").masked.wall,
            at_one,
            5.5,
        ),
        ratio(
            "growth-build",
            "growth",
            "`dbt build` of everything, 5x",
            lab.builds("five").runs.wall,
            lab.builds("one").runs.wall,
            at_one,
            5.5,
        ),
        ratio("growth-session", "growth", "one new session, loaded and built, 5x", five, one, at_one, 1.1),
    ]


def _sums(first: Runs, second: Runs) -> Figure:
    pairs = zip(first.wall.values, second.wall.values, strict=True)
    return Figure("s", tuple(round(one + other, 4) for one, other in pairs))


CASES: Mapping[Group, Callable[[Lab], list[Line]]] = {
    "load": load,
    "reload": reload,
    "session": session,
    "build": build,
    "incremental": incremental,
    "memory": memory,
    "size": size,
    "queries": queries,
    "growth": growth,
}
PEERS = "peers"


def chosen(only: str | None) -> Sequence[str]:
    """Return the groups of lines that a comma-separated list names, all where there is none.

    Raises BenchError where it names another.
    """
    known = [*CASES, PEERS]
    names = [name.strip() for name in only.split(",") if name.strip()] if only else []
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BenchError(
            f"There is nothing called {', '.join(unknown)} to measure. Known: {', '.join(known)}."
        )
    return [name for name in known if not names or name in names]
