"""A database of OpenCode's, opened where it lies without a byte written beside it; its faults in words."""

import errno
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from ingest.errors import DamagedError, SourceError

BUSY_TIMEOUT_S = 5.0
COPY_ATTEMPTS = 3
IMMUTABLE = "immutable=1"
_WAL_HEADER = 2
_SIDECARS = ("-wal", "-journal")


@contextmanager
def open_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading in one transaction; write nothing, not even a -shm file, beside it.

    * In WAL mode with a WAL: shared memory read-only, so that a running OpenCode is not disturbed.
    * In WAL mode without one, nobody has it open: `immutable`, as any other mode would create the files.
      Should an OpenCode start meanwhile, what was read is not to be trusted.
    * A WAL without its -shm (a copy, a crash) or a hot journal needs writing: done on a copy of ours.

    Raises SourceError where the database cannot be opened, is damaged or locked, or changed while read as
    immutable.
    """
    with ExitStack() as stack:
        try:
            before = _state(path)
            mode = _mode(path)
            connection = stack.enter_context(closing(_connect(path, mode, stack)))
            connection.execute("begin")
            connection.execute("select count(*) from sqlite_master").fetchone()
            yield connection
            if mode == IMMUTABLE and _state(path) != before:
                raise SourceError(f"{path}: was changed while it was read. Load again.")
        except (sqlite3.DatabaseError, OSError) as error:
            kind = DamagedError if is_damage(error) else SourceError
            raise kind(f"{path}: {explain(path, error)}") from None


def _mode(path: Path) -> str:
    with path.open("rb") as file:
        header = file.read(20)
    if len(header) < 20 or header[18] != _WAL_HEADER:
        return "mode=ro"
    wal = path.with_name(path.name + "-wal")
    return "mode=ro&readonly_shm=1" if wal.exists() and wal.stat().st_size > 0 else IMMUTABLE


def _connect(path: Path, mode: str, stack: ExitStack) -> sqlite3.Connection:
    connection = connect_as(path, mode)
    try:
        connection.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opencode-ingest-")))
        return connect_as(_copy(path, folder), "mode=rw")
    return connection


def connect_as(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    connection.text_factory = bytes  # text that is not UTF-8 is a rejected document, not a crash
    return connection


def _copy(path: Path, folder: Path) -> Path:
    """Copy a database with its sidecars; raise OSError where it does not hold still long enough."""
    for _ in range(COPY_ATTEMPTS):
        before = _state(path)
        for file in _files(path):
            (folder / file.name).unlink(missing_ok=True)
            if file.exists():
                shutil.copyfile(file, folder / file.name)
        if _state(path) == before:
            return folder / path.name
    raise OSError(errno.EBUSY, "it changes while it is copied")


def _files(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + suffix) for suffix in _SIDECARS)]


def _state(path: Path) -> list[tuple[int, int] | None]:
    """Return what tells whether a database was written to."""
    statuses = [file.stat() if file.exists() else None for file in _files(path)]
    return [(status.st_mtime_ns, status.st_size) if status else None for status in statuses]


def is_damage(error: Exception) -> bool:
    """Whether a file is no sound database, as opposed to one that cannot be had just now."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def explain(path: Path, error: Exception) -> str:
    """Say in words why a database cannot be read, and what to do."""
    if is_damage(error):
        return (
            f"is damaged ({error}). Nothing of it can be read; what was loaded before stays. {remedy(path)}"
        )
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "is locked by another program. Load again when that has finished."
    reason = error.strerror if isinstance(error, OSError) else error
    return f"cannot be read ({reason}). Check that it exists and that you may read it."


def remedy(path: Path) -> str:
    """Say what to do about a damaged database."""
    return f"Put a backup in its place, or load what `sqlite3 {path.name} .recover` saves of a copy."
