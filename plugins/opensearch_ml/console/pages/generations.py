"""The indices of a corpus, and the buttons: each asks Airflow itself to start a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from opensearch_ml.console.blocks import Block
from opensearch_ml.console.html import page
from opensearch_ml.console.past import Past, past_operations
from opensearch_ml.console.permissions import ReadableCorpus, User, editable_dags, may_read_runs, may_run
from opensearch_ml.dag_names import REDRIVE_DAG, ROLLBACK_DAG
from sparse_index.console.generations import Generations, generations, records
from sparse_index.console.listed import Listed
from sparse_index.timing import utc_now

if TYPE_CHECKING:
    from opensearch_ml.console.app import Console

router = APIRouter()


@dataclass(frozen=True)
class Action:
    """A button with its dialog. `says`: what will happen, a sentence; `conf`: what the run is started with; `asks`: whether the
    dialog has fields of its own (mode, accepting a mass change); `partition`: of a feed, the newest one that is whole, which its
    schedule would read; the dialog asks for it."""

    key: str
    title: str
    says: str
    dag_id: str
    conf: Mapping[str, Any]
    asks: bool = False
    partition: date | None = None

    @property
    def json(self) -> str:
        return orjson.dumps(dict(self.conf)).decode()


@router.get("/corpora/{corpus}/generations")
def corpus_generations(request: Request, listed: ReadableCorpus, user: User) -> HTMLResponse:
    console: Console = request.app.state.console
    operations = [dag_id for dag_id in (ROLLBACK_DAG, REDRIVE_DAG) if may_read_runs(request, user, dag_id)]
    answers = console.side_by_side.ask(
        {
            "indices": lambda: indices_of(console, listed),
            "records": lambda: records(console.sources.open_store(listed), listed.alias),
            "runs": lambda: console.sources.operations_on(listed.corpus, operations),
        }
    )
    # Each of them reads the corpus's file.
    started = () if listed.is_broken else (ROLLBACK_DAG, REDRIVE_DAG, listed.dag_id)
    allowed = {dag_id for dag_id in started if may_run(request, user, dag_id)}
    found = answers["indices"].value
    back = {action.key: action for action in _ways_back(listed, found) if action.dag_id in allowed} if found else {}
    return page(
        request,
        "generations.html",
        listed=listed,
        content=listed.dag_id in editable_dags(user),
        indices=answers["indices"],
        records=answers["records"],
        runs=answers["runs"],
        past=_past(answers),
        back=back,
        actions=[action for action in _actions(listed) if action.dag_id in allowed],
    )


def _past(answers: Mapping[str, Block]) -> list[Past]:
    """As far as store and Airflow told it."""
    kept, runs = answers["records"].value, answers["runs"].value
    return past_operations(kept.shown if kept else (), runs or ())


def indices_of(console: Console, listed: Listed) -> Generations:
    with console.sources.open_cluster(listed.connection) as cluster:
        return generations(cluster, listed.alias)


def _ways_back(listed: Listed, found: Generations) -> Iterator[Action]:
    """One for each index that one can go back to, by its name."""
    live = next((each.index for each in found.indices if each.state == "live"), "no index")
    for each in found.indices:
        if each.hindrance is None:
            says = (
                f"The alias '{listed.alias}' of corpus {listed.corpus} goes back from {live} to {each.index}, with the data of "
                f"{each.data_date} and {each.documents:,} documents. The next daily run goes forward again."
            )
            conf = {"corpus": listed.corpus, "generation": each.index}
            yield Action(each.index, "Go back to this one", says, ROLLBACK_DAG, conf)


def _actions(listed: Listed) -> Iterator[Action]:
    when = "waits until somebody unpauses its DAG" if listed.paused else "starts now"
    newest = "newest promoted build that has any" if listed.is_feed else "newest promoted build"
    yield Action(
        "build",
        "Build now",
        f"A run of corpus {listed.corpus} {when}. Where something changed, and the gate lets it through, the alias "
        f"'{listed.alias}' goes to a new index.",
        listed.dag_id,
        {},
        asks=True,
        partition=utc_now().date() - timedelta(days=1) if listed.is_feed else None,
    )
    yield Action(
        "redrive",
        "Redrive",
        f"The dead letters of the {newest} of corpus {listed.corpus} are tried again, by a whole run of it"
        f"{', which ' + when if listed.paused else ''}.",
        REDRIVE_DAG,
        {"corpus": listed.corpus, "build": "latest"},
    )
