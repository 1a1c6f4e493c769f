"""One writer at a time: a lock beside the warehouse, which says who holds it.

DuckDB itself lets one process write and tells every other so with an error. This lock is taken first, by
the loader, by dbt (through a plugin of its profile) and by whatever else writes, so that they wait for each
other instead. The operating system lets go of it when its holder ends, however it ends; what the file then
still says is stale.
"""

import fcntl
import logging
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from ingest import human
from ingest.errors import IngestError

log = logging.getLogger(__name__)

WAIT_S = 300.0
WAIT_VARIABLE = "OPENCODE_WAIT_S"
LENT_VARIABLE = "OPENCODE_LOCK_TOKEN"
_RETRY_S = 0.05
_COMMAND = re.compile(r"[a-z][a-z-]*")
_LOG_EVERY_S = 5.0

NOTE_BYTES = 1024
"""Every note has this size, so that one replaces another in place: that needs no room on a full disk."""

_held: dict[Path, int] = {}
"""The locks of this process and how often each was taken: whoever holds one may take it again."""

_signed: dict[Path, tuple[int, "Holder"]] = {}
"""Of the locks that this process took itself the open file, and what it says of the holder."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock. `token` is known to the holder and to the processes that it started."""

    program: str
    host: str
    pid: int
    since: datetime
    token: str

    def __str__(self) -> str:
        elsewhere = "" if self.host == socket.gethostname() else f" on {self.host}"
        return human.printable(
            f"{self.program} (process {self.pid}{elsewhere}, since {self.since:%Y-%m-%d %H:%M:%S} UTC)"
        )


class BusyError(IngestError):
    """Another program holds the warehouse, and did so for as long as we waited."""

    def __init__(self, message: str, pid: int | None) -> None:
        super().__init__(message)
        self.pid = pid


