"""Reading the databases of OpenCode 1.2 and later, where they lie and without a trace."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import SourceError
from ingest.raw.documents import Rejection
from ingest.raw.known import Known
from ingest.sources import sqlite_file
from ingest.sources.json_store import JsonTree
from ingest.sources.source import Source
from ingest.sources.sqlite_store import Database
from tests.ingest.stores import (
    FORBIDDEN,
    LONG_AGO_MS,
    SECRET,
    change,
    database,
    insert_message,
    insert_part,
    json_tree,
    look,
    nothing_known,
    read_all,
    running_writer,
    without_rights,
)

NEW_MESSAGE = (
    f"insert into message values ('msg_new', 'ses_1', {LONG_AGO_MS}, {LONG_AGO_MS}, '{{\"role\":\"user\"}}')"
)


def source_of(path: Path) -> Database:
    return Database.at("box", path)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a database that nobody has open, in WAL mode as OpenCode's are."""
    return database(tmp_path / "store" / "opencode.db", wal=True)


def reasons(rejections: list[Rejection]) -> list[tuple[str, str | None, str]]:
    return [(r.entity, r.document_id, r.reason) for r in rejections]


def read_what_can_be_read(source: Source) -> tuple[set[str], str]:
    ids = set()
    reader = source.read(nothing_known())
    with pytest.raises(SourceError) as error:  # noqa: PT012 - it is raised at the end
        for item in reader:
            if not isinstance(item, Rejection) and hasattr(item, "document_id"):
                ids.add(item.document_id)
    return ids, str(error.value)


def test_a_record_is_the_same_text_in_every_kind_of_store(tmp_path: Path, store: Path) -> None:
    change(
        store,
        "update session set title = 'A title', version = '1.1.65', cost = 0, share_url = 'https://x', "
        'permission = \'[{"action":"deny"}]\', summary_additions = 3',
        """insert into message values ('msg_b', 'ses_1', 1, 1, '{"role":"user", "time":{"created":1}}')""",
    )
    documents, _, _ = read_all(source_of(store))

    assert documents["sessions", "ses_1"].payload == (
        b'{"cost":0,"directory":"/home/dev/work","id":"ses_1","permission":[{"action":"deny"}],'
        b'"projectID":"prj_1","share":{"url":"https://x"},"slug":"slug","summary":{"additions":3},'
        b'"time":{"created":1767225600000,"updated":1767225600000},"title":"A title","tokens":{"input":0},'
        b'"version":"1.1.65"}'
    )
    assert documents["messages", "msg_b"].payload == (
        b'{"id":"msg_b","role":"user","sessionID":"ses_1","time":{"created":1}}'
    )
    assert documents["projects", "prj_1"].payload == (
        b'{"id":"prj_1","sandboxes":[],"time":{"created":1767225600000,"updated":1767225600000},'
        b'"worktree":"/home/dev/work"}'
    )
    assert documents["todos", "ses_1"].payload == (
        b'[{"content":"do it","priority":"high","status":"pending",'
        b'"time":{"created":1767225600000,"updated":1767225600000}}]'
    )
    tree = JsonTree.at("box", json_tree(tmp_path / "tree"))
    in_tree = read_all(tree)[0]["parts", "prt_ses_1_1_1"]
    change(
        store,
        """insert into part values ('prt_ses_1_1_1', 'msg_ses_1_1', 'ses_1', 1, 1,
            '{"text": "hello",  "type": "text"}')""",
    )
    in_database = read_all(source_of(store))[0]["parts", "prt_ses_1_1_1"]
    assert (in_database.payload, in_database.payload_hash) == (in_tree.payload, in_tree.payload_hash)


