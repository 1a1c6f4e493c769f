"""Histories of any size, grown from the bundled sample: whole turns with fresh ids, times and texts.

The mix of part types, tools, errors and shapes of JSON is that of the sample, which OpenCode itself wrote.
Deterministic for a seed, and the same documents for either layout of a store.
"""

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, TypeAlias

import orjson

Json: TypeAlias = dict[str, Any]
Kind: TypeAlias = Literal["project", "session", "message", "part"]

VERSION = 1
"""Of the generator: another one makes stores anew."""

LARGEST_TEXT = 200_000
HISTORY_ENDS_MS = 1_795_000_000_000
DAYS = 180

_DAY_MS = 86_400_000
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_WITH_TEXT = ("tool", "text", "reasoning")
_N_LINES = 60_000
_REPEATED = 0.5
"""This share of lines is one of those before, perhaps with another number at its end."""
_SYLLABLES = tuple(first + second for first in "bcdfghjklmnprstvwxz" for second in "aeiou")[::3]
_JOINTS = (" ", " ", " ", " ", ".", "_", ", ", ": ", " = ", "(", ") ", "/", '"', " -> ", "[0] ")
_FREQUENT_WORDS = """
return if else for in not and import from def class self none true false assert raise with as error warning
test file line path name value key token user session cache query table index join build run load list map
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a history is: documents of each kind, and about how many bytes of JSON."""

    sessions: int
    messages: int
    parts: int
    n_bytes: int

    def times(self, factor: float) -> "Size":
        """Return a size so many times as large."""
        return Size(
            *(max(1, round(n * factor)) for n in (self.sessions, self.messages, self.parts, self.n_bytes))
        )


@dataclass(frozen=True, slots=True)
class Record:
    """A document of a history: `folder` is the one that a JSON tree keeps it in, `ms` when it was written."""

    kind: Kind
    folder: str
    document: Json
    ms: int


@dataclass(frozen=True, slots=True)
class Step:
    """A message of the sample with its parts and the bytes of each as JSON."""

    message: Json
    size: int
    parts: tuple[tuple[Json, int], ...]


Turn: TypeAlias = tuple[Step, ...]
"""A prompt and the steps that answered it."""


@dataclass(frozen=True, slots=True)
class Template:
    """What a history is grown from."""

    projects: tuple[Json, ...]
    sessions: tuple[Json, ...]
    turns: tuple[Turn, ...]


def read_template(store: Path) -> Template:
    """Return what a JSON tree of OpenCode 1.1 holds, in an order that does not depend on the disk."""
    tree = store / "storage"
    parts: dict[str, list[Json]] = {}
    for part in _read(tree, "part/*/*.json"):
        parts.setdefault(part["messageID"], []).append(part)
    turns: list[Turn] = []
    for folder in sorted((tree / "message").iterdir()):
        turn: list[Step] = []
        for message in _read(folder, "*.json"):
            if message["role"] == "user" and turn:
                turns.append(tuple(turn))
                turn = []
            sized = tuple((part, _size(part)) for part in parts.get(message["id"], ()))
            turn.append(Step(message, _size(message), sized))
        turns.append(tuple(turn))
    return Template(
        tuple(_read(tree, "project/*.json")),
        tuple(_read(tree, "session/*/*.json")),
        tuple(turn for turn in turns if any(step.message["role"] == "assistant" for step in turn)),
    )


def _read(folder: Path, pattern: str) -> list[Json]:
    return [orjson.loads(path.read_bytes()) for path in sorted(folder.glob(pattern))]


