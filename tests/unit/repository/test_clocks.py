"""Where the core's time comes from: arguments. A test that waits for a real clock is slow, and one that reads it lies."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[3] / "include" / "sparse_index"
BEGIN = ("timing.py", "cli/")
CLOCKS = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "asyncio.sleep", "utc_now", "REAL_TIME")


def is_clock(node: ast.AST) -> bool:
    """`time.monotonic`, `datetime.datetime.now`, ...: called or only named. Nothing is taken out of `time` by name."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "time"
    if not isinstance(node, ast.Name | ast.Attribute):
        return False
    name = ast.unparse(node)
    return name.startswith("time.") or any(name == clock or name.endswith(f".{clock}") for clock in CLOCKS)


def defaults(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            yield from (default for default in [*node.defaults, *node.kw_defaults] if default is not None)


def clocks_read(source: str) -> list[str]:
    """The places outside of an argument's default, as "line: clock"."""
    tree = ast.parse(source)
    allowed = set(defaults(tree))
    found = (node for node in ast.walk(tree) if is_clock(node) and node not in allowed)
    return [f"{node.lineno}: {ast.unparse(node)}" for node in found]  # type: ignore[attr-defined]


def test_a_clock_comes_in_as_an_argument() -> None:
    files = {file.relative_to(CORE).as_posix(): file for file in CORE.rglob("*.py")}
    inside = {name: file for name, file in files.items() if not name.startswith(BEGIN)}
    read = [f"{name}:{place}" for name, file in inside.items() for place in clocks_read(file.read_text("utf-8"))]
    assert read == []
    assert len(inside) > 100


@pytest.mark.parametrize(
    "source",
    [
        "def f(): return time.time()",
        "def f(): return datetime.now(UTC)",
        "def f(): return datetime.datetime.now(UTC)",
        "def f(at=datetime.now(UTC)): ...",
        "def f(): g(sleep=time.sleep)",
        "def f(): return utc_now()",
        "from time import sleep",
        "class C:\n    clock: Clock = time.monotonic",
    ],
)
def test_one_that_is_read_is_found(source: str) -> None:
    assert len(clocks_read(source)) == 1


def test_the_default_of_an_argument_is_where_the_real_one_comes_in() -> None:
    assert clocks_read("def f(*, clock=time.monotonic, now: Now = utc_now, g=lambda sleep=time.sleep: 0): ...") == []
