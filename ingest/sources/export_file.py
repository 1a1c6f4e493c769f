"""A file of what `opencode export` wrote: sessions with their messages and the parts of these."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingest.errors import SourceError
from ingest.raw.documents import (
    Document,
    Entity,
    Rejection,
    Seen,
    file_microseconds,
    make_document,
    reject,
)
from ingest.raw.json_text import JsonValue, UnreadableError
from ingest.raw.known import Known
from ingest.sources import export_text
from ingest.sources.source import Source
from ingest.sources.sqlite_store import is_database

MAX_EXPORT_BYTES = 256 * 1024 * 1024
"""A larger file is rejected before a byte of it is read: parsed, it takes several times its size."""


class ExportFile(Source):
    """One file of exports."""

    __slots__ = ()

    KIND = "export"
    is_excerpt = True

    @staticmethod
    def discover(store: Path) -> list[Path]:
        """Return the file that was named, unless it is a database."""
        return [store] if store.is_file() and not is_database(store) else []

    def is_found_in(self, store: Path) -> bool:
        """Whether this is the file, or the folder that it is in."""
        return store in (self.root, self.root.parent)

    @property
    def title(self) -> str:
        """What it is and where."""
        return f"Export file {self.root}"

    def read(self, known: Mapping[Entity, Known]) -> Iterator[Document | Rejection | Seen]:
        """Yield the sessions of a file, their messages and parts, a Rejection of each that cannot be read.

        Notes in `known` every id it meets. A file says nothing of sessions that it does not hold: theirs
        count as met. Raises SourceError where the file cannot be opened.
        """
        modified_us = None
        size_bytes = None
        try:
            status = self.root.stat()
            modified_us, size_bytes = file_microseconds(status), status.st_size
            text, n_surrogates = export_text.decode(_read(self.root, size_bytes))
        except OSError as error:
            raise SourceError(f"{self.root} cannot be read ({error.strerror}). Check the path.") from None
        except UnreadableError as error:
            yield reject("exports", None, self.root.name, error, size_bytes, modified_us)
            for landed in known.values():
                landed.meet_all()
            return
        file = _File(self.root.name, modified_us, size_bytes, known)
        exports = file.exports(text)
        for one in exports:
            yield from file.documents(one, n_surrogates + one.n_surrogates)
            n_surrogates = 0
        yield from file.rejections
        for landed in known.values():
            landed.meet_sessions_but(set() if file.has_ruins else file.whole_sessions)


def _read(file: Path, size_bytes: int) -> bytes:
    if size_bytes <= MAX_EXPORT_BYTES:
        with file.open("rb") as opened:
            raw = opened.read(MAX_EXPORT_BYTES + 1)
        if len(raw) <= MAX_EXPORT_BYTES:  # else it grows
            return raw
    raise UnreadableError(
        "too_large",
        f"{size_bytes:,} bytes of exports, where a file may have {MAX_EXPORT_BYTES:,}: export fewer into one",
    )


@dataclass(frozen=True, slots=True)
class _Export:
    """One session as OpenCode exports it, and the lone surrogates that were replaced in it."""

    session_id: str
    info: JsonValue
    messages: list[dict[str, JsonValue]]
    n_surrogates: int

    @property
    def updated(self) -> float:
        """When the session was last changed, in milliseconds of the epoch."""
        time = self.info.get("time") if isinstance(self.info, dict) else None
        updated = time.get("updated") if isinstance(time, dict) else None
        return updated if isinstance(updated, int | float) else 0


@dataclass(slots=True)
class _File:
    """What is read of one file: `whole_sessions` are those of which every message could be looked into."""

    name: str
    modified_us: int | None
    size_bytes: int
    known: Mapping[Entity, Known]
    rejections: list[Rejection] = field(default_factory=list)
    has_ruins: bool = False
    whole_sessions: set[str] = field(default_factory=set)

    def exports(self, text: bytes) -> list[_Export]:
        """Return the exports in a text; of several of one session that which was changed last.

        What else is there, or is no export although it stands for one, is rejected.
        """
        newest: dict[str, _Export] = {}
        for piece in export_text.pieces(text):
            try:
                if piece.error is not None:
                    raise piece.error
                one = _unpack(piece)
            except UnreadableError as error:
                self.has_ruins = True
                self._reject("exports", piece.session_id or _id_of_export(piece.value), error)
                continue
            other = newest.get(one.session_id)
            if other is not None and (other.info, other.messages) != (one.info, one.messages):
                older = UnreadableError("duplicate_id", "the file holds a newer export of this session")
                self._reject("exports", one.session_id, older)
            if other is None or one.updated >= other.updated:
                newest[one.session_id] = one
        return list(newest.values())

    def documents(self, export: _Export, n_surrogates: int) -> Iterator[Document | Rejection]:
        """Yield a session, its messages and their parts."""
        session_id = export.session_id
        self.whole_sessions.add(session_id)
        yield self._document("sessions", export.info, session_id, {}, n_surrogates)
        for message in export.messages:
            info = message.get("info")
            yield self._document("messages", info, session_id, {"sessionID": session_id})
            parts = message.get("parts")
            if not isinstance(parts, list):
                self.whole_sessions.discard(session_id)
                no_parts = UnreadableError("wrong_shape", "`parts` of a message is an array")
                yield reject("messages", _id_of(info), self.name, no_parts, None, self.modified_us)
                continue
            for part in parts:
                place = {"sessionID": session_id, "messageID": _id_of(info)}
                yield self._document("parts", part, session_id, place)

    def _document(
        self, entity: Entity, value: JsonValue, session_id: str, place: dict[str, str], n_surrogates: int = 0
    ) -> Document | Rejection:
        document_id = _id_of(value)
        return make_document(
            entity,
            lambda: (value, n_surrogates),
            document_id=document_id,
            ids=place.items(),
            session_id=session_id,
            message_id=place.get("messageID"),
            origin=self.name,
            modified_us=self.modified_us,
            size_bytes=None,
            met=self.known[entity].meet(document_id),
        )

    def _reject(self, entity: str, document_id: str | None, error: UnreadableError) -> None:
        found = reject(entity, document_id, self.name, error, self.size_bytes, self.modified_us)
        self.rejections.append(found)


def _unpack(piece: export_text.Piece) -> _Export:
    value = piece.value
    if not isinstance(value, dict) or not isinstance(value.get("info"), dict):
        raise UnreadableError("wrong_shape", "an export is an object with `info` and `messages`")
    messages = value.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise UnreadableError("wrong_shape", "`messages` of an export is an array of objects")
    session_id = _id_of(value["info"])
    if not session_id:
        raise UnreadableError("wrong_shape", "`info.id` of an export is missing")
    of_objects = [message for message in messages if isinstance(message, dict)]
    return _Export(session_id, value["info"], of_objects, piece.n_surrogates)


def _id_of(value: JsonValue) -> str:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _id_of_export(value: JsonValue) -> str | None:
    return (_id_of(value.get("info")) or None) if isinstance(value, dict) else None
