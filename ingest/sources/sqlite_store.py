"""The databases of OpenCode 1.2 and later (`opencode*.db`), v1 tables and v2 `session_message`.

The database is read where it lies, without a byte written beside it: see `_open`.
"""

import errno
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Literal

from ingest.documents import (
    NEW,
    Document,
    Entity,
    JsonValue,
    Known,
    Met,
    Rejection,
    Seen,
    Source,
    UnreadableError,
    clock_microseconds,
    make_document,
    parse,
)
from ingest.errors import SourceError

Row = dict[str, JsonValue]
"""A row by column: what SQLite gives as bytes is text, or a JSON value (see JSON_COLUMNS)."""


BUSY_TIMEOUT_S = 5.0
COPY_ATTEMPTS = 3
ROWS_AT_ONCE = 20_000
"""Ids and times that are compared with what is landed at once: some 4 MB."""
_WAL_HEADER = 2
_RECENT = "where session_id in (select id from session order by time_updated desc limit 20)"
"""OpenCode touches a session at each of its turns, and has an index of messages and parts by session."""
_SIDECARS = ("-wal", "-journal")
IMMUTABLE = "immutable=1"
_SAFE_INTEGER = 2**53


@dataclass(frozen=True, slots=True)
class Table:
    """A table with one JSON document a row, in its column `data`; the other columns go into the document."""

    entity: Entity
    name: str
    ids: Mapping[str, str]
    """Columns by the field of the document they are named in: its own id, its message's, its session's."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Further columns, by the field that they become, where the table has them."""


DOCUMENT_TABLES = (
    Table("messages", "message", {"id": "id", "sessionID": "session_id"}),
    Table(
        "session_messages",
        "session_message",
        {"id": "id", "sessionID": "session_id"},
        {"type": "type", "seq": "seq"},
    ),
    Table("parts", "part", {"id": "id", "messageID": "message_id", "sessionID": "session_id"}),
)

SESSION_COLUMNS = frozenset(
    [
        "id",
        "project_id",
        "workspace_id",
        "parent_id",
        "slug",
        "directory",
        "path",
        "title",
        "version",
        "share_url",
        "summary_additions",
        "summary_deletions",
        "summary_files",
        "summary_diffs",
        "metadata",
        "cost",
        "tokens_input",
        "tokens_output",
        "tokens_reasoning",
        "tokens_cache_read",
        "tokens_cache_write",
        "revert",
        "permission",
        "agent",
        "model",
        "time_created",
        "time_updated",
        "time_compacting",
        "time_archived",
    ]
)
PROJECT_COLUMNS = frozenset(
    [
        "id",
        "worktree",
        "vcs",
        "name",
        "icon_url",
        "icon_url_override",
        "icon_color",
        "time_created",
        "time_updated",
        "time_initialized",
        "sandboxes",
        "commands",
    ]
)
TODO_COLUMNS = frozenset(
    ("session_id", "content", "status", "priority", "position", "time_created", "time_updated")
)
JSON_COLUMNS = frozenset(
    {"sandboxes", "commands", "model", "summary_diffs", "revert", "permission", "metadata"}
)
_OWN_OBJECTS = frozenset({"icon", "time", "tokens", "cache", "share", "summary"})
"""The objects that are made of columns here; what came as JSON is kept as it is."""
_REQUIRED = {
    "project": {"id", "worktree"},
    "session": {"id", "project_id"},
    "todo": {"session_id", "content", "position"},
    "message": {"id", "session_id", "time_updated", "data"},
    "part": {"id", "message_id", "session_id", "time_updated", "data"},
    "session_message": {"id", "session_id", "type", "time_updated", "data"},
}
"""What a table must have to be loaded. All but session_message, which came late, have to be there."""
_OPTIONAL = "session_message"


@dataclass(frozen=True, slots=True)
class Census:
    """What a database holds. A table that is missing counts 0."""

    counts: Mapping[str, int]
    """Rows of session, message, part and session_message."""
    versions: tuple[tuple[str, int], ...]
    """OpenCode versions and how many sessions each created."""
    unknown_columns: tuple[str, ...]
    """Columns of project, session and todo (as `table.column`) that are not landed."""
    schema_version: str | None
    problems: tuple[str, ...]
    """Tables that cannot be loaded, and why."""


