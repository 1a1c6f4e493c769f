"""Documents on their way into the warehouse: gathered in chunks, which become rows of Arrow."""

from array import array
from dataclasses import dataclass
from operator import attrgetter

import pyarrow as pa

from ingest.raw.documents import Document, Entity

CHUNK_ROWS = 2_048
"""A row group: see TRANSACTION_BYTES."""

CHUNK_BYTES = 8 * 1024 * 1024
"""Payloads of a chunk, unless a single one is larger."""

PIECE_BYTES = 32 * 1024 * 1024
"""Payloads that are held as Python's own objects at once, where documents are not written as they come."""

TRANSACTION_BYTES = 128 * 1024 * 1024
"""Payloads of the chunks that are committed together, unless they fill a row group before.

Rows that fill a row group, DuckDB compresses once and writes where they stay. Fewer of them it writes to its
log as they are, copies them to the row group that is not full, and compresses that anew at every checkpoint.
"""

_PAYLOAD = "payload"
_FIRST_LOADED_AT = "first_loaded_at"

_SCHEMA = pa.schema(
    [
        ("document_id", pa.string()),
        ("session_id", pa.string()),
        ("message_id", pa.string()),
        (_PAYLOAD, pa.string()),
        ("payload_hash", pa.string()),
        ("origin", pa.string()),
        ("modified_us", pa.int64()),
        ("size_bytes", pa.int64()),
        (_FIRST_LOADED_AT, pa.timestamp("us")),
    ]
)

_fields = attrgetter(*(name for name in _SCHEMA.names if name not in (_PAYLOAD, _FIRST_LOADED_AT)))
"""What the other columns take of a document, under the same names."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Documents of one entity as rows of Arrow; `known` are the ids of those that are landed.

    Payloads lie in `buffer`, which must not change while anybody reads the table.
    """

    entity: Entity
    table: pa.Table
    known: list[str]
    buffer: bytearray
    n_bytes: int


class Buffers:
    """Memory for payloads, used again and again: the system clears fresh memory page by page."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []

    def take(self, n_bytes: int) -> bytearray:
        """Return a buffer for at least so many bytes."""
        if n_bytes > CHUNK_BYTES:
            return bytearray(n_bytes)
        return self._free.pop() if self._free else bytearray(CHUNK_BYTES)

    def give_back(self, buffer: bytearray) -> None:
        """Take back a buffer that nobody reads any more."""
        if len(buffer) == CHUNK_BYTES:  # a larger one is rarely needed
            self._free.append(buffer)


class Chunk:
    """Documents of one entity, whose payloads are copied to a buffer as they come."""

    __slots__ = ("_buffer", "_end", "_ends", "_known", "_max_rows", "_rows", "entity")

    def __init__(self, entity: Entity, buffer: bytearray, max_rows: int) -> None:
        self.entity = entity
        self._max_rows = max_rows
        self._buffer = buffer
        self._rows: list[tuple[object, ...]] = []
        self._end = 0
        self._ends = array("i", [0])
        self._known: list[str] = []

    @property
    def is_full(self) -> bool:
        """Whether it has as many documents as it may have."""
        return len(self._rows) >= self._max_rows

    def add(self, document: Document) -> bool:
        """Take a document; return false, and take nothing, where its payload does not fit."""
        begin = self._end
        end = begin + len(document.payload)
        if end > len(self._buffer):
            return False
        self._buffer[begin:end] = document.payload
        self._ends.append(end)
        self._end = end
        self._rows.append(_fields(document))
        if document.is_known:
            self._known.append(document.document_id)
        return True

    def close(self) -> Rows:
        """Return the documents as rows; when they were first loaded is not known here.

        The writing thread needs no lock of Python to read them. There has to be a document.
        """
        columns: list[object] = list(zip(*self._rows, strict=True))
        n_rows = len(self._rows)
        payloads = pa.StringArray.from_buffers(n_rows, pa.py_buffer(self._ends), pa.py_buffer(self._buffer))
        columns.insert(_SCHEMA.get_field_index(_PAYLOAD), payloads)
        columns.append(pa.nulls(n_rows, pa.timestamp("us")))
        table = pa.table(columns, schema=_SCHEMA)
        return Rows(self.entity, table, self._known, self._buffer, self._end)
