"""One build for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from sparse_index.builds.stages import in_order
from sparse_index.console.fields import at, count, day, lines, moment, number, numbers, text, texts
from sparse_index.console.receipts import Found
from sparse_index.names import build_time

# The verdicts of the gate's checks.
WORST_FIRST = ("fail", "undecided", "pass")
SKIPPED = "skipped"


class Sort(StrEnum):
    """How a build ended, as a mark shows it. `open`: at work, or killed, without a receipt; `unread`: with one that is torn."""

    PROMOTED = "promoted"
    NOTHING_CHANGED = "nothing_changed"
    PLAN_ONLY = "plan_only"
    NOT_PROMOTED = "not_promoted"
    FAILED = "failed"
    OPEN = "open"
    UNREAD = "unread"

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")


class Ended(Protocol):
    """Enough of a build for its mark."""

    @property
    def build_id(self) -> str: ...
    @property
    def sort(self) -> Sort: ...
    @property
    def data_date(self) -> date | None: ...


@dataclass(frozen=True)
class Ending:
    """Of a build whose other numbers nobody asks for. `live`: the index behind the alias then; `letters`: rows that it read and
    that are in no index; `verdict`: of its gate as a whole, None where that did not run; `former`: what was live before it."""

    build_id: str
    sort: Sort
    data_date: date | None = None
    ended_at: datetime | None = None
    partition: str | None = None
    live: str | None = None
    letters: int | None = None
    verdict: str | None = None
    former: str | None = None


@dataclass(frozen=True)
class CheckView:
    """A row of the gate's table; `value` and `limit` in the unit that `words` say."""

    name: str
    verdict: str
    value: float | None
    limit: float | None
    words: str


@dataclass(frozen=True)
class ModelView:
    """`name`: its id, where the receipt has no name of it; `on_workers`: the tasks encoded, not its `nodes`."""

    name: str
    version: str | None
    nodes: int | None
    on_workers: bool = False


@dataclass(frozen=True)
class LettersView:
    """So many dead letters say the same."""

    stage: str | None
    error_class: str | None
    reason: str | None
    letters: int | None


@dataclass(frozen=True)
class Bytes:
    """`candidate`: its primaries on disk; `store`: the build's own files; `vectors`: those that it added."""

    candidate: int | None = None
    store: int | None = None
    vectors: int | None = None


