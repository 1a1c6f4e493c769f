"""Secrets are masked in documents before they are landed: see secret_rules.toml."""

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib import resources

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ingest.raw import assignments, candidates
from ingest.raw.assignments import Assignment
from ingest.raw.escapes import View, readable
from ingest.raw.evidence import Evidence
from ingest.raw.json_text import JsonValue, canonical

RULES_FILE = "secret_rules.toml"

COLOUR = r"\\+u001[bB]\[[0-9;?]*[A-Za-z]"
"""RE2: what a terminal takes for a colour, in JSON. Hints are looked for without it."""

_COLOUR_HINT = re.compile(rb"u001[bB]\[")

_GROUP_NAME = re.compile(r"\(\?P<\w+>")
_CASE = re.compile(r"\(\?-i:")
_LOOK_BEHIND = re.compile(r"\(\?<[=!](?:\[[^\]]*\]|[^()\[\]])*\)")
_REPEATED = re.compile(r"\{(\d+)(,?)\d*\}")
_MAX_REPEATED = 8
_SHORTEST = 8
_MASKED = "[masked:"
_OPENCODE_CREDENTIAL = "opencode_credential"
_CREDENTIAL_TYPES = {"api": ("key",), "oauth": ("refresh", "access"), "wellknown": ("token",)}
"""The fields of an entry of OpenCode's auth.json that are secrets, by its type."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A shape that is a secret wherever it stands. `keywords` are lower case; one is in every match."""

    kind: str
    description: str
    pattern: re.Pattern[str]
    hint: str
    keywords: tuple[str, ...]
    evidence: str
    is_whole: bool
    """Whether a match may begin before its keyword."""


class Rules:
    """The rules of a file; `version` is that of its content.

    `hints` are patterns for RE2 and Hyperscan over canonical JSON text, one of each rule: where it finds
    nothing, the rule changes nothing. They are fast; the patterns of the rules run on what they find alone.
    `unions` are the same as fewer patterns, for DuckDB.
    """

    def __init__(self, text: bytes) -> None:
        data = tomllib.loads(text.decode())
        self.version = hashlib.sha256(text).hexdigest()[:16]
        self.rules: tuple[Rule | Assignment, ...] = (
            *(_rule(entry, data["start"], data["end"]) for entry in data["rules"]),
            *(Assignment.of(entry, _shortened(str(entry["names"]))) for entry in data["assignments"]),
        )
        self.hints = tuple(rule.hint for rule in self.rules)
        self.unions = candidates.unions(self.hints)
        self.evidence = Evidence(data["placeholders"], data["words"], data["no_passwords"])
        self.of_field: Callable[[str], tuple[Assignment, ...]] = lru_cache(4_096)(self._of_field)

    @cached_property
    def _finder(self) -> candidates.Finder:
        """Made when a document is to be looked at, as many runs look at none."""
        return candidates.finder(self.hints)

    def mask_all(self, payloads: pa.Array) -> tuple[dict[int, bytes], Counter[str]]:
        """Return the payloads that change, by their position, and how many secrets of each kind were masked.

        `payloads` are canonical JSON, an array of strings.
        """
        changed: dict[int, bytes] = {}
        masked: Counter[str] = Counter()
        for position, numbers in self._finder.find(_without_colours(payloads)).items():
            applied = [self.rules[n] for n in numbers]
            payload, found = self.mask(payloads[position].as_buffer().to_pybytes(), applied)
            if found:
                changed[position] = payload
                masked += found
        return changed, masked

    def mask(
        self, payload: bytes, rules: Sequence[Rule | Assignment] | None = None
    ) -> tuple[bytes, Counter[str]]:
        """Return canonical JSON with its secrets masked, and how many of each kind were.

        Keys and texts are masked, at any depth; all else and the shape stay. What is masked does not
        change when it is masked again. `rules` are those to apply: all, if none are given.
        """
        document = _Document(self, self.rules if rules is None else rules)
        value = document.mask_value(orjson.loads(payload))
        return (canonical(value)[0] if document.masked else payload), document.masked

    def mask_text(self, text: str) -> tuple[str, Counter[str]]:
        """Return a text with its secrets masked, and how many of each kind were."""
        document = _Document(self, self.rules)
        return document.mask_text(text), document.masked

    def mask_name(self, name: str) -> str:
        """Return the name of a file or an id with its secrets masked: the same for the same name.

        A name that changes ends in 16 bits of its checksum, so that two files stay two.
        """
        masked, found = self.mask_text(name)
        code = hashlib.md5(name.encode(errors="replace"), usedforsecurity=False).hexdigest()[:4]
        return f"{masked} {code}" if found else name

    def mask_names(self, names: pa.Array) -> pa.Array:
        """Return names of files with their secrets masked, see `mask_name`."""
        found = self._finder.find(names)
        if not found:
            return names
        values = names.to_pylist()
        for position in found:
            values[position] = self.mask_name(values[position])
        return pa.array(values, pa.string())

    def is_secret(self, rule: Rule, value: str) -> bool:
        """Whether a value of the right shape is a secret, and not what stands for one in an example."""
        if _MASKED in value:
            return False
        if rule.evidence == "shape":
            return True
        if rule.evidence == "mixed" and (value.upper() == value or value.lower() == value):
            return False
        judged: dict[str, Callable[[str], bool]] = {
            "drawn": self.evidence.is_drawn,
            "long_drawn": self.evidence.is_mostly_drawn,
            "mixed": self.evidence.is_mostly_drawn,
            "password": self.evidence.is_password,
            "stated": self.evidence.is_stated,
            "placeholder": lambda one: not self.evidence.is_placeholder(one),
        }
        return judged[rule.evidence](value)

    def _of_field(self, key: str) -> tuple[Assignment, ...]:
        """Return the assignments that may take a field of this name for that of a secret."""
        return tuple(
            rule
            for rule in self.rules
            if isinstance(rule, Assignment) and any(m.end() == len(key) for m in rule.name.finditer(key))
        )


