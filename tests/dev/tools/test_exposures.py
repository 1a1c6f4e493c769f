"""What exposures say of pages and questions is what their SQL reads."""

import re
from pathlib import Path

import yaml

from opencode_warehouse.pages import page_files

PROJECT = Path(__file__).resolve().parents[3]
EXPOSURES = yaml.safe_load((PROJECT / "models" / "marts" / "_exposures.yml").read_text())["exposures"]
RELATION = re.compile(r"\b(?:from|join)\s+(?:(?P<schema>[a-z]+)\.)?(?P<name>[a-z_]+)")
KNOWN = {
    path.stem
    for folder, ending in (("models/marts", "sql"), ("seeds", "csv"))
    for path in (PROJECT / folder).rglob(f"*.{ending}")
}


def source_of(table: str) -> str:
    """Return how dbt names a table of the schema raw."""
    for file in (PROJECT / "models" / "staging").rglob("*__sources.yml"):
        for source in yaml.safe_load(file.read_text())["sources"]:
            if table in {entry["name"] for entry in source["tables"]}:
                return f"source('{source['name']}', '{table}')"
    raise AssertionError(table)


def read_by_page(name: str) -> set[str]:
    """Return what the queries of a page read, as dbt names it."""
    [file] = page_files.find([name])
    fences = [part for part in page_files.read(file).parts if isinstance(part, page_files.Fence)]
    found = [match for fence in fences for match in RELATION.finditer(fence.sql)]
    return {source_of(match["name"]) for match in found if match["schema"] == "raw"} | {
        f"ref('{match['name']}')" for match in found if not match["schema"] and match["name"] in KNOWN
    }


def read_by_questions(topic: str) -> set[str]:
    """Return what the questions of a topic read, as dbt names it."""
    texts = [path.read_text() for path in (PROJECT / "analyses" / topic).glob("*.sql")]
    return {f"ref('{name}')" for text in texts for name in re.findall(r"ref\('(\w+)'\)", text)}


def test_every_page_and_topic_has_its_exposure_and_no_other_is_there() -> None:
    pages = {f"report_{file.stem.replace('-', '_')}" for file in page_files.find([])}
    topics = {f"questions_{path.name}" for path in (PROJECT / "analyses").iterdir() if path.is_dir()}
    assert {exposure["name"] for exposure in EXPOSURES} == pages | topics


def test_exposures_depend_on_what_their_sql_reads() -> None:
    said = {exposure["name"]: set(exposure["depends_on"]) for exposure in EXPOSURES}
    assert said == {
        name: read_by_page(name.removeprefix("report_").replace("_", "-"))
        if name.startswith("report_")
        else read_by_questions(name.removeprefix("questions_"))
        for name in said
    }
