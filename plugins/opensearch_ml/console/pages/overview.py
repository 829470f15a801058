"""All corpora, those that need a person first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from opensearch_ml.console.blocks import Block
from opensearch_ml.console.html import page, quoted
from opensearch_ml.console.lots import lots_of
from opensearch_ml.console.permissions import Corpora, User, editable_dags
from sparse_index.console.charts import strip
from sparse_index.console.listed import Listed
from sparse_index.console.live import Live, live_indices
from sparse_index.console.overview import STRIP, Row, Seen, look, look_back, rows
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
    found = _found(console, wanted)
    order = found.rows(wanted)
    shown = order[(number - 1) * A_PAGE : number * A_PAGE]
    back = _backs(console, shown, found.problems)
    root = request.scope.get("root_path", "")
    return page(
        request,
        "overview.html",
        rows=found.rows([row.listed for row in shown], back),
        strip=partial(_strip, root),
        strip_length=STRIP,
        searchable=editable_dags(user),
        problems=found.problems,
        total=len(order),
        number=number,
        pages=-(-len(order) // A_PAGE),
        q=q,
        owner=owner,
        connections=sorted({each.connection for each in corpora if each.connection}),
        owners=sorted({each.owner for each in corpora if each.owner}),
    )


@dataclass(frozen=True)
class _Found:
    """`seen` by corpus, `live` by alias, `unasked` by connection; `problems`: what could not be asked, in words."""

    seen: Mapping[str, Seen]
    live: Mapping[str, Live]
    unasked: Mapping[str, str]
    problems: list[str]

    def rows(self, listed: Sequence[Listed], more: Mapping[str, Seen] | None = None) -> list[Row]:
        """`more`: what else was seen of some."""
        return rows(listed, {**self.seen, **(more or {})}, self.live, self.unasked, utc_now())


def _found(console: Console, wanted: Sequence[Listed]) -> _Found:
    """Stores and clusters are asked side by side."""
    usable = [each for each in wanted if not each.is_broken]
    lots, connections = lots_of(usable), {each.connection for each in usable}
    answers = console.side_by_side.ask(
        {lot: partial(look, its, console.sources.open_store, console.receipts) for lot, its in lots.items()}
        | {f"cluster {connection}": partial(_live, console, connection, usable) for connection in connections}
    )
    seen = {corpus: its for lot, listed in lots.items() for corpus, its in _of_lot(listed, answers[lot]).items()}
    asked = {connection: answers[f"cluster {connection}"] for connection in connections}
    live = {alias: its for answer in asked.values() for alias, its in (answer.value or {}).items()}
    unasked = {name: answer.problem for name, answer in asked.items() if answer.problem is not None}
    problems = [f"Connection '{name}': what is live is not known. {problem}" for name, problem in unasked.items()]
    return _Found(seen, live, unasked, problems)


def _of_lot(lot: Sequence[Listed], answer: Block) -> Mapping[str, Seen]:
    """By corpus."""
    if answer.problem is not None:
        return {each.corpus: Seen(problem=answer.problem) for each in lot}
    seen: Mapping[str, Seen] = answer.value
    return seen


def _backs(console: Console, shown: Sequence[Row], problems: list[str]) -> dict[str, Seen]:
    """By corpus; adds to the `problems` which of them could not be looked back at."""
    seen = {row.listed.corpus: row.seen for row in shown if row.seen.ids}
    lots = lots_of([row.listed for row in shown if row.seen.ids])
    answers = console.side_by_side.ask({lot: partial(_look_back, console, its, seen) for lot, its in lots.items()})
    for lot, its in lots.items():
        if answers[lot].problem is not None:
            problems.append(f"Last builds of {', '.join(each.corpus for each in its)}: {answers[lot].problem}")
    return {corpus: its for answer in answers.values() for corpus, its in (answer.value or {}).items()}


def _look_back(console: Console, lot: Sequence[Listed], seen: Mapping[str, Seen]) -> dict[str, Seen]:
    """By corpus."""
    return {
        each.corpus: look_back(seen[each.corpus], console.sources.open_store(each), console.receipts, each.alias)
        for each in lot
    }


def _live(console: Console, connection: str, wanted: Sequence[Listed]) -> dict[str, Live]:
    aliases = [each.alias for each in wanted if each.connection == connection]
    with console.sources.open_cluster(connection) as cluster:
        return live_indices(cluster, aliases)


def _strip(root: str, row: Row) -> str:
    """Its last builds as small marks."""
    corpus = row.listed.corpus
    href = partial(_address, f"{root}/corpora/{quoted(corpus)}")
    return strip(f"The last {len(row.seen.recent)} builds of {corpus}", slots(row.seen.recent, href))


def _address(corpus: str, build_id: str) -> str:
    return f"{corpus}/builds/{build_id}"