def _size(document: Json) -> int:
    return len(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def grow(template: Template, size: Size, seed: int, *, ends_ms: int = HISTORY_ENDS_MS) -> Iterator[Record]:
    """Yield the documents of a history, each session's before it: projects, then messages with their parts.

    A part's text is enlarged by a random length, exponential and at most LARGEST_TEXT, so that all together
    are about as many bytes as asked for.
    """
    for project in template.projects:
        yield Record("project", "", project, project["time"]["created"])
    yield from _Growth(template, size, random.Random(seed), ends_ms).sessions()  # noqa: S311 - no secrets


def one_session(template: Template, n_documents: int, seed: int, *, starts_ms: int) -> Iterator[Record]:
    """Yield the documents of one more session, of so many documents with the mix and sizes of a large one."""
    n_messages = max(1, round((n_documents - 1) / 5.35))
    size = Size(1, n_messages, n_documents - 1 - n_messages, n_documents * 8_600)
    growth = _Growth(template, size, random.Random(seed), starts_ms, days=0)  # noqa: S311 - no secrets
    yield from growth.sessions()


class _Growth:
    """One history in the making."""

    def __init__(
        self, template: Template, size: Size, rng: random.Random, ends_ms: int, days: int = DAYS
    ) -> None:
        self._template = template
        self._size = size
        self._rng = rng
        self._starts_ms = ends_ms - days * _DAY_MS
        self._span_ms = days * _DAY_MS
        self._counter = 0
        self._messages_left = size.messages
        self._parts_left = size.parts
        self._bytes_left = size.n_bytes
        self._filler = filler()

    def sessions(self) -> Iterator[Record]:
        """Yield all sessions; their lengths vary by half around the mean."""
        n_sessions = self._size.sessions
        for n in range(n_sessions):
            share = self._messages_left / (n_sessions - n)
            is_last = n == n_sessions - 1
            want = self._messages_left if is_last else max(1, round(share * self._rng.uniform(0.5, 1.5)))
            yield from self._session(n, min(want, self._messages_left - (n_sessions - n - 1)))

    def _session(self, n: int, n_messages: int) -> Iterator[Record]:
        starts = self._starts_ms + int(self._span_ms * n / self._size.sessions)
        now = starts + (self._rng.randrange(3_600_000) if self._span_ms else 0)
        like = self._rng.choice(self._template.sessions)
        session = _shifted(like, now - like["time"]["created"])
        session.pop("parentID", None)
        session["id"] = self._id("ses", now)
        created = now
        while n_messages > 0:
            turn = self._turn(n_messages)
            n_messages -= len(turn)
            for record in self._play(turn, session["id"], now):
                now = max(now, record.document.get("time", {}).get("completed", 0), record.ms)
                yield record
            now += self._rng.randrange(5_000, 120_000)
        session["time"]["updated"] = now
        yield Record("session", session["projectID"], session, created)

    def _turn(self, n_messages: int) -> Turn:
        for _ in range(10):
            turn = self._rng.choice(self._template.turns)
            if len(turn) <= n_messages:
                return turn
        return turn[:n_messages]

    def _play(self, turn: Turn, session_id: str, now: int) -> Iterator[Record]:
        delta = now - turn[0].message["time"]["created"]
        new_ids: dict[str, str] = {}
        user_id = ""
        for step in turn:
            message = _shifted(step.message, delta)
            ms = message["time"]["created"]
            new_ids[message["id"]] = message_id = self._id("msg", ms)
            message["id"] = message_id
            message["sessionID"] = session_id
            if message["role"] == "user":
                user_id = message_id
            else:
                message["parentID"] = new_ids.get(message["parentID"], user_id)
            self._messages_left -= 1
            self._bytes_left -= step.size
            yield Record("message", session_id, message, ms)
            for like, size in self._parts_of(step):
                yield self._part(like, size, delta, session_id, message_id, ms)

    def _parts_of(self, step: Step) -> list[tuple[Json, int]]:
        """Return the parts of a message, and more like them where messages are to have more."""
        if self._messages_left == 0:
            extra = self._parts_left - len(step.parts)
        else:
            share = self._parts_left / (self._messages_left + 1)
            extra = round(share + self._rng.random() - 0.5) - len(step.parts)
        pool = [one for one in step.parts if one[0]["type"] in _WITH_TEXT]
        more = self._rng.choices(pool, k=extra) if pool and extra > 0 else []
        return [*step.parts, *more]

    def _part(self, like: Json, size: int, delta: int, session_id: str, message_id: str, ms: int) -> Record:
        part = _shifted(like, delta)
        part["id"] = self._id("prt", ms)
        part["sessionID"] = session_id
        part["messageID"] = message_id
        room = max(1.0, self._bytes_left / max(1, self._parts_left) - 1000)
        length = min(int(self._rng.expovariate(1 / (room * 2))), LARGEST_TEXT)
        if part["type"] == "tool":
            part["callID"] = "call_" + self._random_text(20)
            if part["state"]["status"] == "completed":
                part["state"]["output"] += self._text(length)
                size += length
        elif part["type"] in _WITH_TEXT:
            part["text"] += self._text(length // 4)
            size += length // 4
        self._parts_left -= 1
        self._bytes_left -= size
        return Record("part", message_id, part, ms)

    def _text(self, length: int) -> str:
        at = self._rng.randrange(len(self._filler) - LARGEST_TEXT)
        return self._filler[at : at + length]

    def _id(self, prefix: str, ms: int) -> str:
        """Return an id as OpenCode makes them: time, counter, 14 signs drawn by lot."""
        self._counter = (self._counter + 1) % 4096
        stamp = (ms * 4096 + self._counter) & 0xFFFF_FFFF_FFFF
        return f"{prefix}_{stamp:012x}{self._random_text(14)}"

    def _random_text(self, length: int) -> str:
        return "".join(self._rng.choices(_BASE62, k=length))


def _shifted(value: Any, delta: int) -> Any:
    """Return a copy in which every moment in an object `time` is later by so many milliseconds."""
    if isinstance(value, dict):
        return {
            key: {name: at + delta if isinstance(at, int) else at for name, at in inner.items()}
            if key == "time" and isinstance(inner, dict)
            else _shifted(inner, delta)
            if isinstance(inner, dict | list)
            else inner
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_shifted(inner, delta) if isinstance(inner, dict | list) else inner for inner in value]
    return value


@cache
def filler() -> str:
    """Return some megabytes of text like what tools print: frequent and rare names, numbers, indented lines.

    It can be compressed to about a third, as source code can.
    """
    rng = random.Random(20)  # noqa: S311 - no secrets
    rare = ["".join(rng.choices(_SYLLABLES, k=rng.randrange(2, 5))) for _ in range(2_000)]
    words = [*_FREQUENT_WORDS.split(), *rare]
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(words))))
    lines = [""]
    for _ in range(_N_LINES):
        if rng.random() < _REPEATED:
            line = rng.choice(lines[-100:])
        else:
            drawn = rng.choices(words, cum_weights=weights, k=rng.randrange(3, 13))
            line = " " * (4 * rng.randrange(4)) + "".join(word + rng.choice(_JOINTS) for word in drawn)
        lines.append(f"{line}{rng.randrange(10_000)}" if rng.random() < 0.3 else line)
    return "\n".join(lines)
