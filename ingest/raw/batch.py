"""A batch: what one load, or a stretch of a watch, wrote; builds know by it what is new."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

import duckdb
import orjson

from ingest import __version__
from ingest.raw.sql import first_number, naive
from ingest.sync_state import Transition


@dataclass(slots=True)
class Counts:
    """Documents of one source in one load."""

    scanned: int = 0
    written: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    resolved: int = 0
    surrogates_replaced: int = 0
    secrets_masked: dict[str, int] = field(default_factory=dict)
    """Secrets that were masked, by kind."""

    def add(self, other: "Counts") -> None:
        """Add the counts of another source to these."""
        for name in self.__slots__:
            if name != "secrets_masked":
                setattr(self, name, getattr(self, name) + getattr(other, name))
        self.add_masked(other.secrets_masked)

    def add_masked(self, masked: Mapping[str, int]) -> None:
        """Add secrets that were masked, by kind."""
        for kind, n in masked.items():
            self.secrets_masked[kind] = self.secrets_masked.get(kind, 0) + n


class Batch:
    """The batch of one load or watch into one warehouse. With `dry_run` nothing is written.

    `number` is that of a batch which was begun before.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, now: datetime, *, dry_run: bool = False, number: int = 0
    ) -> None:
        self._connection = connection
        self._now = naive(now)
        self.is_dry_run = dry_run
        self.id = number
        """0 as long as there is none."""

    def newest(self) -> int:
        """Return the id of the newest batch, 0 where nothing was ever loaded."""
        return first_number(self._connection, "select coalesce(max(load_batch_id), 0) from raw.load_batches")

    def begin(self, resume: int | None = None) -> int:
        """Open a batch and return its id; a batch that a killed load left open becomes `interrupted`.

        `resume` is the id of an ended batch that is to go on: its counts will be added to.
        """
        self.id = resume or self.newest() + 1
        if not self.is_dry_run:
            self._connection.execute(
                "update raw.load_batches set status = 'interrupted' where status = 'running'"
            )
            if resume is not None:
                self._connection.execute(
                    "update raw.load_batches set status = 'running' where load_batch_id = ?", [resume]
                )
                return resume
            self._connection.execute(
                "insert into raw.load_batches (load_batch_id, status, loader_version, started_at)"
                " values (?, 'running', ?, ?)",
                [self.id, __version__, self._now],
            )
        return self.id

    def end(self, ended_at: datetime, counts: Counts, n_sources: int, n_failed: int) -> None:
        """Close the batch and add to its counts; `n_sources` and `n_failed` are of the whole batch."""
        if self.is_dry_run:
            return
        masked = self._masked_before() + Counter(counts.secrets_masked)
        self._connection.execute(
            """update raw.load_batches set status = 'completed', ended_at = $ended_at,
                n_sources = $n_sources, n_sources_failed = $n_failed,
                n_scanned = coalesce(n_scanned, 0) + $scanned,
                n_written = coalesce(n_written, 0) + $written,
                n_unchanged = coalesce(n_unchanged, 0) + $unchanged,
                n_deleted = coalesce(n_deleted, 0) + $deleted,
                n_rejected = coalesce(n_rejected, 0) + $rejected,
                n_resolved = coalesce(n_resolved, 0) + $resolved,
                n_surrogates_replaced = coalesce(n_surrogates_replaced, 0) + $surrogates_replaced,
                n_secrets_masked = $n_masked, secrets_masked_by_kind = $by_kind
            where load_batch_id = $batch_id""",
            {
                **{name: n for name, n in asdict(counts).items() if name != "secrets_masked"},
                "ended_at": naive(ended_at),
                "n_sources": n_sources,
                "n_failed": n_failed,
                "n_masked": masked.total(),
                "by_kind": orjson.dumps(masked, option=orjson.OPT_SORT_KEYS).decode(),
                "batch_id": self.id,
            },
        )

    def _masked_before(self) -> Counter[str]:
        """Return how many secrets of each kind were masked in this batch before it was resumed."""
        row = self._connection.execute(
            "select secrets_masked_by_kind from raw.load_batches where load_batch_id = ?", [self.id]
        ).fetchone()
        return Counter(orjson.loads(row[0]) if row and row[0] else {})

    def record_phases(self, transitions: Sequence[Transition]) -> None:
        """Record to which phases this load has come."""
        if transitions and not self.is_dry_run:
            self._connection.executemany(
                "insert into raw.sync_state values (?, ?, ?, ?)",
                [(self.id, phase, naive(at), n_scanned) for phase, at, n_scanned in transitions],
            )
