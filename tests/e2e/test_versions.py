"""Small real histories of other OpenCode versions, each with forks, errors and what the interface billed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

VERSIONS = ("1.0.61", "1.0.185", "1.1.34", "1.2.27", "1.3.0", "1.14.48", "1.18.34")
STEPS = """
    select tokens_input, tokens_cache_read, tokens_output + tokens_reasoning
    from messages where role = 'assistant' and not is_fork_copy and tokens_total > 0
"""


def billed(folder: Path) -> set[tuple[int, int, int]]:
    """Return (uncached input, cached input, output with reasoning) of each request that was billed."""
    lines = (json.loads(line) for line in (folder / "billed.jsonl").read_text().splitlines())
    usages = [line["usage"] for line in lines if line["usage"]]
    return {(usage["input"], usage["cache_read"], usage["output"]) for usage in usages}


@pytest.fixture(scope="module")
def all_versions(unpacked: Callable[[str], Path], new_warehouse: Callable[..., Any]) -> Any:
    """Return one warehouse of all versions' stores, as that of somebody who kept each."""
    warehouse = new_warehouse(*(unpacked(f"versions/{version}") / "opencode" for version in VERSIONS))
    warehouse.load()
    warehouse.build_by_rules()
    return warehouse


@pytest.mark.parametrize("version", VERSIONS)
def test_every_step_of_every_version_has_the_tokens_that_were_billed(
    version: str, unpacked: Callable[[str], Path], all_versions: Any
) -> None:
    folder = unpacked(f"versions/{version}")
    of_version = (
        f"source_id in (select source_id from raw.sources where starts_with(root, '{folder / 'opencode'}'))"
    )
    counts = json.loads((folder / "counts.json").read_text())
    for table in ("sessions", "messages", "parts"):
        rows = all_versions.one(f"select count(*) from {table} where {of_version}")
        assert rows == counts[table], table
    copies = f"select count(*) from messages where is_fork_copy and role = 'assistant' and {of_version}"
    assert all_versions.one(copies) == 18
    steps = all_versions.query(f"{STEPS} and {of_version}")
    assert len(steps) == 19
    assert set(steps) <= billed(folder)


def test_one_session_continued_by_five_versions_has_the_tokens_that_were_billed(
    unpacked: Callable[[str], Path], new_warehouse: Callable[..., Any]
) -> None:
    # The session keeps the version of its creator, 1.0.61; its rows count tokens in four ways.
    folder = unpacked("versions/chain")
    warehouse = new_warehouse(folder / "opencode")
    warehouse.load()
    warehouse.build_by_rules()
    steps = warehouse.query(STEPS)
    assert len(steps) == 23
    assert set(steps) <= billed(folder) | billed(unpacked("versions/1.0.61"))
