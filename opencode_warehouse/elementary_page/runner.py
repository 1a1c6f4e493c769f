"""Answers what Elementary asks of its tables, from dbt's manifest and the run history in the warehouse.

Elementary's command line builds its page from fourteen queries, each a macro that its dbt package runs.
Where that package is missing, the answers come from here; all that follows (groups, totals, filters, lineage)
is Elementary's own code. Rows have the names and types that the macros give them.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NoReturn

import duckdb
from elementary.clients.dbt.base_dbt_runner import BaseDbtRunner

Row = dict[str, Any]
Node = Mapping[str, Any]

_TESTED = ("model.", "source.", "seed.", "snapshot.")
_TABLE = re.compile(r"(?:ref|source)\((?:['\"]\w+['\"], )?['\"](\w+)['\"]\)")
_FRESHNESS = "The newest row of the source is not older than it may be."
# What Elementary's package says of dbt's own tests, in our words.
_DESCRIPTIONS = {
    "unique": "No value is there twice.",
    "not_null": "No value is missing.",
    "accepted_values": "Every value is one of a list.",
    "relationships": "Every value is in the other table.",
}
_FRESHNESS_STATUS = {"error": "fail", "runtime error": "error"}


class ArtifactRunner(BaseDbtRunner):
    """Stands in for the runner that Elementary's command line drives dbt with.

    `manifest` is dbt's, `connection` has the warehouse as its current catalog; of results the last `days`
    before `now` (UTC, without a time zone) count.
    """

    def __init__(
        self, manifest: Mapping[str, Any], connection: duckdb.DuckDBPyConnection, now: datetime, days: int
    ) -> None:
        super().__init__(project_dir=".")
        self._project = manifest["metadata"]["project_name"]
        self._nodes = {
            key: node
            for key, node in {**manifest["nodes"], **manifest["sources"]}.items()
            if node["package_name"] == self._project
        }
        self._exposures = manifest["exposures"]
        self._groups = manifest["groups"]
        self._now = now
        self._invocations = _rows(connection, "from raw.dbt_invocations order by started_at, invocation_id")
        self._results = _rows(
            connection,
            """select r.*, i.ended_at as run_ended_at, i.is_full_refresh
            from raw.dbt_results as r join raw.dbt_invocations as i using (invocation_id)
            where i.started_at > ? and r.status <> 'no-op'
            order by i.started_at, invocation_id, unique_id""",
            now - timedelta(days=days),
        )
        self._tests = {node["unique_id"]: self._test(node) for node in self._of("test")}
        # Elementary has no unit tests, and a skipped test has no result.
        self._test_results = [
            result
            for result in self._results
            if result["unique_id"] in self._tests and result["status"] != "skipped"
        ]

    def run_operation(self, *args: Any, **kwargs: Any) -> list[str]:
        """Return what a macro of `elementary_cli` returns: a list of one JSON text. KeyError for others."""
        name = str(args[0] if args else kwargs["macro_name"]).removeprefix("elementary_cli.")
        answers: dict[str, Callable[[], list[Row]]] = {
            "get_models": lambda: [self._table(node) for node in self._of("model")],
            "get_seeds": lambda: [self._seed(node) for node in self._of("seed")],
            "get_snapshots": lambda: [self._snapshot(node) for node in self._of("snapshot")],
            "get_sources": lambda: [self._table(node) for node in self._of("source")],
            "get_exposures": lambda: [self._exposure(node) for node in self._exposures.values()],
            "get_singular_tests": self._singular_tests,
            "get_tests": self._tests_with_times,
            "get_test_results": self._test_result_rows,
            "get_source_freshness_results": self._freshness_rows,
            "get_models_runs": self._model_runs,
            "get_dbt_models_test_coverage": self._coverage,
            "get_nodes_depends_on_nodes": self._dependencies,
            "get_models_latest_invocation": self._latest_invocations,
            "get_models_latest_invocations_data": self._invocation_rows,
        }
        return [json.dumps(answers[name](), default=_as_text)]

    def _of(self, resource_type: str) -> Iterator[Node]:
        return (node for node in self._nodes.values() if node["resource_type"] == resource_type)

    def _common(self, node: Node) -> Row:
        return {
            "name": node["name"],
            "unique_id": node["unique_id"],
            "owners": self._owners(node),
            "tags": _tags(node),
            "package_name": node["package_name"],
            "description": node["description"],
            "full_path": node["original_file_path"],
            "meta": _meta(node),
        }

    def _table(self, node: Node) -> Row:
        is_source = node["resource_type"] == "source"
        return self._common(node) | {
            "source_name": node.get("source_name"),
            "database_name": node["database"],
            "schema_name": node["schema"],
            "table_name": node["identifier"] if is_source else node["alias"],
            "materialization": node["config"].get("materialized"),
            "patch_path": node.get("patch_path"),
        }

    def _seed(self, node: Node) -> Row:
        left_out = ("meta", "materialization")  # Elementary does not ask for them
        return {key: value for key, value in self._table(node).items() if key not in left_out}

    def _snapshot(self, node: Node) -> Row:
        return self._table(node) | {
            "path": node["path"],
            "depends_on_macros": json.dumps(node["depends_on"]["macros"]),
            "depends_on_nodes": json.dumps(node["depends_on"]["nodes"]),
            "generated_at": _as_text(self._now),
            "unique_key": str(node["config"].get("unique_key")),
            "incremental_strategy": None,
        }

    def _exposure(self, node: Node) -> Row:
        return self._common(node) | {
            "owners": [node["owner"]["name"]] if node["owner"].get("name") else [],
            "owner_email": node["owner"].get("email"),
            "label": node["label"],
            "url": node["url"],
            "type": node["type"],
            "maturity": node["maturity"],
            "raw_queries": None,
            "depends_on_nodes": node["depends_on"]["nodes"],
            "depends_on_columns": None,
        }

    def _owners(self, node: Node) -> list[str]:
        owner = _meta(node).get("owner") or node["config"].get("owner")
        if not owner and (group := node["config"].get("group")):
            found = [entry["owner"] for entry in self._groups.values() if entry["name"] == group]
            owner = next((entry.get("name") or entry.get("email") for entry in found), None)
        if isinstance(owner, str):
            return [name.strip() for name in owner.split(",")]
        return list(owner or [])

    def _parent(self, test: Node) -> Node | None:
        """Return the table that a test is of; None where it is of several."""
        parents = [name for name in test["depends_on"]["nodes"] if name in self._nodes]
        if len(parents) > 1:
            text = (test.get("test_metadata") or {}).get("kwargs", {}).get("model", "")
            parents = [
                name for table in _TABLE.findall(text) for name in parents if name.endswith(f".{table}")
            ]
        parent = self._nodes[parents[0]] if len(parents) == 1 else None
        return parent if parent and parent["unique_id"].startswith(_TESTED) else None

    def _test(self, node: Node) -> Row:
        metadata, parent = node.get("test_metadata") or {}, self._parent(node)
        kind, name, meta = metadata.get("name", ""), node["name"], _meta(node)
        is_generic_name = kind and name.startswith((kind, f"source_{kind}"))
        arguments = metadata.get("kwargs", {})
        known = parent if parent and parent["resource_type"] in ("model", "source") else None
        description = node["description"] or meta.pop("description", "") or _DESCRIPTIONS.get(kind)
        return {
            "unique_id": node["unique_id"],
            "model_unique_id": parent["unique_id"] if parent else None,
            "database_name": (parent or node)["database"],
            "schema_name": (parent or node)["schema"],
            "table_name": (parent.get("alias") or parent["name"]) if parent else None,
            "model_name": parent["name"] if parent else None,
            "column_name": node.get("column_name") or arguments.get("column_name"),
            "name": name,
            "short_name": kind if is_generic_name else name,
            "description": description or None,
            "package_name": node["package_name"],
            "original_path": node["original_file_path"],
            "test_params": arguments,
            "meta": meta,
            # Elementary looks for these two among models and sources only.
            "model_meta": _meta(known) if known else {},
            "tags": _tags(node),
            "model_tags": _tags(known) if known else [],
            "all_model_tags": _tags(parent) if parent else [],
            "owners": self._owners(parent) if parent else [],
            "severity": node["config"]["severity"],
            "type": "generic" if metadata else "singular",
            # The project's own text, never what dbt compiled; that of the others says less than their name.
            "query": None if metadata else node["raw_code"],
        }

    def _singular_tests(self) -> list[Row]:
        return [test for test in self._tests.values() if test["type"] == "singular"]

    def _tests_with_times(self) -> list[Row]:
        ran = defaultdict(list)
        for result in self._test_results:
            ran[result["unique_id"]].append(result)
        return [
            test
            | {
                "table_name": None,  # as in Elementary's own answer
                "test_type": "dbt_test" if ran[key] else None,
                "test_sub_type": test["type"] if ran[key] else None,
                "created_at": _second(ran[key][0]) if ran[key] else None,
                "latest_run_time": _second(ran[key][-1]) if ran[key] else None,
                "latest_run_status": ran[key][-1]["status"] if ran[key] else None,
            }
            for key, test in self._tests.items()
        ]

    def _test_result_rows(self) -> list[Row]:
        rows = []
        for result, rank in _ranked(self._test_results):
            test = self._tests[result["unique_id"]]
            column = test["column_name"]
            execution = f"{result['invocation_id']}.{result['unique_id']}"
            row = {
                "id": execution,
                "test_execution_id": execution,
                "invocation_id": result["invocation_id"],
                "test_unique_id": test["unique_id"],
                "elementary_unique_id": f"{test['unique_id']}.{column or 'None'}.{test['type']}",
                "detected_at": _second(result),
                "test_type": "dbt_test",
                "test_sub_type": test["type"],
                "test_results_description": None if result["status"] == "pass" else result["message"],
                "test_description": test["description"],
                "model_owner": test["owners"],
                "tags": test["all_model_tags"] + test["tags"],
                "test_tags": test["tags"],
                "test_results_query": test["query"] if rank == 1 else None,
                "other": None,
                "test_name": test["short_name"],
                "status": result["status"],
                "execution_time": result["execution_ms"] / 1000,
                "days_diff": (self._now - result["run_ended_at"]).days,
                "invocations_rank_index": rank,
                "failures": result["n_failures"],
                "sample_data": None,
            }
            rows.append(test | row)
        return rows

    def _freshness_rows(self) -> list[Row]:
        results = [result for result in self._results if result["unique_id"].startswith("source.")]
        rows = []
        for result, rank in _ranked([item for item in results if item["unique_id"] in self._nodes]):
            node = self._nodes[result["unique_id"]]
            limits = node["freshness"] or {}
            row = {
                "source_freshness_execution_id": f"{result['invocation_id']}.{node['unique_id']}",
                "max_loaded_at": result["max_loaded_at"],
                "generated_at": _second(result),
                "status": _FRESHNESS_STATUS.get(result["status"], result["status"]),
                "original_status": result["status"],
                "error": result["message"],
                "invocation_id": result["invocation_id"],
                "table_name": node["name"],
                "test_type": "source_freshness",
                "test_sub_type": "freshness",
                "loaded_at_field": node["loaded_at_field"],
                "error_after": limits.get("error_after"),
                "warn_after": limits.get("warn_after"),
                "filter": limits.get("filter"),
                "relation_name": node["relation_name"],
                "invocations_rank_index": rank,
                "max_loaded_at_time_ago_in_s": None if result["age_ms"] is None else result["age_ms"] / 1000,
                "freshness_description": _FRESHNESS,
                "snapshotted_at": None,
            }
            rows.append(self._table(node) | row)
        return rows

    def _model_runs(self) -> list[Row]:
        rows = []
        for result, rank in _ranked(
            [item for item in self._results if item["unique_id"].startswith("model.")]
        ):
            if (node := self._nodes.get(result["unique_id"])) is None:
                continue
            is_success = result["status"] == "success"
            rows.append(
                {
                    "unique_id": node["unique_id"],
                    "invocation_id": result["invocation_id"],
                    "name": node["name"],
                    "schema": node["schema"],
                    "status": result["status"],
                    "execution_time": round(result["execution_ms"] / 1000, 1) if is_success else 0,
                    "full_refresh": result["is_full_refresh"],
                    "materialization": node["config"]["materialized"],
                    "compiled_code": node["raw_code"] if rank == 1 else None,
                    "generated_at": _second(result),
                }
            )
        return rows

    def _coverage(self) -> list[Row]:
        columns: Counter[str | None] = Counter()
        tables: Counter[str | None] = Counter()
        for test in self._tests.values():
            (columns if test["column_name"] else tables)[test["model_unique_id"]] += 1
        return [
            {"model_unique_id": key, "column_tests": columns[key], "table_tests": tables[key]}
            for key in columns | tables
        ]

    def _dependencies(self) -> list[Row]:
        rows = []
        for node in [*self._nodes.values(), *self._exposures.values()]:
            kind = node["resource_type"]
            if kind not in ("seed", "snapshot", "model", "source", "exposure"):
                continue
            has_parents = kind not in ("seed", "source")
            rows.append(
                {
                    "unique_id": node["unique_id"],
                    "depends_on_nodes": json.dumps(node["depends_on"]["nodes"]) if has_parents else None,
                    "materialization": node["config"].get("materialized") if kind == "model" else None,
                    "type": kind,
                }
            )
        return rows

    def _latest_invocations(self) -> list[Row]:
        latest = {
            result["unique_id"]: result["invocation_id"]
            for result in self._results
            if result["unique_id"].startswith("model.") and result["unique_id"] in self._nodes
        }
        return [{"unique_id": key, "invocation_id": value} for key, value in latest.items()]

    def _invocation_rows(self) -> list[Row]:
        wanted = {row["invocation_id"] for row in self._latest_invocations()}
        return [
            {
                "invocation_id": row["invocation_id"],
                "command": row["command"],
                "selected": json.dumps(row["selection"].split(" ") if row["selection"] else []),
                "full_refresh": row["is_full_refresh"],
                "job_url": None,
                "job_name": None,
                "job_id": None,
                "orchestrator": None,
            }
            for row in self._invocations
            if row["invocation_id"] in wanted
        ]

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError("the page is built without dbt")

    deps = seed = snapshot = run = test = debug = ls = source_freshness = _refuse


def _ranked(results: Sequence[Row]) -> Iterator[tuple[Row, int]]:
    """Yield the results of each node, oldest first, with their rank from the newest, which is 1."""
    by_node = sorted(results, key=lambda result: str(result["unique_id"]))  # stable: still in order of time
    for _, group in groupby(by_node, key=lambda result: str(result["unique_id"])):
        found = list(group)
        for place, result in enumerate(found):
            yield result, len(found) - place


def _rows(connection: duckdb.DuckDBPyConnection, query: str, *parameters: object) -> list[Row]:
    return connection.execute(query, list(parameters)).to_arrow_table().to_pylist()  # type: ignore[no-any-return]


def _meta(node: Node) -> Row:
    return {**node["config"].get("meta", {}), **node.get("meta", {})}


def _tags(node: Node) -> list[str]:
    return sorted({*(node["config"].get("tags") or []), *node.get("tags", []), *_meta(node).get("tags", [])})


def _second(result: Row) -> str:
    """Return when a node ended, or where it did not run its command, to the second, as Elementary has it."""
    time: datetime = result["ended_at"] or result["run_ended_at"]
    return time.replace(microsecond=0).isoformat()


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a row")
