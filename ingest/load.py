"""One load: every source compared with what is landed of it, differences landed."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from ingest import human
from ingest.errors import DamagedError, IngestError, SourceError
from ingest.load_result import LoadResult, Rejected, SourceResult
from ingest.raw import landed, remasking
from ingest.raw.batch import Counts
from ingest.raw.documents import ENTITIES, Entity, Rejection, Seen
from ingest.raw.known import Known
from ingest.raw.landing import Landing
from ingest.raw.records import record_storage
from ingest.settings import SAMPLE_MACHINE, Settings
from ingest.sources.discovery import as_source, find_sources
from ingest.sources.source import Source
from ingest.sources.sqlite_store import links_that_leave
from ingest.sync_state import PHASE_OF_ENTITY, SyncState
from ingest.warehouse import NothingLoadedError, measure_storage, open_warehouse, scratch_warehouse

UNREAD = ("incomplete", "damaged", "failed")
"""The statuses of a source that was not read to its end."""

HISTORY: tuple[Entity, ...] = ("sessions", "messages", "parts", "session_messages")

REPORT_EVERY = 100
"""Documents between two reports of how far it is: telling after each takes longer than parsing it."""

MASS_DELETION = 100
"""From this many documents on, more than half of a source vanishing at once has to be confirmed."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to load: `rehash` reads everything again, `accept_deletions` believes an empty store."""

    dry_run: bool = False
    rehash: bool = False
    accept_deletions: bool = False


Progress = Callable[[Source, str, Counts], None]


