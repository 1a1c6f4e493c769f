"""Rows of OpenCode's databases as the objects that its JSON tree has for the same things."""

from collections.abc import Callable, Mapping

from ingest.raw.json_text import JsonValue, UnreadableError, parse

Row = dict[str, JsonValue]
"""A row by column: what SQLite gives as bytes is text, or a JSON value (see JSON_COLUMNS)."""

SESSION_COLUMNS = frozenset(
    [
        "id",
        "project_id",
        "workspace_id",
        "parent_id",
        "slug",
        "directory",
        "path",
        "title",
        "version",
        "share_url",
        "summary_additions",
        "summary_deletions",
        "summary_files",
        "summary_diffs",
        "metadata",
        "cost",
        "tokens_input",
        "tokens_output",
        "tokens_reasoning",
        "tokens_cache_read",
        "tokens_cache_write",
        "revert",
        "permission",
        "agent",
        "model",
        "time_created",
        "time_updated",
        "time_compacting",
        "time_archived",
    ]
)
PROJECT_COLUMNS = frozenset(
    [
        "id",
        "worktree",
        "vcs",
        "name",
        "icon_url",
        "icon_url_override",
        "icon_color",
        "time_created",
        "time_updated",
        "time_initialized",
        "sandboxes",
        "commands",
    ]
)
TODO_COLUMNS = frozenset(
    ("session_id", "content", "status", "priority", "position", "time_created", "time_updated")
)
JSON_COLUMNS = frozenset(
    {"sandboxes", "commands", "model", "summary_diffs", "revert", "permission", "metadata"}
)
_OWN_OBJECTS = frozenset({"icon", "time", "tokens", "cache", "share", "summary"})
"""The objects that are made of columns here; what came as JSON is kept as it is."""
_SAFE_INTEGER = 2**53


def shaped(
    shape: Callable[[Row], dict[str, JsonValue]], values: Mapping[str, object]
) -> tuple[JsonValue, int]:
    """Return a row as the object that the JSON tree has for it, and the lone surrogates replaced in it."""
    row: Row = {}
    n_surrogates = 0
    for column, value in values.items():
        if column in JSON_COLUMNS and value is not None:
            row[column], n = parse(value if isinstance(value, bytes) else str(value).encode())
            n_surrogates += n
        else:
            row[column] = scalar(value)
    return _present(shape(row)), n_surrogates


def todo_list(rows: list[dict[str, object]]) -> tuple[JsonValue, int]:
    return [shaped(_todo, row)[0] for row in rows], 0


def project(row: Row) -> dict[str, JsonValue]:
    return {
        "id": row["id"],
        "worktree": row["worktree"],
        "vcs": row.get("vcs"),
        "name": row.get("name"),
        "icon": {
            "url": row.get("icon_url"),
            "override": row.get("icon_url_override"),
            "color": row.get("icon_color"),
        },
        "sandboxes": row.get("sandboxes"),
        "commands": row.get("commands"),
        "time": {
            "created": row.get("time_created"),
            "updated": row.get("time_updated"),
            "initialized": row.get("time_initialized"),
        },
    }


def session(row: Row) -> dict[str, JsonValue]:
    tokens: JsonValue = {
        "input": row.get("tokens_input"),
        "output": row.get("tokens_output"),
        "reasoning": row.get("tokens_reasoning"),
        "cache": {
            "read": row.get("tokens_cache_read"),
            "write": row.get("tokens_cache_write"),
        },
    }
    return {
        "id": row["id"],
        "slug": row.get("slug"),
        "version": row.get("version"),
        "projectID": row["project_id"],
        "workspaceID": row.get("workspace_id"),
        "parentID": row.get("parent_id"),
        "directory": row.get("directory"),
        "path": row.get("path"),
        "title": row.get("title"),
        "agent": row.get("agent"),
        "model": row.get("model"),
        "cost": row.get("cost"),
        "tokens": tokens,
        "share": {"url": row.get("share_url")},
        "summary": {
            "additions": row.get("summary_additions"),
            "deletions": row.get("summary_deletions"),
            "files": row.get("summary_files"),
            "diffs": row.get("summary_diffs"),
        },
        "revert": row.get("revert"),
        "permission": row.get("permission"),
        "metadata": row.get("metadata"),
        "time": {
            "created": row.get("time_created"),
            "updated": row.get("time_updated"),
            "compacting": row.get("time_compacting"),
            "archived": row.get("time_archived"),
        },
    }


def _todo(row: Row) -> dict[str, JsonValue]:
    return {
        "content": row["content"],
        "status": row.get("status"),
        "priority": row.get("priority"),
        "time": {
            "created": row.get("time_created"),
            "updated": row.get("time_updated"),
        },
    }


def _present(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Leave out what the row does not have, as OpenCode does when it writes JSON."""
    kept: dict[str, JsonValue] = {}
    for name, item in value.items():
        inner = _present(item) if isinstance(item, dict) and name in _OWN_OBJECTS else item
        if inner is not None and inner != {}:
            kept[name] = inner
    return kept


def scalar(value: object) -> JsonValue:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise UnreadableError("not_utf8", "a byte that UTF-8 does not know", error.start) from None
    if isinstance(value, float) and value.is_integer() and abs(value) < _SAFE_INTEGER:
        return int(value)  # JavaScript has one kind of number, and writes 0 where SQLite has 0.0
    return value if isinstance(value, int | float) else None


def text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)
