"""Charts as SVG. Colours are classes, for the page's style sheet to fill; layers differ by a hatch, too. Nothing that comes in is
known to be safe: every text is escaped here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 960, 150
_LEFT, _RIGHT, _TOP, _AXIS = 64, 64, 10, 24
_PLOT_W, _PLOT_H = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _AXIS
_WIDEST_BAR = 28.0
_NAMES = 170  # the width that names take at the left, and numbers at the right
# Of a build by how it ended, from its place on.
_SHAPES: Mapping[str, str] = {
    "promoted": "m-4 -4h8v8h-8z",
    "nothing_changed": "m-4 0h8",
    "plan_only": "m-4 -4h8v8h-8z",
    "not_promoted": "m0 -5l5 5l-5 5l-5 -5z",
    "failed": "m-4 -4l8 8m0 -8l-8 8",
    "open": "m0 -4a4 4 0 1 1 -.01 0z",
    "unread": "m0 -5v6m0 2v2",
}
# Of a check by its verdict, from its place on. A dot is a line of no length with round ends: many of them are short to say.
_VERDICTS: Mapping[str, str] = {
    "pass": "h0",
    "undecided": "m0 -5l5 9h-10z",
    "fail": "m-4 -4l8 8m-8 0l8 -8",
    "skipped": "m-3 0h6",
}
_CHECK_H = 32  # a row's name above, its marks below
# (Angle, distance) of the lines of each layer but the first.
_HATCHES = ((45, 4), (135, 4), (0, 4), (90, 4), (45, 8), (135, 8), (0, 8))

Value = float | None
Words = Callable[[float], str]


@dataclass(frozen=True)
class Slot:
    """A place on the axis: a build. `name`: what its tooltip begins with; `sort`: how it ended, for its mark."""

    name: str
    href: str
    sort: str


@dataclass(frozen=True)
class Series:
    """One value a slot; None: there is none, which is not 0."""

    name: str
    values: Sequence[Value]


@dataclass(frozen=True)
class Scale:
    """From 0 to `top`, over the height of the plot."""

    top: float

    def height(self, value: float) -> float:
        return 0.0 if self.top <= 0 else max(0.0, min(1.0, value / self.top)) * _PLOT_H


def definitions() -> str:
    """What the charts of a page refer to: a hatch for each layer but the first. Once a page."""
    return f'<svg class="defs" aria-hidden="true"><defs>{"".join(_hatches())}</defs></svg>'


def bars(
    title: str,
    slots: Sequence[Slot],
    layers: Sequence[Series],
    lines: Sequence[Series],
    words: Words,
    *,
    one_scale: bool,
) -> str:
    """Layers stacked to one bar a slot, and lines above them, on the bars' scale or on one of their own at the right."""
    scale = Scale(max((_total(layers, slot) for slot in range(len(slots))), default=0.0))
    highest = max((value for line in lines for value in line.values if value is not None), default=0.0)
    scale = Scale(max(scale.top, highest)) if one_scale else scale
    right = scale if one_scale else Scale(highest)
    body = [*_axes(scale, None if one_scale or not lines else right, words), *_layers(layers, len(slots), scale)]
    centers = [_center(number, len(slots)) for number in range(len(slots))]
    body.extend(_marks(slots, centers, HEIGHT - 12))
    said = [_said(slot, number, (*layers, *lines), words) for number, slot in enumerate(slots)]
    body.append(_links(said, centers, _PLOT_W / max(1, len(slots)), HEIGHT))
    body.extend(_line(line, number, len(slots), right) for number, line in enumerate(lines))
    return _svg(title, WIDTH, HEIGHT, body)


def verdicts(title: str, slots: int, checks: Mapping[str, Sequence[str | None]]) -> str:
    """A row a check, with a mark of its verdict at each slot; None: it was not made."""
    places: dict[str, list[str]] = {}
    for row, found in enumerate(checks.values()):
        for number, verdict in enumerate(found):
            if verdict is not None:
                places.setdefault(verdict, []).append(f"M{_n(_center(number, slots))} {row * _CHECK_H + 22}")
    names = [_text(_LEFT, row * _CHECK_H + 12, name, "start") for row, name in enumerate(checks)]
    marks = [_verdict(verdict, its) for verdict, its in places.items()]
    return _svg(title, WIDTH, max(1, _CHECK_H * len(checks)), [*names, *marks])


def verdict_key() -> dict[str, str]:
    """For a legend: each verdict with its mark."""
    return {
        verdict: f'<svg width="14" height="14" aria-hidden="true">{_verdict(verdict, ["M7 7"])}</svg>'
        for verdict in _VERDICTS
    }


def _verdict(verdict: str, places: Sequence[str]) -> str:
    """One that is not known looks like a failure: somebody has to look at it."""
    known = verdict if verdict in _VERDICTS else "fail"
    return f'<path class="verdict {known}" d="{"".join(place + _VERDICTS[known] for place in places)}"/>'


def strip(title: str, slots: Sequence[Slot]) -> str:
    """Small marks side by side, one a build: shape and colour by how it ended."""
    step = 14
    centers = [step * (number + 0.5) for number in range(len(slots))]
    return _svg(title, max(1, step * len(slots)), 18, [*_marks(slots, centers, 9), _links(slots, centers, step, 18)])


def waterfall(title: str, seconds: Mapping[str, float], words: Words) -> str:
    """Each stage's seconds of work as a bar that begins where the one before it ends."""
    total, row, done = sum(seconds.values()), 20, 0.0
    scale = (WIDTH - 2 * _NAMES) / total if total > 0 else 0.0
    body: list[str] = []
    for number, (name, each) in enumerate(seconds.items()):
        left, long, y = _NAMES + done * scale, each * scale, number * row
        body.append(_text(_NAMES - 8, y + 14, name, "end"))
        body.append(_rect(left, y + 3, long, row - 6, 0, f"{name}: {words(each)}"))
        body.append(_text(left + long + 6, y + 14, words(each), "start"))
        done += each
    return _svg(title, WIDTH, max(row, row * len(seconds)), body)


