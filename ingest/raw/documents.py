"""Documents as they travel from a source to the warehouse."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from ingest.raw.json_text import JsonValue, UnreadableError, canonical, parse
from ingest.raw.known import Met

SourceKind: TypeAlias = Literal["json", "sqlite", "export"]
Entity: TypeAlias = Literal[
    "projects", "sessions", "messages", "parts", "todos", "session_diffs", "session_messages"
]

ENTITIES: tuple[Entity, ...] = (
    "projects",
    "sessions",
    "todos",
    "session_diffs",
    "messages",
    "session_messages",
    "parts",
)
"""The raw tables, in the order in which they load: what others hang on comes first."""

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
"""A larger document is rejected: it would not fit a chunk, and OpenCode never wrote one."""

_END_OF_CALENDAR_MS = 253_402_300_800_000

_KIND_FIELDS = {"messages": "role", "parts": "type", "session_messages": "type"}


@dataclass(frozen=True, slots=True)
class SourceKey:
    """What names a store: `root` is a data root (json), a database file (sqlite) or an export file (export).

    What can be asked of a store is in ingest/sources.
    """

    is_excerpt: ClassVar[bool] = False
    """Whether it may hold some sessions only: then it says nothing of those that it lacks."""

    machine: str
    kind: SourceKind
    root: Path
    is_sample: bool = False

    @property
    def source_id(self) -> str:
        """`machine:kind:root`; stable as long as the store stays where it is."""
        return f"{self.machine}:{self.kind}:{self.root.as_posix()}"


class Document(NamedTuple):
    """One readable record. `payload` is canonical JSON; `modified_us` is microseconds of the epoch (UTC)."""

    entity: Entity
    document_id: str
    session_id: str | None
    message_id: str | None
    payload: bytes
    payload_hash: str
    origin: str
    modified_us: int | None
    size_bytes: int
    is_known: bool
    n_surrogates: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """One record that cannot be landed. `position` is a byte offset, where one is known.

    `detail` never holds text of the record: stores are private.
    """

    entity: str
    origin: str
    document_id: str | None
    reason: str
    detail: str
    position: int | None
    size_bytes: int | None
    modified_us: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """Records that are unchanged since they were landed (`n` of them), for the counts."""

    entity: Entity
    n: int


REASONS = {
    "empty": "no byte in it, or only blanks and NUL bytes (a crash while it was written)",
    "truncated": "ends in the middle (a crash, a full disk, or it is being written now)",
    "not_utf8": "holds bytes that are not UTF-8",
    "not_json": "is not JSON",
    "too_deep": "nests deeper than 254 levels",
    "too_large": f"is larger than {MAX_DOCUMENT_BYTES // 1024 // 1024} MiB (a file of exports: 256 MiB)",
    "wrong_shape": "is JSON, but not what OpenCode writes there",
    "id_mismatch": "names another id than its place does",
    "duplicate_id": "has the id of another document of the same store",
    "unreadable": "cannot be opened (permissions or a failing disk)",
    "secret_id": "has an id that is a secret, which would stand in every table",
}
"""Every reason a record can be rejected for, and what it means in words."""


def clock_microseconds(milliseconds: object) -> int | None:
    """Return epoch milliseconds as microseconds, None where that is no time a calendar has."""
    if not isinstance(milliseconds, int) or not 0 <= milliseconds < _END_OF_CALENDAR_MS:
        return None
    return milliseconds * 1000


def check_size(n_bytes: int) -> None:
    """Raise UnreadableError where a document is too large to be landed."""
    if n_bytes > MAX_DOCUMENT_BYTES:
        raise UnreadableError("too_large", f"{n_bytes:,} bytes")


def file_microseconds(status: os.stat_result) -> int | None:
    """Return when a file was last changed, in microseconds; None where no calendar has that time."""
    modified_us = status.st_mtime_ns // 1000
    return modified_us if 0 <= modified_us < _END_OF_CALENDAR_MS * 1000 else None


def check_shape(entity: Entity, value: JsonValue) -> None:
    """Raise UnreadableError where a value is not what OpenCode writes for that entity.

    Only what every later step stands on is checked: object or array, and the field that says the kind.
    """
    if entity in ("todos", "session_diffs"):
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise UnreadableError("wrong_shape", "an array of objects is expected")
        return
    if not isinstance(value, dict):
        raise UnreadableError("wrong_shape", "an object is expected")
    kind_field = _KIND_FIELDS.get(entity)
    if kind_field is not None and not isinstance(value.get(kind_field), str):
        raise UnreadableError("wrong_shape", f"the field `{kind_field}` is missing or no text")


def with_ids(value: JsonValue, ids: Iterable[tuple[str, str]]) -> JsonValue:
    """Return an object with the ids of its place in it; raise UnreadableError where it names others.

    OpenCode leaves ids out of the documents it stores in SQLite, and writes them into its JSON files.
    """
    if not isinstance(value, dict):
        return value
    for name, place in ids:
        named = value.get(name)
        if named is None:
            value[name] = place
        elif named != place:
            raise UnreadableError("id_mismatch", f"the field `{name}` is not that of its place")
    return value


def make_document(
    entity: Entity,
    raw: bytes | Callable[[], tuple[JsonValue, int]],
    *,
    document_id: str,
    ids: Iterable[tuple[str, str]] = (),
    fields: Sequence[tuple[str, JsonValue]] = (),
    session_id: str | None = None,
    message_id: str | None = None,
    origin: str,
    modified_us: int | None,
    size_bytes: int | None,
    met: Met,
) -> Document | Rejection:
    """Parse, check and canonicalize one record; a record that cannot be landed becomes a Rejection.

    `raw` is the record's JSON, or a function that puts it together, as `parse` does.

    `ids` are the ids that its place gives it (field name, id), `fields` what its row says beside the
    document. A part whose place does not name its session takes it from its own `sessionID`. Without
    `size_bytes` the size is that of the payload.
    """
    try:
        if not document_id:
            raise UnreadableError("wrong_shape", "its id is missing")
        if met.is_duplicate:
            raise UnreadableError("duplicate_id", "the same id stands at another place of this store")
        check_size(0 if callable(raw) else len(raw))
        value, n_surrogates = raw() if callable(raw) else parse(raw)
        if fields and isinstance(value, dict):
            value.update(fields)
        check_shape(entity, value)
        value = with_ids(value, ids)
        if session_id is None and isinstance(value, dict) and isinstance(value.get("sessionID"), str):
            session_id = str(value["sessionID"])
        payload, payload_hash = canonical(value)
        check_size(len(payload))
    except UnreadableError as error:
        return reject(entity, document_id, origin, error, size_bytes, modified_us)
    size_bytes = len(payload) if size_bytes is None else size_bytes
    return Document(  # by position, as names would cost two seconds in a million
        entity,
        document_id,
        session_id,
        message_id,
        payload,
        payload_hash,
        origin,
        modified_us,
        size_bytes,
        met.is_known,
        n_surrogates,
    )


def reject(
    entity: str,
    document_id: str | None,
    origin: str,
    error: UnreadableError,
    size_bytes: int | None = None,
    modified_us: int | None = None,
) -> Rejection:
    """Return the Rejection of a record for what was found wrong with it."""
    return Rejection(
        entity=entity,
        origin=origin,
        document_id=document_id,
        reason=error.reason,
        detail=error.detail,
        position=error.position,
        size_bytes=size_bytes,
        modified_us=modified_us,
    )
