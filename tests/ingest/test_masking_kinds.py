"""Masking on hundreds of kinds of secrets in nine encodings, and on texts that hold none."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.raw.candidates import Finder, GrowingFinder, HyperscanFinder, Re2Finder
from ingest.raw.escapes import readable
from ingest.raw.json_text import canonical
from ingest.raw.masking import default_rules
from tests.ingest.kinds import PLACES, Planted, encoded, harmless, kinds, left, plant
from tests.ingest.secrets import entries, texts

RULES = default_rules()

ROUND_HARMLESS = {
    "plain": "{}",
    "numbered read": "00012| {}\n00013| end",
    "diff": "@@ -1 +1 @@\n+{}\n-{}",
    "grep": "src/a.py:12:{}",
    "coloured": "\x1b[32m{}\x1b[0m",
}


def of_rules() -> dict[str, str]:
    """Return the examples of the rules themselves, as kinds."""
    return {
        f"{entry['kind']} {n} {i}": example
        for n, entry in enumerate(entries())
        for i, example in enumerate(texts(entry, "examples"))
    }


@cache
def missed(group: str) -> tuple[Counter[str], Counter[str], list[str]]:
    """Return how many texts of each place there are, how many lost their secrets, and which did not."""
    table = of_rules() if group == "rules" else kinds(group)
    planted: list[tuple[Planted, str, str]] = [
        (one, place, encoded(one, place)) for one in plant(table) for place in PLACES
    ]
    payloads = [canonical({"type": "text", "text": text})[0] for _, _, text in planted]
    changed, _ = RULES.mask_all(pa.array(payloads, pa.string()))
    total: Counter[str] = Counter()
    masked: Counter[str] = Counter()
    names = []
    for n, (one, place, text) in enumerate(planted):
        after = str(orjson.loads(changed.get(n, payloads[n]))["text"])
        total[place] += 1
        if left(one, place, text, after):
            names.append(f"{one.name}, {place}")
        else:
            masked[place] += 1
    return total, masked, names


def test_there_are_more_than_three_hundred_kinds_and_none_is_in_two_groups() -> None:
    assert len(kinds("held_back")) >= 150
    assert len(of_rules()) + len(kinds("known")) + len(kinds("held_back")) >= 300
    assert not set(kinds("known")) & set(kinds("held_back"))


@pytest.mark.parametrize("group", ["rules", "known", "held_back"])
def test_nearly_every_kind_is_masked_in_plain_and_in_every_encoding(group: str) -> None:
    total, masked, names = missed(group)

    assert masked["plain"] >= 0.97 * total["plain"], names
    assert masked.total() >= 0.95 * total.total(), names
    for place in PLACES:
        assert masked[place] >= 0.9 * total[place], (place, names)


def test_no_harmless_text_changes() -> None:
    found = harmless()

    assert len(found) >= 150
    changed = [
        (place, text, RULES.mask_text(frame.replace("{}", text))[0])
        for text in found
        for place, frame in ROUND_HARMLESS.items()
        if RULES.mask_text(frame.replace("{}", text))[1]
    ]
    nested = [text for text in found if RULES.mask_text(json.dumps({"output": json.dumps({"t": text})}))[1]]
    assert (changed, nested) == ([], [])


@pytest.mark.parametrize("group", ["known", "held_back"])
def test_what_is_masked_stays_as_it_is_and_json_within_a_text_stays_json(group: str) -> None:
    for one in plant(kinds(group)):
        for place in ("plain", "JSON, three deep", "ANSI colours"):
            masked, _ = RULES.mask_text(encoded(one, place))
            assert RULES.mask_text(masked) == (masked, {})
            if place == "JSON, three deep":
                inner = json.loads(json.loads(json.loads(masked)["output"])["output"])["output"]
                assert isinstance(inner, str)


def test_hyperscan_and_re2_find_the_same() -> None:
    both: list[Finder] = [HyperscanFinder(RULES.hints), Re2Finder(RULES.hints)]
    planted = [encoded(one, place) for one in plant(kinds("held_back")) for place in PLACES]
    payloads = pa.array([canonical({"text": text})[0] for text in [*planted, *harmless()]], pa.string())

    first, second = (finder.find(payloads) for finder in both)

    assert {n: sorted(found) for n, found in second.items()} == first
    assert len(first) > 1_000


def test_hyperscan_takes_over_where_there_is_much_to_search() -> None:
    payloads = pa.array(['{"text":"ghp_' + "a1B2" * 9 + '"}'] * 50_000, pa.string())
    growing = GrowingFinder(RULES.hints)

    found = [growing.find(payloads.slice(0, n)) for n in (10, 50_000, 50_000)]

    assert [len(one) for one in found] == [10, 50_000, 50_000]
    assert found[1][9] == found[0][9]


@given(st.text(alphabet="ab\\\"'n%25D=&quot;#x27\x1b[32m\n012|+-: "), st.booleans())
def test_each_part_of_a_readable_text_has_its_place_in_the_original(text: str, lines: bool) -> None:
    view = readable(text, lines=lines)

    reached = 0
    for n in range(len(view.text)):
        begin, end = view.span(n, n + 1)
        assert reached <= begin < end <= len(text)
        if end - begin == 1:
            assert text[begin:end] == view.text[n]
        reached = end
