"""Putting a backup in the place of the warehouse, whatever has become of that."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from ingest import human, trust
from ingest.errors import IngestError
from ingest.lock import BusyError, Patience, writing
from ingest.raw.records import carry_over
from ingest.raw.schema import ensure_raw
from ingest.warehouse import attach_in_turn, open_warehouse
from opencode_warehouse.keep import backup, copies, retention
from opencode_warehouse.keep.copies import Contents, Progress

REPLACED = "replaced"
_USE_ANOTHER = "Nothing was changed. Use another backup."
_KNOWN = "select size_bytes, n_documents from raw.backups where sha256 = ?"
_LIMIT = "select max(older_than) from raw.text_removals"
_CARRIED = ("backups", "alerts", "text_removals")
"""What only the present warehouse knows of itself, and a build cannot make again."""


@dataclass(frozen=True, slots=True)
class _Present:
    """What the present warehouse knows: tables to carry over, whose texts it removed, and up to when."""

    is_backup_known: bool
    tables: Mapping[str, pa.Table]
    without_text: retention.Ids
    limit: datetime | None


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put in place: `backup` is where it came from, `replaced` where the file before it lies now.

    `verified_by` says what its hash was compared with: manifest, warehouse (its raw.backups), or nothing.
    `size_bytes` and `sha256` are of the backup. `n_texts_removed` documents had their text in the backup,
    which the present warehouse had removed; `is_known` says whether that could be read, and with it the notes
    of backups and alerts that were carried over.
    """

    warehouse: str
    backup: str
    replaced: str | None
    verified_by: str
    size_bytes: int
    sha256: str
    n_documents: int
    n_texts_removed: int
    is_known: bool
    dropped: list[str]

    def as_json(self) -> dict[str, object]:
        """Return it in JSON types."""
        return asdict(self)


def restore(
    warehouse: Path,
    source: Path | None = None,
    *,
    unverified: bool = False,
    drop_foreign: bool = False,
    progress: Progress = lambda step: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    wait_s: float | None = None,
) -> Restored:
    """Put a backup (its folder or file; by default the newest beside the warehouse) in the warehouse's place.

    The bytes that are copied have the hash and the rows that the backup's manifest names; without a
    manifest, those that the present warehouse has noted. Where neither knows the backup it is refused, unless
    `unverified`. A backup with views or functions that are not the project's is refused, unless
    `drop_foreign`; the project's own are left out, as the next build makes them. What the present warehouse
    notes of backups, alerts and removed texts is kept, and those texts are removed again. The file before it
    is kept in `replaced/<UTC time>`. At every moment either that or the backup is in place; after a kill,
    restoring again completes it. Raises IngestError, and changes nothing, where the backup is not whole or
    not to be trusted, the disk too small, or the warehouse in use.
    """
    file = _backup_file(warehouse, source)
    with _told(file):
        warehouse.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = warehouse.with_name(f".{warehouse.name}{copies.PART_SUFFIX}")
        with writing(warehouse, Patience(wait_s)):
            _remove(part)
            try:
                size_bytes = _copy(file, part, progress)
                progress("verifying the copy")
                sha256 = copies.sha256(part)
                present = _settle(warehouse, sha256, wait_s)
                verified_by = _verify_hash(present, file, size_bytes, sha256, unverified)
                contents = _verify_contents(part, file)
                dropped = _refuse_foreign(part, file, drop_foreign)
                n_texts = _renew(part, present, clock(), progress)
                with _exclusively(warehouse, Patience(wait_s)):
                    replaced = _keep_present(warehouse, clock())
                    part.replace(warehouse)
                copies.sync(warehouse.parent)
            finally:
                _remove(part)
    return Restored(
        warehouse=str(warehouse),
        backup=str(file),
        replaced=None if replaced is None else str(replaced),
        verified_by=verified_by,
        size_bytes=size_bytes,
        sha256=sha256,
        n_documents=contents.n_documents,
        n_texts_removed=n_texts,
        is_known=present is not None,
        dropped=dropped,
    )


