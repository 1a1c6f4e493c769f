"""Write docs/data-dictionary.md and docs/er-diagram.md from dbt's manifest, or check them against it."""

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
DICTIONARY = Path("docs/data-dictionary.md")
DIAGRAM = Path("docs/er-diagram.md")
# More than this in one diagram and the lines cannot be followed.
TABLES_IN_A_DIAGRAM = 12
# Closer together, the name of a table's line to itself covers those of the lines below it.
ROOM_FOR_NAMES = '%%{init: {"er": {"rankSpacing": 140}}}%%'
RAW = "Raw tables"
GENERATED = "<!-- Written by `make dictionary` from the YAML of models and seeds. Edit that instead. -->"


@dataclass(frozen=True, slots=True)
class Check:
    """A generic test of a table or of one of its columns."""

    name: str
    column: str
    arguments: dict[str, Any]
    where: str
    is_warning: bool
    # For a relationship: the id of the table that is pointed to.
    other: str

    @property
    def always_holds(self) -> bool:
        """Say whether it holds for every row of every build that passed."""
        return not self.where and not self.is_warning

    @property
    def limits(self) -> list[str]:
        """Say for which rows it is checked, if not for all, and whether it only warns."""
        where = [f"only where `{self.where}`"] * bool(self.where)
        return where + ["else a warning"] * self.is_warning

    def __str__(self) -> str:
        words = self.name.replace("_", " ")
        if self.name == "accepted_values":
            words = f"one of {code(self.arguments['values'])}"
        return words + in_brackets(self.limits)


@dataclass(frozen=True, slots=True)
class Column:
    """A column as its YAML entry describes it."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class Table:
    """A model, a seed or a source table."""

    id: str
    name: str
    section: str
    is_public: bool
    description: str
    columns: tuple[Column, ...]
    checks: tuple[Check, ...]

    def holding(self, name: str) -> set[str]:
        """Return the columns for which this test always holds."""
        return {check.column for check in self.checks if check.name == name and check.always_holds}

    @property
    def unique(self) -> list[tuple[str, ...]]:
        """Return the combinations of columns in which no two rows agree, single columns first."""
        single = [(column.name,) for column in self.columns if column.name in self.holding("unique")]
        several = [
            tuple(check.arguments["columns"])
            for check in self.checks
            if check.name == "unique_combination" and check.always_holds
        ]
        return single + sorted(several)

    @property
    def key(self) -> tuple[str, ...]:
        """Return the columns of the primary key; none where no test proves one."""
        not_null = self.holding("not_null")
        return next((names for names in self.unique if len(names) > 1 or names[0] in not_null), ())

    @property
    def foreign_keys(self) -> list[Check]:
        """Return the relationships, in the order of the columns."""
        order = [column.name for column in self.columns]
        found = [check for check in self.checks if check.name == "relationships" and check.column in order]
        return sorted(found, key=lambda check: (order.index(check.column), check.other))


def read_tables(manifest: dict[str, Any], project: Path) -> list[Table]:
    """Return the project's own tables, by section and then in the order of their YAML file."""
    package = manifest["metadata"]["project_name"]
    nodes = [
        node
        for node in [*manifest["nodes"].values(), *manifest["sources"].values()]
        if node["package_name"] == package
    ]
    checks: defaultdict[str, list[Check]] = defaultdict(list)
    for node in nodes:
        # Elementary's tests are there only where its package is, and the pages are the same everywhere.
        if (tested := node.get("test_metadata")) and tested.get("namespace") != "elementary":
            checks[node["attached_node"]].extend(read_checks(node))

    def place(node: dict[str, Any]) -> tuple[str, str, int, str]:
        yaml = (node.get("patch_path") or node["original_file_path"]).split("://")[-1]
        line = f"- name: {node['name']}\n"
        return section(node), yaml, (project / yaml).read_text("utf-8").find(line), node["name"]

    return [
        Table(
            id=node["unique_id"],
            name=f"{node['schema']}.{node['name']}" if node["resource_type"] == "source" else node["name"],
            section=section(node),
            is_public=is_public(node),
            description=node["description"],
            columns=tuple(read_column(node, column) for column in node["columns"].values()),
            checks=tuple(sorted(checks[node["unique_id"]], key=str)),
        )
        for node in sorted(
            (node for node in nodes if node["resource_type"] in ("model", "seed", "source")), key=place
        )
    ]


def is_public(node: dict[str, Any]) -> bool:
    """Say whether the table is for outside use."""
    return node["resource_type"] == "seed" or node.get("access") == "public"


