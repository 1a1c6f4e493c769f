"""The databases of OpenCode 1.2 and later (`opencode*.db`), v1 tables and v2 `session_message`.

The database is read where it lies, without a byte written beside it: see `_open`.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from ingest.documents import (
    Document,
    Entity,
    JsonValue,
    Known,
    Rejection,
    Seen,
    Source,
    UnreadableError,
    clock_microseconds,
    make_document,
    parse,
)
from ingest.errors import SourceError

Row = dict[str, object]
"""A row as SQLite gives it: None, int, float, or bytes for text."""

BUSY_TIMEOUT_S = 5.0
COPY_ATTEMPTS = 3
_WAL_HEADER = 2
_SIDECARS = ("-wal", "-journal")


@dataclass(frozen=True, slots=True)
class Table:
    """A table with one JSON document a row, in its column `data`; the other columns go into the document."""

    entity: Entity
    name: str
    ids: tuple[tuple[str, str], ...]
    """Field names of the document and the columns they come from."""
    fields: tuple[tuple[str, str], ...] = ()
    """Further columns that belong into the document (field, column)."""
    is_optional: bool = False


DOCUMENT_TABLES = (
    Table("messages", "message", (("id", "id"), ("sessionID", "session_id"))),
    Table(
        "session_messages",
        "session_message",
        (("id", "id"), ("sessionID", "session_id")),
        (("type", "type"), ("seq", "seq")),
        is_optional=True,
    ),
    Table("parts", "part", (("id", "id"), ("messageID", "message_id"), ("sessionID", "session_id"))),
)

SESSION_COLUMNS = frozenset(
    "id project_id workspace_id parent_id slug directory path title version share_url summary_additions "
    "summary_deletions summary_files summary_diffs metadata cost tokens_input tokens_output tokens_reasoning "
    "tokens_cache_read tokens_cache_write revert permission agent model time_created time_updated "
    "time_compacting time_archived".split()
)
PROJECT_COLUMNS = frozenset(
    "id worktree vcs name icon_url icon_url_override icon_color time_created time_updated time_initialized "
    "sandboxes commands".split()
)
TODO_COLUMNS = frozenset("session_id content status priority position time_created time_updated".split())
_OWN_OBJECTS = frozenset({"icon", "time", "tokens", "cache", "share", "summary"})
"""The objects that are made of columns here; what came as JSON is kept as it is."""
_REQUIRED = {
    "project": {"id", "worktree"},
    "session": {"id", "project_id"},
    "todo": {"session_id", "content", "position"},
}


def schema_version(source: Source) -> str | None:
    """Return the name of the newest schema migration of a database, None where it keeps no such list.

    Raises SourceError where the database cannot be opened.
    """
    with _open(source.root) as connection:
        tables = _columns_by_table(connection)
        for table, column in (("migration", "id"), ("__drizzle_migrations", "name")):
            if column in tables.get(table, ()):
                newest = connection.execute(f"select max({column}) from {table}").fetchone()[0]  # noqa: S608
                return None if newest is None else _text(newest)
    return None


def read(source: Source, known: Mapping[Entity, Known]) -> Iterator[Document | Rejection | Seen]:
    """Yield the rows that are new or changed as documents, what cannot be read, and counts of the unchanged.

    Notes in `known` every id it meets. Raises SourceError at the end where the database is locked,
    damaged or of a schema not known here: what could be read has been yielded by then, but nothing may
    be concluded from what is missing.
    """
    problems: list[str] = []
    with _open(source.root) as connection:
        tables = _columns_by_table(connection)
        steps: list[tuple[str, Callable[[], Iterator[Document | Rejection | Seen]]]] = [
            ("project", lambda: _read_rows(connection, tables, "projects", known["projects"])),
            ("session", lambda: _read_rows(connection, tables, "sessions", known["sessions"])),
            ("todo", lambda: _read_todos(connection, tables, known["todos"])),
        ]
        for table in DOCUMENT_TABLES:
            if table.is_optional and table.name not in tables:
                continue
            steps.append(
                (table.name, lambda table=table: _read_documents(connection, tables, table, known[table.entity]))  # type: ignore[misc]
            )
        for name, step in steps:
            try:
                yield from step()
            except sqlite3.DatabaseError as error:
                problems.append(f"table {name}: {explain(source.root, error)}")
            except SourceError as error:
                problems.append(str(error))
    if problems:
        raise SourceError(f"{source.root}: {'; '.join(problems)}")


def census(source: Source) -> tuple[dict[str, int], tuple[tuple[str, int], ...]]:
    """Return the rows of each table of a history, and the sessions created by each OpenCode version.

    A table that is missing counts 0. Raises SourceError where the database cannot be opened.
    """
    names = ("session", "message", "part", "session_message")
    with _open(source.root) as connection:
        tables = _columns_by_table(connection)
        counts = {
            name: connection.execute(f"select count(*) from {name}").fetchone()[0] if name in tables else 0  # noqa: S608
            for name in names
        }
        if "version" not in tables.get("session", ()):
            return counts, ()
        rows = connection.execute("select version, count(*) from session group by version order by version")
        return counts, tuple((_text(version), n) for version, n in rows)


def unknown_columns(source: Source) -> list[str]:
    """Return the columns of project, session and todo (as `table.column`) that are not landed."""
    with _open(source.root) as connection:
        tables = _columns_by_table(connection)
    landed = {"project": PROJECT_COLUMNS, "session": SESSION_COLUMNS, "todo": TODO_COLUMNS}
    return sorted(
        f"{table}.{column}" for table, columns in landed.items() for column in tables.get(table, set()) - columns
    )


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading in one transaction; write nothing, not even a -shm file, beside it.

    * In WAL mode with a WAL: shared memory read-only, so that a running OpenCode is not disturbed.
    * In WAL mode without one, nobody has it open: `immutable`, as any other mode would create the files.
    * A WAL without its -shm (a copy, a crash) or a hot journal needs writing: done on a copy of ours.
    """
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(closing(_connect(path, stack)))
            connection.execute("begin")
            connection.execute("select count(*) from sqlite_master").fetchone()
        except (sqlite3.DatabaseError, OSError) as error:
            raise SourceError(f"{path}: {explain(path, error)}") from None
        yield connection


