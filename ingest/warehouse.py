"""Opening the warehouse file, in turn with the other programs that use it."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from ingest import human, trust
from ingest.errors import IngestError
from ingest.lock import BusyError, Patience, writing
from ingest.raw.schema import CATALOG, MIGRATIONS, attach, ensure_raw, raw_version, use

MANIFEST = "manifest.json"
"""Lies beside every copy of a warehouse, be it a backup or a release."""

_LOAD_FIRST = "Load first: `make run`, or `opencode-ingest load` alone."
_HOLDER = re.compile(r"Conflicting lock is held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")

_FULL = re.compile(r"No space left|File too large|Disk quota exceeded")
_NEWER = re.compile(r"database file with version number|field id mismatch")


class NothingLoadedError(IngestError):
    """There is no warehouse yet, or nothing of this loader in it."""


@contextmanager
def open_warehouse(
    path: Path,
    *,
    read_only: bool = False,
    is_locked: bool | None = None,
    wait_s: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection whose current catalog is the warehouse; make the file and its folder if need be.

    Whoever writes holds the lock of the warehouse meanwhile. Waits its turn for `wait_s` seconds (see
    Patience). The connection reaches no other file, and where `is_locked` (as one is that only reads) it
    changes no setting. Raises BusyError, naming the holder, when patience is over, and IngestError where the
    file is not a warehouse, holds what is none of ours, lacks what it is asked for, or cannot be written.
    """
    try:
        is_there = path.exists()
    except OSError as error:
        raise IngestError(f"The warehouse {path} cannot be reached ({error.strerror}).") from None
    if read_only and not is_there:
        raise NothingLoadedError(f"There is no warehouse at {path} yet. {_LOAD_FIRST}")
    if is_there and not path.is_file():
        raise IngestError(f"{path} is no warehouse, as it is not a file. Name another one.")
    if not read_only:
        if (path.parent / MANIFEST).exists():
            raise IngestError(
                f"{path} is a release or a backup, which nobody may change. Name the warehouse itself with "
                "OPENCODE_WAREHOUSE or --warehouse."
            )
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise IngestError(f"The folder {path.parent} cannot be made ({error.strerror}).") from None
    patience = Patience(wait_s, sleep)
    turn = nullcontext() if read_only else writing(path, patience)
    with turn, closing(trust.connect()) as connection:
        attach_in_turn(connection, path, patience, read_only=read_only)
        trust.shut(connection, lock=read_only if is_locked is None else is_locked)
        if not read_only:
            with suppress(PermissionError):  # it is another user's, who shares it
                path.chmod(0o600)
            ensure_raw(connection, datetime.now(UTC))
        elif raw_version(connection) < len(MIGRATIONS):
            raise NothingLoadedError(f"Nothing was loaded into {path} by this version yet. {_LOAD_FIRST}")
        with explained(connection, path, read_only=read_only):
            yield connection


@contextmanager
def explained(connection: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool = True) -> Iterator[None]:
    """Turn what DuckDB says of a file that lacks something, or asks for another one, into an IngestError.

    Whatever fails while somebody only reads is a matter of the file; its values are in no message.
    """
    try:
        yield
    except duckdb.PermissionException as error:
        programs = ", ".join(trust.foreign(connection)) or "a view or a function"
        raise IngestError(
            f"The file {path} asks for what lies outside of it, so it was not read further "
            f"({_reason(error)}). It holds {programs}, which this project does not make. Do not use the file "
            "if it is not yours."
        ) from None
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise IngestError(
            f"The tables of {path} are not those of this version ({_reason(error)}). Build them: `make run`."
        ) from None
    except duckdb.Error as error:
        if not read_only:
            raise
        raise IngestError(
            f"The file {path} could not be read to its end ({type(error).__name__}). Build again (`make "
            "run`); if that does not help, restore a backup (`make restore`)."
        ) from None