def section(node: dict[str, Any]) -> str:
    """Return the heading that the table comes under: its kind and, for public tables, its folder."""
    _, *folders, _ = node["fqn"]
    if node["resource_type"] == "source":
        return RAW
    if not is_public(node):
        return f"{folders[0].capitalize()} models"
    kind = "Seeds" if node["resource_type"] == "seed" else folders.pop(0).capitalize()
    return ": ".join([kind, *folders])


def read_column(node: dict[str, Any], column: dict[str, Any]) -> Column:
    """Return a column; the types of a seed stand in its configuration."""
    types = node["config"].get("column_types") or {}
    return Column(
        name=column["name"],
        type=column.get("data_type") or types.get(column["name"]) or "",
        description=column["description"],
    )


def read_checks(node: dict[str, Any]) -> Iterator[Check]:
    """Yield what a generic test of the manifest checks; `never_null` is a `not_null` a column."""
    table = node["attached_node"]
    check = Check(
        name=node["test_metadata"]["name"],
        column=node["column_name"] or "",
        arguments=node["test_metadata"]["kwargs"],
        where=node["config"].get("where") or "",
        is_warning=node["config"].get("severity", "error").lower() == "warn",
        # A table that refers to itself depends on nothing else.
        other=next((other for other in node["depends_on"]["nodes"] if other != table), table),
    )
    if check.name == "never_null":
        for column in check.arguments["columns"]:
            yield replace(check, name="not_null", column=column)
    else:
        yield check


def one_line(text: str) -> str:
    """Return Markdown on one line, in which `<` outside of code does not begin HTML."""
    return re.sub(r"(`[^`]*`)|<", lambda found: found[1] or "&lt;", " ".join(text.split()))


def grid(*rows: Sequence[str]) -> str:
    """Return a Markdown table; the first row is its head."""
    head, *body = (
        "| " + " | ".join(one_line(cell).replace("|", r"\|") for cell in row) + " |" for row in rows
    )
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def code(names: Iterable[object]) -> str:
    """Return names as code, with commas."""
    return ", ".join(f"`{name}`" for name in names)


def in_brackets(notes: Sequence[str]) -> str:
    """Return notes as they follow a word; nothing where there are none."""
    return f" ({'; '.join(notes)})" if notes else ""


def link(table: Table) -> str:
    """Return a link to where the dictionary describes the table, with GitHub's anchor for that heading."""
    heading = table.section if table.section.endswith(" models") else table.name
    anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
    return f"[{table.name}](#{anchor})"


def key_lines(table: Table, by_id: dict[str, Table]) -> str:
    """Return the key and the foreign keys as a list."""
    lines = [f"* {'Key' if names == table.key else 'Unique'}: {code(names)}" for names in table.unique]
    for check in table.foreign_keys:
        null = ["may be null"] * (check.column not in table.holding("not_null"))
        target = f"`{check.arguments['field']}` of {link(by_id[check.other])}"
        lines.append(f"* Foreign key: `{check.column}` → {target}{in_brackets(null + check.limits)}")
    return "\n".join(lines)


def column_grid(table: Table) -> str:
    """Return the columns as a table, with types and tests where they have any."""
    checks = defaultdict(list)
    for check in table.checks:
        if check.name != "relationships":
            checks[check.column].append(str(check))
    rows = [
        ("column", "type", "description", "tested"),
        *(
            (f"`{column.name}`", column.type, column.description, ", ".join(checks[column.name]))
            for column in table.columns
        ),
    ]
    filled = [index for index in range(4) if any(row[index] for row in rows[1:])]
    return grid(*([row[index] for index in filled] for row in rows))


def dictionary(tables: Sequence[Table]) -> str:
    """Return the data dictionary: the public tables in full, what they are made of more briefly."""
    by_id = {table.id: table for table in tables}
    sections = {title: list(members) for title, members in groupby(tables, key=lambda table: table.section)}
    # The public tables come first; then the way back, from the marts to what was landed.
    order = sorted(sections, key=lambda title: (not sections[title][0].is_public, title == RAW, title))
    blocks = [
        GENERATED,
        "# Data dictionary",
        'What a row of each table is and what its columns mean. Keys and what stands under "tested" are '
        f"checked at every build. [{DIAGRAM.name}]({DIAGRAM.name}) shows how the public tables are related.",
        "\n".join(
            f"* {title}: " + ", ".join(link(table) for table in sections[title])
            for title in order
            if not title.endswith(" models")
        ),
    ]
    for title in order:
        blocks.append(f"## {title}")
        if title.endswith(" models"):
            blocks.append("Steps on the way to the public tables; not for outside use.")
            rows = ((f"`{table.name}`", table.description) for table in sections[title])
            blocks.append(grid(("model", "description"), *rows))
            continue
        for table in sections[title]:
            blocks += [f"### {table.name}", one_line(table.description)]
            blocks += [key_lines(table, by_id), column_grid(table)]
    return "\n\n".join(filter(None, blocks)) + "\n"


