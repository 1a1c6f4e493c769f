"""Two hundred ways to damage a database: no load that is called ok has lost, doubled or changed a document.

But for what SQLite cannot see, as it has no checksums: bits that flip within a value that no index has as
well, the rest of a long text that is another's, and rows as they were once, where no newer ones are landed.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingest.errors import SourceError
from ingest.raw.documents import ENTITIES, Document, Entity, Rejection
from ingest.raw.known import Known
from ingest.sources import sqlite_documents
from ingest.sources.sqlite_store import Database
from tests.ingest.stores import LONG_AGO_MS, Warehouse, change, database

PAGE = 4096
N_DAMAGES = 200
INDEXES = """
    create index session_project_idx on session (project_id);
    create index session_parent_idx on session (parent_id);
    create index todo_session_idx on todo (session_id);
    create index message_session_time_created_id_idx on message (session_id, time_created, id);
    create index part_message_id_id_idx on part (message_id, id);
    create index part_session_idx on part (session_id);
    create unique index session_message_session_seq_idx on session_message (session_id, seq);
"""
"""Those of OpenCode 1.18."""

Key = tuple[str, str]
Documents = Mapping[Key, Document]


def read_state(path: Path, known: Mapping[Entity, Known]) -> tuple[list[Document | Rejection], bool]:
    """Return what a read of a database yields, and whether it says that all is well."""
    found: list[Document | Rejection] = []
    try:
        for item in Database.at("box", path).read(known):
            if isinstance(item, Document | Rejection):
                found.append(item)
    except SourceError:
        return found, False
    return found, True


def by_key(found: list[Document | Rejection]) -> dict[Key, Document]:
    return {(one.entity, one.document_id): one for one in found if isinstance(one, Document)}


def known_of(documents: Documents) -> dict[Entity, Known]:
    """Return what a warehouse knows of documents that were landed long after they changed."""
    return {
        entity: Known(
            {
                key[1]: (one.modified_us or 0, one.size_bytes)
                for key, one in documents.items()
                if key[0] == entity
            }
        )
        for entity in ENTITIES
    }


def text(rng: random.Random, length: int) -> str:
    words = ("error", "build", "naïve", "file", "return", "class", "session")
    return " ".join(rng.choices(words, k=length // 6))


@dataclass
class Histories:
    """A database, and as it was some work before."""

    now: bytes
    before: bytes
    documents: Documents
    documents_before: Documents

    @property
    def n_pages(self) -> int:
        return len(self.now) // PAGE


def work(connection: sqlite3.Connection, rng: random.Random, turns: range) -> None:
    """Write messages with parts of all sizes, a new session now and then, and change some of them later."""
    for turn in turns:
        at = LONG_AGO_MS + 1000 * turn
        session = f"ses_{turn // 8:03}"
        if turn % 8 == 0:
            connection.execute(
                """insert into session (id, project_id, slug, directory, title, version, time_created,
                    time_updated) values (?, 'prj_1', 'slug', '/home/dev', ?, '1.18.34', ?, ?)""",
                (session, text(rng, 60), at, at),
            )
            connection.executemany(
                "insert into todo values (?, ?, 'pending', 'high', ?, ?, ?)",
                [(session, text(rng, 50), position, at, at) for position in range(4)],
            )
        message = f"msg_{rng.getrandbits(40):010x}_{turn:04}"
        connection.execute(
            "insert into message values (?, ?, ?, ?, ?)",
            (message, session, at, at, f'{{"role":"user","text":"{text(rng, 200)}"}}'),
        )
        for n in range(6):
            size = rng.choice((40, 200, 900, 3_000, 9_000 if n == 0 else 100))
            data = f'{{"type":"text","text":"{text(rng, size)}"}}'
            part = f"prt_{rng.getrandbits(40):010x}_{turn:04}_{n}"
            connection.execute(
                "insert into part values (?, ?, ?, ?, ?, ?)", (part, message, session, at, at, data)
            )
        connection.execute(
            "insert into session_message values (?, ?, 'user', ?, ?, ?, ?)",
            (f"smg_{turn:04}", session, turn, at, at, f'{{"text":"{text(rng, 120)}"}}'),
        )
        if turn % 5 == 4:  # calls that end; one of them ran for long
            connection.execute(
                """update part set time_updated = ?, data = replace(data, 'error', 'fixed')
                where rowid > (select max(rowid) - 9 from part) or rowid = ?""",
                (at + 500, rng.randrange(1, 100)),
            )
            connection.execute(
                "update session set time_updated = ?, title = title || '!' where id = ?", (at, session)
            )


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Histories:
    path = tmp_path_factory.mktemp("sound") / "opencode.db"
    database(path, n_messages=0)
    rng = random.Random(7)  # noqa: S311
    states: list[tuple[bytes, Documents]] = []
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(INDEXES)
        for turns in (range(24), range(24, 36)):
            work(connection, rng, turns)
            connection.commit()
            found, is_well = read_state(path, known_of({}))
            assert is_well
            states.append((path.read_bytes(), by_key(found)))
    (before, documents_before), (now, documents) = states
    return Histories(now, before, documents, documents_before)


def pages(rng: random.Random, histories: Histories, n: int) -> list[int]:
    """Return where some pages begin, the first one excepted."""
    return [PAGE * number for number in rng.sample(range(1, histories.n_pages), n)]


def is_text(raw: bytes | bytearray, at: int) -> bool:
    """Whether a page is the rest of a long value: all others begin with their kind."""
    return raw[at] not in (2, 5, 10, 13)


def zero(raw: bytearray, histories: Histories, rng: random.Random) -> str:
    at = PAGE * rng.randrange(histories.n_pages)
    raw[at : at + PAGE] = bytes(PAGE)
    return "a page of zeros"


def swap(raw: bytearray, histories: Histories, rng: random.Random) -> str:
    one, other = pages(rng, histories, 2)
    raw[one : one + PAGE], raw[other : other + PAGE] = raw[other : other + PAGE], raw[one : one + PAGE]
    return UNSEEN_TEXT if is_text(raw, one) and is_text(raw, other) else "two pages change places"


def double(raw: bytearray, histories: Histories, rng: random.Random) -> str:
    one, other = pages(rng, histories, 2)
    is_of_text = is_text(raw, one) and is_text(raw, other)
    raw[one : one + PAGE] = raw[other : other + PAGE]
    return UNSEEN_TEXT if is_of_text else "a page takes another's place"


def header(raw: bytearray, histories: Histories, rng: random.Random) -> str:
    at = PAGE * rng.randrange(histories.n_pages)
    is_of_text = at > 0 and is_text(raw, at)
    at += rng.randrange(40)
    n = rng.randrange(1, 5)
    raw[at : at + n] = rng.randbytes(n)
    return UNSEEN_TEXT if is_of_text else "random bytes in the header of a page"


def flip(raw: bytearray, histories: Histories, rng: random.Random) -> str:
    at = PAGE * rng.randrange(histories.n_pages) + rng.randrange(100, PAGE - 8)
    for _ in range(rng.randrange(1, 4)):
        raw[at + rng.randrange(8)] ^= 1 << rng.randrange(8)
    return UNSEEN_BITS


def point(raw: bytearray, histories: Histories, rng: random.Random) -> str:
    """Overwrite what leads to another page: of an inner page, or from a long value to its rest."""
    inner = [at for at in range(PAGE, len(raw), PAGE) if raw[at] in (2, 5)]
    chained = [
        at for at in range(PAGE, len(raw), PAGE) if 0 < int.from_bytes(raw[at : at + 4]) <= histories.n_pages
    ]
    at = rng.choice(inner + chained)
    if at in inner:
        n_cells = int.from_bytes(raw[at + 3 : at + 5])
        cell = rng.randrange(n_cells + 1)
        pointer = at + 12 + 2 * cell
        at += 8 if cell == n_cells else int.from_bytes(raw[pointer : pointer + 2])
    raw[at : at + 4] = rng.randrange(1, histories.n_pages + 1).to_bytes(4)
    return "a pointer leads to another page"


def truncate(raw: bytearray, histories: Histories, rng: random.Random) -> str:
    del raw[rng.randrange(100, len(raw)) :]
    return "the end of the file is missing"


def age(raw: bytearray, histories: Histories, rng: random.Random) -> str:
    """Put a page back as it was, as a disk does that loses a write."""
    changed = [
        at
        for at in range(0, len(histories.before), PAGE)
        if histories.before[at : at + PAGE] != histories.now[at : at + PAGE]
    ]
    at = rng.choice(changed)
    raw[at : at + PAGE] = histories.before[at : at + PAGE]
    return OLD_PAGE


UNSEEN_BITS = "bits flip"
UNSEEN_TEXT = "the rest of a long text is another's"
OLD_PAGE = "a page is as it was once"
DAMAGES: tuple[Callable[[bytearray, Histories, random.Random], str], ...] = (
    *(zero, swap, double, header, point, truncate),
    *(flip, flip, age, age),
)


@dataclass
class Silence:
    """What went wrong in loads that were called ok, by kind of damage, and how often damage was told."""

    lost: Counter[str] = field(default_factory=Counter)
    doubled: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    n_told: int = 0

    def judge(self, kind: str, landed: Documents, truth: Documents, path: Path) -> None:
        """Load a damaged database over what is landed, as `load` does, and compare with the truth."""
        known = known_of(landed)
        found, is_well = read_state(path, known)
        if not is_well:
            self.n_told += 1
            return
        rejected: set[tuple[str, str | None]] = {
            (one.entity, one.document_id) for one in found if isinstance(one, Rejection)
        }
        keys = [(one.entity, one.document_id) for one in found if isinstance(one, Document)]
        after = {**landed, **by_key(found)}
        for entity in ENTITIES:
            for document_id in known[entity].vanished():
                del after[entity, document_id]
        if any(key not in rejected for key in truth.keys() - after.keys()):
            self.lost[kind] += 1
        if len(keys) != len(set(keys)) or after.keys() - truth.keys():
            self.doubled[kind] += 1
        if any(
            (after[key].payload, after[key].modified_us) != (truth[key].payload, truth[key].modified_us)
            for key in after.keys() & truth.keys()
            if key not in rejected
        ):
            self.changed[kind] += 1


@pytest.mark.parametrize("scenario", ["first", "again", "grown", "grown and large"])
def test_two_hundred_damages(
    histories: Histories, tmp_path: Path, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = {"first": {}, "again": histories.documents}.get(scenario, histories.documents_before)
    if scenario == "grown and large":
        monkeypatch.setattr(sqlite_documents, "CHECKED_BYTES", 0)
        monkeypatch.setattr(sqlite_documents, "NEWS_OF_ROWS", 0)
    path = tmp_path / "opencode.db"
    silence = Silence()
    for n in range(N_DAMAGES):
        rng = random.Random(n)  # noqa: S311
        raw = bytearray(histories.now)
        kind = DAMAGES[n % len(DAMAGES)](raw, histories, rng)
        path.write_bytes(raw)
        silence.judge(kind, landed, histories.documents, path)

    print(scenario, silence)
    assert silence.lost == silence.doubled == {}
    unseen = {
        "first": {UNSEEN_BITS: 20, UNSEEN_TEXT: 10, OLD_PAGE: 12},
        "again": {},
    }.get(scenario, {UNSEEN_BITS: 10, UNSEEN_TEXT: 10, OLD_PAGE: 12})
    assert {kind: n for kind, n in silence.changed.items() if n > unseen.get(kind, 0)} == {}
    assert silence.n_told > N_DAMAGES / 2


def pages_of_parts(path: Path) -> list[bytes]:
    """Return the pages that hold rows of `part`, in the order of the file."""
    raw = path.read_bytes()
    found = [raw[at : at + PAGE] for at in range(0, len(raw), PAGE)]
    return [page for page in found if page[0] == 13 and b"prt_" in page]


def test_a_page_in_anothers_place_is_a_damaged_source_until_it_is_mended(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = database(tmp_path / "store" / "opencode.db", n_messages=40, n_parts=10)
    sound = path.read_bytes()
    first = warehouse.load(path)
    assert (first.sources[0].status, first.counts.written) == ("ok", 443)
    one, other = pages_of_parts(path)[1:3]

    path.write_bytes(sound.replace(one, other))
    for over in (warehouse, Warehouse(tmp_path / "new" / "opencode.duckdb")):
        for _ in range(2):
            result = over.load(path)

            assert [source.status for source in result.sources] == ["damaged"]
            assert result.counts.deleted == 0
            assert result.counts.rejected > 5
            assert {rejection.reason for _, rejection in result.rejections} == {"duplicate_id"}
            (problem,) = result.problems
            assert "table part is damaged: SQLite's own check finds" in problem
            assert over.query("select status, message = ? from raw.sources", problem) == [("damaged", True)]
            assert over.value("select max(n_sources_failed) from raw.load_batches") == 1
            assert over.value("select count(*) = count(distinct document_id) from raw.parts") is True
    assert warehouse.value("select count(*) from raw.parts where deleted_at is null") == 400

    path.write_bytes(sound)
    mended = warehouse.load(path)
    assert (mended.sources[0].status, mended.problems, mended.counts.rejected) == ("ok", [], 0)
    assert mended.counts.resolved == result.counts.rejected


def test_a_backup_in_the_place_of_a_database_is_no_damage(warehouse: Warehouse, tmp_path: Path) -> None:
    path = database(tmp_path / "store" / "opencode.db", n_messages=40, n_parts=10)
    backup = path.read_bytes()
    later = LONG_AGO_MS + 60_000
    change(
        path,
        f"update part set time_updated = {later}, data = '{{\"type\":\"x\"}}' where message_id = 'msg_1'",
        f"insert into message values ('msg_late', 'ses_1', {later}, {later}, '{{\"role\":\"user\"}}')",
        f"update session set time_updated = {later}, title = 'Later'",
    )
    warehouse.load(path)

    path.write_bytes(backup)
    restored = warehouse.load(path)

    assert (restored.sources[0].status, restored.counts.written, restored.counts.deleted) == ("ok", 11, 1)


def test_rows_that_went_back_while_others_did_not_are_a_page_of_an_older_state(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = database(tmp_path / "store" / "opencode.db", n_messages=40, n_parts=10)
    old = path.read_bytes()
    change(
        path, f"update part set time_updated = {LONG_AGO_MS + 60_000}, data = replace(data, 'text', 'said')"
    )
    warehouse.load(path)
    now = path.read_bytes()
    at = next(at for at in range(PAGE, len(old), PAGE) if old[at] == 13 and b"prt_" in old[at : at + PAGE])

    path.write_bytes(now[:at] + old[at : at + PAGE] + now[at + PAGE :])
    result = warehouse.load(path)

    assert [source.status for source in result.sources] == ["damaged"]
    assert "rows in it are older than when they were loaded, others are not" in result.problems[0]


def test_a_clock_that_was_ahead_and_is_set_right_is_no_damage(warehouse: Warehouse, tmp_path: Path) -> None:
    path = database(tmp_path / "store" / "opencode.db", n_messages=40, n_parts=10)
    ahead = 4_000_000_000_000
    change(path, f"update part set time_updated = {ahead}")
    warehouse.load(path)

    later = """set time_updated = 1790000000000, data = '{"type":"x"}' where message_id = 'msg_1'"""
    change(path, f"update part {later}")
    result = warehouse.load(path)

    assert (result.sources[0].status, result.counts.written) == ("ok", 10)


@pytest.mark.parametrize("definition", ["{} without rowid", "{}"])
def test_tables_without_row_numbers_and_generated_columns_are_read_at_every_load(
    warehouse: Warehouse, tmp_path: Path, definition: str
) -> None:
    path = database(tmp_path / "store" / "opencode.db", n_messages=3)
    table = """create table part_2 (id text primary key, message_id text, time_created integer,
        time_updated integer, data text,
        session_id text generated always as (json_extract(data, '$.in')) stored)"""
    change(
        path,
        definition.format(table),
        """insert into part_2 select id, message_id, time_created, time_updated,
            json_set(data, '$.in', session_id) from part""",
        "drop table part",
        "alter table part_2 rename to part",
    )

    assert warehouse.load(path).counts.written == 12
    assert warehouse.load(path).counts.unchanged == 12

    change(
        path,
        "delete from part where id = 'prt_1_1'",
        "update part set time_updated = 1 + time_updated, data = json_set(data, '$.text', 'x') "
        "where id = 'prt_2_1'",
        "update part set id = 'prt_é' where id = 'prt_3_1'",
    )
    changed = warehouse.load(path)
    assert (changed.problems, changed.counts.written, changed.counts.deleted) == ([], 2, 2)
    assert warehouse.value("select count(*) from raw.parts where session_id = 'ses_1'") == 7
