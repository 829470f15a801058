"""What the janitor found in the stores of the corpora that one may read, the last few times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from opensearch_ml.console.blocks import Block
from opensearch_ml.console.html import page
from opensearch_ml.console.lots import OfEach
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
    usable = [each for each in corpora if each.is_declared]
    first_of = {each.store: each for each in reversed(usable)}
    reports = OfEach("stores", list(first_of.values()), lambda each: last_reports(console.sources.open_store(each)))
    answers = reports.answers(console.side_by_side.ask(reports.questions))
    found = [Looked(store, _names(usable, store), answers[each.corpus]) for store, each in first_of.items()]
    return page(
        request,
        "janitor.html",
        looked=sorted(found, key=lambda each: each.corpora),
        dag_id=JANITOR_DAG,
        most_lines=MOST_LINES,
    )


def _names(usable: Sequence[Listed], store: str) -> tuple[str, ...]:
    return tuple(each.corpus for each in usable if each.store == store)
