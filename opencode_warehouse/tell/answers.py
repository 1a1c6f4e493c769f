"""Answers to the questions of analyses/: one on a terminal, or the list of all."""

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
from ingest.human import printable, say
from ingest.warehouse import open_warehouse
from opencode_warehouse.keep.releases import to_read
from opencode_warehouse.tell import sql_macros

PROJECT = Path(__file__).resolve().parents[2]
TOPICS = {
    "cost": "What it costs",
    "speed": "What is slow",
    "failures": "What fails",
    "usage": "What is used",
}


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


def as_table(found: Answer) -> str:
    """Return an answer as columns for a terminal; control characters of a payload never reach it."""
    lines = [found.columns] + [[printable(as_text(value)) for value in row] for row in found.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


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


def main(argv: Sequence[str] | None = None) -> int:
    """Answer a question; 0 when done, 2 with one clear line where not."""
    parser = argparse.ArgumentParser(prog="opencode-warehouse answer", description=__doc__)
    parser.add_argument(
        "question", nargs="?", default="", help="the question's name; without one, all are listed"
    )
    parser.add_argument(
        "--warehouse",
        type=Path,
        default=Path(os.environ.get("OPENCODE_WAREHOUSE") or "warehouse/opencode.duckdb"),
    )
    arguments = parser.parse_args(argv)
    try:
        if arguments.question:
            ask_one(arguments.question, arguments.warehouse)
        else:
            list_questions()
    except (IngestError, QuestionError) as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return 2
    return 0
