"""What the warehouse holds, in figures and in words."""

import shlex
import sys
from datetime import datetime
from pathlib import Path

import duckdb

from ingest import human
from ingest.lock import BusyError, is_held, is_stale, lock_path, read_holder, watch_lock_path
from ingest.raw.documents import ENTITIES, REASONS
from ingest.sync_state import ENDED, read_status
from ingest.warehouse import open_warehouse
from opencode_warehouse.keep.releases import to_read

Figures = dict[str, object]

STATUS_WAIT_S = 2.0


def status(warehouse: Path) -> Figures:
    """Return what is loaded, rejected and built; while another program writes, what its status file says.

    Raises IngestError where there is no warehouse.
    """
    try:
        with open_warehouse(warehouse, read_only=True, wait_s=STATUS_WAIT_S) as connection:
            return {
                "warehouse": str(warehouse),
                "to_read": str(to_read(warehouse)),
                "size_bytes": warehouse.stat().st_size,
                "busy": None,
                "sync": sync(warehouse),
                "last_load": _row(connection, _LAST_LOAD),
                "sources": _rows(connection, _SOURCES),
                "documents": _row(connection, _DOCUMENTS),
                "rejected": _rows(connection, _REJECTED),
                "history": _built(connection),
            }
    except BusyError as busy:
        return {"warehouse": str(warehouse), "busy": str(busy), "sync": sync(warehouse, busy.pid)}


def sync(warehouse: Path, pid_of_holder: int | None = None) -> Figures:
    """Return where the last load or watch is, whether it still runs, and who may write just now.

    It needs no look into the warehouse. `pid_of_holder` is the process that has its file open.
    """
    lock, watch_lock = lock_path(warehouse), watch_lock_path(warehouse)
    live = read_status(warehouse) or {}
    holders = [read_holder(path) for path in (lock, watch_lock) if not is_stale(path)]
    pids = {pid_of_holder, *(holder.pid for holder in holders if holder is not None)}
    holder = None if is_held(warehouse) else read_holder(lock)  # that we have it ourselves is no news
    return {
        **{name: live.get(name) for name in _LIVE},
        "is_running": live.get("pid") in pids - {None},
        "lock": None if holder is None else str(holder),
        "lock_is_stale": is_stale(lock),
    }


_LIVE = (
    *("phase", "entered_at", "updated_at", "program", "pid", "host"),
    *("batch_id", "n_scanned", "n_commits", "committed_at", "lag_s", "is_building"),
)


_LAST_LOAD = """
    select load_batch_id, status, started_at, ended_at, n_written, n_unchanged, n_deleted, n_rejected
    from raw.load_batches order by load_batch_id desc limit 1
"""
_SOURCES = """
    select source_id, kind, root, is_sample, status, message, last_loaded_at
    from raw.sources order by kind, root
"""
_DOCUMENTS = "select " + ", ".join(f"(select count(*) from raw.{entity}) as {entity}" for entity in ENTITIES)
_REJECTED = """
    select
        reason,
        count(*) as n,
        min(first_seen_at) as first_seen_at,
        min(source_id || '/' || origin) as example
    from raw.rejected_documents where resolved_at is null group by reason order by n desc, reason
"""
# Copies that forks made are left out, as in every total of the marts not named `_with_copies`.
_HISTORY = """
    select
        (select count(*) from main.sessions) as sessions,
        count(*) as messages,
        (select count(*) from main.parts where not is_fork_copy and not is_orphan) as parts,
        count(*) filter (where tokens_total > 0) as answered_steps,
        sum(tokens_input)::bigint as tokens_input,
        sum(tokens_output)::bigint as tokens_output,
        sum(tokens_reasoning)::bigint as tokens_reasoning,
        sum(tokens_cache_read)::bigint as tokens_cache_read,
        sum(tokens_cache_write)::bigint as tokens_cache_write,
        sum(cost_recorded_usd)::double as cost_recorded_usd,
        sum(tokens_unpriced)::bigint as tokens_unpriced,
        (select min(oldest_message_at) from main.load_health) as first_at,
        (select max(newest_message_at) from main.load_health) as last_at
    from main.messages where not is_fork_copy
"""


def _built(connection: duckdb.DuckDBPyConnection) -> Figures | None:
    """Return the figures of the built tables, None where they are not (or not all) built."""
    try:
        return _row(connection, _HISTORY)
    except (duckdb.CatalogException, duckdb.BinderException):
        return None


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[Figures]:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> Figures | None:
    rows = _rows(connection, query)
    return rows[0] if rows else None


