"""Small OpenCode stores made by hand, and what tests ask of them and of a warehouse."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import duckdb

from ingest.load import Options, load
from ingest.load_result import LoadResult
from ingest.raw.documents import ENTITIES, Document, Entity, Rejection, Seen
from ingest.raw.json_text import JsonValue
from ingest.raw.known import Known
from ingest.settings import Settings
from ingest.sources.source import Source

NOBODY = 65534
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO_MS = int(LONG_AGO.timestamp() * 1000)
SECRET = "sk-that-nobody-may-read"  # noqa: S105
SCHEMA = """
    create table project (id text primary key, worktree text not null, vcs text, name text, icon_url text,
        icon_color text, time_created integer not null, time_updated integer not null,
        time_initialized integer, sandboxes text not null, commands text);
    create table session (id text primary key, project_id text not null, parent_id text, slug text not null,
        directory text not null, title text not null, version text not null, share_url text,
        summary_additions integer, summary_deletions integer, summary_files integer, summary_diffs text,
        metadata text, cost real default 0 not null, tokens_input integer default 0 not null, revert text,
        permission text, agent text, model text, time_created integer not null,
        time_updated integer not null, time_compacting integer, time_archived integer);
    create table message (id text primary key, session_id text not null, time_created integer not null,
        time_updated integer not null, data text not null);
    create table part (id text primary key, message_id text not null, session_id text not null,
        time_created integer not null, time_updated integer not null, data text not null);
    create table todo (session_id text not null, content text not null, status text not null,
        priority text not null, position integer not null, time_created integer not null,
        time_updated integer not null, primary key (session_id, position));
    create table session_message (id text primary key, session_id text not null, type text not null,
        seq integer not null, time_created integer not null, time_updated integer not null, data text);
    create table migration (id text primary key, time_completed integer not null);
    insert into migration values ('20260101000000_first', 0);
"""
FORBIDDEN = (
    "account",
    "account_state",
    "control_account",
    "credential",
    "event",
    "session_share",
    "permission",
)


def write(path: Path, value: JsonValue | bytes, *, at: datetime = LONG_AGO) -> Path:
    """Write a document of a JSON tree, with the time of its last change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def session_file(root: Path, session: str = "ses_1", project: str = "prj_1") -> Path:
    """Return where a session lies in a tree."""
    return root / "storage" / "session" / project / f"{session}.json"


def message_file(root: Path, message: str = "msg_1", session: str = "ses_1") -> Path:
    """Return where a message lies in a tree."""
    return root / "storage" / "message" / session / f"{message}.json"


def part_file(root: Path, part: str = "prt_1", message: str = "msg_1") -> Path:
    """Return where a part lies in a tree."""
    return root / "storage" / "part" / message / f"{part}.json"


def session(session_id: str = "ses_1", **fields: JsonValue) -> dict[str, JsonValue]:
    """Return the document of a session."""
    return {"id": session_id, "projectID": "prj_1", "version": "1.1.65", "title": "A title", **fields}


def message(
    message_id: str = "msg_1", session_id: str = "ses_1", **fields: JsonValue
) -> dict[str, JsonValue]:
    """Return the document of a user message."""
    return {"id": message_id, "sessionID": session_id, "role": "user", **fields}


def part(
    part_id: str = "prt_1", message_id: str = "msg_1", session_id: str = "ses_1", **fields: JsonValue
) -> dict[str, JsonValue]:
    """Return the document of a text part."""
    return {
        "id": part_id,
        "messageID": message_id,
        "sessionID": session_id,
        "type": "text",
        "text": "hello",
        **fields,
    }


def json_tree(root: Path, *, n_messages: int = 2, n_parts: int = 2, session_id: str = "ses_1") -> Path:
    """Make a tree with a project, a session with a todo list and diffs, and messages of several parts."""
    storage = root / "storage"
    write(storage / "project" / "prj_1.json", {"id": "prj_1", "worktree": "/home/dev/work"})
    write(session_file(root, session_id), session(session_id))
    write(storage / "todo" / f"{session_id}.json", [{"content": "do it", "status": "pending"}])
    write(storage / "session_diff" / f"{session_id}.json", [{"file": "a.py", "additions": 1, "deletions": 0}])
    for m in range(1, n_messages + 1):
        message_id = f"msg_{session_id}_{m}"
        write(message_file(root, message_id, session_id), message(message_id, session_id))
        for p in range(1, n_parts + 1):
            part_id = f"prt_{session_id}_{m}_{p}"
            write(part_file(root, part_id, message_id), part(part_id, message_id, session_id))
    return root


