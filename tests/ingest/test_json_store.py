"""Reading a JSON tree of OpenCode 1.0 and 1.1."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import SourceError
from ingest.raw.documents import MAX_DOCUMENT_BYTES, Rejection
from ingest.raw.known import Known
from ingest.sources import json_store
from ingest.sources.json_store import JsonTree
from ingest.sources.source import Source
from tests.ingest.stores import (
    SECRET,
    Warehouse,
    json_tree,
    message,
    message_file,
    nothing_known,
    part,
    part_file,
    read_all,
    session,
    session_file,
    without_rights,
    write,
)


@pytest.fixture
def tree(tmp_path: Path) -> Source:
    return JsonTree.at("box", json_tree(tmp_path / "store"))


def reasons(rejections: list[Rejection]) -> list[tuple[str, str]]:
    return [(rejection.origin, rejection.reason) for rejection in rejections]


def test_every_kind_of_document_is_read_with_the_ids_of_its_place(tree: Source) -> None:
    documents, rejections, n_unchanged = read_all(tree)

    places = {key: (d.session_id, d.message_id, d.origin) for key, d in documents.items()}
    assert places[("projects", "prj_1")] == (None, None, "storage/project/prj_1.json")
    assert places[("sessions", "ses_1")] == ("ses_1", None, "storage/session/prj_1/ses_1.json")
    assert places[("todos", "ses_1")] == ("ses_1", None, "storage/todo/ses_1.json")
    assert places[("session_diffs", "ses_1")] == ("ses_1", None, "storage/session_diff/ses_1.json")
    assert places[("messages", "msg_ses_1_1")] == ("ses_1", None, "storage/message/ses_1/msg_ses_1_1.json")
    assert places[("parts", "prt_ses_1_2_2")] == (
        "ses_1",
        "msg_ses_1_2",
        "storage/part/msg_ses_1_2/prt_ses_1_2_2.json",
    )
    assert (len(documents), rejections, n_unchanged) == (10, [], 0)


def test_ids_that_a_document_leaves_out_are_put_back_in(tree: Source) -> None:
    write(part_file(tree.root, "prt_9", "msg_9"), {"type": "text"})

    documents, _, _ = read_all(tree)

    assert documents["parts", "prt_9"].payload == b'{"id":"prt_9","messageID":"msg_9","type":"text"}'
    assert documents["parts", "prt_9"].session_id is None


def test_an_id_that_does_not_match_its_path_is_rejected(tree: Source) -> None:
    write(message_file(tree.root, "msg_a"), message("msg_b"))
    write(message_file(tree.root, "msg_c"), message("msg_c", "ses_other"))
    write(part_file(tree.root, "prt_a"), part("prt_a", "msg_other"))

    _, rejections, _ = read_all(tree)

    assert reasons(rejections) == [
        ("storage/message/ses_1/msg_a.json", "id_mismatch"),
        ("storage/message/ses_1/msg_c.json", "id_mismatch"),
        ("storage/part/msg_1/prt_a.json", "id_mismatch"),
    ]


def test_secrets_permissions_and_foreign_files_are_not_read(tree: Source) -> None:
    for name in ("permission/prj_1.json", "session_share/ses_1.json", "share/ses_1.json", "auth.json"):
        write(tree.root / "storage" / name, {"type": "text", "role": "user", "secret": SECRET})
    write(tree.root / "auth.json", {"key": SECRET})
    write(tree.root / "storage" / "migration", b"2")
    write(tree.root / "storage" / "message" / "ses_1" / "note.txt", SECRET.encode())
    write(tree.root / "storage" / "message" / "stray.json", {"role": "user"})
    write(tree.root / "storage" / "part" / "msg_1" / "deeper" / "prt_1.json", part())

    documents, rejections, _ = read_all(tree)

    assert len(documents) == 10
    assert rejections == []
    assert not any(SECRET.encode() in document.payload for document in documents.values())


def test_a_document_of_known_time_and_size_is_not_opened(
    tree: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = nothing_known()
    status = part_file(tree.root, "prt_ses_1_1_1", "msg_ses_1_1").stat()
    known["parts"] = Known(
        {
            "prt_ses_1_1_1": (status.st_mtime_ns // 1000, status.st_size),
            "prt_ses_1_1_2": None,
            "prt_gone": (1, 1),
        }
    )

    documents, _, n_unchanged = read_all(tree, known)

    assert ("parts", "prt_ses_1_1_1") not in documents
    assert documents["parts", "prt_ses_1_1_2"].is_known
    assert not documents["parts", "prt_ses_1_2_1"].is_known
    assert n_unchanged == 1
    assert known["parts"].vanished() == ["prt_gone"]


def test_a_session_that_a_crash_left_in_two_folders_counts_where_it_was_moved_to(tree: Source) -> None:
    write(session_file(tree.root, project="global"), session(projectID="global"))

    documents, rejections, _ = read_all(tree)

    assert b'"projectID":"prj_1"' in documents["sessions", "ses_1"].payload
    assert reasons(rejections) == [("storage/session/global/ses_1.json", "duplicate_id")]


def test_a_message_in_two_sessions_is_landed_once(tree: Source) -> None:
    write(message_file(tree.root, "msg_ses_1_1", "ses_2"), message("msg_ses_1_1", "ses_2"))

    documents, rejections, _ = read_all(tree)

    assert documents["messages", "msg_ses_1_1"].session_id == "ses_1"
    assert reasons(rejections) == [("storage/message/ses_2/msg_ses_1_1.json", "duplicate_id")]


def test_files_that_are_none_are_rejected_without_waiting(tree: Source) -> None:
    folder = tree.root / "storage" / "message" / "ses_1"
    os.mkfifo(folder / "msg_pipe.json")
    (folder / "msg_folder.json").mkdir()
    (folder / "msg_loop.json").symlink_to("msg_loop.json")
    with (folder / "msg_huge.json").open("wb") as file:
        file.truncate(MAX_DOCUMENT_BYTES + 1)

    found: list[list[tuple[str, str]]] = []
    reader = threading.Thread(target=lambda: found.append(reasons(read_all(tree)[1])), daemon=True)
    reader.start()
    reader.join(20)

    assert found == [
        [
            ("storage/message/ses_1/msg_folder.json", "unreadable"),
            ("storage/message/ses_1/msg_huge.json", "too_large"),
            ("storage/message/ses_1/msg_loop.json", "unreadable"),
            ("storage/message/ses_1/msg_pipe.json", "unreadable"),
        ]
    ]


def test_a_link_within_the_store_is_followed_and_one_that_leaves_it_is_not(
    tree: Source, tmp_path: Path
) -> None:
    folder = tree.root / "storage" / "message" / "ses_1"
    outside = write(tmp_path / "private" / "msg_out.json", {"role": "user", "text": SECRET})
    (folder / "msg_out.json").symlink_to(outside)
    inside = write(folder / "aside" / "msg_in.json", {"role": "user"})
    (folder / "msg_in.json").symlink_to(inside)
    (folder / "msg_nowhere.json").symlink_to(folder / "nowhere.json")

    documents, rejections, _ = read_all(tree)

    assert ("messages", "msg_in") in documents
    assert reasons(rejections) == [("storage/message/ses_1/msg_out.json", "unreadable")]


def test_a_folder_that_leaves_the_store_or_leads_in_a_circle_is_rejected_and_the_rest_is_read(
    tree: Source, tmp_path: Path
) -> None:
    whole, _, _ = read_all(tree)
    write(tmp_path / "private" / "msg_out.json", {"role": "user"})
    messages = tree.root / "storage" / "message"
    (messages / "ses_out").symlink_to(tmp_path / "private")
    (messages / "ses_nowhere").symlink_to(tmp_path / "not mounted")
    (messages / "ses_circle").symlink_to("ses_circle")
    (messages / "ses_file").symlink_to(tmp_path / "private" / "msg_out.json")

    documents, rejections, _ = read_all(tree)

    assert set(documents) == set(whole)
    assert {(r.origin, r.document_id, r.reason, r.detail) for r in rejections} == {
        ("storage/message/ses_out", None, "unreadable", "a symbolic link that leaves the store"),
        ("storage/message/ses_nowhere", None, "unreadable", "a symbolic link that leaves the store"),
        ("storage/message/ses_file", None, "unreadable", "a symbolic link that leaves the store"),
        ("storage/message/ses_circle", None, "unreadable", "Too many levels of symbolic links"),
    }


def test_a_folder_that_became_a_link_out_of_the_store_keeps_what_was_loaded_from_it(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    root = json_tree(tmp_path / "store")
    json_tree(root, session_id="ses_2", n_messages=3)
    warehouse.load(root)
    folder = root / "storage" / "message" / "ses_1"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    message_file(root, "msg_ses_2_1", "ses_2").unlink()
    part_file(root, "prt_ses_2_1_1", "msg_ses_2_1").unlink()

    for n_deleted in (2, 0):
        result = warehouse.load(root)

        assert (result.problems, result.counts.deleted) == ([], n_deleted)
        assert warehouse.rejected() == [("messages", "storage/message/ses_1", None, "unreadable", None)]
        alive = "select count(*) from raw.messages where deleted_at is null"
        assert warehouse.value(alive) == 4

    folder.unlink()
    (tmp_path / "elsewhere").rename(folder)
    assert warehouse.load(root).counts.resolved == 1
    assert warehouse.rejected() == []


def test_a_part_folder_moved_to_a_larger_disk_is_followed(tree: Source, tmp_path: Path) -> None:
    (tree.root / "storage" / "part").rename(tmp_path / "parts")
    (tree.root / "storage" / "part").symlink_to(tmp_path / "parts")

    documents, _, _ = read_all(tree)
    assert ("parts", "prt_ses_1_1_1") in documents

    (tmp_path / "parts").rename(tmp_path / "not mounted")
    with pytest.raises(SourceError, match=r"storage/part \(No such file or directory\)"):
        read_all(tree)


def test_a_tree_without_folders_is_empty(tmp_path: Path) -> None:
    assert read_all(JsonTree.at("box", tmp_path)) == ({}, [], 0)


def test_a_document_that_vanishes_while_it_is_read_is_left_to_the_next_load(
    tree: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = json_store.list_folder

    def list_then_delete(folder: Path | str, problems: list[str]) -> list[os.DirEntry[str]]:
        entries = listed(folder, problems)
        if Path(folder).name == "msg_ses_1_1":
            part_file(tree.root, "prt_ses_1_1_1", "msg_ses_1_1").unlink()
        return entries

    monkeypatch.setattr(json_store, "list_folder", list_then_delete)

    documents, rejections, _ = read_all(tree)

    assert ("parts", "prt_ses_1_1_1") not in documents
    assert ("parts", "prt_ses_1_1_2") in documents
    assert rejections == []


def test_what_may_not_be_read_is_rejected_and_what_may_not_be_listed_is_told(open_folder: Path) -> None:
    root = json_tree(open_folder / "store")
    part_file(root, "prt_ses_1_1_1", "msg_ses_1_1").chmod(0)
    part_file(root, "x", "msg_ses_1_2").parent.chmod(0)
    rejections: list[Rejection] = []
    problem = r"1 folder\(s\) .*msg_ses_1_2 \(Permission denied\)"

    with without_rights(open_folder), pytest.raises(SourceError, match=problem):  # noqa: PT012 - at the end
        for item in JsonTree.at("box", root).read(nothing_known()):
            if isinstance(item, Rejection):
                rejections.append(item)

    assert reasons(rejections) == [("storage/part/msg_ses_1_1/prt_ses_1_1_1.json", "unreadable")]


names = st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name)


@given(names, st.binary(max_size=80))
def test_any_file_name_and_any_content_are_read_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, name: bytes, content: bytes
) -> None:
    root = tmp_path_factory.mktemp("odd")
    write(root / "storage" / "todo" / os.fsdecode(name + b".json"), content)

    documents, rejections, _ = read_all(JsonTree.at("box", root))

    assert len(documents) + len(rejections) == 1
    places = [(d.origin, d.document_id) for d in documents.values()]
    for origin, document_id in [*places, *((r.origin, r.document_id or "") for r in rejections)]:
        assert f"{origin} {document_id}".encode()


def test_names_that_are_not_text_are_shown_with_replacement_characters(tree: Source) -> None:
    for name in (b"msg_\xff", b"msg_\xfe"):
        write(message_file(tree.root, os.fsdecode(name)), {"role": "user"})

    documents, rejections, _ = read_all(tree)

    assert ("messages", "msg_\ufffd") in documents
    assert reasons(rejections) == [("storage/message/ses_1/msg_\ufffd.json", "duplicate_id")]
