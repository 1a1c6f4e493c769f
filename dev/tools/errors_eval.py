"""How well the warehouse classifies errors: runs its own models over a file of labelled ones.

The file has one JSON object a line, in the form in which OpenCode leaves an error: `id`, `origin`
(`assistant_message` or `tool`), `message`, `label`, and where there are any `error_name`, `status_code`,
`response_body`, `tool`, `exit_code`, `alt` (also right: one category or a list) and `split` (parts of the
file that are judged apart).
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from ingest import trust
from ingest.raw.schema import attach, use

PROJECT = Path(__file__).resolve().parents[2]
LABELLED = PROJECT / "tests" / "fixtures" / "errors" / "collected.jsonl"
# Always the same, as dbt parses the project anew for a warehouse of another name.
FOLDER = PROJECT / "target" / "errors-eval"
SEEDS = ("error_rules", "error_categories", "error_word_weights", "tool_families")
MODELS = (
    "int_errors_prepared",
    "int_error_rule_terms_unnested",
    "int_error_rules_matched",
    "int_error_words_scored",
    "int_errors_classified",
)
TEXTS = ("error_source", "tool_name", "tool_status", "error_name", "finish_reason")
COLUMNS = {
    "error_id": "varchar",
    "session_id": "varchar",
    **dict.fromkeys(TEXTS, "varchar"),
    "status_code_recorded": "bigint",
    "exit_code": "bigint",
    "error_message": "varchar",
    "response_body": "varchar",
}


class BadFileError(Exception):
    """The file of labelled errors cannot be used; the message says which line."""


@dataclass(frozen=True, slots=True)
class LabelledError:
    """An error and the categories that are right for it."""

    row: dict[str, Any]
    label: str
    right: frozenset[str]
    split: str


@dataclass(slots=True)
class Judged:
    """What came of the errors of one split."""

    pairs: list[tuple[LabelledError, str, str | None]] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        """The share of errors whose category is right."""
        return sum(found in error.right for error, found, _ in self.pairs) / len(self.pairs)

    @property
    def by_label(self) -> dict[str, tuple[int, int]]:
        """For each label how many are right, and of how many."""
        totals = Counter(error.label for error, _, _ in self.pairs)
        right = Counter(error.label for error, found, _ in self.pairs if found in error.right)
        return {label: (right[label], n) for label, n in sorted(totals.items())}

    @property
    def macro_average(self) -> float:
        """The accuracy of each label, averaged: a rare category counts as much as a common one."""
        return sum(right / n for right, n in self.by_label.values()) / len(self.by_label)

    @property
    def unknown(self) -> float:
        """The share of errors without a category, where there is one."""
        return sum(
            found == "unknown" and "unknown" not in error.right for error, found, _ in self.pairs
        ) / len(self.pairs)

    @property
    def confusion(self) -> Counter[tuple[str, str]]:
        """How often each label was given each category; a category that is also right counts as the label."""
        return Counter(
            (error.label, error.label if found in error.right else found) for error, found, _ in self.pairs
        )


def whole(value: object) -> int | None:
    """Return a whole number, or null for what is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(str(value))
    except ValueError:
        return None


def text(value: object) -> str | None:
    """Return text as it is and anything else as JSON; null for null."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def one_error(line: str, number: int, categories: frozenset[str]) -> LabelledError:
    """Read a line; raise BadFileError, which names it, if it is no labelled error."""
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise BadFileError(f"line {number} is not JSON: {error.msg} at column {error.colno}") from None
    if not isinstance(found, dict):
        raise BadFileError(f"line {number} is not a JSON object")
    label = found.get("label")
    if label not in categories:
        raise BadFileError(f"line {number} has no label that is a category: {str(label)[:40]!r}")
    also = found.get("alt") or []
    right = frozenset([label, *([also] if isinstance(also, str) else also)])
    is_tool = found.get("origin") == "tool"
    row = {
        "error_id": str(number),
        "session_id": None,
        "error_source": "tool" if is_tool else "message",
        "tool_name": text(found.get("tool")) if is_tool else None,
        "tool_status": None,
        "error_name": None if is_tool else text(found.get("error_name")),
        "finish_reason": None if is_tool else text(found.get("finish")),
        "status_code_recorded": whole(found.get("status_code")),
        "exit_code": whole(found.get("exit_code", found.get("exit"))),
        "error_message": text(found.get("message")),
        "response_body": text(found.get("response_body")),
    }
    return LabelledError(row, label, right, str(found.get("split") or "all"))


def read(path: Path) -> list[LabelledError]:
    """Read a file of labelled errors; raise BadFileError if it cannot be used."""
    with (PROJECT / "seeds" / "error_categories.csv").open() as lines:
        categories = frozenset(line.split(",")[0] for line in lines)
    if not path.is_file():
        raise BadFileError("there is no such file")
    # not splitlines(), which also splits at characters that JSON allows in a text
    lines_read = path.read_text(encoding="utf-8").split("\n")
    errors = [
        one_error(line, number, categories) for number, line in enumerate(lines_read, 1) if line.strip()
    ]
    if not errors:
        raise BadFileError("it holds no errors")
    return errors


def run(command: list[str], environment: dict[str, str]) -> None:
    """Run a command in the project; show what it printed, and end, if it fails."""
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[-3:])} failed:\n{done.stdout}\n{done.stderr}")


@contextmanager
def work_folder() -> Iterator[Path]:
    """Yield a folder without a warehouse, and leave none there; what dbt parsed is kept."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        forget_warehouse()
        yield FOLDER
    finally:
        forget_warehouse()


