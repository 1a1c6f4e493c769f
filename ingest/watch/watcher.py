"""A warehouse that stays seconds behind its stores: load, then land what changes as long as it runs.

The bulk is loaded first, while changes are already listened for. Then everything is compared once more
(`catching_up`), and from there on what the system tells of is looked at (`realtime`), and all of it now and
then, as events get lost. The warehouse is held for single commits, so that a build, a load by hand and a
reader get their turn.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from ingest import human
from ingest.errors import IngestError, SourceError
from ingest.load import UNREAD, Options, load
from ingest.lock import BusyError, Patience, holding, watch_lock_path, writing
from ingest.raw import landed
from ingest.raw.batch import Batch, Counts
from ingest.raw.landing import Landing
from ingest.settings import Settings
from ingest.sources.discovery import find_sources
from ingest.sources.source import Source
from ingest.sync_state import SyncState
from ingest.warehouse import open_warehouse
from ingest.watch.files import Written, identity, layout, written
from ingest.watch.tree_events import TreeEvents
from ingest.watch.watched_source import Found, WatchedSource

log = logging.getLogger(__name__)

TICK_S = 0.25
SHORTEST_ROUND_S = 0.5
"""Between the beginnings of two rounds of commits; they get at most half of the time."""

BATCH_S = 60.0
"""Commits go on in one batch for so long: `raw.load_batches` has a row a minute, not one a commit."""

COMPARE_EVERY_S = 300.0
COMPARE_WITHOUT_EVENTS_S = 2.0
LOAD_OPTIONS = Options()
FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 30.0
BUSY_RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How to watch, in seconds: between two comparisons of all, and between two builds (None: none)."""

    compare_every: float = COMPARE_EVERY_S
    build_every: float | None = None


class _StoppedError(Exception):
    """Somebody asked the watch to end."""


class _OvertakenError(Exception):
    """Another load has landed something, or the warehouse is another file: what was known is not true."""


