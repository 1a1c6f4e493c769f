"""What of OpenCode is found where, which versions, what is missing, and why the result may be empty."""

import os
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import orjson

from ingest import words
from ingest.documents import Source
from ingest.errors import IngestError, SourceError
from ingest.settings import DATABASES, Settings, data_root, find_sources
from ingest.sources import json_store, sqlite_store
from ingest.status import status


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: ok, a note, or a problem with its remedy."""

    level: Literal["ok", "note", "problem"]
    text: str


@dataclass(frozen=True, slots=True)
class _Census:
    sessions: int
    messages: int
    parts: int
    session_messages: int
    versions: tuple[tuple[str, int], ...]


def examine(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Look at the stores and the warehouse of these settings; nothing is written, no document's text is told."""
    how = "OpenCode's own data root" if settings.is_default_store else "as set by --store or OPENCODE_STORE"
    findings = [Finding("ok", f"Looked at {', '.join(str(store) for store in settings.stores)} ({how}).")]
    censuses: list[tuple[Source, _Census]] = []
    for store in settings.stores:
        sources = find_sources([store], settings.machine)
        if not sources:
            findings.append(_nothing_at(store))
        for source in sources:
            findings.extend(_examine_source(source, censuses))
    findings.extend(_overlaps(censuses))
    findings.extend(_elsewhere(settings, environ))
    findings.extend(_examine_warehouse(settings))
    return findings


def as_json(findings: list[Finding]) -> object:
    """Return the findings in JSON types."""
    return [asdict(finding) for finding in findings]


def describe(findings: list[Finding]) -> str:
    """Return the findings for a person, one a line, closing with a verdict."""
    marks = {"ok": "ok     ", "note": "note   ", "problem": "problem"}
    lines = [f"{marks[finding.level]}  {words.printable(finding.text)}" for finding in findings]
    n_problems = sum(finding.level == "problem" for finding in findings)
    lines.append("All is well." if n_problems == 0 else f"{words.count(n_problems, 'problem')} to look at.")
    return "\n".join(lines)


def _nothing_at(store: Path) -> Finding:
    if not store.exists():
        why = "it does not exist. OpenCode was never run by this user, keeps its data elsewhere (XDG_DATA_HOME), or the disk is not mounted"
    elif (store / "project").is_dir() and any((store / "project").glob("*/storage")):
        why = "it is the layout of OpenCode before 0.6. Start any OpenCode 1.0 to 1.15 once: it moves the files"
    elif store.is_dir():
        why = f"it is a folder without storage/ and without {DATABASES}"
    else:
        why = "it is neither a folder nor a file"
    return Finding("problem", f"Nothing of OpenCode is at {store}: {why}.")


def _examine_source(source: Source, censuses: list[tuple[Source, _Census]]) -> list[Finding]:
    if source.kind == "export":
        return [Finding("ok", f"Export file {source.root} ({words.size(source.root.stat().st_size)}).")]
    try:
        census = _count_tree(source) if source.kind == "json" else _count_database(source)
    except SourceError as error:
        return [Finding("problem", str(error))]
    censuses.append((source, census))
    name = f"JSON tree {source.root / json_store.TREE}" if source.kind == "json" else f"Database {source.root}"
    written = ", ".join(f"{version} ({words.count(n, 'session')})" for version, n in census.versions)
    held = ", ".join(
        words.count(n, noun)
        for n, noun in (
            (census.sessions, "session"),
            (census.messages, "message"),
            (census.parts, "part"),
            (census.session_messages, "v2 message"),
        )
        if n or noun == "session"
    )
    findings = [Finding("ok", f"{name}: {held}{f'; created by OpenCode {written}' if written else ''}.")]
    if source.kind == "sqlite":
        findings.extend(_examine_schema(source))
    return findings


def _count_tree(source: Source) -> _Census:
    tree = source.root / json_store.TREE
    versions: Counter[str] = Counter()
    n_sessions = 0
    for path in tree.glob("session/*/*.json"):
        n_sessions += 1
        try:
            session = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            versions["an unreadable file"] += 1
            continue
        versions[str(session.get("version", "unknown")) if isinstance(session, dict) else "unknown"] += 1
    counts = {kind: sum(len(os.listdir(folder)) for folder in tree.glob(f"{kind}/*") if folder.is_dir()) for kind in ("message", "part")}
    return _Census(n_sessions, counts["message"], counts["part"], 0, tuple(sorted(versions.items())))


def _count_database(source: Source) -> _Census:
    try:
        counts, versions = sqlite_store.census(source)
    except sqlite3.DatabaseError as error:
        raise SourceError(f"{source.root}: {sqlite_store.explain(source.root, error)}") from None
    return _Census(counts["session"], counts["message"], counts["part"], counts["session_message"], versions)


def _examine_schema(source: Source) -> list[Finding]:
    findings = []
    unknown = sqlite_store.unknown_columns(source)
    if unknown:
        findings.append(
            Finding(
                "note",
                f"{source.root.name} has columns that are not loaded, as they are new to opencode-warehouse: "
                f"{', '.join(unknown)}. An upgrade may know them.",
            )
        )
    version = sqlite_store.schema_version(source)
    findings.append(Finding("ok", f"{source.root.name} is at schema {version or 'unknown (no list of migrations)'}."))
    return findings


def _overlaps(censuses: list[tuple[Source, _Census]]) -> list[Finding]:
    trees = [census for source, census in censuses if source.kind == "json" and census.sessions]
    databases = [census for source, census in censuses if source.kind == "sqlite"]
    findings = []
    if trees and databases:
        findings.append(
            Finding(
                "note",
                "A JSON tree lies beside a database, as after an upgrade. OpenCode copied it once or, from 1.17 on, "
                "never; both are loaded, and a record that is in both counts once.",
            )
        )
    if censuses and not any(census.sessions for _, census in censuses):
        findings.append(
            Finding("problem", "No store holds a session, so every table will be empty. Has OpenCode been used here by this user?")
        )
    return findings


def _elsewhere(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    findings = []
    own = environ.get("OPENCODE_DB")
    if own and own != ":memory:":
        path = Path(own) if Path(own).is_absolute() else data_root(environ) / own
        if path.exists() and not any(path == store or path.parent == store for store in settings.stores):
            findings.append(
                Finding("note", f"OPENCODE_DB points OpenCode to {path}, which is not among the stores. Add it: --store {path}")
            )
    default = data_root(environ)
    if not settings.is_default_store and default not in settings.stores and find_sources([default], settings.machine):
        findings.append(Finding("note", f"OpenCode's own data root {default} holds a history too, and is not among the stores."))
    return findings


def _examine_warehouse(settings: Settings) -> list[Finding]:
    try:
        found = status(settings.warehouse)
    except IngestError as error:
        level: Literal["note", "problem"] = "problem" if settings.warehouse.exists() else "note"
        return [Finding(level, str(error))]
    if found["busy"] is not None:
        return [Finding("note", str(found["busy"]))]
    findings = [Finding("ok", f"The warehouse is {settings.warehouse}.")]
    batch = found["last_load"]
    if not isinstance(batch, dict):
        findings.append(Finding("note", "Nothing was loaded into it yet: run `make run`, or `opencode-ingest load`."))
    elif batch["status"] != "completed":
        findings.append(
            Finding("problem", f"Load {batch['load_batch_id']} did not come to its end. Load again: the next one completes it.")
        )
    rejected = found["rejected"]
    assert isinstance(rejected, list)
    findings.extend(
        Finding("problem", f"{row['n']} document(s) rejected as {row['reason']}, such as {row['example']}.") for row in rejected
    )
    return findings
