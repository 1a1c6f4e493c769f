"""A process that writes a store as OpenCode does: files in place, rows in WAL mode, deletions on revert.

    python imitation.py STORE SECONDS SEED WRITES_PER_SECOND

It writes a JSON tree and a database side by side until its time is over or its standard input is closed.
What it wrote when goes to STORE.writes.jsonl: one line for each document, with the wall clock of its last
write. A file STORE.pause lets it close everything and wait, until the file is gone.
"""

import json
import os
import random
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

Json = dict[str, object]

SCHEMA = """
    create table if not exists project (id text primary key, worktree text not null, vcs text, name text,
        time_created integer not null, time_updated integer not null, sandboxes text not null);
    create table if not exists session (id text primary key, project_id text not null, parent_id text,
        slug text not null, directory text not null, title text not null, version text not null,
        cost real default 0 not null, time_created integer not null, time_updated integer not null);
    create table if not exists message (id text primary key, session_id text not null references session(id)
        on delete cascade, time_created integer not null, time_updated integer not null, data text not null);
    create index if not exists message_session on message (session_id, time_created, id);
    create table if not exists part (id text primary key, message_id text not null references message(id)
        on delete cascade, session_id text not null, time_created integer not null,
        time_updated integer not null, data text not null);
    create index if not exists part_session on part (session_id);
    create table if not exists todo (session_id text not null references session(id) on delete cascade,
        content text not null, status text not null, priority text not null, position integer not null,
        time_created integer not null, time_updated integer not null, primary key (session_id, position));
    create table if not exists migration (id text primary key, time_completed integer not null);
    insert or ignore into migration values ('20260510033149_session_usage', 0);
"""


def now_ms() -> int:
    """Return the time as OpenCode notes it."""
    return time.time_ns() // 1_000_000


