"""A history of OpenCode that goes on at random, for builds that have to keep up with it.

It begins as a part of real histories, in a tree and two databases. What is not there yet arrives later, be
it a session, a message or a part; what is there changes, is copied and goes.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from tests.ingest.stores import SCHEMA

Json = dict[str, Any]
ENTITIES = ("session", "message", "part")


class RandomHistory:
    """A history in the folders `root` (a tree, and databases) and `other` (a tree of the same sessions).

    `trees` are trees of real histories, `databases` databases of them. Changes leave what OpenCode might have
    left, if not always in the same order.
    """

    def __init__(self, folder: Path, random: Random, trees: list[Path], databases: list[Path]) -> None:
        self.root, self.other, self._later = folder / "opencode", folder / "other", folder / "later"
        self._random = random
        self._n = 0
        for tree in trees:
            shutil.copytree(tree, self.root / "storage", dirs_exist_ok=True)
        for database in databases:
            shutil.copy(database, self.root)
        (self.other / "storage").mkdir(parents=True)
        self._withhold()
        self.changes: list[Callable[[], None]] = [
            self.session_arrives,
            self.message_arrives,
            self.part_arrives,
            self.part_changes,
            self.part_changes,
            self.tokens_change,
            self.tokens_of_a_forked_message_change,
            self.session_changes,
            self.session_is_deleted,
            self.message_is_deleted,
            self.part_is_deleted,
            self.parts_lose_their_session,
            self.parts_come_before_their_message,
            self.fork_is_made,
            self.fork_comes_before_its_original,
            self.child_is_deleted,
            self.child_arrives,
            self.session_is_in_two_trees,
            self.session_is_in_two_trees,
            self.message_is_elsewhere_in_another_tree,
            self.session_is_in_a_database_too,
            self.files_are_touched,
            self.model_writes_a_cache,
            self.model_writes_no_cache,
            self.todos_change,
            self.project_changes,
            self.rows_change,
            self.rows_are_deleted,
            self.newer_rows_change,
            self.newer_rows_are_deleted,
        ]

    def rounds(self, n: int, extra: int) -> Iterator[list[str]]:
        """Make every kind of change once within so many rounds, and some more; yield what each did."""
        dealt = self._random.sample(self.changes, k=len(self.changes))
        for nth in range(n):
            changes = dealt[nth::n] + self._random.choices(self.changes, k=extra)
            for change in changes:
                change()
            yield [change.__name__ for change in changes]

    # what arrives

    def session_arrives(self) -> None:
        """A session comes with all that it has."""
        self._arrive(self._later.glob("session/*/*.json"))

    def message_arrives(self) -> None:
        """A message comes into a session that is there."""
        self._arrive(self._later.glob("message/*/*.json"))

    def part_arrives(self) -> None:
        """Some parts come into messages that may be there."""
        for _ in range(3):
            self._arrive(self._later.glob("part/*/*.json"))

    def child_arrives(self) -> None:
        """The session of a sub-agent comes after the call of it."""
        self._arrive(path for path in self._later.glob("session/*/*.json") if "parentID" in _read(path))

    def parts_come_before_their_message(self) -> None:
        """A message is away for now, its parts are there."""
        for path in self._some(self._files("message"), 2):
            self._put_off(path)

    def fork_is_made(self) -> None:
        """A session is forked: its messages are copied under new ids, their times are kept."""
        for session in self._some(self._sessions_with_messages(), 1):
            self._fork(session)

    def fork_comes_before_its_original(self) -> None:
        """A session is forked, and is away itself until later."""
        for session in self._some(self._sessions_with_messages(), 1):
            self._fork(session)
            self._put_off_session(session)

    # what changes

    def part_changes(self) -> None:
        """Texts grow, calls of tools end otherwise."""
        for path in self._some(self._files("part"), 4):
            with _changing(path) as part:
                state = part.get("state")
                if isinstance(state, dict):
                    state["status"] = self._random.choice(["completed", "error", "running"])
                    state["output" if state["status"] == "completed" else "error"] = self._text()
                    if part.get("tool") == "bash":
                        state.setdefault("input", {})["command"] = f"git checkout -b topic-{self._number()}"
                else:
                    part["text"] = part.get("text", "") + self._text()

    def tokens_change(self) -> None:
        """A step is counted otherwise."""
        self._count_anew(self._some(self._steps(), 3))

    def tokens_of_a_forked_message_change(self) -> None:
        """A step that was copied is counted otherwise: its copy is none any more."""
        copied = {path.stem[:16] for path in self._steps() if "copied" in path.stem}
        self._count_anew(self._some((path for path in self._steps() if path.stem[:16] in copied), 2))

    def session_changes(self) -> None:
        """A session gets another title, time, version or project."""
        for path in self._some(self._files("session"), 3):
            with _changing(path) as session:
                session["title"] = self._text()
                time = session.setdefault("time", {})
                time["created"] = time.get("created", 0) + self._random.choice([0, -3_600_000, 3_600_000])
                session["version"] = self._random.choice(["1.0.61", "1.1.65", "1.14.40"])
                session["projectID"] = self._random.choice(["global", session.get("projectID", "global")])

    def model_writes_a_cache(self) -> None:
        """A model that wrote no cache writes one, in one session."""
        for path in self._some(self._steps(), 1):
            with _changing(path) as message:
                message["tokens"].setdefault("cache", {})["write"] = 100

    def model_writes_no_cache(self) -> None:
        """All that is known of a model's cache writes is gone."""
        models = sorted({_read(path)["modelID"] for path in self._steps() if "modelID" in _read(path)})
        for model in self._some(models, 1):
            for path in self._steps():
                if _read(path).get("modelID") == model:
                    with _changing(path) as message:
                        message["tokens"].setdefault("cache", {})["write"] = 0

    def todos_change(self) -> None:
        """A session has a todo list."""
        for path in self._some(self._files("session"), 1):
            todos = [{"content": self._text(), "status": "pending", "priority": "high", "id": "1"}]
            _write(self.root / "storage" / "todo" / path.name, todos)

    def project_changes(self) -> None:
        """A project lies elsewhere."""
        for path in self._some((self.root / "storage" / "project").glob("*.json"), 1):
            with _changing(path) as project:
                project["worktree"] = f"/home/dev/elsewhere-{self._number()}"

    def files_are_touched(self) -> None:
        """Files have another time and are the same."""
        twice = [path for path in self._files("message", "part", "session") if self._twin(path).exists()]
        for path in [*self._some(twice, 8), *self._some(self._files("part"), 2)]:
            self._touch(self._random.choice([path, self._twin(path)]) if path in twice else path)

    def rows_change(self) -> None:
        """Rows of a database change."""
        text = json.dumps({"type": "text", "text": self._text()})
        self._execute("opencode.db", "update part set data = ?, time_updated = ? where id = ?", "part", text)
        with closing(sqlite3.connect(self.root / "opencode.db")) as database:
            for row in self._some(database.execute("select id, data, time_updated from message"), 2):
                data = json.loads(row[1])
                if "tokens" in data:
                    data["tokens"]["output"] = self._number()
                database.execute(
                    "update message set data = ?, time_updated = ? where id = ?",
                    (json.dumps(data), row[2] + 1, row[0]),
                )
            database.commit()

    def newer_rows_change(self) -> None:
        """Rows of the newer format change."""
        with closing(sqlite3.connect(self.root / "opencode-dev.db")) as database:
            for row in self._some(database.execute("select id, data, time_updated from session_message"), 2):
                data = {**json.loads(row[1]), "text": self._text()}
                database.execute(
                    "update session_message set data = ?, time_updated = ? where id = ?",
                    (json.dumps(data), row[2] + 1, row[0]),
                )
            database.commit()

    # what is copied

    def session_is_in_two_trees(self) -> None:
        """A session is in another tree as well, of another time and a little different."""
        for session in self._some(self._sessions_with_messages(), 1):
            for path in self._of_session(session):
                if self._random.random() < 0.9:
                    twin = self._twin(path)
                    self._drop_from_other(path)
                    twin.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, twin)
                    if path.parent.parent.name == "part" and self._random.random() < 0.5:
                        with _changing(twin) as part:
                            part["text"] = self._text()
                    self._touch(twin)

    def message_is_elsewhere_in_another_tree(self) -> None:
        """A message is in another session of another tree: which of both counts is told by its time."""
        sessions = self._sessions_with_messages()
        for path in self._some(self._files("message"), 2):
            session = self._random.choice(sessions)
            self._drop_from_other(path)
            twin = self.other / "storage" / "message" / session / path.name
            _write(twin, {**_read(path), "sessionID": session})
            self._touch(self._random.choice([twin, path]))

    def session_is_in_a_database_too(self) -> None:
        """A session is in a database as well, where its times are those of its rows."""
        database = self.root / "opencode-copies.db"
        is_new = not database.exists()
        with closing(sqlite3.connect(database)) as connection:
            if is_new:
                connection.executescript(SCHEMA)
            for session in self._some(self._sessions_with_messages(), 2):
                self._copy_into(connection, session)
            connection.commit()

    # what goes

    def session_is_deleted(self) -> None:
        """A session goes with all that it has."""
        for path in self._some(self._files("session"), 1):
            for own in self._of_session(path.stem):
                own.unlink()

    def child_is_deleted(self) -> None:
        """The session of a sub-agent goes."""
        children = [path for path in self._files("session") if "parentID" in _read(path)]
        for path in self._some(children, 1):
            for own in self._of_session(path.stem):
                own.unlink()

    def message_is_deleted(self) -> None:
        """A message goes, its parts stay; and one with its parts."""
        for path in self._some(self._files("message"), 2):
            path.unlink()
        for path in self._some(self._files("message"), 1):
            shutil.rmtree(self.root / "storage" / "part" / path.stem, ignore_errors=True)
            path.unlink()

    def part_is_deleted(self) -> None:
        """Parts go."""
        for path in self._some(self._files("part"), 3):
            path.unlink()

    def parts_lose_their_session(self) -> None:
        """Parts name no session, and one of them has no message either."""
        for nth, path in enumerate(self._some(self._files("part"), 3)):
            with _changing(path) as part:
                part.pop("sessionID", None)
            if nth == 0:
                for message in self.root.glob(f"storage/message/*/{path.parent.name}.json"):
                    self._put_off(message)

    def rows_are_deleted(self) -> None:
        """Rows of a database go: of a message, and of parts."""
        for table in ("message", "part", "part"):
            self._execute("opencode.db", "delete from {table} where id = ?", table)

    def newer_rows_are_deleted(self) -> None:
        """A row of the newer format goes."""
        self._execute("opencode-dev.db", "delete from {table} where id = ?", "session_message")

    # how

    def _withhold(self) -> None:
        for session in self._some([path.stem for path in self._files("session")], 20):
            self._put_off_session(session)
        for path in self._some(self._files("message"), 25):
            self._put_off(path)
        for path in self._some(self._files("part"), 50):
            self._put_off(path)

    def _put_off_session(self, session: str) -> None:
        for path in self._of_session(session):
            if path.parent.parent.name == "session":
                self._put_off(path)
            else:
                self._put_off(path, self._later / "with" / session)

    def _put_off(self, path: Path, to: Path | None = None) -> None:
        self._move(path, self.root / "storage", to or self._later)

    def _arrive(self, paths: Iterator[Path]) -> None:
        for path in self._some(paths, 1):
            self._move(path, self._later, self.root / "storage")
            own = self._later / "with" / path.stem
            for other in sorted(own.rglob("*.json")):
                self._move(other, own, self.root / "storage")

    def _move(self, path: Path, folder: Path, to: Path) -> None:
        target = to / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)

    def _fork(self, session: str) -> None:
        [path] = self.root.glob(f"storage/session/*/{session}.json")
        fork = f"{session[:-6]}F{self._number():05}"
        created = 0
        ids: dict[str, str] = {}
        for message in sorted(self.root.glob(f"storage/message/{session}/*.json")):
            ids[message.stem] = f"{message.stem[:16]}copied{self._number():08}"
            created = max(created, _read(message).get("time", {}).get("created", 0))
        for message_id, copy_id in ids.items():
            copy = _read(self.root / "storage" / "message" / session / f"{message_id}.json")
            copy |= {"id": copy_id, "sessionID": fork}
            if copy.get("parentID") in ids and self._random.random() < 0.7:  # OpenCode 1.0 left them
                copy["parentID"] = ids[copy["parentID"]]
            _write(self.root / "storage" / "message" / fork / f"{copy_id}.json", copy)
            for part in sorted(self.root.glob(f"storage/part/{message_id}/*.json")):
                part_id = f"{part.stem[:16]}copied{self._number():08}"
                copied = _read(part) | {"id": part_id, "messageID": copy_id, "sessionID": fork}
                _write(self.root / "storage" / "part" / copy_id / f"{part_id}.json", copied)
        title = f"{_read(path).get('title')} (fork #1)"
        time = {"created": created + 60_000, "updated": created + 60_000}
        _write(path.with_name(f"{fork}.json"), _read(path) | {"id": fork, "title": title, "time": time})

    def _copy_into(self, connection: sqlite3.Connection, session: str) -> None:
        t = self._random.randrange(1_795_000_000_000, 1_796_000_000_000)
        document = next((_read(path) for path in self.root.glob(f"storage/session/*/{session}.json")), {})
        connection.execute(
            """insert or replace into session
                (id, project_id, slug, directory, title, version, time_created, time_updated)
            values (?, ?, 'slug', ?, ?, '1.18.34', ?, ?)""",
            (
                session,
                document.get("projectID", "global"),
                document.get("directory", "/home/dev"),
                self._text(),
                document.get("time", {}).get("created", t),
                t,
            ),
        )
        for message in self.root.glob(f"storage/message/{session}/*.json"):
            data = _read(message)
            connection.execute(
                "insert or replace into message values (?, ?, ?, ?, ?)",
                (message.stem, session, data.get("time", {}).get("created", t), t, _data(data)),
            )
            for part in self.root.glob(f"storage/part/{message.stem}/*.json"):
                connection.execute(
                    "insert or replace into part values (?, ?, ?, ?, ?, ?)",
                    (part.stem, message.stem, session, t, t, _data(_read(part))),
                )

    def _execute(self, name: str, statement: str, table: str, data: str | None = None) -> None:
        with closing(sqlite3.connect(self.root / name)) as database:
            rows = database.execute(f"select id, time_updated from {table}")
            for row_id, updated in self._some(rows, 1):
                values = (row_id,) if data is None else (data, updated + 1, row_id)
                database.execute(statement.format(table=table), values)
            database.commit()

    def _count_anew(self, paths: list[Path]) -> None:
        for path in paths:
            with _changing(path) as message:
                message["tokens"] |= {"input": 2000 + self._number(), "output": self._number()}
                message["cost"] = self._random.choice([0, 0.25])

    def _touch(self, path: Path) -> None:
        time = self._random.randrange(1_790_000_000, 1_796_000_000)
        os.utime(path, (time, time))

    def _drop_from_other(self, path: Path) -> None:
        # an id is in a tree once
        for known in self.other.glob(f"storage/{path.parent.parent.name}/*/{path.name}"):
            known.unlink()

    def _twin(self, path: Path) -> Path:
        return self.other / path.relative_to(self.root)

    def _files(self, *entities: str) -> list[Path]:
        return [path for entity in entities for path in sorted(self.root.glob(f"storage/{entity}/*/*.json"))]

    def _steps(self) -> list[Path]:
        return [path for path in self._files("message") if "tokens" in _read(path)]

    def _sessions_with_messages(self) -> list[str]:
        return [
            path.stem
            for path in self._files("session")
            if any((self.root / "storage" / "message" / path.stem).glob("*.json"))
        ]

    def _of_session(self, session: str) -> list[Path]:
        messages = sorted(self.root.glob(f"storage/message/{session}/*.json"))
        parts = [part for path in messages for part in self.root.glob(f"storage/part/{path.stem}/*.json")]
        return [*sorted(self.root.glob(f"storage/session/*/{session}.json")), *messages, *sorted(parts)]

    def _some(self, items: Any, n: int) -> list[Any]:
        known = sorted(items)
        return self._random.sample(known, k=min(n, len(known)))

    def _text(self) -> str:
        return f" said {self._number()}"

    def _number(self) -> int:
        self._n += 1
        return self._n


def _read(path: Path) -> Json:
    document: Json = json.loads(path.read_text())
    return document


def _write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


@contextmanager
def _changing(path: Path) -> Iterator[Json]:
    document = _read(path)
    yield document
    _write(path, document)


def _data(document: Json) -> str:
    return json.dumps({key: document[key] for key in document if key not in ("id", "sessionID", "messageID")})
