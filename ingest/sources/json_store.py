"""The JSON tree of OpenCode 1.0 and 1.1 (`storage/`); later versions still keep session diffs there."""

import errno
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TypeAlias

from ingest.errors import SourceError
from ingest.raw.documents import (
    Document,
    Entity,
    Rejection,
    Seen,
    check_size,
    file_microseconds,
    make_document,
    reject,
)
from ingest.raw.json_text import UnreadableError, parse
from ingest.raw.known import Known, Met
from ingest.sources.source import Census, Source

TREE = "storage"
MAX_VERSION_LENGTH = 40

_name = attrgetter("name")

Entry: TypeAlias = "os.DirEntry[str] | Path"
"""A file or folder, as a listing gives it or as somebody names it."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Where an entity lies below `storage/`, and which field of a document its parent folder names."""

    entity: Entity
    name: str
    parent_field: str | None
    is_nested: bool


FOLDERS = (
    Folder("projects", "project", None, is_nested=False),
    # A session's folder is that of its project, which it may leave: OpenCode moves sessions of
    # directories that become git repositories. So the document's own projectID counts.
    Folder("sessions", "session", None, is_nested=True),
    Folder("todos", "todo", None, is_nested=False),
    Folder("session_diffs", "session_diff", None, is_nested=False),
    Folder("messages", "message", "sessionID", is_nested=True),
    Folder("parts", "part", "messageID", is_nested=True),
)
"""permission/ and session_share/ (it holds secrets) are not read."""


class JsonTree(Source):
    """The tree of a data root."""

    __slots__ = ()

    KIND = "json"

    @staticmethod
    def discover(store: Path) -> list[Path]:
        """Return a data root with a tree in it, or that of a tree which was named itself."""
        if (store / TREE).is_dir():
            return [store]
        return [store.parent] if store.name == TREE and store.is_dir() else []

    def is_found_in(self, store: Path) -> bool:
        """Whether this is the root, or the tree in it."""
        return store in (self.root, self.tree)

    @property
    def title(self) -> str:
        """What it is and where."""
        return f"JSON tree {self.tree}"

    @property
    def tree(self) -> Path:
        """The folder below which each document is a file."""
        return self.root / TREE

    def file_of(self, origin: str) -> Path:
        """Return the file that an origin is."""
        return self.root / origin

    def census(self) -> Census:
        """Count the files of each kind, and look which version of OpenCode wrote each session."""
        tree = self.tree
        counts: Counter[str] = Counter()
        versions: Counter[str] = Counter()
        problems: list[str] = []
        for kind in ("session", "message", "part"):
            for folder in child_folders(tree, kind, problems):
                names = [entry.name for entry in list_folder(folder, problems)]
                files = [folder / name for name in names if name.endswith(".json")]
                counts[kind] += len(files)
                if kind == "session":
                    versions.update(_version_in(file) for file in files)
        unreadable = tuple(f"cannot be read: {problem}" for problem in problems)
        return Census(counts, tuple(sorted(versions.items())), (), None, unreadable)

    def read(self, known: Mapping[Entity, Known]) -> Iterator[Document | Rejection | Seen]:
        """Yield the documents that are new or changed, what cannot be read, and counts of the unchanged.

        Notes in `known` every id it meets. Raises SourceError at the end where a folder could not be
        listed: all the rest has been yielded by then, but nothing may be concluded from what is missing.
        """
        tree = self.tree
        problems: list[str] = []
        for folder in FOLDERS:
            base = tree / folder.name
            if not folder.is_nested:
                yield from _read_folder(tree, str(base), folder.name, folder, known[folder.entity], problems)
                continue
            for child in _children(tree, folder.name, problems):
                place = f"{folder.name}/{child.name}"
                why_not = _why_not_followed(tree, child)
                if why_not is not None:
                    origin = _text(f"{TREE}/{place}")
                    yield reject(folder.entity, None, origin, UnreadableError("unreadable", why_not))
                    continue
                yield from _read_folder(tree, child.path, place, folder, known[folder.entity], problems)
        if problems:
            raise SourceError(
                f"{len(problems)} folder(s) below {tree} cannot be read, the first is {problems[0]}. "
                "Give yourself the right to read them and load again."
            )

    def read_recent(
        self, files: Collection[Path], known: Mapping[Entity, Known]
    ) -> Iterator[Document | Rejection | Seen]:
        """Yield what these files hold now, whatever is known of them; a folder stands for its files.

        A path that is gone, or that holds no document, yields nothing: what is gone takes a whole reading.
        """
        tree = self.tree
        for file, folder in _files(tree, files).items():
            document_id = _text(file.stem)
            found = _read_file(
                tree,
                file,
                folder,
                document_id,
                _text(file.parent.name),
                f"{_text(file.parent.relative_to(self.root).as_posix())}/{document_id}.json",
                known[folder.entity].peek(document_id),
            )
            if found is not None:
                yield found


