"""What the statements of this package share."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import duckdb
import pyarrow as pa


def first_number(connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] = ()) -> int:
    """Return the first value of the first row, 0 where there is no row."""
    row = connection.execute(query, list(parameters)).fetchone()
    return int(row[0]) if row else 0


def naive(time: datetime) -> datetime:
    """Return a time (UTC) as tables hold it: without its zone."""
    return time.replace(tzinfo=None)


def keys_table(within: str, keys: Iterable[tuple[str, str | None]]) -> pa.Table:
    """Return pairs as a table of two columns: what a document is within (source, entity), and its id."""
    pairs = list(keys)
    return pa.table(
        {
            within: pa.array([pair[0] for pair in pairs], pa.string()),
            "document_id": pa.array([pair[1] for pair in pairs], pa.string()),
        }
    )
