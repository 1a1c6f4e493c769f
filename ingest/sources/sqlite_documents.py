"""The tables of a database that have one JSON document a row: messages and parts, most of what there is."""

import sqlite3
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple

from ingest.errors import DamagedError
from ingest.raw.documents import Document, Entity, Rejection, Seen, clock_microseconds, make_document
from ingest.raw.known import NEW, Known, Met
from ingest.sources.sqlite_check import Ages, Key, require_sound
from ingest.sources.sqlite_rows import scalar, text

ROWS_AT_ONCE = 20_000
"""Ids and times that are compared with what is landed at once: some 4 MB."""

CHECKED_BYTES = 256 * 1024 * 1024
"""A database of up to so many bytes is checked wherever something in it is new: a fifth of a second."""

NEWS_OF_ROWS = 10
"""A larger one, where more than one row in so many is: reading these takes longer than the check."""

_ALL = "not indexed"
_RECENT = "where session_id in (select id from session order by time_updated desc limit 20)"
"""OpenCode touches a session at each of its turns, and has an index of messages and parts by session."""


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


class _Changed(NamedTuple):
    """A row that is not landed as of its time."""

    rowid: int
    id: str
    modified_us: int | None
    met: Met


def read_documents(
    connection: sqlite3.Connection, columns: Set[str], table: Table, known: Known, *, only_recent: bool
) -> Iterator[Document | Rejection | Seen]:
    """Yield the rows of a table that are new or changed, what cannot be read, and counts of the unchanged.

    Raises sqlite3.DatabaseError or DamagedError at the end where the table is damaged; see sqlite_check.
    """
    present = {name: column for name, column in table.fields.items() if column in columns}
    table = replace(table, fields=present)
    read = ", ".join([*table.ids.values(), *present.values(), "time_updated", "data"])
    if (known or only_recent) and _has_row_numbers(connection, table.name):
        yield from _read_changed(connection, table, read, known, only_recent=only_recent)
    else:
        yield from _read_all(connection, table, read, known)


def _has_row_numbers(connection: sqlite3.Connection, table: str) -> bool:
    try:
        connection.execute(f"select rowid from {table} limit 0")  # noqa: S608 - of DOCUMENT_TABLES
    except sqlite3.OperationalError:
        return False
    return True


def _read_all(
    connection: sqlite3.Connection, table: Table, columns: str, known: Known
) -> Iterator[Document | Rejection | Seen]:
    """Yield what of a whole table is not landed as it is. Ids are not kept where none can come twice."""
    key = Key(connection, table.name)
    damage = None
    try:
        require_sound(connection, table.name)
    except DamagedError as error:
        damage = error
    is_proven = damage is None and not known and bool(key) and key.holds_only_text()
    for row in _rows(connection, table.name, columns):
        document_id = text(row[0])
        if is_proven and document_id.isascii():  # other bytes might be read as the same text
            yield _document(table, row, NEW)
        elif known:
            changed = known.meet_many([document_id], [clock_microseconds(row[-2])])
            yield _document(table, row, changed[0][1]) if changed else Seen(table.entity, 1)
        else:
            yield _document(table, row, known.meet(document_id))
    if damage is not None:
        raise damage


