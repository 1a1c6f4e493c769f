"""What a warehouse file may hold that somebody else may have made.

A view or a function in a DuckDB file is a program: it runs with the rights of whoever asks. So no connection
of ours reads another file, and in `raw` only the tables that the loader made are taken.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import duckdb

from ingest import human
from ingest.errors import IngestError
from ingest.raw.schema import CATALOG, MIGRATIONS, migrate, raw_version

OUR_VIEWS = frozenset(
    {
        "intermediate.int_messages_unioned",
        "intermediate.int_parts_unioned",
        "main.text_messages",
        "main.thinking_blocks",
        "staging.stg_opencode__part_payloads",
    }
)
"""The models that are views."""

OUR_FUNCTIONS = frozenset({"main.health_check"})
ELEMENTARY = "elementary"
"""The schema in which Elementary's package makes its views."""

BESIDE = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
"""What DuckDB writes beside a warehouse, by suffix."""

_RAW_OBJECTS = {
    "view": "select view_name from duckdb_views() where {ours}",
    "index": "select index_name from duckdb_indexes() where {ours}",
    "sequence": "select sequence_name from duckdb_sequences() where {ours}",
    "type": "select type_name from duckdb_types() where {ours} and not internal",
}
_TABLES = """
    select table_name, sql from duckdb_tables()
    where database_name = ? and schema_name = 'raw' and not internal
"""
_FUNCTIONS = """
    select schema_name, function_name from duckdb_functions() where database_name = ? and not internal
"""
_VIEWS = """
    select schema_name, view_name from duckdb_views() where database_name = ? and not internal
"""
_VERSIONS = "schema_migrations"
_USE_ANOTHER = "Do not use the file if it is not yours."


def examine(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Look at what an attached warehouse is made of, without running anything of it.

    Another catalog is the current one meanwhile: functions of the file go before DuckDB's own in its own.
    Raises IngestError, naming the thing, where `raw` holds anything but the tables of the loader, or a
    function has the name of one of DuckDB's.
    """
    for schema, name in _functions(connection):
        if name in _built_in():
            raise IngestError(
                f"The file {path} holds a function {_shown(schema, name)}, which goes before DuckDB's own of "
                f"that name. {_USE_ANOTHER} If it is, drop the macro with DuckDB's own client."
            )
    for kind, query in _RAW_OBJECTS.items():
        ours = f"database_name = '{CATALOG}' and schema_name = 'raw'"
        for (name,) in connection.execute(query.format(ours=ours)).fetchall():
            raise _not_the_loaders(path, kind, name)
    tables = dict(connection.execute(_TABLES, [CATALOG]).fetchall())
    version = _version(connection, tables)
    if version > len(MIGRATIONS):
        raise IngestError(
            f"The warehouse {path} was made by a newer version of opencode-warehouse. Upgrade this one, or "
            "name another warehouse."
        )
    for name, made_by in tables.items():
        if all(contract.get(name) != made_by for contract in _contracts()):
            raise _not_the_loaders(path, "table", name)
    missing = sorted(_contracts()[version].keys() - tables.keys() - {_VERSIONS})
    if missing:
        raise IngestError(
            f"The file {path} lacks the table raw.{missing[0]}, so it is no warehouse. Name another one, or "
            "restore a backup: `make restore`."
        )


def foreign(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the views and functions of an attached file that are not the project's, by name."""
    views = [
        _shown(schema, name)
        for schema, name in connection.execute(_VIEWS, [CATALOG]).fetchall()
        if f"{schema}.{name}" not in OUR_VIEWS and schema != ELEMENTARY
    ]
    functions = [
        _shown(schema, name)
        for schema, name in _functions(connection)
        if f"{schema}.{name}" not in OUR_FUNCTIONS
    ]
    return [f"view {name}" for name in sorted(views)] + [f"function {name}" for name in sorted(functions)]


def drop_programs(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop every view and function of an attached file: the next build makes the project's again."""
    for schema, name in connection.execute(_VIEWS, [CATALOG]).fetchall():
        connection.execute(f"drop view {CATALOG}.{_quoted(schema)}.{_quoted(name)}")
    for schema, name, kind in connection.execute(
        """select distinct schema_name, function_name, function_type from duckdb_functions()
        where database_name = ? and not internal""",
        [CATALOG],
    ).fetchall():
        kind = "macro table" if kind == "table_macro" else "macro"
        connection.execute(f"drop {kind} {CATALOG}.{_quoted(schema)}.{_quoted(name)}")


def connect() -> duckdb.DuckDBPyConnection:
    """Return a connection to an empty catalog in memory, which fetches and loads no extension.

    It is the only way in which the project's programs come by a connection of DuckDB.
    """
    return duckdb.connect(
        ":memory:",
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
    )


def shut(connection: duckdb.DuckDBPyConnection, *, lock: bool, but: Sequence[Path] = ()) -> None:
    """Let a connection reach no file but those that are attached already, and that for good.

    `but` are warehouses that are still to be attached, and folders. With `lock` no other setting can be
    changed either.
    """
    folders = [path for path in but if path.suffix != ".duckdb"]
    files = [f"{path}{suffix}" for path in but if path not in folders for suffix in BESIDE]
    for setting, allowed in (("allowed_directories", folders), ("allowed_paths", files)):
        if allowed:
            listed = ", ".join("'" + str(one).replace("'", "''") + "'" for one in allowed)
            connection.execute(f"set {setting} = [{listed}]")
    connection.execute("set enable_external_access = false")
    if lock:
        connection.execute("set lock_configuration = true")


@cache
def _contracts() -> list[dict[str, str]]:
    """Return the tables of each version of the raw schema, each as the statement that makes it."""
    with connect() as scratch:
        scratch.execute(f"attach ':memory:' as {CATALOG}")
        scratch.execute(f"use {CATALOG}")
        found = []
        for version in range(len(MIGRATIONS) + 1):
            migrate(scratch, version - 1, version, datetime.now(UTC))
            found.append(dict(scratch.execute(_TABLES, [CATALOG]).fetchall()))
        return found


def _version(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> int:
    """Return the version of the raw schema, 0 where the table that says it is not the loader's."""
    return raw_version(connection) if tables.get(_VERSIONS) == _contracts()[0][_VERSIONS] else 0


@cache
def _built_in() -> frozenset[str]:
    with connect() as scratch:
        found = scratch.execute("select distinct function_name from duckdb_functions()").fetchall()
        return frozenset(name for (name,) in found)


def _functions(connection: duckdb.DuckDBPyConnection) -> Sequence[tuple[str, str]]:
    return connection.execute(_FUNCTIONS, [CATALOG]).fetchall()


def _not_the_loaders(path: Path, kind: str, name: str) -> IngestError:
    return IngestError(
        f"The file {path} holds a {kind} {_shown('raw', name)} that the loader did not make, so nothing in "
        f"it was read. {_USE_ANOTHER} If it is, restore a backup (`make restore`), or move it away and load "
        "again."
    )


def _shown(schema: str, name: str) -> str:
    return human.printable(f"{schema}.{name}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