def _connect(path: Path, stack: ExitStack) -> sqlite3.Connection:
    with path.open("rb") as file:
        header = file.read(20)
    if len(header) == 20 and header[18] == _WAL_HEADER:
        wal = path.with_name(path.name + "-wal")
        has_wal = wal.exists() and wal.stat().st_size > 0
        mode = "mode=ro&readonly_shm=1" if has_wal else "immutable=1"
    else:
        mode = "mode=ro"
    connection = _connect_as(path, mode)
    try:
        connection.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opencode-ingest-")))
        return _connect_as(_copy(path, folder), "mode=rw")
    return connection


def _connect_as(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    connection.text_factory = bytes  # text that is not UTF-8 is a rejected document, not a crash
    return connection


def _copy(path: Path, folder: Path) -> Path:
    """Copy a database with its sidecars; raise OSError where it does not hold still long enough."""
    files = [path, *(path.with_name(path.name + suffix) for suffix in _SIDECARS)]

    def state() -> list[tuple[int, int] | None]:
        return [(f.stat().st_mtime_ns, f.stat().st_size) if f.exists() else None for f in files]

    for _ in range(COPY_ATTEMPTS):
        before = state()
        for file in files:
            if file.exists():
                shutil.copyfile(file, folder / file.name)
        if state() == before:
            return folder / path.name
    raise OSError("it changes while it is copied")


def explain(path: Path, error: Exception) -> str:
    """Say in words why a database cannot be read, and what to do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "is locked by another program. Load again when that has finished."
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return (
            f"is damaged ({error}). What can be read is loaded; to save more, run "
            f"`sqlite3 {path.name} .recover` on a copy."
        )
    return f"cannot be read ({error}). Check that it exists and that you may read it."


def _columns_by_table(connection: sqlite3.Connection) -> dict[str, set[str]]:
    names = [_text(name) for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
    return {
        name: {_text(row[1]) for row in connection.execute("select * from pragma_table_info(?)", (name,))}
        # table_info is a pragma of column names: no row of a table that is never read is touched
        for name in names
    }


def _require(tables: Mapping[str, set[str]], table: str, columns: set[str]) -> None:
    missing = sorted(columns - tables.get(table, set()))
    if missing:
        what = "is missing" if table not in tables else f"lacks the column(s) {', '.join(missing)}"
        raise SourceError(
            f"table {table} {what}: this OpenCode writes a schema that this version of opencode-warehouse "
            "does not know. The rest is loaded; upgrade opencode-warehouse"
        )


def _read_documents(
    connection: sqlite3.Connection, tables: Mapping[str, set[str]], table: Table, known: Known
) -> Iterator[Document | Rejection | Seen]:
    columns = [column for _, column in (*table.ids, *table.fields)]
    _require(tables, table.name, {*columns, "data", "time_updated"})
    select = f"select {', '.join(columns)}, time_updated, data from {table.name}"  # noqa: S608 - constants
    if not known:
        for row in connection.execute(select):
            document = _document(table, columns, row, is_known=False)
            known.meet(document.document_id or "")
            yield document
        return
    changed = []
    n_unchanged = 0
    for row_id, updated in connection.execute(f"select id, time_updated from {table.name}"):  # noqa: S608
        document_id = _text(row_id)
        is_known, landed = known.meet(document_id)
        if landed is not None and landed[0] == clock_microseconds(updated):
            n_unchanged += 1
        else:
            changed.append((row_id, is_known))
    yield Seen(table.entity, n_unchanged)
    for row_id, is_known in changed:
        # compared as text and as it is stored, so that the primary key's index serves
        for row in connection.execute(f"{select} where id = cast(? as text)", (row_id,)):
            yield _document(table, columns, row, is_known=is_known)


def _document(table: Table, columns: list[str], row: tuple[object, ...], *, is_known: bool) -> Document | Rejection:
    values = dict(zip(columns, row, strict=False))
    updated, data = row[-2:]
    raw = data if isinstance(data, bytes) else b"" if data is None else str(data).encode()
    places = {column: _text(values[column]) for _, column in table.ids}
    return make_document(
        table.entity,
        raw,
        document_id=places["id"],
        ids=[(field, places[column]) for field, column in table.ids],
        fields=[(field, _scalar(values[column])) for field, column in table.fields],
        session_id=places["session_id"],
        message_id=places.get("message_id"),
        origin=table.name,
        modified_us=clock_microseconds(updated),
        size_bytes=len(raw),
        is_known=is_known,
    )


def _read_rows(
    connection: sqlite3.Connection,
    tables: Mapping[str, set[str]],
    entity: Literal["projects", "sessions"],
    known: Known,
) -> Iterator[Document | Rejection | Seen]:
    """Yield projects or sessions, whose fields are columns. They are few, so all are read and compared."""
    table = entity.removesuffix("s")
    _require(tables, table, _REQUIRED[table])
    landed = PROJECT_COLUMNS if entity == "projects" else SESSION_COLUMNS
    columns = sorted(landed & tables[table])
    shape = _project if entity == "projects" else _session
    for row in connection.execute(f"select {', '.join(columns)} from {table}"):  # noqa: S608 - constants
        values: Row = dict(zip(columns, row, strict=True))
        document_id = _text(values["id"])
        is_known, _ = known.meet(document_id)
        yield make_document(
            entity,
            lambda values=values: _present(shape(values)),  # type: ignore[misc]
            document_id=document_id,
            session_id=document_id if entity == "sessions" else None,
            origin=table,
            modified_us=clock_microseconds(values.get("time_updated")),
            size_bytes=sum(len(value) for value in row if isinstance(value, bytes)),
            is_known=is_known,
        )


def _read_todos(
    connection: sqlite3.Connection, tables: Mapping[str, set[str]], known: Known
) -> Iterator[Document | Rejection]:
    """Yield one document a session: the list as the JSON tree keeps it."""
    _require(tables, "todo", _REQUIRED["todo"])
    columns = sorted(TODO_COLUMNS & tables["todo"])
    select = f"select {', '.join(columns)} from todo order by session_id, position"  # noqa: S608 - constants
    rows = (dict(zip(columns, row, strict=True)) for row in connection.execute(select))
    for session_id, items in groupby(rows, key=lambda row: _text(row["session_id"])):
        todos = list(items)
        is_known, _ = known.meet(session_id)
        yield make_document(
            "todos",
            lambda todos=todos: [_present(_todo(row)) for row in todos],  # type: ignore[misc]
            document_id=session_id,
            session_id=session_id,
            origin="todo",
            modified_us=max((clock_microseconds(row.get("time_updated")) or 0 for row in todos), default=0),
            size_bytes=sum(len(value) for row in todos for value in row.values() if isinstance(value, bytes)),
            is_known=is_known,
        )


def _project(row: Row) -> dict[str, JsonValue]:
    return {
        "id": _scalar(row["id"]),
        "worktree": _scalar(row["worktree"]),
        "vcs": _scalar(row.get("vcs")),
        "name": _scalar(row.get("name")),
        "icon": {
            "url": _scalar(row.get("icon_url")),
            "override": _scalar(row.get("icon_url_override")),
            "color": _scalar(row.get("icon_color")),
        },
        "sandboxes": _json(row.get("sandboxes")),
        "commands": _json(row.get("commands")),
        "time": {
            "created": _scalar(row.get("time_created")),
            "updated": _scalar(row.get("time_updated")),
            "initialized": _scalar(row.get("time_initialized")),
        },
    }


def _session(row: Row) -> dict[str, JsonValue]:
    tokens: JsonValue = {
        "input": _scalar(row.get("tokens_input")),
        "output": _scalar(row.get("tokens_output")),
        "reasoning": _scalar(row.get("tokens_reasoning")),
        "cache": {
            "read": _scalar(row.get("tokens_cache_read")),
            "write": _scalar(row.get("tokens_cache_write")),
        },
    }
    return {
        "id": _scalar(row["id"]),
        "slug": _scalar(row.get("slug")),
        "version": _scalar(row.get("version")),
        "projectID": _scalar(row["project_id"]),
        "workspaceID": _scalar(row.get("workspace_id")),
        "parentID": _scalar(row.get("parent_id")),
        "directory": _scalar(row.get("directory")),
        "path": _scalar(row.get("path")),
        "title": _scalar(row.get("title")),
        "agent": _scalar(row.get("agent")),
        "model": _json(row.get("model")),
        "cost": _scalar(row.get("cost")),
        "tokens": tokens,
        "share": {"url": _scalar(row.get("share_url"))},
        "summary": {
            "additions": _scalar(row.get("summary_additions")),
            "deletions": _scalar(row.get("summary_deletions")),
            "files": _scalar(row.get("summary_files")),
            "diffs": _json(row.get("summary_diffs")),
        },
        "revert": _json(row.get("revert")),
        "permission": _json(row.get("permission")),
        "metadata": _json(row.get("metadata")),
        "time": {
            "created": _scalar(row.get("time_created")),
            "updated": _scalar(row.get("time_updated")),
            "compacting": _scalar(row.get("time_compacting")),
            "archived": _scalar(row.get("time_archived")),
        },
    }


def _todo(row: Row) -> dict[str, JsonValue]:
    return {
        "content": _scalar(row["content"]),
        "status": _scalar(row.get("status")),
        "priority": _scalar(row.get("priority")),
        "time": {
            "created": _scalar(row.get("time_created")),
            "updated": _scalar(row.get("time_updated")),
        },
    }


def _present(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Leave out what the row does not have, as OpenCode does when it writes JSON."""
    kept: dict[str, JsonValue] = {}
    for name, item in value.items():
        inner = _present(item) if isinstance(item, dict) and name in _OWN_OBJECTS else item
        if inner is not None and inner != {}:
            kept[name] = inner
    return kept


def _json(value: object) -> JsonValue:
    return None if value is None else parse(value if isinstance(value, bytes) else str(value).encode())[0]


def _scalar(value: object) -> JsonValue:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise UnreadableError("not_utf8", "a byte that UTF-8 does not know", error.start) from None
    return value if isinstance(value, int | float) else None


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else "" if value is None else str(value)
