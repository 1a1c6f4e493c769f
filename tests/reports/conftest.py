"""A small warehouse made by hand, and a way to write one page of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingest.warehouse import open_warehouse
from opencode_warehouse.pages.cli import main

TABLES = """
create table sessions (session_id varchar, title varchar);
create table messages (message_id varchar, is_fork_copy boolean, created_at timestamp);
create table load_health (oldest_message_at timestamp, newest_message_at timestamp);
create table health_check_trends (
    check_id varchar, name varchar, family varchar, question varchar, status varchar, severity varchar,
    value double, unit varchar, threshold double, direction varchar, n_checked bigint, n_failed bigint,
    details varchar, remedy varchar, checked_at timestamp, build_id varchar, since timestamp,
    n_builds_in_status bigint, previous_status varchar, previous_value double, trend varchar, n_builds bigint
);
insert into sessions values ('ses_1', 'Mend the build');
insert into messages values ('msg_1', false, '2026-03-01 10:00'), ('msg_2', false, '2026-03-02 11:30');
insert into load_health select min(created_at), max(created_at) from messages;
insert into health_check_trends values
    ('age', 'Sources were read lately', 'pipeline', 'How old is it?', 'PASS', 'error', 3, 'hours', 24,
     'at_most', 2, 0, 'Read 3 hours ago.', null, '2026-03-02 12:00', 'b2', '2026-03-01 12:00', 2, 'PASS', 4,
     'better', 2),
    ('priced', 'Tokens have a price', 'completeness', 'Has each token one?', 'WARN', 'warn', 0.072, 'share',
     0.05, 'at_most', 1000, 72, '72 of 1000 have none.', 'Add it to `own.csv`.', '2026-03-02 12:00', 'b2',
     '2026-03-02 12:00', 1, 'PASS', 0.01, 'worse', 2);
"""


@dataclass(frozen=True, slots=True)
class Written:
    """What a page became, the folder it lies in, and what the command said."""

    html: str
    markdown: str
    folder: Path
    output: str


WritePage = Callable[..., Written]


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """A warehouse with a session, two messages and two checks."""
    path = tmp_path / "warehouse" / "opencode.duckdb"
    with open_warehouse(path) as connection:
        connection.execute(TABLES)
    return path


@pytest.fixture
def write_page(warehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> WritePage:
    """Return a function that writes the report of a page file's text."""

    def write(text: str) -> Written:
        page = tmp_path / "mine.md"
        page.write_text(text, encoding="utf-8")
        capsys.readouterr()
        code = main(["--warehouse", str(warehouse), str(page)])
        said = capsys.readouterr()
        assert code == 0, said.err
        folder = warehouse.parent / "reports"
        html, markdown = ((folder / f"mine.{kind}").read_text(encoding="utf-8") for kind in ("html", "md"))
        return Written(html, markdown, folder, said.out)

    return write


@pytest.fixture
def refused(warehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Return a function that tries to write a page which cannot be, and returns what was said."""

    def refuse(text: str) -> str:
        page = tmp_path / "mine.md"
        page.write_text(text, encoding="utf-8")
        code = main(["--warehouse", str(warehouse), str(page)])
        said = capsys.readouterr()
        assert code == 2
        assert said.out == ""
        assert not (warehouse.parent / "reports").exists()
        [line] = said.err.splitlines()
        return line

    return refuse
