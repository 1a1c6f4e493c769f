"""Reading what `opencode export` wrote."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from ingest.errors import SourceError
from ingest.raw.json_text import JsonValue
from ingest.raw.known import Known
from ingest.sources import export_file, export_text
from ingest.sources.export_file import ExportFile
from ingest.sources.json_store import JsonTree
from ingest.sources.source import Source
from ingest.sources.sqlite_store import Database
from tests.ingest.stores import Warehouse, message, nothing_known, part, read_all, session, write


def export(path: Path, value: JsonValue | bytes) -> Source:
    return ExportFile.at("box", write(path / "export.json", value))


@pytest.mark.parametrize("name", ["1.1.65", "1.2.27", "1.18.34", "1.18.34-v2api", "1.1.65__to_1.18.34"])
def test_an_export_holds_the_same_documents_as_the_store_it_came_from(histories: Path, name: str) -> None:
    root = histories / name
    store = (
        Database.at("box", root / "opencode.db")
        if (root / "opencode.db").exists()
        else JsonTree.at("box", root)
    )
    stored, _, _ = read_all(store)
    n_compared = 0

    for path in (root / "export").glob("*.json"):
        documents, rejections, _ = read_all(ExportFile.at("box", path))
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
        read_all(ExportFile.at("box", tmp_path / "gone.json"))


def exported(session_id: str = "ses_1", *, text: str = "hello", updated: int = 1) -> dict[str, JsonValue]:
    """Return an export of one message with one part."""
    tail = session_id.removeprefix("ses_")
    message_id = f"msg_{tail}"
    return {
        "info": session(session_id, time={"created": 1, "updated": updated}),
        "messages": [
            {
                "info": message(message_id, session_id),
                "parts": [part(f"prt_{tail}", message_id, session_id, text=text)],
            }
        ],
    }


def keys(*session_ids: str) -> set[tuple[str, str]]:
    """Return the documents of such exports."""
    tails = [one.removeprefix("ses_") for one in session_ids]
    kinds = (("sessions", "ses_"), ("messages", "msg_"), ("parts", "prt_"))
    return {(entity, prefix + tail) for entity, prefix in kinds for tail in tails}


TEXT = 'a } brace, a { brace, "quotes", a \\ and “Ünïcödé” \U0001f642'
PRETTY = json.dumps(exported(text=TEXT), indent=1, ensure_ascii=False)
COLOURED = "\x1b[1;39m{\x1b[0m" + PRETTY[1:].replace('"info"', '\x1b[34;1m"info"\x1b[0m')
BEFORE_AND_AFTER = {
    "a status line": "Exporting session: ses_1\n" + PRETTY,
    "a status line without its end": "Exporting session: ses_1" + PRETTY,
    "lines of plugins": "[plugin] downloading\n[plugin] ready\nExporting session: x\n" + PRETTY,
    "braces": "loaded {config} and {} of [3]\n" + PRETTY,
    "a brace that nothing closes": 'unexpected token { in {"a": \n' + PRETTY,
    "a quote that nothing closes": 'he said "no {"' + PRETTY,
    "objects": '{"level":"info","info":"x"}\n{"messages":2}\n' + PRETTY,
    "an object on the same line": '{"level":"info"}' + PRETTY,
    "an apostrophe": "it's {" + PRETTY,
    "colours": "\x1b[32m✔\x1b[0m \x1b[1mExporting\x1b[0m\x1b[0m" + PRETTY,
    "a title of the window": "\x1b]0;opencode {x\x07" + PRETTY,
    "a spinner": "\r\x1b[K⠋ [1/3]\r\x1b[K" + PRETTY,
    "a line after it": PRETTY + "\nExported to stdout.\n",
    "a prompt after it": PRETTY + "ada@box:~$ exit }\n",
    "colours in the JSON itself": COLOURED,
    "lines of Windows": "Exporting\r\n" + PRETTY.replace("\n", "\r\n") + "\r\n",
}


@pytest.mark.parametrize("what", BEFORE_AND_AFTER)
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
def test_an_export_is_found_in_what_stands_around_it_and_in_any_encoding(
    tmp_path: Path, what: str, mark: bytes, encoding: str
) -> None:
    documents, rejections, _ = read_all(export(tmp_path, mark + BEFORE_AND_AFTER[what].encode(encoding)))

    assert rejections == []
    assert set(documents) == keys("ses_1")
    assert json.loads(documents["parts", "prt_1"].payload)["text"] == TEXT


def test_half_an_emoji_of_utf_16_is_replaced_and_counted(tmp_path: Path) -> None:
    text = json.dumps(exported(text="half \ud83d"), ensure_ascii=False)
    raw = codecs.BOM_UTF16_LE + text.encode("utf-16-le", "surrogatepass")

    documents, rejections, _ = read_all(export(tmp_path, raw))

    assert rejections == []
    assert sum(document.n_surrogates for document in documents.values()) == 1
    assert json.loads(documents["parts", "prt_1"].payload)["text"] == "half \ufffd"


TWO = (exported("ses_1"), exported("ses_2"))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([*TWO]),
        json.dumps([*TWO], indent=2),
        "exporting\n" + json.dumps([*TWO]) + "\ndone",
        "\n".join(json.dumps(one) for one in TWO),
        "\r\n".join(json.dumps(one) for one in TWO) + "\r\n",
        "".join(json.dumps(one, indent=1) for one in TWO),
        "\n".join(f"Exporting session: {one['info']}\n{json.dumps(one, indent=1)}" for one in TWO),
        "\ufeff" + json.dumps(TWO[0]) + "\n\ufeff" + json.dumps(TWO[1]),
    ],
)
def test_every_export_of_a_file_is_read(tmp_path: Path, text: str) -> None:
    documents, rejections, _ = read_all(export(tmp_path, text.encode()))

    assert rejections == []
    assert set(documents) == keys("ses_1", "ses_2")


@pytest.mark.parametrize("share", [0.15, 0.3, 0.5, 0.7, 0.9, 0.99])
@pytest.mark.parametrize("between", ["\n", "", "\nExporting {\n"])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_cut_export_is_one_rejection_and_costs_no_other(
    tmp_path: Path, share: float, between: str, indent: int | None
) -> None:
    whole, cut = json.dumps(exported("ses_1")), json.dumps(exported("ses_2"), indent=indent)
    text = cut[: int(share * len(cut))] + between + whole
    known = nothing_known()
    known["messages"] = Known({"msg_1": (1, 1), "msg_2": (1, 1), "msg_old": (1, 1)})

    documents, rejections, _ = read_all(export(tmp_path, text.encode()), known)

    assert set(documents) == keys("ses_1")
    assert [(r.entity, r.document_id) for r in rejections] == [("exports", "ses_2")]
    assert known["messages"].vanished() == []


def test_an_export_that_is_cut_at_its_end_is_truncated(tmp_path: Path) -> None:
    text = "Exporting {x}: " + json.dumps(exported("ses_7"))

    _, rejections, _ = read_all(export(tmp_path, text[:-1].encode()))

    assert [(r.document_id, r.reason) for r in rejections] == [("ses_7", "truncated")]


@pytest.mark.parametrize("text", ["Error: session not found {}", "[plugin] ready", "\x1b[31mno\x1b[0m", "{}"])
def test_a_file_without_an_export_is_one_rejection(tmp_path: Path, text: str) -> None:
    documents, rejections, _ = read_all(export(tmp_path, text.encode()))

    assert documents == {}
    assert [(r.entity, r.document_id) for r in rejections] == [("exports", None)]


def test_of_two_exports_of_a_session_the_newer_one_counts(tmp_path: Path) -> None:
    older, newer = exported(text="old", updated=1), exported(text="new", updated=2)
    for text in (json.dumps([older, newer]), json.dumps(newer) + json.dumps(older)):
        documents, rejections, _ = read_all(export(tmp_path, text.encode()))

        assert json.loads(documents["parts", "prt_1"].payload)["text"] == "new"
        assert [(r.entity, r.document_id, r.reason) for r in rejections] == [
            ("exports", "ses_1", "duplicate_id")
        ]

    documents, rejections, _ = read_all(export(tmp_path, [newer, newer]))
    assert (set(documents), rejections) == (keys("ses_1"), [])


def test_what_is_no_export_among_exports_is_rejected(tmp_path: Path) -> None:
    documents, rejections, _ = read_all(
        export(tmp_path, [exported(), {"info": {"id": "ses_2"}, "messages": "none"}, 5])
    )

    assert set(documents) == keys("ses_1")
    assert [(r.document_id, r.reason) for r in rejections] == [
        ("ses_2", "wrong_shape"),
        (None, "wrong_shape"),
    ]


def test_a_file_that_is_too_large_is_rejected_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = export(tmp_path, [*TWO])
    monkeypatch.setattr(export_file, "MAX_EXPORT_BYTES", source.root.stat().st_size)
    assert read_all(source)[1] == []

    monkeypatch.setattr(export_file, "MAX_EXPORT_BYTES", source.root.stat().st_size - 1)
    monkeypatch.setattr(Path, "open", None)
    known = nothing_known()
    known["parts"] = Known({"prt_1": (1, 1)})
    documents, rejections, _ = read_all(source, known)

    assert documents == {}
    assert [(r.entity, r.reason) for r in rejections] == [("exports", "too_large")]
    assert known["parts"].vanished() == []


def test_a_document_of_an_export_has_the_limit_of_every_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.raw.documents.MAX_DOCUMENT_BYTES", 1000)

    documents, rejections, _ = read_all(export(tmp_path, exported(text="x" * 1000)))

    assert set(documents) == keys("ses_1") - {("parts", "prt_1")}
    assert [(r.document_id, r.reason) for r in rejections] == [("prt_1", "too_large")]


def test_braces_that_nothing_closes_do_not_take_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_text, "MAX_WASTED_TOKENS", 100_000)  # all of them would take 13 million
    _, rejections, _ = read_all(export(tmp_path, b'{"a":' * 50_000))

    assert [(r.entity, r.reason) for r in rejections] == [("exports", "not_json")]


def test_a_file_deletes_within_the_sessions_that_it_holds(warehouse: Warehouse, tmp_path: Path) -> None:
    path = export(tmp_path, [*TWO]).root
    assert warehouse.load(path).counts.written == 6
    gone = "select document_id from raw.parts where deleted_at is not null order by all"
    without_parts: JsonValue = {
        "info": session("ses_2"),
        "messages": [{"info": message("msg_2", "ses_2"), "parts": []}],
    }

    write(path, json.dumps(exported("ses_1"))[:-1].encode() + json.dumps(without_parts).encode())
    cut = warehouse.load(path)
    assert (cut.counts.rejected, cut.counts.deleted) == (1, 0)

    write(path, [without_parts, exported("ses_3")])
    other = warehouse.load(path)
    assert (other.problems, other.counts.deleted, other.counts.resolved) == ([], 1, 1)
    assert warehouse.query(gone) == [("prt_2",)]
    assert warehouse.value("select count(*) from raw.sessions where deleted_at is null") == 3

    write(path, exported("ses_2"))
    again = warehouse.load(path)
    assert (again.problems, again.counts.written, again.counts.deleted) == ([], 2, 0)
    assert warehouse.query(gone) == []


def test_a_message_whose_parts_cannot_be_read_loses_none(warehouse: Warehouse, tmp_path: Path) -> None:
    path = export(tmp_path, exported()).root
    warehouse.load(path)

    write(path, {"info": session(), "messages": [{"info": message(), "parts": None}]})

    assert (warehouse.load(path).counts.deleted, warehouse.load(path).counts.rejected) == (0, 1)