@dataclass(frozen=True)
class BuildView:
    """None: not recorded. Counts are documents or rows; `texts_encoded` and `vectors_found` distinct texts, those of killed
    attempts too, and documents whose vector was there before. `encode_rate`: distinct texts per second. `planned`, `books`,
    `encode`, `index`: all numbers that the receipt has of these. `checks`: the gate's; `encoder_checks`: those before anything
    was encoded."""

    build_id: str
    sort: Sort
    planned_at: datetime | None
    problem: str | None = None
    summary: str = ""
    ended_at: datetime | None = None
    data_date: date | None = None
    partition: str | None = None
    kind: str | None = None
    run_id: str | None = None
    candidate: str | None = None
    former: str | None = None
    live: str | None = None
    documents: int | None = None
    texts_encoded: int | None = None
    vectors_found: int | None = None
    dead_letters: int | None = None
    encode_rate: float | None = None
    wall_s: float | None = None
    waited_s: float | None = None
    bytes: Bytes = Bytes()
    models: tuple[ModelView, ...] = ()
    approval: str | None = None
    untidy: tuple[str, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    former_settings: Mapping[str, str] = field(default_factory=dict)
    planned: Mapping[str, float] = field(default_factory=dict)
    books: Mapping[str, float] = field(default_factory=dict)
    encode: Mapping[str, float] = field(default_factory=dict)
    index: Mapping[str, float] = field(default_factory=dict)
    stage_s: Mapping[str, float] = field(default_factory=dict)
    checks: tuple[CheckView, ...] = ()
    encoder_checks: tuple[CheckView, ...] = ()
    letters: tuple[LettersView, ...] | None = None

    @property
    def verdict(self) -> str | None:
        """Of the gate as a whole: the worst of its checks; None where it was not asked."""
        return worst(check.verdict for check in self.checks)

    @property
    def duration_s(self) -> float | None:
        """Wall time; of a receipt that does not have it, from its plan to its end."""
        if self.wall_s is not None or self.ended_at is None or self.planned_at is None:
            return self.wall_s
        return max(0.0, (self.ended_at - self.planned_at).total_seconds())


def worst(verdicts: Iterable[str | None]) -> str | None:
    """None where no check was made, or all were skipped."""
    found = set(verdicts)
    return next((verdict for verdict in WORST_FIRST if verdict in found), None)


def ending(build_id: str, found: Found) -> Ending:
    content = found.content
    if content is None:
        return Ending(build_id, _without_content(found))
    checks = at(content, "gate", "checks")
    return Ending(
        build_id,
        _sort(content),
        day(content, "data_date"),
        moment(content, "ended_at"),
        text(content, "partition"),
        text(content, "live"),
        _dead_letters(content),
        worst(text(row, "verdict") for row in checks) if isinstance(checks, list) else None,
        text(content, "former"),
    )


def build_view(build_id: str, found: Found) -> BuildView:
    """What can be read of it, and what is wrong with the rest."""
    planned_at = build_time(build_id)
    if found.content is None:
        return BuildView(build_id, _without_content(found), planned_at, found.problem)
    return _view(build_id, planned_at, found.content, found.problem)


def _view(build_id: str, planned_at: datetime | None, content: Mapping[str, Any], problem: str | None) -> BuildView:
    planned, books, encode = (numbers(content, name) for name in ("planned", "books", "encode"))
    return BuildView(
        build_id,
        _sort(content),
        planned_at,
        problem,
        summary=text(content, "summary") or "",
        ended_at=moment(content, "ended_at"),
        data_date=day(content, "data_date"),
        partition=text(content, "partition"),
        kind=text(content, "kind"),
        run_id=text(content, "run_id"),
        candidate=text(content, "candidate"),
        former=text(content, "former"),
        live=text(content, "live"),
        documents=_first(count(content, "books", "documents"), count(content, "planned", "documents")),
        texts_encoded=_texts_encoded(content),
        vectors_found=_first(count(content, "books", "reused"), count(content, "planned", "reused")),
        dead_letters=_dead_letters(content),
        encode_rate=_rate(encode),
        wall_s=number(content, "wall_seconds"),
        waited_s=number(content, "waited_seconds"),
        bytes=Bytes(*(count(content, "bytes", name) for name in ("candidate", "store", "vectors"))),
        models=tuple(_models(content)),
        approval=text(content, "approval"),
        untidy=lines(content, "untidy"),
        failures=in_order(texts(content, "failures")),
        former_settings=texts(content, "former_settings"),
        planned=planned,
        books=books,
        encode=encode,
        index=numbers(content, "index"),
        stage_s=in_order(numbers(content, "stage_seconds")),
        checks=_checks(content, "gate"),
        encoder_checks=_checks(content, "encoder"),
        letters=_letters(content),
    )


def _without_content(found: Found) -> Sort:
    return Sort.UNREAD if found.problem else Sort.OPEN


def _sort(content: Mapping[str, Any]) -> Sort:
    outcome = text(content, "outcome")
    return next((sort for sort in Sort if sort == outcome), Sort.UNREAD)


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _dead_letters(content: Mapping[str, Any]) -> int | None:
    """Rows that it refused; where its books were not closed, those that are no documents and what was refused since: texts, or
    documents, among which are those of the texts."""
    planned, *since = (count(content, stage, "dead_letters") for stage in ("planned", "encode", "index"))
    if planned is None and not any(each is not None for each in since):
        return count(content, "books", "dead_letters")
    return _first(count(content, "books", "dead_letters"), (planned or 0) + max(each or 0 for each in since))


def _texts_encoded(content: Mapping[str, Any]) -> int | None:
    """With those whose vectors a killed attempt had stored: `reused` of a part is its own."""
    encoded = count(content, "encode", "encoded")
    return None if encoded is None else encoded + (count(content, "encode", "reused") or 0)


def seconds_encoding(encode: Mapping[str, float]) -> float:
    """In which at least one task encoded; of a former version, which did not record it, of all tasks together."""
    return encode.get("wall_seconds", encode.get("seconds", 0.0))


def _rate(encode: Mapping[str, float]) -> float | None:
    seconds = seconds_encoding(encode)
    return encode.get("encoded", 0.0) / seconds if seconds > 0 else None


def _models(content: Mapping[str, Any]) -> Iterator[ModelView]:
    """Those that had texts to encode."""
    several = at(content, "models")
    for row in several.values() if isinstance(several, Mapping) and several else [at(content, "model")]:
        name = text(row, "name") or text(row, "id")
        if name is not None:
            yield ModelView(name, text(row, "version"), count(row, "nodes"), text(row, "run_on") == "worker")


def _checks(content: Mapping[str, Any], stage: str) -> tuple[CheckView, ...]:
    """None of a build that did not come so far."""
    rows = at(content, stage, "checks")
    return tuple(
        CheckView(
            text(row, "name") or "?",
            text(row, "verdict") or "?",
            number(row, "value"),
            number(row, "limit"),
            text(row, "words") or "",
        )
        for row in (rows if isinstance(rows, list) else ())
    )


def _letters(content: Mapping[str, Any]) -> tuple[LettersView, ...] | None:
    rows = at(content, "letters")
    if not isinstance(rows, list):
        return None
    return tuple(
        LettersView(text(row, "stage"), text(row, "error_class"), text(row, "reason"), count(row, "letters"))
        for row in rows
    )
