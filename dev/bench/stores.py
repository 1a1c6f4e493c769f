"""Grown stores of OpenCode in the bench's cache, and one more session for them.

A store is kept by the parameters that it was made from; it is complete when its totals are written.
"""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import orjson

from dev.bench import history
from dev.bench.errors import BenchError
from dev.bench.history import HISTORY_ENDS_MS, Json, Kind, Record, Size
from ingest import human

Layout: TypeAlias = Literal["json", "sqlite"]
Progress: TypeAlias = Callable[[int, int], object]
"""Told how many documents of how many are written."""

SEED = 7
SESSION_DOCUMENTS = 200
"""About: the last message of a session takes no more parts than there are of its kind."""
DATABASE = "opencode.db"
FOLDER_BLOCK = 4096
"""What a file takes of a disk at least, on average half of it more than its bytes."""

_COMPLETE = "complete.json"
_ADDED = "added.json"
_KINDS: tuple[Kind, ...] = ("project", "session", "message", "part")
_TOKENS = ("input", "output", "reasoning", "cache_read", "cache_write")
_BATCH_ROWS = 2_000
_BATCH_BYTES = 16_000_000
_TELL_EVERY = 2_000


@dataclass(slots=True)
class Totals:
    """What a store holds, to the document, byte, token and billionth of a dollar.

    Tokens of output are those without reasoning, as the warehouse counts them.
    """

    documents: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_KINDS, 0))
    n_bytes: int = 0
    """Of JSON: of the files of a tree, of the columns `data` of a database."""
    tokens: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_TOKENS, 0))
    cost_usd: str = "0"

    @property
    def n_documents(self) -> int:
        """Return the number of documents of all kinds."""
        return sum(self.documents.values())

    def add(self, record: Record, n_bytes: int) -> None:
        """Count a document of so many bytes."""
        self.documents[record.kind] += 1
        self.n_bytes += n_bytes
        if record.kind == "message" and record.document["role"] == "assistant":
            tokens = record.document["tokens"]
            self.tokens["input"] += tokens["input"]
            # OpenCode 1.1 counts reasoning as output, too.
            self.tokens["output"] += tokens["output"] - tokens["reasoning"]
            self.tokens["reasoning"] += tokens["reasoning"]
            self.tokens["cache_read"] += tokens["cache"]["read"]
            self.tokens["cache_write"] += tokens["cache"]["write"]
            # As JSON has it: a float has more digits than were written.
            self.cost_usd = str(Decimal(self.cost_usd) + Decimal(repr(record.document["cost"])))


@dataclass(slots=True)
class Store:
    """A grown store: `path` is what OpenCode would call its data root."""

    path: Path
    layout: Layout
    size: Size
    totals: Totals
    sample: Path

    @contextmanager
    def growing(self) -> Iterator[Callable[[], Totals]]:
        """Yield a function that adds one more session and returns its totals; take all out at the end.

        What is added is noted first: should this be killed, the next use of the store takes it out.
        """
        template = history.read_template(self.sample)
        n_added = 0

        def add() -> Totals:
            nonlocal n_added
            n_added += 1
            # Hours apart, and behind everything that is there.
            starts_ms = HISTORY_ENDS_MS + n_added * 7_200_000
            records = list(
                history.one_session(template, SESSION_DOCUMENTS, SEED + n_added, starts_ms=starts_ms)
            )
            noted = _noted(self.path) | {
                record.document["id"] for record in records if record.kind == "session"
            }
            (self.path / _ADDED).write_bytes(orjson.dumps(sorted(noted)))
            return _write(self.path, self.layout, self.sample, records, is_new=False)

        try:
            yield add
        finally:
            _take_out(self.path, self.layout)


def _noted(path: Path) -> set[str]:
    noted = path / _ADDED
    return set(orjson.loads(noted.read_bytes())) if noted.exists() else set()


