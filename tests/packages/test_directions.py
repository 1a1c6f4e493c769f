"""Which package may import which: what is below knows nothing of what stands on it."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture import arrows

PROJECT = Path(__file__).resolve().parents[2]
ROOTS = ("ingest", "opencode_warehouse", "dev")


def modules(root: str) -> dict[str, Path]:
    """Return the modules of a package, by name."""
    found = {}
    for file in sorted((PROJECT / root).rglob("*.py")):
        parts = file.relative_to(PROJECT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = {name: file for root in ROOTS for name, file in modules(root).items()}


def imports(name: str) -> Iterator[str]:
    """Yield what a module of ours imports of ours when it is imported: not what its functions do."""
    waiting: list[ast.AST] = [ast.parse(MODULES[name].read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports of ours name their package"
            assert node.module is not None
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield from (one for one in (whole if whole in MODULES else node.module,) if one in MODULES)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def room_of(name: str) -> str:
    """Return the package below `ingest` or `opencode_warehouse` that a module is in, else the module."""
    parts = name.split(".")
    is_package = (PROJECT / Path(*parts[:2])).is_dir()
    return ".".join(parts[:2]) if is_package or len(parts) < 2 else name


def circle(references: dict[str, set[str]]) -> list[str] | None:
    """Return a circle of references, None where there is none."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str] | None:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return None
        for other in sorted(references[name]):
            if found := walk(other, [*path, name]):
                return found
        done.add(name)
        return None

    return next((found for name in sorted(references) if (found := walk(name, []))), None)


def references_of_rooms() -> dict[str, set[str]]:
    """Return what each room imports of others."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in MODULES:
        found[room_of(name)] |= {room_of(one) for one in imports(name)} - {room_of(name)}
    return found


@pytest.mark.parametrize("name", [name for name in MODULES if name.partition(".")[0] == "ingest"])
def test_the_loader_knows_nothing_of_what_stands_on_it(name: str) -> None:
    assert [one for one in imports(name) if one.partition(".")[0] != "ingest"] == []


def test_what_people_run_knows_nothing_of_what_contributors_run() -> None:
    named = [name for name in MODULES if name.partition(".")[0] == "opencode_warehouse"]
    found = {name: [one for one in imports(name) if one.partition(".")[0] == "dev"] for name in named}
    assert {name: ones for name, ones in found.items() if ones} == {}


def test_no_package_leads_back_to_itself() -> None:
    rooms = references_of_rooms()
    assert rooms["opencode_warehouse.build"] > {"opencode_warehouse.keep", "ingest.raw"}
    assert circle(rooms) is None


def test_no_module_leads_back_to_itself() -> None:
    assert circle({name: set(imports(name)) - {name} for name in MODULES}) is None


def test_a_circle_is_named() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) is None


def test_the_picture_of_packages_is_that_of_the_code() -> None:
    folders = {room for room in map(room_of, MODULES) if (PROJECT / Path(*room.split("."))).is_dir()}
    folders = {room for room in folders if "." in room and not room.startswith("dev.")}
    real = {
        (room.split(".")[1], other.split(".")[1])
        for room, others in references_of_rooms().items()
        for other in others
        if {room, other} <= folders
    }
    assert arrows("Packages") == real