def test_v2_messages_are_read_with_their_columns_and_without_seq_where_there_is_none(store: Path) -> None:
    change(
        store,
        """insert into session_message values ('msg_v2', 'ses_1', 'user', 7, 1, 1, '{"text":"hi"}')""",
    )
    documents, _, _ = read_all(source_of(store))
    assert documents["session_messages", "msg_v2"].payload == (
        b'{"id":"msg_v2","seq":7,"sessionID":"ses_1","text":"hi","type":"user"}'
    )

    change(store, "alter table session_message drop column seq")
    documents, _, _ = read_all(source_of(store))
    assert documents["session_messages", "msg_v2"].payload == (
        b'{"id":"msg_v2","sessionID":"ses_1","text":"hi","type":"user"}'
    )

    change(store, "drop table session_message")
    assert not any(entity == "session_messages" for entity, _ in read_all(source_of(store))[0])


def test_a_database_at_rest_is_read_without_a_trace(store: Path) -> None:
    assert not store.with_name("opencode.db-wal").exists()
    before = look(store.parent)

    documents, rejections, _ = read_all(source_of(store))

    assert (len(documents), rejections) == (9, [])
    assert look(store.parent) == before


def test_what_a_running_opencode_has_only_in_its_wal_is_read_without_a_trace(store: Path) -> None:
    with running_writer(store, NEW_MESSAGE):
        before = look(store.parent)
        assert "opencode.db-wal" in before

        documents, _, _ = read_all(source_of(store))

        assert ("messages", "msg_new") in documents
        assert look(store.parent) == before
        assert source_of(store).schema_version() == "20260101000000_first"
        assert look(store.parent) == before


def test_a_running_opencode_can_go_on_writing_while_it_is_read(store: Path) -> None:
    reader = source_of(store).read(nothing_known())
    with running_writer(store, NEW_MESSAGE):
        next(reader)
        with running_writer(store, NEW_MESSAGE.replace("msg_new", "msg_later"), "pragma wal_checkpoint"):
            ids = {getattr(item, "document_id", None) for item in reader}

    assert "msg_new" in ids
    assert "msg_later" not in ids, "a read sees one moment"


def test_what_a_killed_opencode_left_in_its_wal_is_read_without_a_trace(store: Path) -> None:
    with running_writer(store, NEW_MESSAGE) as writer:
        writer.kill()
        writer.wait()
    before = look(store.parent)
    assert {"opencode.db-wal", "opencode.db-shm"} < set(before)

    documents, _, _ = read_all(source_of(store))

    assert ("messages", "msg_new") in documents
    assert look(store.parent) == before