def describe(figures: Figures) -> str:
    """Return the figures of `status` for a person, closing with what to look at next."""
    sync_lines = ["Sync", *_sync(figures["sync"])]
    if figures["busy"] is not None:
        return "\n".join([human.printable(figures["busy"]), "", *sync_lines])
    lines = ["Found"]
    sources = rows(figures["sources"])
    for source in sources:
        state = "" if source["status"] == "ok" else f" [{source['status']}]"
        sample = " (the bundled sample)" if source["is_sample"] else ""
        lines.append(f"  {source['kind']:<6}  {human.place(source['root'])}{sample}{state}")
    if not sources:
        lines.append("  nothing yet: run `opencode-ingest load`, or `opencode-ingest doctor` to see why")
    documents = figures["documents"]
    counts = documents.items() if isinstance(documents, dict) else ()
    loaded = ", ".join(f"{n:,} {entity.replace('_', ' ')}" for entity, n in counts if n)
    lines += ["", "Loaded", f"  {loaded or 'nothing'}"]
    batch = figures["last_load"]
    if isinstance(batch, dict):
        lines.append(
            f"  load {batch['load_batch_id']} ({batch['status']}), {human.when(batch['started_at'])}: "
            f"{batch['n_written'] or 0:,} written, {batch['n_unchanged'] or 0:,} unchanged, "
            f"{batch['n_deleted'] or 0:,} deleted"
        )
    lines += ["", *sync_lines]
    lines += ["", "Rejected", *_rejects(rows(figures["rejected"]))]
    lines += ["", "History", *_history(figures["history"])]
    lines += [
        "",
        "Warehouse",
        f"  {human.place(figures['warehouse'])} ({human.size(_int(figures['size_bytes']))})",
    ]
    lines += ["", "Next", *_next(human.place(figures["to_read"]), figures["history"])]
    lines += [
        f"Problem: {human.printable(source['message'])}"
        for source in sources
        if source["status"] not in ("ok", "missing")
    ]
    return "\n".join(lines)


def _sync(sync: object) -> list[str]:
    if not isinstance(sync, dict) or sync["phase"] is None:
        return ["  no load or watch has left its state here"]
    who = human.printable(f"{sync['program']} (process {sync['pid']} on {sync['host']})")
    since = human.when(_time(sync["entered_at"]))
    phase = human.printable(sync["phase"])
    if phase in ENDED:
        lines = [f"  {phase} since {since}: nothing is being loaded"]
    elif sync["is_running"]:
        lines = [f"  {phase} since {since}: {who}, {_int(sync['n_scanned']):,} documents looked at"]
        if sync["committed_at"] is not None:
            commits = human.count(_int(sync["n_commits"]), "commit")
            committed = _time(sync["committed_at"])
            behind = "what changes waits for a build" if sync["is_building"] else f"{sync['lag_s']} s behind"
            lines.append(f"  {commits}, the last at {committed:%H:%M:%S} UTC; {behind}")
    else:
        lines = [
            f"  {phase} since {since}: {who} ended in the middle; the next load completes what is missing"
        ]
    if sync["lock_is_stale"]:
        lines.append(f"  a stale lock of {human.printable(sync['lock'])}: whoever writes next takes it over")
    elif sync["lock"] is not None:
        lines.append(f"  in use by {human.printable(sync['lock'])}")
    return lines


def _time(text: object) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text))


def _rejects(rejected: list[Figures]) -> list[str]:
    if not rejected:
        return ["  nothing: every document could be read"]
    return [
        f"  {_int(row['n']):,} {row['reason']}: {REASONS.get(str(row['reason']), 'cannot be read')}; "
        f"such as {human.printable(row['example'])}"
        for row in rejected
    ] + ["  They are tried again at every load; `select * from raw.rejected_documents` lists them."]


def _history(history: object) -> list[str]:
    if not isinstance(history, dict):
        return ["  not built yet: run `make run` or `dbt build`"]
    if not history["sessions"]:
        return ["  empty: no session was found. `opencode-ingest doctor` says where it looked and why."]
    tokens = ", ".join(
        f"{_int(history[f'tokens_{kind}']):,} {kind.replace('_', ' ')}"
        for kind in ("input", "output", "reasoning", "cache_read", "cache_write")
    )
    cost, unpriced = history["cost_recorded_usd"], _int(history["tokens_unpriced"])
    if cost is None or (unpriced and not cost):
        recorded = "unknown"
    else:
        recorded = f"{cost:,.4f} USD as recorded by OpenCode (calls for titles are billed, not stored)"
    if unpriced:
        recorded += f"; {unpriced:,} tokens have no known price"
    return human.table(
        [
            ("sessions", f"{history['sessions']:,}"),
            ("messages", f"{history['messages']:,} (copies made by forks are counted once)"),
            ("parts", f"{history['parts']:,}"),
            ("tokens", tokens),
            ("cost", recorded),
            ("from, to", f"{human.when(history['first_at'])}, {human.when(history['last_at'])}"),
        ]
    )


def _next(warehouse: str, history: object) -> list[str]:
    if not isinstance(history, dict):
        return ["  make run"]
    beside = Path(sys.executable).with_name("duckdb")
    duckdb_command = human.place(beside) if beside.exists() else "duckdb"
    return [
        f"  {duckdb_command} -readonly {shlex.quote(warehouse)}",
        "  then: select title, model_id, duration_ms from sessions order by created_at desc limit 10;",
        "  README.md has the first questions with their SQL; `make docs` writes a page of every table.",
    ]


def rows(value: object) -> list[Figures]:
    """Return a list that is among the figures of `status`."""
    return list(value) if isinstance(value, list) else []


def _int(value: object) -> int:
    return int(str(value)) if value is not None else 0