def schema_version(source: Source) -> str | None:
    """Return the name of the newest schema migration of a database, None where it keeps no such list.

    Raises SourceError where the database cannot be read.
    """
    with _open(source.root) as connection:
        return _schema_version(connection, _columns_by_table(connection, source.root))


def read(
    source: Source, known: Mapping[Entity, Known], *, only_recent: bool = False
) -> Iterator[Document | Rejection | Seen]:
    """Yield the rows that are new or changed as documents, what cannot be read, and counts of the unchanged.

    Notes in `known` every id that it meets, but for those of messages and parts where nothing is landed and
    the database vouches that none comes twice. With `only_recent` of messages and parts only those of the
    sessions touched last are looked at: nothing follows from what is not met. Raises SourceError at the end
    where the database is locked, damaged or of a schema not known here: what could be read has been yielded
    by then, but nothing may be concluded from what is missing.
    """
    problems: list[str] = []
    with _open(source.root) as connection:
        tables = _columns_by_table(connection, source.root)
        steps: dict[str, Iterator[Document | Rejection | Seen]] = {
            "project": _read_rows(connection, tables, "projects", known["projects"]),
            "session": _read_rows(connection, tables, "sessions", known["sessions"]),
            "todo": _read_todos(connection, tables, known["todos"]),
        }
        for table in DOCUMENT_TABLES:
            steps[table.name] = _read_documents(connection, tables, table, known[table.entity], only_recent)
        for name, documents in steps.items():
            try:
                yield from documents
            except sqlite3.DatabaseError as error:
                problems.append(f"table {name}: {explain(source.root, error)}")
            except SourceError as error:
                problems.append(str(error))
    if problems:
        raise SourceError(f"{source.root}: {'; '.join(problems)}")


def census(source: Source) -> Census:
    """Return what a database holds. Raises SourceError where it cannot be read."""
    with _open(source.root) as connection:
        tables = _columns_by_table(connection, source.root)
        counts = {
            name: connection.execute(f"select count(*) from {name}").fetchone()[0] if name in tables else 0  # noqa: S608
            for name in ("session", "message", "part", "session_message")
        }
        versions = []
        if "version" in tables.get("session", ()):
            rows = connection.execute("select version, count(*) from session group by 1 order by 1")
            versions = [(_text(version), n) for version, n in rows]
        landed = {"project": PROJECT_COLUMNS, "session": SESSION_COLUMNS, "todo": TODO_COLUMNS}
        unknown = sorted(
            f"{table}.{column}"
            for table, columns in landed.items()
            for column in tables.get(table, set()) - columns
        )
        problems = [_lack(tables, table, columns) for table, columns in _REQUIRED.items()]
        return Census(
            counts,
            tuple(versions),
            tuple(unknown),
            _schema_version(connection, tables),
            tuple(problem for problem in problems if problem is not None),
        )


