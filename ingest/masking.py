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
_SIGN = "(?:=>|:=|={1,3}|:)"
_BETWEEN = rf"(?:[\\\"'`\]]{{0,12}}{_TYPE}[ \t]{{0,4}}{_SIGN}[ \t]{{0,4}}|(?P<blank> ))"
_QUOTE = r"(?P<quote>\\{0,8}[\"'`])"
_BETWEEN_HINT = rf"(?:[\\\"'`\] t]*{_TYPE}[ t\\]*{_SIGN}[ t\\]*| )[\\\"'`]*"

_NAME_BEFORE = re.compile(
    r"(?:\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[abfnrtv0])|\x1b\[[0-9;]*m)?(?P<name>[A-Za-z0-9_.-]{0,40})\Z"
)
"""The rest of a name, without the escape or the terminal's colour that another layer put before it."""
_OF_CODE = ("(", "[", "{", "<")
_GROUP_NAME = re.compile(r"\(\?P<\w+>")
_REPEATED = re.compile(r"\{(\d+)(,?)\d*\}")
_MAX_REPEATED = 8
_SHORTEST = 8


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

    def is_other_name(self, prefix: str) -> bool:
        """Whether what stands before the name makes it another one: a page token is no secret."""
        return prefix.lower().rstrip("_-.").endswith(self.not_after)


class Rules:
    """The rules of a file; `version` is that of its content.

    `hint` is one pattern for RE2 (Arrow, DuckDB) over canonical JSON text: where it finds nothing, `mask`
    changes nothing. It is fast; the patterns themselves run on what it finds alone.
    """

    def __init__(self, text: bytes) -> None:
        data = tomllib.loads(text.decode())
        self.version = hashlib.sha256(text).hexdigest()[:16]
        self.rules: tuple[Rule | Assignment, ...] = (
            *(_rule(entry, data["start"], data["end"]) for entry in data["rules"]),
            *(_assignment(entry) for entry in data["assignments"]),
        )
        self.hint = "|".join(f"(?:{rule.hint})" for rule in self.rules)
        self._placeholder = re.compile("|".join(f"(?:{one})" for one in data["placeholders"]), re.ASCII)
        self._words = re.compile(data["words"], re.ASCII)

    def mask_all(self, payloads: pa.Array) -> tuple[dict[int, bytes], Counter[str]]:
        """Return the payloads that change, by their position, and how many secrets of each kind were masked.

        `payloads` are canonical JSON, an array of strings.
        """
        changed: dict[int, bytes] = {}
        masked: Counter[str] = Counter()
        positions = _found(self.hint, payloads)
        suspects = payloads.take(pa.array(positions, pa.int64()))
        rules: list[list[Rule | Assignment]] = [[] for _ in positions]
        for rule in self.rules if positions else ():
            for i in _found(rule.hint, suspects):
                rules[i].append(rule)
        for i, position in enumerate(positions):
            payload, found = self.mask(suspects[i].as_buffer().to_pybytes(), rules[i])
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

    def is_secret(self, rule: Rule | Assignment, value: str) -> bool:
        """Whether a value of the right shape is a secret, and not what stands for one in an example."""
        if "[masked:" in value:
            return False
        if isinstance(rule, Rule) and not rule.looks_random:
            return True
        has_both = any(c.isalpha() for c in value) and any(c.isdigit() for c in value)
        if not has_both or self._placeholder.search(value):
            return False
        return not rule.looks_random or (
            _entropy(value) >= MIN_ENTROPY_BITS and not self._words.search(value)
        )