def goes_without_saying(check: Check, table: Table, public: dict[str, Table]) -> bool:
    """Say whether a table that every such row refers to has the same reference, by the same name."""
    return any(
        (same.column, same.other) == (check.column, check.other)
        for way in table.foreign_keys
        if way.other in public and way.column != check.column and way.other != table.id
        if way.column in table.holding("not_null") and way.where in ("", check.where) and not way.is_warning
        for same in public[way.other].foreign_keys
    )


def relationship(table: Table, checks: Sequence[Check], other: Table) -> str:
    """Return one line of a diagram: how many rows of either table belong to one row of the other."""
    not_null = table.holding("not_null")
    is_one = all((check.arguments["field"],) in other.unique for check in checks)
    is_sure = all(check.always_holds and check.column in not_null for check in checks)
    is_alone = all((check.column,) in table.unique for check in checks)
    referred = ("|" if is_one else "}") + ("|" if is_sure else "o")
    referring = "o" + ("|" if is_alone else "{")
    names = ", ".join(check.column for check in checks)
    return f'    {other.name} {referred}--{referring} {table.name} : "{names}"'


def entity(table: Table, foreign_keys: Iterable[Check]) -> list[str]:
    """Return a table's box in a diagram, with the columns of its keys."""
    referring = {check.column for check in foreign_keys}
    columns = []
    for column in table.columns:
        marks = [*["PK"] * (column.name in table.key), *["FK"] * (column.name in referring)]
        if marks:
            # Mermaid takes one word as a type.
            kind = re.sub(r"\W.*", "", column.type) or "any"
            columns.append(f"        {kind} {column.name} {', '.join(marks)}")
    return [f"    {table.name} {{", *columns, "    }"] if columns else [f"    {table.name}"]


def diagram(tables: Sequence[Table], public: dict[str, Table]) -> str:
    """Return the Mermaid diagram of these tables and of what they refer to."""
    boxes, lines = [], []
    for table in tables:
        drawn = [check for check in table.foreign_keys if check.other in public]
        boxes += entity(table, drawn)
        # Mermaid draws all lines from a table to itself in one place: they have to be one.
        to_itself = [check for check in drawn if check.other == table.id]
        to_others = [
            [check]
            for check in drawn
            if check.other != table.id and not goes_without_saying(check, table, public)
        ]
        for checks in filter(None, [to_itself, *to_others]):
            lines.append(relationship(table, checks, public[checks[0].other]))
    return "\n".join(["```mermaid", ROOM_FOR_NAMES, "erDiagram", *boxes, *lines, "```"])


def diagrams(tables: Sequence[Table]) -> str:
    """Return the page of the public tables' diagram, one for each folder where one would hold too much."""
    public = {table.id: table for table in tables if table.is_public}
    blocks = [
        GENERATED,
        "# ER diagram",
        f"The public tables with their keys; [{DICTIONARY.name}]({DICTIONARY.name}) has all columns. A line "
        "bears the name of the column that refers; one for several columns shows the loosest of them. Two "
        "strokes at its end mean exactly one row, a circle and a stroke one or none, a circle and a crow's "
        "foot any number. Not drawn are references to tables that are not public, and those that a table "
        "merely repeats from a table it refers to.",
    ]
    if len(public) <= TABLES_IN_A_DIAGRAM:
        blocks.append(diagram(list(public.values()), public))
    else:
        for title, members in groupby(public.values(), key=lambda table: table.section):
            blocks += [f"## {title}", diagram(list(members), public)]
    return "\n\n".join(blocks) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write both pages, or check them: exit code 1 where one is stale, 2 where there is no manifest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is stale")
    parser.add_argument("--project", type=Path, default=PROJECT, help="the dbt project's folder")
    options = parser.parse_args(arguments)
    manifest = options.project / "target" / "manifest.json"
    if not manifest.is_file():
        sys.stderr.write(f"error: there is no {manifest}. Write it: .venv/bin/dbt parse\n")
        return 2
    tables = read_tables(json.loads(manifest.read_text("utf-8")), options.project)
    pages = {DICTIONARY: dictionary(tables), DIAGRAM: diagrams(tables)}
    is_stale = False
    for name, text in pages.items():
        path = options.project / name
        if not options.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        elif not path.is_file() or path.read_text("utf-8") != text:
            is_stale = True
            sys.stderr.write(f"error: {name} is not what the YAML files say. Renew it: make dictionary\n")
    return int(is_stale)


if __name__ == "__main__":
    sys.exit(main())