def _schema_version(connection: sqlite3.Connection, tables: Mapping[str, set[str]]) -> str | None:
    for table, column in (("migration", "id"), ("__drizzle_migrations", "name")):
        if column in tables.get(table, ()):
            newest = connection.execute(f"select max({column}) from {table}").fetchone()[0]  # noqa: S608
            return None if newest is None else _text(newest)
    return None


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading in one transaction; write nothing, not even a -shm file, beside it.

    * In WAL mode with a WAL: shared memory read-only, so that a running OpenCode is not disturbed.
    * In WAL mode without one, nobody has it open: `immutable`, as any other mode would create the files.
      Should an OpenCode start meanwhile, what was read is not to be trusted.
    * A WAL without its -shm (a copy, a crash) or a hot journal needs writing: done on a copy of ours.

    Raises SourceError where the database cannot be opened, is damaged or locked, or changed while read as
    immutable.
    """
    with ExitStack() as stack:
        try:
            before = _state(path)
            mode = _mode(path)
            connection = stack.enter_context(closing(_connect(path, mode, stack)))
            connection.execute("begin")
            connection.execute("select count(*) from sqlite_master").fetchone()
            yield connection
            if mode == IMMUTABLE and _state(path) != before:
                raise SourceError(f"{path}: was changed while it was read. Load again.")
        except (sqlite3.DatabaseError, OSError) as error:
            raise SourceError(f"{path}: {explain(path, error)}") from None


def _mode(path: Path) -> str:
    with path.open("rb") as file:
        header = file.read(20)
    if len(header) < 20 or header[18] != _WAL_HEADER:
        return "mode=ro"
    wal = path.with_name(path.name + "-wal")
    return "mode=ro&readonly_shm=1" if wal.exists() and wal.stat().st_size > 0 else IMMUTABLE


def _connect(path: Path, mode: str, stack: ExitStack) -> sqlite3.Connection:
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
    for _ in range(COPY_ATTEMPTS):
        before = _state(path)
        for file in _files(path):
            (folder / file.name).unlink(missing_ok=True)
            if file.exists():
                shutil.copyfile(file, folder / file.name)
        if _state(path) == before:
            return folder / path.name
    raise OSError(errno.EBUSY, "it changes while it is copied")


def _files(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + suffix) for suffix in _SIDECARS)]


def _state(path: Path) -> list[tuple[int, int] | None]:
    """Return what tells whether a database was written to."""
    statuses = [file.stat() if file.exists() else None for file in _files(path)]
    return [(status.st_mtime_ns, status.st_size) if status else None for status in statuses]


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
    reason = error.strerror if isinstance(error, OSError) else error
    return f"cannot be read ({reason}). Check that it exists and that you may read it."


def _columns_by_table(connection: sqlite3.Connection, path: Path) -> dict[str, set[str]]:
    names = [
        _text(name) for (name,) in connection.execute("select name from sqlite_master where type = 'table'")
    ]
    if not names:
        raise SourceError(
            f"{path}: is empty. OpenCode has not written to it yet, its -wal was not copied along, or its "
            "history is lost."
        )
    # table_info is a pragma of column names: no row of a table that is never read is touched
    return {
        name: {_text(row[1]) for row in connection.execute("select * from pragma_table_info(?)", (name,))}
        for name in names
    }


def _lack(tables: Mapping[str, set[str]], table: str, columns: set[str]) -> str | None:
    missing = sorted(columns - tables.get(table, set()))
    if not missing or (table == _OPTIONAL and table not in tables):
        return None
    what = "is missing" if table not in tables else f"lacks the column(s) {', '.join(missing)}"
    return (
        f"table {table} {what}: this OpenCode writes a schema that this version of opencode-warehouse "
        "does not know. The rest is loaded; upgrade opencode-warehouse"
    )


def _require(tables: Mapping[str, set[str]], table: str) -> None:
    lack = _lack(tables, table, _REQUIRED[table])
    if lack is not None:
        raise SourceError(lack)


def _read_documents(
    connection: sqlite3.Connection,
    tables: Mapping[str, set[str]],
    table: Table,
    known: Known,
    only_recent: bool,
) -> Iterator[Document | Rejection | Seen]:
    _require(tables, table.name)
    if table.name not in tables:
        return
    present = {name: column for name, column in table.fields.items() if column in tables[table.name]}
    table = replace(table, fields=present)
    columns = [*table.ids.values(), *present.values()]
    select = f"select {', '.join(columns)}, time_updated, data from {table.name}"  # noqa: S608 - constants
    if not known and not only_recent:
        has_key = _has_key(connection, table.name)
        for row in connection.execute(select):
            document_id = _text(row[0])
            is_new = has_key and document_id.isascii()  # other bytes might be read as the same text
            yield _document(table, row, NEW if is_new else known.meet(document_id))
        return
    which = _RECENT if only_recent else ""
    query = f"select rowid, id, time_updated from {table.name} {which}"  # noqa: S608 - of DOCUMENT_TABLES
    changed = []
    damage = None
    try:
        for rows in _in_batches(connection, query):
            numbers, ids, times = zip(*rows, strict=True)
            of_these = known.meet_many([*map(_text, ids)], [*map(clock_microseconds, times)])
            yield Seen(table.entity, len(rows) - len(of_these))
            changed += [(numbers[position], met) for position, met in of_these]
    except sqlite3.DatabaseError as error:
        damage = error
    for row_number, met in changed:
        for row in connection.execute(f"{select} where rowid = ?", (row_number,)):
            yield _document(table, row, met)
    if damage is not None:
        raise damage


def _has_key(connection: sqlite3.Connection, table: str) -> bool:
    """Return whether no two rows of a table have the same id, which is a text; false where it is damaged."""
    keys = connection.execute("select name from pragma_table_info(?) where pk > 0", (table,))
    if [_text(name) for (name,) in keys] != ["id"]:
        return False
    other = f"select 1 from {table} where typeof(id) <> 'text' limit 1"  # noqa: S608 - of DOCUMENT_TABLES
    try:
        return connection.execute(other).fetchone() is None
    except sqlite3.DatabaseError:  # its rows will tell
        return False


def _in_batches(connection: sqlite3.Connection, query: str) -> Iterator[list[tuple[int, object, object]]]:
    """Yield the rows of a query by the thousand; raise where one is damaged, after those before it."""
    n_read = 0
    rows = connection.execute(query)
    try:
        while batch := rows.fetchmany(ROWS_AT_ONCE):
            n_read += len(batch)
            yield batch
    except sqlite3.DatabaseError:  # with one row a whole batch is lost
        for row in islice(connection.execute(query), n_read, None):
            yield [row]


def _document(table: Table, row: tuple[object, ...], met: Met) -> Document | Rejection:
    """Return what a row holds: its ids, its fields, its time and its document."""
    n_ids = len(table.ids)
    places = [*map(_text, row[:n_ids])]
    updated, data = row[-2:]
    raw = data if isinstance(data, bytes) else b"" if data is None else str(data).encode()
    return make_document(
        table.entity,
        raw,
        document_id=places[0],
        ids=zip(table.ids, places, strict=True),
        fields=[(name, _scalar(row[n])) for n, name in enumerate(table.fields, n_ids)],
        session_id=places[-1],
        message_id=places[1] if n_ids == 3 else None,
        origin=table.name,
        modified_us=clock_microseconds(updated),
        size_bytes=len(raw),
        met=met,
    )


def _read_rows(
    connection: sqlite3.Connection,
    tables: Mapping[str, set[str]],
    entity: Literal["projects", "sessions"],
    known: Known,
) -> Iterator[Document | Rejection | Seen]:
    """Yield projects or sessions, whose fields are columns. They are few, so all are read and compared.

    They have to be: from 1.15 on, OpenCode renames and archives a session without a new time.
    """
    table = entity.removesuffix("s")
    _require(tables, table)
    landed = PROJECT_COLUMNS if entity == "projects" else SESSION_COLUMNS
    columns = sorted(landed & tables[table])
    shape = _project if entity == "projects" else _session
    for row in connection.execute(f"select {', '.join(columns)} from {table}"):  # noqa: S608 - constants
        values = dict(zip(columns, row, strict=True))
        document_id = _text(values["id"])
        yield make_document(
            entity,
            partial(_shaped, shape, values),
            document_id=document_id,
            session_id=document_id if entity == "sessions" else None,
            origin=table,
            modified_us=clock_microseconds(values.get("time_updated")),
            size_bytes=sum(len(value) for value in row if isinstance(value, bytes)),
            met=known.meet(document_id),
        )


def _read_todos(
    connection: sqlite3.Connection, tables: Mapping[str, set[str]], known: Known
) -> Iterator[Document | Rejection]:
    """Yield one document a session: the list as the JSON tree keeps it."""
    _require(tables, "todo")
    columns = sorted(TODO_COLUMNS & tables["todo"])
    select = f"select {', '.join(columns)} from todo order by session_id, position"  # noqa: S608 - constants
    rows = (dict(zip(columns, row, strict=True)) for row in connection.execute(select))
    for session_id, items in groupby(rows, key=lambda row: _text(row["session_id"])):
        todos = list(items)
        times = [clock_microseconds(row.get("time_updated")) for row in todos]
        yield make_document(
            "todos",
            partial(_todo_list, todos),
            document_id=session_id,
            session_id=session_id,
            origin="todo",
            modified_us=max((time for time in times if time is not None), default=None),
            size_bytes=sum(len(value) for row in todos for value in row.values() if isinstance(value, bytes)),
            met=known.meet(session_id),
        )


def _shaped(
    shape: Callable[[Row], dict[str, JsonValue]], values: Mapping[str, object]
) -> tuple[JsonValue, int]:
    """Return a row as the object that the JSON tree has for it, and the lone surrogates replaced in it."""
    row: Row = {}
    n_surrogates = 0
    for column, value in values.items():
        if column in JSON_COLUMNS and value is not None:
            row[column], n = parse(value if isinstance(value, bytes) else str(value).encode())
            n_surrogates += n
        else:
            row[column] = _scalar(value)
    return _present(shape(row)), n_surrogates


def _todo_list(rows: list[dict[str, object]]) -> tuple[JsonValue, int]:
    return [_shaped(_todo, row)[0] for row in rows], 0


def _project(row: Row) -> dict[str, JsonValue]:
    return {
        "id": row["id"],
        "worktree": row["worktree"],
        "vcs": row.get("vcs"),
        "name": row.get("name"),
        "icon": {
            "url": row.get("icon_url"),
            "override": row.get("icon_url_override"),
            "color": row.get("icon_color"),
        },
        "sandboxes": row.get("sandboxes"),
        "commands": row.get("commands"),
        "time": {
            "created": row.get("time_created"),
            "updated": row.get("time_updated"),
            "initialized": row.get("time_initialized"),
        },
    }


def _session(row: Row) -> dict[str, JsonValue]:
    tokens: JsonValue = {
        "input": row.get("tokens_input"),
        "output": row.get("tokens_output"),
        "reasoning": row.get("tokens_reasoning"),
        "cache": {
            "read": row.get("tokens_cache_read"),
            "write": row.get("tokens_cache_write"),
        },
    }
    return {
        "id": row["id"],
        "slug": row.get("slug"),
        "version": row.get("version"),
        "projectID": row["project_id"],
        "workspaceID": row.get("workspace_id"),
        "parentID": row.get("parent_id"),
        "directory": row.get("directory"),
        "path": row.get("path"),
        "title": row.get("title"),
        "agent": row.get("agent"),
        "model": row.get("model"),
        "cost": row.get("cost"),
        "tokens": tokens,
        "share": {"url": row.get("share_url")},
        "summary": {
            "additions": row.get("summary_additions"),
            "deletions": row.get("summary_deletions"),
            "files": row.get("summary_files"),
            "diffs": row.get("summary_diffs"),
        },
        "revert": row.get("revert"),
        "permission": row.get("permission"),
        "metadata": row.get("metadata"),
        "time": {
            "created": row.get("time_created"),
            "updated": row.get("time_updated"),
            "compacting": row.get("time_compacting"),
            "archived": row.get("time_archived"),
        },
    }


def _todo(row: Row) -> dict[str, JsonValue]:
    return {
        "content": row["content"],
        "status": row.get("status"),
        "priority": row.get("priority"),
        "time": {
            "created": row.get("time_created"),
            "updated": row.get("time_updated"),
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


def _scalar(value: object) -> JsonValue:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise UnreadableError("not_utf8", "a byte that UTF-8 does not know", error.start) from None
    if isinstance(value, float) and value.is_integer() and abs(value) < _SAFE_INTEGER:
        return int(value)  # JavaScript has one kind of number, and writes 0 where SQLite has 0.0
    return value if isinstance(value, int | float) else None


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)
