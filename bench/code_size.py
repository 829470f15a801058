"""Lines of code and lengths of functions, folder by folder: `python bench/code_size.py`.

Lines that hold code: no blank ones, no comments, no docstrings. A function's length is that of its body without the
docstring.
"""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = (
    "dags",
    "plugins/opensearch_ml",
    "include/sparse_index",
    "include/demo",
    "include/local_cluster",
    "include/local_airflow",
    "tests",
    "bench",
    "docker",
)
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def code_lines(source: str, tree: ast.Module) -> set[int]:
    """Numbers of the lines that hold code."""
    documentation = {line for node in ast.walk(tree) for line in _docstring_lines(node)}
    texts = dict(enumerate(source.splitlines(), start=1))
    return {
        number for number, text in texts.items() if text.strip() and not text.lstrip().startswith("#")
    } - documentation


def _docstring_lines(node: ast.AST) -> range:
    if isinstance(node, Documented) and ast.get_docstring(node, clean=False) is not None:
        first = node.body[0]
        return range(first.lineno, (first.end_lineno or first.lineno) + 1)
    return range(0)


def function_lengths(source: str, tree: ast.Module) -> Iterator[int]:
    lines = code_lines(source, tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield len(lines & set(range(node.body[0].lineno, (node.end_lineno or 0) + 1)))


def main() -> None:
    print("| folder | files | lines of code | functions | median | p90 | longest |\n|---|--:|--:|--:|--:|--:|--:|")
    for folder in FOLDERS:
        sources = [path.read_text(encoding="utf-8") for path in sorted((ROOT / folder).rglob("*.py"))]
        trees = [(source, ast.parse(source)) for source in sources]
        lengths = sorted(length for source, tree in trees for length in function_lengths(source, tree))
        lines = sum(len(code_lines(source, tree)) for source, tree in trees)
        p90 = lengths[int(0.9 * (len(lengths) - 1))]
        middle = statistics.median(lengths)
        print(f"| {folder} | {len(sources)} | {lines:,} | {len(lengths):,} | {middle:.0f} | {p90} | {lengths[-1]} |")


if __name__ == "__main__":
    main()