def describe(restored: Restored) -> str:
    """Return what was done as lines for a person."""
    checked = {
        "manifest": "its hash is that of its manifest",
        "warehouse": "its hash is the one noted when it was made",
        "nothing": "its hash could not be compared with anything",
    }[restored.verified_by]
    lines = [
        f"Restored {human.count(restored.n_documents, 'document')} ({human.size(restored.size_bytes)}) from "
        f"{human.place(restored.backup)}; {checked}.",
    ]
    if restored.n_texts_removed:
        lines.append(
            f"It held the texts of {human.count(restored.n_texts_removed, 'document')} that had been removed "
            "since: they were removed again."
        )
    if restored.dropped:
        lines.append(f"Left out, as this project does not make it: {', '.join(restored.dropped)}.")
    if restored.replaced is not None:
        if not restored.is_known:
            lines.append(
                "The warehouse before it could not be read: what it noted of backups and alerts is not kept, "
                "and texts that were removed since the backup are here again (`make prune DAYS=…`)."
            )
        lines.append(f"What was there before is kept: {human.place(restored.replaced)}")
    lines.append("Next: make run (it loads what is newer than the backup)")
    return "\n".join(lines)


def _backup_file(warehouse: Path, source: Path | None) -> Path:
    if source is None:
        return _newest(warehouse)
    file = source / warehouse.name if source.is_dir() else source
    if not file.is_file():
        raise IngestError(f"There is no backup at {source}: its folder or its file is meant.")
    if warehouse.exists() and file.samefile(warehouse):
        raise IngestError(f"{source} is the warehouse itself. Name a backup.")
    copies.refuse_link_out(file, file.parent, "this backup")
    return file


def _newest(warehouse: Path) -> Path:
    folder = warehouse.parent / backup.FOLDER
    found = [(_made_at(file), file) for file in folder.glob(f"*/{warehouse.name}") if file.is_file()]
    if not found:
        raise IngestError(f"There is no backup in {folder}. Name one with FROM=… (`make restore`).")
    newest = max(found)[1]
    copies.refuse_link_out(newest, folder, "this backup")
    return newest


def _made_at(file: Path) -> datetime:
    with suppress(IngestError):  # it is refused by name if it is the newest all the same
        manifest = copies.read_manifest(file.parent)
        if manifest is not None:
            return manifest.made_at
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _copy(file: Path, part: Path, progress: Progress) -> int:
    with file.open("rb") as original:
        copies.require_space(
            part.parent,
            os.fstat(original.fileno()).st_size,
            f"The copy of {file}",
            "Make room, then try again.",
        )
        return copies.copy_file(original, part, progress)


def _verify_hash(present: _Present | None, file: Path, size_bytes: int, sha256: str, unverified: bool) -> str:
    """Return what the hash was compared with. Raises IngestError where it differs or nothing knows it."""
    manifest = copies.read_manifest(file.parent)
    if manifest is not None:
        if (manifest.sha256, manifest.size_bytes) != (sha256, size_bytes):
            raise IngestError(f"The backup {file} is not what its manifest says: damaged. {_USE_ANOTHER}")
        return "manifest"
    if present is not None and present.is_backup_known:
        return "warehouse"
    if not unverified:
        raise IngestError(
            f"The backup {file} has no manifest, and the warehouse has noted none of its hash, so nothing "
            f"tells whether it is whole. {_USE_ANOTHER} With --unverified it is taken if it opens."
        )
    return "nothing"


def _verify_contents(part: Path, file: Path) -> Contents:
    """Return what the copy holds. Raises IngestError where that is not what the manifest says."""
    manifest = copies.read_manifest(file.parent)
    try:
        found = copies.contents_of(part)
    except (IngestError, duckdb.Error) as error:
        reason = str(error).splitlines()[0].replace(str(part), str(file))
        raise IngestError(f"The backup {file} cannot be restored: {reason} {_USE_ANOTHER}") from None
    if manifest is not None and found != manifest.contents:
        raise IngestError(f"The backup {file} does not hold what its manifest says. {_USE_ANOTHER}")
    return found


def _refuse_foreign(part: Path, file: Path, drop_foreign: bool) -> list[str]:
    """Return the views and functions in a copy that are not ours. Raises IngestError unless they may go."""
    with closing(trust.connect()) as connection:
        attach_in_turn(connection, part, Patience(0), read_only=True)
        trust.shut(connection, lock=True)
        found = trust.foreign(connection)
    if found and not drop_foreign:
        raise IngestError(
            f"The backup {file} holds {', '.join(found)}, which this project does not make: a view can read "
            f"any file with your rights. {_USE_ANOTHER} If it is yours, `opencode-warehouse restore "
            "--drop-foreign` restores it without them."
        )
    return found