def database(path: Path, *, n_messages: int = 2, n_parts: int = 2, wal: bool = False) -> Path:
    """Make a database with the same session as `json_tree`; nobody has it open afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        if wal:
            connection.execute("pragma journal_mode = wal")
        connection.executescript(SCHEMA)
        t = LONG_AGO_MS
        connection.execute(
            """insert into project (id, worktree, time_created, time_updated, sandboxes)
            values (?, ?, ?, ?, ?)""",
            ("prj_1", "/home/dev/work", t, t, "[]"),
        )
        connection.execute(
            """insert into session
                (id, project_id, slug, directory, title, version, time_created, time_updated)
            values ('ses_1', 'prj_1', 'slug', '/home/dev/work', 'A title', '1.18.34', ?, ?)""",
            (t, t),
        )
        connection.execute("insert into todo values ('ses_1', 'do it', 'pending', 'high', 0, ?, ?)", (t, t))
        for m in range(1, n_messages + 1):
            insert_message(connection, f"msg_{m}")
            for p in range(1, n_parts + 1):
                insert_part(connection, f"prt_{m}_{p}", f"msg_{m}")
        connection.commit()
    return path


def insert_message(
    connection: sqlite3.Connection,
    message_id: str,
    data: object = '{"role":"user"}',
    at: object = LONG_AGO_MS,
) -> None:
    """Insert a row of `message`."""
    connection.execute("insert into message values (?, 'ses_1', ?, ?, ?)", (message_id, at, at, data))


def insert_part(
    connection: sqlite3.Connection,
    part_id: str,
    message_id: str,
    data: object = '{"type":"text","text":"hello"}',
    at: object = LONG_AGO_MS,
) -> None:
    """Insert a row of `part`."""
    connection.execute(
        "insert into part values (?, ?, 'ses_1', ?, ?, ?)", (part_id, message_id, at, at, data)
    )


def change(path: Path, *statements: str) -> None:
    """Run statements on a database, as an OpenCode that then ends."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("pragma wal_autocheckpoint = 0")
for statement in sys.argv[2:]:
    connection.execute(statement)
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def running_writer(path: Path, *statements: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run statements in another process, which keeps the database open; kill it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), *statements], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert line_of(process.stdout) == b"ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """Read a folder as its owner who is not root: root may read everything, and becomes nobody meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def line_of(stream: IO[bytes] | None) -> bytes:
    """Return the next line that a process prints."""
    assert stream is not None
    return stream.readline()


def look(root: Path) -> dict[str, tuple[int, int, str]]:
    """Return mode, time and content of every file and folder below a path."""
    seen = {}
    for path in [root, *sorted(root.rglob("*"))]:
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        seen[str(path.relative_to(root))] = (status.st_mode, status.st_mtime_ns, content)
    return seen


Read = tuple[dict[tuple[str, str], Document], list[Rejection], int]


def read_all(source: Source, known: Mapping[Entity, Known] | None = None) -> Read:
    """Return what a reader yields: documents by entity and id, rejections, the number of unchanged."""
    documents: dict[tuple[str, str], Document] = {}
    rejections: list[Rejection] = []
    n_unchanged = 0
    for item in source.read(known or nothing_known()):
        if isinstance(item, Seen):
            n_unchanged += item.n
        elif isinstance(item, Rejection):
            rejections.append(item)
        else:
            assert (item.entity, item.document_id) not in documents
            documents[item.entity, item.document_id] = item
    return documents, rejections, n_unchanged


def nothing_known() -> dict[Entity, Known]:
    """Return what is known of a source that was never loaded."""
    return {entity: Known() for entity in ENTITIES}


class Warehouse:
    """A warehouse file under test, and a clock that each load moves on by an hour."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = NOW
        self.mask = True

    def settings(self, *stores: Path, fallback: Path | None = None) -> Settings:
        """Return the settings of a load of some stores."""
        return Settings(
            stores=stores,
            warehouse=self.path,
            machine="box",
            is_default_store=fallback is not None,
            fallback=fallback,
            mask=self.mask,
        )

    def load(
        self,
        *stores: Path,
        fallback: Path | None = None,
        accept_deletions: bool = False,
        rehash: bool = False,
        dry_run: bool = False,
    ) -> LoadResult:
        """Load some stores."""
        self.now += timedelta(hours=1)
        options = Options(dry_run=dry_run, rehash=rehash, accept_deletions=accept_deletions)
        return load(self.settings(*stores, fallback=fallback), options, clock=lambda: self.now)

    def query(self, sql: str, *parameters: object) -> list[tuple[object, ...]]:
        """Return the rows of a query."""
        with closing(duckdb.connect(":memory:")) as connection:
            quoted = str(self.path).replace("'", "''")
            connection.execute(f"attach '{quoted}' as opencode (read_only)")
            connection.execute("use opencode")
            return connection.execute(sql, list(parameters)).fetchall()

    def value(self, sql: str, *parameters: object) -> object:
        """Return the one value of a query."""
        ((value,),) = self.query(sql, *parameters)
        return value

    def documents(self) -> dict[tuple[object, ...], tuple[object, ...]]:
        """Return all that a load says of documents, but for when and in which batch it did."""
        found = {}
        for entity in ENTITIES:
            rows = self.query(
                f"""select '{entity}', source_id, document_id, session_id, message_id, payload, payload_hash,
                    origin, origin_modified_at, size_bytes, deleted_at is null from raw.{entity}"""
            )
            for row in rows:
                assert row[:3] not in found, "two rows with the key of one"
                found[row[:3]] = row[3:]
        return found

    def stamps(self) -> list[tuple[object, ...]]:
        """Return when and in which batch each document was written."""
        return [
            row
            for entity in ENTITIES
            for row in self.query(
                f"""select source_id, document_id, first_loaded_at, loaded_at, load_batch_id, deleted_at
                from raw.{entity} order by all"""
            )
        ]

    def rejected(self, *, resolved: bool = False) -> list[tuple[object, ...]]:
        """Return the open (or the resolved) rejections: entity, origin, id, reason, resolution."""
        return self.query(
            f"""select entity, origin, document_id, reason, resolution from raw.rejected_documents
            where resolved_at is {"not" if resolved else ""} null order by all"""
        )