def store(
    cache: Path, sample: Path, layout: Layout, size: Size, progress: Progress, seed: int = SEED
) -> Store:
    """Return a store of this layout and size from the cache, or make it there.

    Raises BenchError where the disk has no room for it or the sample is not there.
    """
    if not (sample / "storage").is_dir():
        raise BenchError(f"There is no sample at {sample}: use a checkout of opencode-warehouse.")
    path = cache / "stores" / f"{layout}-{size.sessions}-{_key(layout, size, seed, sample)}"
    complete = path / _COMPLETE
    if complete.exists():
        _take_out(path, layout)
        return Store(path, layout, size, Totals(**orjson.loads(complete.read_bytes())), sample)
    if path.exists():  # a run was killed while it made it
        shutil.rmtree(path)
    check_space(path, needed(layout, size))
    path.mkdir(parents=True)
    template = history.read_template(sample)
    n_documents = len(template.projects) + size.sessions + size.messages + size.parts
    records = _told(history.grow(template, size, seed), n_documents, progress)
    totals = _write(path, layout, sample, records, is_new=True)
    partial = complete.with_suffix(".partial")
    partial.write_bytes(orjson.dumps(asdict(totals)))
    partial.rename(complete)
    return Store(path, layout, size, totals, sample)


def _key(layout: Layout, size: Size, seed: int, sample: Path) -> str:
    """Return a short hash of everything that a store is made from."""
    made_from = hashlib.sha256(orjson.dumps([history.VERSION, layout, asdict(size), seed]))
    for path in sorted((sample / "storage").glob("*/**/*.json")):
        made_from.update(path.read_bytes())
    return made_from.hexdigest()[:12]