def child_folders(tree: Path, name: str, problems: list[str]) -> Iterator[Path]:
    """Yield the folders in a folder of the tree; what cannot be read becomes a problem.

    OpenCode moves a session from global/ to its project's folder: where a crash left both, the moved one
    is met first and counts.
    """
    for child in _children(tree, name, problems):
        if _why_not_followed(tree, child) is None:
            yield tree / name / child.name


def _children(tree: Path, name: str, problems: list[str]) -> Iterator[os.DirEntry[str]]:
    for child in sorted(list_folder(tree / name, problems), key=lambda child: child.name == "global"):
        try:
            if child.is_symlink() or child.is_dir():
                yield child
        except OSError as error:
            problems.append(f"{_text(child.path)} ({error.strerror})")


def _why_not_followed(tree: Path, folder: os.DirEntry[str]) -> str | None:
    """Say why a folder that is a link is left out, None where it is read.

    It costs what it stands for and nothing else: were the whole store taken for unread, nothing in it could
    be marked as deleted for as long as the link is there.
    """
    try:
        _check_place(tree, folder)
    except OSError as error:
        return error.strerror or "a symbolic link that cannot be followed"
    return None


def list_folder(folder: Path | str, problems: list[str]) -> list[os.DirEntry[str]]:
    """Return what lies in a folder, in order of name; one that cannot be listed becomes a problem."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=_name)
    except OSError as error:
        # OpenCode makes folders when it needs them and deletes them with sessions. But a link that leads
        # nowhere is a disk that is not mounted.
        if not isinstance(error, FileNotFoundError) or Path(folder).is_symlink():
            problems.append(f"{_text(str(folder))} ({error.strerror})")
        return []


def _read_folder(
    tree: Path, path: str, place: str, folder: Folder, known: Known, problems: list[str]
) -> Iterator[Document | Rejection | Seen]:
    """Yield what is new in the folder at `path`, which is `place` seen from the tree."""
    parent = _text(path.rpartition("/")[2])
    origin = _text(f"{TREE}/{place}")
    n_unchanged = 0
    for entry in list_folder(path, problems):
        name = entry.name
        if not name.endswith(".json"):
            continue
        document_id = _text(name[:-5])
        if known and _is_unchanged(tree, entry, document_id, known):
            n_unchanged += 1
            continue
        found = _read_file(
            tree, entry, folder, document_id, parent, f"{origin}/{document_id}.json", known.meet(document_id)
        )
        if found is not None:
            yield found
    if n_unchanged:
        yield Seen(folder.entity, n_unchanged)


def _is_unchanged(tree: Path, entry: os.DirEntry[str], document_id: str, known: Known) -> bool:
    """Whether a file is as it was landed; then it has been met. Reading it finds out about all others."""
    try:
        if entry.is_symlink():
            _check_place(tree, entry)
        status = entry.stat()
    except OSError:
        return False
    return known.meet_unchanged(document_id, file_microseconds(status), status.st_size)


def _read_file(
    tree: Path,
    entry: Entry,
    folder: Folder,
    document_id: str,
    parent: str,
    origin: str,
    met: Met,
) -> Document | Rejection | None:
    """Return what a file holds, None where it is gone since it was seen: the next load sees that."""
    try:
        if entry.is_symlink():
            _check_place(tree, entry)
        raw, modified_us = _read_bytes(entry)
    except FileNotFoundError:
        return None
    except OSError as error:
        detail = error.strerror or "cannot be opened"
        return reject(folder.entity, document_id, origin, UnreadableError("unreadable", detail))
    except UnreadableError as error:
        return reject(folder.entity, document_id, origin, error)
    entity = folder.entity
    return make_document(
        entity,
        raw,
        document_id=document_id,
        ids=_ids(folder, document_id, parent),
        session_id=_session_id(entity, document_id, parent),
        message_id=parent if entity == "parts" else None,
        origin=origin,
        modified_us=modified_us,
        size_bytes=len(raw),
        met=met,
    )


def _read_bytes(entry: Entry) -> tuple[bytes, int | None]:
    """Return what a file holds and when it was changed (microseconds), by four calls of the system.

    Raises OSError where it cannot be read, UnreadableError where it is none or too large.
    """
    if not entry.is_file():  # a pipe would keep us waiting for ever; one that takes its place now does not
        os.stat(entry)  # noqa: PTH116 - what is gone is no pipe
        raise UnreadableError("unreadable", "is no regular file")
    descriptor = os.open(entry, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("unreadable", "is no regular file")
        check_size(status.st_size)
        raw = os.read(descriptor, status.st_size + 1)
        if len(raw) != status.st_size:  # it grows, or a file system that gives less than it was asked for
            raw += _rest(descriptor)
    finally:
        os.close(descriptor)
    return raw, file_microseconds(status)


def _rest(descriptor: int) -> bytes:
    pieces = []
    while piece := os.read(descriptor, 1024 * 1024):
        pieces.append(piece)
    return b"".join(pieces)


def _files(tree: Path, paths: Iterable[Path]) -> dict[Path, Folder]:
    """Return the files that hold documents among these paths and directly in these folders, each once."""
    files = {}
    for path in paths:
        place = path.relative_to(tree).parts
        folder = next((folder for folder in FOLDERS if place and folder.name == place[0]), None)
        if folder is None:
            continue
        depth = 1 + folder.is_nested
        inside = [path]
        if len(place) == depth:  # a folder that is new: what was written into it before it was listened to
            inside = [path / entry.name for entry in list_folder(path, [])]
        for file in inside:
            if file.suffix == ".json" and len(file.relative_to(tree).parts) == depth + 1:
                files[file] = folder
    # a folder that is a link may leave the store
    return {
        file: folder for file, folder in files.items() if file.parent.resolve().is_relative_to(tree.resolve())
    }


def _ids(folder: Folder, document_id: str, parent: str) -> list[tuple[str, str]]:
    if folder.entity in ("todos", "session_diffs"):
        return []
    own = [("id", document_id)]
    return own if folder.parent_field is None else [*own, (folder.parent_field, parent)]


def _session_id(entity: Entity, document_id: str, parent: str) -> str | None:
    if entity == "messages":
        return parent
    return None if entity in ("projects", "parts") else document_id


def _check_place(tree: Path, entry: Entry) -> None:
    """Raise OSError where an entry is a symbolic link that leaves the store, or leads nowhere."""
    if not entry.is_symlink():
        return
    with suppress(FileNotFoundError):  # what leaves the store does so, too, where it leads to nothing there
        entry.stat()  # a circle of links: pathlib has an error of its own for it
    if not Path(entry).resolve().is_relative_to(tree.resolve()):
        raise PermissionError(errno.EPERM, "a symbolic link that leaves the store")
    entry.stat()


def _text(name: str) -> str:
    # File names are bytes; what is not UTF-8 in them cannot be stored as text.
    if name.isascii():
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _version_in(session: Path) -> str:
    if not session.is_file():  # a pipe would keep us waiting for ever
        return "an unreadable file"
    try:
        value, _ = parse(session.read_bytes())
    except (OSError, UnreadableError):
        return "an unreadable file"
    version = value.get("version") if isinstance(value, dict) else None
    return version[:MAX_VERSION_LENGTH] if isinstance(version, str) else "unknown"
