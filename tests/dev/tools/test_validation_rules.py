"""The page of the validation rules, of a seed made by hand and of the project's own."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import validation_rules
from data_dictionary import one_line

TOOL = Path(__file__).resolve().parents[3] / "dev" / "tools" / "validation_rules.py"
CHECK = {
    "check_id": "foreign_keys",
    "name": "Rows refer to rows",
    "family": "integrity",
    "question": "Does every <key> find its row?",
    "unit": "count",
    "direction": "at_most",
    "threshold": "0",
    "severity": "error",
    "failure": "keys lead nowhere",
    "nothing_to_check": "there is no key",
    "why": "Joins lose rows.",
    "remedy": "Ask `select a < b`.",
}


def run(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tool on a project."""
    command = [sys.executable, str(TOOL), "--project", str(project), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def seed(project: Path, *checks: dict[str, str]) -> Path:
    """Write the seed of a project."""
    path = project / validation_rules.SEED
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, CHECK)
        writer.writeheader()
        writer.writerows(checks)
    return path


def written(project: Path, *checks: dict[str, str]) -> str:
    """Return the page that the tool writes of these checks."""
    seed(project, *checks)
    done = run(project)
    assert done.returncode == 0, done.stderr
    return (project / validation_rules.PAGE).read_text("utf-8")


def test_a_check_has_its_question_its_threshold_its_reason_and_its_remedy(tmp_path: Path) -> None:
    assert written(tmp_path, CHECK).endswith(
        """\
### foreign_keys

Does every &lt;key> find its row?

* Threshold: at most 0 (none)
* If it breaks: FAIL, and `dbt build` fails: the figures are wrong.
* Why: Joins lose rows.
* Skipped when: there is no key.
* What to do: Ask `select a < b`.
"""
    )


@pytest.mark.parametrize(
    ("family", "severity", "said"),
    [
        ("integrity", "error", validation_rules.BROKEN_GATE),
        ("integrity", "warn", "WARN: it is told, and no build stops."),
        ("pipeline", "error", "FAIL: it is told, and no build stops."),
    ],
)
def test_only_a_fail_of_integrity_stops_a_build(family: str, severity: str, said: str) -> None:
    assert validation_rules.broken(CHECK | {"family": family, "severity": severity}) == said


@pytest.mark.parametrize(
    ("unit", "direction", "threshold", "words"),
    [
        ("share", "at_least", "0.95", "at least 95 %"),
        ("share", "at_least", "1", "all (100 %)"),
        ("share", "at_most", "0.005", "at most 0.5 %"),
        ("count", "at_most", "0", "at most 0 (none)"),
        ("count", "at_least", "1", "at least 1"),
        ("ms", "at_most", "1500", "at most 1,500 ms"),
        ("hours", "at_most", "24", "at most 24 hours"),
        ("ratio", "at_least", "0.5", "at least 0.5 times"),
        ("bytes", "at_most", "20000000000", "at most 20.0 GB"),
    ],
)
def test_a_threshold_is_told_in_words(unit: str, direction: str, threshold: str, words: str) -> None:
    told = validation_rules.bound(CHECK | {"unit": unit, "direction": direction, "threshold": threshold})
    assert told == words


def test_families_stand_together_integrity_first_and_new_ones_last(tmp_path: Path) -> None:
    families = ("novelty", "pipeline", "integrity", "pipeline")
    page = written(
        tmp_path, *(CHECK | {"check_id": f"c{n}", "family": name} for n, name in enumerate(families))
    )
    order = [page.index(f"### c{n}\n") for n in (2, 1, 3, 0)]
    assert order == sorted(order)
    assert page.count("\n## Pipeline\n") == 1
    assert page.index("### c3\n") < page.index("\n## Novelty\n\n| check |")


def test_a_stale_page_fails_the_check_and_is_left_alone(tmp_path: Path) -> None:
    before = written(tmp_path, CHECK)
    assert run(tmp_path, "--check").returncode == 0

    seed(tmp_path, CHECK | {"threshold": "3"})
    stale = run(tmp_path, "--check")
    assert stale.returncode == 1
    assert stale.stderr.endswith("Renew it: make dictionary\n")
    assert (tmp_path / validation_rules.PAGE).read_text("utf-8") == before

    (tmp_path / validation_rules.PAGE).unlink()
    assert run(tmp_path, "--check").returncode == 1


@pytest.mark.parametrize("wrong", [{"threshold": "many"}, {"severity": "terrible"}])
def test_a_seed_that_cannot_be_used_is_named(tmp_path: Path, wrong: dict[str, str]) -> None:
    seed(tmp_path, CHECK | wrong)
    done = run(tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: seeds/health_checks.csv cannot be used (")
    assert "Traceback" not in done.stderr


def test_a_project_without_the_seed_is_told(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 2
    assert "seeds/health_checks.csv" in done.stderr


def test_the_projects_page_says_everything_of_every_check() -> None:
    project = validation_rules.PROJECT
    checks = validation_rules.read_checks(project / validation_rules.SEED)
    page = (project / validation_rules.PAGE).read_text("utf-8")
    assert run(project, "--check").returncode == 0
    assert f"judged by {len(checks)} health checks" in (project / "README.md").read_text("utf-8")
    for check in checks:
        _, _, rest = page.partition(f"\n### {check['check_id']}\n")
        section = rest.partition("\n#")[0]
        for column in ("question", "why", "nothing_to_check", "remedy"):
            assert one_line(check[column]) in section
        assert check["family"] in validation_rules.FAMILIES
