"""Whether what is read of a table is what stands in it: a damaged page need not show when it is read.

A page of an older state, or one that took another's place, gives rows twice and hides others, without an
error and although there is a primary key. Only the indexes tell. SQLite compares them with the table in its
own check, which takes a second for each gigabyte.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

from ingest.errors import DamagedError
from ingest.raw.known import Met


def require_sound(connection: sqlite3.Connection, table: str) -> None:
    """Raise DamagedError where SQLite's own check of a table and of its indexes finds a fault.

    The table alone is looked at: those that hold OpenCode's credentials never are.
    """
    try:
        found = connection.execute(f"pragma integrity_check({table})").fetchmany(100)
    except sqlite3.DatabaseError as error:
        raise DamagedError(f"table {table} is damaged ({error})") from None
    if [row[0] for row in found] != [b"ok"]:
        n = f"{len(found)} faults" if len(found) > 1 else "a fault"
        raise DamagedError(f"table {table} is damaged: SQLite's own check finds {n} in it")


class Key:
    """The index that SQLite keeps of a table's ids, with which what stands in the table is compared."""

    def __init__(self, connection: sqlite3.Connection, table: str) -> None:
        self._connection = connection
        self._table = table
        columns = connection.execute("select name from pragma_table_xinfo(?) where pk > 0", (table,))
        indexes = connection.execute("select name from pragma_index_list(?) where origin = 'pk'", (table,))
        names = [name.decode() for (name,) in indexes]
        self._index = names[0] if [name for (name,) in columns] == [b"id"] and names else None

    def __bool__(self) -> bool:
        return self._index is not None

    @property
    def _from(self) -> str:
        return f'from {self._table} indexed by "{self._index}"'

    def n_entries(self) -> int:
        """Return how many rows the index knows of."""
        (n,) = self._connection.execute(f"select count(*) {self._from}").fetchone()
        return int(n)

    def row_numbers(self) -> Iterator[int]:
        """Yield the numbers of the rows that the index knows of, as far as it can be read."""
        if self:
            with suppress(sqlite3.DatabaseError):
                for (number,) in self._connection.execute(f"select rowid {self._from}"):
                    yield number

    def holds_only_text(self) -> bool:
        """Whether all ids are texts, so that no two that are different look the same."""
        other = f"select 1 {self._from} where typeof(id) <> 'text' limit 1"
        return self._connection.execute(other).fetchone() is None

    def leads_to(self, rows: Iterable[tuple[int, str]]) -> bool:
        """Whether the index leads from these ids to just these rows (rowid, id)."""
        query = f"select rowid {self._from} where id = ?"
        return all(self._connection.execute(query, (id_,)).fetchall() == [(row,)] for row, id_ in rows)


class Ages:
    """The rows of a table that are older than when they were loaded: how far back their times go.

    A backup that was put in a database's place has no row that is younger than those which went back. Where
    there is one, which did not change, a page of an older state has taken the place of a newer one. A time
    that is still to come says nothing: a clock that was ahead when the row was loaded has been set right.
    """

    def __init__(self) -> None:
        self._now = time.time_ns() // 1000
        self._oldest_expected: int | None = None
        self._newest_unchanged = -1

    @property
    def went_back(self) -> bool:
        """Whether a row went back."""
        return self._oldest_expected is not None

    def add(self, met: Met, modified_us: int | None) -> None:
        """Take what is landed of a row, and its present time."""
        if met.version is None or modified_us is None:
            return
        before, _ = met.version
        if modified_us < before <= self._now:
            self._oldest_expected = min(before, self._oldest_expected or before)
        elif modified_us == before:
            self._newest_unchanged = max(before, self._newest_unchanged)

    def require_order(self, table: str, unchanged: Iterable[int | None] = ()) -> None:
        """Raise DamagedError where a row that did not change is younger than one that went back.

        `unchanged` are the times of such rows, where they were not added.
        """
        if self._oldest_expected is None:
            return
        moments = (moment for moment in unchanged if moment is not None)
        if max(moments, default=self._newest_unchanged) >= self._oldest_expected:
            raise DamagedError(
                f"table {table} is damaged: rows in it are older than when they were loaded, others are not"
            )