class Watcher:
    """One watch of the stores of a warehouse. Setting `stop` ends it after the commit that is being made.

    `build` is called when a build is due, holding no lock, and returns whether it went well. Where it could
    not even begin, it is called again: soon after a BusyError, else when the next one is due.
    """

    def __init__(
        self,
        settings: Settings,
        options: WatchOptions,
        stop: threading.Event,
        *,
        load_options: Options = LOAD_OPTIONS,
        build: Callable[[], bool] = lambda: True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._options = options
        self._load_options = load_options
        self._stop = stop
        self._build = build
        self._clock = clock
        self._state = SyncState(settings.warehouse, clock)
        self._watched: dict[Source, WatchedSource] = {}
        self._is_loaded = False
        self._newest_batch = 0
        self._file: tuple[int, int] | None = None
        self._left_as: Written | None = None
        self._batch_began = 0.0
        self._n_commits = 0
        self._behind_since: float | None = None
        self._next_round = 0.0
        self._retry_s = FIRST_RETRY_S
        self._is_dirty = False
        self._built_at = time.monotonic()
        self._told: str | None = None

    def run(self) -> None:
        """Watch until the end is asked for. Raises IngestError where another watch of this warehouse runs."""
        warehouse = self._settings.warehouse
        try:
            warehouse.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise IngestError(f"The folder {warehouse.parent} cannot be made ({error.strerror}).") from None
        with holding(watch_lock_path(warehouse), f"the watch of {warehouse}", Patience(0)):
            self._state.enter("init")
            with suppress(_StoppedError):
                while True:
                    self._watch(self._wait_for_sources())
            self._state.enter("stopped")
            if self._is_loaded:
                self._record_phases()

    def _wait_for_sources(self) -> list[Source]:
        while not (sources := self._find()) and not self._is_loaded:
            self._tell(f"Nothing of OpenCode is at {', '.join(map(str, self._settings.stores))} yet.")
            self._pause(1.0)
        return sources

    def _watch(self, sources: list[Source]) -> None:
        """Watch these sources until one comes, goes or is replaced: then new listeners are needed."""
        before = layout(sources)
        trees = [source.tree for source in sources if source.tree is not None]
        with TreeEvents(trees) as events:
            if not self._is_loaded:
                self._load_bulk()
            self._state.enter("catching_up")
            self._learn(sources)
            while before == layout(self._find()):
                self._round(events)
                if self._state.phase == "catching_up" and self._is_level():
                    self._state.enter("realtime")
                    self._record_phases()
                self._build_if_due()
                if self._stop.is_set():
                    raise _StoppedError
                if events.is_alive:
                    events.wait(TICK_S)
                else:
                    self._pause(TICK_S)
        gone = [source.root for source in sources if source not in self._find()]
        if gone:
            self._tell(f"{', '.join(map(str, gone))} is no longer there; what was loaded from it stays.")

    def _load_bulk(self) -> None:
        def check(source: Source, entity: str, counts: Counts) -> None:
            if self._stop.is_set():
                raise _StoppedError

        while not self._is_loaded:
            try:
                with writing(self._settings.warehouse, Patience(sleep=self._pause)):
                    result = load(
                        self._settings, self._load_options, check, self._clock, self._state, self._pause
                    )
            except _FAILURES as error:
                self._pause(self._retry_after(error))
            else:
                self._is_loaded = self._is_dirty = True
                for message in (*result.problems, *result.notes):
                    self._tell(message)

    def _learn(self, sources: list[Source]) -> None:
        """Read what is landed of the sources: from here on it is known without the warehouse."""
        while True:
            try:
                with self._opened() as connection:
                    self._watched = {
                        source: WatchedSource(
                            source,
                            landed.known(connection, source, schema, rehash=False),
                            schema,
                            self._watched.get(source),
                        )
                        for source in sources
                        for schema in [landed.schema_version(connection, source)]
                    }
                    self._newest_batch = Batch(connection, self._clock()).newest()
                    self._batch_began = 0.0
                    self._file = identity(self._settings.warehouse)
            except _FAILURES as error:
                self._pause(self._retry_after(error))
            else:
                return

    def _is_level(self) -> bool:
        return all(watched.is_level for watched in self._watched.values())

    def _round(self, events: TreeEvents) -> None:
        """Look at what is due and land it; what fails is looked at again after a while."""
        files, has_gaps = events.take()
        for source, watched in self._watched.items():
            tree = source.tree  # one store may lie in the root of another
            own = [] if tree is None else [file for file in files if file.is_relative_to(tree)]
            watched.notice(own, all_of_it=has_gaps and tree is not None)
        began = time.monotonic()
        compare_every = self._options.compare_every
        if not events.is_alive:
            compare_every = min(compare_every, COMPARE_WITHOUT_EVENTS_S)
        due = [watched for watched in self._watched.values() if watched.is_due(began, compare_every)]
        if due and self._behind_since is None:
            self._behind_since = began
        if due and began >= self._next_round and self._land(due):
            self._behind_since, self._retry_s = None, FIRST_RETRY_S
            self._next_round = began + max(SHORTEST_ROUND_S, 2 * (time.monotonic() - began))
        lag_s = 0.0 if self._behind_since is None else time.monotonic() - self._behind_since
        self._state.update(lag_s=round(lag_s, 1), n_commits=self._n_commits)

    def _land(self, due: list[WatchedSource]) -> bool:
        """Land what sources have that is new; return whether that went well."""
        try:
            with writing(self._settings.warehouse, Patience(0)):
                if identity(self._settings.warehouse) != self._file:  # a backup was restored, or it is gone
                    raise _OvertakenError
                for watched in due:
                    for found in watched.look():
                        if watched.is_news(found):
                            self._commit(watched, found)
                        watched.landed(found)
                    if watched.message is not None:
                        self._tell(watched.message)
        except _OvertakenError:
            self._learn(list(self._watched))
        except _FAILURES as error:
            self._next_round = time.monotonic() + self._retry_after(error)
        else:
            return True
        for watched in due:
            watched.insist()
        return False

    def _commit(self, watched: WatchedSource, found: Found) -> None:
        began = time.monotonic()
        # A build knows what is new by its batch: one that a build may have read never goes on.
        is_as_left = written(self._settings.warehouse) == self._left_as
        with self._landing() as land:
            if land.batch.newest() != self._newest_batch:
                raise _OvertakenError
            goes_on = is_as_left and self._batch_began > 0 and began - self._batch_began < BATCH_S
            self._newest_batch = land.batch.begin(self._newest_batch if goes_on else None)
            self._batch_began = self._batch_began if goes_on else began
            self._record(land.batch)
            land.begin_source(watched.source)
            for document in found.documents:
                land.put(document)
            for rejection in found.rejections:
                land.put(rejection)
            counts = land.end_source(
                found.vanished,
                found.schema_version,
                found.status,
                found.message,
                is_complete=found.has_all_rejections,
            )
            n_failed = sum(one.status in UNREAD for one in self._watched.values())
            land.batch.end(self._clock(), counts, len(self._watched), n_failed)
        self._n_commits += 1
        self._is_dirty = self._is_dirty or counts.written + counts.deleted > 0
        self._state.update(batch_id=self._newest_batch, committed_at=self._clock().isoformat())
        log.info(
            "landed %d, marked %d as deleted, rejected %d",
            counts.written,
            counts.deleted,
            counts.rejected,
            extra={
                "source_id": watched.source.source_id,
                "n_written": counts.written,
                "n_deleted": counts.deleted,
                "n_rejected": counts.rejected,
                "held_ms": round((time.monotonic() - began) * 1000),
            },
        )

    def _record_phases(self) -> None:
        """Commit the phases that came since the last commit; where that fails, the next commit has them."""
        try:
            with self._opened() as connection:
                self._record(Batch(connection, self._clock(), number=self._newest_batch))
        except _FAILURES as error:
            self._tell(_reason(error))

    def _record(self, batch: Batch) -> None:
        transitions = self._state.take()
        try:
            batch.record_phases(transitions)
        except BaseException:
            self._state.give_back(transitions)
            raise

    @contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield the warehouse, and note how it is left."""
        with open_warehouse(self._settings.warehouse, wait_s=0) as connection:
            yield connection
        self._left_as = written(self._settings.warehouse)

    @contextmanager
    def _landing(self) -> Iterator[Landing]:
        with (
            self._opened() as connection,
            Landing(connection, self._clock(), mask=self._settings.mask) as land,
        ):
            yield land

    def _build_if_due(self) -> None:
        every = self._options.build_every
        if every is None or not self._is_dirty or time.monotonic() - self._built_at < every:
            return
        self._batch_began = 0.0  # what is built is known by its batch: the next commit begins another
        self._state.update(is_building=True, force=True)
        try:
            self._is_dirty = not self._build()
        except BusyError as error:  # its turn comes soon
            self._tell(str(error))
            return
        except _FAILURES as error:
            self._tell(_reason(error))
        finally:
            self._state.update(is_building=False)
        self._built_at = time.monotonic()

    def _find(self) -> list[Source]:
        found: list[Source] = []
        for store in self._settings.stores:
            try:
                found += [
                    source for source in find_sources([store], self._settings.machine) if source not in found
                ]
            except (SourceError, IngestError) as error:
                self._tell(str(error))
        return found

    def _retry_after(self, error: Exception) -> float:
        """Tell what failed; return in how many seconds to try again: soon, where turns are taken."""
        if isinstance(error, BusyError):
            self._tell(str(error))
            return BUSY_RETRY_S
        self._tell(_reason(error))
        retry_s, self._retry_s = self._retry_s, min(2 * self._retry_s, LONGEST_RETRY_S)
        return retry_s

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _StoppedError

    def _tell(self, message: str) -> None:
        """Log what somebody should know, once as long as it is the same."""
        if message != self._told:
            log.warning("%s", human.printable(message))
            self._told = message


_FAILURES = (IngestError, duckdb.Error, OSError)
"""What passes: a full disk, a warehouse that somebody has open, a store without rights."""


def _reason(error: Exception) -> str:
    if isinstance(error, IngestError):
        return str(error)
    return f"The work could not be finished ({str(error).splitlines()[0]}). It is tried again."
