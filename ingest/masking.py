"""Known shapes of secrets are masked in documents before they are landed: see secret_rules.toml."""

import hashlib
import math
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ingest.documents import JsonValue, canonical

RULES_FILE = "secret_rules.toml"

MIN_ENTROPY_BITS = 3.0
"""Of a character of what looks drawn by lot: digits of a hexadecimal key have close to 4, words 2 to 3."""

# What may stand between a name and its value: quotes of several layers, a type, a sign.
_SUFFIX = r"(?:_?[0-9]{1,2}|_(?:prod|production|dev|test|staging|live|value|old|new))?"
_TYPE = r"(?::[ ]?(?:str|string|String)(?: ?\| ?None)?)?"
_SIGN = r"(?P<sign>=>|:=|={1,3}|:)"
_BETWEEN = (
    rf"(?:[\\\"'`\]]{{0,12}}{_TYPE}[ \t]{{0,4}}{_SIGN}[ \t]{{0,4}}|(?P<blank> ))(?P<quote>\\{{0,8}}[\"'`])?"
)
_BETWEEN_HINT = rf"(?:[\\\"'`\] t]*{_TYPE}[ t\\]*(?:=>|:=|={{1,3}}|:)[ t\\]*| )[\\\"'`]*"

_NAME_BEFORE = re.compile(r"[A-Za-z0-9_.-]{0,40}\Z")
_ENDS_BARE_VALUE = re.compile(r"\Z|[\s\"'`\\;&|,)\]}#]")
_GROUP_NAME = re.compile(r"\(\?P<\w+>")


@dataclass(frozen=True, slots=True)
class Rule:
    """A shape that is a secret wherever it stands. `keywords` are lower case; one is in every match."""

    kind: str
    description: str
    pattern: re.Pattern[str]
    hint: str
    keywords: tuple[str, ...]
    looks_random: bool


@dataclass(frozen=True, slots=True)
class Assignment:
    """Values that are secrets because of the name that they are assigned to."""

    kind: str
    description: str
    pattern: re.Pattern[str]
    name: re.Pattern[str]
    value: re.Pattern[str]
    hint: str
    keywords: tuple[str, ...]
    not_after: tuple[str, ...]
    looks_random: bool
    is_unquoted: bool


class Rules:
    """The rules of a file; `version` is that of its content.

    `hint` is one pattern for RE2 (Arrow, DuckDB) over canonical JSON text: where it finds nothing, `mask`
    changes nothing. It is fast; the patterns themselves run on what it finds alone.
    """

    def __init__(self, text: bytes) -> None:
        data = tomllib.loads(text.decode())
        self.version = hashlib.sha256(text).hexdigest()[:16]
        self.rules = tuple(_rule(entry, data["start"], data["end"]) for entry in data["rules"])
        self.assignments = tuple(_assignment(entry) for entry in data["assignments"])
        self.hint = "|".join(
            f"(?:{hint})"
            for hint in [one.hint for one in self.rules] + [one.hint for one in self.assignments]
        )
        self._placeholder = re.compile("|".join(f"(?:{one})" for one in data["placeholders"]), re.ASCII)
        self._words = re.compile(data["words"], re.ASCII)

    def suspects(self, payloads: pa.Array) -> list[int]:
        """Return the positions of those payloads (canonical JSON, as strings) that `mask` may change."""
        found = pc.indices_nonzero(pc.match_substring_regex(payloads, pattern=self.hint))
        positions: list[int] = found.to_pylist()
        return positions

    def mask(self, payload: bytes) -> tuple[bytes, Counter[str]]:
        """Return canonical JSON with its secrets masked, and how many of each kind were.

        Keys and texts are masked, at any depth; all else and the shape stay. What is masked does not
        change when it is masked again.
        """
        masked: Counter[str] = Counter()
        value = self._mask_value(orjson.loads(payload), masked)
        return (canonical(value)[0] if masked else payload), masked

    def mask_text(self, text: str) -> tuple[str, Counter[str]]:
        """Return a text with its secrets masked, and how many of each kind were."""
        masked: Counter[str] = Counter()
        while True:
            after = self._mask_once(text, masked)
            if after == text:
                return after, masked
            text = after  # what stood beside a secret stands beside a bracket now

    def _mask_value(self, value: JsonValue, masked: Counter[str]) -> JsonValue:
        if isinstance(value, str):
            text, found = self.mask_text(value)
            masked += found
            return text
        if isinstance(value, list):
            return [self._mask_value(item, masked) for item in value]
        if isinstance(value, dict):
            return self._mask_object(value, masked)
        return value

    def _mask_object(self, value: dict[str, JsonValue], masked: Counter[str]) -> dict[str, JsonValue]:
        result: dict[str, JsonValue] = {}
        for key, item in value.items():
            name, found = self.mask_text(key)
            masked += found
            if name != key:
                name = _unused(name, value, result)
            kind = self._kind_of_field(key, item) if isinstance(item, str) else None
            if kind is None:
                result[name] = self._mask_value(item, masked)
            else:
                result[name] = _mark(kind)
                masked[kind] += 1
        return result

    def _kind_of_field(self, key: str, value: str) -> str | None:
        """Return the kind of secret that a field of an object holds because of its name."""
        if not value or len(value) > 8_192:
            return None
        for rule in self.assignments:
            if not rule.value.fullmatch(value):
                continue
            found = rule.name.search(key)
            if found and self._is_secret(rule, key[: found.start()], value):
                return rule.kind
        return None

    def _mask_once(self, text: str, masked: Counter[str]) -> str:
        if len(text) < 8:
            return text
        lowered = text.lower()
        for rule in self.rules:
            if any(keyword in lowered for keyword in rule.keywords):
                text = self._apply(rule, text, masked)
        for assignment in self.assignments:
            if any(keyword in lowered for keyword in assignment.keywords):
                text = self._assign(assignment, text, masked)
        return text

    def _apply(self, rule: Rule, text: str, masked: Counter[str]) -> str:
        def replace(match: re.Match[str]) -> str:
            group = next((name for name, part in match.groupdict().items() if part is not None), 0)
            secret = match[group]
            if "[masked:" in secret or (rule.looks_random and not self._looks_random(secret)):
                return match[0]
            masked[rule.kind] += 1
            return _replaced(match, group, _mark(rule.kind))

        return rule.pattern.sub(replace, text)

    def _assign(self, rule: Assignment, text: str, masked: Counter[str]) -> str:
        def replace(match: re.Match[str]) -> str:
            before = _NAME_BEFORE.search(text, max(0, match.start() - 40), match.start())
            prefix = before[0] if before else ""
            if not (_is_assigned(rule, match, prefix) and self._is_secret(rule, prefix, match["secret"])):
                return match[0]
            masked[rule.kind] += 1
            return _replaced(match, "secret", _mark(rule.kind))

        return rule.pattern.sub(replace, text)

    def _is_secret(self, rule: Assignment, prefix: str, value: str) -> bool:
        if prefix.lower().rstrip("_-.").endswith(rule.not_after):
            return False
        if rule.looks_random:
            return self._looks_random(value)
        has_both = any(c.isalpha() for c in value) and any(c.isdigit() for c in value)
        return has_both and not self._placeholder.search(value)

    def _looks_random(self, text: str) -> bool:
        has_both = any(c.isalpha() for c in text) and any(c.isdigit() for c in text)
        return (
            has_both
            and _entropy(text) >= MIN_ENTROPY_BITS
            and not self._placeholder.search(text)
            and not self._words.search(text)
        )


