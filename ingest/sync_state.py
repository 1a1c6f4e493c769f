"""Where a load or a watch is: in a small file that others can read, in the log, in `raw.sync_state`.

A load goes `init` → `bulk_sessions` → `bulk_messages` → `bulk_parts` (once more for each source) → `idle`. A
watch goes on from there: `catching_up`, while it loads what changed since it began, `realtime`, `stopped`.
"""

import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import orjson

from ingest.lock import program

log = logging.getLogger(__name__)

PHASE_OF_ENTITY = {
    "projects": "bulk_sessions",
    "sessions": "bulk_sessions",
    "todos": "bulk_sessions",
    "session_diffs": "bulk_sessions",
    "messages": "bulk_messages",
    "session_messages": "bulk_messages",
    "parts": "bulk_parts",
}
"""The phases of a load between `init` and `idle`."""

ENDED = ("idle", "stopped")
"""The phases in which nothing goes on."""

WRITE_INTERVAL_S = 0.5


def status_path(warehouse: Path) -> Path:
    """Return the path of a warehouse's status file."""
    return warehouse.with_name("opencode.status.json")


def read_status(warehouse: Path) -> dict[str, object] | None:
    """Return the status of the load that last wrote it, None where there is none to be read."""
    try:
        value = orjson.loads(status_path(warehouse).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return value if isinstance(value, dict) else None


class StatusFile:
    """The status file of one load, replaced as a whole so that no reader sees half of it."""

    def __init__(self, warehouse: Path) -> None:
        self._path = status_path(warehouse)
        # a watch and a load by hand write at the same time
        self._temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        self._written_at = 0.0
        self._state: dict[str, object] = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "program": program(),
        }

    def update(self, *, force: bool = False, **state: object) -> None:
        """Note the newest state; it is written at most every half second, or at once with `force`."""
        self._state.update(state)
        if force or time.monotonic() - self._written_at >= WRITE_INTERVAL_S:
            self._written_at = time.monotonic()
            self._state["updated_at"] = datetime.now(UTC).isoformat()
            with suppress(OSError):  # a full disk: the work goes on, and ends by itself where it cannot
                self._temporary.touch(0o600)
                self._temporary.write_bytes(orjson.dumps(self._state))
                self._temporary.replace(self._path)


class Transition(NamedTuple):
    """A phase, when it began, and how many documents had been met in this load by then."""

    phase: str
    entered_at: datetime
    n_scanned: int


class SyncState:
    """Phase and progress of one load or watch. Without a warehouse (a dry run) no file tells of it."""

    def __init__(
        self, warehouse: Path | None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._file = None if warehouse is None else StatusFile(warehouse)
        self._clock = clock
        self._uncommitted: list[Transition] = []
        self._n_scanned = 0
        self.phase = ""

    def enter(self, phase: str, **progress: object) -> None:
        """Say that a phase begins: in the file at once, in the log, and in what is to be committed."""
        entered_at = self._clock()
        log.info(
            "phase %s", phase, extra={"phase": phase, "was": self.phase or None, "n_scanned": self._n_scanned}
        )
        self.phase = phase
        self._uncommitted.append(Transition(phase, entered_at, self._n_scanned))
        self._write(force=True, phase=phase, entered_at=entered_at.isoformat(), **progress)

    def update(self, *, n_scanned: int | None = None, force: bool = False, **progress: object) -> None:
        """Note how far it is; with `force` that is written at once, as nothing may be for a while."""
        if n_scanned is not None:
            self._n_scanned = n_scanned
        self._write(force=force, n_scanned=self._n_scanned, **progress)

    def take(self) -> list[Transition]:
        """Return the transitions that were not taken before: whoever takes them commits them."""
        taken, self._uncommitted = self._uncommitted, []
        return taken

    def give_back(self, transitions: list[Transition]) -> None:
        """Take back transitions that could not be committed."""
        self._uncommitted = [*transitions, *self._uncommitted]

    def _write(self, *, force: bool, **state: object) -> None:
        if self._file is not None:
            self._file.update(force=force, **state)