class _Document:
    """One document being masked by some rules; `masked` counts the secrets by kind."""

    def __init__(self, rules: Rules, applied: Sequence[Rule | Assignment]) -> None:
        self._rules = rules
        self._applied = applied
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
        while True:
            after = self._mask_once(text)
            if after == text:
                return after
            text = after  # what stood beside a secret stands beside a bracket now

    def _mask_object(self, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        result: dict[str, JsonValue] = {}
        for key, item in value.items():
            name = self.mask_text(key)
            if name != key:
                name = _unused(name, value, result)
            kind = self._kind_of_field(key, item) if isinstance(item, str) else None
            if kind is None:
                result[name] = self.mask_value(item)
            else:
                result[name] = _mark(kind)
                self.masked[kind] += 1
        return result

    def _kind_of_field(self, key: str, value: str) -> str | None:
        """Return the kind of secret that a field of an object holds because of its name."""
        for rule in self._applied:
            if isinstance(rule, Assignment) and (found := rule.name.search(key)):
                if not rule.value.fullmatch(value) or rule.is_other_name(key[: found.start()]):
                    continue
                if self._rules.is_secret(rule, value):
                    return rule.kind
        return None

    def _mask_once(self, text: str) -> str:
        if len(text) < _SHORTEST:
            return text
        lowered = text.lower()
        for rule in self._applied:
            if any(keyword in lowered for keyword in rule.keywords):
                text = self._apply(rule, text) if isinstance(rule, Rule) else self._assign(rule, text)
        return text

    def _apply(self, rule: Rule, text: str) -> str:
        def replace(match: re.Match[str]) -> str:
            group = next((name for name, part in match.groupdict().items() if part is not None), 0)
            return self._replaced(rule, match, group)

        return rule.pattern.sub(replace, text)

    def _assign(self, rule: Assignment, text: str) -> str:
        def replace(match: re.Match[str]) -> str:
            before = _NAME_BEFORE.search(text, max(0, match.start() - 50), match.start())
            prefix = before["name"] if before else ""
            if rule.is_other_name(prefix) or not _is_assigned(rule, match, prefix):
                return match[0]
            return self._replaced(rule, match, "quoted" if match["quote"] else "bare")

        return rule.pattern.sub(replace, text)

    def _replaced(self, rule: Rule | Assignment, match: re.Match[str], group: int | str) -> str:
        if not self._rules.is_secret(rule, match[group]):
            return match[0]
        self.masked[rule.kind] += 1
        begin, end = match.start(group) - match.start(), match.end(group) - match.start()
        return f"{match[0][:begin]}{_mark(rule.kind)}{match[0][end:]}"


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
        hint=_shortened(str(entry.get("hint", pattern))),
        keywords=_texts(entry["keywords"]),
        looks_random=bool(entry.get("looks_random", False)),
    )


def _assignment(entry: Mapping[str, object]) -> Assignment:
    names = f"(?i:(?:{entry['names']}){_SUFFIX})"
    characters, least = str(entry["characters"]), int(str(entry["min_length"]))
    values = f"[0-9{characters}]{{{least},}}"
    bare = values.replace("&", "")  # which ends a parameter of a URL, and a command
    half = least // 2  # a value has a digit: in its first half, or later
    early = f"[{characters}]{{0,{half - 1}}}[0-9][0-9{characters}]{{{least - half},}}"
    values_hint = f"(?:{early}|[{characters}]{{{half},}}[0-9])"
    return Assignment(
        kind=str(entry["kind"]),
        description=str(entry["description"]),
        pattern=re.compile(
            rf"(?P<name>{names}){_BETWEEN}(?:{_QUOTE}(?P<quoted>{values})|(?P<bare>{bare}))", re.ASCII
        ),
        name=re.compile(rf"{names}\Z", re.ASCII),
        value=re.compile(values, re.ASCII),
        hint=_shortened(f"{names}{_BETWEEN_HINT}{values_hint}"),
        keywords=_texts(entry["keywords"]),
        not_after=_texts(entry.get("not_after", [])),
        looks_random=bool(entry.get("looks_random", False)),
        is_unquoted=bool(entry.get("is_unquoted", False)),
    )


def _shortened(pattern: str) -> str:
    """Return a pattern that finds whatever the given one finds, five times as fast: it counts to 8 at most.

    RE2 has a state for each number that it counts to, and slows down when its cache of states is full.
    """

    def shorten(match: re.Match[str]) -> str:
        least = min(int(match[1]), _MAX_REPEATED)
        is_exact = not match[2] and int(match[1]) <= _MAX_REPEATED
        return f"{{{least}}}" if is_exact else f"{{{least},}}"

    return _REPEATED.sub(shorten, _GROUP_NAME.sub("(?:", pattern))


def _found(hint: str, payloads: pa.Array) -> list[int]:
    positions: list[int] = pc.indices_nonzero(pc.match_substring_regex(payloads, pattern=hint)).to_pylist()
    return positions


def _texts(entry: object) -> tuple[str, ...]:
    return tuple(str(item) for item in entry) if isinstance(entry, Sequence) else ()


def _is_assigned(rule: Assignment, match: re.Match[str], prefix: str) -> bool:
    """Whether a value is given to a name: in quotes, in a file of settings, as an option, in a URL."""
    rest = match.string[match.end() : match.end() + 10]
    if match["quote"]:
        return rest.lstrip("\\").startswith(match["quote"][-1])
    if rest.startswith(_OF_CODE):
        return False
    is_option = prefix.startswith("--")
    if match["blank"]:
        return is_option
    if rule.is_unquoted or is_option:
        return True
    start = match.start() - len(prefix)
    in_url = match.string[max(0, start - 1) : start] in ("?", "&")
    is_setting = (prefix + match["name"]).isupper()
    return match.string[match.end("name") : match.start("bare")] == "=" and (in_url or is_setting)


def _mark(kind: str) -> str:
    return f"[masked:{kind}]"


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
