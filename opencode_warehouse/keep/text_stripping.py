"""Taking the text out of a document and leaving what figures are made of.

Every text becomes a marker that says how many bytes it had and 16 bits of its checksum: enough to know a
copy by, too little to guess a text by. What is kept are ids, names of kinds and models, states, times,
numbers, paths and addresses, what a call was aimed at, what failures said, and what git was told and said.
"""

import hashlib
import re

from ingest.raw.documents import Entity
from ingest.raw.json_text import JsonValue

_NOTE_OF_SHELL = "The following tool was executed by the user"
_MARKER = re.compile(rf"(?:data:|{_NOTE_OF_SHELL} )?\[text removed, [0-9]+ bytes, [0-9a-f]{{4}}\]")
_FORK = re.compile(r" [(]fork #[0-9]+[)]\Z")
_SHELLS = ("bash", "shell")
_FILLER = "[text removed]"
PROGRAM = "_program"
"""Beside a removed command: its program and first word, as the models read them from the whole command."""

_IDS = (
    "id sessionID messageID parentID projectID workspaceID partID callID sessionId providerID modelID "
    "itemId tail_start_id"
)
_KINDS = (
    "role type agent mode variant finish reason status priority version vcs action permission mime tool name "
    "slug subagent_type"
)
_PLACES = (
    "directory path cwd root file files filePath filepath file_path movePath relativePath workdir filename "
    "worktree sandboxes url uri"
)
_HASHES = "snapshot start end hash"
_KEPT = frozenset(f"{_IDS} {_KINDS} {_PLACES} {_HASHES}".split())
_AIMS = _KEPT | {"pattern", "query"}
"""What a call was aimed at, by which a later success is known to be of the same thing."""


def without_text(entity: Entity, value: JsonValue) -> JsonValue:
    """Return a document without its texts; the document that was given stays as it is."""
    if entity == "projects":
        return value
    if not isinstance(value, dict):
        return _removed(value, "")
    if entity == "parts" and value.get("type") == "tool":
        return _call(value, str(value.get("tool")))
    if entity == "parts" and value.get("type") == "subtask":
        return _document(value, kept=_KEPT | {"command"})
    stripped = _document(value)
    if entity == "session_messages" and isinstance(value.get("content"), list):
        stripped["content"] = [_item(item) for item in _items(value["content"])]
    title = value.get("title")
    if entity == "sessions" and isinstance(title, str) and (fork := _FORK.search(title)):
        stripped["title"] = marker(title[: fork.start()]) + fork[0]
    return stripped


def marker(text: str) -> str:
    """Return what stands for a text that was removed; for none, or for a marker, the same again."""
    if not text or _MARKER.fullmatch(text):
        return text
    data = text.encode()
    code = hashlib.md5(data, usedforsecurity=False).hexdigest()[:4]
    written = f"[text removed, {len(data)} bytes, {code}]"
    if text.startswith("data:"):
        return f"data:{written}"
    if text.startswith(_NOTE_OF_SHELL):
        return f"{_NOTE_OF_SHELL} {written}"
    return written


def _removed(value: JsonValue, key: str, kept: frozenset[str] = _KEPT) -> JsonValue:
    """Return a value of a field without its texts, but those of kept fields."""
    if isinstance(value, str):
        return value if key in kept and not value.startswith("data:") else marker(value)
    if isinstance(value, list):
        return [_removed(item, key, kept) for item in value]
    if isinstance(value, dict):
        return {name: _removed(item, name, kept) for name, item in value.items()}
    return value


def _document(value: dict[str, JsonValue], kept: frozenset[str] = _KEPT) -> dict[str, JsonValue]:
    """Return a message or part without its texts. What failures said stays: they are told apart by it."""
    return {name: item if name == "error" else _removed(item, name, kept) for name, item in value.items()}


def _item(value: JsonValue) -> JsonValue:
    if isinstance(value, dict) and value.get("type") == "tool":
        return _call(value, str(value.get("name")))
    return _document(value) if isinstance(value, dict) else _removed(value, "")


