"""Writes docs/questions.md: every question of analyses/ with its SQL and its answer on the sample."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ingest.errors import IngestError
from ingest.human import printable
from ingest.warehouse import open_warehouse
from opencode_warehouse.tell.answers import (
    TOPICS,
    Answer,
    Question,
    QuestionError,
    answer,
    as_text,
    read_questions,
)

PROJECT = Path(__file__).resolve().parents[2]
PAGE = Path("docs/questions.md")
GENERATED = "<!-- Written by `make questions` from analyses/ and the sample: edit analyses/. -->"
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
        "--warehouse",
        type=Path,
        default=Path(os.environ.get("OPENCODE_WAREHOUSE") or "warehouse/opencode.duckdb"),
    )
    options = parser.parse_args(arguments)
    try:
        write_page(options.warehouse, PROJECT)
    except (IngestError, QuestionError) as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
