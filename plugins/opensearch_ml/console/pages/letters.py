"""The dead letters of a corpus: how many of which reason, and the rows, as a page and as a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from opensearch_ml.console.html import page, quoted
from opensearch_ml.console.permissions import ReadableCorpus, User, may_see_content
from sparse_index.console.letters import BUILDS, PAGE, Letter, Letters, letter_files, letter_rows, read_letters
from sparse_index.console.listed import Listed
from sparse_index.console.spreadsheet import csv_parts
from sparse_index.errors import UnavailableError
from sparse_index.names import build_time

if TYPE_CHECKING:
    from opensearch_ml.console.app import Console

router = APIRouter()
MOST_ROWS = 10_000
MOST_PAGES = MOST_ROWS // PAGE
COLUMNS = ("id", "stage", "error_class", "reason", "attempt", "build_id", "at", "file", "row_group", "row")
# Characters of source rows on one page: it stays small enough to be opened anywhere.
MOST_CONTENT = 100_000

BuildId = Annotated[str | None, Query(max_length=40)]
ErrorClass = Annotated[str | None, Query(alias="class", max_length=200)]


@router.get("/corpora/{corpus}/dead-letters")
def letters(
    request: Request,
    listed: ReadableCorpus,
    user: User,
    build: BuildId = None,
    error_class: ErrorClass = None,
    number: Annotated[int, Query(alias="page", ge=1, le=MOST_PAGES)] = 1,
) -> HTMLResponse:
    _require_build(build)
    content = may_see_content(request, user, listed.dag_id)
    console: Console = request.app.state.console
    asked = partial(
        letters_of, console, listed, build, error_class=error_class, first=(number - 1) * PAGE, content=content
    )
    seen = console.side_by_side.ask({"letters": asked})["letters"]
    pages = min(MOST_PAGES, -(-seen.value.matching // PAGE)) if seen.value else 0
    return page(
        request,
        "letters.html",
        listed=listed,
        seen=seen,
        build=build,
        error_class=error_class,
        number=number,
        pages=pages,
        most_rows=MOST_ROWS,
        newest=BUILDS,
        content=content,
        sources=_fitting(seen.value.rows) if seen.value else [],
        narrowed="".join(
            f"&{name}={quoted(value)}" for name, value in (("build", build), ("class", error_class)) if value
        ),
    )


@router.get("/corpora/{corpus}/dead-letters.csv")
def letters_file(
    request: Request, listed: ReadableCorpus, user: User, build: BuildId = None, error_class: ErrorClass = None
) -> Response:
    """The first rows of the selection, with their sources, and whole reasons, for who may see content."""
    _require_build(build)
    content = may_see_content(request, user, listed.dag_id)
    console: Console = request.app.state.console
    asked = partial(_rows_of, console, listed, build, error_class=error_class, many=MOST_ROWS, content=content)
    seen = console.side_by_side.ask({"letters": asked})["letters"]
    if seen.problem is not None:
        raise HTTPException(503, seen.problem)
    problems, rows = seen.value
    if problems:
        raise HTTPException(503, " ".join(problems))
    headers = {"Content-Disposition": f'attachment; filename="dead-letters-{listed.alias}.csv"'}
    parts = _sent(console, csv_parts(_spreadsheet(rows, content)))
    return StreamingResponse(parts, media_type="text/csv; charset=utf-8", headers=headers)


def _sent(console: Console, parts: Iterator[str]) -> Iterator[str]:
    """Where a part does not come, the download breaks off: half a table must not look like a whole one."""
    while True:
        answer = console.side_by_side.ask({"part": partial(next, parts, None)})["part"]
        if answer.problem is not None:
            raise UnavailableError(answer.problem)
        if answer.value is None:
            return
        yield answer.value


def _fitting(rows: Iterable[Letter]) -> list[str | None]:
    """The source of each row, as many as fit on a page."""
    shown, room = [], MOST_CONTENT
    for letter in rows:
        room -= len(letter.source or "")
        shown.append(letter.source if room >= 0 else None)
    return shown


def _rows_of(
    console: Console, listed: Listed, build: str | None, **window: Any
) -> tuple[tuple[str, ...], Iterator[Letter]]:
    store = console.sources.open_store(listed)
    return letter_rows(store, letter_files(store, console.receipts, listed.alias, build), **window)


def letters_of(console: Console, listed: Listed, build: str | None, **window: Any) -> Letters:
    store = console.sources.open_store(listed)
    return read_letters(store, letter_files(store, console.receipts, listed.alias, build), **window)


def _require_build(build: str | None) -> None:
    """Nothing else ever becomes part of a path."""
    if build is not None and build_time(build) is None:
        raise HTTPException(404, "That is no id of a build.")


def _spreadsheet(rows: Iterable[Letter], content: bool) -> Iterator[list[Any]]:
    yield [*COLUMNS, "source"] if content else [*COLUMNS]
    for letter in rows:
        yield [letter.values[name] for name in COLUMNS] + ([letter.source] if content else [])
