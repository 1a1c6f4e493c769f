"""Answer the questions of analyses/: one of them on a terminal, or all of them in docs/questions.md."""

import argparse
import difflib
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml

from ingest.errors import IngestError
from ingest.releases import to_read
from ingest.warehouse import open_warehouse
from ingest.words import printable, say
from reports import sql_macros

PROJECT = Path(__file__).resolve().parents[2]
PAGE = Path("docs/questions.md")
GENERATED = "<!-- Written by `make questions` from analyses/ and the sample: edit analyses/. -->"
TOPICS = {
    "cost": "What it costs",
    "speed": "What is slow",
    "failures": "What fails",
    "usage": "What is used",
}
INTRODUCTION = """\
Each question has its SQL and its answer on the bundled [sample](../sample/README.md). Ask any of your own
warehouse:

```console
$ make answer Q=cost_by_model
```

or paste the SQL into any client of the warehouse. Everything counts once: fork copies are left out,
sub-agents have sessions of their own, and what OpenCode has deleted still counts. Costs are recorded by
OpenCode or else estimated from list prices; [cost.md](cost.md) says how, and what was billed and never
stored."""


class QuestionError(Exception):
    """What makes an answer impossible, in analyses/ or in the warehouse; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question of analyses/ with the columns its answer has, in their order."""

    name: str
    topic: str
    text: str
    columns: list[str]
    sql: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The names of the columns and all rows of an answer."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def read_questions(folder: Path) -> list[Question]:
    """Return all questions, by topic and then as their YAML lists them."""
    questions = []
    for topic in TOPICS:
        listed = yaml.safe_load((folder / topic / f"_{topic}__questions.yml").read_text())["analyses"]
        for entry in listed:
            template = (folder / topic / f"{entry['name']}.sql").read_text()
            columns = [column["name"] for column in entry["columns"]]
            questions.append(
                Question(entry["name"], topic, entry["description"].strip(), columns, as_sql(template))
            )
    return questions


def as_sql(template: str) -> str:
    """Return a query of analyses/ as one can paste it: `{{ ref('sessions') }}` is `sessions`."""
    sql = re.sub(r"\{\{ ref\('(\w+)'\) \}\}", r"\1", template).strip()
    try:
        sql = sql_macros.rendered(sql)
    except sql_macros.MacroError as error:
        raise QuestionError(f"a question can be pasted: beside ref(), {error}:\n{sql}") from None
    return re.sub(r"\b(from|join) (\w+) as \2\b", r"\1 \2", sql)


def answer(question: Question, connection: duckdb.DuckDBPyConnection) -> Answer:
    """Ask the warehouse. Raises QuestionError where the answer has other columns than the YAML says."""
    cursor = connection.execute(question.sql)
    columns = [name for name, *_ in cursor.description or []]
    if columns != question.columns:
        raise QuestionError(
            f"{question.name} has the columns {columns}, and its YAML says {question.columns}"
        )
    return Answer(columns, cursor.fetchall())


def as_text(value: object) -> str:
    """Return a value as a cell shows it: nothing for null, times to the second, no line breaks."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return " ".join(str(value).split())


def as_cell(value: object) -> str:
    """Return a value as a cell of a Markdown table, which nothing in it can break out of."""
    return re.sub(r"([\\|<>\[\]`*_])", r"\\\1", as_text(value)) if isinstance(value, str) else as_text(value)


def as_markdown(found: Answer) -> str:
    """Return an answer as a Markdown table, numbers to the right."""
    numeric = [
        all(value is None or isinstance(value, int | float) or hasattr(value, "as_tuple") for value in values)
        for values in zip(*found.rows, strict=True)
    ] or [False] * len(found.columns)
    lines = [found.columns, ["---:" if is_numeric else "---" for is_numeric in numeric]]
    lines += [[as_cell(value) for value in row] for row in found.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_table(found: Answer) -> str:
    """Return an answer as columns for a terminal; control characters of a payload never reach it."""
    lines = [found.columns] + [[printable(as_text(value)) for value in row] for row in found.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def page(questions: Sequence[Question], answers: Sequence[Answer]) -> str:
    """Return the whole page: contents, then every question with SQL and answer."""
    parts = [GENERATED, f"# {len(questions)} questions", INTRODUCTION]
    for topic, title in TOPICS.items():
        listed = [question for question in questions if question.topic == topic]
        links = "\n".join(f"* [{question.text}](#{question.name})" for question in listed)
        parts.append(f"**{title}**\n\n{links}")
    topic = ""
    for question, found in zip(questions, answers, strict=True):
        if question.topic != topic:
            topic = question.topic
            parts.append(f"## {TOPICS[topic]}")
        parts.append(f"### {question.name}")
        parts.append(question.text)
        parts.append(f"```sql\n{question.sql};\n```")
        parts.append(as_markdown(found) if found.rows else "The sample has no such rows.")
    return "\n\n".join(parts) + "\n"


def ask_one(name: str, warehouse: Path) -> None:
    """Print a question with its SQL and its answer."""
    questions = {question.name: question for question in read_questions(PROJECT / "analyses")}
    if name not in questions:
        near = difflib.get_close_matches(name, questions, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`make answer` lists all"
        raise QuestionError(f"no question is named {name!r}; {hint}")
    question = questions[name]
    with open_warehouse(to_read(warehouse), read_only=True) as connection:
        found = answer(question, connection)
    say(f"{question.text}\n\n{question.sql};\n\n{as_table(found)}")


def list_questions() -> None:
    """Print the name and the text of every question."""
    questions = read_questions(PROJECT / "analyses")
    width = max(len(question.name) for question in questions)
    for topic, title in TOPICS.items():
        say(title)
        for question in questions:
            if question.topic == topic:
                say(f"  {question.name:<{width}}  {question.text}")


def write_page(warehouse: Path, project: Path) -> None:
    """Write docs/questions.md with the answers of a warehouse made of the sample."""
    questions = read_questions(project / "analyses")
    with open_warehouse(warehouse, read_only=True) as connection:
        answers = [answer(question, connection) for question in questions]
    (project / PAGE).write_text(page(questions, answers))
    print(f"{PAGE}: {len(questions)} questions")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when done, 2 with one clear line where not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "question", nargs="?", default="", help="the question's name; without one, all are listed"
    )
    parser.add_argument("--write", action="store_true", help=f"write {PAGE}")
    parser.add_argument(
        "--warehouse",
        type=Path,
        default=Path(os.environ.get("OPENCODE_WAREHOUSE") or "warehouse/opencode.duckdb"),
    )
    options = parser.parse_args(arguments)
    try:
        if options.write:
            write_page(options.warehouse, PROJECT)
        elif not options.question:
            list_questions()
        else:
            ask_one(options.question, options.warehouse)
    except (IngestError, QuestionError) as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
