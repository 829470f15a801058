"""One build: its receipt for people, and the files that it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from opensearch_ml.console.html import page, quoted
from opensearch_ml.console.permissions import Corpora, ReadableCorpus, User, corpus_of_dag, may_see_content
from sparse_index.console.build import BuildView, Sort, build_view
from sparse_index.console.charts import shares, waterfall
from sparse_index.console.content import plan_without_content, without_content
from sparse_index.console.listed import Listed
from sparse_index.console.planned import PlanView, read_plan
from sparse_index.console.receipts import Found, build_ids
from sparse_index.console.remedies import remedy
from sparse_index.console.words import duration, whole
from sparse_index.names import build_time, is_by_hand
from sparse_index.store.layout import plan_path, receipt_path

if TYPE_CHECKING:
    from opensearch_ml.console.app import Console

router = APIRouter()
# The lines of the books, which add up to the rows that were read.
BOOKS = ("unchanged", "encoded", "reused", "blank", "duplicate_ids", "superseded", "tombstones", "dead_letters")


@dataclass(frozen=True)
class Failure:
    """What a stage, or one part of it (`index`), said when it failed, as far as the reader may see that; `remedy`: the chapter
    that the whole of it leads to."""

    label: str
    task: str
    index: str | None
    said: str
    remedy: str


@router.get("/corpora/{corpus}/builds/{build_id}")
def build(request: Request, listed: ReadableCorpus, user: User, build_id: str) -> HTMLResponse:
    console: Console = request.app.state.console
    _require_id(build_id)
    content = may_see_content(request, user, listed.dag_id)
    answers = console.side_by_side.ask(
        {
            "receipt": lambda: _receipt(console, listed, build_id),
            "plan": lambda: _plan(console, listed, build_id, content),
        }
    )
    found, plan = answers["receipt"], answers["plan"]
    receipt = found.value or Found(problem=found.problem)
    whole_view = build_view(build_id, receipt)
    view = whole_view if content else build_view(build_id, without_content(receipt))
    if found.problem is None and view.sort is Sort.OPEN and plan.problem is None and plan.value is None:
        return _without_plan(request, console, listed, build_id, content)
    run_id = view.run_id or (plan.value.run_id if plan.value else None)
    of_airflow = None if is_by_hand(run_id or "") else run_id
    asked = view.sort is Sort.OPEN and of_airflow is not None
    return page(
        request,
        "build.html",
        listed=listed,
        plan=plan.value,
        unread=plan,
        content=content,
        run_id=of_airflow,
        by_hand=is_by_hand(run_id or ""),
        goes_on=console.sources.goes_on(listed.dag_id, of_airflow or "") if asked else None,
        **_values(view, whole_view.failures),
    )


def _without_plan(request: Request, console: Console, listed: Listed, build_id: str, content: bool) -> HTMLResponse:
    """Of a build that left dead letters and no plan: a guard refused that, and they may be why."""
    asked = console.side_by_side.ask({"ids": lambda: build_ids(console.sources.open_store(listed), listed.alias)})[
        "ids"
    ]
    if asked.problem is None and build_id not in asked.value:
        raise HTTPException(404, f"Corpus '{listed.corpus}' has no build {build_id}.")
    planned = build_time(build_id)
    later = [run for run in listed.failed if planned is not None and planned <= run.ended]
    failed = min(later, key=lambda run: run.ended, default=None)
    return page(request, "refused.html", listed=listed, build_id=build_id, content=content, asked=asked, failed=failed)


def _values(view: BuildView, said: Mapping[str, str]) -> dict[str, Any]:
    """`said`: what failed, in whole words."""
    books = {name: view.books[name] for name in BOOKS if view.books.get(name)}
    return {
        "build": view,
        "books": books,
        "books_bar": shares("The rows that were read", books, whole),
        "stages": waterfall("Seconds of work of each stage", view.stage_s, duration),
        "failures": [_failure(label, shown, said[label]) for label, shown in view.failures.items()],
    }


def _failure(label: str, shown: str, said: str) -> Failure:
    task, index = _task(label)
    return Failure(label, task, index, shown, remedy(task, said=said))


def _task(label: str) -> tuple[str, str | None]:
    """(Task, map index) of a stage's label, which is `encode[3]` for one part of it."""
    task, bracket, rest = label.partition("[")
    return task, rest.removesuffix("]") if bracket else None


def _receipt(console: Console, listed: Listed, build_id: str) -> Found:
    return console.receipts.of(console.sources.open_store(listed), listed.alias, [build_id])[0]


def _plan(console: Console, listed: Listed, build_id: str, content: bool) -> PlanView | None:
    return read_plan(console.sources.open_store(listed), listed.alias, build_id, with_content=content)


def _require_id(build_id: str) -> None:
    """Nothing else ever becomes part of a path."""
    if build_time(build_id) is None:
        raise HTTPException(404, "That is no id of a build.")


@router.get("/corpora/{corpus}/builds/{build_id}/{kind}.json")
def build_file(request: Request, listed: ReadableCorpus, user: User, build_id: str, kind: str) -> Response:
    """The receipt or the plan as it lies in the store; for who may not see content without what it has of that."""
    _require_id(build_id)
    paths = {"receipt": receipt_path(listed.alias, build_id), "plan": plan_path(listed.alias, build_id)}
    if kind not in paths:
        raise HTTPException(404, "A build has a receipt.json and a plan.json.")
    console: Console = request.app.state.console
    answer = console.side_by_side.ask({"file": partial(_file, console, listed, paths[kind])})["file"]
    if answer.problem is not None:
        raise HTTPException(503, answer.problem)
    if answer.value is None:
        raise HTTPException(404, f"Build {build_id} has no {kind}.json.")
    content = answer.value
    if not may_see_content(request, user, listed.dag_id):
        content = _WITHOUT_CONTENT[kind](content)
    return Response(orjson.dumps(content, option=orjson.OPT_INDENT_2), media_type="application/json")


_WITHOUT_CONTENT: Mapping[str, Callable[[Any], Any]] = {
    "receipt": lambda content: without_content(Found(content)).content,
    "plan": plan_without_content,
}


def _file(console: Console, listed: Listed, path: str) -> Any:
    """Its content; None where there is no such file."""
    try:
        return console.sources.open_store(listed).read_json(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


@router.get("/runs/{dag_id}/{run_id:path}", response_model=None)
def run(request: Request, dag_id: str, run_id: str, corpora: Corpora) -> HTMLResponse | RedirectResponse:
    """To the build that a run of Airflow has planned."""
    listed = corpus_of_dag(corpora, dag_id)
    if listed is None:
        return page(request, "not_ours.html")
    plan = request.app.state.console.sources.plan_of(dag_id, run_id)
    if plan is None:
        return page(request, "not_planned.html", listed=listed, run_id=run_id)
    corpus, build_id = quoted(listed.corpus), quoted(plan.split("/")[-2])
    return RedirectResponse(f"{request.scope.get('root_path', '')}/corpora/{corpus}/builds/{build_id}")
