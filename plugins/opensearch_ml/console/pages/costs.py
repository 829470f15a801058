"""What each corpus has worked in a month, and what it keeps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from opensearch_ml.console.blocks import Block, of_alias
from opensearch_ml.console.html import page
from opensearch_ml.console.lots import OfEach
from opensearch_ml.console.permissions import Corpora
from sparse_index.console.batches import Answers
from sparse_index.console.costs import Costs, files_of, index_bytes, total, work_of
from sparse_index.console.costs_table import Column, columns, passed, spreadsheet
from sparse_index.console.listed import Listed
from sparse_index.console.prices import Prices, prices_in
from sparse_index.console.spreadsheet import as_csv
from sparse_index.errors import ConfigError
from sparse_index.timing import utc_now

if TYPE_CHECKING:
    from opensearch_ml.console.app import Console

router = APIRouter()
Month = Annotated[str | None, Query(pattern=r"^[12]\d{3}-(0[1-9]|1[0-2])$")]


@dataclass(frozen=True)
class View:
    """`problem`: with the prices."""

    month: date
    each: list[Costs]
    table: list[Column]
    prices: Prices | None
    problem: str | None
    goes_on: bool


@router.get("/costs")
def costs(request: Request, corpora: Corpora, month: Month = None) -> HTMLResponse:
    view = _view(request, corpora, month)
    return page(
        request,
        "costs.html",
        view=view,
        total=total(view.each),
        before=view.month - timedelta(days=1),
        after=view.month + timedelta(days=31),
    )


@router.get("/costs.csv")
def costs_csv(request: Request, corpora: Corpora, month: Month = None) -> Response:
    view = _view(request, corpora, month)
    headers = {"Content-Disposition": f'attachment; filename="costs-{view.month:%Y-%m}.csv"'}
    content = as_csv(spreadsheet(view.table, view.month, view.each))
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


def _view(request: Request, corpora: Sequence[Listed], month: str | None) -> View:
    now = utc_now()
    first = date.fromisoformat(f"{month or f'{now:%Y-%m}'}-01")
    share = passed(first, now)
    prices, problem = _prices()
    wanted = [each for each in corpora if each.is_declared]
    each = _costs(request.app.state.console, wanted, first, with_kept=share > 0)
    return View(first, each, columns(prices, share), prices, problem, share > 0)


def _prices() -> tuple[Prices | None, str | None]:
    try:
        return prices_in(os.environ), None
    except ConfigError as error:
        return None, error.message


def _costs(console: Console, wanted: Sequence[Listed], month: date, *, with_kept: bool) -> list[Costs]:
    """By name. Stores and clusters are asked side by side, and receipts beside the listing of all files, which takes long."""
    kept, open_store = wanted if with_kept else [], console.sources.open_store
    works = OfEach("receipts", wanted, lambda each: work_of(each, open_store(each), console.works, month))
    files = OfEach("files", kept, lambda each: files_of(each, open_store(each), console.receipts))
    shared = _by_connection(kept)
    sizes = {name: partial(_index_bytes, console, its) for name, its in shared.items()}
    answers = console.side_by_side.ask(works.questions | files.questions | sizes)
    size_of = {each.corpus: of_alias(answers[name], each.alias) for name, its in shared.items() for each in its}
    by_corpus = works.answers(answers), files.answers(answers), size_of
    return [_of_corpus(name, *(each.get(name, Block()) for each in by_corpus)) for name in sorted(by_corpus[0])]


def _of_corpus(corpus: str, work: Block, files: Block, size: Block) -> Costs:
    problems = dict.fromkeys(each.problem for each in (work, files, size) if each.problem is not None)
    return Costs(corpus, work.value, files.value, size.value, tuple(problems))


def _by_connection(wanted: Sequence[Listed]) -> dict[str, list[Listed]]:
    found: dict[str, list[Listed]] = {}
    for each in wanted:
        found.setdefault(f"cluster {each.connection}", []).append(each)
    return found


def _index_bytes(console: Console, listed: Sequence[Listed]) -> Answers[int]:
    """Of those that have a connection in common."""
    with console.sources.open_cluster(listed[0].connection) as cluster:
        return index_bytes(cluster, [each.alias for each in listed])