def _items(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _call(value: dict[str, JsonValue], tool: str) -> dict[str, JsonValue]:
    """Return a part that is the call of a tool without its texts."""
    stripped = _document(value)
    state = value.get("state")
    if not isinstance(state, dict):
        return stripped
    kept = _document(state)
    arguments = state.get("input")
    commands: list[str] = []
    if isinstance(arguments, dict):
        kept["input"], commands = _arguments(arguments, tool)
    # OpenCode 1 gives a text as `output`, the rows of 1.18 a list of them as `content`.
    outputs = [state.get("output"), *(_text(item) for item in _items(state.get("content")))]
    if _is_failure(state, tool, [text for text in outputs if isinstance(text, str)]):
        for name in ("output", "content"):
            if name in state:
                kept[name] = state[name]
    elif commands:
        if isinstance(state.get("output"), str):
            kept["output"] = _output(str(state["output"]), commands)
        if isinstance(state.get("content"), list):
            kept["content"] = [_content(item, commands) for item in _items(state["content"])]
    stripped["state"] = kept
    return stripped


def _text(item: JsonValue) -> JsonValue:
    return item.get("text") if isinstance(item, dict) else None


def _content(item: JsonValue, commands: list[str]) -> JsonValue:
    stripped = _removed(item, "")
    text = _text(item)
    if isinstance(stripped, dict) and isinstance(text, str):
        stripped["text"] = _output(text, commands)
    return stripped


def _is_failure(state: dict[str, JsonValue], tool: str, outputs: list[str]) -> bool:
    """Whether the models take a call for failed, and therefore read what it said."""
    if state.get("status") == "error" or tool == "invalid":
        return True
    details = state.get("metadata", state.get("structured"))
    exit_code = details.get("exit") if isinstance(details, dict) else None
    if exit_code is not None:
        return exit_code != 0
    endings = [output[-400:] for output in outputs]
    return tool in _SHELLS and (
        (isinstance(details, dict) and "exit" in details)
        or any("terminated command after exceeding timeout" in ending for ending in endings)
        or any("User aborted the command" in ending for ending in endings)
    )


def _arguments(value: dict[str, JsonValue], tool: str) -> tuple[dict[str, JsonValue], list[str]]:
    """Return the arguments of a call without their texts, and the git commands that they run."""
    stripped = {name: _removed(item, name, _AIMS) for name, item in value.items()}
    patch = value.get("patchText")
    if isinstance(patch, str) and patch:
        stripped["patchText"] = "\n".join([*_FILE_LINE.findall(patch), marker(patch)])
    command = value.get("command")
    if not isinstance(command, str):
        return stripped, []
    found = _PROGRAM_OF.search(command)
    stripped[PROGRAM] = found[1] if found else ""
    if tool not in _SHELLS:
        return stripped, []
    text, commands = _shell(command)
    if commands:
        stripped["command"] = f"{text}\n# {marker(command)}"
    return stripped, commands


_FILE_LINE = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: [^\n]+", re.MULTILINE)

# As int_tool_calls_targeted reads a command.
_PROGRAM_OF = re.compile(
    r"^[\t\n\f\r ]*(?:cd [^&;|]+(?:&&|;)[\t\n\f\r ]*)?(?:[A-Za-z_][A-Za-z0-9_]*=[^ ]* +)*(?:sudo +)?"
    r"([^\t\n\f\r ;|&]+(?: +-m +[^\t\n\f\r ;|&]+)?(?: +[^\t\n\f\r ;|&<>-][^\t\n\f\r ;|&]*)?)"
)

# As int_shell_commands_split takes a command apart; ␤ stands for a line's end there and here.
_HERE_DOCUMENT = re.compile(
    r"<<-? *['\"]?[A-Za-z_]+['\"]?([^␤]*)␤(?:.*?␤)? *[A-Z][A-Z_]+ *(␤|\Z|[)])", re.DOTALL
)
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_ONE_WORD = re.compile(r"‹([^ ␤;&|<>()`$‹›]+)›")
_WORDS = re.compile(r"‹[^›]*›")
_REDIRECTED = re.compile(r"[0-9]?>>? *&?[^ ␤;&|()]+|&>>? *[^ ␤;&|()]+|< *[^ ␤;&|()]*")
_BETWEEN = re.compile(r"[;()`&]")
_JOINED = re.compile(r"^ *([∧∨¦])")
_BEFORE = re.compile(
    r"^(?:(?:sudo|env|command|time|nohup|exec|then|else|do|if|elif|while|until|!"
    r"|[A-Za-z_][A-Za-z0-9_]*=[^ ]*) +)+"
)
_VALUE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*=)[^ $]+")
_GIT = re.compile(r"^(?:[^ ]*/)?git +[^ ]")
_MOVE = re.compile(r"^(?:cd|pushd)( |\Z)")
_JOINS = {"∧": "&& ", "∨": "|| ", "¦": "| "}


