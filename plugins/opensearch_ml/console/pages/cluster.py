"""The cluster behind a connection: whether it is well, and what of ours is in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from opensearch_ml.console.blocks import Block
from opensearch_ml.console.html import page
from opensearch_ml.console.permissions import Corpora
from sparse_index.cluster.client import Cluster
from sparse_index.console.cluster_models import breaker_counts, deployed_models, leftovers, running_tasks
from sparse_index.console.cluster_nodes import health, limits, nodes
from sparse_index.console.listed import Listed
from sparse_index.console.problems import in_words
from sparse_index.console.readers import read_each
from sparse_index.ml.groups import marked_groups

if TYPE_CHECKING:
    from opensearch_ml.console.app import Console

router = APIRouter()


@dataclass(frozen=True)
class Left:
    """What of a corpus stays although no run needs it; `problem`: why nobody knows."""

    corpus: str
    things: tuple[str, ...] = ()
    problem: str | None = None


@router.get("/clusters/{connection}")
def cluster(request: Request, connection: str, corpora: Corpora) -> HTMLResponse:
    """404 alike for a connection that is not there and one of corpora that are not theirs."""
    theirs = [each for each in corpora if each.connection == connection and each.is_declared]
    if not theirs:
        raise HTTPException(404, "No corpus that you may read has such a connection.")
    console: Console = request.app.state.console
    questions: dict[str, Callable[[Cluster], Any]] = {
        "health": health,
        "nodes": nodes,
        "limits": limits,
        "models": deployed_models,
        "refused": breaker_counts,
        "tasks": running_tasks,
        "left": partial(_left, console, theirs),
    }
    answers = console.side_by_side.ask(
        {name: partial(_ask, console, connection, question) for name, question in questions.items()}
    )
    return page(
        request,
        "cluster.html",
        connection=connection,
        corpora=theirs,
        node_names=_names(answers["nodes"]),
        blocks=answers,
    )


def _ask(console: Console, connection: str, question: Callable[[Cluster], Any]) -> Any:
    with console.sources.open_cluster(connection) as cluster:
        return question(cluster)


def _names(found: Block) -> dict[str, str]:
    return {node.id: node.name for node in found.value or ()}


def _left(console: Console, listed: Sequence[Listed], cluster: Cluster) -> list[Left]:
    """Of each corpus that has something, or could not be looked at; several corpora at a time, as each asks cluster and store."""
    marked = marked_groups(cluster, *(each.alias for each in listed))
    found = read_each(lambda each: _left_of(console, each, cluster, marked), listed)
    return [left for left in found if left.things or left.problem]


def _left_of(console: Console, listed: Listed, cluster: Cluster, marked: Sequence[str]) -> Left:
    try:
        store = console.sources.open_store(listed)
        goes_on = partial(console.sources.goes_on, listed.dag_id)
        return Left(listed.corpus, tuple(leftovers(cluster, store, listed.alias, goes_on, marked)))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this corpus's alone
        return Left(listed.corpus, problem=in_words(error))
