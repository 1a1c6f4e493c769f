"""Taking texts out of documents: what goes, what stays, and that git's events are read from what stays."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.raw.json_text import JsonValue, canonical
from opencode_warehouse.keep.text_stripping import marker, without_text

SECRET = "the words that nobody may read"  # noqa: S105
SHA = "0123456789abcdef0123456789abcdef01234567"


def code(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:4]


def tool(name: str, **state: JsonValue) -> dict[str, JsonValue]:
    """Return a part that is the call of a tool."""
    return {"id": "prt_1", "type": "tool", "tool": name, "callID": "call_1", "state": state}


def state_of(value: JsonValue) -> dict[str, JsonValue]:
    """Return the state of a call without its texts."""
    stripped = without_text("parts", value)
    assert isinstance(stripped, dict)
    state = stripped["state"]
    assert isinstance(state, dict)
    return state


def test_a_marker_says_how_many_bytes_there_were_and_a_few_bits_of_their_checksum() -> None:
    assert marker("Grüße") == f"[text removed, 7 bytes, {code('Grüße')}]"
    assert marker("") == ""
    assert marker(marker(SECRET)) == marker(SECRET)
    image = "data:image/png;base64,AAAA"
    assert marker(image) == f"data:[text removed, 26 bytes, {code(image)}]"
    assert marker(marker(image)) == marker(image)
    note = f"The following tool was executed by the user\n{SECRET}"
    assert marker(note).startswith("The following tool was executed by the user [text removed, ")
    assert marker(marker(note)) == marker(note)


@pytest.mark.parametrize(
    ("entity", "value", "kept"),
    [
        (
            "sessions",
            {"id": "ses_1", "title": f"{SECRET} (fork #2)", "directory": "/w", "time": {"created": 1}},
            ["ses_1", "/w", " (fork #2)"],
        ),
        (
            "messages",
            {
                "role": "user",
                "agent": "build",
                "system": SECRET,
                "summary": {"title": SECRET, "diffs": [{"file": "a.py", "before": SECRET, "additions": 3}]},
                "model": {"providerID": "lab", "modelID": "gpt"},
                "tools": {"bash": False},
            },
            ["user", "build", "a.py", "lab", "gpt"],
        ),
        ("messages", {"role": "assistant", "error": {"data": {"message": "no credit"}}}, ["no credit"]),
        ("parts", {"type": "text", "text": SECRET, "synthetic": True, "metadata": {"x": {"y": SECRET}}}, []),
        (
            "parts",
            {"type": "subtask", "prompt": SECRET, "description": SECRET, "command": "review"},
            ["review"],
        ),
        ("parts", {"type": "file", "mime": "text/plain", "url": f"data:,{SECRET}", "filename": "a"}, ["a"]),
        ("parts", {"type": "file", "url": "file:///w/a.py", "source": {"text": {"value": SECRET}}}, ["a.py"]),
        ("parts", {"type": "patch", "hash": "abc", "files": ["/w/a.py"]}, ["abc", "/w/a.py"]),
        ("todos", [{"content": SECRET, "status": "completed", "priority": "high", "id": "1"}], ["high"]),
        ("session_diffs", [{"file": "a.py", "patch": SECRET, "after": SECRET, "deletions": 2}], ["a.py"]),
        (
            "session_messages",
            {
                "type": "assistant",
                "content": [
                    {"type": "text", "text": SECRET},
                    {
                        "type": "tool",
                        "name": "write",
                        "state": {
                            "status": "completed",
                            "input": {"filePath": "a.py", "content": SECRET},
                            "content": [{"type": "text", "text": SECRET}],
                            "structured": {"diff": SECRET},
                        },
                    },
                ],
            },
            ["write", "a.py", "completed"],
        ),
    ],
)
def test_what_was_said_goes_and_what_figures_are_made_of_stays(
    entity: str, value: JsonValue, kept: list[str]
) -> None:
    before = json.dumps(value)
    stripped = json.dumps(without_text(entity, value))  # type: ignore[arg-type]
    assert json.dumps(value) == before
    assert SECRET not in stripped
    assert all(word in stripped for word in kept)


def test_projects_say_nothing() -> None:
    value: JsonValue = {"id": "prj_1", "name": SECRET}
    assert without_text("projects", value) == value


def test_a_call_keeps_what_it_was_aimed_at_and_its_figures() -> None:
    state = state_of(
        tool(
            "edit",
            status="completed",
            input={"filePath": "/w/a.py", "oldString": SECRET, "newString": SECRET, "replaceAll": True},
            output=SECRET,
            title="a.py",
            metadata={"diff": SECRET, "filediff": {"file": "a.py", "after": SECRET, "additions": 4}},
            time={"start": 1, "end": 2},
        )
    )
    assert state["input"] == {
        "filePath": "/w/a.py",
        "oldString": marker(SECRET),
        "newString": marker(SECRET),
        "replaceAll": True,
    }
    assert state["metadata"] == {
        "diff": marker(SECRET),
        "filediff": {"file": "a.py", "after": marker(SECRET), "additions": 4},
    }
    assert (state["output"], state["title"]) == (marker(SECRET), marker("a.py"))
    assert (state["status"], state["time"]) == ("completed", {"start": 1, "end": 2})
    search = state_of(
        tool("grep", status="completed", input={"pattern": "def .*", "path": "/w"}, output="x y")
    )
    assert search["input"] == {"pattern": "def .*", "path": "/w"}


@pytest.mark.parametrize(
    "call",
    [
        tool("read", status="error", input={}, error=SECRET),
        tool("bash", status="completed", input={}, output=SECRET, metadata={"exit": 2}),
        tool("bash", status="completed", input={}, output=SECRET, metadata={"exit": None}),
        tool("bash", status="completed", input={}, output=f"{SECRET}\nUser aborted the command", metadata={}),
        tool("shell", status="completed", input={}, content=[{"text": SECRET}], structured={"exit": 1}),
        tool("invalid", status="completed", input={"tool": "frob", "error": "x y"}, output=SECRET),
    ],
)
def test_what_a_failed_call_said_stays(call: JsonValue) -> None:
    assert SECRET in json.dumps(state_of(call))


@pytest.mark.parametrize(
    "call",
    [
        tool("bash", status="completed", input={}, output=SECRET, metadata={"exit": 0}),
        tool("read", status="completed", input={}, output=f"{SECRET} User aborted the command"),
        tool("bash", status="running", input={"command": f"echo '{SECRET}'"}, metadata={"output": SECRET}),
        tool("bash", status="completed", input={"command": f"git commit -m '{SECRET}'"}, output=SECRET),
    ],
)
def test_what_any_other_call_said_goes(call: JsonValue) -> None:
    assert SECRET not in json.dumps(state_of(call))


def test_a_patch_keeps_the_files_it_names() -> None:
    patch = f"*** Begin Patch\n*** Add File: b.py\n+{SECRET}\n*** Update File: a.py\n-x\n*** End Patch"
    arguments = state_of(tool("apply_patch", status="completed", input={"patchText": patch}))["input"]
    assert arguments == {"patchText": f"*** Add File: b.py\n*** Update File: a.py\n{marker(patch)}"}


@pytest.mark.parametrize(
    ("command", "program"),
    [
        (f"python -m pytest -k '{SECRET}'", "python -m pytest"),
        (f"cd /w && TOKEN=x sudo npm run build # {SECRET}", "npm run"),
        (f"cat > a <<EOF\n{SECRET}\nEOF", "cat"),
        (f"; {SECRET}", ""),
    ],
)
def test_a_command_keeps_its_program(command: str, program: str) -> None:
    arguments = state_of(tool("bash", status="completed", input={"command": command}))["input"]
    assert arguments == {"command": marker(command), "_program": program}


def test_a_call_of_git_keeps_what_git_was_told_and_said() -> None:
    command = (
        f'cd "/w/shop" && TOKEN={SHA} make lint; git add -A && git commit -m "{SECRET}" | tee log\n'
        f"cat <<EOF\n{SECRET}\nEOF\ngit push origin main"
    )
    output = "\n".join(
        [
            f"[main 0123456] {SECRET}",
            f" 1 file changed, {SECRET}",
            "",
            f"diff --git a/{SECRET}",
            "   1111111..2222222  main -> main",
        ]
    )
    state = state_of(
        tool("bash", status="completed", input={"command": command}, output=output, metadata={"exit": 0})
    )
    assert isinstance(state["input"], dict)
    assert str(state["input"]["command"]).splitlines()[:-1] == [
        "cd /w/shop",
        "&& TOKEN=_ make",
        "git add -A",
        "&& git commit -m _quoted_",
        "| tee",
        "cat",
        "git push origin main",
    ]
    assert str(state["output"]).splitlines() == [
        "[main 0123456] [text removed]",
        "[text removed]",
        "",
        "[text removed]",
        "   1111111..2222222  main -> main",
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(["type", "tool", "state", "input", "output", "command", "content", "error", "text"])


@given(st.dictionaries(fields, json_values | st.just("tool") | st.just("git status"), max_size=6))
def test_a_document_of_any_shape_can_be_stripped(value: dict[str, JsonValue]) -> None:
    call: JsonValue = {"type": "tool", "tool": "bash", "state": {"input": value, **value}}
    for document in (value, call):
        canonical(without_text("parts", document))
        canonical(without_text("session_messages", {"type": "assistant", "content": [document]}))
