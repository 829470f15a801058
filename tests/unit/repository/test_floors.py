"""The core is a house of floors: a room imports from lower floors only. Read from the imports themselves.

`python tests/unit/repository/test_floors.py` prints the table of rooms, their files, and which rooms they import from.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

CORE = Path(__file__).parents[3] / "include" / "sparse_index"

# From the ground up. A room is a folder, or a module that lies beside the folders.
FLOORS: tuple[frozenset[str], ...] = tuple(
    frozenset(floor.split())
    for floor in (
        "addresses certificates names roles timing values",
        "errors progress",
        "cluster store",
        "forms",
        "config",
        "vectors corpus",
        "alerts builds ml proposal",
        "live",
        "creation encode query",
        "relevance",
        "plan serving",
        "preflight index",
        "books gate operations",
        "pipeline console",
        "cli",
        "__main__",
    )
)
FLOOR_OF: Mapping[str, int] = {room: number for number, floor in enumerate(FLOORS) for room in floor}
Found = Mapping[str, Mapping[str, list[str]]]


def room_of(module: str) -> str:
    """Of a module's full name."""
    return module.split(".")[1]


def imported(file: Path) -> Iterator[str]:
    """Full names of the core's modules and names that a file imports, inside functions too; the package's own version is
    in no room."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "sparse_index":
            yield from (f"{node.module}.{name.name}" for name in node.names if name.name != "__version__")
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("sparse_index."))


def found_imports() -> Found:
    """Room -> room it imports from -> "file imports name"."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in sorted(CORE.rglob("*.py")):
        here = file.relative_to(CORE.parent).with_suffix("").parts
        if len(here) == 2 and here[1] == "__init__":
            continue
        for name in imported(file):
            if room_of(name) != here[1]:
                found[here[1]][room_of(name)].append(f"{'/'.join(here)} imports {name}")
    return found


def test_every_room_has_a_floor() -> None:
    rooms = {path.stem for path in CORE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__"} == FLOOR_OF.keys()


def test_a_room_imports_from_lower_floors_only() -> None:
    upwards = [
        f"floor {FLOOR_OF[room]} from floor {FLOOR_OF[other]}: {line}"
        for room, others in found_imports().items()
        for other, lines in others.items()
        if FLOOR_OF[other] >= FLOOR_OF[room]
        for line in lines
    ]
    assert upwards == []


def test_the_page_about_the_house_shows_every_room_on_its_floor() -> None:
    page = CORE.parents[1] / "docs" / "architecture.md"
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert {room: int(floor) for floor, room in rows} == FLOOR_OF
    assert len(rows) == len(FLOOR_OF)


def table(found: Found) -> Iterator[str]:
    for number, floor in reversed(list(enumerate(FLOORS))):
        for room in sorted(floor):
            files = list((CORE / room).rglob("*.py")) or [CORE / f"{room}.py"]
            lines = sum(file.read_text(encoding="utf-8").count("\n") for file in files)
            others = sorted(found.get(room, {}), key=lambda other: (-FLOOR_OF[other], other))
            yield f"{number:2} {room:10} {len(files):3} files {lines:5} lines  imports {', '.join(others) or 'nothing'}"


if __name__ == "__main__":
    print("\n".join(table(found_imports())))  # noqa: T201 - its output is asked for
