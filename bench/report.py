"""Writes what was measured into docs/performance.md: `PYTHONPATH=include python bench/report.py`.

Each `<!-- <name> -->` there begins a table and a chart that are made of bench/results/<name>.json and nothing else, those of
`TABLES` a table alone; a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import escape
from pathlib import Path

import estimates
import task_costs
from side_by_side import RESULTS, Comparison, load

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "performance.md"
CHARTS = DOCS / "performance"
BLOCK = re.compile(r"<!-- (\w+) -->\n.*?<!-- end -->", re.DOTALL)
TABLES: Mapping[str, Callable[[], str]] = {
    "tasks": lambda: task_costs.table(task_costs.load_costs()),
    "estimates": lambda: estimates.table(estimates.load_measured()),
}
WIDTH, LINE, NAMES, NUMBERS = 760, 26, 260, 150


def block(found: Comparison) -> str:
    """The part of the page about one comparison."""
    spread = "median (lowest to highest)"
    head = f"| {found.title} | {found.unit}, {spread} | {found.ours} is so many times better |\n|---|---|---|"
    lines = "\n".join(_row(found, name) for name in found.figures)
    made = f"`{found.command}`, {found.measured_at}, {found.machine}, {_rounds(found)} rounds, load before {found.load:.1f}."
    chart = f"![{found.title}](performance/{found.name}.svg)"
    return f"<!-- {found.name} -->\n{head}\n{lines}\n\n{chart}\n\n{made}\n<!-- end -->"


def _rounds(found: Comparison) -> int:
    return len(found.figures[found.ours])


def _row(found: Comparison, name: str) -> str:
    figures, ratios = found.figures[name], found.ratios(name)
    told = "" if name == found.ours else f"{found.ratio(name):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"| {name} | {found.median(name):,.1f} ({min(figures):,.1f} to {max(figures):,.1f}) | {told} |"


def chart(found: Comparison) -> str:
    """Bars of the medians, a line from lowest to highest; the table beside it has the same numbers."""
    top = max(max(figures) for figures in found.figures.values())
    height = LINE * len(found.figures) + 8
    bars = "".join(_bar(found, name, number, top) for number, name in enumerate(found.figures))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-family="sans-serif" '
        f'font-size="13"><title>{escape(found.title)}</title><rect width="100%" height="100%" fill="#fff"/>{bars}</svg>\n'
    )


def _bar(found: Comparison, name: str, number: int, top: float) -> str:
    scale, y = (WIDTH - NAMES - NUMBERS) / top, LINE * number + 6
    figures, median = found.figures[name], found.median(name)
    low, high, middle = NAMES + min(figures) * scale, NAMES + max(figures) * scale, y + LINE / 2 - 3
    fill = "#0b6e99" if name == found.ours else "#9aa7b0"
    return (
        f'<text x="{NAMES - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{NAMES}" y="{y}" width="{median * scale:.1f}" height="{LINE - 6}" fill="{fill}"/>'
        f'<path d="M{low:.1f} {middle:.1f}H{high:.1f}" stroke="#222"/>'
        f'<text x="{high + 8:.1f}" y="{y + 14}">{median:,.1f} {escape(found.unit)}</text>'
    )


def page(written: str) -> str:
    """The page with all of its blocks made anew."""
    return BLOCK.sub(lambda place: _made_of(place[1]), written)


def _made_of(name: str) -> str:
    if name in TABLES:
        return f"<!-- {name} -->\n{TABLES[name]()}\n<!-- end -->"
    return block(load(RESULTS / f"{name}.json"))


def shown(written: str) -> Iterator[Comparison]:
    """The comparisons that the page has."""
    yield from (load(RESULTS / f"{name}.json") for name in BLOCK.findall(written) if name not in TABLES)


def main() -> None:
    written = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page(written), encoding="utf-8")
    CHARTS.mkdir(exist_ok=True)
    for found in shown(written):
        (CHARTS / f"{found.name}.svg").write_text(chart(found), encoding="utf-8")


if __name__ == "__main__":
    main()
