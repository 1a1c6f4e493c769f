"""Asking the warehouse: read-only, without any other file, and without a row in a message."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ingest.human import printable
from ingest.warehouse import open_warehouse
from opencode_warehouse.pages.page_files import Fence, PageError

MOST_ROWS = 1000
_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
# These errors are found before a row is read, so that their text is of the query alone.
_STATIC = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.PermissionException,
    duckdb.SyntaxException,
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a query gave: names and DuckDB types of the columns, and at most MOST_ROWS rows."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    is_cut: bool = False

    def column(self, name: str) -> list[Any]:
        """Return the values of a column. Raises KeyError where there is none of that name."""
        if name not in self.columns:
            raise KeyError(name)
        return [row[self.columns.index(name)] for row in self.rows]


class Row:
    """A row for a page's expressions: `row.title`. It has no other attributes, so no name is taken."""

    __slots__ = ("_values",)

    def __init__(self, columns: Sequence[str], values: Sequence[object]) -> None:
        self._values = dict(zip(columns, values, strict=True))

    def __getitem__(self, name: str) -> object:
        return self._values[name]


@contextmanager
def reader(
    warehouse: Path, last_checks: Sequence[tuple[str, str, str, float | None]]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection that reads the warehouse and nothing else.

    `last_checks` (check_id, name, status, value) of the last report are the table `last_report_checks`.
    Waits its turn; raises IngestError as open_warehouse does.
    """
    with open_warehouse(warehouse, read_only=True) as connection:
        connection.execute(
            "create temporary table last_report_checks (check_id text, name text, status text, value double)"
        )
        if last_checks:
            connection.executemany("insert into last_report_checks values (?, ?, ?, ?)", list(last_checks))
        yield connection


def ask(
    connection: duckdb.DuckDBPyConnection,
    file: str,
    fence: Fence,
    parameters: Mapping[str, datetime | None],
) -> Result | None:
    """Return what the query of a fence gives; None where the table that it needs is not there.

    Raises PageError, with DuckDB's reason but none of the data, where it cannot be answered.
    """
    needed = fence.options.get("needs")
    if needed is not None and not has_table(connection, needed):
        return None
    try:
        statements = connection.extract_statements(fence.sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise PageError(file, fence.line, "a fence holds one query, a select")
        used = statements[0].named_parameters
        if unknown := sorted(used - parameters.keys()):
            known = ", ".join(f"${name}" for name in parameters)
            raise PageError(file, fence.line, f"there is no parameter ${unknown[0]}; there is {known}")
        cursor = connection.execute(statements[0], {name: parameters[name] for name in used})
        rows = cursor.fetchmany(MOST_ROWS + 1)
        described = cursor.description or []
    except duckdb.Error as error:
        raise PageError(file, *_explain(fence.line, error)) from None
    return Result(
        columns=tuple(str(column[0]) for column in described),
        types=tuple(str(column[1]) for column in described),
        rows=rows[:MOST_ROWS],
        is_cut=len(rows) > MOST_ROWS,
    )


def has_table(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether the warehouse has a public table or view of that name."""
    found = connection.execute(
        "select count(*) from information_schema.tables "
        "where table_catalog = current_database() and table_schema = 'main' and table_name = ?",
        [name],
    ).fetchone()
    return bool(found and found[0])


def _explain(line: int, error: duckdb.Error) -> tuple[int, str]:
    """Return the line of the page file and what went wrong there, without a value of a row."""
    text = str(error)
    kind = text.partition(":")[0]
    if not isinstance(error, _STATIC):
        return line, f"the query failed while it ran ({printable(kind)}); run it by itself to see the value"
    found = _LINE.search(text)
    reason = " ".join(text.partition("\n\nLINE")[0].split())
    hint = " (`make run` builds the tables)" if isinstance(error, duckdb.CatalogException) else ""
    return line + (int(found[1]) if found else 0), printable(reason) + hint
