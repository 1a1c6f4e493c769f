"""How long dbt took for each layer of models."""

from collections.abc import Mapping
from pathlib import Path

import orjson


def seconds_by_layer(run_results: Path) -> dict[str, float]:
    """Return the seconds that dbt's last command took for the nodes of each layer, from its results.

    Two nodes are built at a time, so they are more than the clock's.
    """
    seconds: dict[str, float] = {}
    for result in orjson.loads(run_results.read_bytes())["results"]:
        layer = _layer(result["unique_id"])
        seconds[layer] = seconds.get(layer, 0.0) + result["execution_time"]
    return {layer: round(taken, 3) for layer, taken in seconds.items()}


_LAYERS: Mapping[str, str] = {"stg": "staging", "int": "intermediate"}


def _layer(unique_id: str) -> str:
    kind, _, name, *_ = unique_id.split(".")
    if kind == "model":
        return _LAYERS.get(name.split("_")[0], "marts")
    return {"seed": "seeds", "test": "tests", "unit_test": "unit tests"}.get(kind, "other")
