"""The command: where it writes, what it leaves alone, what it says, and what it remembers."""

import logging
import stat
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ingest.warehouse import open_warehouse
from opencode_warehouse.pages import cli

WritePage = Callable[..., Any]
PAGE = """# Mine

{% if last_report_at is none %}The first.{% else %}After {{ last_report_at }}.{% endif %}


```sql table empty="None."
select trends.name, last.status as then_status, trends.status as now_status, last.value as value_then
from health_check_trends as trends
inner join last_report_checks as last on trends.check_id = last.check_id
where trends.status <> last.status and $last_report_at < timestamp '2999-01-01'
```
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_can_read_what_is_written(write_page: WritePage) -> None:
    folder = write_page(PAGE).folder
    assert mode(folder) == 0o700
    files = {file.name: mode(file) for file in folder.iterdir()}
    assert files == dict.fromkeys(["mine.html", "mine.md", "health.json", "health.csv"], 0o600)


def test_the_output_names_the_page_and_closes_with_the_verdict(write_page: WritePage) -> None:
    written = write_page(PAGE)
    [page, verdict] = written.output.splitlines()
    assert page == str(written.folder / "mine.html")
    assert verdict.startswith("WARN: ")


def test_the_second_report_says_what_changed_since_the_first(write_page: WritePage, warehouse: Path) -> None:
    first = write_page(PAGE).markdown
    assert "The first." in first
    assert "*None.*" in first
    with open_warehouse(warehouse) as connection:
        connection.execute("update health_check_trends set status = 'FAIL' where check_id = 'age'")
    second = write_page(PAGE).markdown
    assert "After 20" in second
    assert "| Sources were read lately | ✓ PASS | ✗ FAIL | 3 |" in second
    assert "*None.*" in write_page(PAGE).markdown


def test_a_last_report_that_cannot_be_read_counts_as_none_and_is_told(
    write_page: WritePage, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_page(PAGE).folder
    (folder / "health.json").write_text('{"generated_at": 3}')
    with caplog.at_level(logging.WARNING):
        assert "The first." in write_page(PAGE).markdown
    assert "health.json cannot be read (KeyError)" in caplog.text or "TypeError" in caplog.text


def test_a_report_that_fails_leaves_the_last_as_it_was(
    write_page: WritePage, warehouse: Path, tmp_path: Path
) -> None:
    folder = write_page(PAGE).folder
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    broken = tmp_path / "other.md"
    broken.write_text("# Other\n\n```sql table\nselect nope\n```\n")
    assert cli.main(["--warehouse", str(warehouse), str(tmp_path / "mine.md"), str(broken)]) == 2
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_the_warehouse_is_read_and_never_written(write_page: WritePage, warehouse: Path) -> None:
    before = warehouse.read_bytes()
    write_page(PAGE)
    assert warehouse.read_bytes() == before


def test_another_folder_can_be_named(write_page: WritePage, warehouse: Path, tmp_path: Path) -> None:
    write_page(PAGE)
    other = tmp_path / "deep" / "other"
    assert cli.main(["--warehouse", str(warehouse), "--output", str(other), str(tmp_path / "mine.md")]) == 0
    assert (other / "mine.html").exists()
    assert mode(other.parent) == 0o700


@pytest.mark.parametrize("kind", ["missing", "unbuilt", "taken"])
def test_what_cannot_be_opened_is_said_in_a_line(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse = tmp_path / "w" / "opencode.duckdb"
    arguments = ["--warehouse", str(warehouse)]
    expected = f"reports: There is no warehouse at {warehouse} yet."
    if kind != "missing":
        with open_warehouse(warehouse):
            pass
        expected = "reports: The health checks are not built yet. Build them: `make run`"
    if kind == "taken":
        warehouse.write_bytes(b"x" * 8192)
        expected = f"reports: The file {warehouse} is no warehouse that this DuckDB"
    assert cli.main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(expected)


def test_a_folder_that_cannot_be_written_is_said_in_a_line(
    warehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "mine.md"
    page.write_text(PAGE)
    (tmp_path / "file").touch()
    assert cli.main(["--warehouse", str(warehouse), "--output", str(tmp_path / "file"), str(page)]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("reports: the pages could not be written (")


def test_a_warehouse_in_use_is_waited_for_and_its_holder_named(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hold = (
        f"import duckdb, time; c = duckdb.connect({str(warehouse)!r}); print(1, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        monkeypatch.setattr(
            "opencode_warehouse.pages.queries.open_warehouse", partial(open_warehouse, wait_s=0.3)
        )
        try:
            assert cli.main(["--warehouse", str(warehouse)]) == 2
        finally:
            holder.kill()
    assert f"(process {holder.pid})" in capsys.readouterr().err


def test_progress_is_told_once_it_takes_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter([0.0, 1.0, 2.5, 3.0, 5.0])
    monkeypatch.setattr("opencode_warehouse.pages.cli.time.monotonic", lambda: next(clock))
    with caplog.at_level(logging.INFO):
        show = cli._progress()
        for step in ("one", "two", "three", "four"):
            show(step)
    assert [record.message for record in caplog.records] == ["two", "four"]


def test_the_module_is_the_command(warehouse: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "opencode_warehouse", "report", "--warehouse", str(warehouse), "nope"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("reports: There is no page nope.")


def test_the_library_is_the_release_that_is_named() -> None:
    folder = Path(cli.__file__).parent / "vendor" / "echarts"
    assert 'version="6.1.0"' in (folder / "echarts.common.min.js").read_text()
    assert {file.name for file in folder.iterdir()} >= {"LICENSE", "LICENSE-d3", "NOTICE"}
