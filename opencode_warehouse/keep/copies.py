"""Copies of a warehouse file, as backups and releases are: made, described by a manifest, verified."""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import duckdb
import orjson

from ingest import __version__, human, trust
from ingest.errors import IngestError
from ingest.lock import Patience
from ingest.raw.documents import ENTITIES
from ingest.warehouse import MANIFEST, attach_in_turn, explained

PART_SUFFIX = ".part"
_PIECE_BYTES = 64 * 1024 * 1024
_MANIFEST_BYTES = 1_000_000
_DOCUMENTS = "select " + ", ".join(f"(select count(*) from raw.{entity}) as {entity}" for entity in ENTITIES)
_NEWEST_BATCH = "select coalesce(max(load_batch_id), 0) from raw.load_batches"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a warehouse holds, as far as two copies are compared: rows of each raw table, newest load."""

    documents: Mapping[str, int]
    newest_load_batch_id: int

    @property
    def n_documents(self) -> int:
        """Return the rows of all raw document tables."""
        return sum(self.documents.values())


@dataclass(frozen=True, slots=True)
class Manifest:
    """What lies beside a copy and says what it is: when it was made, its bytes and their hash, its rows."""

    made_at: datetime
    size_bytes: int
    sha256: str
    contents: Contents
    withdrawn_at: datetime | None = None

    def write(self, folder: Path) -> None:
        """Write the manifest into a folder, as a whole and onto the disk."""
        value = {
            "made_at": self.made_at.isoformat(),
            "withdrawn_at": None if self.withdrawn_at is None else self.withdrawn_at.isoformat(),
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "loader_version": __version__,
            **asdict(self.contents),
        }
        part = folder / f".{MANIFEST}{PART_SUFFIX}"
        part.unlink(missing_ok=True)
        part.touch(0o600)
        with part.open("wb") as file:
            file.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            _to_disk(file)
        part.replace(folder / MANIFEST)
        sync(folder)


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest in a folder, None where there is none. Raises IngestError where it is none."""
    file = folder / MANIFEST
    try:
        value = orjson.loads(_read_own(file))
        withdrawn = value["withdrawn_at"]
        return Manifest(
            datetime.fromisoformat(value["made_at"]),
            int(value["size_bytes"]),
            str(value["sha256"]),
            Contents(
                {str(name): int(n) for name, n in value["documents"].items()},
                int(value["newest_load_batch_id"]),
            ),
            None if withdrawn is None else datetime.fromisoformat(withdrawn),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IngestError(
            f"The manifest {file} cannot be read ({type(error).__name__}): the copy beside it cannot be "
            "told to be whole. Use another copy."
        ) from None


def refuse_link_out(file: Path, folder: Path, what: str) -> None:
    """Raise IngestError where a file, which lies below a folder by its name, lies elsewhere by a link."""
    if not file.resolve().is_relative_to(folder.resolve()):
        raise IngestError(
            f"{file} is a link that leads out of {folder}, so {what} is refused. Remove the link, or name "
            "the file that is meant."
        )


def contents(connection: duckdb.DuckDBPyConnection) -> Contents:
    """Return what an attached warehouse holds."""
    counted = connection.execute(_DOCUMENTS).fetchone() or ()
    [newest] = connection.execute(_NEWEST_BATCH).fetchone() or (0,)
    return Contents(dict(zip(ENTITIES, counted, strict=True)), newest)


def contents_of(file: Path) -> Contents:
    """Return what a warehouse file holds that nobody writes to. Raises IngestError where it is none."""
    with closing(trust.connect()) as connection:
        attach_in_turn(connection, file, Patience(0), read_only=True)
        trust.shut(connection, lock=True)
        with explained(connection, file):
            return contents(connection)


def copy_file(original: BinaryIO, target: Path, progress: Progress) -> int:
    """Copy an open file to a path, readable by its owner alone, onto the disk; return the bytes.

    Where the file system can, the copy shares its blocks with the original and takes no time.
    """
    size = os.fstat(original.fileno()).st_size
    target.touch(0o600)
    with target.open("wb") as file:
        copied = 0
        while copied < size and (n := _copy_piece(original, file, copied, size - copied)):
            copied += n
            progress(f"copying: {human.size(copied)} of {human.size(size)}")
        _to_disk(file)
    return copied


def verify(copy: Path, expected: Contents, remedy: str) -> None:
    """Raise IngestError, ending in the remedy, where a copy cannot be opened or holds something else."""
    try:
        found = contents_of(copy)
    except (IngestError, duckdb.Error) as error:
        raise IngestError(
            f"The copy cannot be opened ({str(error).splitlines()[0]}), so it was removed. {remedy}"
        ) from None
    if found != expected:
        raise IngestError(
            f"The copy does not hold the documents of the warehouse, so it was removed. {remedy}"
        )


def require_space(folder: Path, needed: int, what: str, remedy: str) -> None:
    """Raise IngestError where the disk of a folder has less room than the bytes that are needed."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise IngestError(
            f"{what} needs {human.size(needed)}, and its disk has {human.size(free)} left. {remedy}"
        )


def sha256(file: Path) -> str:
    """Return the hash of a file in hex digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def sync(folder: Path) -> None:
    """Put the names in a folder onto the disk: a rename outlives a loss of power only after that."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_own(file: Path) -> bytes:
    """Return the bytes of a file, but not of what a link names, nor of a pipe, which may never end."""
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a file")
        return opened.read(_MANIFEST_BYTES)


def _copy_piece(original: BinaryIO, target: BinaryIO, offset: int, n_bytes: int) -> int:
    """Copy some bytes from an offset within the kernel and return how many, 0 at the end of the file."""
    n_bytes = min(n_bytes, _PIECE_BYTES)
    if hasattr(os, "copy_file_range"):
        with suppress(OSError):  # not between these file systems; a full disk is met again below
            return os.copy_file_range(original.fileno(), target.fileno(), n_bytes, offset, offset)
    original.seek(offset)
    target.seek(offset)
    written = target.write(original.read(n_bytes))
    target.flush()
    return written


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
