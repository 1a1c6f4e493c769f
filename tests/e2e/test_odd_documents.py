"""Documents that OpenCode would hardly write, each valid JSON: they are kept, and no build fails for them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Document = dict[str, Any]
Change = Callable[[Document], object]

TOOLS: tuple[Change, ...] = (
    lambda part: part.pop("state"),
    lambda part: part.pop("tool"),
    lambda part: part.update(tool="Ünï tool"),
    lambda part: part["state"].update(metadata="text"),
    lambda part: part["state"].update(input=[1, 2]),
    lambda part: part["state"].update(output={"a": 1}, attachments="none"),
    lambda part: part["state"].update(time={"start": 5000, "end": 1000}),
    lambda part: part.update(
        tool="apply_patch", state={"status": "completed", "metadata": {"files": {"x": 1}}}
    ),
    lambda part: part.update(
        tool="apply_patch", state={"status": "completed", "metadata": {"files": [1, "x", None, {}]}}
    ),
    lambda part: part.update(tool="todowrite", state={"status": "completed", "input": {"todos": [1, {}]}}),
)
TEXTS: tuple[Change, ...] = (
    lambda part: part.update(text="a\0b"),
    lambda part: part.update(text={"x": 1}),
    lambda part: part.update(type=""),
    lambda part: part.update(type="patch", files="x"),
    lambda part: part.update(type="patch", files=None),
)
STEPS: tuple[Change, ...] = (
    lambda step: step.update(tokens={"input": "x"}),
    lambda step: step.update(time={}),
    lambda step: step.update(time={"created": "soon"}),
    lambda step: step.update(time={"created": step["time"]["created"], "completed": 1}),
    lambda step: step.update(modelID=None, providerID=None),
    lambda step: step.update(modelID=""),
    lambda step: step.update(modelID="a/b/"),
    lambda step: step.update(parentID=""),
    lambda step: step.update(parentID=step["id"]),
    lambda step: step.update(cost=-1),
)
SESSIONS: tuple[Change, ...] = (
    lambda session: session.update(parentID=session["id"]),
    lambda session: session.update(parentID="ses_missing"),
    lambda session: session.update(parentID=""),
    lambda session: session.update(projectID=""),
    lambda session: session.pop("projectID"),
    lambda session: session.pop("time"),
    lambda session: session.update(title="a\0b"),
)
PROJECTS: tuple[Change, ...] = (
    lambda project: project.pop("time"),
    lambda project: project.pop("worktree"),
)


def apply(changes: tuple[Change, ...], paths: list[Path]) -> None:
    """Change one document after the other, each in one way."""
    for change, path in zip(changes, paths, strict=False):
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))


def test_odd_documents_are_kept_and_no_build_fails_for_them(
    unpacked: Callable[[str], Path], new_warehouse: Callable[..., Any], tmp_path: Path
) -> None:
    tree = tmp_path / "opencode" / "storage"
    shutil.copytree(unpacked("histories/1.1.65") / "storage", tree)
    parts = [(path, json.loads(path.read_text())["type"]) for path in sorted(tree.glob("part/*/*.json"))]
    apply(TOOLS, [path for path, kind in parts if kind == "tool"])
    apply(TEXTS, [path for path, kind in parts if kind == "text"])
    messages = sorted(tree.glob("message/*/*.json"))
    apply(STEPS, [path for path in messages if json.loads(path.read_text())["role"] == "assistant"])
    sessions = sorted(tree.glob("session/*/*.json"))
    apply(SESSIONS, sessions)
    ring: tuple[Change, ...] = (
        lambda session: session.update(parentID=sessions[-1].stem),
        lambda session: session.update(parentID=sessions[-2].stem),
    )
    apply(ring, sessions[-2:])
    apply(PROJECTS, sorted(tree.glob("project/*.json")))
    sorted(tree.glob("todo/*.json"))[0].write_text('[{}, {"content": 1, "status": "weird"}]')

    warehouse = new_warehouse(tree.parent)
    assert warehouse.load()["counts"]["rejected"] == 0
    assert "ERROR=0" in warehouse.dbt("build", "--exclude-resource-type", "unit_test")
    assert warehouse.one("select count(*) from parts") == len(parts)
    assert warehouse.one("select count(*) from messages") == len(messages)
    # The parent that is named and not there has a row too.
    assert warehouse.one("select count(*) from sessions") == len(sessions) + 1
    assert warehouse.one("select count(*) from sessions where session_id = 'ses_missing' and is_inferred")
