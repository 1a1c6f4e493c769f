"""One writer at a time: a lock beside the warehouse, which says who holds it.

DuckDB itself lets one process write and tells every other so with an error. This lock is taken first, by
the loader, by dbt (`ingest.dbt_turn`) and by whatever else writes, so that they wait for each other instead.
The operating system lets go of it when its holder ends, however it ends; what the file then still says is
stale.
"""

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
from filelock import FileLock, Timeout

from ingest import words
from ingest.errors import IngestError

log = logging.getLogger(__name__)

WAIT_S = 300.0
WAIT_VARIABLE = "OPENCODE_WAIT_S"
LENT_VARIABLE = "OPENCODE_LOCK_TOKEN"
_RETRY_S = 0.05
_COMMAND = re.compile(r"[a-z][a-z-]*")
_LOG_EVERY_S = 5.0

_held: dict[Path, int] = {}
"""The locks of this process and how often each was taken: whoever holds one may take it again."""


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
        return words.printable(
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
    lock = FileLock(path, mode=0o600, fallback_to_soft=False)
    _acquire(lock, path, thing, patience)
    try:
        _held[path] = 1
        _sign(path)
        yield
    finally:
        del _held[path]
        with suppress(OSError):  # a full disk; the lock is free all the same
            path.write_bytes(b"")
        lock.release()


def _acquire(lock: FileLock, path: Path, thing: str, patience: Patience) -> None:
    while True:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = _holder_of(path)
            name = "another program" if holder is None else str(holder)
            if patience.is_over():
                raise BusyError(
                    f"{thing[0].upper()}{thing[1:]} is in use by {name}. Try again when it has finished, or "
                    "end it.",
                    None if holder is None else holder.pid,
                ) from None
            patience.wait(thing, name)
        except OSError as error:
            raise IngestError(
                f"The lock {path} cannot be taken ({error.strerror}). The warehouse needs a folder that you "
                "may write to, on a file system with locks."
            ) from None
        else:
            break
    left = read_holder(path)
    if left is not None:
        log.warning("took over %s: %s ended without letting go of it", thing, left)


def _sign(path: Path) -> None:
    """Write who we are into the lock file; it is as good a lock where the disk has no room for that."""
    holder = Holder(program(), socket.gethostname(), os.getpid(), datetime.now(UTC), secrets.token_hex(8))
    with suppress(OSError):
        path.write_bytes(orjson.dumps(asdict(holder)))


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
    lock = FileLock(path, mode=0o600, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return False
    try:
        return read_holder(path) is not None  # asked again: its holder may just have let go of it
    finally:
        lock.release()


def lent(warehouse: Path) -> dict[str, str]:
    """Return what a process that we start needs in its environment to write while we hold the lock.

    Raises IngestError where the disk had no room to say who holds it.
    """
    if not is_held(warehouse):
        raise RuntimeError("writing() comes first")
    holder = read_holder(lock_path(warehouse))
    if holder is None:
        raise IngestError(
            f"The lock {lock_path(warehouse)} could not be written, so no other program can be given it. "
            "Make room on the disk, then try again."
        )
    return {LENT_VARIABLE: holder.token}


def _is_lent(path: Path) -> bool:
    token = os.environ.get(LENT_VARIABLE)
    if not token:
        return False
    holder = read_holder(path)
    return holder is not None and holder.token == token


def program() -> str:
    """Return the name of this program and of its command: `opencode-ingest load`, `dbt build`."""
    started = Path(sys.argv[0])
    name = started.parent.name if started.name == "__main__.py" else started.name
    name = {"ingest": "opencode-ingest"}.get(name, name)
    command = next(filter(_COMMAND.fullmatch, sys.argv[1:]), "")
    return f"{name} {command}".strip()
