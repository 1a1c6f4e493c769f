"""The measurements: the project's public commands on grown stores, each done once for all lines."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from dev.bench import measure, stores
from dev.bench.errors import BenchError
from dev.bench.growth_bar import GrowthBar
from dev.bench.layers import seconds_by_layer
from dev.bench.measure import Figure, Runs, Spent
from dev.bench.measured import SCALES, Builds, ColdLoads, Increments, Scale, WarmLoads
from dev.bench.peers import TOKENS, Peer
from dev.bench.plans import Plan
from dev.bench.stores import Layout, Store, Totals
from ingest import human
from ingest.warehouse import open_warehouse

PROJECT = Path(__file__).resolve().parents[2]
SAMPLE = PROJECT / "sample"

_WAREHOUSE = "opencode.duckdb"
_NOT_PASSED_ON = ("OPENCODE_", "DBT_", "COVERAGE_")
"""Settings of the user, and what would let tests trace a process that is measured."""
_COSTS_AGREE_TO = Decimal("0.00001")


class Lab:
    """A place for stores and warehouses, and every measurement that was asked for in it.

    `cache` is the bench's own folder: `stores/` stays for the next run, `work/` is emptied by each.
    """

    def __init__(self, cache: Path, plan: Plan, console: Console) -> None:
        self.plan = plan
        self.cache = cache
        self._console = console
        self._work = cache / "work"
        self._queries: dict[Scale, list[list[dict[str, Any]]]] = {}
        self._builds: dict[Scale, Builds] = {}
        self._cold: dict[Layout, ColdLoads] = {}
        self._stores: dict[tuple[Layout, Scale], Store] = {}

    # --- what is measured

    def cold_loads(self, layout: Layout) -> ColdLoads:
        """Measure loads of the store of size 1x into nothing, in turn with the floor."""
        if layout not in self._cold:
            self._cold[layout] = self._measure_cold(layout)
        return self._cold[layout]

    def _measure_cold(self, layout: Layout) -> ColdLoads:
        store = self.store(layout)
        floor, unmasked, masked = Runs([]), Runs([]), Runs([])
        warehouse = self._new_warehouse(f"cold-{layout}")
        self.say(f"{layout}: reading everything once, so that the system has it in memory")
        self._floor_of_reading(store)
        for n in range(self.plan.cold_loads):
            self.say(f"{layout}: cold loads, {n + 1} of {self.plan.cold_loads}")
            floor.spent.append(self._floor_of_reading(store))
            warehouse = self._new_warehouse(f"cold-{layout}")
            unmasked.spent.append(self._load(store.path, warehouse, store.totals, "--no-mask"))
            warehouse = self._new_warehouse(f"cold-{layout}")
            masked.spent.append(self._load(store.path, warehouse, store.totals))
        self._check_documents(warehouse, store.totals)
        return ColdLoads(store, floor, unmasked, masked, warehouse)

    @cached_property
    def cold_loads_five(self) -> tuple[Runs, Path]:
        """Measure loads of the database of size 5x into nothing; return also the warehouse."""
        store = self.store("sqlite", "five")
        runs = Runs([])
        warehouse = self._new_warehouse("cold-five")
        for n in range(self.plan.cold_loads_five):
            self.say(f"sqlite, 5x: cold loads, {n + 1} of {self.plan.cold_loads_five}")
            warehouse = self._new_warehouse("cold-five")
            runs.spent.append(self._load(store.path, warehouse, store.totals))
        self._check_documents(warehouse, store.totals)
        return runs, warehouse

    @cached_property
    def empty_loads(self) -> tuple[Runs, Path]:
        """Measure loads of a store without a document: what starting costs; return also the warehouse."""
        store = self._work / "empty-store"
        (store / "storage").mkdir(parents=True, exist_ok=True)
        runs = Runs([])
        warehouse = self._new_warehouse("cold-empty")
        for _ in range(self.plan.warm_loads):
            warehouse = self._new_warehouse("cold-empty")
            runs.spent.append(self._load(store, warehouse, Totals()))
        return runs, warehouse

    @cached_property
    def second_loads(self) -> dict[Layout, WarmLoads]:
        """Measure loads of stores in which nothing changed."""
        return {
            "json": self._warm("json", "second loads", None),
            "sqlite": self._warm("sqlite", "second loads", None),
        }

    @cached_property
    def session_loads(self) -> dict[Layout, WarmLoads]:
        """Measure loads after one more session each time."""
        found: dict[Layout, WarmLoads] = {}
        for layout in ("json", "sqlite"):
            with self.store(layout).growing() as add:
                found[layout] = self._warm(layout, "loads after one more session", add)
        return found

    def _warm(self, layout: Layout, what: str, add: Callable[[], Totals] | None) -> WarmLoads:
        cold = self.cold_loads(layout)
        floor, loads = Runs([]), Runs([])
        with self._copy(cold.warehouse, "warm") as warehouse:
            for n in range(self.plan.warm_loads):
                self.say(f"{layout}: {what}, {n + 1} of {self.plan.warm_loads}")
                added = None if add is None else add()
                if layout == "json":
                    floor.spent.append(self._floor("walk", cold.store.path / "storage"))
                loads.spent.append(self._load(cold.store.path, warehouse, added))
        return WarmLoads(floor if layout == "json" else None, loads)

    def builds(self, scale: Scale) -> Builds:
        """Measure builds of everything from raw, of a history that came from a database."""
        if scale not in self._builds:
            self._builds[scale] = self._measure_builds(scale)
        return self._builds[scale]

    def _measure_builds(self, scale: Scale) -> Builds:
        n_builds = {"empty": 1, "one": self.plan.builds, "five": self.plan.builds_five}[scale]
        loaded = self._loaded(scale)
        built = self._new_warehouse(f"built-{scale}")
        _ = self._parsed
        runs = Runs([])
        for n in range(n_builds):
            self.say(f"builds of everything, {scale}: {n + 1} of {n_builds}")
            stores.check_space(built, 3 * loaded.stat().st_size)
            built = self._new_warehouse(f"built-{scale}")
            shutil.copy(loaded, built)
            runs.spent.append(self._dbt(built, "build", *self.plan.build))
        layers = seconds_by_layer(self._target / "run_results.json")
        if scale != "empty":
            self._check_figures(built, self.store("sqlite", scale).totals)
        return Builds(runs, built, built.stat().st_size, layers)

    def queries(self, scale: Scale) -> list[list[dict[str, Any]]]:
        """Time the reference queries, several times; each time has 21 runs of each."""
        if scale not in self._queries:
            warehouse = self.builds(scale).warehouse
            self.say(f"reference queries, {scale}")
            command = (sys.executable, "-m", "opencode_warehouse", "time-queries", "--json", "--warehouse")
            self._queries[scale] = [
                orjson.loads(self._run([*command, str(warehouse)], warehouse).output)
                for _ in range(self.plan.warm_loads)
            ]
        return self._queries[scale]

    @cached_property
    def increments(self) -> Increments:
        """Measure load and build after one more session, at each size in turn."""
        warehouses = {scale: self.builds(scale).warehouse for scale in SCALES}
        found = Increments()
        with ExitStack() as stack:
            added: dict[Scale, Callable[[], Totals]] = {}
            for scale in ("one", "five"):
                added[scale] = stack.enter_context(self.store("sqlite", scale).growing())
            for n in range(self.plan.incremental_builds):
                for scale in SCALES:
                    self.say(
                        f"one more session, loaded and built, {scale}: {n + 1} of "
                        f"{self.plan.incremental_builds}"
                    )
                    warehouse = warehouses[scale]
                    if scale in added:
                        path = self.store("sqlite", scale).path
                        load = self._load(path, warehouse, added[scale]())
                        found.loads[scale].spent.append(load)
                    found.builds[scale].spent.append(
                        self._dbt(warehouse, "build", *self.plan.incremental_build)
                    )
        return found

    # --- what it is measured on

    def store(self, layout: Layout, scale: Scale = "one") -> Store:
        """Return a grown store, from the cache or new."""
        if (layout, scale) not in self._stores:
            self._stores[layout, scale] = self._find_store(layout, scale)
        return self._stores[layout, scale]

    def _find_store(self, layout: Layout, scale: Scale) -> Store:
        size = self.plan.one if scale == "one" else self.plan.five
        what = f"growing a store ({layout}, {human.size(size.n_bytes)})"
        with GrowthBar(self._console, what) as tell:
            return stores.store(self.cache, SAMPLE, layout, size, tell)

    def _loaded(self, scale: Scale) -> Path:
        if scale == "empty":
            return self.empty_loads[1]
        return self.cold_loads("sqlite").warehouse if scale == "one" else self.cold_loads_five[1]

    def _new_warehouse(self, name: str) -> Path:
        """Return where a warehouse is to be, in an empty folder."""
        folder = self._work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder / _WAREHOUSE

    @contextmanager
    def _copy(self, warehouse: Path, name: str) -> Iterator[Path]:
        copy = self._new_warehouse(name)
        stores.check_space(copy, warehouse.stat().st_size)
        shutil.copy(warehouse, copy)
        try:
            yield copy
        finally:
            shutil.rmtree(copy.parent)

    @property
    def _target(self) -> Path:
        return self.cache / "dbt"

    def clear(self) -> None:
        """Remove what a run left but the stores and what dbt parsed."""
        shutil.rmtree(self._work, ignore_errors=True)

    # --- the commands

    def say(self, text: str) -> None:
        """Say what is done just now."""
        self._console.print(f"bench: {text}", markup=False, highlight=False)

    def _run(self, command: list[str], warehouse: Path, **more: str) -> Spent:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)
        }
        environment |= {
            "OPENCODE_WAREHOUSE": str(warehouse),
            "OPENCODE_MACHINE": "bench",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")])),
        }
        return measure.run(command, PROJECT, environment | more)

    def _floor(self, name: str, path: Path) -> Spent:
        return self._run([sys.executable, "-m", "dev.bench.floors", name, str(path)], path)

    def _floor_of_reading(self, store: Store) -> Spent:
        if store.layout == "json":
            return self._floor("read", store.path / "storage")
        return self._floor("select", store.path / stores.DATABASE)

    def _load(
        self,
        store: Path,
        warehouse: Path,
        news: Totals | None,
        *flags: str,
    ) -> Spent:
        """Load a store, and compare what the loader says it did with what is new in the store."""
        command = [sys.executable, "-m", "ingest", "load", "--json", "--store", str(store)]
        spent = self._run([*command, "--warehouse", str(warehouse), *flags], warehouse)
        counts = orjson.loads(spent.output)["counts"]
        expected = 0 if news is None else news.n_documents
        if (counts["written"], counts["rejected"], counts["deleted"]) != (expected, 0, 0):
            raise BenchError(
                f"The load of {store} wrote {counts['written']:,} documents, rejected {counts['rejected']:,} "
                f"and marked {counts['deleted']:,} as deleted; it should have written {expected:,}. "
                "If the loader is right, the store is broken: remove it, the next run grows it anew."
            )
        return spent

    @cached_property
    def totals_by_query(self) -> Peer:
        """Load the tree and ask the landed documents what other programs say: tokens and recorded cost."""
        cold = self.cold_loads("json")
        with open_warehouse(cold.warehouse, read_only=True) as connection:
            started = time.perf_counter()
            row = connection.execute(_RECORDED).fetchone()
            took = time.perf_counter() - started
        *tokens, cost_usd = row or ()
        return Peer(
            name="this project",
            does="`load`, which lands every document whole and masks secrets, and a query of what it landed",
            wall=Figure("s", tuple(round(seconds + took, 4) for seconds in cold.masked.wall.values)),
            tokens=dict(zip(TOKENS, tokens, strict=True)),
            cost_usd=round(float(cost_usd), 6),
        )

    @cached_property
    def load_phases(self) -> dict[str, float]:
        """Return the seconds that each phase of a cold load of the database of size 1x took."""
        with open_warehouse(self.cold_loads("sqlite").warehouse, read_only=True) as connection:
            rows = connection.execute(_PHASES).fetchall()
        return {phase: round(seconds, 3) for phase, seconds in rows if seconds is not None}

    @cached_property
    def _parsed(self) -> Spent:
        """Let dbt parse the project, as every user's has: later commands only look for what changed."""
        self.say("dbt parses the project")
        return self._dbt(self._work / _WAREHOUSE, "parse")

    def _dbt(self, warehouse: Path, *arguments: str) -> Spent:
        # dbt parses anew where the name of the warehouse changed, so all have the same.
        name = self._work / _WAREHOUSE
        if warehouse != name:
            name.unlink(missing_ok=True)
            name.symlink_to(warehouse)
        dbt = Path(sys.executable).with_name("dbt")
        return self._run(
            [str(dbt), "--no-use-colors", *arguments, "--log-path", str(self._target)],
            name,
            DBT_PROFILES_DIR=str(PROJECT),
            DBT_TARGET_PATH=str(self._target),
            DBT_LOG_LEVEL_FILE="info",
            DBT_SEND_ANONYMOUS_USAGE_STATS="false",
            DO_NOT_TRACK="1",
        )

    # --- whether it is right

    def _check_documents(self, warehouse: Path, totals: Totals) -> None:
        command = [sys.executable, "-m", "ingest", "status", "--json", "--warehouse", str(warehouse)]
        landed = orjson.loads(self._run(command, warehouse).output)["documents"]
        expected = {f"{kind}s": n for kind, n in totals.documents.items()}
        found = {entity: landed[entity] for entity in expected}
        if found != expected:
            raise BenchError(f"The warehouse holds {found}, and the store {expected}: the load is wrong.")

    def _check_figures(self, warehouse: Path, totals: Totals) -> None:
        with open_warehouse(warehouse, read_only=True) as connection:
            row = connection.execute(_FIGURES).fetchone()
        *tokens, cost = row or (None,)
        expected = list(totals.tokens.values())
        if tokens != expected or abs(Decimal(cost or 0) - Decimal(totals.cost_usd)) > _COSTS_AGREE_TO:
            raise BenchError(
                f"The built tables hold {tokens} tokens and {cost} USD, and the store {expected} and "
                f"{totals.cost_usd}: the build is wrong."
            )


_RECORDED = """select
    cast(sum(cast(payload ->> '$.tokens.input' as bigint)) as bigint),
    cast(sum(cast(payload ->> '$.tokens.output' as bigint)) as bigint),
    cast(sum(cast(payload ->> '$.tokens.cache.read' as bigint)) as bigint),
    cast(sum(cast(payload ->> '$.tokens.cache.write' as bigint)) as bigint),
    sum(cast(payload ->> '$.cost' as decimal(18, 10)))
from raw.messages where payload ->> '$.role' = 'assistant'"""
_PHASES = """select
    phase, epoch(lead(entered_at) over (order by entered_at) - entered_at)
from raw.sync_state
order by entered_at"""
_FIGURES = """select
    sum(tokens_input), sum(tokens_output), sum(tokens_reasoning), sum(tokens_cache_read),
    sum(tokens_cache_write), sum(cost_recorded_usd)
from main.messages where not is_fork_copy"""
