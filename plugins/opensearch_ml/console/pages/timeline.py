"""The builds of one corpus side by side."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from opensearch_ml.console.html import page, quoted
from opensearch_ml.console.permissions import Corpora, ReadableCorpus, User, corpus_of_dag, may_see_content
from sparse_index.console.charts import verdict_key
from sparse_index.console.listed import Listed
from sparse_index.console.live import Live, live_indices
from sparse_index.console.timeline import gate_chart, gate_checks, timeline, timeline_charts

if TYPE_CHECKING:
    from opensearch_ml.console.app import Console

router = APIRouter()


@router.get("/corpora/{corpus}")
def corpus_timeline(
    request: Request, listed: ReadableCorpus, user: User, before: Annotated[str | None, Query(max_length=40)] = None
) -> HTMLResponse:
    console: Console = request.app.state.console
    answers = console.side_by_side.ask(
        {
            "builds": lambda: timeline(console.sources.open_store(listed), console.receipts, listed.alias, before),
            "live": partial(live_of, console, listed),
        }
    )
    builds = answers["builds"].value.builds if answers["builds"].value else ()
    return page(
        request,
        "timeline.html",
        listed=listed,
        content=may_see_content(request, user, listed.dag_id),
        seen=answers["builds"],
        live=answers["live"],
        before=before,
        builds=builds,
        charts=timeline_charts(builds, partial(_build, listed.corpus)) if builds else [],
        checks=gate_checks(builds),
        gate=gate_chart(builds),
        verdict_key=verdict_key(),
    )


def _build(corpus: str, build_id: str) -> str:
    """Seen from the page of its corpus: it stands there often, and a whole address is long."""
    return f"{quoted(corpus)}/builds/{build_id}"


def live_of(console: Console, listed: Listed) -> Live | None:
    """What is behind the alias of one corpus."""
    with console.sources.open_cluster(listed.connection) as cluster:
        answers = live_indices(cluster, [listed.alias])
    for refused in answers.refused.values():
        raise refused
    return answers.found.get(listed.alias)


@router.get("/dags/{dag_id}", response_model=None)
def dag_tab(request: Request, dag_id: str, corpora: Corpora) -> HTMLResponse | RedirectResponse:
    """Of a DAG's tab, which Airflow shows on every DAG: to its corpus, or a friendly line."""
    listed = corpus_of_dag(corpora, dag_id)
    if listed is None:
        return page(request, "not_ours.html")
    return RedirectResponse(f"{request.scope.get('root_path', '')}/corpora/{quoted(listed.corpus)}")