def test_a_wal_without_its_shm_is_read_from_a_copy(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_writer(store, NEW_MESSAGE):
        pass
    store.with_name("opencode.db-shm").unlink()
    before = look(store.parent)
    temporary = store.parent.parent / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    documents, _, _ = read_all(source_of(store))

    assert ("messages", "msg_new") in documents
    assert look(store.parent) == before
    assert list(temporary.iterdir()) == [], "the copy is private, and gone"


def test_a_hot_journal_is_rolled_back_in_a_copy(tmp_path: Path) -> None:
    path = database(tmp_path / "store" / "opencode.db", n_messages=40)
    spill = ("pragma cache_size = 1", "begin", "update part set data = 'half' || hex(randomblob(4000))")
    with running_writer(path, *spill) as writer:
        writer.kill()
        writer.wait()
    before = look(path.parent)
    assert "opencode.db-journal" in before

    documents, rejections, _ = read_all(source_of(path))

    assert len(documents) == 40 + 80 + 3
    assert rejections == []
    assert look(path.parent) == before


def test_a_database_in_a_folder_that_cannot_be_written_is_read(open_folder: Path) -> None:
    path = database(open_folder / "store" / "opencode.db", wal=True)
    with running_writer(path, NEW_MESSAGE):
        pass
    path.chmod(0o400)
    path.parent.chmod(0o500)

    with without_rights(open_folder):
        documents, _, _ = read_all(source_of(path))

    assert ("messages", "msg_new") in documents


def test_a_wal_that_may_not_be_read_is_told(open_folder: Path) -> None:
    path = database(open_folder / "store" / "opencode.db", wal=True)
    with running_writer(path, NEW_MESSAGE):
        pass
    path.with_name("opencode.db-wal").chmod(0)

    problem = r"opencode\.db: cannot be read \(Permission denied\)"
    with without_rights(open_folder), pytest.raises(SourceError, match=problem):
        read_all(source_of(path))


def test_a_locked_database_is_told_and_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_S", 0.1)
    path = database(tmp_path / "opencode.db")

    with (
        running_writer(path, "begin exclusive"),
        pytest.raises(SourceError, match="is locked by another program"),
    ):
        read_all(source_of(path))


def test_a_database_that_changes_while_it_is_copied_is_told(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_writer(store, NEW_MESSAGE):
        pass
    store.with_name("opencode.db-shm").unlink()
    copyfile = shutil.copyfile

    def copy_and_touch(origin: Path, target: Path) -> Path:
        os.utime(origin)
        return copyfile(origin, target)

    monkeypatch.setattr(shutil, "copyfile", copy_and_touch)

    with pytest.raises(SourceError, match="it changes while it is copied"):
        read_all(source_of(store))


def test_a_database_at_rest_that_wakes_while_it_is_read_is_not_trusted(store: Path) -> None:
    reader = source_of(store).read(nothing_known())
    next(reader)

    with (
        running_writer(store, NEW_MESSAGE),
        pytest.raises(SourceError, match="was changed while it was read"),
    ):
        list(reader)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"SQLite format 3\0" + b"\xff" * 4080, "is damaged"),
        (b"<html>not found</html>" * 100, "is damaged"),
    ],
)
def test_a_file_that_is_no_database_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "opencode.db"
    path.write_bytes(content)

    for look_at in (read_all, Database.census, Database.schema_version):
        with pytest.raises(SourceError, match=words):
            look_at(source_of(path))


