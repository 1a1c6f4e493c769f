"""Values that are secrets because of the name that they are given to.

A name and a value stand together in many forms: a setting, a field, an option, an element of XML, a call.
Which values count depends on the form: `hunter` in a file of settings is the name of a variable in code.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

from ingest.raw.escapes import LINE_START, View
from ingest.raw.evidence import Evidence

Need: TypeAlias = Literal["password", "mixed_password", "environment", "drawn", "long_drawn"]

_SUFFIX = r"(?:_?[0-9]{1,2}|_(?:prod|production|dev|test|staging|live|value|old|new|plain))?"
_TYPE = (
    r"(?::[ ]?(?:&?str|[sS]tring|SecretStr|Optional\[str\])(?:[ ]?\|[ ]?(?:None|null|undefined))?"
    r"(?=[ \t]{0,4}=))?"
)
_FORM = re.compile(
    rf"""(?P<closed>["'`\])]{{0,3}})(?:
        (?P<sign>[ \t]{{0,24}}{_TYPE}[ \t]{{0,4}}(?:=>|:=|[?+]=|={{1,3}}|:)[ \t]{{0,8}}(?:[bfrN@](?=["']))?)
        |(?P<field>,\s{{0,8}}["']?value["']?[ \t]{{0,3}}[:=][ \t]{{0,3}}(?=\S))
        |(?P<pair>[ \t]{{0,4}},[ \t]{{0,16}}(?=["'`]))
        |(?P<attribute>[ \t]{{1,8}}(?:value|default)[ \t]{{0,2}}=[ \t]{{0,2}}(?=["']))
        |(?P<lines>[ \t]{{0,4}}\n(?:{LINE_START})?[ \t-]{{0,24}}value:[ \t]{{0,4}}(?=\S))
        |(?P<variable>[ \t]{{0,4}}\{{[^{{}}]{{0,200}}?\bdefault[ \t]{{0,8}}=[ \t]{{0,4}}(?="))
        |(?P<plist></key>\s{{0,4}}(?:{LINE_START})?\s{{0,16}}<string>)
        |(?P<element>>(?=[^\s<]))
        |(?P<call>\([ ]?(?=["']))
        |(?P<blank>[ \t]{{1,4}}(?=[^\s=:]))
    )""",
    re.VERBOSE | re.ASCII,
)
# Of canonical JSON: what closes a name, a sign, what stands before a value, a value; or the escapes of these.
_CLOSED_HINT = r"(?:\\\\|[\"'`\])]|\\+[\"'`]|\\+u002[27]|%(?:25)*2[27]|&(?:quot|apos|#39|#34|#x27|#x22);)*"
_BLANK_HINT = r"(?:[ \t]|\\+t|%(?:25)*20)"
_ASSIGNED_HINT = (
    r"(?:[:=>,(]|%(?:25)*(?:3[AaDdEe]|2[Cc8])|\\+u00(?:3[aAdDeE]|2[cC8])|&(?:amp;)*(?:gt|#)|\\+n[ -]*value"
    r"|value|default|\{|string)"
)
_GAP_HINT = (
    r"(?:\\\\|[\"'`\])>(,:=? \t{@+-]|\\+(?:[\"'`/=:&$t]|u00[0-9a-f]{2}|n[ -]*(?:value|default|<string))"
    r"|%[0-9A-Fa-f]{2}|&[A-Za-z0-9#]+;|value|default|string|str|b[\"'])*"
)
_CHARACTERS = r"A-Za-z+/=_.~%:!@#$^&*\-"
_DRAWN_HINT = (
    rf"(?:[{_CHARACTERS}\\]{{8,}}[0-9]|[{_CHARACTERS}][{_CHARACTERS}\\]{{0,6}}[0-9][0-9{_CHARACTERS}\\]{{4}}"
    rf"|[0-9]+[{_CHARACTERS}][0-9{_CHARACTERS}\\]{{4}})"
)
_SIGN_HINT = r"[\\\"'`\])]*[ t]*(?:[:=>,(\[]|%(?:25)*[23]|\\+u00|&[a-z#])"

_BEFORE = re.compile(r"[A-Za-z0-9_.-]{0,60}\Z", re.ASCII)
_LINE_BEFORE = re.compile(
    rf"(?:\A|[\n\"'`])(?:{LINE_START})?[ \t\-*{{(\[,:+>]*(?:(?:export|set|local|env|const|let|var|val|final|"
    r"private|public|static|ARG|ENV|RUN|"
    r"declare|readonly|Environment=|\$)[ \t\"']*)*\Z"
)
_COMMANDS = re.compile(
    r"\b(?:ENV|ARG|setenv|setx|set|config:set)[ \t]+(?:-[-\w]+[ \t]+){0,3}(?:\S{0,100}[:/])?\Z"
)
_SQL = re.compile(
    r"(?i:with|login|encrypted|superuser|createdb|createrole|by|user \w{1,16}|role \w{1,16})\s+\Z"
)
_OPTION = re.compile(r"(?:\s|\A)--?[A-Za-z][\w-]{0,40}[= ][\"']?\Z")
_NEIGHBOUR = re.compile(
    r"(?i)\b(?:host|hostname|server|data source|addr|user|username|uid|user id|dbname|database|port"
    r"|ansible_\w+)\s?=\s?[^\s,;()]"
)
_CUT = re.compile(r"[^\s\"'`{}()\\]+")
_BARE = re.compile(r"[^\s\"'`<>|\u2000-\u2bff]+")
_NEXT = re.compile(r"[;&,](?=[\w. ]{1,40}=|\s|\Z|vers=)")
_CHUNK = re.compile(r"[A-Za-z0-9]+")
_CODE_END = re.compile(r"[,;)\]}]+\Z")
_CALL = re.compile(r"(?:await |new )?[A-Za-z_$][\w$]*(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$]*)*[(\[{]")
_ACCESS = re.compile(r"[A-Za-z_$][\w$]*!?(?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$!]*)+[;,)]*\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_ELLIPSIS = re.compile(r"\s*(?:\Z|\.\.\.|…|\[truncated|\(truncated|<truncated|\n)")
_MAX_VALUE = 4_096
_JUDGED = 128
"""Characters of a value that are looked at: a hostile text is all names and values."""
_NEAR = 200
_ENV_SIGN = ("=", "?=")

_WORD, _WORD_WITH_NUMBER, _COMPLEX = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Assignment:
    """Names whose values are secrets, where there is evidence for it. `keywords` are lower case."""

    kind: str
    description: str
    name: re.Pattern[str]
    hint: str
    keywords: tuple[str, ...]
    not_after: tuple[str, ...]
    need: Need
    min_length: int

    @classmethod
    def of(cls, entry: Mapping[str, object], shortened: str) -> "Assignment":
        """Return an assignment of the rules file; `shortened` are its names as RE2 may have them."""
        need = _need(str(entry["evidence"]))
        keywords, not_after = entry["keywords"], entry.get("not_after", [])
        named = f"(?i:{shortened}){_SUFFIX.replace('{1,2}', '+')}"
        if need == "password":
            hint = f"{named}[^A-Za-z]"
        elif need in ("drawn", "long_drawn"):
            hint = (
                f"{named}(?:{_CLOSED_HINT}{_BLANK_HINT}*{_ASSIGNED_HINT}{_GAP_HINT}{_DRAWN_HINT}"
                f"|{_BLANK_HINT}+(?:\\\\*[\"'])?{_DRAWN_HINT})"
            )
        else:
            hint = named + _SIGN_HINT
        return cls(
            kind=str(entry["kind"]),
            description=str(entry["description"]),
            name=re.compile(f"(?i:{entry['names']}){_SUFFIX}", re.ASCII),
            hint=hint,
            keywords=tuple(map(str, keywords)) if isinstance(keywords, list) else (),
            not_after=tuple(map(str, not_after)) if isinstance(not_after, list) else (),
            need=need,
            min_length=int(str(entry["min_length"])),
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands: after which name, in which form, and what is before and after."""

    name: str
    form: str
    sign: str
    is_quoted: bool
    is_env: bool
    """A variable in capitals, given its value without a blank."""
    is_option: bool
    starts_line: bool
    ends_line: bool
    is_of_code: bool
    """What follows is what follows an expression."""
    has_neighbours: bool


def positions_of(keywords: Sequence[str], lowered: str) -> list[int]:
    """Return where in a text one of the keywords stands, in order."""
    found: set[int] = set()
    for keyword in keywords:
        at = lowered.find(keyword)
        while at >= 0:
            found.add(at)
            at = lowered.find(keyword, at + 1)
    return sorted(found)


def find(view: View, lowered: str, rule: Assignment, evidence: Evidence) -> Iterator[tuple[int, int]]:
    """Yield where in a readable text the values stand that are secrets by this rule."""
    reached = 0
    for position in positions_of(rule.keywords, lowered):
        if position >= reached and (name := rule.name.match(view.text, position)):
            value = _value(view, name, rule, evidence)
            if value is not None:
                yield value
                reached = value[1]


def is_secret_field(key: str, value: str, rule: Assignment, evidence: Evidence) -> bool:
    """Whether a field of an object holds a secret because of its name."""
    names = [match for match in rule.name.finditer(key) if match.end() == len(key)]
    if not names or _is_other(rule, key[: names[0].start()]):
        return False
    place = _Place(
        name=key, form="sign", sign=":", is_quoted=True, is_env=key.isupper(), is_option=False,
        starts_line=True, ends_line=True, is_of_code=False, has_neighbours=False,
    )  # fmt: skip
    if len(value) < rule.min_length or "[masked:" in value or evidence.is_placeholder(value[:_JUDGED]):
        return False
    value = value[:_JUDGED]
    if rule.need in ("drawn", "long_drawn"):
        return _is_drawn(rule, value, evidence)
    return _is_password(rule, place, value, evidence)


def _value(view: View, name: re.Match[str], rule: Assignment, evidence: Evidence) -> tuple[int, int] | None:
    text = view.text
    form = _FORM.match(text, name.end())
    if form is None or form.lastgroup is None:
        return None
    before = _BEFORE.search(text, max(0, name.start() - 61), name.start())
    prefix = before[0] if before else ""
    if _is_other(rule, prefix):
        return None
    start = name.start() - len(prefix)
    found = _quoted(view, form.end()) or _bare(text, form.end())
    if found is None:
        return None
    begin, end, is_quoted = found
    kind = next(key for key, part in form.groupdict().items() if part is not None and key != "closed")
    if not _fits(text, kind, form["closed"], start, prefix, is_quoted=is_quoted):
        return None
    value = text[begin : min(end, begin + _JUDGED)]
    is_masked = text.find("[masked:", begin, end) >= 0
    if len(value) < rule.min_length or is_masked or evidence.is_placeholder(value):
        return None
    if rule.need in ("drawn", "long_drawn"):
        return (begin, end) if _is_drawn(rule, value, evidence) else None
    line_start = max(start - _NEAR, text.rfind("\n", max(0, start - _NEAR), start) + 1, 0)
    line_end = text.find("\n", end, end + _NEAR)
    rest = text[end : line_end if line_end >= 0 else end + _NEAR]
    after = text[end : end + 12]
    is_option = prefix.startswith("-") or bool(_OPTION.search(text, max(0, start - 48), start))
    sign = form["sign"] or ""
    place = _Place(
        name=prefix + name[0],
        form=kind,
        sign=sign,
        is_quoted=is_quoted,
        is_env=sign in _ENV_SIGN and (prefix + name[0]).isupper(),
        is_option=is_option,
        starts_line=not form["closed"] and _is_first(text, start),
        ends_line=bool(re.match(r"[;,]?[ \t]*(?:\r?\n|\Z|#|//|[\"'`])", after)),
        is_of_code=not is_quoted and bool(re.match(r"[,;)\]}(\[]", after)),
        has_neighbours=bool(_NEIGHBOUR.search(text[line_start:start]) or _NEIGHBOUR.search(rest)),
    )
    return (begin, end) if _is_password(rule, place, value, evidence) else None


def _quoted(view: View, at: int) -> tuple[int, int, bool] | None:
    """Return the value in quotes at a place: to the quote of the same layer, or to where a text was cut."""
    text = view.text
    quote = text[at : at + 1]
    if quote not in ("'", '"', "`"):
        return None
    width = view.width(at)
    end = text.find(quote, at + 1, at + _MAX_VALUE)
    while end >= 0 and view.width(end) > width:  # a quote within the value, of an inner layer
        end = text.find(quote, end + 1, at + _MAX_VALUE)
    line_end = text.find("\n", at)
    if end < 0 or (0 <= line_end < end):
        end = line_end if line_end >= 0 else len(text)
        if end - at > _MAX_VALUE or text[end:].strip() or not _CUT.fullmatch(text, at + 1, end):
            return None
    return (at + 1, end, True) if end > at + 1 else None


def _bare(text: str, at: int) -> tuple[int, int, bool] | None:
    match = _BARE.match(text, at, at + _MAX_VALUE)
    if match is None:
        return None
    value = match[0]
    if next_one := _NEXT.search(value):
        value = value[: next_one.start()]
    value = value[: len(value) - len(_closing(value))].rstrip("\\")  # of a quote that follows
    return (at, at + len(value), False) if value and value[0] != "\\" else None


def _closing(value: str) -> str:
    """Return the brackets and signs at the end of a bare value that belong to what is around it."""
    end = _CODE_END.search(value)
    if end is None:
        return ""
    is_open = any(sign in value[: end.start()] for sign in "([{")
    return "" if is_open else end[0]


def _fits(text: str, form: str, closed: str, start: int, prefix: str, *, is_quoted: bool) -> bool:
    """Whether a form is one indeed, by what stands around the name."""
    before = text[start - 1 : start]
    if form == "element":
        return not closed and before == "<"
    if form == "plist":
        return not closed
    if form in ("attribute", "variable", "pair", "field"):
        return bool(closed) or (form == "field" and before in ("=", " ", ":"))
    if form == "blank":
        is_command = bool(_COMMANDS.search(text, max(0, start - 160), start))
        is_option = prefix.startswith("-") and not closed
        is_sql = prefix == "" and bool(_SQL.search(text, max(0, start - 24), start))
        return is_command or is_option or (is_quoted and not closed and (is_sql or _is_first(text, start)))
    return True


def _is_first(text: str, start: int) -> bool:
    """Whether nothing but what a tool or a language puts there stands before a name in its line."""
    return bool(_LINE_BEFORE.search(text, max(0, start - 80), start))


def _is_other(rule: Assignment, prefix: str) -> bool:
    """Whether what stands before the name makes it another one: a page token is no secret."""
    lowered = prefix.lower()
    return lowered.endswith(rule.not_after) or lowered.rstrip("_-.").endswith(rule.not_after)


def _is_drawn(rule: Assignment, value: str, evidence: Evidence) -> bool:
    bare = value.removeprefix("base64:")
    if rule.need == "drawn":
        return evidence.is_drawn(bare)
    return not _UUID.match(bare) and evidence.is_mostly_drawn(bare)


def _is_password(rule: Assignment, place: _Place, value: str, evidence: Evidence) -> bool:
    if rule.need == "environment" and not place.is_env:
        return False
    if (
        not place.is_quoted
        and _CALL.match(value)
        and evidence.is_words(value.partition("(")[0].partition("[")[0])
    ):
        return False
    level = _level(value, place, evidence)
    if rule.need == "mixed_password" and not place.is_env:
        return level >= (_COMPLEX if place.is_of_code else _WORD_WITH_NUMBER)
    return level >= _needed(place, value)


def _level(value: str, place: _Place, evidence: Evidence) -> int:
    """Return how much a value looks like a password: 0 for one that is none, to 3."""
    if any(c.isspace() for c in value):
        is_phrase = place.is_env and place.is_quoted and not evidence.is_label(value)
        return _WORD if is_phrase else 0
    is_translated = place.form == "sign" and place.is_quoted and not value.isascii()
    if is_translated and not any(c.isdigit() for c in value):
        return 0
    chunks = _CHUNK.findall(value)
    if not evidence.is_words(value) or (len(chunks) > 1 and sum(map(len, chunks)) < 3 * len(chunks)):
        return _COMPLEX
    if _ACCESS.match(value) or evidence.is_label(value):
        return 0
    return _WORD_WITH_NUMBER if any(c.isdigit() for c in value) else _WORD


def _needed(place: _Place, value: str) -> int:
    """Return which level a value must have in its place."""
    is_name = not value.islower() or "_" in value or "." in value  # of a variable, a label, a type
    if place.is_of_code:
        return _COMPLEX
    if (
        place.form in ("element", "attribute", "field", "lines", "variable", "plist")
        or place.is_env
        or place.is_option
    ):
        return _WORD
    if place.form == "blank":
        return _WORD if not place.is_quoted or place.name.isupper() else _WORD_WITH_NUMBER
    if place.form in ("pair", "call"):
        return _WORD if place.name.isupper() else _WORD_WITH_NUMBER
    if place.has_neighbours and not is_name:
        return _WORD
    if place.is_quoted:
        return _WORD_WITH_NUMBER if is_name and not place.name.isupper() else _WORD
    if place.starts_line and place.ends_line:
        is_setting = ":" in place.sign or place.sign == "=" or len(value) >= 10
        return _WORD if is_setting and not is_name and len(value) >= 6 else _WORD_WITH_NUMBER
    return _COMPLEX


def _need(text: str) -> Need:
    for need in get_args(Need):
        if need == text:
            return cast(Need, need)
    raise ValueError(f"an assignment has evidence {text}, which is none of {get_args(Need)}")