def _shell(command: str) -> tuple[str, list[str]]:
    """Return a command line as far as git's events are read from it, and its git commands."""
    flat = command.replace("\r", "").replace("\\\n", " ").replace('\\"', "").replace("\t", " ")
    flat = _HERE_DOCUMENT.sub(r"\1\2", flat.replace("\n", "␤"))
    flat = _QUOTED.sub(r"‹\1\2›", flat)
    flat = _WORDS.sub("_quoted_", _ONE_WORD.sub(r"\1", flat))
    flat = _REDIRECTED.sub(" ", flat)
    flat = flat.replace("&&", "␤∧").replace("||", "␤∨").replace("|", "␤¦")
    lines, commands = [], []
    for piece in _BETWEEN.sub("␤", flat).split("␤"):
        joined = _JOINED.search(piece)
        text = piece[joined.end() :].strip(" ") if joined else piece.strip(" ")
        if not text or text.startswith("#"):
            continue
        before = _BEFORE.search(text)
        own = text[before.end() :] if before else text
        if _GIT.search(own):
            commands.append(own)
        elif not _MOVE.search(own):
            own = " ".join([*own.split(" ")[:1], *(own[-1] for _ in [0] if own[-1:] in ("$", "="))])
        shown = (_VALUE.sub(r"\1_", before[0]) if before else "") + own
        lines.append((_JOINS[joined[1]] if joined else "") + shown)
    return "\n".join(lines), commands


# Lines that int_git_outputs_read reads: of each as much as is read.
_SAID = re.compile(
    r"(?:Switched to [a-z ]*branch|Reset branch|Already on|Note: switching to) '[^']*'.*"
    r"|Switched to |HEAD is now at [0-9a-f]{7,40}|\[[^]]+ [0-9a-f]{7,40}\] "
    r"|On branch [^ ]+|HEAD detached (?:at|from) [^ ]*|## HEAD [(]no branch[)]"
    r"|## (?:No commits yet on )?[^ (]+?(?:[.][.][.].*)?\Z|## "
    r"|[*] [^ ]+\Z|[*] [^ (]+ +[0-9a-f]{7,40} |[*] [(]HEAD detached [^)]*[)]|[*] [(]no branch[^)]*[)]"
    r"|Updating [0-9a-f]{7,40}[.][.][0-9a-f]{7,40}|Merge made by |Already up.to.date|CONFLICT "
    r"|Automatic merge failed|Preparing worktree [(][^)]*[)]"
    r"|commit [0-9a-f]{40}(?: [(][^)]*[)])?|[0-9a-f]{7,40} [(]HEAD -> [^)]*[)]|[0-9a-f]{7,40} (?=[(]?[^ ])"
    r"|Everything up-to-date"
)
_REBASED = re.compile(r"Successfully rebased and updated refs/heads/[^ ]*")
_PUSHED = re.compile(r" [ +*=-] .* -> .*")
_ADDED = re.compile(r"(?:Command exited with code [0-9]+[.]|[(]no output[)]|</?bash_)")
_ASKS_A_NAME = re.compile(r"(?:^| )(?:rev-parse|symbolic-ref|branch) ")


def _output(text: str, commands: list[str]) -> str:
    """Return what a call of git printed: git's own sentences, and for each other line a filler."""
    is_push = any(" push" in command for command in commands)
    asks_a_name = any(_ASKS_A_NAME.search(f"{command} ") for command in commands)
    kept = []
    for line in text.replace("\r", "\n").split("\n"):
        said = _SAID.match(line) or _REBASED.search(line) or (_PUSHED.match(line) if is_push else None)
        if said:
            rest = line[said.end() :].strip()
            kept.append(f"{said[0].rstrip()} {_FILLER}" if rest else line)
        elif not line.strip(" ") or _ADDED.match(line) or (asks_a_name and " " not in line):
            kept.append(line)
        else:
            kept.append(_FILLER)
    return "\n".join(kept)