def test_a_damaged_page_costs_what_stands_on_it_and_nothing_else(tmp_path: Path) -> None:
    path = database(tmp_path / "opencode.db", n_messages=60, n_parts=60)
    change(path, "vacuum")
    n_pages = path.stat().st_size // 4096
    with path.open("r+b") as file:
        file.seek(n_pages // 2 * 4096)
        file.write(b"\xff" * 4096)

    ids, problem = read_what_can_be_read(source_of(path))

    assert "table part is damaged" in problem
    assert {"prj_1", "ses_1", "msg_1", "msg_60"} <= ids
    assert 60 * 61 + 3 - 100 < len(ids) < 60 * 61 + 3, "but for a page of rows"

    known = nothing_known()
    known["parts"] = Known({"prt_1_1": (1, 1)})
    reread = set()
    with pytest.raises(SourceError, match="table part is damaged"):  # noqa: PT012 - it is raised at the end
        for item in source_of(path).read(known):
            reread.add(getattr(item, "document_id", None))
    assert reread >= ids, "also at a later load"


def test_a_database_of_a_future_schema_is_read_as_far_as_it_is_known(store: Path) -> None:
    change(store, "alter table part rename to fragment", "alter table message rename column data to body")

    ids, problem = read_what_can_be_read(source_of(store))

    assert "table part is missing: this OpenCode writes a schema" in problem
    assert "table message lacks the column(s) data" in problem
    assert {"prj_1", "ses_1"} <= ids
    assert source_of(store).census().problems == tuple(
        sorted(source_of(store).census().problems, key=lambda text: "part" in text)
    )
    assert len(source_of(store).census().problems) == 2


def test_columns_that_are_not_known_are_left_out_and_told(store: Path) -> None:
    change(
        store,
        "alter table session add column mood text default 'sunny'",
        "alter table message add column extra text",
    )

    documents, rejections, _ = read_all(source_of(store))

    assert rejections == []
    assert b"sunny" not in documents["sessions", "ses_1"].payload
    assert source_of(store).census().unknown_columns == ("session.mood",)


def test_rows_that_cannot_be_read_are_rejected_one_by_one(store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection:
        insert_message(connection, "msg_blob", sqlite3.Binary(b'{"role":"user"}'))
        insert_message(connection, "msg_bytes", sqlite3.Binary(b"\xff\xfe"))
        insert_message(connection, "msg_number", 7)
        insert_message(connection, "msg_empty", "")
        insert_message(connection, "msg_cut", '{"role":"us')
        insert_message(connection, "msg_other", '{"role":"user","id":"msg_x"}')
        insert_part(connection, "prt_late", "msg_1", at="not a time")
        insert_part(connection, "prt_float", "msg_1", at=1.5)
        insert_part(connection, "prt_null", "msg_1")
        connection.execute("insert into session_message values ('msg_none', 'ses_1', 'user', 1, 1, 1, null)")
        connection.execute("update session set title = cast(x'ff' as text)")
        connection.execute("update project set sandboxes = '[', worktree = x'2f'")
        connection.commit()

    documents, rejections, _ = read_all(source_of(store))

    assert reasons(rejections) == [
        ("projects", "prj_1", "truncated"),
        ("sessions", "ses_1", "not_utf8"),
        ("messages", "msg_bytes", "not_utf8"),
        ("messages", "msg_number", "wrong_shape"),
        ("messages", "msg_empty", "empty"),
        ("messages", "msg_cut", "truncated"),
        ("messages", "msg_other", "id_mismatch"),
        ("session_messages", "msg_none", "empty"),
    ]
    assert documents["messages", "msg_blob"].payload.startswith(b'{"id":"msg_blob"')
    assert documents["parts", "prt_late"].modified_us is None
    assert documents["parts", "prt_float"].modified_us is None


def test_rows_without_an_id_of_their_own_are_rejected_at_every_load(store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection:
        for odd in (None, None, b"\xff", b"\xfe", b"msg_1"):
            insert_message(connection, odd)  # type: ignore[arg-type]
        connection.execute(
            "insert into session select null, project_id, null, slug, directory, title, version,"
            " null, null, null, null, null, null, 0, 0, null, null, null, null, 1, 1, null, null from session"
        )
        connection.commit()
    expected = {
        ("sessions", "", "wrong_shape"),
        ("messages", "", "wrong_shape"),
        ("messages", "\ufffd", "duplicate_id"),
        ("messages", "msg_1", "duplicate_id"),
    }
    known = nothing_known()
    known["messages"] = Known({"msg_1": (LONG_AGO_MS * 1000, 1), "msg_2": (LONG_AGO_MS * 1000, 1)})

    cold = read_all(source_of(store))
    warm = read_all(source_of(store), known)

    assert set(reasons(cold[1])) == set(reasons(warm[1])) == expected
    assert warm[2] == 2


def test_ids_that_no_two_rows_can_share_are_not_kept(store: Path) -> None:
    for keyed in (True, False):
        if not keyed:
            change(
                store,
                "create table t as select * from part",
                "drop table part",
                "alter table t rename to part",
            )
        known = nothing_known()
        read_all(source_of(store), known)

        assert known["parts"].meet("prt_1_1").is_duplicate is not keyed


def test_only_rows_with_a_new_time_are_read_again(store: Path) -> None:
    known = nothing_known()
    known["messages"] = Known({"msg_1": (LONG_AGO_MS * 1000, 1), "msg_gone": (1, 1)}, deleted=["msg_2"])
    known["parts"] = Known({"prt_1_1": (5000, 1), "prt_1_2": (LONG_AGO_MS * 1000, 999)})

    documents, _, n_unchanged = read_all(source_of(store), known)

    assert ("messages", "msg_1") not in documents
    assert documents["messages", "msg_2"].is_known, "it was deleted and is there again"
    assert documents["parts", "prt_1_1"].is_known
    assert n_unchanged == 2
    assert known["messages"].vanished() == ["msg_gone"]


def test_lone_surrogates_in_columns_are_counted(store: Path) -> None:
    change(store, r"""update session set metadata = '{"x":"\ud83d"}', model = '{"id":"\ude00"}'""")

    documents, _, _ = read_all(source_of(store))

    assert documents["sessions", "ses_1"].n_surrogates == 2


def test_the_tables_that_hold_secrets_are_never_read(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for table in FORBIDDEN:
        change(
            store,
            f"create table {table} (id text, data text)",
            f"insert into {table} values ('x', '{SECRET}')",
        )
    touched: list[str] = []

    def watch(action: int, table: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_READ and table in FORBIDDEN:
            touched.append(table)
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    connect = sqlite_file.connect_as

    def connect_and_watch(path: Path, mode: str) -> sqlite3.Connection:
        connection = connect(path, mode)
        connection.set_authorizer(watch)
        return connection

    monkeypatch.setattr(sqlite_file, "connect_as", connect_and_watch)

    documents, _, _ = read_all(source_of(store))
    source_of(store).census()
    source_of(store).schema_version()

    assert len(documents) == 9
    assert touched == []


@pytest.mark.parametrize(
    "name", ["a b", "it's", 'quo"te', "per%41cent", "what?", "number#1", "ünï", "semi;colon"]
)
def test_any_name_of_a_folder_will_do(tmp_path: Path, name: str) -> None:
    path = database(tmp_path / name / "opencode.db", wal=True)

    assert len(read_all(source_of(path))[0]) == 9
    with running_writer(path, NEW_MESSAGE):
        assert ("messages", "msg_new") in read_all(source_of(path))[0]
    assert len(list(path.parent.iterdir())) == 3


def test_the_schema_version_is_the_newest_migration_of_either_list(store: Path) -> None:
    assert source_of(store).schema_version() == "20260101000000_first"
    change(store, "drop table migration", "create table __drizzle_migrations (id integer, name text)")
    assert source_of(store).schema_version() is None
    change(store, "insert into __drizzle_migrations values (1, '20250101_a'), (2, '20250202_b')")
    assert source_of(store).schema_version() == "20250202_b"
    change(store, "drop table __drizzle_migrations")
    assert source_of(store).schema_version() is None


def test_the_census_counts_sessions_by_the_version_that_made_them(store: Path) -> None:
    census = source_of(store).census()

    assert census.counts == {"session": 1, "message": 2, "part": 4, "session_message": 0}
    assert census.versions == (("1.18.34", 1),)
    change(store, "alter table session drop column version")
    assert source_of(store).census().versions == ()


@pytest.fixture(scope="module")
def one_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return database(tmp_path_factory.mktemp("any") / "opencode.db", n_messages=0)


values = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.binary(max_size=60)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60)
)


@given(data=values, time=values, message_id=values, title=values)
def test_any_value_in_any_column_is_read_or_rejected(
    one_database: Path, data: object, time: object, message_id: object, title: object
) -> None:
    with closing(sqlite3.connect(one_database)) as connection:
        connection.execute("delete from message")
        connection.execute("pragma ignore_check_constraints = on")
        connection.execute("update session set title = coalesce(?, ''), cost = coalesce(?, 0)", (title, time))
        connection.execute(
            "insert or ignore into message values (?, 'ses_1', 0, coalesce(?, 0), coalesce(?, ''))",
            (message_id, time, data),
        )
        n = connection.execute("select count(*) from message").fetchone()[0]
        connection.commit()

    documents, rejections, _ = read_all(source_of(one_database))

    entities = [entity for entity, _ in documents] + [rejection.entity for rejection in rejections]
    assert entities.count("messages") == n
    assert entities.count("sessions") == 1