def _rows(connection: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table; raise where a page is damaged, after all that can be read."""
    n_read = 0
    try:
        for row in connection.execute(f"select {columns} from {table} {_ALL}"):  # noqa: S608 - of DOCUMENT_TABLES
            yield row
            n_read += 1
    except sqlite3.DatabaseError:
        if _has_row_numbers(connection, table):
            yield from _rows_behind(connection, table, columns, n_read)
        raise


def _read_changed(
    connection: sqlite3.Connection, table: Table, columns: str, known: Known, *, only_recent: bool
) -> Iterator[Document | Rejection | Seen]:
    """Yield the rows whose time is not that of what is landed, and look whether to believe what was found."""
    where = _RECENT if only_recent else _ALL
    changed: list[_Changed] = []
    n_rows = 0
    damage: sqlite3.DatabaseError | DamagedError | None = None
    try:
        for rows in _in_batches(connection, table.name, where):
            numbers, ids, times = zip(*rows, strict=True)
            texts, moments = [*map(text, ids)], [*map(clock_microseconds, times)]
            of_these = known.meet_many(texts, moments)
            yield Seen(table.entity, len(rows) - len(of_these))
            changed += [_Changed(numbers[n], texts[n], moments[n], met) for n, met in of_these]
            n_rows += len(rows)
    except sqlite3.DatabaseError as error:
        damage = error
    lost = False
    select = f"select {columns} from {table.name} where rowid = ?"  # noqa: S608 - of DOCUMENT_TABLES
    for row in changed:
        try:
            found = connection.execute(select, (row.rowid,)).fetchall()
        except sqlite3.DatabaseError as error:  # the rest of a long document is gone
            damage = error
            continue
        lost = lost or [text(one[0]) for one in found] != [row.id]
        for one in found:
            yield _document(table, one, row.met)
    if damage is not None:
        raise damage
    if lost:
        raise DamagedError(f"table {table.name} is damaged: rows are not where they were seen")
    if _is_in_doubt(connection, table.name, changed, None if only_recent else n_rows, known):
        require_sound(connection, table.name)
    ages = Ages()
    for row in changed:
        ages.add(row.met, row.modified_us)
    if ages.went_back:
        of_changed = {row.rowid for row in changed}
        batches = _in_batches(connection, table.name, _ALL)
        unchanged = (time for rows in batches for number, _, time in rows if number not in of_changed)
        ages.require_order(table.name, map(clock_microseconds, unchanged))


def _is_in_doubt(
    connection: sqlite3.Connection, table: str, changed: list[_Changed], n_rows: int | None, known: Known
) -> bool:
    """Whether what was found in a table is to be believed only after SQLite's own check.

    `n_rows` is None where not all of the table was looked at. Where nothing changed, which is most of the
    time, only the number of rows is compared with the index: a few milliseconds.
    """
    key = Key(connection, table)
    if n_rows is not None:
        if known.has_missed() or (key and key.n_entries() != n_rows):
            return True
        if changed and (_size(connection) <= CHECKED_BYTES or NEWS_OF_ROWS * len(changed) > n_rows):
            return True
    if not changed:
        return False
    has_duplicates = any(row.met.is_duplicate for row in changed)
    return has_duplicates or not key or not key.leads_to((row.rowid, row.id) for row in changed)


def _size(connection: sqlite3.Connection) -> int:
    (n_pages,), (size,) = (
        connection.execute(f"pragma {name}").fetchone() for name in ("page_count", "page_size")
    )
    return int(n_pages) * int(size)


def _in_batches(
    connection: sqlite3.Connection, table: str, where: str
) -> Iterator[list[tuple[int, object, object]]]:
    """Yield row number, id and time of the rows of a table by the thousand.

    Raises where a page is damaged, after all that can be read.
    """
    columns = "rowid, id, time_updated"
    query = f"select {columns} from {table} {where}"  # noqa: S608 - of DOCUMENT_TABLES
    n_read = 0
    rows = connection.execute(query)
    try:
        while batch := rows.fetchmany(ROWS_AT_ONCE):
            n_read += len(batch)
            yield batch
        return
    except sqlite3.DatabaseError as error:
        damage = error
    try:
        for row in islice(connection.execute(query), n_read, None):  # with one row a whole batch was lost
            n_read += 1
            yield [row]
    except sqlite3.DatabaseError:
        pass
    if where == _ALL:
        yield from ([row] for row in _rows_behind(connection, table, columns, n_read))
    raise damage


def _rows_behind(
    connection: sqlite3.Connection, table: str, columns: str, n_read: int
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that a reading in order did not come to, as it ended at a damaged page after `n_read`.

    The index of the ids leads to them.
    """
    in_order = connection.execute(f"select rowid from {table} {_ALL} limit ?", (n_read,))  # noqa: S608
    are_read = {number for (number,) in in_order}
    for number in Key(connection, table).row_numbers():
        if number not in are_read:
            with suppress(sqlite3.DatabaseError):  # it stands on a damaged page itself
                row = f"select {columns} from {table} where rowid = ?"  # noqa: S608 - of DOCUMENT_TABLES
                yield from connection.execute(row, (number,)).fetchall()


def _document(table: Table, row: tuple[object, ...], met: Met) -> Document | Rejection:
    """Return what a row holds: its ids, its fields, its time and its document."""
    n_ids = len(table.ids)
    places = [*map(text, row[:n_ids])]
    updated, data = row[-2:]
    raw = data if isinstance(data, bytes) else b"" if data is None else str(data).encode()
    return make_document(
        table.entity,
        raw,
        document_id=places[0],
        ids=zip(table.ids, places, strict=True),
        fields=[(name, scalar(row[n])) for n, name in enumerate(table.fields, n_ids)],
        session_id=places[-1],
        message_id=places[1] if n_ids == 3 else None,
        origin=table.name,
        modified_us=clock_microseconds(updated),
        size_bytes=len(raw),
        met=met,
    )
