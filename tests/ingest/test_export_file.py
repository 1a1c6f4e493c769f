"""Reading what `opencode export` wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingest.documents import JsonValue, Known, Source
from ingest.errors import SourceError
from tests.ingest.stores import message, nothing_known, part, read_all, session, write


def export(path: Path, value: JsonValue | bytes) -> Source:
    return Source("box", "export", write(path / "export.json", value))


@pytest.mark.parametrize("name", ["1.1.65", "1.2.27", "1.18.34", "1.18.34-v2api", "1.1.65__to_1.18.34"])
def test_an_export_holds_the_same_documents_as_the_store_it_came_from(histories: Path, name: str) -> None:
    root = histories / name
    store = (
        Source("box", "sqlite", root / "opencode.db")
        if (root / "opencode.db").exists()
        else Source("box", "json", root)
    )
    stored, _, _ = read_all(store)
    n_compared = 0

    for path in (root / "export").glob("*.json"):
        documents, rejections, _ = read_all(Source("box", "export", path))
        assert rejections == []
        for key, document in documents.items():
            assert document.payload == stored[key].payload
            assert document.payload_hash == stored[key].payload_hash
            assert (document.session_id, document.message_id) == (
                stored[key].session_id,
                stored[key].message_id,
            )
            n_compared += 1

    assert n_compared >= 4


def test_an_export_that_cannot_be_parsed_is_one_rejection_and_deletes_nothing(tmp_path: Path) -> None:
    for raw, reason in (
        (b"", "empty"),
        (b'{"info":{"id":"ses_1"},"messages":[', "truncated"),
        (b"[]", "wrong_shape"),
        (b'{"info":{"id":"ses_1"}}', "wrong_shape"),
        (b'{"info":{"id":"ses_1"},"messages":[1]}', "wrong_shape"),
        (b'{"info":{},"messages":[]}', "wrong_shape"),
    ):
        known = nothing_known()
        known["messages"] = Known({"msg_1": (1, 1)})

        documents, rejections, _ = read_all(export(tmp_path, raw), known)

        assert documents == {}
        assert [(r.entity, r.reason, r.origin) for r in rejections] == [("exports", reason, "export.json")]
        assert known["messages"].vanished() == []


def test_a_bad_record_inside_an_export_does_not_cost_the_others(tmp_path: Path) -> None:
    source = export(
        tmp_path,
        {
            "info": session(),
            "messages": [
                {
                    "info": message("msg_1"),
                    "parts": [part("prt_1"), {"id": "prt_2"}, part("prt_3", "msg_2"), None],
                },
                {"info": None, "parts": []},
                {"info": message("msg_2"), "parts": "none"},
                {"info": message("msg_1"), "parts": []},
                {"info": message("msg_3", "ses_2"), "parts": []},
            ],
        },
    )

    documents, rejections, _ = read_all(source)

    assert set(documents) == {
        ("sessions", "ses_1"),
        ("messages", "msg_1"),
        ("messages", "msg_2"),
        ("parts", "prt_1"),
    }
    assert [(r.entity, r.document_id, r.reason) for r in rejections] == [
        ("parts", "prt_2", "wrong_shape"),
        ("parts", "prt_3", "id_mismatch"),
        ("parts", "", "wrong_shape"),
        ("messages", "", "wrong_shape"),
        ("messages", "msg_2", "wrong_shape"),
        ("messages", "msg_1", "duplicate_id"),
        ("messages", "msg_3", "id_mismatch"),
    ]


def test_lone_surrogates_of_an_export_are_counted_once(tmp_path: Path) -> None:
    raw = json.dumps(
        {"info": session(title="\ud83d"), "messages": [{"info": message(), "parts": [part(text="\ude00")]}]}
    ).encode()

    documents, _, _ = read_all(export(tmp_path, raw))

    assert sum(document.n_surrogates for document in documents.values()) == 2
    assert "\ufffd".encode() in documents["parts", "prt_1"].payload


def test_an_export_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot be read \(No such file or directory\)"):
        read_all(Source("box", "export", tmp_path / "gone.json"))
