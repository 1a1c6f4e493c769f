"""How large the stores of a run are, and how often each thing is measured."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from dev.bench.history import Size

PlanName: TypeAlias = Literal["full", "small"]

ONE = Size(sessions=877, messages=43_060, parts=187_331, n_bytes=2_000_000_000)
"""1x: a year of a busy developer."""
TIMES = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """A run. Costly things are repeated less often; every line of the report says how often."""

    name: PlanName
    one: Size
    five: Size
    cold_loads: int
    cold_loads_five: int
    warm_loads: int
    builds: int
    builds_five: int
    incremental_builds: int
    build: tuple[str, ...]
    """What `dbt build` is told where everything is built, and below where a session came in."""
    incremental_build: tuple[str, ...]

    def repeated(self, n: int) -> "Plan":
        """Return the plan with everything measured so often."""
        return replace(
            self,
            cold_loads=n,
            cold_loads_five=n,
            warm_loads=n,
            builds=n,
            builds_five=n,
            incremental_builds=n,
        )


_SMALL = 1 / 80
_MODELS_ALONE = ("--exclude-resource-types", "unit_test", "test", "--exclude", "tag:quality")
PLANS: Mapping[PlanName, Plan] = {
    "full": Plan(
        name="full",
        one=ONE,
        five=ONE.times(TIMES),
        cold_loads=5,
        cold_loads_five=1,
        warm_loads=5,
        builds=3,
        builds_five=1,
        incremental_builds=5,
        build=(),
        incremental_build=("--exclude-resource-type", "unit_test"),
    ),
    # Two minutes in all: the tests are most of a build of a small history, and other checks run them.
    "small": Plan(
        name="small",
        one=ONE.times(_SMALL),
        five=ONE.times(_SMALL * TIMES),
        cold_loads=2,
        cold_loads_five=1,
        warm_loads=2,
        builds=1,
        builds_five=1,
        incremental_builds=1,
        build=_MODELS_ALONE,
        incremental_build=_MODELS_ALONE,
    ),
}
