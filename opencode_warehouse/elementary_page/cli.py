"""The command line: `opencode-warehouse elementary`."""

import argparse
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import orjson

from ingest import human, settings
from ingest.errors import IngestError
from ingest.warehouse import open_warehouse
from opencode_warehouse.build import artifacts
from opencode_warehouse.build.artifacts import MANIFEST, PROJECT, MissingArtifactError
from opencode_warehouse.elementary_page import page
from opencode_warehouse.elementary_page.runner import ArtifactRunner

DAYS = 30
PAGE = Path("reports") / "elementary.html"
"""Where the page lies, beside the warehouse."""

EXIT_OK, EXIT_USER_ERROR = 0, 2
_EDR_SECONDS = 900
EDR_CONFIG = """\
run_dbt_deps_if_needed: false
anonymous_usage_tracking: false
disable_elementary_version_check: true
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page; return 0, or 2 where something stands in the way that the user can mend."""
    parser = argparse.ArgumentParser(
        prog="opencode-warehouse elementary",
        description="Write Elementary's page of models, tests, runs and lineage.",
    )
    parser.add_argument("--warehouse", metavar="FILE", help="the DuckDB file (default: as the loader's)")
    parser.add_argument(
        "--project", type=Path, default=Path(), metavar="FOLDER", help="the dbt project (default: here)"
    )
    parser.add_argument(
        "--target",
        type=Path,
        metavar="FOLDER",
        help="dbt's target folder (default: $DBT_TARGET_PATH, else target/ of the project)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help=f"the page (default: {PAGE} beside the warehouse)"
    )
    parser.add_argument("--data", type=Path, metavar="FILE", help="write the page's data as JSON as well")
    arguments = parser.parse_args(argv)
    os.umask(0o077)  # stores are private, and so is what is made of them
    logging.getLogger("elementary").setLevel(logging.WARNING)
    try:
        warehouse = settings.from_environment(os.environ, warehouse=arguments.warehouse).warehouse
        project = arguments.project.resolve()
        # dbt takes it below the project, where it is no absolute path
        target = (arguments.target or project / (os.environ.get("DBT_TARGET_PATH") or "target")).resolve()
        output = arguments.output.resolve() if arguments.output else warehouse.parent / PAGE
        land(warehouse, target)
        is_on = has_package(project)
        if is_on:
            _say("Elementary: writing its page with `edr report`, which takes about half a minute ...")
            html, data = from_edr(warehouse, project, target / "elementary")
        else:
            _say("Elementary: writing its page from dbt's records (anomaly monitors are off) ...")
            html, data = from_artifacts(warehouse, target)
        _write(output, html)
        if arguments.data:
            _write(arguments.data, orjson.dumps(data).decode())
    except IngestError as error:
        print(f"elementary_report: {human.printable(error)}", file=sys.stderr)
        return EXIT_USER_ERROR
    except OSError as error:
        reason = human.printable(f"{error.strerror}: {error.filename}")
        print(f"elementary_report: the page could not be written ({reason}).", file=sys.stderr)
        return EXIT_USER_ERROR
    human.say(f"Elementary: {human.place(output)} ({human.size(output.stat().st_size)})")
    return EXIT_OK


def land(warehouse: Path, target: Path) -> None:
    """Land the last dbt run, so that one which was started by hand is in the page as well."""
    with suppress(MissingArtifactError):  # the history may be in the warehouse all the same
        artifacts.land(warehouse, target)


def has_package(project: Path) -> bool:
    """Whether the project has Elementary's dbt package, not the stub."""
    return (project / "dbt_packages" / "elementary" / "macros" / "edr").is_dir()


def from_artifacts(warehouse: Path, target: Path) -> tuple[str, dict[str, object]]:
    """Return the page and its data, from the manifest and the run history.

    Raises IngestError where there is no manifest or nothing was ever run.
    """
    try:
        manifest = orjson.loads((target / MANIFEST).read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise IngestError(
            f"{target / MANIFEST} cannot be read ({human.printable(error)}). Run `dbt build`, or name the "
            "folder that dbt wrote to with --target."
        ) from None
    now = datetime.now(UTC).replace(tzinfo=None)
    with open_warehouse(warehouse, read_only=True) as connection:
        if not connection.execute("select 1 from raw.dbt_results limit 1").fetchone():
            raise IngestError("No run of dbt is in the warehouse yet. Run `make run`, or `dbt build` alone.")
        data = page.report_data(ArtifactRunner(manifest, connection, now, DAYS), PROJECT, DAYS)
    return page.with_notice(page.page(data), page.OFF_NOTICE), data


def from_edr(warehouse: Path, project: Path, work: Path) -> tuple[str, dict[str, object]]:
    """Return the page and its data as Elementary's own command writes them, with `work` for its files.

    Raises IngestError where it fails: Elementary's tables are not built, or the warehouse is in use.
    """
    with open_warehouse(warehouse, read_only=True) as connection:
        built = "select 1 from duckdb_views() where schema_name = 'elementary' and database_name = 'opencode'"
        if not connection.execute(f"{built} limit 1").fetchone():
            raise IngestError(
                "Elementary's tables are not in the warehouse yet. Run `make run`, or `dbt build` alone."
            )
    config = work / "home" / ".edr"
    config.mkdir(mode=0o700, parents=True, exist_ok=True)
    (config / "config.yml").write_text(EDR_CONFIG)
    html = work / "page.html"
    command = [str(Path(sys.executable).with_name("edr")), "report", "--open-browser", "false"]
    command += ["--days-back", str(DAYS), "--project-name", PROJECT, "--disable-samples", "true"]
    command += ["--config-dir", str(config), "--target-path", str(work), "--file-path", str(html)]
    command += ["--profiles-dir", str(project), "--project-dir", str(project)]
    environment = edr_environment(os.environ, warehouse, project, work)
    try:
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, timeout=_EDR_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise IngestError(
            f"`edr report` did not end within {_EDR_SECONDS} s; its log is in {work}."
        ) from None
    (work / "output.log").write_bytes(done.stdout + done.stderr)
    if done.returncode != 0 or not html.is_file():
        raise IngestError(
            f"`edr report` failed; it says why in {work / 'output.log'}. When the warehouse was in use, try "
            "again; when Elementary's tables are of another version, run `dbt build`."
        )
    data: dict[str, object] = orjson.loads((work / "elementary_output.json").read_bytes())
    return page.private(html.read_text("utf-8")), data


def edr_environment(environ: Mapping[str, str], warehouse: Path, project: Path, work: Path) -> dict[str, str]:
    """Return the environment that `edr` needs: absolute paths, a home of its own, nothing told to anybody."""
    return {
        **environ,
        # It looks for its settings there before it reads --config-dir, and asks the web for newer versions.
        "HOME": str(work / "home"),
        "OPENCODE_WAREHOUSE": str(warehouse),
        "DBT_PACKAGES_FOLDER": str(project / "dbt_packages"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        "EDR_INTERNAL_TARGET_PATH": str(work / "dbt"),
    }


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text(text, "utf-8")
    scratch.chmod(0o600)
    scratch.replace(path)


def _say(line: str) -> None:
    print(human.printable(line), file=sys.stderr, flush=True)
