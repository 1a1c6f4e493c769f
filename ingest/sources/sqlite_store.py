"""The databases of OpenCode 1.2 and later (`opencode*.db`), v1 tables and v2 `session_message`.

The database is read where it lies, without a byte written beside it: see `open_database`.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Literal

from ingest.errors import DamagedError, SourceError
from ingest.raw.documents import Document, Entity, Rejection, Seen, clock_microseconds, make_document
from ingest.raw.known import Known
from ingest.settings import resolved
from ingest.sources import sqlite_rows
from ingest.sources.json_store import TREE
from ingest.sources.source import Census, Source
from ingest.sources.sqlite_check import Ages, require_sound
from ingest.sources.sqlite_documents import DOCUMENT_TABLES, Table, read_documents
from ingest.sources.sqlite_file import explain, is_damage, open_database, remedy
from ingest.sources.sqlite_rows import PROJECT_COLUMNS, SESSION_COLUMNS, TODO_COLUMNS, text

DATABASES = "opencode*.db"
_SQLITE_MAGIC = b"SQLite format 3\0"
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
_MIGRATIONS = (("migration", "id"), ("__drizzle_migrations", "name"))
"""The lists of schema migrations, and the column of each that names them."""


class Database(Source):
    """One database file."""

    __slots__ = ()

    KIND = "sqlite"
    is_rewritten_in_place = False
    has_schema = True

    @staticmethod
    def discover(store: Path) -> list[Path]:
        """Return the databases in a data root, or the one that was named itself."""
        if store.is_file():
            return [store] if is_database(store) else []
        is_tree = store.name == TREE and not (store / TREE).is_dir()
        if is_tree or not store.is_dir():
            return []
        # A link within the store is followed, because SQLite keeps the WAL beside the file itself.
        databases = sorted(resolved(path) for path in _databases(store) if not _leaves(path, store))
        return list(dict.fromkeys(databases))

    def is_found_in(self, store: Path) -> bool:
        """Whether this is the file, or the folder that it is in."""
        return store in (self.root, self.root.parent)

    @property
    def title(self) -> str:
        """What it is and where."""
        return f"Database {self.root}"

    def schema_version(self) -> str | None:
        """Return the name of the newest schema migration of a database, None where it keeps no such list.

        Raises SourceError where the database cannot be read.
        """
        with open_database(self.root) as connection:
            return _schema_version(connection, _columns_by_table(connection, self.root))

    def read(self, known: Mapping[Entity, Known]) -> Iterator[Document | Rejection | Seen]:
        """Yield the rows that are new or changed as documents, what cannot be read, counts of the unchanged.

        Notes in `known` every id that it meets, but for those of messages and parts where nothing is landed
        and SQLite's own check proves that none comes twice. Raises SourceError at the end where the database
        is locked or of a schema not known here, DamagedError where it is damaged: what could be read has been
        yielded by then, but nothing may be concluded from what is missing.
        """
        return self._read(known, only_recent=False)

    def read_recent(
        self, files: Collection[Path], known: Mapping[Entity, Known]
    ) -> Iterator[Document | Rejection | Seen]:
        """Yield the same, of messages and parts those of the sessions touched last alone."""
        return self._read({entity: landed.again() for entity, landed in known.items()}, only_recent=True)

    def _read(
        self, known: Mapping[Entity, Known], *, only_recent: bool
    ) -> Iterator[Document | Rejection | Seen]:
        problems: list[str] = []
        damages: list[str] = []
        with open_database(self.root) as connection:
            tables = _columns_by_table(connection, self.root)
            steps: dict[str, Iterator[Document | Rejection | Seen]] = {
                "project": _read_rows(connection, tables, "projects", known["projects"]),
                "session": _read_rows(connection, tables, "sessions", known["sessions"]),
                "todo": _read_todos(connection, tables, known["todos"]),
            }
            for table in DOCUMENT_TABLES:
                if _is_there(tables, table.name, known[table.entity]):
                    steps[table.name] = _read_table(
                        connection, tables, table, known[table.entity], only_recent=only_recent
                    )
            steps["of migrations"] = _check_others(connection, tables)
            for name, documents in steps.items():
                try:
                    yield from documents
                except DamagedError as error:
                    damages.append(str(error))
                except SourceError as error:
                    problems.append(str(error))
                except sqlite3.DatabaseError as error:
                    if is_damage(error):
                        damages.append(f"table {name} is damaged ({error})")
                    else:
                        problems.append(f"table {name}: {explain(self.root, error)}")
        if damages:
            found = "; ".join([*damages, *problems])
            raise DamagedError(
                f"{self.root}: {found}. What can be read is loaded, and nothing is marked as deleted. "
                f"{remedy(self.root)}"
            )
        if problems:
            raise SourceError(f"{self.root}: {'; '.join(problems)}")

    def census(self) -> Census:
        """Return what a database holds. Raises SourceError where it cannot be read."""
        with open_database(self.root) as connection:
            tables = _columns_by_table(connection, self.root)
            counts = {
                name: _n_rows(connection, name) if name in tables else 0
                for name in ("session", "message", "part", "session_message")
            }
            versions = []
            if "version" in tables.get("session", ()):
                rows = connection.execute("select version, count(*) from session group by 1 order by 1")
                versions = [(text(version), n) for version, n in rows]
            landed = {"project": PROJECT_COLUMNS, "session": SESSION_COLUMNS, "todo": TODO_COLUMNS}
            unknown = sorted(
                f"{table}.{column}"
                for table, columns in landed.items()
                for column in tables.get(table, set()) - columns
            )
            problems = [
                _lack(tables, table, columns)
                for table, columns in _REQUIRED.items()
                if table in tables or table != _OPTIONAL
            ]
            return Census(
                counts,
                tuple(versions),
                tuple(unknown),
                _schema_version(connection, tables),
                tuple(problem for problem in problems if problem is not None),
            )


def _is_there(tables: Mapping[str, set[str]], table: str, known: Known) -> bool:
    """Whether a table is to be read: one that came late may be missing, if it was never loaded."""
    return table in tables or table != _OPTIONAL or len(known) > 0


def _read_table(
    connection: sqlite3.Connection,
    tables: Mapping[str, set[str]],
    table: Table,
    known: Known,
    *,
    only_recent: bool,
) -> Iterator[Document | Rejection | Seen]:
    _require(tables, table.name)
    yield from read_documents(connection, tables[table.name], table, known, only_recent=only_recent)


def _check_others(
    connection: sqlite3.Connection, tables: Mapping[str, set[str]]
) -> Iterator[Document | Rejection | Seen]:
    """Check what says which tables there are, and the list of migrations."""
    yield from ()
    require_sound(connection, "sqlite_schema")
    for table, _ in _MIGRATIONS:
        if table in tables:
            require_sound(connection, table)


def _n_rows(connection: sqlite3.Connection, table: str) -> int:
    (n,) = connection.execute(f"select count(*) from {table}").fetchone()  # noqa: S608 - of a constant
    return int(n)


def _schema_version(connection: sqlite3.Connection, tables: Mapping[str, set[str]]) -> str | None:
    for table, column in _MIGRATIONS:
        if column in tables.get(table, ()):
            query = f"select max({column}) from {table}"  # noqa: S608 - of _MIGRATIONS
            try:
                (newest,) = connection.execute(query).fetchone()
            except sqlite3.DatabaseError as error:
                if is_damage(error):  # so `read` says as well
                    return None
                raise
            return None if newest is None else text(newest)
    return None


def _columns_by_table(connection: sqlite3.Connection, path: Path) -> dict[str, set[str]]:
    names = [
        text(name) for (name,) in connection.execute("select name from sqlite_master where type = 'table'")
    ]
    if not names:
        raise SourceError(
            f"{path}: is empty. OpenCode has not written to it yet, its -wal was not copied along, or its "
            "history is lost."
        )
    # A pragma of column names, generated ones among them: no row of a table that is never read is touched.
    query = "select name from pragma_table_xinfo(?) where hidden <> 1"
    return {name: {text(column) for (column,) in connection.execute(query, (name,))} for name in names}


def _lack(tables: Mapping[str, set[str]], table: str, columns: set[str]) -> str | None:
    missing = sorted(columns - tables.get(table, set()))
    if not missing:
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
    shape = sqlite_rows.project if entity == "projects" else sqlite_rows.session
    query = f"select {', '.join(columns)} from {table} not indexed"  # noqa: S608 - constants
    ages = Ages()
    for row in connection.execute(query):
        values = dict(zip(columns, row, strict=True))
        document_id = text(values["id"])
        modified_us = clock_microseconds(values.get("time_updated"))
        met = known.meet(document_id)
        ages.add(met, modified_us)
        yield make_document(
            entity,
            partial(sqlite_rows.shaped, shape, values),
            document_id=document_id,
            session_id=document_id if entity == "sessions" else None,
            origin=table,
            modified_us=modified_us,
            size_bytes=sum(len(value) for value in row if isinstance(value, bytes)),
            met=met,
        )
    require_sound(connection, table)
    ages.require_order(table)


def _read_todos(
    connection: sqlite3.Connection, tables: Mapping[str, set[str]], known: Known
) -> Iterator[Document | Rejection]:
    """Yield one document a session: the list as the JSON tree keeps it."""
    _require(tables, "todo")
    columns = sorted(TODO_COLUMNS & tables["todo"])
    # by the table and not by its index: what is missing there would make a list that is none
    select = f"select {', '.join(columns)} from todo not indexed order by session_id, position"  # noqa: S608
    rows = (dict(zip(columns, row, strict=True)) for row in connection.execute(select))
    for session_id, items in groupby(rows, key=lambda row: text(row["session_id"])):
        todos = list(items)
        times = [clock_microseconds(row.get("time_updated")) for row in todos]
        yield make_document(
            "todos",
            partial(sqlite_rows.todo_list, todos),
            document_id=session_id,
            session_id=session_id,
            origin="todo",
            modified_us=max((time for time in times if time is not None), default=None),
            size_bytes=sum(len(value) for row in todos for value in row.values() if isinstance(value, bytes)),
            met=known.meet(session_id),
        )
    require_sound(connection, "todo")


def links_that_leave(store: Path) -> list[Path]:
    """Return the databases of a store that are links to elsewhere: they are not followed."""
    try:
        return sorted(path for path in _databases(store) if _leaves(path, store)) if store.is_dir() else []
    except OSError:  # find_sources says so
        return []


def _databases(store: Path) -> list[Path]:
    return [path for path in store.iterdir() if path.match(DATABASES) and path.is_file()]


def _leaves(path: Path, store: Path) -> bool:
    return path.is_symlink() and not path.resolve().is_relative_to(store.resolve())


def is_database(file: Path) -> bool:
    """Whether a file is a database, by its first bytes or else its name."""
    try:
        with file.open("rb") as opened:
            return opened.read(16) == _SQLITE_MAGIC or file.suffix == ".db"
    except PermissionError:  # its reader says so
        return file.suffix == ".db"
