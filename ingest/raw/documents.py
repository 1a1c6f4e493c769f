"""Documents as they travel from a source to the warehouse, and the one parser that all sources share."""

import hashlib
import os
import re
from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import orjson

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
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

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""Every escape of a JSON text, a surrogate pair as one, so that what is left of them stands alone."""

_CANONICAL = orjson.OPT_SORT_KEYS

_NO_TIME = -1
"""Of a document that is to be read again: no file and no row has a time before 1970 (clock_microseconds)."""

_END_OF_CALENDAR_MS = 253_402_300_800_000

_KIND_FIELDS = {"messages": "role", "parts": "type", "session_messages": "type"}


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

    A store has a million documents: an id leads to a number, and what is known of it stands there in arrays.
    """

    __slots__ = ("_deleted", "_is_met", "_is_settled", "_met", "_numbers", "_sessions", "_sizes", "_times")

    def __init__(
        self, landed: Mapping[str, tuple[int, int] | None] | None = None, deleted: Iterable[str] = ()
    ) -> None:
        versions = [version or (_NO_TIME, 0) for version in (landed or {}).values()]
        self._numbers = {document_id: n for n, document_id in enumerate(landed or {})}
        self._times = array("q", [time for time, _ in versions])
        self._sizes = array("q", [size for _, size in versions])
        self._deleted = set(deleted)
        self._is_settled = True
        self._is_met = bytearray(len(versions))
        self._met: set[str] = set()
        """Ids that were not landed when they were met."""
        self._sessions: dict[str, str | None] = {}

    @classmethod
    def of_arrays(
        cls,
        ids: Iterable[str],
        times: "array[int]",
        sizes: "array[int]",
        deleted: Iterable[str],
        sessions: Mapping[str, str | None] | None = None,
    ) -> "Known":
        """Return what is landed, from arrays of 64 bits; a time is -1 where all is to be read again.

        `sessions` are those of the landed ids, for a source that may hold some and lose others.
        """
        known = cls(deleted=deleted)
        known._sessions = dict(sessions or {})
        known._numbers = dict(zip(ids, range(len(times)), strict=True))
        known._times, known._sizes = times, sizes
        known._is_met = bytearray(len(times))
        return known

    def __bool__(self) -> bool:
        return bool(self._numbers) or bool(self._deleted)

    def __len__(self) -> int:
        return len(self._numbers)

    def meet(self, document_id: str) -> "Met":
        """Note that the source has this id; return what is landed of it."""
        number = self._numbers.get(document_id)
        if number is None or number >= len(self._is_met) or document_id in self._met:
            is_duplicate = document_id in self._met
            self._met.add(document_id)
            is_known = number is not None or document_id in self._deleted
            if not (is_known or is_duplicate):
                return NEW
            version = None if number is None or is_duplicate else self._version(number)
            return Met(is_known, version, is_duplicate)
        if self._is_met[number]:
            return Met(is_known=True, version=None, is_duplicate=True)
        self._is_met[number] = True
        return Met(is_known=True, version=self._version(number), is_duplicate=False)

    def meet_many(self, ids: Sequence[str], modified_us: Sequence[int | None]) -> "list[tuple[int, Met]]":
        """Note that the source has these ids, one after the other; return what is landed of the changed ones.

        That is, position and state of each that is not landed as of its time. One call for many, because a
        load in which nothing changed does little else.
        """
        changed = []
        times, is_met, met = self._times, self._is_met, self._met
        n_landed = len(is_met) if self._is_settled else 0
        numbers = map(self._numbers.get, ids)
        for position, (number, time) in enumerate(zip(numbers, modified_us, strict=True)):
            if (
                number is not None
                and number < n_landed
                and not is_met[number]
                and times[number] == time != _NO_TIME
                and ids[position] not in met
            ):
                is_met[number] = True
            else:
                changed.append((position, self.meet(ids[position])))
        return changed

    def meet_unchanged(self, document_id: str, modified_us: int | None, size_bytes: int) -> bool:
        """Note that the source has this id and say so, if it is landed as of this time and size.

        Says no, and notes nothing, where it was met before or is to be read: `meet` has the rest.
        """
        number = self._numbers.get(document_id)
        if (
            number is None
            or modified_us in (None, _NO_TIME)
            or number >= len(self._is_met)
            or self._is_met[number]
            or self._times[number] != modified_us
            or self._sizes[number] != size_bytes
            or not self._is_settled
            or document_id in self._met
        ):
            return False
        self._is_met[number] = True
        return True

    def _version(self, number: int) -> tuple[int, int] | None:
        time = self._times[number]
        return (time, self._sizes[number]) if time != _NO_TIME and self._is_settled else None

    def peek(self, document_id: str) -> "Met":
        """Return what is landed of an id that is to be read whatever its time says."""
        is_known = document_id in self._numbers or document_id in self._deleted
        return Met(is_known, None, is_duplicate=False)

    def again(self, *, is_settled: bool = True) -> "Known":
        """Return the same for another reading, which has met nothing yet; all is read, where not settled."""
        other = Known()
        other._numbers, other._times, other._sizes = self._numbers, self._times, self._sizes
        other._deleted = self._deleted
        other._sessions = self._sessions
        other._is_settled = is_settled
        other._is_met = bytearray(len(self._times))
        return other

    def land(
        self, document_id: str, version: tuple[int | None, int] | None, session_id: str | None = None
    ) -> None:
        """Note that a document was landed as of this version, None where it has to be read again."""
        self._deleted.discard(document_id)
        if session_id is not None:
            self._sessions[document_id] = session_id
        modified_us, size_bytes = version or (None, 0)
        time = _NO_TIME if modified_us is None else modified_us
        number = self._numbers.setdefault(document_id, len(self._times))
        if number == len(self._times):
            self._times.append(time)
            self._sizes.append(size_bytes)
        else:
            self._times[number], self._sizes[number] = time, size_bytes

    def delete(self, document_id: str) -> None:
        """Note that a document was marked as deleted."""
        if document_id in self._numbers:
            del self._numbers[document_id]
            self._deleted.add(document_id)

    def meet_all(self) -> None:
        """Take every landed document for present: nothing is known of what is missing."""
        self._met.update(self._numbers)

    def meet_sessions_but(self, sessions: Collection[str]) -> None:
        """Take every landed document for present, but for those of these sessions."""
        self._met.update(one for one in self._numbers if self._sessions.get(one) not in sessions)

    def has_missed(self) -> bool:
        """Whether the reader has not met every landed id: `vanished` without naming them, and faster."""
        return self._is_met.count(True) < len(self._is_met) and bool(self.vanished())

    def vanished(self) -> list[str]:
        """Return the landed ids that the reader did not meet."""
        n = len(self._is_met)
        return [
            document_id
            for document_id, number in self._numbers.items()
            if not (number < n and self._is_met[number]) and document_id not in self._met
        ]