def _renew(part: Path, present: _Present | None, now: datetime, progress: Progress) -> int:
    """Make of a verified copy what is put in place; return from how many documents text was removed again."""
    with closing(trust.connect()) as connection:
        attach_in_turn(connection, part, Patience(0))
        trust.shut(connection, lock=False)
        trust.drop_programs(connection)
        if present is None:
            return 0
        ensure_raw(connection, now)
        for table, rows in present.tables.items():
            carry_over(connection, table, rows)
        old = retention.with_text(connection, present.without_text, present.limit)
        n_changed = retention.remove(connection, old, now, progress=progress).n_changed
        connection.execute("checkpoint")
    return n_changed


def _remove(part: Path) -> None:
    """Remove a copy and what DuckDB may have written beside it."""
    for suffix in trust.BESIDE:
        part.with_name(f"{part.name}{suffix}").unlink(missing_ok=True)


def _settle(warehouse: Path, sha256: str, wait_s: float | None) -> _Present | None:
    """Write the present warehouse's log into its file and return what it knows, None where it is broken."""
    if not warehouse.exists():
        return None
    try:
        with open_warehouse(warehouse, wait_s=wait_s) as connection:
            row = connection.execute(_LIMIT).fetchone()
            present = _Present(
                is_backup_known=bool(connection.execute(_KNOWN, [sha256]).fetchall()),
                tables={
                    table: connection.execute(f"from raw.{table}").to_arrow_table() for table in _CARRIED
                },
                without_text=retention.removed_ids(connection),
                limit=row[0] if row else None,
            )
            connection.execute("checkpoint")
    except BusyError:
        raise
    except (IngestError, duckdb.Error):  # broken: that is why a backup is restored
        return None
    return present


@contextmanager
def _exclusively(warehouse: Path, patience: Patience) -> Iterator[None]:
    """Hold the lock that DuckDB takes on the file, broken as it may be, where there is one.

    A client of DuckDB may have it open that knows nothing of the lock of those who write.
    """
    if not warehouse.exists():
        yield
        return
    with warehouse.open("r+b") as file:
        while True:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if patience.is_over():
                    raise BusyError(
                        f"The warehouse {warehouse} is in use. Try again when that has finished.", None
                    ) from None
                patience.wait(f"the warehouse {warehouse}", "a program that has it open")
        yield


def _keep_present(warehouse: Path, now: datetime) -> Path | None:
    """Give the present file and its log a second name in `replaced/`; return the folder, None for nothing.

    The file stays in place under its own name until the backup takes it over in one rename. Its log has
    to go before: it would be applied to the backup.
    """
    log = warehouse.with_name(f"{warehouse.name}.wal")
    present = [file for file in (warehouse, log) if file.exists()]
    if not present:
        return None
    _forget_unfinished(warehouse)
    folder = _new_folder(warehouse.parent / REPLACED, f"{now:%Y%m%dT%H%M%SZ}")
    for file in present:
        _second_name(file, folder / file.name)
    copies.sync(folder)
    log.unlink(missing_ok=True)
    return folder


def _second_name(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except OSError:  # a file system without links: a copy does, and a second failure tells
        with file.open("rb") as original:
            copies.copy_file(original, name, lambda step: None)


def _forget_unfinished(warehouse: Path) -> None:
    """Remove the second name that a killed restore gave to the file that is still in place."""
    for file in (warehouse.parent / REPLACED).glob(f"*/{warehouse.name}"):
        if warehouse.exists() and file.samefile(warehouse) and len(list(file.parent.iterdir())) == 1:
            file.unlink()
            file.parent.rmdir()


def _new_folder(parent: Path, name: str) -> Path:
    parent.mkdir(mode=0o700, exist_ok=True)
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return folder


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise IngestError(
            f"The backup {file} could not be restored ({error.strerror}). The warehouse is as it was, or "
            "is the backup already: mend that, then restore again."
        ) from None
