"""What of OpenCode is found where, which versions, what is missing, and why the result may be empty."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from ingest import human
from ingest.errors import IngestError, SourceError
from ingest.settings import Settings, data_root
from ingest.sources.discovery import find_sources
from ingest.sources.source import Census, Source
from ingest.sources.sqlite_store import DATABASES
from ingest.warehouse import NothingLoadedError
from opencode_warehouse.tell.status import rows, status


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: ok, a note, or a problem with its remedy."""

    level: Literal["ok", "note", "problem"]
    text: str


def examine(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Look at the stores and the warehouse of these settings.

    Nothing is written, and nothing of a document but its OpenCode version is told.
    """
    how = "OpenCode's own data root" if settings.is_default_store else "as set by --store or OPENCODE_STORE"
    findings = [Finding("ok", f"Looked at {', '.join(str(store) for store in settings.stores)} ({how}).")]
    found: list[Source] = []
    censuses: list[tuple[Source, Census]] = []
    for store in settings.stores:
        try:
            sources = find_sources([store], settings.machine)
        except SourceError as error:
            findings.append(Finding("problem", str(error)))
            continue
        if not sources:
            findings.append(_nothing_at(store))
        for source in sources:
            if source not in found:
                found.append(source)
                findings.extend(_examine_source(source, censuses))
    findings.extend(_overlaps(censuses))
    findings.extend(_elsewhere(settings, environ, found))
    findings.extend(_examine_warehouse(settings))
    return findings


def as_json(findings: list[Finding]) -> object:
    """Return the findings in JSON types."""
    return [asdict(finding) for finding in findings]


def describe(findings: list[Finding]) -> str:
    """Return the findings for a person, one a line, closing with a verdict."""
    marks = {"ok": "ok     ", "note": "note   ", "problem": "problem"}
    lines = [f"{marks[finding.level]}  {human.printable(finding.text)}" for finding in findings]
    n_problems = sum(finding.level == "problem" for finding in findings)
    lines.append("All is well." if n_problems == 0 else f"{human.count(n_problems, 'problem')} to look at.")
    return "\n".join(lines)


def _nothing_at(store: Path) -> Finding:
    if not store.exists():
        why = (
            "it does not exist. OpenCode was never run by this user, keeps its data elsewhere "
            "(XDG_DATA_HOME), or the disk is not mounted"
        )
    elif any((store / "project").glob("*/storage")):
        why = (
            "it is the layout of OpenCode before 0.6. Start any OpenCode 1.0 to 1.15 once: it moves the files"
        )
    elif store.is_dir():
        why = f"it is a folder without storage/ and without a file {DATABASES}"
    else:
        why = "it is neither a folder nor a file"
    return Finding("problem", f"Nothing of OpenCode is at {store}: {why}.")


def _examine_source(source: Source, censuses: list[tuple[Source, Census]]) -> list[Finding]:
    try:
        census = source.census()
        if census is None:
            return [Finding("ok", f"{source.title} ({human.size(source.root.stat().st_size)}).")]
    except (SourceError, OSError) as error:
        return [Finding("problem", str(error))]
    censuses.append((source, census))
    written = ", ".join(f"{version} ({human.count(n, 'session')})" for version, n in census.versions)
    held = ", ".join(
        human.count(census.counts[kind], noun)
        for kind, noun in (
            ("session", "session"),
            ("message", "message"),
            ("part", "part"),
            ("session_message", "v2 message"),
        )
        if census.counts[kind] or kind == "session"
    )
    findings = [
        Finding("ok", f"{source.title}: {held}{f'; created by OpenCode {written}' if written else ''}.")
    ]
    findings.extend(Finding("problem", f"{source.root}: {problem}.") for problem in census.problems)
    if source.has_schema:
        findings.extend(_examine_schema(source, census))
    return findings


def _examine_schema(source: Source, census: Census) -> list[Finding]:
    version = census.schema_version or "unknown (no list of migrations)"
    findings = [Finding("ok", f"{source.root.name} is at schema {version}.")]
    if census.unknown_columns:
        findings.append(
            Finding(
                "note",
                f"{source.root.name} has columns that are not loaded, as they are new to opencode-warehouse: "
                f"{', '.join(census.unknown_columns)}. An upgrade may know them.",
            )
        )
    return findings


def _overlaps(censuses: list[tuple[Source, Census]]) -> list[Finding]:
    trees = [census for source, census in censuses if source.tree and census.counts["session"]]
    databases = [census for source, census in censuses if source.has_schema]
    findings = []
    if trees and databases:
        findings.append(
            Finding(
                "note",
                "A JSON tree lies beside a database, as after an upgrade. OpenCode copied it once or, from "
                "1.17 on, never; both are loaded, and a record that is in both counts once.",
            )
        )
    if censuses and not any(census.counts["session"] for _, census in censuses):
        findings.append(
            Finding(
                "problem",
                "No store holds a session, so every table will be empty. Has OpenCode been used here by "
                "this user?",
            )
        )
    return findings


def _elsewhere(settings: Settings, environ: Mapping[str, str], found: list[Source]) -> list[Finding]:
    findings = []
    root = data_root(environ)
    own = environ.get("OPENCODE_DB", ":memory:")
    path = (root / own).resolve()
    if own != ":memory:" and path.exists() and path not in {source.root for source in found}:
        findings.append(
            Finding(
                "note",
                f"OPENCODE_DB points OpenCode to {path}, which is not among the stores. "
                f"Add it: --store {path}",
            )
        )
    try:
        is_forgotten = bool(set(find_sources([root.resolve()], settings.machine)) - set(found))
    except SourceError:
        is_forgotten = False
    if is_forgotten and not settings.is_default_store:
        findings.append(
            Finding(
                "note",
                f"OpenCode's own data root {root} holds a history too, and is not among the stores.",
            )
        )
    return findings


def _examine_warehouse(settings: Settings) -> list[Finding]:
    try:
        found = status(settings.warehouse)
    except NothingLoadedError as error:
        return [Finding("note", str(error))]
    except IngestError as error:
        return [Finding("problem", str(error))]
    if found["busy"] is not None:
        return [Finding("note", str(found["busy"]))]
    findings = [Finding("ok", f"The warehouse is {settings.warehouse}.")]
    batch = found["last_load"]
    if not isinstance(batch, dict):
        findings.append(
            Finding("note", "Nothing was loaded into it yet: run `make run`, or `opencode-ingest load`.")
        )
    elif batch["status"] != "completed":
        findings.append(
            Finding(
                "problem",
                f"Load {batch['load_batch_id']} did not come to its end. Load again: the next one completes "
                "it.",
            )
        )
    findings.extend(
        Finding("problem", f"{row['n']} document(s) rejected as {row['reason']}, such as {row['example']}.")
        for row in rows(found["rejected"])
    )
    return findings
