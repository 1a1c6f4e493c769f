"""A file written by `opencode export`: one session with its messages and their parts."""

from collections.abc import Iterator, Mapping

from ingest.documents import (
    Document,
    Entity,
    JsonValue,
    Known,
    Rejection,
    Seen,
    Source,
    UnreadableError,
    make_document,
    parse,
    reject,
)
from ingest.errors import SourceError


def read(source: Source, known: Mapping[Entity, Known]) -> Iterator[Document | Rejection | Seen]:
    """Yield a session, its messages and parts; a file that cannot be parsed is one Rejection.

    Notes in `known` every id it meets. Raises SourceError where the file cannot be opened.
    """
    try:
        status = source.root.stat()
        raw = source.root.read_bytes()
    except OSError as error:
        raise SourceError(f"{source.root} cannot be read ({error.strerror}). Check the path.") from None
    modified_us = status.st_mtime_ns // 1000
    try:
        session, messages = _unpack(raw)
    except UnreadableError as error:
        for landed in known.values():  # a broken file says nothing about what has vanished
            landed.meet_all()
        yield reject("exports", None, source.root.name, error, status.st_size, modified_us)
        return

    def document(entity: Entity, value: JsonValue, place: dict[str, str]) -> Document | Rejection:
        document_id = _id_of(value)
        try:
            is_known, _ = known[entity].meet(document_id)
        except UnreadableError as error:
            return reject(entity, document_id, source.root.name, error, status.st_size, modified_us)
        return make_document(
            entity,
            lambda: value,
            document_id=document_id,
            ids=place.items(),
            session_id=_id_of(session),
            message_id=place.get("messageID"),
            origin=source.root.name,
            modified_us=modified_us,
            size_bytes=status.st_size,
            is_known=is_known,
        )

    session_id = _id_of(session)
    yield document("sessions", session, {})
    for message in messages:
        info = message.get("info")
        yield document("messages", info, {"sessionID": session_id})
        parts = message.get("parts")
        for part in parts if isinstance(parts, list) else []:
            yield document("parts", part, {"sessionID": session_id, "messageID": _id_of(info)})


def _unpack(raw: bytes) -> tuple[JsonValue, list[dict[str, JsonValue]]]:
    value, _ = parse(raw)
    if not isinstance(value, dict) or not isinstance(value.get("info"), dict):
        raise UnreadableError("wrong_shape", "an export is an object with `info` and `messages`")
    messages = value.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise UnreadableError("wrong_shape", "`messages` of an export is an array of objects")
    if not _id_of(value["info"]):
        raise UnreadableError("wrong_shape", "`info.id` of an export is missing")
    return value["info"], [message for message in messages if isinstance(message, dict)]


def _id_of(value: JsonValue) -> str:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