def needed(layout: Layout, size: Size) -> int:
    """Return about how many bytes of disk a store takes."""
    if layout == "sqlite":
        return round(size.n_bytes * 1.15)
    # a folder for each message
    return size.n_bytes + FOLDER_BLOCK * (size.parts // 2 + size.messages * 2)


def check_space(path: Path, n_bytes: int) -> None:
    """Raise BenchError where the disk has fewer free bytes than are needed."""
    there = path
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if free < n_bytes:
        raise BenchError(
            f"{human.size(n_bytes)} are needed for {path}, and {human.size(free)} are free there. Make room, "
            "name a folder on another disk with BENCH_CACHE, or take SIZE=small."
        )


def _told(records: Iterable[Record], n_documents: int, progress: Progress) -> Iterator[Record]:
    for n, record in enumerate(records):
        if n % _TELL_EVERY == 0:
            progress(n, n_documents)
        yield record
    progress(n_documents, n_documents)


class _Writer(Protocol):
    """What writes documents in one layout."""

    def write(self, record: Record) -> int:
        """Write a document; return how many bytes of JSON it is."""

    def finish(self) -> None:
        """Write what is still to be written."""


def _write(path: Path, layout: Layout, sample: Path, records: Iterable[Record], *, is_new: bool) -> Totals:
    totals = Totals()
    writer: _Writer = (
        _Tree(path, is_new=is_new) if layout == "json" else _Database(path, sample, is_new=is_new)
    )
    for record in records:
        totals.add(record, writer.write(record))
    writer.finish()
    return totals


class _Tree:
    """The JSON tree of OpenCode 1.1: a file for each document, with line breaks.

    Files of a new store have the times of their documents: a loader would be right to doubt a file that
    changed a moment ago. One more session has the time of its writing, as in life.
    """

    def __init__(self, path: Path, *, is_new: bool) -> None:
        self._tree = str(path / "storage")
        self._is_new = is_new
        self._folders: set[str] = set()

    def write(self, record: Record) -> int:
        folder = f"{self._tree}/{record.kind}/{record.folder}".rstrip("/")
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - a path of text is half as fast to use again
            self._folders.add(folder)
        text = orjson.dumps(record.document, option=orjson.OPT_INDENT_2)
        file = f"{folder}/{record.document['id']}.json"
        with open(file, "wb", buffering=0) as opened:  # noqa: PTH123
            opened.write(text)
        if self._is_new:
            os.utime(file, (record.ms / 1000, record.ms / 1000))
        return len(text)

    def finish(self) -> None:
        self._folders.clear()


class _Database:
    """The database of OpenCode 1.18, with the tables and indexes of the sample's."""

    def __init__(self, path: Path, sample: Path, *, is_new: bool) -> None:
        self._connection = sqlite3.connect(path / DATABASE, isolation_level=None)
        self._indexes: list[str] = []
        if is_new:
            self._connection.execute("pragma journal_mode = off")
            self._connection.execute("pragma synchronous = off")
            self._indexes = _create_tables(self._connection, sample)
        self._connection.execute("begin")
        self._rows: dict[Kind, list[tuple[object, ...]]] = {kind: [] for kind in _KINDS}
        self._n_waiting = 0
        self._n_bytes = 0

    def write(self, record: Record) -> int:
        document = record.document
        n_bytes = 0
        if record.kind == "project":
            row = _project_row(document)
        elif record.kind == "session":
            row = _session_row(document)
        else:
            ids = {name: document[name] for name in ("id", "messageID", "sessionID") if name in document}
            data = orjson.dumps({name: value for name, value in document.items() if name not in ids})
            row = (*ids_in_order(ids), record.ms, record.ms, data.decode())
            n_bytes = len(data)
        self._rows[record.kind].append(row)
        self._n_waiting += 1
        self._n_bytes += n_bytes
        if self._n_waiting >= _BATCH_ROWS or self._n_bytes >= _BATCH_BYTES:
            self._flush()
        return n_bytes

    def finish(self) -> None:
        self._flush()
        for sql in self._indexes:
            self._connection.execute(sql)
        self._connection.execute("commit")
        self._connection.execute("pragma journal_mode = wal")
        self._connection.close()

    def _flush(self) -> None:
        for kind, rows in self._rows.items():
            if rows:
                self._connection.executemany(_INSERTS[kind], rows)
                rows.clear()
        self._n_waiting = self._n_bytes = 0


_INSERTS: dict[Kind, str] = {
    "project": "insert or ignore into project (id, worktree, vcs, time_created, time_updated, sandboxes)"
    " values (?, ?, ?, ?, ?, ?)",
    "session": "insert into session (id, project_id, slug, directory, title, version, summary_additions,"
    " summary_deletions, summary_files, time_created, time_updated) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "message": "insert into message (id, session_id, time_created, time_updated, data)"
    " values (?, ?, ?, ?, ?)",
    "part": "insert into part (id, message_id, session_id, time_created, time_updated, data)"
    " values (?, ?, ?, ?, ?, ?)",
}


def ids_in_order(ids: dict[str, str]) -> tuple[str, ...]:
    """Return the ids of a message or part in the order of its columns."""
    return tuple(ids[name] for name in ("id", "messageID", "sessionID") if name in ids)


def _project_row(document: Json) -> tuple[object, ...]:
    time = document["time"]
    return (
        document["id"],
        document["worktree"],
        document.get("vcs"),
        time["created"],
        time.get("updated", time["created"]),
        orjson.dumps(document["sandboxes"]).decode(),
    )


def _session_row(document: Json) -> tuple[object, ...]:
    summary = document.get("summary", {})
    return (
        *(document[name] for name in ("id", "projectID", "slug", "directory", "title", "version")),
        *(summary.get(name) for name in ("additions", "deletions", "files")),
        document["time"]["created"],
        document["time"]["updated"],
    )


def _create_tables(connection: sqlite3.Connection, sample: Path) -> list[str]:
    """Make all tables that OpenCode makes, copy its migrations, and return the SQL of its indexes."""
    with closing(sqlite3.connect(f"file:{sample / DATABASE}?mode=ro&immutable=1", uri=True)) as real:
        schema = real.execute("select type, sql from sqlite_master where sql is not null").fetchall()
        migrations = real.execute("select id, time_completed from migration").fetchall()
    for kind, sql in schema:
        if kind == "table":
            connection.execute(sql)
    connection.executemany("insert into migration (id, time_completed) values (?, ?)", migrations)
    return [sql for kind, sql in schema if kind == "index"]


def _take_out(path: Path, layout: Layout) -> None:
    """Remove the sessions that were added to a store."""
    added = _noted(path)
    for session_id in added:
        (_take_out_of_tree if layout == "json" else _take_out_of_database)(path, session_id)
    (path / _ADDED).unlink(missing_ok=True)


def _take_out_of_tree(path: Path, session_id: str) -> None:
    tree = path / "storage"
    messages = tree / "message" / session_id
    for message in messages.glob("*.json"):
        shutil.rmtree(tree / "part" / message.stem, ignore_errors=True)
    shutil.rmtree(messages, ignore_errors=True)
    for session in tree.glob(f"session/*/{session_id}.json"):
        session.unlink()


def _take_out_of_database(path: Path, session_id: str) -> None:
    with closing(sqlite3.connect(path / DATABASE, isolation_level=None)) as connection:
        connection.execute("begin")
        connection.execute("delete from part where session_id = ?", [session_id])
        connection.execute("delete from message where session_id = ?", [session_id])
        connection.execute("delete from session where id = ?", [session_id])
        connection.execute("commit")