def forget_warehouse() -> None:
    """Remove the warehouse of the work folder, which may hold private errors."""
    for file in FOLDER.glob("opencode.duckdb*"):
        file.unlink()


def classify(errors: list[LabelledError], folder: Path) -> dict[str, tuple[str, str | None]]:
    """Classify errors by the project's models, in a warehouse of their own; by error_id category and rule."""
    warehouse = folder / "opencode.duckdb"
    environment = os.environ | {
        "OPENCODE_WAREHOUSE": str(warehouse),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with closing(trust.connect()) as connection:
        attach(connection, warehouse)
        use(connection)
        connection.execute("create schema intermediate")
        connection.execute(f"create table intermediate.int_errors_unioned ({columns})")
        # what the models are built up to; these errors are of no session
        connection.execute(
            "create table intermediate.int_session_states (session_id varchar, changed_at timestamp)"
        )
        connection.executemany(
            f"insert into intermediate.int_errors_unioned values ({', '.join('?' * len(COLUMNS))})",
            [[error.row[name] for name in COLUMNS] for error in errors],
        )
    dbt = str(Path(sys.executable).with_name("dbt"))
    target = ["--target-path", str(folder / "target"), "--log-path", str(folder / "target")]
    run(
        [
            dbt,
            "build",
            "--resource-type",
            "seed",
            "--resource-type",
            "model",
            *target,
            "--select",
            *SEEDS,
            *MODELS,
        ],
        environment,
    )
    with closing(trust.connect()) as connection:
        attach(connection, warehouse, read_only=True)
        use(connection)
        rows = connection.execute(
            "select error_id, error_category, matched_rule from intermediate.int_errors_classified"
        ).fetchall()
    return {error_id: (category, rule) for error_id, category, rule in rows}


def judge(errors: list[LabelledError], found: dict[str, tuple[str, str | None]]) -> dict[str, Judged]:
    """Sort the errors by split, each with what was found; `all` holds all of them."""
    splits: dict[str, Judged] = {"all": Judged()}
    for error in errors:
        for split in {"all", error.split}:
            splits.setdefault(split, Judged()).pairs.append((error, *found[error.row["error_id"]]))
    return splits


def report(splits: dict[str, Judged], console: Console) -> None:
    """Print the figures of each split, and for all the accuracy of each category and the confusions."""
    for name, judged in splits.items():
        console.print(
            f"{name}: {len(judged.pairs)} errors, accuracy {judged.accuracy:.1%}, "
            f"macro-average {judged.macro_average:.1%}, unknown {judged.unknown:.1%}"
        )
    every = splits["all"]
    console.print("\nCategory               right    of")
    for label, (right, n) in every.by_label.items():
        console.print(f"{label:<20} {right:>7} {n:>5}")
    console.print("\nConfusion matrix (label: category, how often; an `alt` counts as the label)")
    for label in every.by_label:
        cells = [f"{category} {n}" for (of, category), n in sorted(every.confusion.items()) if of == label]
        console.print(f"{label:<20} {', '.join(cells)}")


def main() -> int:
    """Judge a file; exit code 2 if it cannot be read."""
    parser = argparse.ArgumentParser(
        description="How well errors are classified, by a file of labelled ones."
    )
    parser.add_argument("file", nargs="?", type=Path, default=LABELLED)
    parser.add_argument("--wrong", action="store_true", help="also list what is wrong, without texts")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    try:
        errors = read(options.file)
    except (BadFileError, UnicodeDecodeError) as error:
        sys.stderr.write(f"error: {options.file}: {error}\n")
        return 2
    with (
        work_folder() as folder,
        Console(stderr=True).status(f"dbt classifies {len(errors)} errors"),
    ):
        splits = judge(errors, classify(errors, folder))
    if options.json:
        sys.stdout.write(
            json.dumps(
                {
                    name: {
                        "n": len(judged.pairs),
                        "accuracy": judged.accuracy,
                        "macro_average": judged.macro_average,
                        "unknown": judged.unknown,
                    }
                    for name, judged in splits.items()
                }
            )
            + "\n"
        )
        return 0
    console = Console(highlight=False, soft_wrap=True)
    report(splits, console)
    if options.wrong:
        console.print("\nWrong")
        for judged, found, rule in splits["all"].pairs:
            if found not in judged.right:
                console.print(f"line {judged.row['error_id']}: {judged.label}, found {found} by {rule}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
