"""Releases: copies of a warehouse that passed its tests, one of them `current`, the last ones for rollback.

Beside the warehouse lie `releases/<UTC time>/opencode.duckdb` and the link `current`, which names one of
them. Readers open `current/opencode.duckdb`: nobody ever writes to it, so they meet no lock and no
half build.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest import human
from ingest.errors import IngestError
from ingest.settings import RELEASES_KEEP
from ingest.warehouse import NothingLoadedError, open_warehouse
from opencode_warehouse.keep import copies
from opencode_warehouse.keep.copies import Manifest, Progress

FOLDER = "releases"
CURRENT = "current"
_NAME = "%Y%m%dT%H%M%SZ"
_IS_NAME = re.compile(r"\d{8}T\d{6}Z")
_REMEDY = "The last release is still served. Make room on the disk, then run again."


@dataclass(frozen=True, slots=True)
class Release:
    """One release: `name` is its UTC time, `is_current` whether readers are given it."""

    name: str
    path: Path
    manifest: Manifest
    is_current: bool

    def as_json(self) -> dict[str, object]:
        """Return the release in JSON types."""
        withdrawn_at = self.manifest.withdrawn_at
        return {
            "name": self.name,
            "path": str(self.path),
            "is_current": self.is_current,
            "made_at": self.manifest.made_at.isoformat(),
            "withdrawn_at": None if withdrawn_at is None else withdrawn_at.isoformat(),
            "size_bytes": self.manifest.size_bytes,
            "sha256": self.manifest.sha256,
            "n_documents": self.manifest.contents.n_documents,
            "newest_load_batch_id": self.manifest.contents.newest_load_batch_id,
        }


def publish(
    warehouse: Path,
    *,
    keep: int = RELEASES_KEEP,
    progress: Progress = lambda step: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Release:
    """Copy a warehouse that has passed its gate, verify the copy, and give it to readers in one rename.

    Of the releases the newest `keep` stay; those that were rolled back and what killed runs left are
    removed. Raises IngestError where it cannot be done: then `current` names what it named before.
    """
    if not warehouse.is_file():
        raise NothingLoadedError(f"There is no warehouse at {warehouse} to release. Load first: `make run`.")
    folder = warehouse.parent / FOLDER
    releases(warehouse)  # which refuses what leads elsewhere
    # A process loses its lock when it closes any handle of the file: this one stays open until the end.
    with ExitStack() as after_unlocking, open_warehouse(warehouse) as connection:
        connection.execute("checkpoint")
        contents = copies.contents(connection)
        original = after_unlocking.enter_context(warehouse.open("rb"))
        with _told(f"The release in {folder}"):
            folder.mkdir(mode=0o700, exist_ok=True)
            _remove_parts(folder)
            copies.require_space(folder, warehouse.stat().st_size, f"A release in {folder}", _REMEDY)
            with _part(folder) as part:
                copy = part / warehouse.name
                size_bytes = copies.copy_file(original, copy, progress)
                progress("verifying the release")
                copies.verify(copy, contents, _REMEDY)
                made_at = clock()
                manifest = Manifest(made_at, size_bytes, copies.sha256(copy), contents)
                manifest.write(part)
                with _turn(folder):
                    name = _next_name(folder, made_at)
                    part.rename(folder / name)
                    copies.sync(folder)
                    _point(warehouse, name)
                    _rotate(warehouse, keep)
    return Release(name, folder / name / warehouse.name, manifest, is_current=True)


def roll_back(
    warehouse: Path,
    to: str | None = None,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Release:
    """Give readers the release before the present one, or the one named, in one rename; return it.

    Releases that are newer than it are marked as withdrawn: no later rollback goes to them, and the next
    publication removes them. The warehouse itself is not touched, nor does it matter whether it is in
    use. Raises IngestError, naming what there is, where there is no such release.
    """
    folder = warehouse.parent / FOLDER
    present = _link_target(warehouse)
    if not folder.is_dir():
        raise IngestError(f"There is no release in {folder} yet: `make run` makes one where all tests pass.")
    with _told(f"The rollback in {folder}"), _turn(folder):
        found = releases(warehouse)
        target = _chosen(found, present, to)
        _point(warehouse, target.name)
        now = clock()
        for release in found:
            if release.name > target.name and release.manifest.withdrawn_at is None:
                replace(release.manifest, withdrawn_at=now).write(release.path.parent)
        manifest = replace(target.manifest, withdrawn_at=None)
        if target.manifest.withdrawn_at is not None:  # somebody wants it after all
            manifest.write(target.path.parent)
    return replace(target, manifest=manifest, is_current=True)


def releases(warehouse: Path) -> list[Release]:
    """Return all releases of a warehouse, the newest first.

    Raises IngestError where one of them, or `current`, leads elsewhere, or a manifest cannot be read.
    """
    folder = warehouse.parent / FOLDER
    present = _link_target(warehouse)
    found = []
    for path in sorted(folder.glob("*"), reverse=True) if folder.is_dir() else []:
        if not _IS_NAME.fullmatch(path.name):
            continue
        copies.refuse_link_out(path / warehouse.name, folder, f"the release {path.name}")
        manifest = copies.read_manifest(path)
        if manifest is not None and (path / warehouse.name).is_file():
            found.append(Release(path.name, path / warehouse.name, manifest, path.name == present))
    return found


def current_release(warehouse: Path) -> Path | None:
    """Return the file that readers open, through the link `current`; None where nothing is released.

    Raises IngestError where that leads elsewhere than to a release.
    """
    name = _link_target(warehouse)
    if name is None:
        return None
    file = warehouse.parent / CURRENT / warehouse.name
    copies.refuse_link_out(file, warehouse.parent / FOLDER, f"the release {name}")
    return file if file.is_file() else None


def to_read(warehouse: Path) -> Path:
    """Return the file for a reader: the current release, or the warehouse itself where there is none."""
    return current_release(warehouse) or warehouse


def describe(found: list[Release]) -> str:
    """Return the releases as a table for a person."""
    if not found:
        return "There is no release yet: `make run` makes one where all tests pass."
    lines = [f"  {'release':<18}{'documents':>12}{'size':>12}  state"]
    for one in found:
        state = "current" if one.is_current else "withdrawn" if one.manifest.withdrawn_at else ""
        size = human.size(one.manifest.size_bytes)
        lines.append(f"  {one.name:<18}{one.manifest.contents.n_documents:>12,}{size:>12}  {state}".rstrip())
    return "\n".join(lines)


def _chosen(found: list[Release], present: str | None, to: str | None) -> Release:
    """Return the release to go back to. Raises IngestError where there is none."""
    there = ", ".join(f"{one.name} (current)" if one.is_current else one.name for one in found) or "none"
    if to is not None:
        for release in found:
            if release.name == to:
                return release
        raise IngestError(f"There is no release {to}. Releases: {there}. Name one of them.")
    before = [
        one for one in found if one.manifest.withdrawn_at is None and (present is None or one.name < present)
    ]
    if not before:
        raise IngestError(f"There is no release to go back to. Releases: {there}.")
    return before[0]


def _link_target(warehouse: Path) -> str | None:
    """Return the name of the release that `current` names, None where there is no such link.

    Raises IngestError where something else bears that name.
    """
    link = warehouse.parent / CURRENT
    if not os.path.lexists(link):
        return None
    target = link.readlink() if link.is_symlink() else None
    if target is None or target.parent != Path(FOLDER) or not _IS_NAME.fullmatch(target.name):
        raise IngestError(
            f"{link} is not a link to a release, so it was left as it is. Move it away: readers are given "
            "the current release under that name."
        )
    return target.name


def _point(warehouse: Path, name: str) -> None:
    """Let `current` name a release: the one rename that readers see."""
    link = warehouse.parent / CURRENT
    _link_target(warehouse)  # looked at again: it may have been put there since
    temporary = warehouse.parent / f".{CURRENT}{copies.PART_SUFFIX}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(Path(FOLDER) / name)
    temporary.replace(link)
    copies.sync(warehouse.parent)


def _rotate(warehouse: Path, keep: int) -> None:
    """Remove the releases that are withdrawn or too many; never the current one."""
    n_kept = 0
    for release in releases(warehouse):
        if release.is_current or (release.manifest.withdrawn_at is None and n_kept < keep):
            n_kept += 1
        else:
            # under another name first, so that no half release can be gone back to
            part = release.path.parent.with_name(f".{release.name}{copies.PART_SUFFIX}")
            release.path.parent.rename(part)
            shutil.rmtree(part)


def _remove_parts(folder: Path) -> None:
    for path in folder.glob(f".*{copies.PART_SUFFIX}"):
        shutil.rmtree(path)


def _next_name(folder: Path, made_at: datetime) -> str:
    """Return a name that sorts after all others, also where the clock was set back."""
    names = sorted(path.name for path in folder.glob("*") if _IS_NAME.fullmatch(path.name))
    name = f"{made_at:{_NAME}}"
    if names and name <= names[-1]:
        name = f"{datetime.strptime(names[-1], _NAME).replace(tzinfo=UTC) + timedelta(seconds=1):{_NAME}}"
    return name


@contextmanager
def _part(folder: Path) -> Iterator[Path]:
    """Yield a new folder, 0700, that is gone unless it was renamed."""
    part = Path(tempfile.mkdtemp(prefix=".", suffix=copies.PART_SUFFIX, dir=folder))
    try:
        yield part
    finally:
        if part.exists():
            shutil.rmtree(part)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Let one process at a time change which release is current; it takes each a moment."""
    with (folder / ".turn").open("a") as file:
        with suppress(PermissionError):  # another user's, who shares it
            os.fchmod(file.fileno(), 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn what the disk refuses into an error that says what is served and what to do."""
    try:
        yield
    except OSError as error:
        raise IngestError(f"{what} could not be finished ({error.strerror}). {_REMEDY}") from None
