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
    file_microseconds,
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
    modified_us = file_microseconds(status)
    try:
        session, messages, n_surrogates = _unpack(raw)
    except UnreadableError as error:
        for landed in known.values():  # a broken file says nothing about what has vanished
            landed.meet_all()
        yield reject("exports", None, source.root.name, error, status.st_size, modified_us)
        return
    session_id = _id_of(session)

    def document(
        entity: Entity, value: JsonValue, place: dict[str, str], n_surrogates: int = 0
    ) -> Document | Rejection:
        document_id = _id_of(value)
        return make_document(
            entity,
            lambda: (value, n_surrogates),
            document_id=document_id,
            ids=place.items(),
            session_id=session_id,
            message_id=place.get("messageID"),
            origin=source.root.name,
            modified_us=modified_us,
            size_bytes=None,
            met=known[entity].meet(document_id),
        )

    yield document("sessions", session, {}, n_surrogates)  # those of the whole file
    for message in messages:
        info = message.get("info")
        yield document("messages", info, {"sessionID": session_id})
        parts = message.get("parts")
        if not isinstance(parts, list):
            no_parts = UnreadableError("wrong_shape", "`parts` of a message is an array")
            yield reject("messages", _id_of(info), source.root.name, no_parts, None, modified_us)
            continue
        for part in parts:
            yield document("parts", part, {"sessionID": session_id, "messageID": _id_of(info)})


def _unpack(raw: bytes) -> tuple[JsonValue, list[dict[str, JsonValue]], int]:
    value, n_surrogates = parse(raw)
    if not isinstance(value, dict) or not isinstance(value.get("info"), dict):
        raise UnreadableError("wrong_shape", "an export is an object with `info` and `messages`")
    messages = value.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise UnreadableError("wrong_shape", "`messages` of an export is an array of objects")
    if not _id_of(value["info"]):
        raise UnreadableError("wrong_shape", "`info.id` of an export is missing")
    return value["info"], [message for message in messages if isinstance(message, dict)], n_surrogates


def _id_of(value: JsonValue) -> str:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