def measure_storage(path: Path) -> dict[str, int]:
    """Return the bytes of a warehouse file and of the disk that it lies on: all of them, and the free ones.

    Free is what the owner of the file may use, not what is kept for the system.
    """
    disk = shutil.disk_usage(path.parent)
    return {
        "warehouse_bytes": path.stat().st_size,
        "disk_total_bytes": disk.total,
        "disk_free_bytes": disk.free,
    }


@contextmanager
def scratch_warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to an empty warehouse in memory."""
    with closing(trust.connect()) as connection:
        connection.execute(f"attach ':memory:' as {CATALOG}")
        connection.execute(f"use {CATALOG}")
        ensure_raw(connection, datetime.now(UTC))
        yield connection


def attach_in_turn(
    connection: duckdb.DuckDBPyConnection, path: Path, patience: Patience, *, read_only: bool = False
) -> None:
    """Attach a warehouse as soon as nobody who knows nothing of our lock has it open: a client of DuckDB.

    It becomes the current catalog once it is known to hold nothing that is not ours where the loader writes.
    Raises BusyError, naming the holder, when patience is over, and IngestError where it is no warehouse.
    """
    if not read_only and not path.exists():
        _create(path)
    while True:
        try:
            attach(connection, path, read_only=read_only)
            break
        except duckdb.Error as error:
            if "Could not set lock" not in str(error):
                raise IngestError(_explain(path, error)) from None
            name, pid = _holder(error)
            if patience.is_over():
                raise BusyError(
                    f"The warehouse {path} is in use by {name}. Try again when it has finished, or end it.",
                    pid,
                ) from None
            patience.wait(f"the warehouse {path}", name)
    trust.examine(connection, path)
    use(connection)


def _create(path: Path) -> None:
    """Make an empty warehouse under another name, and give it its own when it is whole.

    A disk that is full meanwhile leaves nothing behind, nor anything that a later load would refuse.
    """
    part = path.with_name(f".{path.name}.new")
    files = [part.with_name(f"{part.name}{suffix}") for suffix in trust.BESIDE]
    try:
        for file in files:
            file.unlink(missing_ok=True)
        with closing(trust.connect()) as connection:
            attach(connection, part)
            use(connection)
            ensure_raw(connection, datetime.now(UTC))
            connection.execute("checkpoint")
        part.chmod(0o600)
        part.replace(path)
    except duckdb.Error as error:
        raise IngestError(_explain(path, error)) from None
    except OSError as error:
        raise IngestError(f"The warehouse {path} cannot be made ({error.strerror}).") from None
    finally:
        for file in files:
            with suppress(OSError):  # the error above says more
                file.unlink(missing_ok=True)


def _holder(error: duckdb.Error) -> tuple[str, int | None]:
    found = _HOLDER.search(str(error))
    if found is None:
        return "another program", None
    return human.printable(f"{Path(found['program']).name} (process {found['pid']})"), int(found["pid"])


def _explain(path: Path, error: duckdb.Error) -> str:
    if _FULL.search(str(error)):
        return f"The warehouse {path} cannot be written: its disk is full. Make room, then try again."
    if not path.exists():
        return f"The warehouse {path} cannot be made: you have no right to write to its folder."
    if "Permission denied" in str(error):
        return f"The warehouse {path} cannot be opened: you have no right to read and write it."
    if _NEWER.search(str(error)):
        return (
            f"The file {path} was written by a newer DuckDB than this one ({duckdb.__version__}). Upgrade "
            "opencode-warehouse, or name another warehouse."
        )
    return (
        f"The file {path} is no warehouse that this DuckDB ({duckdb.__version__}) can open "
        f"({_reason(error)}). Restore a backup (`make restore`), or move it away and load again: everything "
        "but what OpenCode has deleted since is read again."
    )


def _reason(error: duckdb.Error) -> str:
    """Return the first line of what DuckDB says: below it stand suggestions and the query."""
    return human.printable(str(error).splitlines()[0])
