"""Documents in chunks: what is put in comes out, whatever buffers it went through."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.raw import chunks
from ingest.raw.chunks import Buffers, Chunk
from ingest.raw.documents import Document, Entity
from ingest.raw.landing import Landing
from ingest.raw.writer import CHUNKS_IN_FLIGHT, Writer
from ingest.sources.json_store import JsonTree
from ingest.sources.source import Source
from ingest.warehouse import open_warehouse, scratch_warehouse
from tests.ingest.stores import NOW

ROWS = 4
BYTES = 64

entities: st.SearchStrategy[Entity] = st.sampled_from(["messages", "parts", "todos"])
texts = st.text(alphabet="aä€😀", max_size=BYTES)


def document(n: int, text: str, entity: Entity = "parts") -> Document:
    """Return a document with a text of any size as its payload."""
    payload = f'"{text}"'.encode()
    return Document(entity, f"id_{n}", "ses", None, payload, f"hash_{n}", "x", n, len(payload), False, 0)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_ROWS", ROWS)
    monkeypatch.setattr(chunks, "CHUNK_BYTES", BYTES)
    monkeypatch.setattr(chunks, "TRANSACTION_BYTES", 3 * BYTES)


@pytest.fixture
def landing() -> Iterator[Landing]:
    with scratch_warehouse() as connection, Landing(connection, NOW, mask=False) as land:
        land.batch.begin()
        yield land


def landed(land: Landing, source: Source) -> dict[tuple[str, str], str]:
    """Return the landed payloads of a source by entity and id."""
    rows = land._connection.execute(
        " union all ".join(
            f"select '{entity}', document_id, payload from raw.{entity} where source_id = $source"
            for entity in ("messages", "parts", "todos")
        ),
        {"source": source.source_id},
    ).fetchall()
    return {(entity, document_id): payload for entity, document_id, payload in rows}


class Slow(Writer):
    """Looks at its rows again a moment after they were landed."""

    def _write(
        self, rows: chunks.Rows, source_id: str, *, is_last: bool
    ) -> tuple[int, int, Mapping[str, int]]:
        before = rows.table.to_pylist()
        result = super()._write(rows, source_id, is_last=is_last)
        time.sleep(0.002)
        assert rows.table.to_pylist() == before
        return result


def test_every_payload_lands_as_it_is_however_it_falls_into_chunks(
    small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.raw.landing.Writer", Slow)
    n_sources = 0
    with scratch_warehouse() as connection, Landing(connection, NOW, mask=False) as land:
        land.batch.begin()

        @given(st.lists(st.tuples(entities, texts), min_size=1, max_size=40))
        def check(put: list[tuple[Entity, str]]) -> None:
            nonlocal n_sources
            n_sources += 1
            source = JsonTree.at("box", Path(f"/store/{n_sources}"))
            land.begin_source(source)
            documents = [document(n, text, entity) for n, (entity, text) in enumerate(put)]
            for one in documents:
                land.put(one)
            counts = land.end_source({}, None, "ok", None)

            assert counts.written == len(documents)
            assert landed(land, source) == {
                (one.entity, one.document_id): one.payload.decode() for one in documents
            }

        check()


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([2] * 9, [[4], [4], [1]]),
        ([32, 32, 2], [[2, 1]]),
        ([32, 33, 31], [[1, 2]]),
        ([64, 64], [[1, 1]]),
        ([2, 65, 2], [[1, 1, 1]]),
        ([2, 65, 2, 2, 2, 2], [[1, 1, 2], [2]]),
        ([64, 64, 64, 64, 2], [[1, 1, 1], [1, 1]]),
        ([1000, 2], [[1], [1]]),
    ],
)
def test_a_chunk_ends_without_room_and_a_transaction_where_a_row_group_is_full(
    small: None,
    landing: Landing,
    monkeypatch: pytest.MonkeyPatch,
    sizes: list[int],
    expected: list[list[int]],
) -> None:
    transactions: list[list[int]] = [[]]
    write, commit = Writer._write, Writer._commit

    def noting(
        self: Writer, rows: chunks.Rows, source_id: str, *, is_last: bool
    ) -> tuple[int, int, Mapping[str, int]]:
        transactions[-1].append(len(rows.table))
        return write(self, rows, source_id, is_last=is_last)

    def ending(self: Writer) -> None:
        transactions.append([])
        commit(self)

    monkeypatch.setattr(Writer, "_write", noting)
    monkeypatch.setattr(Writer, "_commit", ending)
    source = JsonTree.at("box", Path("/store"))
    landing.begin_source(source)
    for n, size in enumerate(sizes):
        landing.put(document(n, "x" * (size - 2)))
    landing.end_source({}, None, "ok", None)

    assert [one for one in transactions if one] == expected
    assert [len(payload) for payload in landed(landing, source).values()] == sizes


def test_a_row_group_of_several_chunks_goes_past_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1_000_000)
    path = tmp_path / "opencode.duckdb"
    with open_warehouse(path) as connection, Landing(connection, NOW, mask=False) as land:
        land.batch.begin()
        source = JsonTree.at("box", Path("/store"))
        land.begin_source(source)
        for n in range(2 * chunks.CHUNK_ROWS):
            land.put(document(n, f"{n}" * 500))
        counts = land.end_source({}, None, "ok", None)

        assert counts.written == len(landed(land, source)) == 2 * chunks.CHUNK_ROWS
        assert path.with_name(path.name + ".wal").stat().st_size < 1_000_000


def test_buffers_are_used_again_but_for_those_of_large_documents(small: None) -> None:
    buffers = Buffers()
    first, second, large = buffers.take(1), buffers.take(BYTES), buffers.take(BYTES + 1)
    assert first is not second
    assert [len(buffer) for buffer in (first, second, large)] == [BYTES, BYTES, BYTES + 1]
    for buffer in (large, first):
        buffers.give_back(buffer)

    assert buffers.take(BYTES) is first
    assert buffers.take(BYTES) is not large


def test_a_load_takes_its_buffers_in_turn(
    small: None, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    take = Buffers.take

    def noting(self: Buffers, n_bytes: int) -> bytearray:
        taken.append(take(self, n_bytes))
        return taken[-1]

    monkeypatch.setattr(Buffers, "take", noting)
    landing.begin_source(JsonTree.at("box", Path("/store")))
    for n in range(10 * ROWS):
        landing.put(document(n, "x"))
    landing.end_source({}, None, "ok", None)

    assert len(taken) == 10
    assert len({id(buffer) for buffer in taken}) == CHUNKS_IN_FLIGHT + 1


def test_the_buffer_of_a_commit_that_failed_is_not_used_again(
    small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = []
    close = Chunk.close

    def noting(self: Chunk) -> chunks.Rows:
        filled.append(self._buffer)
        return close(self)

    def fail(*_: object, is_last: bool) -> None:
        raise duckdb.IOException("the disk is full")

    monkeypatch.setattr(Chunk, "close", noting)
    with scratch_warehouse() as connection, Landing(connection, NOW, mask=False) as land:
        land.batch.begin()
        source = JsonTree.at("box", Path("/store"))
        land.begin_source(source)
        for n in range(ROWS):
            land.put(document(n, "first"))
        monkeypatch.setattr(land._writer, "_write", fail)
        for n in range(ROWS, 2 * ROWS):
            land.put(document(n, "second"))
        with pytest.raises(duckdb.IOException, match="the disk is full"):
            land.end_source({}, None, "ok", None)
        failed = filled[1]

        assert bytes(failed[:8]) == b'"second"'
        assert all(buffer is not failed for buffer in land._writer._buffers._free)
        assert list(landed(land, source).values()) == ['"first"'] * ROWS
