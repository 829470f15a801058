"""The builds of a corpus side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sparse_index.console import charts, words
from sparse_index.console.build import SKIPPED, WORST_FIRST, BuildView, Ended, build_view
from sparse_index.console.charts import Series, Slot, Value, Words
from sparse_index.console.receipts import Receipts, build_ids
from sparse_index.console.stages import CHAPTERS, chapter_of
from sparse_index.store.files import Store

SHOWN = 60
NOT_RECORDED = "–"

Pick = Callable[[BuildView], Value]
Href = Callable[[str], str]


@dataclass(frozen=True)
class Chart:
    """`columns` and `rows`: the numbers of the picture, newest first; the first column names the build."""

    title: str
    svg: str
    legend: tuple[str, ...]
    lines: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Timeline:
    """`builds`: newest first. `older`: the id to ask older ones with, None when there are none."""

    builds: tuple[BuildView, ...]
    older: str | None


def timeline(store: Store, receipts: Receipts, alias: str, before: str | None = None, shown: int = SHOWN) -> Timeline:
    """The newest builds, or those before one."""
    ids = [build_id for build_id in build_ids(store, alias) if not before or build_id < before]
    page = ids[:shown]
    found = receipts.of(store, alias, page)
    builds = tuple(build_view(build_id, each) for build_id, each in zip(page, found, strict=True))
    return Timeline(builds, page[-1] if len(ids) > shown else None)


def timeline_charts(builds: Sequence[BuildView], href: Href) -> list[Chart]:
    """`builds` newest first, as the timeline has them; `href`: the address of a build's page."""
    return [draw(builds, href) for draw in (_documents, _texts, _seconds, _speed, _bytes)]


def slots(builds: Iterable[Ended], href: Href) -> list[Slot]:
    """Oldest first, as they stand on the axis."""
    return [
        Slot(
            f"{build.build_id}: {build.sort.words}, data of {build.data_date or 'unknown'}",
            href(build.build_id),
            build.sort,
        )
        for build in reversed([*builds])
    ]


def _documents(builds: Sequence[BuildView], href: Href) -> Chart:
    changed = {name: _planned(name) for name in ("new", "text_changed", "fields_changed", "deleted")}
    return _chart(
        "Documents, and what changed", builds, href, changed, {"documents": lambda build: build.documents}, words.whole
    )


def _texts(builds: Sequence[BuildView], href: Href) -> Chart:
    layers: dict[str, Pick] = {
        "texts encoded": lambda build: build.texts_encoded,
        "vectors reused": lambda build: build.vectors_found,
    }
    return _chart("Texts encoded, vectors reused", builds, href, layers, {}, words.whole)


def _seconds(builds: Sequence[BuildView], href: Href) -> Chart:
    layers = {chapter: _chapter(chapter) for chapter in CHAPTERS}
    lines: dict[str, Pick] = {"wall time": lambda build: build.duration_s, "waiting": lambda build: build.waited_s}
    return _chart("Seconds of work by stage", builds, href, layers, lines, words.duration, one_scale=True)


def _speed(builds: Sequence[BuildView], href: Href) -> Chart:
    layers: dict[str, Pick] = {"texts per second": lambda build: build.encode_rate}
    lines: dict[str, Pick] = {
        "predict calls": lambda build: build.encode.get("predict_calls"),
        "texts refused": lambda build: build.encode.get("dead_letters"),
    }
    return _chart("Speed of encoding", builds, href, layers, lines, _short)


def _bytes(builds: Sequence[BuildView], href: Href) -> Chart:
    layers: dict[str, Pick] = {
        "candidate on disk": lambda build: build.bytes.candidate,
        "vectors added": lambda build: build.bytes.vectors,
        "files of the build": lambda build: build.bytes.store,
    }
    return _chart("Bytes", builds, href, layers, {}, words.size)


def _short(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _planned(name: str) -> Pick:
    return lambda build: build.planned.get(name)


def _chapter(chapter: str) -> Pick:
    return lambda build: _chapter_seconds(build, chapter) if build.stage_s else None


def _chapter_seconds(build: BuildView, chapter: str) -> float:
    return sum(seconds for stage, seconds in build.stage_s.items() if chapter_of(stage) == chapter)


def _chart(
    title: str,
    builds: Sequence[BuildView],
    href: Href,
    layers: Mapping[str, Pick],
    lines: Mapping[str, Pick],
    said: Words,
    *,
    one_scale: bool = False,
) -> Chart:
    picks = {**layers, **lines}
    series = {name: [pick(build) for build in reversed(builds)] for name, pick in picks.items()}
    svg = charts.bars(
        title,
        slots(builds, href),
        [Series(_name(name), series[name]) for name in layers],
        [Series(_name(name), series[name]) for name in lines],
        said,
        one_scale=one_scale,
    )
    rows = tuple(_row(build, picks.values(), said) for build in builds)
    names = tuple(map(_name, picks))
    return Chart(title, svg, names[: len(layers)], names[len(layers) :], ("build", *names), rows)


def _name(name: str) -> str:
    return name.replace("_", " ")


def _row(build: BuildView, picks: Iterable[Pick], said: Words) -> tuple[str, ...]:
    return (build.build_id, *(_cell(pick(build), said) for pick in picks))


def _cell(value: Value, said: Words) -> str:
    return NOT_RECORDED if value is None else said(value)


def gate_checks(builds: Sequence[BuildView]) -> list[str]:
    """The names of all checks that any of them had, in the order of the newest."""
    return list(dict.fromkeys(check.name for build in builds for check in build.checks))


def gate_chart(builds: Sequence[BuildView]) -> str:
    """What each check said of each build, on the axis of the other charts; empty where no check was made."""
    checks = {name: [_verdict(build, name) for build in reversed(builds)] for name in gate_checks(builds)}
    return charts.verdicts("The gate's checks", len(builds), checks) if checks else ""


def _verdict(build: BuildView, name: str) -> str | None:
    """Of a name that comes more than once (of several fields), the worst; what is not known comes before all."""
    found = {check.verdict for check in build.checks if check.name == name}
    known = (*WORST_FIRST, SKIPPED)
    return min(found, key=lambda verdict: known.index(verdict) if verdict in known else -1, default=None)