class _Document:
    """One document being masked by some rules; `masked` counts the secrets by kind."""

    def __init__(self, rules: Rules, applied: Sequence[Rule | Assignment]) -> None:
        self._rules = rules
        self._applied = applied
        self._reads_lines = any(isinstance(rule, Rule) and rule.is_whole for rule in applied)
        self.masked: Counter[str] = Counter()

    def mask_value(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return self.mask_text(value)
        if isinstance(value, list):
            return [self.mask_value(item) for item in value]
        if isinstance(value, dict):
            return self._mask_object(value)
        return value

    def mask_text(self, text: str) -> str:
        if len(text) < _SHORTEST:
            return text
        while True:
            after = self._mask_once(text, readable(text, lines=self._reads_lines))
            if after == text and "\\" in text:  # which may be one indeed
                after = self._mask_once(text, readable(text, lines=self._reads_lines, backslashes=False))
            if after == text:
                return after
            text = after  # what stood beside a secret stands beside a bracket now

    def _mask_object(self, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        result: dict[str, JsonValue] = {}
        credentials = _credentials(value)
        for key, item in value.items():
            name = self.mask_text(key)
            if name != key:
                name = _unused(name, value, result)
            kind = self._kind_of_field(key, item, value) if isinstance(item, str) else None
            if key in credentials and isinstance(item, str) and _MASKED not in item:
                kind = _OPENCODE_CREDENTIAL
            if kind is None:
                result[name] = self.mask_value(item)
            else:
                result[name] = _mark(kind)
                self.masked[kind] += 1
        return result

    def _kind_of_field(self, key: str, value: str, within: Mapping[str, JsonValue]) -> str | None:
        """Return the kind of secret that a field of an object holds because of its name."""
        if key == "value" and len(within) == 2:  # {"name": "DB_PASSWORD", "value": …}
            key = str(within.get("name", within.get("key", "")))
        for rule in self._rules.of_field(key):
            if rule in self._applied and assignments.is_secret_field(key, value, rule, self._rules.evidence):
                return rule.kind
        return None

    def _mask_once(self, text: str, view: View) -> str:
        """Return a text with what the rules find in a view of it masked."""
        lowered = view.text.lower()
        found: list[tuple[int, int, int, str]] = []
        for n, rule in enumerate(self._applied):
            found += [(begin, end, n, rule.kind) for begin, end in self._find(rule, view, lowered)]
        parts: list[str] = []
        at = 0
        for begin, end, kind in _merged(found):
            start, stop = view.span(begin, end)
            parts += (text[at:start], _mark(kind))
            at = stop
            self.masked[kind] += 1
        return "".join((*parts, text[at:])) if parts else text

    def _find(self, rule: Rule | Assignment, view: View, lowered: str) -> Iterator[tuple[int, int]]:
        if isinstance(rule, Assignment):
            yield from assignments.find(view, lowered, rule, self._rules.evidence)
            return
        for match in _matches(rule, view.text, lowered):
            groups = [name for name, part in match.groupdict().items() if part is not None]
            for group in groups or (0,):
                if self._rules.is_secret(rule, match[group]):
                    yield match.span(group)


def _matches(rule: Rule, text: str, lowered: str) -> Iterator[re.Match[str]]:
    """Yield the matches of a rule, none within another: those that begin with a keyword, unless all count."""
    if rule.is_whole:
        if any(keyword in lowered for keyword in rule.keywords):
            yield from rule.pattern.finditer(text)
        return
    reached = 0
    for position in assignments.positions_of(rule.keywords, lowered):
        if position >= reached and (match := rule.pattern.match(text, position)):
            reached = match.end()
            yield match


@cache
def default_rules() -> Rules:
    """Return the rules that come with the loader."""
    return Rules((resources.files("ingest.raw") / RULES_FILE).read_bytes())


def total(masked: Mapping[str, int]) -> int:
    """Return how many secrets were masked, of all kinds."""
    return sum(masked.values())


def _rule(entry: Mapping[str, object], start: str, end: str) -> Rule:
    pattern, keywords = str(entry["pattern"]), entry["keywords"]
    before = start if entry.get("start", "word") == "word" else ""
    after = end if entry.get("end", "any") == "word" else ""
    return Rule(
        kind=str(entry["kind"]),
        description=str(entry["description"]),
        pattern=re.compile(f"{before}(?:{pattern}){after}", re.ASCII),
        hint=_shortened(str(entry.get("hint", pattern))),
        keywords=tuple(map(str, keywords)) if isinstance(keywords, list) else (),
        evidence=str(entry.get("evidence", "drawn")),
        is_whole=bool(entry.get("is_whole", False)),
    )


def _shortened(pattern: str) -> str:
    """Return a pattern that finds whatever the given one finds, five times as fast: it counts to 8 at most.

    RE2 has a state for each number that it counts to, and slows down when its cache of states is full. What
    looks behind is left out: it cannot.
    """

    def shorten(match: re.Match[str]) -> str:
        least = min(int(match[1]), _MAX_REPEATED)
        is_exact = not match[2] and int(match[1]) <= _MAX_REPEATED
        return f"{{{least}}}" if is_exact else f"{{{least},}}"

    pattern = _CASE.sub("(?:", pattern)
    return _REPEATED.sub(shorten, _LOOK_BEHIND.sub("", _GROUP_NAME.sub("(?:", pattern)))


def _without_colours(payloads: pa.Array) -> pa.Array:
    """Return payloads without the colours of terminals, which may stand within a secret."""
    data = payloads.buffers()[2]
    if data is None or not _COLOUR_HINT.search(data):
        return payloads
    has_colours = pc.match_substring(payloads, pattern="u001b[", ignore_case=True)
    without = pc.replace_substring_regex(payloads.filter(has_colours), pattern=COLOUR, replacement="")
    return pc.replace_with_mask(payloads, has_colours, without)


def _merged(found: list[tuple[int, int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """Yield what was found in order, what overlaps as one: of the kind whose rule stands first."""
    merged: list[tuple[int, int, int, str]] = []
    for begin, end, n, kind in sorted(found):
        if merged and begin < merged[-1][1]:
            before = merged.pop()
            n, kind = min((n, kind), before[2:])
            begin, end = before[0], max(end, before[1])
        merged.append((begin, end, n, kind))
    yield from ((begin, end, kind) for begin, end, _, kind in merged)


def _credentials(value: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Return the fields of an object that hold a secret if it is an entry of OpenCode's auth.json."""
    kind = value.get("type")
    fields = _CREDENTIAL_TYPES.get(kind, ()) if isinstance(kind, str) else ()
    is_entry = bool(fields) and all(isinstance(value.get(name), str) for name in fields)
    return fields if is_entry and len(value) <= 6 else ()


def _mark(kind: str) -> str:
    return f"{_MASKED}{kind}]"


def _unused(name: str, value: Mapping[str, JsonValue], result: Mapping[str, JsonValue]) -> str:
    """Return a name for a masked key that no other key of its object has."""
    n, unused = 1, name
    while unused in value or unused in result:
        n += 1
        unused = f"{name} {n}"
    return unused
