"""A verified copy of the warehouse file, made while nobody writes to it."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingest import human
from ingest.errors import IngestError
from ingest.raw.records import record_backup
from ingest.warehouse import MANIFEST, NothingLoadedError, open_warehouse
from opencode_warehouse.keep import copies
from opencode_warehouse.keep.copies import Manifest, Progress

FOLDER = "backups"
_TRY_ELSEWHERE = "Try another disk with --to."


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
    progress: Progress = lambda step: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Backup:
    """Copy a warehouse, verify the copy, note it in the warehouse, and return what was noted.

    The copy lies in `folder`, by default `backups/<UTC time>` beside the warehouse, under the warehouse's
    own name, with a manifest by which it can be checked when the warehouse is gone. Its bytes are those of
    the file while its lock is held. Raises IngestError, and leaves nothing behind, where there is no
    warehouse, a file of that name is there already, or the copy cannot be finished.
    """
    if not warehouse.is_file():
        raise NothingLoadedError(f"There is no warehouse at {warehouse} to back up. Load first: `make run`.")
    # A process loses its lock when it closes any handle of the file: this one stays open until the end.
    with ExitStack() as after_unlocking, open_warehouse(warehouse) as connection:
        made_at = clock()
        target = (folder or warehouse.parent / FOLDER / f"{made_at:%Y%m%dT%H%M%SZ}") / warehouse.name
        _refuse(target, stores)
        connection.execute("checkpoint")
        contents = copies.contents(connection)
        original = after_unlocking.enter_context(warehouse.open("rb"))
        with _new_file(target) as copy:
            copies.require_space(
                target.parent,
                warehouse.stat().st_size,
                f"The backup {target}",
                "Make room, or name a folder on another disk with --to.",
            )
            size_bytes = copies.copy_file(original, copy, progress)
            progress("verifying the copy")
            copies.verify(copy, contents, _TRY_ELSEWHERE)
            sha256 = copies.sha256(copy)
            Manifest(made_at, size_bytes, sha256, contents).write(target.parent)
        backup = Backup(made_at, str(target), size_bytes, sha256, contents.n_documents)
        record_backup(connection, made_at, asdict(backup))
    return backup


def describe(backup: Backup) -> str:
    """Return the backup as lines for a person."""
    return "\n".join(
        [
            f"Backed up and verified {human.count(backup.n_documents, 'document')} "
            f"({human.size(backup.size_bytes)}): {human.place(backup.path)}",
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
    for file in (target, target.with_name(MANIFEST)):
        if os.path.lexists(file):
            raise IngestError(f"There is a file {file} already. Name another folder with --to.")


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Yield an empty file that becomes `target` where all goes well, and is gone with its folders else."""
    made: list[Path] = []
    part: Path | None = None
    try:
        made = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
        for folder in reversed(made):
            folder.mkdir(mode=0o700)
        handle, name = tempfile.mkstemp(
            prefix=".opencode-", suffix=copies.PART_SUFFIX, dir=target.parent
        )  # 0600
        os.close(handle)
        part = Path(name)
        yield part
        part.rename(target)
        copies.sync(target.parent)
    except BaseException as error:
        if part is not None:
            part.unlink(missing_ok=True)
            if not target.exists():
                target.with_name(MANIFEST).unlink(missing_ok=True)  # _refuse saw that there was none
        for folder in made:
            with suppress(OSError):  # somebody has put something else there
                folder.rmdir()
        if isinstance(error, OSError):
            raise IngestError(
                f"The backup {target} could not be written ({error.strerror}). Mend that, or name another "
                "folder with --to."
            ) from None
        raise
