"""Filling dbt_packages/: three modes, switching between them, and what must survive it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("elementary", "dbt_utils")

# Fetches as `dbt deps` does: into the project it is pointed at.
WORKING_DBT = """\
#!/bin/sh
project=.
while [ $# -gt 0 ]; do
    if [ "$1" = --project-dir ]; then project=$2; fi
    shift
done
grep -q elementary "$project/packages.yml" || exit 3
for name in elementary dbt_utils; do
    mkdir -p "$project/dbt_packages/$name"
    echo "name: $name" > "$project/dbt_packages/$name/dbt_project.yml"
done
touch "$project/package-lock.yml"
"""
HUB_OUT_OF_REACH = "#!/bin/sh\nexit 2\n"
HUB_WITHOUT_END = "#!/bin/sh\nexec sleep 30\n"
EMPTY_HANDED_DBT = "#!/bin/sh\nexit 0\n"


class Project:
    """A copy of what set-up needs, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.packages = root / "dbt_packages"
        root.mkdir()
        shutil.copytree(
            REPOSITORY / "offline_packages",
            root / "offline_packages",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        shutil.copy(REPOSITORY / "packages.yml", root)

    def install(
        self, dbt_script: str, *options: str, folder: Path | str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the installer with a fake dbt."""
        dbt = self.root.parent / "dbt"
        dbt.write_text(dbt_script)
        dbt.chmod(0o755)
        environment = {name: value for name, value in os.environ.items() if name != "DBT_PACKAGES_FOLDER"}
        if folder is not None:
            environment["DBT_PACKAGES_FOLDER"] = str(folder)
        installer = self.root / "offline_packages" / "install.py"
        return subprocess.run(
            [sys.executable, str(installer), "--dbt", str(dbt), *options],
            cwd=self.root.parent,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def mode(self) -> str:
        """Name the mode that dbt_packages/ is in, judged by what lies there."""
        modes = set()
        for name in PACKAGES:
            package = self.packages / name
            assert (package / "dbt_project.yml").is_file(), f"{name} is not there"
            if not package.is_symlink():
                modes.add("hub")
            elif package.resolve() == (self.root / "offline_packages" / name).resolve():
                modes.add("off")
            else:
                modes.add("local")
        assert len(modes) == 1, f"packages of two modes: {modes}"
        return modes.pop()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "a project")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my packages"
    for name in PACKAGES:
        (folder / name).mkdir(parents=True)
        (folder / name / "dbt_project.yml").write_text(f"name: {name}\n")
    return folder


def test_a_named_folder_is_linked_and_the_hub_is_not_asked(project: Project, folder: Path) -> None:
    done = project.install(WORKING_DBT, folder=folder)

    assert done.returncode == 0
    assert done.stdout == f"dbt packages: local, linked to {folder}\n"
    assert project.mode() == "local"
    assert (project.packages / "elementary").resolve() == folder / "elementary"


def test_a_folder_may_be_named_relative_to_where_one_stands(project: Project, folder: Path) -> None:
    assert project.install(HUB_OUT_OF_REACH, folder=folder.name).returncode == 0
    assert (project.packages / "dbt_utils").resolve() == folder / "dbt_utils"


def test_the_hub_is_used_where_it_answers(project: Project) -> None:
    done = project.install(WORKING_DBT)

    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "dbt packages: hub, fetched by dbt deps"
    assert project.mode() == "hub"


def test_a_fetch_leaves_no_file_outside_dbt_packages(project: Project) -> None:
    before = sorted(project.root.iterdir())
    project.install(WORKING_DBT)

    assert sorted(project.root.iterdir()) == sorted([*before, project.packages])


@pytest.mark.parametrize("dbt_script", [HUB_OUT_OF_REACH, EMPTY_HANDED_DBT])
def test_stubs_are_used_where_the_hub_gives_nothing(project: Project, dbt_script: str) -> None:
    done = project.install(dbt_script)

    assert done.returncode == 0
    assert project.mode() == "off"
    mode_line, *notice = done.stdout.splitlines()[1:]
    assert mode_line == "dbt packages: off, stubs in their place"
    assert len(notice) == 3
    assert "Elementary is off" in notice[0]
    assert "DBT_PACKAGES_FOLDER" in notice[2]


def test_a_hub_that_never_answers_is_given_up(project: Project) -> None:
    done = project.install(HUB_WITHOUT_END, "--timeout", "0.5")

    assert done.returncode == 0
    assert project.mode() == "off"


def test_stubs_are_used_where_there_is_no_dbt(project: Project) -> None:
    done = project.install(WORKING_DBT, "--dbt", "no-such-dbt-command")

    assert done.returncode == 0
    assert project.mode() == "off"


def test_stubs_are_linked_so_that_the_project_can_be_moved(project: Project, tmp_path: Path) -> None:
    project.install(HUB_OUT_OF_REACH)
    moved = project.root.rename(tmp_path / "moved")

    assert (moved / "dbt_packages" / "elementary" / "dbt_project.yml").is_file()


@pytest.mark.parametrize("first", ["hub", "local", "off"])
@pytest.mark.parametrize("second", ["hub", "local", "off"])
def test_every_mode_can_follow_every_mode(project: Project, folder: Path, first: str, second: str) -> None:
    for mode in (first, second, second):
        if mode == "local":
            done = project.install(HUB_OUT_OF_REACH, folder=folder)
        else:
            # What the hub once gave is only left for stubs when the declaration has changed since.
            if mode == "off" and (project.packages / "packages.yml").exists():
                (project.packages / "packages.yml").write_text("packages: []\n")
            done = project.install(WORKING_DBT if mode == "hub" else HUB_OUT_OF_REACH)
        assert done.returncode == 0
        assert project.mode() == mode

    assert sorted(entry.name for entry in folder.rglob("*.yml")) == ["dbt_project.yml"] * 2
    assert (project.root / "offline_packages" / "elementary" / "dbt_project.yml").is_file()


def test_fetched_packages_are_kept_when_the_hub_is_out_of_reach_later(project: Project) -> None:
    project.install(WORKING_DBT)
    done = project.install(HUB_OUT_OF_REACH)

    assert done.returncode == 0
    assert project.mode() == "hub"
    assert "kept as fetched before" in done.stdout


def test_packages_that_dbt_deps_fetched_by_hand_are_kept(project: Project, folder: Path) -> None:
    shutil.copytree(folder, project.packages)

    assert project.install(HUB_OUT_OF_REACH, "--keep").stdout == ""
    assert "kept as fetched before" in project.install(HUB_OUT_OF_REACH).stdout
    assert project.mode() == "hub"


def test_copied_stubs_do_not_pass_for_packages(project: Project) -> None:
    for name in PACKAGES:
        shutil.copytree(project.root / "offline_packages" / name, project.packages / name)
    project.install(HUB_OUT_OF_REACH, "--keep")

    assert project.mode() == "off"


def test_packages_fetched_for_another_declaration_are_not_kept(project: Project) -> None:
    project.install(WORKING_DBT)
    declaration = project.root / "packages.yml"
    declaration.write_text(declaration.read_text() + "# changed\n")

    assert project.install(HUB_OUT_OF_REACH, "--keep").returncode == 0
    assert project.mode() == "off"


@pytest.mark.parametrize("missing", [("elementary",), ("dbt_utils",), PACKAGES])
def test_a_folder_that_lacks_a_package_is_refused_by_name(
    project: Project, folder: Path, missing: tuple[str, ...]
) -> None:
    project.install(HUB_OUT_OF_REACH)
    for name in missing:
        (folder / name / "dbt_project.yml").unlink()
    done = project.install(WORKING_DBT, folder=folder)

    assert done.returncode == 2
    assert f"lacks {' and '.join(f'{name}/' for name in missing)}." in done.stderr
    assert "unset the variable" in done.stderr
    assert "Traceback" not in done.stderr
    assert project.mode() == "off", "what was there before stays"


def test_the_folder_to_be_filled_is_not_taken_for_a_source(project: Project) -> None:
    project.install(WORKING_DBT)
    done = project.install(HUB_OUT_OF_REACH, folder=project.packages)

    assert done.returncode == 0
    assert project.mode() == "hub"


def test_a_source_inside_the_folder_to_be_filled_is_refused_and_stays(project: Project, folder: Path) -> None:
    project.install(WORKING_DBT)
    inside = project.packages / "mine"
    shutil.copytree(folder, inside)
    done = project.install(WORKING_DBT, folder=inside)

    assert done.returncode == 2
    assert (inside / "elementary" / "dbt_project.yml").is_file()


def test_nothing_behind_a_link_is_deleted(project: Project, folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(folder / "elementary", elsewhere / "elementary")
    project.packages.symlink_to(elsewhere, target_is_directory=True)
    project.install(HUB_OUT_OF_REACH)

    assert project.mode() == "off"
    assert not project.packages.is_symlink()
    assert (elsewhere / "elementary" / "dbt_project.yml").is_file()


@pytest.mark.parametrize("mode", ["hub", "local", "off"])
def test_keep_leaves_what_is_in_order_alone_and_says_nothing(
    project: Project, folder: Path, mode: str
) -> None:
    project.install(
        WORKING_DBT if mode == "hub" else HUB_OUT_OF_REACH, folder=folder if mode == "local" else None
    )
    before = project.packages.stat().st_ino
    done = project.install(WORKING_DBT, "--keep")

    assert (done.returncode, done.stdout) == (0, "")
    assert project.mode() == mode
    assert project.packages.stat().st_ino == before


def test_keep_fills_what_is_missing_or_broken(project: Project, folder: Path) -> None:
    project.install(HUB_OUT_OF_REACH, "--keep")
    assert project.mode() == "off"

    project.install(HUB_OUT_OF_REACH, "--keep", folder=folder)
    assert project.mode() == "local"

    shutil.rmtree(folder)
    project.install(HUB_OUT_OF_REACH, "--keep")
    assert project.mode() == "off"
