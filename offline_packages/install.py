"""Fill dbt_packages/ from DBT_PACKAGES_FOLDER, else from the dbt hub, else with our stubs."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = ("elementary", "dbt_utils")
STUBS = Path(__file__).resolve().parent
PROJECT = STUBS.parent
TARGET = PROJECT / "dbt_packages"
DECLARATION = PROJECT / "packages.yml"
# The declaration that hub packages were fetched for, kept beside them. dbt looks at directories only.
FETCHED_FOR = TARGET / DECLARATION.name
HUB_SECONDS = 60.0

OFF_NOTICE = """\
  Elementary is off: the dbt hub did not answer, and DBT_PACKAGES_FOLDER is not set.
  Everything else works: the models and all of the project's own tests.
  To turn it on: DBT_PACKAGES_FOLDER=<folder that holds elementary/ and dbt_utils/> make setup"""


class PackagesError(Exception):
    """Something that the user can put right; the message says how."""


def is_package(folder: Path) -> bool:
    """Say whether the folder holds a dbt package."""
    return (folder / "dbt_project.yml").is_file()


def is_real_package(folder: Path) -> bool:
    """Say whether the folder holds a dbt package of its own: no link, and no copy of a stub."""
    stub = STUBS / folder.name / "dbt_project.yml"
    return (
        is_package(folder)
        and not folder.is_symlink()
        and (folder / "dbt_project.yml").read_bytes() != stub.read_bytes()
    )


def requested_folder() -> Path | None:
    """Return the folder that DBT_PACKAGES_FOLDER names, checked; None where it names none."""
    value = os.environ.get("DBT_PACKAGES_FOLDER", "")
    if not value:
        return None
    folder = Path(value).expanduser().resolve()
    # Elementary's command line is told of the filled folder by the same variable. That is not a source.
    if folder == TARGET.resolve():
        return None
    missing = [name for name in PACKAGES if not is_package(folder / name)]
    if missing:
        raise PackagesError(
            f"DBT_PACKAGES_FOLDER is {folder}, which lacks {' and '.join(f'{name}/' for name in missing)}.\n"
            "Put the dbt packages elementary and dbt_utils there, each in a folder of that name, "
            "or unset the variable to go on without."
        )
    # Filling starts by emptying the target, which must not take the source with it.
    if any(TARGET.resolve() in (folder / name).resolve().parents for name in PACKAGES):
        raise PackagesError(
            f"DBT_PACKAGES_FOLDER is {folder}, whose packages lie in {TARGET}, the folder to be filled.\n"
            "Name a folder outside of it, or unset the variable."
        )
    return folder


def remove(path: Path) -> None:
    """Remove a link, a file or a whole directory; what a link points to stays."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def link_packages(source: Path, *, relative: bool = False) -> None:
    """Make dbt_packages/ a directory of links to the packages in the source folder."""
    remove(TARGET)
    TARGET.mkdir()
    for name in PACKAGES:
        package = source / name
        link_to = Path(os.path.relpath(package, TARGET)) if relative else package
        (TARGET / name).symlink_to(link_to, target_is_directory=True)


def fetch_from_hub(dbt: str, seconds: float) -> bool:
    """Replace dbt_packages/ by what `dbt deps` fetches; change nothing where that fails."""
    if shutil.which(dbt) is None:
        return False
    with tempfile.TemporaryDirectory() as scratch:
        # A project of its own: a failed fetch leaves the packages in use alone, and no lock file appears.
        project = Path(scratch)
        (project / "dbt_project.yml").write_text("name: only_packages\nprofile: none\n")
        shutil.copy(DECLARATION, project)
        command = [dbt, "--no-send-anonymous-usage-stats", "deps", "--project-dir", scratch]
        try:
            done = subprocess.run(command, cwd=scratch, capture_output=True, timeout=seconds, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        fetched = project / "dbt_packages"
        if done.returncode != 0 or not all(is_package(fetched / name) for name in PACKAGES):
            return False
        remove(TARGET)
        shutil.move(fetched, TARGET)
    shutil.copy(DECLARATION, FETCHED_FOR)
    return True


def has_hub_packages() -> bool:
    """Say whether dbt_packages/ holds real packages, not known to be fetched for another packages.yml."""
    return all(is_real_package(TARGET / name) for name in PACKAGES) and (
        # Without the record somebody ran `dbt deps` by hand.
        not FETCHED_FOR.is_file() or FETCHED_FOR.read_bytes() == DECLARATION.read_bytes()
    )


def is_filled(folder: Path | None) -> bool:
    """Say whether dbt_packages/ is complete and, if a folder is asked for, comes from there."""
    if folder is not None:
        return all((TARGET / name).resolve() == (folder / name).resolve() for name in PACKAGES)
    linked = all((TARGET / name).is_symlink() and is_package(TARGET / name) for name in PACKAGES)
    return linked or has_hub_packages()


def fill(folder: Path | None, dbt: str, seconds: float) -> str:
    """Fill dbt_packages/ the best way there is and return the line that says which."""
    if folder is not None:
        link_packages(folder)
        return f"dbt packages: local, linked to {folder}"
    print(f"dbt packages: asking the dbt hub (at most {seconds:.0f} s) ...", flush=True)
    if fetch_from_hub(dbt, seconds):
        return "dbt packages: hub, fetched by dbt deps"
    if has_hub_packages():
        return "dbt packages: hub, kept as fetched before (the hub did not answer)"
    link_packages(STUBS, relative=True)
    return f"dbt packages: off, stubs in their place\n{OFF_NOTICE}"


def main() -> int:
    """Run the command; exit code 2 where the user has to put something right."""
    beside_python = Path(sys.executable).with_name("dbt")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--keep", action="store_true", help="do nothing where dbt_packages/ is in order already"
    )
    parser.add_argument(
        "--dbt", default=str(beside_python) if beside_python.exists() else "dbt", help="the dbt command"
    )
    parser.add_argument("--timeout", type=float, default=HUB_SECONDS, help="seconds to wait for the hub")
    options = parser.parse_args()
    try:
        folder = requested_folder()
        if not (options.keep and is_filled(folder)):
            print(fill(folder, options.dbt, options.timeout))
    except PackagesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
