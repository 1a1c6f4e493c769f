"""How far a load is, readable by others while it holds the warehouse: a small file beside it."""

import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import orjson

PHASE_OF_ENTITY = {
    "projects": "bulk_sessions",
    "sessions": "bulk_sessions",
    "todos": "bulk_sessions",
    "session_diffs": "bulk_sessions",
    "messages": "bulk_messages",
    "session_messages": "bulk_messages",
    "parts": "bulk_parts",
}
"""The phases of a load between `init` and `idle`; each is recorded in raw.sync_state when it begins."""

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
        self._written_at = 0.0
        self._state: dict[str, object] = {"pid": os.getpid(), "host": socket.gethostname()}

    def update(self, *, force: bool = False, **state: object) -> None:
        """Note the newest state; it is written at most every half second, or at once with `force`."""
        self._state.update(state)
        if force or time.monotonic() - self._written_at >= WRITE_INTERVAL_S:
            self._written_at = time.monotonic()
            self._state["updated_at"] = datetime.now(UTC).isoformat()
            temporary = self._path.with_suffix(".tmp")
            temporary.touch(0o600)
            temporary.write_bytes(orjson.dumps(self._state))
            temporary.replace(self._path)
