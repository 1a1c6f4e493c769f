"""Parsing, checking and canonicalizing one record."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.raw.documents import (
    ENTITIES,
    MAX_DOCUMENT_BYTES,
    REASONS,
    Document,
    Entity,
    Rejection,
    clock_microseconds,
    file_microseconds,
    make_document,
)
from ingest.raw.json_text import JsonValue, UnreadableError, canonical, compact, parse
from ingest.raw.known import Known, Met

NEW = Met(is_known=False, version=None, is_duplicate=False)


def land(
    raw: bytes, entity: Entity = "parts", document_id: str = "prt_1", met: Met = NEW
) -> Document | Rejection:
    return make_document(
        entity,
        raw,
        document_id=document_id,
        ids=[("id", document_id)],
        origin="somewhere",
        modified_us=0,
        size_bytes=len(raw),
        met=met,
    )


@pytest.mark.parametrize(
    ("raw", "reason", "position"),
    [
        (b"", "empty", 0),
        (b" \r\n\t", "empty", 0),
        (b"\0" * 4096, "empty", 0),
        (b'{"type":"text"', "truncated", 14),
        (b'{"type":"te', "truncated", 11),
        (b'{"type":"\xc3', "truncated", 9),
        (b'{"type":"\xc3\xa9', "truncated", 11),
        (b'{"type":"text"\0\0\0', "truncated", 14),
        (b'{"a":"\\ud800","type":"te', "truncated", 24),
        (b'{"type":"\xff"}', "not_utf8", 9),
        (b'{"type":"\xed\xa0\x80"}', "not_utf8", 9),
        (b'\xff\xfe{\0"\0', "not_utf8", 0),
        (b'\xef\xbb\xbf{"type":"text"}', "not_json", 0),
        (b'{"type":"text"} {}', "not_json", 16),
        ('{"é":nope}'.encode(), "not_json", 6),
        (b"<html>", "not_json", 0),
        (b'{"type":"text","cost":NaN}', "not_json", 22),
        (b'{"a":"\\ud800","cost":Infinity}', "not_json", 21),
        (b'{"type":"text","cost":1e999}', "not_json", 22),
        (b'{"a":"\\ud800","cost":' + b"9" * 5000 + b"}", "not_json", 21),
        (b"[" * 5000, "too_deep", 1025),
        (b'{"type":"text","x":' + b"[" * 300 + b"]" * 300 + b"}", "too_deep", None),
        (b'{"type":"text","x":["\\ud800",' + b"[" * 600 + b"]" * 600 + b"]}", "too_deep", None),
        (b"[]", "wrong_shape", None),
        (b"null", "wrong_shape", None),
        (b'"text"', "wrong_shape", None),
        (b'{"id":"prt_1"}', "wrong_shape", None),
        (b'{"type":7}', "wrong_shape", None),
        (b'{"type":"text","id":"prt_2"}', "id_mismatch", None),
        (b'{"type":"text","id":1}', "id_mismatch", None),
    ],
)
def test_a_record_that_cannot_be_landed_says_why_and_where(
    raw: bytes, reason: str, position: int | None
) -> None:
    found = land(raw)

    assert isinstance(found, Rejection)
    assert (found.reason, found.position) == (reason, position)
    assert found.reason in REASONS


@pytest.mark.parametrize(
    ("entity", "raw", "is_landed"),
    [
        ("todos", b"[]", True),
        ("todos", b'[{"content":"x"}]', True),
        ("todos", b'["x"]', False),
        ("todos", b"{}", False),
        ("session_diffs", b"[]", True),
        ("session_diffs", b"{}", False),
        ("projects", b"{}", True),
        ("sessions", b"{}", True),
        ("sessions", b"[]", False),
        ("messages", b"{}", False),
        ("messages", b'{"role":"user"}', True),
        ("session_messages", b'{"role":"user"}', False),
        ("session_messages", b'{"type":"shell"}', True),
    ],
)
def test_only_the_shape_that_later_steps_stand_on_is_checked(
    entity: Entity, raw: bytes, is_landed: bool
) -> None:
    assert isinstance(land(raw, entity), Document) == is_landed


def test_a_record_without_an_id_and_a_second_one_with_the_same_are_rejected() -> None:
    no_id = land(b'{"type":"text"}', document_id="")
    again = land(b'{"type":"text"}', met=Met(is_known=True, version=None, is_duplicate=True))

    assert isinstance(no_id, Rejection)
    assert isinstance(again, Rejection)
    assert (no_id.reason, again.reason) == ("wrong_shape", "duplicate_id")


def test_a_record_larger_than_a_chunk_is_rejected_before_it_is_parsed() -> None:
    found = land(b" " * (MAX_DOCUMENT_BYTES + 1))

    assert isinstance(found, Rejection)
    assert found.reason == "too_large"


def test_a_rejection_holds_no_text_of_the_record() -> None:
    for raw in (
        b'{"type":"text","text":"my secret',
        b'{"secret":secret}',
        b'{"type":"text","id":"my secret"}',
    ):
        found = land(raw)
        assert isinstance(found, Rejection)
        assert "secret" not in found.detail


def test_ids_of_the_place_and_columns_are_put_into_the_record() -> None:
    found = make_document(
        "session_messages",
        b'{"type":"wrong","z":1,"a":2}',
        document_id="msg_1",
        ids=[("id", "msg_1"), ("sessionID", "ses_1")],
        fields=[("type", "user"), ("seq", 3)],
        origin="session_message",
        modified_us=None,
        size_bytes=None,
        met=NEW,
    )

    assert isinstance(found, Document)
    assert found.payload == b'{"a":2,"id":"msg_1","seq":3,"sessionID":"ses_1","type":"user","z":1}'
    assert found.size_bytes == len(found.payload)
    assert found.session_id == "ses_1"


@pytest.mark.parametrize(
    ("text", "expected", "n"),
    [
        (r'"\ud83d"', "\ufffd", 1),
        (r'"\uDE00"', "\ufffd", 1),
        (r'"\ud83d\ude00"', "😀", 0),
        (r'"\ud83d\ud83d\ude00"', "\ufffd😀", 1),
        (r'"\ude00\ud83d x"', "\ufffd\ufffd x", 2),
        (r'"\\ud83d \ud83d"', r"\ud83d " + "\ufffd", 1),
        (r'"\\\ud83d"', "\\\ufffd", 1),
        (r'"\ud83d\n"', "\ufffd\n", 1),
        (r'{"\ud83d":"\ude00"}', {"\ufffd": "\ufffd"}, 2),
    ],
)
def test_lone_surrogates_are_replaced_and_counted(text: str, expected: JsonValue, n: int) -> None:
    assert parse(text.encode()) == (expected, n)


@given(st.text(alphabet=st.characters(categories=["L", "Cs", "Zs", "Po"]), max_size=20))
@example("\ud83d\ude00")
@example("\ude00\ud83d")
def test_replacing_surrogates_agrees_with_the_standard_library(text: str) -> None:
    raw = json.dumps(text).encode()  # ASCII: every surrogate is an escape
    joined = json.loads(raw)

    value, n = parse(raw)

    assert value == "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in joined)
    assert n == sum("\ud800" <= c <= "\udfff" for c in joined)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b'{"type":"text","text":"' + tail))
def test_any_bytes_become_a_document_or_a_rejection(raw: bytes) -> None:
    for entity in ENTITIES:
        found = land(raw, entity)
        if isinstance(found, Rejection):
            assert found.reason in REASONS
            assert found.position is None or 0 <= found.position <= len(raw)
        else:
            assert orjson.loads(found.payload) is not None


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(alphabet=st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(json_values)
def test_the_canonical_text_says_the_same_and_does_not_depend_on_order_or_blanks(value: JsonValue) -> None:
    payload, digest = canonical(value)
    spaced = json.dumps(value, indent=3, ensure_ascii=True).encode()

    assert orjson.loads(payload) == value
    assert canonical(parse(payload)[0]) == (payload, digest)
    assert canonical(parse(spaced)[0]) == (payload, digest)


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (0, 0),
        (1_700_000_000_000, 1_700_000_000_000_000),
        (-1, None),
        (2**62, None),
        (1.5, None),
        ("1700000000000", None),
        (b"1700000000000", None),
        (None, None),
    ],
)
def test_a_time_that_no_calendar_has_is_none(milliseconds: object, expected: int | None) -> None:
    assert clock_microseconds(milliseconds) == expected


def test_a_file_time_before_1970_is_none(tmp_path: Path) -> None:
    os.utime(tmp_path, (-10, -10))

    assert file_microseconds(tmp_path.stat()) is None


def test_known_tells_new_unchanged_deleted_and_duplicate_ids_apart() -> None:
    known = Known({"a": (1, 2), "b": None, "c": (3, 4)}, deleted=["d"])

    assert known.meet("a") == Met(True, (1, 2), False)
    assert known.meet("b") == Met(True, None, False)
    assert known.meet("d") == Met(True, None, False)
    assert known.meet("new") == Met(False, None, False)
    assert known.meet("a") == Met(True, None, True)
    assert known.vanished() == ["c"]
    assert len(known) == 3
    known.meet_all()
    assert known.vanished() == []
    assert not Known()
    assert Known(deleted=["d"])


def test_an_unreadable_error_reads_as_reason_and_detail() -> None:
    assert str(UnreadableError("empty", "0 bytes")) == "empty: 0 bytes"


def test_what_is_unchanged_is_met_once() -> None:
    known = Known({"a": (5, 7), "b": None, "c": (6, 1)}, deleted=["d"])

    assert known.meet_unchanged("a", 5, 7)
    assert not known.meet_unchanged("a", 5, 7), "it was met before"
    assert known.meet("a").is_duplicate
    assert not known.meet_unchanged("b", -1, 0), "it is to be read again"
    assert not known.meet_unchanged("c", 6, 2), "its size is another"
    assert known.meet_unchanged("c", 6, 1)
    assert not known.meet_unchanged("d", 1, 1)
    assert not known.meet_unchanged("new", 1, 1)
    assert known.vanished() == ["b"], "what is asked for and not unchanged is not met yet"
    assert known.meet("b") == (True, None, False)
    assert known.vanished() == []


def test_of_many_ids_those_that_are_unchanged_are_met() -> None:
    known = Known({"a": (5, 7), "b": None, "c": (6, 1), "e": (8, 1)}, deleted=["d"])

    changed = known.meet_many(["a", "b", "c", "d", "new", "a"], [5, -1, 7, 1, None, 5])

    assert changed == [
        (1, Met(True, None, False)),  # to be read whatever its time says
        (2, Met(True, (6, 1), False)),  # of another time
        (3, Met(True, None, False)),  # was deleted
        (4, Met(False, None, False)),
        (5, Met(True, None, True)),  # was met before
    ]
    assert known.vanished() == ["e"]
    assert known.again(is_settled=False).meet_many(["a"], [5]) == [(0, Met(True, None, False))]


def test_another_reading_knows_what_is_landed_and_has_met_nothing() -> None:
    known = Known({"a": (5, 7), "gone": (1, 1)})
    known.meet("a")

    again, unsettled = known.again(), known.again(is_settled=False)
    again.meet("new")
    known.land("new", (8, 9))  # as a watch does with what it has found, while it reads on
    known.land("a", (6, 7))

    assert again.meet_unchanged("a", 6, 7)
    assert again.meet("new").is_duplicate
    assert again.vanished() == ["gone"]
    assert unsettled.meet("a") == (True, None, False)
    assert not unsettled.meet_unchanged("gone", 1, 1)
    known.delete("gone")
    assert again.vanished() == []
    assert known.again().meet("gone").is_known


def test_a_compact_payload_occupies_no_more_than_its_length() -> None:
    canonical_payload, _ = canonical({"text": "x" * 100_000})
    tracemalloc.start()
    try:
        payload = compact(canonical_payload)
        occupied, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert payload == canonical_payload
    assert len(payload) <= occupied < 2 * len(payload)
