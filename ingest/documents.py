"""Documents as they travel from a source to the warehouse, and the one parser that all sources share."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, TypeAlias

import orjson

JsonValue: TypeAlias = "None | bool | int | float | str | list[JsonValue] | dict[str, JsonValue]"
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

HASH_HEX_DIGITS = 32

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_CANONICAL = orjson.OPT_SORT_KEYS


@dataclass(frozen=True, slots=True)
class Source:
    """One store: `root` is a data root (json), a database file (sqlite) or an export file (export)."""

    machine: str
    kind: SourceKind
    root: Path
    is_sample: bool = False

    @property
    def source_id(self) -> str:
        """`machine:kind:root`; stable as long as the store stays where it is."""
        return f"{self.machine}:{self.kind}:{self.root.as_posix()}"


class Known:
    """What is landed of one entity of one source, and what a reader has met of it so far.

    `landed` maps an id to (modified, microseconds of the epoch; size, bytes), or to None where the
    document has to be read again whatever its file says; `deleted` are landed ids that had vanished.
    """

    __slots__ = ("_deleted", "_landed", "_met")

    def __init__(
        self, landed: dict[str, tuple[int, int] | None] | None = None, deleted: Iterable[str] = ()
    ) -> None:
        self._landed = landed or {}
        self._deleted = frozenset(deleted)
        self._met: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._landed) or bool(self._deleted)

    def __len__(self) -> int:
        return len(self._landed)

    def meet(self, document_id: str) -> tuple[bool, tuple[int, int] | None]:
        """Note that the source has this id; return whether it is landed, and as of which version.

        Raises UnreadableError where the reader has met the same id before in this source.
        """
        if document_id in self._met:
            raise UnreadableError("duplicate_id", "the same id stands at another place of this store")
        self._met.add(document_id)
        is_known = document_id in self._landed or document_id in self._deleted
        return is_known, self._landed.get(document_id)

    def meet_all(self) -> None:
        """Take every landed document for present: nothing is known of what is missing."""
        self._met.update(self._landed)

    def vanished(self) -> list[str]:
        """Return the landed ids that the reader did not meet."""
        return [document_id for document_id in self._landed if document_id not in self._met]


@dataclass(frozen=True, slots=True)
class Document:
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


class UnreadableError(Exception):
    """A record that cannot be landed: `reason` is one of the words of REASONS."""

    def __init__(self, reason: str, detail: str, position: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.position = position


REASONS = {
    "empty": "no byte in it, or only blanks and NUL bytes (a crash while it was written)",
    "truncated": "ends in the middle (a crash, a full disk, or it is being written now)",
    "not_utf8": "holds bytes that are not UTF-8",
    "not_json": "is not JSON",
    "too_deep": "nests deeper than 254 levels",
    "too_large": f"is larger than {MAX_DOCUMENT_BYTES // 1024 // 1024} MiB",
    "wrong_shape": "is JSON, but not what OpenCode writes there",
    "id_mismatch": "names another id than its place does",
    "duplicate_id": "has the id of another document of the same store",
    "unreadable": "cannot be opened (permissions or a failing disk)",
}
"""Every reason a record can be rejected for, and what it means in words."""


def parse(raw: bytes) -> tuple[JsonValue, int]:
    """Return the value of JSON bytes and the number of lone surrogates replaced by U+FFFD.

    Raises UnreadableError where the bytes are not one JSON value of RFC 8259.
    """
    try:
        value: JsonValue = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return _parse_leniently(raw, error)
    return value, 0


def canonical(value: JsonValue) -> tuple[bytes, str]:
    """Return the canonical JSON text (minified, keys sorted) and its hash in hex digits.

    Raises UnreadableError where the value nests too deep.
    """
    try:
        payload = orjson.dumps(value, option=_CANONICAL)
    except orjson.JSONEncodeError:
        raise UnreadableError("too_deep", "deeper than canonical JSON is written") from None
    return payload, hashlib.sha256(payload).hexdigest()[:HASH_HEX_DIGITS]


def clock_microseconds(milliseconds: object) -> int | None:
    """Return epoch milliseconds as microseconds, None where that is no time a calendar has."""
    if not isinstance(milliseconds, int) or not 0 <= milliseconds < 253_402_300_800_000:
        return None
    return milliseconds * 1000


def _parse_leniently(raw: bytes, error: orjson.JSONDecodeError) -> tuple[JsonValue, int]:
    """Say what is wrong with bytes that the strict parser refused, or read lone surrogates."""
    if not raw.strip(b"\0 \t\r\n"):
        raise UnreadableError("empty", f"{len(raw)} bytes, none of them text", 0) from None
    try:
        text = raw.decode()
    except UnicodeDecodeError as not_text:
        if not_text.reason == "unexpected end of data":
            raise UnreadableError("truncated", "ends inside a character", not_text.start) from None
        raise UnreadableError("not_utf8", "a byte that UTF-8 does not know", not_text.start) from None
    position = len(text[: error.pos].encode())
    if error.msg == "unexpected end of data":
        raise UnreadableError("truncated", "ends before its last bracket", position) from None
    if error.msg == "depth limit exceeded":
        raise UnreadableError("too_deep", "deeper than it is read", position) from None
    if "surrogate" in error.msg:
        return _parse_with_surrogates(text, position)
    raise UnreadableError("not_json", error.msg, position) from None


def _parse_with_surrogates(text: str, position: int) -> tuple[JsonValue, int]:
    # JavaScript strings may hold half an emoji, which strict parsers refuse; the standard library reads it.
    try:
        value: JsonValue = json.loads(text, parse_constant=_refuse_constant, parse_int=_bounded_int)
    except RecursionError:
        raise UnreadableError("too_deep", "deeper than the parser goes", position) from None
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            raise UnreadableError("truncated", "ends before its last bracket", error.pos) from None
        raise UnreadableError("not_json", error.msg, error.pos) from None
    return _replace_surrogates(value)


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableError("not_json", f"{name} is no JSON number")


def _bounded_int(digits: str) -> int | float:
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(number)


def _replace_surrogates(value: JsonValue) -> tuple[JsonValue, int]:
    if isinstance(value, str):
        return _LONE_SURROGATE.subn("\ufffd", value)
    if isinstance(value, list):
        items = [_replace_surrogates(item) for item in value]
        return [item for item, _ in items], sum(n for _, n in items)
    if isinstance(value, dict):
        pairs = [(_replace_surrogates(key), _replace_surrogates(item)) for key, item in value.items()]
        return {str(key): item for (key, _), (item, _) in pairs}, sum(k + n for (_, k), (_, n) in pairs)
    return value, 0


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
    kind_field = {"messages": "role", "parts": "type", "session_messages": "type"}.get(entity)
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
    raw: bytes | Callable[[], JsonValue],
    *,
    document_id: str,
    ids: Iterable[tuple[str, str]] = (),
    fields: Iterable[tuple[str, JsonValue]] = (),
    session_id: str | None = None,
    message_id: str | None = None,
    origin: str,
    modified_us: int | None,
    size_bytes: int,
    is_known: bool,
) -> Document | Rejection:
    """Parse, check and canonicalize one record; a record that cannot be landed becomes a Rejection.

    `raw` is the record's JSON, or a function that puts it together and may raise UnreadableError.

    `ids` are the ids that its place gives it (field name, id), `fields` what its row says beside the
    document. A part whose place does not name its session takes it from its own `sessionID`.
    """
    try:
        if not document_id:
            raise UnreadableError("wrong_shape", "its id is missing")
        if size_bytes > MAX_DOCUMENT_BYTES and not callable(raw):
            raise UnreadableError("too_large", f"{size_bytes:,} bytes")
        value, n_surrogates = (raw(), 0) if callable(raw) else parse(raw)
        if isinstance(value, dict):
            value.update(fields)
        check_shape(entity, value)
        value = with_ids(value, ids)
        if session_id is None and isinstance(value, dict) and isinstance(value.get("sessionID"), str):
            session_id = str(value["sessionID"])
        payload, payload_hash = canonical(value)
    except UnreadableError as error:
        return reject(entity, document_id, origin, error, size_bytes, modified_us)
    return Document(
        entity=entity,
        document_id=document_id,
        session_id=session_id,
        message_id=message_id,
        payload=payload,
        payload_hash=payload_hash,
        origin=origin,
        modified_us=modified_us,
        size_bytes=size_bytes,
        is_known=is_known,
        n_surrogates=n_surrogates,
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
