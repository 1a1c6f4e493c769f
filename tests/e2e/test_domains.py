"""The domains of models have one direction: a model reads its own domain and those before it alone."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from tests.architecture import arrows
from tests.e2e.dbt_server import DbtServer

ORDER = {"staging": 0, "core": 1, "git": 2, "errors": 2, "exchanges": 3, "cost": 4, "traces": 5, "health": 6}
"""By the folder's name. Two domains of one number do not know each other."""

READS_ITS_OWN_MART = {
    "int_session_states": "what its mart says of a session decides every row of the session",
    "int_model_vendors_matched": "it looks at each model once, and not at each message",
    "int_text_messages_timed": "it times the texts that parts holds",
    "int_thinking_blocks_timed": "it times the thoughts that parts holds",
    "int_todos_unnested": "a list of todos is known by the calls that wrote it",
    "int_problem_resolutions_found": "what overcame an error is found by its category",
    "int_calendar_days_costed": "it fills the days between those of daily_stats",
    "int_days_compared": "it compares days of daily_stats with each other",
    "int_budgets_summed": "a budget is kept by the days of daily_usage",
    "int_exchange_part_events_unioned": "a delegation is an event of its turn",
    "int_health_performance_measured": "the checks judge what the marts of health hold",
    "int_health_pipeline_loads_measured": "the checks judge what the marts of health hold",
    "int_health_pipeline_measured": "the checks judge what the marts of health hold",
}
"""Intermediate models that read a mart of their own domain, and why."""

READS_A_SOURCE_AGAIN = {
    "int_health_documents_counted": "it compares what was landed with what staging holds",
    "stg_opencode__part_payloads": "a view of whole documents, which the table of parts does not keep twice",
}


class Model(NamedTuple):
    """A model, its layer and domain (its folders), and the models and sources that it reads."""

    name: str
    layer: str
    domain: str
    reads: list[str]
    sources: list[str]


@pytest.fixture(scope="module")
def models(dbt_server: DbtServer) -> Mapping[str, Model]:
    """All models of the project by name."""
    return {model.name: model for model in _models(dbt_server.manifest())}


def _models(manifest: Any) -> Iterator[Model]:
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and node["package_name"] == "opencode_warehouse":
            layer, folder, _ = node["path"].split("/")
            parents = [parent.split(".") for parent in node["depends_on"]["nodes"]]
            yield Model(
                node["name"],
                layer,
                layer if layer == "staging" else folder,
                [name for kind, _, name, *_ in parents if kind == "model"],
                [".".join(name) for kind, _, *name in parents if kind == "source"],
            )


def test_no_model_reads_a_later_domain(models: Mapping[str, Model]) -> None:
    against = [
        f"{model.domain}: {model.name} reads {read.domain}: {read.name}"
        for model in models.values()
        for read in map(models.__getitem__, model.reads)
        if model.domain != read.domain and ORDER[read.domain] >= ORDER[model.domain]
    ]
    assert against == []


def test_no_intermediate_model_reads_a_mart_of_its_domain_without_need(models: Mapping[str, Model]) -> None:
    reading = {
        model.name
        for model in models.values()
        if model.layer == "intermediate"
        for read in map(models.__getitem__, model.reads)
        if read.layer == "marts" and read.domain == model.domain
    }
    assert reading == READS_ITS_OWN_MART.keys()


def test_the_picture_of_domains_is_that_of_the_models(models: Mapping[str, Model]) -> None:
    real = {
        (read.domain, model.domain)
        for model in models.values()
        for read in map(models.__getitem__, model.reads)
        if read.domain != model.domain
    }
    assert arrows("Domains of models") == real


def test_each_source_has_one_reader(models: Mapping[str, Model]) -> None:
    readers = defaultdict(set)
    for model in models.values():
        for source in model.sources:
            readers[source].add(model.name)
    again = {source: names - READS_A_SOURCE_AGAIN.keys() for source, names in readers.items()}
    assert {source: names for source, names in again.items() if len(names) > 1} == {}
    outside = {name for names in readers.values() for name in names if models[name].layer != "staging"}
    assert outside == {"int_health_documents_counted"}
