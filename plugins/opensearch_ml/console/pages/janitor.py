"""What the janitor found in the stores of the corpora that one may read, the last few times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from opensearch_ml.console.blocks import Block, in_words
from opensearch_ml.console.html import page
from opensearch_ml.console.lots import lots_of
from opensearch_ml.console.permissions import Corpora, User, may_read_runs
from opensearch_ml.dag_names import JANITOR_DAG
from sparse_index.console.listed import Listed
from sparse_index.console.tidied import last_reports

if TYPE_CHECKING:
    from opensearch_ml.console.app import Console

router = APIRouter()
# Of one report: a first clean-up of an old store has thousands.
MOST_LINES = 100


@dataclass(frozen=True)
class Looked:
    """`reports` of a store, by its corpora that one may read."""

    store: str
    corpora: tuple[str, ...]
    reports: Block


@router.get("/janitor")
def janitor(request: Request, corpora: Corpora, user: User) -> HTMLResponse:
    """A report names things of every corpus of its store, as the log of the janitor does, and is for who may read that."""
    if not may_read_runs(request, user, JANITOR_DAG):
        raise HTTPException(
            403, f"Who reads what the janitor found has to be allowed to read the runs of {JANITOR_DAG}."
        )
    console: Console = request.app.state.console
    lots = lots_of([each for each in corpora if each.is_declared])
    answers = console.side_by_side.ask({name: partial(_looked, console, lot) for name, lot in lots.items()})
    found = [looked for name, lot in lots.items() for looked in _of_lot(lot, answers[name])]
    return page(
        request,
        "janitor.html",
        looked=sorted(found, key=lambda each: each.corpora),
        dag_id=JANITOR_DAG,
        most_lines=MOST_LINES,
    )


def _looked(console: Console, lot: Sequence[Listed]) -> dict[str, Block]:
    """By store; each fails alone."""
    first_of = {each.store: each for each in reversed(lot)}
    return {store: _reports(console, listed) for store, listed in first_of.items()}


def _reports(console: Console, listed: Listed) -> Block:
    try:
        return Block(last_reports(console.sources.open_store(listed)))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this store's alone
        return Block(problem=in_words(error))


def _of_lot(lot: Sequence[Listed], answer: Block) -> list[Looked]:
    names: dict[str, tuple[str, ...]] = {}
    for each in lot:
        names[each.store] = (*names.get(each.store, ()), each.corpus)
    found: dict[str, Block] = answer.value or {}
    return [Looked(store, corpora, found.get(store, answer)) for store, corpora in names.items()]
