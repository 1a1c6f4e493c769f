"""The data dictionary and the ER diagram, of a small manifest made by hand."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOOL = Path(__file__).resolve().parents[3] / "dev" / "tools" / "data_dictionary.py"
YAML = "models/marts/core/_core__models.yml"
NOT_NULL = {"name": "not_null"}
KEY = [{"name": "unique"}, NOT_NULL]


def run(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tool on a project."""
    command = [sys.executable, str(TOOL), "--project", str(project), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def refers_to(other: str, **config: str) -> dict[str, Any]:
    """Return a relationships test."""
    return {"name": "relationships", "other": other, "field": f"{other}_id", "config": config}


class Manifest:
    """A manifest that grows table by table."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.content: dict[str, Any] = {"metadata": {"project_name": "ours"}, "nodes": {}, "sources": {}}
        self.yaml = project / YAML
        self.yaml.parent.mkdir(parents=True)
        self.yaml.write_text("models:\n")

    def add(
        self,
        name: str,
        columns: dict[str, list[dict[str, Any]]],
        *,
        described: dict[str, dict[str, Any]] | None = None,
        description: str = "One row per thing.",
        folder: str = "marts/core",
        kind: str = "model",
        tests: tuple[dict[str, Any], ...] = (),
        **node: Any,
    ) -> None:
        """Add a table: its columns with their tests, and the tests of the table itself."""
        with self.yaml.open("a") as yaml:
            yaml.write(f"  - name: {name}\n")
        table = f"{kind}.{name}"
        self.content["sources" if kind == "source" else "nodes"][table] = {
            "unique_id": table,
            "name": name,
            "package_name": "ours",
            "resource_type": kind,
            "schema": "raw",
            "fqn": ["ours", *folder.split("/"), name],
            "access": "public" if folder.startswith("marts") else "protected",
            "patch_path": f"ours://{YAML}",
            "description": description,
            "columns": {
                column: {"name": column, "description": f"The {column}.", "data_type": "decimal(18, 10)"}
                for column in columns
            }
            | (described or {}),
            "config": {},
        } | node
        tested = [(column, test) for column, its_tests in columns.items() for test in its_tests]
        for column, test in [*tested, *((None, test) for test in tests)]:
            unique_id = f"test.{len(self.content['nodes'])}"
            self.content["nodes"][unique_id] = {
                "unique_id": unique_id,
                "package_name": "ours",
                "resource_type": "test",
                "attached_node": table,
                "column_name": column,
                "test_metadata": {"name": test["name"], "kwargs": test},
                "config": test.get("config", {}),
                "depends_on": {"nodes": list({f"model.{test.get('other', name)}", table})},
            }

    def save(self) -> None:
        """Write it where dbt does."""
        target = self.project / "target"
        target.mkdir(exist_ok=True)
        (target / "manifest.json").write_text(json.dumps(self.content))

    def pages(self) -> tuple[str, str]:
        """Return the dictionary and the diagram."""
        self.save()
        done = run(self.project)
        assert done.returncode == 0, done.stderr
        docs = self.project / "docs"
        return (docs / "data-dictionary.md").read_text("utf-8"), (docs / "er-diagram.md").read_text("utf-8")


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Return a manifest of one table, `session`."""
    manifest = Manifest(tmp_path)
    manifest.add("session", {"session_id": KEY}, description="One row per session.\nSub-agents have theirs.")
    return manifest


def test_a_table_has_its_grain_its_key_and_a_link_to_what_it_refers_to(manifest: Manifest) -> None:
    manifest.add("call", {"call_id": KEY, "session_id": [NOT_NULL, refers_to("session")]})
    page, _ = manifest.pages()
    assert "### session\n\nOne row per session. Sub-agents have theirs.\n\n* Key: `session_id`\n" in page
    assert "* Foreign key: `session_id` → `session_id` of [session](#session)\n" in page
    assert "| `session_id` | decimal(18, 10) | The session_id. | not null |" in page


def test_tables_stand_in_the_order_of_their_yaml_file(manifest: Manifest) -> None:
    manifest.add("agent", {"agent_id": KEY})
    nodes = manifest.content["nodes"]
    manifest.content["nodes"] = dict(reversed(nodes.items()))
    page, _ = manifest.pages()
    assert page.index("### session") < page.index("### agent")


def test_tests_are_told_in_few_words(manifest: Manifest) -> None:
    roles = {"name": "accepted_values", "values": ["user", 2], "config": {"severity": "warn"}}
    cost = {"name": "not_negative", "config": {"where": "is_priced"}}
    manifest.add("call", {"role": [roles, NOT_NULL], "cost": [cost]})
    page, _ = manifest.pages()
    assert "| not null, one of `user`, `2` (else a warning) |" in page
    assert "| not negative (only where `is_priced`) |" in page


def test_what_would_break_a_table_or_begin_html_is_escaped(manifest: Manifest) -> None:
    column = {"name": "kind", "description": "One|two,\n\n`a|<b>` or <id>.", "data_type": None}
    manifest.add("call", {}, described={"kind": column})
    page, _ = manifest.pages()
    assert "| `kind` | One\\|two, `a\\|<b>` or &lt;id>. |" in page


@pytest.mark.parametrize(
    ("tests", "line"),
    [
        ([NOT_NULL, refers_to("session")], "session ||--o{ call"),
        ([refers_to("session")], "session |o--o{ call"),
        ([NOT_NULL, refers_to("session", where="not is_orphan")], "session |o--o{ call"),
        ([NOT_NULL, refers_to("session", severity="WARN")], "session |o--o{ call"),
        ([*KEY, refers_to("session")], "session ||--o| call"),
        ([{"name": "unique"}, refers_to("session")], "session |o--o| call"),
    ],
)
def test_a_line_says_how_many_rows_stand_on_either_side(
    manifest: Manifest, tests: list[dict[str, Any]], line: str
) -> None:
    manifest.add("call", {"session_id": tests})
    _, diagram = manifest.pages()
    assert f'    {line} : "session_id"\n' in diagram


def test_a_column_that_is_not_unique_is_no_single_row(manifest: Manifest) -> None:
    manifest.add("price", {"price_id": [NOT_NULL]})
    manifest.add("call", {"price_id": [NOT_NULL, refers_to("price")]})
    _, diagram = manifest.pages()
    assert "price }|--o{ call" in diagram


def test_lines_from_a_table_to_itself_are_one(manifest: Manifest) -> None:
    parent = refers_to("turn") | {"field": "turn_id"}
    manifest.add("turn", {"turn_id": KEY, "parent_id": [parent], "root_id": [NOT_NULL, parent]})
    _, diagram = manifest.pages()
    assert 'turn |o--o{ turn : "parent_id, root_id"' in diagram


@pytest.mark.parametrize(("turn_tests", "is_drawn"), [([NOT_NULL], False), ([], True)])
def test_a_reference_that_is_only_repeated_is_not_drawn(
    manifest: Manifest, turn_tests: list[dict[str, Any]], is_drawn: bool
) -> None:
    manifest.add("turn", {"turn_id": KEY, "session_id": [refers_to("session")]})
    manifest.add("call", {"turn_id": [*turn_tests, refers_to("turn")], "session_id": [refers_to("session")]})
    page, diagram = manifest.pages()
    assert 'o{ turn : "session_id"' in diagram
    assert 'o{ call : "turn_id"' in diagram
    assert ('o{ call : "session_id"' in diagram) == is_drawn
    assert page.count("* Foreign key: `session_id`") == 2


def test_a_box_holds_the_keys_and_nothing_else(manifest: Manifest) -> None:
    pair = {"name": "unique_combination", "columns": ["session_id", "day"]}
    manifest.add("use", {"session_id": [refers_to("session")], "day": [], "cost": []}, tests=(pair,))
    page, diagram = manifest.pages()
    assert "* Key: `session_id`, `day`\n" in page
    assert "    use {\n        decimal session_id PK, FK\n        decimal day PK\n    }\n" in diagram


def test_what_is_unique_but_may_be_null_is_not_the_key(manifest: Manifest) -> None:
    manifest.add("call", {"share_id": [{"name": "unique"}]})
    page, diagram = manifest.pages()
    assert "* Unique: `share_id`" in page
    assert "\n    call\n" in diagram


def test_seeds_are_public_and_the_steps_between_are_one_line_each(manifest: Manifest) -> None:
    types = {"column_types": {"word": "varchar"}}
    word = {"word": {"name": "word", "description": "A word.", "data_type": None}}
    manifest.add("rules", {}, kind="seed", folder="errors", described=word, config=types)
    manifest.add("stg_calls", {"call_id": KEY}, folder="staging/opencode")
    manifest.add("calls", {"payload": []}, kind="source", folder="staging/opencode/opencode")
    manifest.add("call", {"call_id": [NOT_NULL, refers_to("stg_calls")]})
    page, diagram = manifest.pages()
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert headings == ["## Marts: core", "## Seeds: errors", "## Staging models", "## Raw tables"]
    assert "| `word` | varchar | A word. |" in page
    assert "| `stg_calls` | One row per thing. |" in page
    assert "of [stg_calls](#staging-models)\n" in page
    assert "[raw.calls](#rawcalls)" in page
    assert "### raw.calls" in page
    assert "rules" in diagram
    assert "stg_calls" not in diagram
    assert "FK" not in diagram


def test_a_diagram_that_would_hold_too_much_is_split_by_folder(manifest: Manifest) -> None:
    for number in range(12):
        manifest.add(f"cost_{number}", {"session_id": [refers_to("session")]}, folder="marts/cost")
    _, diagram = manifest.pages()
    assert diagram.count("```mermaid") == 2
    core, cost = diagram.split("## Marts: cost")
    assert "session {" in core
    assert "session {" not in cost
    assert "session |o--o{ cost_3" in cost


def test_tables_of_other_packages_are_left_out(manifest: Manifest) -> None:
    manifest.add("elementary_is_off", {"n": []}, package_name="elementary")
    assert "elementary" not in "".join(manifest.pages())


def test_the_check_names_the_stale_page_and_what_renews_it(manifest: Manifest) -> None:
    manifest.save()
    assert run(manifest.project, "--check").returncode == 1
    assert not (manifest.project / "docs").exists()
    manifest.pages()
    assert run(manifest.project, "--check").returncode == 0
    # A description is not in the diagram.
    manifest.content["nodes"]["model.session"]["description"] = "One row per talk."
    manifest.save()
    done = run(manifest.project, "--check")
    assert done.returncode == 1
    assert "docs/data-dictionary.md is not" in done.stderr
    assert "make dictionary" in done.stderr
    assert "er-diagram" not in done.stderr


def test_without_a_manifest_it_says_how_to_get_one(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 2
    assert "dbt parse" in done.stderr