class Patience:
    """How long something is waited for, and when that is said: at once, then every five seconds.

    `wait_s` is in seconds; None stands for OPENCODE_WAIT_S, whose default is 300.
    """

    def __init__(self, wait_s: float | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._wait_s = _wait_s(os.environ) if wait_s is None else wait_s
        self._sleep = sleep
        self._started = time.monotonic()
        self._logged = -_LOG_EVERY_S

    def is_over(self) -> bool:
        """Whether it is time to give up."""
        return time.monotonic() - self._started >= self._wait_s

    def wait(self, thing: str, holder: object) -> None:
        """Let a moment pass."""
        waited = time.monotonic() - self._started
        if waited - self._logged >= _LOG_EVERY_S:
            self._logged = waited
            log.warning("waiting for %s: in use by %s", thing, holder)
        self._sleep(_RETRY_S)


def _wait_s(environ: Mapping[str, str]) -> float:
    given = environ.get(WAIT_VARIABLE) or str(WAIT_S)
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise IngestError(f"{WAIT_VARIABLE} must be a number of seconds up to a day, not {given}.")
    return seconds


def lock_path(warehouse: Path) -> Path:
    """Return the path of the lock of a warehouse's writers, the same by whatever link that is named."""
    return warehouse.resolve().with_name("opencode.lock")


def is_held(warehouse: Path) -> bool:
    """Whether this process has the right to write to a warehouse, or was lent it."""
    return lock_path(warehouse) in _held


def watch_lock_path(warehouse: Path) -> Path:
    """Return the path of the lock of the one watch that a warehouse has."""
    return warehouse.resolve().with_name("opencode.watch.lock")


@contextmanager
def writing(warehouse: Path, patience: Patience | None = None) -> Iterator[None]:
    """Hold the right to write to a warehouse, whose folder is there; wait for it, where another has it.

    A process that has it may take it again, and so may those that it starts with `lent`. It is held by a
    process, not by one of its threads. Raises BusyError, naming the holder, when patience is over.
    """
    with holding(lock_path(warehouse), f"the warehouse {warehouse}", patience or Patience()):
        yield


@contextmanager
def holding(path: Path, thing: str, patience: Patience) -> Iterator[None]:
    """Hold the lock that is this file, which stands for a thing that an error can name."""
    if path in _held or _is_lent(path):
        _held[path] = _held.get(path, 0) + 1
        try:
            yield
        finally:
            _held[path] -= 1
            if not _held[path]:
                del _held[path]
        return
    handle = _acquire(path, thing, patience)
    try:
        _held[path] = 1
        holder = Holder(program(), socket.gethostname(), os.getpid(), datetime.now(UTC), secrets.token_hex(8))
        _signed[path] = handle, holder
        with suppress(OSError):  # a full disk: it is as good a lock; `lent` says so where the note is needed
            _write_note(handle, holder)
        yield
    finally:
        del _held[path]
        _signed.pop(path, None)
        with suppress(OSError):  # a full disk; the lock is free all the same
            _write_note(handle, None)
        os.close(handle)  # and with it the lock


def _acquire(path: Path, thing: str, patience: Patience) -> int:
    """Wait for the lock and return the open file that holds it until it is closed."""
    while True:
        try:
            handle = _try(path)
        except OSError as error:
            raise IngestError(
                f"The lock {path} cannot be taken ({error.strerror}). The warehouse needs a folder that you "
                "may write to, on a file system with locks."
            ) from None
        if handle is not None:
            break
        holder = _holder_of(path)
        name = "another program" if holder is None else str(holder)
        if patience.is_over():
            raise BusyError(
                f"{thing[0].upper()}{thing[1:]} is in use by {name}. Try again when it has finished, or end "
                "it.",
                None if holder is None else holder.pid,
            )
        patience.wait(thing, name)
    left = read_holder(path)
    if left is not None:
        log.warning("took over %s: %s ended without letting go of it", thing, left)
    return handle


def _try(path: Path) -> int | None:
    """Return the open file with its lock, None where another process has that."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), path.stat()):
            return handle
    except (BlockingIOError, FileNotFoundError):  # FileNotFoundError: somebody has just removed it
        pass
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _write_note(handle: int, holder: Holder | None) -> None:
    """Say in the file of a lock that we hold who we are, or nothing: in place, so that it is never half."""
    note = b"" if holder is None else orjson.dumps(asdict(holder))
    os.pwrite(handle, note.ljust(NOTE_BYTES), 0)
    os.ftruncate(handle, NOTE_BYTES)


def read_holder(path: Path) -> Holder | None:
    """Return what a lock file says of its holder, None where it says nothing; it may be stale."""
    try:
        value = orjson.loads(path.read_bytes())
        return Holder(
            str(value["program"]),
            str(value["host"]),
            int(value["pid"]),
            datetime.fromisoformat(value["since"]),
            str(value["token"]),
        )
    except (OSError, KeyError, TypeError, ValueError):  # a JSONDecodeError is a ValueError
        return None


def _holder_of(path: Path) -> Holder | None:
    """Return who holds a lock that is held: who has just taken it says so in a moment."""
    holder = read_holder(path)
    if holder is None:
        time.sleep(_RETRY_S)
        holder = read_holder(path)
    return holder


def is_stale(path: Path) -> bool:
    """Whether a lock file names a holder that has ended without letting go: nobody has the lock."""
    if read_holder(path) is None or path in _held:
        return False
    try:
        handle = _try(path)
    except OSError:
        return False
    if handle is None:
        return False
    try:
        return read_holder(path) is not None  # asked again: its holder may just have let go of it
    finally:
        os.close(handle)


def lent(warehouse: Path) -> dict[str, str]:
    """Return what a process that we start needs in its environment to write while we hold the lock.

    Raises IngestError where the lock cannot say who holds it.
    """
    path = lock_path(warehouse)
    if not is_held(warehouse):
        raise RuntimeError("writing() comes first")
    if path not in _signed:  # it was lent to us
        return {LENT_VARIABLE: os.environ[LENT_VARIABLE]}
    handle, holder = _signed[path]
    if read_holder(path) != holder:
        try:
            _write_note(handle, holder)
        except OSError as error:
            raise IngestError(
                f"The lock {path} could not be written ({error.strerror}), so no other program can be given "
                "it. Make room on the disk, then try again."
            ) from None
        if read_holder(path) != holder:
            raise IngestError(
                f"The lock {path} was removed or replaced while this program had it. Leave it where it is, "
                "and try again."
            )
    return {LENT_VARIABLE: holder.token}


def _is_lent(path: Path) -> bool:
    token = os.environ.get(LENT_VARIABLE)
    if not token:
        return False
    holder = read_holder(path)
    # The token of a holder that has ended opens nothing: the lock is free, and may be another's in a moment.
    return holder is not None and holder.token == token and not is_stale(path)


def program() -> str:
    """Return the name of this program and of its command: `opencode-ingest load`, `dbt build`."""
    started = Path(sys.argv[0])
    name = started.parent.name if started.name == "__main__.py" else started.name
    name = {"ingest": "opencode-ingest", "opencode_warehouse": "opencode-warehouse"}.get(name, name)
    command = next(filter(_COMMAND.fullmatch, sys.argv[1:]), "")
    return f"{name} {command}".strip()
