"""Reading and landing what dbt leaves in its target folder after a run: run_results.json and sources.json.

Plain parsing, not dbt's own classes: those cost a second to import, and the loader is installed without dbt.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from ingest.errors import IngestError
from ingest.raw.dbt_runs import NodeResult, Run, land_run
from ingest.warehouse import open_warehouse

PROJECT = "opencode_warehouse"
MANIFEST, RUN_RESULTS, SOURCES = "manifest.json", "run_results.json", "sources.json"
RUNS = frozenset({"build", "run", "seed", "snapshot", "test"})
"""The commands whose results are of nodes that ran; `compile` and others leave the same file."""

_SCHEMA = re.compile(r"https://schemas\.getdbt\.com/dbt/(?P<name>[a-z-]+)/v(?P<version>\d+)\.json")
_READABLE = {"run-results": (5, 6), "sources": (3,), "manifest": (12,)}
_QUOTE_OR_SQL = re.compile(r"""['"`]|\nLINE """)
_MESSAGE_CHARACTERS = 500
_ELSE = "or name the folder that dbt wrote to with --target."
_ANEW = f"Run `dbt build` again, {_ELSE}"


class MissingArtifactError(IngestError):
    """No dbt run has left its results in the folder."""


def land(warehouse: Path, target: Path) -> list[Run]:
    """Land the runs of a target folder in a warehouse and return those that are new; see `read_runs`."""
    runs = read_runs(target)
    with open_warehouse(warehouse) as connection:
        return [run for run in runs if land_run(connection, run, datetime.now(UTC))]


def read_runs(target: Path) -> list[Run]:
    """Return the runs whose results lie in a target folder of dbt: none, one, or two with freshness.

    Raises MissingArtifactError where there is no result at all, and IngestError where a file cannot be
    read or is another project's.
    """
    found = [path for name in (RUN_RESULTS, SOURCES) if (path := target / name).is_file()]
    if not found:
        raise MissingArtifactError(
            f"There is no {RUN_RESULTS} in {target}: dbt has not run there. Run `dbt build`, {_ELSE}"
        )
    manifest = _read(target / MANIFEST, "manifest")
    project = str(manifest["metadata"].get("project_name"))
    if project != PROJECT:
        raise IngestError(
            f"The artifacts in {target} are of the dbt project {project}, not of {PROJECT}. {_ANEW}"
        )
    runs = (_run(path) for path in found)
    return [run for run in runs if run is not None]


def without_values(message: str) -> str:
    """Return a message up to what it quotes, which may be text of a document, or up to its SQL.

    All that follows the first quotation mark is left out: a quoted document has such marks itself.
    """
    shown, *left_out = _QUOTE_OR_SQL.split(message, maxsplit=1)
    return " ".join(shown.split())[:_MESSAGE_CHARACTERS] + " …" * bool(left_out)


def _run(path: Path) -> Run | None:
    is_freshness = path.name == SOURCES
    artifact = _read(path, "sources" if is_freshness else "run-results")
    try:
        metadata, arguments = artifact["metadata"], artifact.get("args", {})
        command = "source freshness" if is_freshness else arguments["which"]
        if not is_freshness and command not in RUNS:
            return None
        ended_at = _time(metadata["generated_at"])
        elapsed_s = float(artifact["elapsed_time"])
        return Run(
            invocation_id=_text(metadata["invocation_id"]),
            command=_text(command),
            dbt_version=_text(metadata["dbt_version"]),
            project_name=PROJECT,
            target_name=arguments.get("target"),
            selection=" ".join(arguments.get("select") or ()) or None,
            started_at=_time(metadata.get("invocation_started_at") or metadata["generated_at"]),
            ended_at=ended_at,
            elapsed_ms=round(elapsed_s * 1000),
            is_full_refresh=bool(arguments.get("full_refresh")),
            results=tuple(_results(artifact["results"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IngestError(
            f"{path} is not what dbt writes ({type(error).__name__}: {error}). {_ANEW}"
        ) from None


def _results(results: list[Mapping[str, Any]]) -> Iterator[NodeResult]:
    for result in results:
        unique_id = _text(result["unique_id"])
        resource_type, _, *rest = unique_id.split(".")
        if resource_type == "test" and len(rest) > 1:  # the last is a hash
            rest.pop()
        if resource_type == "unit_test":  # before its name stands that of the model
            rest = rest[1:]
        times = [step for step in result["timing"] if step.get("started_at")]
        status, message = _text(result["status"]), result.get("message") or result.get("error")
        age_s = result.get("max_loaded_at_time_ago_in_s")
        yield NodeResult(
            unique_id=unique_id,
            resource_type=resource_type,
            name=".".join(rest),
            status=status,
            started_at=_time(times[0]["started_at"]) if times else None,
            ended_at=_time(times[-1]["completed_at"]) if times and times[-1].get("completed_at") else None,
            execution_ms=round(float(result["execution_time"]) * 1000),
            n_failures=result.get("failures"),
            message=without_values(_text(message)) if message else None,
            max_loaded_at=_time(result["max_loaded_at"]) if result.get("max_loaded_at") else None,
            age_ms=None if age_s is None else round(age_s * 1000),
        )


def _read(path: Path, name: str) -> dict[str, Any]:
    try:
        artifact = orjson.loads(path.read_bytes())
    except OSError as error:
        raise IngestError(f"{path} cannot be read ({error.strerror}). {_ANEW}") from None
    except orjson.JSONDecodeError as error:
        raise IngestError(f"{path} is not whole ({error}). {_ANEW}") from None
    metadata = artifact.get("metadata") if isinstance(artifact, dict) else None
    schema = metadata.get("dbt_schema_version") if isinstance(metadata, dict) else None
    known = _SCHEMA.fullmatch(schema) if isinstance(schema, str) else None
    if known is None or known["name"] != name:
        raise IngestError(f"{path} is not dbt's {name}. {_ANEW}")
    if int(known["version"]) not in _READABLE[name]:
        raise IngestError(
            f"{path} is of version {known['version']} of dbt's {name}, and this program reads "
            f"{' and '.join(map(str, _READABLE[name]))}. Build with the dbt that `make setup` installs."
        )
    return artifact  # type: ignore[no-any-return]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text was expected, not {type(value).__name__}")
    return value


def _time(value: object) -> datetime:
    time = datetime.fromisoformat(_text(value))
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
