"""A verified copy of the warehouse file, made while nobody writes to it."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import duckdb

from ingest import words
from ingest.documents import ENTITIES
from ingest.errors import IngestError
from ingest.landing import attach, record_backup
from ingest.warehouse import NothingLoadedError, open_warehouse

FOLDER = "backups"
_PIECE_BYTES = 4 * 1024 * 1024
_COUNTS = "select " + ", ".join(f"(select count(*) from raw.{entity}) as {entity}" for entity in ENTITIES)


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that was made: `path` names the file, `n_documents` the rows of its raw document tables."""

    made_at: datetime
    path: str
    size_bytes: int
    sha256: str
    n_documents: int


def back_up(
    warehouse: Path,
    folder: Path | None = None,
    *,
    stores: Sequence[Path] = (),
    progress: Callable[[str], None] = lambda step: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Backup:
    """Copy a warehouse, verify the copy, note it in the warehouse, and return what was noted.

    The copy lies in `folder`, by default `backups/<UTC time>` beside the warehouse, under the warehouse's
    own name. Its bytes are those of the file while its lock is held. Raises IngestError, and leaves nothing
    behind, where there is no warehouse, a file of that name is there already, or the copy cannot be
    finished.
    """
    if not warehouse.is_file():
        raise NothingLoadedError(f"There is no warehouse at {warehouse} to back up. Load first: `make run`.")
    # A process loses its lock when it closes any handle of the file: this one stays open until the end.
    with ExitStack() as after_unlocking, open_warehouse(warehouse) as connection:
        made_at = clock()
        target = (folder or warehouse.parent / FOLDER / f"{made_at:%Y%m%dT%H%M%SZ}") / warehouse.name
        _refuse(target, stores)
        connection.execute("checkpoint")
        original = after_unlocking.enter_context(warehouse.open("rb"))
        with _new_file(target) as copy:
            _require_space(target, warehouse.stat().st_size)
            size_bytes = _copy(original, copy, progress)
            progress("verifying the copy")
            n_documents = _verify(copy, connection)
            sha256 = _sha256(copy)
        backup = Backup(made_at, str(target), size_bytes, sha256, n_documents)
        record_backup(connection, made_at, asdict(backup))
    return backup


def describe(backup: Backup) -> str:
    """Return the backup as lines for a person."""
    return "\n".join(
        [
            f"Backed up and verified {words.count(backup.n_documents, 'document')} "
            f"({words.size(backup.size_bytes)}): {words.place(backup.path)}",
            f"SHA-256 {backup.sha256}",
        ]
    )


def _refuse(target: Path, stores: Sequence[Path]) -> None:
    for store in stores:
        if target.is_relative_to(store):
            raise IngestError(
                f"The backup {target} would lie inside the store {store}, where nothing may be written. "
                "Name another folder with --to."
            )
    if os.path.lexists(target):
        raise IngestError(f"There is a file {target} already. Name another folder with --to.")


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Yield an empty file that becomes `target` where all goes well, and is gone with its folders else."""
    made: list[Path] = []
    part: Path | None = None
    try:
        made = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
        for folder in reversed(made):
            folder.mkdir(mode=0o700)
        handle, name = tempfile.mkstemp(prefix=".opencode-", suffix=".part", dir=target.parent)  # 0600
        os.close(handle)
        part = Path(name)
        yield part
        part.rename(target)
    except BaseException as error:
        if part is not None:
            part.unlink(missing_ok=True)
        for folder in made:
            with suppress(OSError):  # somebody has put something else there
                folder.rmdir()
        if isinstance(error, OSError):
            raise IngestError(
                f"The backup {target} could not be written ({error.strerror}). Mend that, or name another "
                "folder with --to."
            ) from None
        raise


def _require_space(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise IngestError(
            f"The backup {target} needs {words.size(needed)}, and its disk has {words.size(free)} left. "
            "Make room, or name a folder on another disk with --to."
        )


def _copy(original: BinaryIO, copy: Path, progress: Callable[[str], None]) -> int:
    """Copy the bytes to the disk and return their number."""
    size = os.fstat(original.fileno()).st_size
    copied = 0
    with copy.open("wb") as file:
        while piece := original.read(_PIECE_BYTES):
            copied += file.write(piece)
            progress(f"copying: {words.size(copied)} of {words.size(size)}")
        file.flush()
        os.fsync(file.fileno())
    return copied


def _verify(copy: Path, original: duckdb.DuckDBPyConnection) -> int:
    """Return how many documents the copy holds. Raises IngestError where not those of the original."""
    expected = _counts(original)
    try:
        with closing(duckdb.connect(":memory:")) as connection:
            attach(connection, copy, read_only=True)
            found = _counts(connection)
    except duckdb.Error as error:
        raise IngestError(
            f"The copy cannot be opened ({str(error).splitlines()[0]}), so it was removed. Try another disk "
            "with --to."
        ) from None
    if found != expected:
        raise IngestError(
            "The copy does not hold the documents of the warehouse, so it was removed. Try another disk "
            "with --to."
        )
    return sum(found)


def _counts(connection: duckdb.DuckDBPyConnection) -> tuple[int, ...]:
    return connection.execute(_COUNTS).fetchone() or ()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
