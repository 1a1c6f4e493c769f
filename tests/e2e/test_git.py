"""What the warehouse says of branches and commits, beside what git itself says after every command."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

START_MS = 1_790_000_000_000
SESSION = "ses_git"


@dataclass(frozen=True, slots=True)
class Step:
    """A shell call, and whether branch and commit can be known after it."""

    command: str
    knows_branch: bool = True
    knows_commit: bool = True
    folder: str = "repo"
    arguments: tuple[tuple[str, str], ...] = ()


# Each is run by a real shell, one after the other.
STEPS = (
    Step("git init -q -b main && git config user.email a@b.c && git config user.name a", False, False),
    Step("echo 1 > f && git add f && git commit -m 'first; git checkout -b no && x | y'"),
    Step("git checkout -b feature/a"),
    Step("git checkout feature/a"),
    Step("git checkout f"),
    Step("git checkout -- f"),
    Step("echo 2 > f; git checkout main f"),
    Step("git checkout nosuch"),
    Step("git switch nosuch"),
    Step("cd /nowhere && git switch main"),
    Step("git switch main", knows_commit=False),
    Step("git rev-parse HEAD"),
    Step('git switch -c "feature/b"'),
    Step("git commit --allow-empty -m \"$(cat <<'EOF'\nSubject of it\n\ngit checkout main && it's\nEOF\n)\""),
    Step("git commit -qm quiet --allow-empty", knows_commit=False),
    Step("git log --oneline -1"),
    Step("git commit -qam none; git status"),
    Step("git commit --allow-empty -m one && git commit --allow-empty -m two"),
    Step("git checkout -q main", knows_commit=False),
    Step("git merge feature/b"),
    Step("git merge feature/b"),
    Step("git checkout --detach"),
    Step("git commit --allow-empty -m detached"),
    Step("git checkout -", knows_commit=False),
    Step("git checkout HEAD~1"),
    Step("git status"),
    Step("git switch -", knows_commit=False),
    Step("GIT_PAGER=cat git -c color.ui=false log -1 --decorate | cat"),
    Step("git checkout feature/a 2>&1 || git checkout main", knows_commit=False),
    Step("git checkout nosuch 2>/dev/null || git checkout main", knows_commit=False),
    Step("sudo -n true; git rev-parse --abbrev-ref HEAD && git rev-parse --short HEAD"),
    Step("git branch --show-current"),
    Step("B=$(git branch --show-current); echo wrong"),
    Step("echo wrong; X=`git rev-parse --abbrev-ref HEAD`"),
    Step("git branch -v"),
    Step("git reset --hard HEAD~1"),
    Step("git reset --soft HEAD~1", knows_commit=False),
    Step("git commit --allow-empty -m 'after reset' && git push"),
    Step("git remote add origin ../bare && git push -u origin main"),
    Step("git push"),
    Step("git branch -m trunk"),
    Step("git rebase feature/a", knows_commit=False),
    Step("(cd sub && git checkout -b from-sub)", knows_commit=False),
    Step("git checkout -b here", folder="repo/sub", knows_commit=False),
    Step("git switch feature/b", folder="elsewhere", arguments=(("workdir", "{repo}"),), knows_commit=False),
    Step("cd {repo} && git checkout trunk", folder="elsewhere", knows_commit=False),
    Step("git -C {repo} checkout feature/b", folder="elsewhere", knows_commit=False),
    Step("N=v; git checkout -b $N", knows_commit=False),
    Step("for b in trunk; do git checkout -q $b; done; git branch", knows_commit=False),
    Step("git checkout -qb last trunk", knows_commit=False),
    Step("git commit --amend -m amended --allow-empty"),
    Step("git tag v1 && git checkout v1"),
    Step("git switch -C last"),
    Step("git worktree add -b within trees/w"),
    Step("cd trees/w && git commit --allow-empty -m elsewhere && git status"),
    Step("git cherry-pick feature/b~1 --allow-empty"),
)


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints; empty where it fails."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def write(path: Path, value: object) -> None:
    """Write a document of a JSON store."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def part(number: int, tool: str, state: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a tool call; every call takes 400 ms of the second that it has."""
    at = START_MS + 1000 * number
    times = {"start": at, "end": at + 400}
    return {
        "id": f"prt_{number:04}{tool}",
        "sessionID": SESSION,
        "messageID": f"msg_{number:04}",
        "type": "tool",
        "callID": "c",
        "tool": tool,
        "state": {"status": "completed", "title": "", "time": times, **state},
    }


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, str]]]:
    """Run every step, write down what OpenCode would; return the store, and branch and head after each."""
    home = tmp_path_factory.mktemp("git").resolve()
    repo, storage = home / "repo", home / "store" / "storage"
    for folder in (repo / "sub", home / "elsewhere"):
        folder.mkdir(parents=True)
    git(home, "init", "-q", "--bare", "bare")
    environment = os.environ | {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    write(
        storage / "project" / "prj.json",
        {"id": "prj", "worktree": str(repo), "vcs": "git", "time": {"created": START_MS}},
    )
    write(
        storage / "session" / "prj" / f"{SESSION}.json",
        {
            "id": SESSION,
            "projectID": "prj",
            "directory": str(repo),
            "version": "1.1.65",
            "title": "git",
            "time": {"created": START_MS, "updated": START_MS},
        },
    )
    after = []
    for number, step in enumerate(STEPS):
        command = step.command.replace("{repo}", str(repo))
        folder = home / step.folder
        arguments = {name: value.replace("{repo}", str(repo)) for name, value in step.arguments}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=arguments.get("workdir", folder),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        after.append(
            (git(repo, "branch", "--show-current"), git(repo, "rev-parse", "-q", "--verify", "HEAD"))
        )
        at = START_MS + 1000 * number
        write(
            storage / "message" / SESSION / f"msg_{number:04}.json",
            {
                "id": f"msg_{number:04}",
                "sessionID": SESSION,
                "role": "assistant",
                "modelID": "m",
                "providerID": "p",
                "path": {"cwd": str(folder), "root": str(repo)},
                "time": {"created": at, "completed": at + 900},
            },
        )
        calls = (
            part(
                number,
                "bash",
                {
                    "input": {"command": command, **arguments},
                    "output": done.stdout,
                    "metadata": {"exit": done.returncode},
                },
            ),
            part(
                number,
                "read",
                {
                    "input": {"filePath": str(repo / "f")},
                    "output": "",
                    "metadata": {},
                    "time": {"start": at + 600, "end": at + 700},
                },
            ),
        )
        for call in calls:
            write(storage / "part" / call["messageID"] / f"{call['id']}.json", call)
    return home / "store", after


def test_branch_and_commit_are_those_of_git_after_every_command(
    truth: tuple[Path, list[tuple[str, str]]], new_warehouse: Callable[..., Any]
) -> None:
    store, after = truth
    warehouse = new_warehouse(store)
    warehouse.load()
    warehouse.build_by_rules()
    found = warehouse.query("select git_branch, git_commit from file_operations order by occurred_at")
    assert len(found) == len(STEPS)
    wrong = []
    for step, (branch, head), (git_branch, git_commit) in zip(STEPS, after, found, strict=True):
        right_branch = git_branch == (branch or None) if step.knows_branch else git_branch is None
        right_commit = git_commit is not None and head.startswith(git_commit)
        if not right_branch or right_commit != step.knows_commit or (git_commit and not right_commit):
            wrong.append((step.command, (branch, head[:9]), (git_branch, git_commit)))
    assert not wrong, "\n".join(map(str, wrong))

    # All of it is still known when nothing but git's own words are left.
    events = "select * exclude (load_batch_id) from git_events order by git_event_id"
    operations = "select * exclude (load_batch_id, git_diff) from file_operations order by file_op_id"
    before = warehouse.query(events), warehouse.query(operations)
    warehouse.prune(0)
    warehouse.dbt("run", "--select", "+git_events", "+file_operations")
    assert "first; git checkout -b no" not in str(warehouse.query("select payload from raw.parts"))
    assert warehouse.query(events) == before[0]
    assert warehouse.query(operations) == before[1]


def test_how_much_is_known_is_what_the_page_says(history: Callable[[str], Any]) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "git.md").read_text()
    [(sql, table)] = re.findall(r"```sql\n([^`]*)```\n\n((?:\|.*\n)+)", page)
    [row] = history("1.18.34").warehouse.query(sql)
    assert [cell.strip() for cell in table.splitlines()[2].strip("|").split("|")] == [str(n) for n in row]
