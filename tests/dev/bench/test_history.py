"""Grown histories: of the size asked for, the same for a seed, and whole."""

import hashlib
from collections import Counter

import orjson
import pytest

from dev.bench.history import LARGEST_TEXT, VERSION, Record, Size, Template, filler, grow, one_session
from tests.dev.bench.sizes import TINY

KNOWN_DIGESTS = {1: "4d6db730260a69d57083e1eb36a70b4eb517cabd7452897a02a9a8d7048e2476"}
"""Of a tiny history by each version of the generator."""


def digest(template: Template, size: Size, seed: int) -> str:
    """Return a hash of every document of a history."""
    found = hashlib.sha256()
    for record in grow(template, size, seed):
        found.update(orjson.dumps([record.kind, record.folder, record.ms, record.document]))
    return found.hexdigest()


@pytest.fixture(scope="module")
def records(template: Template) -> list[Record]:
    """A tiny history."""
    return list(grow(template, TINY, seed=7))


def test_a_history_has_as_many_documents_as_asked_for(template: Template, records: list[Record]) -> None:
    assert Counter(record.kind for record in records) == {
        "project": len(template.projects),
        "session": TINY.sessions,
        "message": TINY.messages,
        "part": TINY.parts,
    }


def test_a_history_has_about_as_many_bytes_as_asked_for(template: Template) -> None:
    size = Size(sessions=20, messages=1_000, parts=4_350, n_bytes=45_000_000)
    n_bytes = sum(len(orjson.dumps(record.document)) for record in grow(template, size, seed=7))
    assert n_bytes == pytest.approx(size.n_bytes, rel=0.1)


def test_a_history_is_the_same_for_a_seed_and_another_for_another(template: Template) -> None:
    assert digest(template, TINY, 7) == digest(template, TINY, 7)
    assert digest(template, TINY, 7) != digest(template, TINY, 8)


def test_who_changes_what_is_grown_raises_the_version(template: Template) -> None:
    assert digest(template, TINY, 7) == KNOWN_DIGESTS[VERSION], (
        "Other documents are grown than before, and kept stores would be taken for the same: raise VERSION "
        "in dev/bench/history.py and note the digest here. A change of the sample alone needs the digest."
    )


def test_every_document_has_an_id_of_its_own(records: list[Record]) -> None:
    ids = Counter(record.document["id"] for record in records)
    assert max(ids.values()) == 1
    calls = Counter(record.document["callID"] for record in records if record.document.get("type") == "tool")
    assert max(calls.values()) == 1


def test_every_document_belongs_to_one_that_is_there(records: list[Record]) -> None:
    ids = {record.document["id"]: record.kind for record in records}
    for record in records:
        document = record.document
        if record.kind == "session":
            assert ids[document["projectID"]] == "project"
        if record.kind in ("message", "part"):
            assert ids[document["sessionID"]] == "session"
        if record.kind == "part":
            assert ids[document["messageID"]] == "message"
        if record.kind == "message" and document["role"] == "assistant":
            assert ids[document["parentID"]] == "message"


def test_the_times_of_a_message_are_those_of_its_session(records: list[Record]) -> None:
    lasts = {
        record.document["id"]: (record.document["time"]["created"], record.document["time"]["updated"])
        for record in records
        if record.kind == "session"
    }
    for record in records:
        if record.kind == "message":
            begins, ends = lasts[record.document["sessionID"]]
            assert begins <= record.document["time"]["created"] <= ends


def test_texts_are_enlarged_up_to_their_limit(template: Template) -> None:
    huge = Size(sessions=1, messages=20, parts=90, n_bytes=90 * LARGEST_TEXT)
    sizes = [len(orjson.dumps(record.document)) for record in grow(template, huge, seed=7)]
    assert LARGEST_TEXT < max(sizes) < 1.3 * LARGEST_TEXT


def test_the_text_of_tools_is_long_enough_to_be_cut_from() -> None:
    assert len(filler()) > 10 * LARGEST_TEXT


def test_one_more_session_has_the_documents_asked_for_and_begins_when_told(template: Template) -> None:
    added = list(one_session(template, 200, 8, starts_ms=1_800_000_000_000))
    assert len(added) == 200
    kinds = Counter(record.kind for record in added)
    assert kinds["session"] == 1
    assert min(record.ms for record in added) == 1_800_000_000_000


def test_a_larger_size_is_so_many_times_as_large() -> None:
    assert Size(2, 10, 40, 1_000).times(5) == Size(10, 50, 200, 5_000)
    assert Size(2, 10, 40, 1_000).times(0.01) == Size(1, 1, 1, 10)