def shares(title: str, parts: Mapping[str, float], words: Words) -> str:
    """One bar that is divided among the parts."""
    total, left = sum(parts.values()), 0.0
    body: list[str] = []
    for number, (name, value) in enumerate(parts.items()):
        long = value / total * WIDTH if total > 0 else 0.0
        body.append(_rect(left, 2, long, 24, number, f"{name}: {words(value)}"))
        left += long
    return _svg(title, WIDTH, 28, body)


def _total(layers: Sequence[Series], slot: int) -> float:
    return sum(layer.values[slot] or 0.0 for layer in layers)


def _layers(layers: Sequence[Series], of: int, scale: Scale) -> Iterator[str]:
    """Each as one path, whose strokes are its bars: they are many, and short to say."""
    bottoms = [float(_TOP + _PLOT_H)] * of
    for number, layer in enumerate(layers):
        bars = []
        for slot, value in enumerate(layer.values):
            height = scale.height(value or 0.0)
            if height > 0:
                bars.append(f"M{_n(_center(slot, of))} {_n(bottoms[slot])}v-{_n(height)}")
                bottoms[slot] -= height
        if bars:
            colour = f'stroke="url(#p{number})"' if number else 'class="s0"'
            yield f'<path {colour} stroke-width="{_n(min(_WIDEST_BAR, _PLOT_W / of * 0.8))}" d="{"".join(bars)}"/>'


def _said(slot: Slot, number: int, series: Sequence[Series], words: Words) -> Slot:
    """With its numbers in its tooltip."""
    known = ((each.name, each.values[number]) for each in series)
    said = [f"{name}: {words(value)}" for name, value in known if value is not None]
    return Slot("\n".join([slot.name, *said]), slot.href, slot.sort)


def _line(line: Series, number: int, of: int, scale: Scale) -> str:
    """Broken where there is no value."""
    points = [
        None if value is None else f"{_n(_center(slot, of))},{_n(_TOP + _PLOT_H - scale.height(value))}"
        for slot, value in enumerate(line.values)
    ]
    drawn, runs = [], _runs(points)
    for run in runs:
        alone = len(run) == 1
        x, y = run[0].split(",")
        drawn.append(
            f'<circle class="line{number}" cx="{x}" cy="{y}" r="2"/>'
            if alone
            else f'<polyline class="line{number}" points="{" ".join(run)}"/>'
        )
    return "".join(drawn)


def _runs(points: Sequence[str | None]) -> list[list[str]]:
    runs: list[list[str]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _center(number: int, of: int) -> float:
    return _LEFT + (number + 0.5) * _PLOT_W / of


def _axes(left: Scale, right: Scale | None, words: Words) -> Iterator[str]:
    bottom = _TOP + _PLOT_H
    yield f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{WIDTH - _RIGHT}"/>'
    yield _text(_LEFT - 6, _TOP + 8, words(left.top), "end") + _text(_LEFT - 6, bottom, words(0.0), "end")
    if right is not None:
        yield _text(WIDTH - _RIGHT + 6, _TOP + 8, words(right.top), "start")


def _hatches() -> Iterator[str]:
    for layer, (angle, step) in enumerate(_HATCHES, start=1):
        size = f'width="{step}" height="{step}" patternUnits="userSpaceOnUse" patternTransform="rotate({angle})"'
        lines = f'<rect class="l{layer}" width="8" height="8"/><path class="hatch" d="M0 0V8"/>'
        yield f'<pattern id="p{layer}" {size}>{lines}</pattern>'


def _rect(x: float, y: float, width: float, height: float, layer: int, title: str = "") -> str:
    """Of a layer: plain colour for the first, a pattern of the page for each other one."""
    fill = f'fill="url(#p{layer})"' if layer else 'class="b0"'
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    said = f"<title>{escape(title)}</title></rect>" if title else ""
    return f"<rect {fill} {place}{'>' + said if said else '/>'}"


def _links(slots: Sequence[Slot], centers: Sequence[float], width: float, height: float) -> str:
    """A column a slot, where the pointer finds it however small its bar."""
    links = (
        f'<a href="{escape(slot.href)}"><title>{escape(slot.name)}</title><path d="M{_n(center)} 0v{_n(height)}"/></a>'
        for slot, center in zip(slots, centers, strict=True)
    )
    return f'<g stroke-width="{_n(width)}">{"".join(links)}</g>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{escape(words)}</text>'


def _marks(slots: Sequence[Slot], centers: Sequence[float], y: float) -> Iterator[str]:
    """How each ended, a path for each way."""
    places: dict[str, list[str]] = {}
    for slot, center in zip(slots, centers, strict=True):
        sort = slot.sort if slot.sort in _SHAPES else "unread"
        places.setdefault(sort, []).append(f"M{_n(center)} {_n(y)}{_SHAPES[sort]}")
    return (f'<path class="mark {sort}" d="{"".join(its)}"/>' for sort, its in places.items())


def _svg(title: str, width: float, height: float, body: Sequence[str]) -> str:
    size = f'viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" height="{_n(height)}"'
    return f'<svg role="img" aria-label="{escape(title)}" {size}>{"".join(body)}</svg>'


def _n(value: float) -> str:
    """As short as it goes; never NaN."""
    return f"{value if math.isfinite(value) else 0.0:.1f}".rstrip("0").rstrip(".")