@cache
def default_rules() -> Rules:
    """Return the rules that come with the loader."""
    return Rules((resources.files("ingest") / RULES_FILE).read_bytes())


def total(masked: Mapping[str, int]) -> int:
    """Return how many secrets were masked, of all kinds."""
    return sum(masked.values())


def _rule(entry: Mapping[str, object], start: str, end: str) -> Rule:
    pattern = str(entry["pattern"])
    before = start if entry.get("start", "word") == "word" else ""
    after = end if entry.get("end", "any") == "word" else ""
    return Rule(
        kind=str(entry["kind"]),
        description=str(entry["description"]),
        pattern=re.compile(f"{before}(?:{pattern}){after}", re.ASCII),
        hint=_GROUP_NAME.sub("(?:", str(entry.get("hint", pattern))),
        keywords=_texts(entry["keywords"]),
        looks_random=bool(entry.get("looks_random", False)),
    )


def _assignment(entry: Mapping[str, object]) -> Assignment:
    names = f"(?i:(?:{entry['names']}){_SUFFIX})"
    values = str(entry["values"])
    return Assignment(
        kind=str(entry["kind"]),
        description=str(entry["description"]),
        pattern=re.compile(rf"(?P<name>{names}){_BETWEEN}(?P<secret>{values})", re.ASCII),
        name=re.compile(rf"{names}\Z", re.ASCII),
        value=re.compile(values, re.ASCII),
        hint=f"{names}{_BETWEEN_HINT}{values}",
        keywords=_texts(entry["keywords"]),
        not_after=_texts(entry.get("not_after", [])),
        looks_random=bool(entry.get("looks_random", False)),
        is_unquoted=bool(entry.get("is_unquoted", False)),
    )


def _texts(entry: object) -> tuple[str, ...]:
    return tuple(str(item) for item in entry) if isinstance(entry, Sequence) else ()


def _is_assigned(rule: Assignment, match: re.Match[str], prefix: str) -> bool:
    """Whether a value is given to a name: in quotes, in a file of settings, as an option, in a URL."""
    rest = match.string[match.end() : match.end() + 10]
    if match["quote"]:
        return rest.lstrip("\\").startswith(match["quote"][-1])
    if not _ENDS_BARE_VALUE.match(rest):
        return False
    is_option = prefix.startswith("--")
    if match["blank"]:
        return is_option
    if rule.is_unquoted or is_option:
        return True
    start = match.start() - len(prefix)
    in_url = match.string[max(0, start - 1) : start] in ("?", "&")
    is_setting = (prefix + match["name"]).isupper() and not match.string[match.end("name")].isspace()
    return match["sign"] == "=" and (in_url or is_setting)


def _mark(kind: str) -> str:
    return f"[masked:{kind}]"


def _replaced(match: re.Match[str], group: int | str, mark: str) -> str:
    begin, end = match.start(group) - match.start(), match.end(group) - match.start()
    return f"{match[0][:begin]}{mark}{match[0][end:]}"


def _unused(name: str, value: Mapping[str, JsonValue], result: Mapping[str, JsonValue]) -> str:
    """Return a name for a masked key that no other key of its object has."""
    n, unused = 1, name
    while unused in value or unused in result:
        n += 1
        unused = f"{name} {n}"
    return unused


def _entropy(text: str) -> float:
    """Return the bits of information in a character of a text, by how often each character is in it."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
