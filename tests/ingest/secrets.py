"""Secrets made up for tests, by the examples of the rules: nothing here looks like one until it is drawn."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import string
import tomllib
from contextlib import closing
from importlib import resources
from pathlib import Path

import duckdb

from ingest.raw.json_text import JsonValue
from ingest.raw.masking import RULES_FILE
from tests.ingest.stores import (
    database,
    insert_message,
    insert_part,
    json_tree,
    message,
    message_file,
    part,
    part_file,
    session,
    session_file,
    write,
)

CHARACTERS = {
    "alnum": string.ascii_letters + string.digits,
    "b64crypt": string.ascii_letters + string.digits + "./",
    "base32": string.ascii_uppercase + "234567",
    "base64": string.ascii_letters + string.digits + "+/",
    "digits": string.digits,
    "hex": "0123456789abcdef",
    "lower36": string.ascii_lowercase + string.digits,
    "punct": string.ascii_letters + string.digits + "!@#%^*()_+=?.-",
    "upper36": string.ascii_uppercase + string.digits,
    "url64": string.ascii_letters + string.digits + "-_",
}
WORDS = (
    *("anchor", "basket", "cobalt", "dolphin", "ember", "falcon", "garnet", "harbor", "island", "jungle"),
    *("kettle", "lantern", "meadow", "nickel", "orchard", "pepper", "quarry", "ribbon", "saddle", "timber"),
)
NO_SECRETS = ("digits", "uuidish")
"""The number or id of somebody, beside the secret."""

_UUID = (8, 4, 4, 4, 12)
_PIECE = re.compile(r"<(?P<kind>\w+):(?P<n>\d+)>")


def entries() -> list[dict[str, object]]:
    """Return the rules and assignments of the rules file, as they stand there."""
    data = tomllib.loads((resources.files("ingest.raw") / RULES_FILE).read_text())
    return [*data["rules"], *data["assignments"]]


def texts(entry: dict[str, object], field: str) -> list[str]:
    """Return the examples, or what is harmless, of a rule."""
    found = entry[field]
    assert isinstance(found, list)
    return [str(text) for text in found]


def draw(example: str, seed: int | str = 7) -> tuple[str, list[str]]:
    """Return an example with its placeholders drawn, and the drawn pieces: what nobody may find."""
    lot = random.Random(f"{seed}{example}")  # noqa: S311 - nothing secret
    pieces: list[str] = []

    def replace(piece: re.Match[str]) -> str:
        n = int(piece["n"])
        if piece["kind"] == "lines":
            drawn = ["".join(lot.choices(CHARACTERS["base64"], k=64)) for _ in range(n)]
            pieces.extend(drawn)
            return "\n".join(drawn)
        drawn_text = _drawn(piece["kind"], n, lot)
        if piece["kind"] not in NO_SECRETS:
            pieces.append(drawn_text)
        return drawn_text

    return _PIECE.sub(replace, example), pieces


def _drawn(kind: str, n: int, lot: random.Random) -> str:
    if kind == "words":
        return "".join(lot.choices(WORDS, k=n))
    if kind == "seed":
        return " ".join(lot.choices(WORDS, k=n))
    if kind in ("uuid", "uuidish"):
        return "-".join("".join(lot.choices(CHARACTERS["hex"], k=k)) for k in _UUID)
    return "".join(lot.choices(CHARACTERS[kind], k=n))


def planted() -> list[tuple[str, str, list[str]]]:
    """Return a secret for every example of every kind: kind, text with the secret, its pieces."""
    found = []
    for entry in entries():
        for example in texts(entry, "examples"):
            text, pieces = draw(example)
            found.append((str(entry["kind"]), text, [piece for piece in pieces if len(piece) > 7]))
    return found


def plant(root: Path) -> list[str]:
    """Make a tree and a database whose titles, prompts, tools and errors hold secrets; return these."""
    found: list[str] = []
    json_tree(root, n_messages=1, n_parts=0)
    database(root / "opencode.db")
    message_id = "msg_ses_1_1"
    with closing(sqlite3.connect(root / "opencode.db")) as connection:
        for n, (_, text, pieces) in enumerate(planted()):
            found += pieces
            documents: list[dict[str, JsonValue]] = [
                {"type": "text", "text": f"Use {text} please"},
                {
                    "type": "tool", "tool": "bash", "callID": f"call_{n}",
                    "state": {
                        "status": "completed", "input": {"command": f"run \\\n  {text}"},
                        "output": f"\n{text}\n",
                        "title": text, "metadata": {"output": json.dumps({"content": text})},
                        "time": {"start": 1767225600000, "end": 1767225601000},
                    },
                },
                {
                    "type": "tool", "tool": "read", "callID": f"call_x{n}",
                    "state": {
                        "status": "error", "input": {"filePath": "/a"}, "error": f"Error: {text}",
                        "time": {"start": 1767225600000, "end": 1767225601000},
                    },
                },
            ]  # fmt: skip
            for i, document in enumerate(documents):
                part_id = f"prt_{n}_{i}"
                write(part_file(root, part_id, message_id), {**part(part_id, message_id), **document})
                insert_part(connection, f"prt_db_{n}_{i}", "msg_1", json.dumps(document))
            data: dict[str, JsonValue] = {
                "role": "assistant",
                "error": {"name": "APIError", "data": {"message": f"401 {text}"}},
            }
            write(message_file(root, f"msg_{n}"), {**message(f"msg_{n}"), **data})
            insert_message(connection, f"msg_db_{n}", json.dumps(data))
            write(session_file(root, f"ses_{n}x"), session(f"ses_{n}x", title=f"About {text}"))
            connection.execute("update session set title = title || ?", (f"\n{text}",))
        connection.commit()
    return found


def everything(path: Path) -> str:
    """Return every text of every column of a warehouse, of all schemas."""
    with closing(duckdb.connect(str(path), read_only=True)) as connection:
        columns = connection.execute(
            """select table_schema, table_name, column_name from information_schema.columns
            where data_type in ('VARCHAR', 'JSON') or data_type like 'VARCHAR[%'"""
        ).fetchall()
        assert columns
        parts = []
        for schema, table, column in columns:
            query = f'select string_agg(cast("{column}" as varchar), chr(10)) from "{schema}"."{table}"'
            parts.append(str((connection.execute(query).fetchone() or ("",))[0]))
        return "\n".join(parts)


def assert_nowhere(found: list[str], *texts: str | bytes) -> None:
    """Fail where a piece of a secret is found."""
    for text in texts:
        kept = text if isinstance(text, str) else text.decode("latin-1")
        assert not [piece for piece in found if piece in kept]