class Met(NamedTuple):
    """What is landed of an id that a reader meets: whether it is, as of which version (see Known).

    A duplicate was met before in this source: the first place counts, this one is rejected.
    """

    is_known: bool
    version: tuple[int, int] | None
    is_duplicate: bool


NEW = Met(is_known=False, version=None, is_duplicate=False)
"""Shared, because most are."""


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
    "too_large": f"is larger than {MAX_DOCUMENT_BYTES // 1024 // 1024} MiB (a file of exports: 256 MiB)",
    "wrong_shape": "is JSON, but not what OpenCode writes there",
    "id_mismatch": "names another id than its place does",
    "duplicate_id": "has the id of another document of the same store",
    "unreadable": "cannot be opened (permissions or a failing disk)",
    "secret_id": "has an id that is a secret, which would stand in every table",
}
"""Every reason a record can be rejected for, and what it means in words."""


def parse(raw: bytes) -> tuple[JsonValue, int]:
    """Return the value of JSON bytes and the number of lone surrogates replaced by U+FFFD.

    Raises UnreadableError where the bytes are not one JSON value of RFC 8259.
    """
    try:
        value: JsonValue = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "surrogate" not in error.msg:
            raise _unreadable(raw, error) from None
    else:
        return value, 0
    mended, n_surrogates = _replace_lone_surrogates(raw)
    try:
        value = orjson.loads(mended)
    except orjson.JSONDecodeError as error:
        raise _unreadable(mended, error) from None
    return value, n_surrogates


def canonical(value: JsonValue) -> tuple[bytes, str]:
    """Return the canonical JSON text (minified, keys sorted) and its hash in hex digits.

    The text may occupy up to 14 times its length: who keeps many of them keeps copies (see `compact`).
    Raises UnreadableError where the value nests too deep.
    """
    try:
        payload = orjson.dumps(value, option=_CANONICAL)
    except orjson.JSONEncodeError:
        raise UnreadableError("too_deep", "deeper than canonical JSON is written") from None
    return payload, hashlib.sha256(payload).hexdigest()[:HASH_HEX_DIGITS]


def compact(payload: bytes) -> bytes:
    """Return a copy that occupies no more than its length, which what orjson returns does not."""
    return bytes(memoryview(payload))


def clock_microseconds(milliseconds: object) -> int | None:
    """Return epoch milliseconds as microseconds, None where that is no time a calendar has."""
    if not isinstance(milliseconds, int) or not 0 <= milliseconds < _END_OF_CALENDAR_MS:
        return None
    return milliseconds * 1000


def _replace_lone_surrogates(raw: bytes) -> tuple[bytes, int]:
    # JavaScript strings may hold half an emoji, which strict parsers refuse. U+FFFD is as long when
    # it is escaped, so positions stay.
    n_replaced = 0

    def replace(escape: re.Match[bytes]) -> bytes:
        nonlocal n_replaced
        if escape["lone"] is None:
            return escape[0]
        n_replaced += 1
        return rb"\ufffd"

    return _ESCAPE.sub(replace, raw), n_replaced


def _unreadable(raw: bytes, error: orjson.JSONDecodeError) -> UnreadableError:
    """Say what is wrong with bytes that the parser refused."""
    if not raw.strip(b"\0 \t\r\n"):
        return UnreadableError("empty", f"{len(raw)} bytes, none of them text", 0)
    try:
        text = raw.decode()
    except UnicodeDecodeError as not_text:
        if not_text.reason == "unexpected end of data":
            return UnreadableError("truncated", "ends inside a character", not_text.start)
        return UnreadableError("not_utf8", "a byte that UTF-8 does not know", not_text.start)
    position = len(text[: error.pos].encode())
    if error.msg == "unexpected end of data":
        return UnreadableError("truncated", "ends before its last bracket", position)
    if raw.endswith(b"\0"):  # the length reached the disk before the bytes did
        return UnreadableError("truncated", "ends in NUL bytes", len(raw.rstrip(b"\0")))
    if error.msg == "depth limit exceeded":
        return UnreadableError("too_deep", "deeper than it is read", position)
    return UnreadableError("not_json", error.msg, position)


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
    return Document(
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