def load(
    settings: Settings,
    options: Options = Options(),
    progress: Progress | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    state: SyncState | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> LoadResult:
    """Land what is new, changed or gone in all sources since the last load.

    With `state` the load is the beginning of a longer work, whose state that is: it does not end in `idle`.
    It sleeps with `sleep` while another program has the warehouse.
    Raises IngestError where nothing can be loaded; a source that cannot be read is a problem of the result.
    """
    with _warehouse(settings.warehouse, dry_run=options.dry_run, sleep=sleep) as connection:
        started_at = clock()
        with Landing(connection, started_at, dry_run=options.dry_run, mask=settings.mask) as land:
            found = _find(settings, connection, options)
            result = LoadResult(
                batch_id=land.batch.begin(),
                warehouse=settings.warehouse,
                is_dry_run=options.dry_run,
                is_sample=found.is_sample,
                started_at=started_at,
                ended_at=started_at,
                problems=found.problems,
            )
            n_forgotten = 0 if found.is_sample else landed.forget_sample(connection, dry_run=options.dry_run)
            if n_forgotten:
                result.notes.append(f"The sample's {n_forgotten:,} documents made room for your own history.")
            report = _Report(
                land, state or SyncState(None if options.dry_run else settings.warehouse, clock), progress
            )
            _mask_landed(connection, land, report, result)
            for source in found.sources:
                result.add(_load_source(source, land, options, report, result.rejections))
            for source in found.missing:
                result.add(_load_missing(source, land, options))
            if state is None:
                report.enter("idle")
            result.ended_at = clock()
            n_failed = sum(one.status in UNREAD for one in result.sources)
            land.batch.end(result.ended_at, result.counts, len(result.sources), n_failed)
        if not options.dry_run:
            record_storage(connection, result.ended_at, measure_storage(settings.warehouse))
    return result


class _Report:
    """Tells how far a load is: to the caller, and in the state of the load."""

    def __init__(self, land: Landing, state: SyncState, progress: Progress | None) -> None:
        self._land = land
        self._state = state
        self._progress = progress
        self._source: Source | None = None
        self._n_before = 0
        self._n_of_source = 0
        self.enter("init")
        state.update(batch_id=land.batch.id)

    def at(self, source: Source, entity: str, counts: Counts) -> None:
        """Say that a document of this entity was met."""
        if source != self._source:
            self._n_before += self._n_of_source
            self._source = source
        self._n_of_source = counts.scanned
        phase = PHASE_OF_ENTITY.get(entity, self._state.phase)
        if phase != self._state.phase:
            self.enter(phase)
        self._state.update(source_id=source.source_id, n_scanned=self._n_before + counts.scanned)
        if self._progress is not None:
            self._progress(source, entity, counts)

    def masking(self, n_documents: int) -> None:
        """Say in how many documents that were landed before secrets have been masked so far."""
        self.enter("masking")
        self._state.update(n_masked=n_documents)

    def enter(self, phase: str, **progress: object) -> None:
        """Say that a phase begins."""
        if phase != self._state.phase:
            self._state.enter(phase, **progress)
        self._land.batch.record_phases(self._state.take())


def _mask_landed(
    connection: duckdb.DuckDBPyConnection, land: Landing, report: _Report, result: LoadResult
) -> None:
    """Mask what was landed under other rules, and say what a load without masking leaves masked."""
    if land.rules is None and remasking.was_masked(connection):
        result.notes.append(
            "Secrets are landed as they are from now on. What is landed masked stays masked until it changes."
        )
    n_changed = 0
    for _entity, n, masked in remasking.mask_landed(connection, land.batch, land.rules, result.started_at):
        n_changed += n
        result.counts.add_masked(masked)
        report.masking(n_changed)
    if n_changed:
        result.notes.append(
            f"Secrets were masked in {human.count(n_changed, 'document')} that had been landed before, under "
            "other rules or none."
        )


@contextmanager
def _warehouse(
    path: Path, *, dry_run: bool, sleep: Callable[[float], None]
) -> Iterator[duckdb.DuckDBPyConnection]:
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(
                open_warehouse(path, read_only=dry_run, is_locked=False, sleep=sleep)
            )
        except NothingLoadedError:
            connection = stack.enter_context(scratch_warehouse())  # a dry run into nothing
        yield connection


@dataclass(slots=True)
class _Found:
    """What there is to load: sources, those that an earlier load found and this one did not, problems."""

    sources: list[Source]
    missing: list[Source]
    problems: list[str]
    is_sample: bool = False


def _find(settings: Settings, connection: duckdb.DuckDBPyConnection, options: Options) -> _Found:
    """Look into the stores; where no store is named and none is found, into the sample.

    Raises IngestError where there is nothing to load.
    """
    found = _Found([], [], [])
    recorded = [as_source(key) for key in landed.sources(connection, settings.machine)]
    for store in settings.stores:
        try:
            sources = find_sources([store], settings.machine)
        except SourceError as error:
            found.problems.append(str(error))
            continue
        found.problems.extend(
            f"{link} is a link that leaves the store, so it is not followed. Name what it leads to as a "
            "store of its own."
            for link in links_that_leave(store)
        )
        missing = [one for one in recorded if one.is_found_in(store) and one not in sources]
        found.sources.extend(one for one in sources if one not in found.sources)
        found.missing.extend(one for one in missing if one not in found.missing)
        if not sources:
            found.problems.append(
                f"Nothing of OpenCode is at {store}: a data root holds storage/ or opencode*.db, an export "
                "is a file. Check the path and that it is mounted."
            )
    # Of two stores, one may hold what the other lacks: a root and the database in it.
    found.missing = [one for one in found.missing if one not in found.sources]
    if found.sources or (found.missing and options.accept_deletions):
        return found
    has_history = landed.has_history(connection)
    if settings.is_default_store and settings.fallback is not None and not has_history:
        sample = find_sources([settings.fallback], SAMPLE_MACHINE, is_sample=True)
        if sample:
            return _Found(sample, [], [], is_sample=True)
    kept = (
        " What was loaded before stays as it is: a store that is gone deletes nothing." if has_history else ""
    )
    raise IngestError(
        f"{' '.join(found.problems)}{kept} Name your store with OPENCODE_STORE or --store; "
        "`opencode-ingest doctor` says where it looked."
    )


def _load_source(
    source: Source, land: Landing, options: Options, report: _Report, rejections: list[Rejected]
) -> SourceResult:
    """Read one source to its end, land what differs, and mark what has vanished as deleted."""
    land.begin_source(source)
    status, message, schema_version = "ok", None, None
    known: Mapping[Entity, Known] = {}
    entity, due = "", 0
    try:
        schema_version = source.schema_version()
        known = land.known(source, schema_version, rehash=options.rehash)
        for item in source.read(known):
            if isinstance(item, Seen):
                land.count_unchanged(item.n)
            else:
                land.put(item)
                if isinstance(item, Rejection):
                    rejections.append((source.file_of(item.origin), item))
            if item.entity != entity or land.counts.scanned >= due:
                report.at(source, item.entity, land.counts)
                entity, due = item.entity, land.counts.scanned + REPORT_EVERY
        report.at(source, entity, land.counts)
    except SourceError as error:
        status = status_of(error, is_begun=land.counts.scanned > 0)
        message = str(error)
    vanished: dict[Entity, list[str]] = {}
    if status == "ok":
        vanished = {entity: known[entity].vanished() for entity in ENTITIES}
        why_not = None if options.accept_deletions else refusal(source, known, vanished)
        if why_not is not None:
            status, message, vanished = "refused", why_not, {}
    return SourceResult(source, status, message, land.end_source(vanished, schema_version, status, message))


def status_of(error: SourceError, *, is_begun: bool) -> str:
    """Return the status of a source that could not be read to its end."""
    if isinstance(error, DamagedError):
        return "damaged"
    return "incomplete" if is_begun else "failed"


def refusal(
    source: Source, known: Mapping[Entity, Known], vanished: Mapping[Entity, Sequence[str]]
) -> str | None:
    """Say why so many documents cannot be believed to be deleted, None where they can."""
    n_landed = sum(len(known[entity]) for entity in HISTORY)
    n_vanished = sum(len(vanished[entity]) for entity in HISTORY)
    if n_vanished == 0 or (
        n_vanished < n_landed and (n_vanished < MASS_DELETION or 2 * n_vanished <= n_landed)
    ):
        return None
    return (
        f"{source.root} no longer holds {n_vanished:,} of the {n_landed:,} sessions, messages and parts that "
        "were loaded from it. That looks like a store that is not mounted or was replaced, so nothing was "
        "marked as deleted. If they are really gone, load once with --accept-deletions."
    )


def _load_missing(source: Source, land: Landing, options: Options) -> SourceResult:
    """Say that a source is no longer there; mark what was loaded from it as deleted, where that is meant."""
    land.begin_source(source)
    known = land.known(source, None, rehash=False)
    vanished = {entity: known[entity].vanished() for entity in ENTITIES}
    n_landed = sum(len(ids) for ids in vanished.values())
    gone = f"{source.root} ({source.kind}) is no longer there"
    if n_landed == 0 or options.accept_deletions:
        message = f"{gone}; what was loaded from it is marked as deleted."
        return SourceResult(
            source, "missing", message, land.end_source(vanished, None, "missing", message), is_problem=False
        )
    message = (
        f"{gone}; the {human.count(n_landed, 'document')} loaded from it stay as they are. If it is gone for "
        "good, load once with --accept-deletions."
    )
    return SourceResult(source, "missing", message, land.end_source({}, None, "missing", message))
