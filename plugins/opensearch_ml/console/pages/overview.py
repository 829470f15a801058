"""All corpora, those that need a person first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from opensearch_ml.console.html import page, quoted
from opensearch_ml.console.permissions import Corpora, User, editable_dags
from sparse_index.console.charts import strip
from sparse_index.console.listed import Listed
from sparse_index.console.live import Live, live_indices
from sparse_index.console.overview import STRIP, Row, look, recent, rows
from sparse_index.console.timeline import slots
from sparse_index.timing import utc_now

if TYPE_CHECKING:
    from opensearch_ml.console.app import Console

router = APIRouter()
A_PAGE = 50


@router.get("/")
def overview(
    request: Request,
    corpora: Corpora,
    user: User,
    q: Annotated[str, Query(max_length=200)] = "",
    owner: Annotated[str, Query(max_length=500)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=10_000)] = 1,
) -> HTMLResponse:
    console: Console = request.app.state.console
    wanted = [each for each in corpora if each.says(q) and owner in ("", each.owner)]
    all_rows, problems = _rows(console, wanted)
    shown = all_rows[(number - 1) * A_PAGE : number * A_PAGE]
    root = request.scope.get("root_path", "")
    strips = console.side_by_side.ask({"strips": partial(_strips, console, shown, root)})["strips"]
    if strips.problem is not None:
        problems.append(f"Last builds: {strips.problem}")
    return page(
        request,
        "overview.html",
        rows=shown,
        strips=strips.value or {},
        searchable=editable_dags(user),
        problems=problems,
        total=len(all_rows),
        number=number,
        pages=-(-len(all_rows) // A_PAGE),
        q=q,
        owner=owner,
        connections=sorted({each.connection for each in corpora if each.connection}),
        owners=sorted({each.owner for each in corpora if each.owner}),
    )


def _rows(console: Console, wanted: Sequence[Listed]) -> tuple[list[Row], list[str]]:
    """And what could not be asked, in words."""
    connections = {each.connection for each in wanted if not each.is_broken}
    answers = console.side_by_side.ask(
        {"": partial(look, wanted, console.sources.open_store, console.receipts)}
        | {connection: partial(_live, console, connection, wanted) for connection in connections}
    )
    seen = answers.pop("")
    live: dict[str, Live] = {}
    for answer in answers.values():
        live |= answer.value or {}
    unasked = {name: answer.problem for name, answer in answers.items() if answer.problem is not None}
    problems = [f"Connection '{name}': what is live is not known. {problem}" for name, problem in unasked.items()]
    if seen.problem is not None:
        problems.append(f"Builds: {seen.problem}")
    return rows(wanted, seen.value or {}, live, unasked, utc_now()), problems


def _live(console: Console, connection: str, wanted: Sequence[Listed]) -> dict[str, Live]:
    aliases = [each.alias for each in wanted if each.connection == connection and not each.is_broken]
    with console.sources.open_cluster(connection) as cluster:
        return live_indices(cluster, aliases)


def _address(corpus: str, build_id: str) -> str:
    return f"{corpus}/builds/{build_id}"


def _strips(console: Console, shown: Sequence[Row], root: str) -> dict[str, str]:
    """By corpus: its last builds as small marks."""
    found = {}
    for row in shown:
        if row.seen.ids:
            store, its = console.sources.open_store(row.listed), f"{root}/corpora/{quoted(row.listed.corpus)}"
            builds = recent(store, console.receipts, row.listed.alias, row.seen.ids[:STRIP])
            name = f"The last {len(builds)} builds of {row.listed.corpus}"
            found[row.listed.corpus] = strip(name, slots(builds, partial(_address, its)))
    return found