class Imitation:
    """Both stores, and what a user's evening does to them."""

    def __init__(self, root: Path, seed: int, rate: float) -> None:
        self.root = root
        self.random = random.Random(seed)  # noqa: S311 - a repeatable evening, no secret
        self.pause_s = 1 / rate
        self.written: dict[str, float] = {}
        self.n_writes = 0
        self.n_made = 0
        self.tree: dict[str, dict[str, list[str]]] = {}
        self.rows: dict[str, dict[str, list[str]]] = {}
        self.database = self.connect()

    def connect(self) -> sqlite3.Connection:
        """Open the database as OpenCode does."""
        connection = sqlite3.connect(self.root / "opencode.db", isolation_level=None, timeout=5)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute("pragma foreign_keys = on")
        connection.executescript(SCHEMA)
        connection.execute(
            "insert or ignore into project values ('prj', '/home/dev/work', 'git', null, ?, ?, '[]')",
            (now_ms(), now_ms()),
        )
        return connection

    def new_id(self, prefix: str) -> str:
        """Return an id that was never given before."""
        self.n_made += 1
        return f"{prefix}_{self.n_made:08d}{self.random.randrange(16**6):06x}"

    def wrote(self, *places: str) -> None:
        """Note that documents were written just now, and take the time that OpenCode would take."""
        for place in places:
            self.written[place] = time.time()
            self.n_writes += 1
        time.sleep(self.pause_s * len(places))

    # the JSON tree

    def file(self, *place: str) -> Path:
        """Return where a document lies in the tree."""
        return self.root.joinpath("storage", *place[:-1], f"{place[-1]}.json")

    def put(self, document: object, *place: str) -> None:
        """Write a file in place, as OpenCode does: whoever reads it meanwhile meets half of it."""
        data = json.dumps(document, indent=2).encode()
        path = self.file(*place)
        path.parent.mkdir(parents=True, exist_ok=True)
        cut = self.random.randrange(len(data))
        with path.open("wb", buffering=0) as file:
            file.write(data[:cut])
            if self.random.random() < 0.2:
                time.sleep(self.random.random() * 0.02)
            file.write(data[cut:])
        if self.random.random() < 0.02:  # a clock that jumped: a copied or restored file has an odd time
            moved = time.time() + self.random.choice((-86_400, -3.0, 3.0, 86_400 * 400))
            os.utime(path, (moved, moved))
        self.wrote(f"json:{place[-1]}")

    def tree_session(self) -> None:
        """Begin a session in the tree."""
        session = self.new_id("ses")
        self.put({"id": "prj", "worktree": "/home/dev/work", "vcs": "git"}, "project", "prj")
        self.put(self.session(session), "session", "prj", session)
        self.tree[session] = {}

    def session(self, session: str) -> Json:
        """Return the document of a session."""
        title = f"Session {self.random.random()}"
        return {"id": session, "projectID": "prj", "version": "1.1.65", "title": title, "directory": "/home"}

    def tree_turn(self) -> None:
        """Have a question answered: rewritten parts, a call through its states, a message that is closed."""
        session = self.random.choice(list(self.tree))
        asked = self.new_id("msg")
        self.put({"id": asked, "sessionID": session, "role": "user"}, "message", session, asked)
        self.tree[session][asked] = [self.tree_part(session, asked, {"type": "text", "text": "a question"})]
        answer = self.new_id("msg")
        head: Json = {"id": answer, "sessionID": session, "role": "assistant", "parentID": asked}
        self.put(head, "message", session, answer)
        parts = self.tree[session][answer] = []
        text = self.new_id("prt")
        parts.append(text)
        for n in range(1, self.random.randrange(2, 12)):  # every piece of an answer rewrites its part
            self.tree_part(session, answer, {"type": "text", "text": "word " * n * 20}, text)
        call = self.new_id("prt")
        parts.append(call)
        for state in self.call_states():
            self.tree_part(session, answer, {"type": "tool", "tool": "bash", "state": state}, call)
        self.put({**head, "cost": 0.01, "time": {"created": now_ms()}}, "message", session, answer)
        todos = [{"id": str(n), "content": f"do {n}", "status": "pending"} for n in range(3)]
        self.put(todos, "todo", session)
        self.put(self.session(session), "session", "prj", session)

    def call_states(self) -> list[Json]:
        """Return the states that a tool call goes through."""
        given: Json = {"command": "ls", "text": "größer \U0001f600"}
        return [
            {"status": "pending", "input": {}},
            {"status": "running", "input": given, "time": {"start": now_ms()}},
            {"status": "completed", "input": given, "output": "x" * self.random.randrange(20_000)},
        ]

    def tree_part(self, session: str, message: str, document: Json, part: str | None = None) -> str:
        """Write a part and return its id."""
        part = part or self.new_id("prt")
        ids = {"id": part, "sessionID": session, "messageID": message}
        self.put({**ids, **document}, "part", message, part)
        return part

    def tree_revert(self) -> None:
        """Take back a message: its file goes, then its parts; at times a crash leaves some of them."""
        session = self.random.choice(list(self.tree))
        if not self.tree[session]:
            return
        message = self.random.choice(list(self.tree[session]))
        self.file("message", session, message).unlink()
        for part in self.tree[session].pop(message):
            if self.random.random() < 0.9:
                self.file("part", message, part).unlink(missing_ok=True)

    def tree_delete(self) -> None:
        """Delete a session: its todo list stays behind."""
        if len(self.tree) < 4:
            return
        session = self.random.choice(list(self.tree))
        for message in self.tree.pop(session):
            shutil.rmtree(self.root / "storage" / "part" / message, ignore_errors=True)
        shutil.rmtree(self.root / "storage" / "message" / session, ignore_errors=True)
        self.file("session", "prj", session).unlink()

    # the database

    def row_session(self) -> None:
        """Begin a session in the database."""
        session = self.new_id("ses")
        self.database.execute(
            """insert into session
                (id, project_id, slug, directory, title, version, time_created, time_updated)
            values (?, 'prj', 'slug', '/home/dev/work', 'a title', '1.18.34', ?, ?)""",
            (session, now_ms(), now_ms()),
        )
        self.rows[session] = {}
        self.wrote(f"sqlite:{session}")

    def row_message(self, session: str, document: Json, message: str | None = None) -> str:
        """Write a message and return its id."""
        message = message or self.new_id("msg")
        self.database.execute(
            """insert into message values (?, ?, ?, ?, ?)
            on conflict do update set data = excluded.data, time_updated = excluded.time_updated""",
            (message, session, now_ms(), now_ms(), json.dumps(document)),
        )
        self.wrote(f"sqlite:{message}")
        return message

    def row_part(self, session: str, message: str, document: Json, part: str | None = None) -> str:
        """Write a part and return its id."""
        part = part or self.new_id("prt")
        self.database.execute(
            """insert into part values (?, ?, ?, ?, ?, ?)
            on conflict do update set data = excluded.data, time_updated = excluded.time_updated""",
            (part, message, session, now_ms(), now_ms(), json.dumps(document)),
        )
        self.wrote(f"sqlite:{part}")
        return part

    def row_turn(self) -> None:
        """Have a question answered, and touch the session as OpenCode does at every step."""
        session = self.random.choice(list(self.rows))
        touch = "update session set title = ?, time_updated = ? where id = ?"
        self.database.execute(touch, (f"Title {self.random.random()}", now_ms(), session))
        asked = self.row_message(session, {"role": "user"})
        self.rows[session][asked] = [self.row_part(session, asked, {"type": "text", "text": "a question"})]
        answer = self.row_message(session, {"role": "assistant", "parentID": asked})
        text = self.row_part(session, answer, {"type": "text", "text": ""})
        call = self.row_part(
            session, answer, {"type": "tool", "tool": "bash", "state": {"status": "pending"}}
        )
        self.rows[session][answer] = [text, call]
        self.row_part(session, answer, {"type": "text", "text": "answer " * self.random.randrange(900)}, text)
        for state in self.call_states():
            self.row_part(session, answer, {"type": "tool", "tool": "bash", "state": state}, call)
        self.row_message(session, {"role": "assistant", "parentID": asked, "cost": 0.01}, answer)
        self.database.execute("begin")
        self.database.execute("delete from todo where session_id = ?", (session,))
        for n in range(3):
            self.database.execute(
                "insert into todo values (?, ?, 'pending', 'high', ?, ?, ?)",
                (session, f"do {n}", n, now_ms(), now_ms()),
            )
        self.database.execute("commit")
        self.wrote(f"sqlite:{session}")

    def row_revert(self) -> None:
        """Take back a message: its parts go with it."""
        session = self.random.choice(list(self.rows))
        if self.rows[session]:
            message = self.random.choice(list(self.rows[session]))
            self.database.execute("delete from message where id = ?", (message,))
            del self.rows[session][message]

    def row_delete(self) -> None:
        """Delete a session with all that hangs on it."""
        if len(self.rows) > 3:
            session = self.random.choice(list(self.rows))
            self.database.execute("delete from session where id = ?", (session,))
            del self.rows[session]

    def checkpoint(self) -> None:
        """Write the log into the database, which takes the readers' file from under them."""
        self.database.execute(
            f"pragma wal_checkpoint({self.random.choice(('passive', 'truncate'))})"
        ).fetchall()

    def reopen(self) -> None:
        """End and start again: the last connection that closes takes the log away."""
        self.database.close()
        self.database = self.connect()

    # an evening

    def live(self, seconds: float, is_over: Callable[[], bool]) -> None:
        """Do what a user does until the time is over."""
        self.tree_session()
        self.row_session()
        deeds = {
            self.tree_turn: 40, self.row_turn: 40, self.tree_session: 6, self.row_session: 6,
            self.tree_revert: 5, self.row_revert: 5, self.tree_delete: 2, self.row_delete: 2,
            self.checkpoint: 4, self.reopen: 2,
        }  # fmt: skip
        until = time.monotonic() + seconds
        pause = self.root.with_name(f"{self.root.name}.pause")
        while time.monotonic() < until and not is_over():
            if pause.exists():
                self.database.close()
                pause.with_suffix(".paused").touch()
                while pause.exists() and not is_over():
                    time.sleep(0.02)
                pause.with_suffix(".paused").unlink()
                self.database = self.connect()
            [deed] = self.random.choices(list(deeds), list(deeds.values()))
            deed()
        self.database.close()


def main() -> None:
    """Live, then say what was written when."""
    root, seconds, seed, rate = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    root.mkdir(parents=True, exist_ok=True)
    over = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    one = Imitation(root, seed, rate)
    print("ready", flush=True)
    one.live(seconds, over.is_set)
    with closing(root.with_name(f"{root.name}.writes.jsonl").open("w")) as file:
        for place, at in one.written.items():
            file.write(json.dumps({"document": place, "at": at}) + "\n")
    print(json.dumps({"n_writes": one.n_writes, "n_documents": len(one.written)}), flush=True)


if __name__ == "__main__":
    main()
