"""All corpora, those that need a person first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from opensearch_ml.console.blocks import Block, of_alias
from opensearch_ml.console.html import page, quoted
from opensearch_ml.console.lots import OfEach
from opensearch_ml.console.permissions import Corpora, User, editable_dags
from sparse_index.console.batches import Answers
from sparse_index.console.charts import strip
from sparse_index.console.endings import Endings
from sparse_index.console.listed import Listed
from sparse_index.console.live import Live, live_indices
from sparse_index.console.overview import STRIP, Row, Seen, look, look_back, look_on, rows
from sparse_index.console.timeline import slots
from sparse_index.timing import utc_now

if TYPE_CHECKING:
    from opensearch_ml.console.app import Console

router = APIRouter()
A_PAGE = 50
_BY_NEWEST = "Until then the order follows the newest build of each corpus alone."


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
    now = utc_now()
    found = _found(console, wanted, now)
    part = slice((number - 1) * A_PAGE, number * A_PAGE)
    back = console.side_by_side.ask({"back": partial(_looked_back, console.endings, found.rows, part, now)})["back"]
    if back.problem is not None:
        found.problems.append(f"Last builds: {back.problem} {_BY_NEWEST}")
    root = request.scope.get("root_path", "")
    return page(
        request,
        "overview.html",
        rows=found.rows[part] if back.problem is not None else back.value,
        strip=partial(_strip, root),
        strip_length=STRIP,
        searchable=editable_dags(user),
        problems=found.problems,
        total=len(wanted),
        number=number,
        pages=-(-len(wanted) // A_PAGE),
        q=q,
        owner=owner,
        connections=sorted({each.connection for each in corpora if each.connection}),
        owners=sorted({each.owner for each in corpora if each.owner}),
    )


@dataclass(frozen=True)
class _Found:
    """`rows`: in the order that the newest builds make; `problems`: what could not be asked, in words."""

    rows: list[Row]
    problems: list[str]


def _found(console: Console, wanted: Sequence[Listed], now: datetime) -> _Found:
    """Stores and clusters are asked side by side."""
    usable = [each for each in wanted if each.is_declared]
    connections, open_store = {each.connection for each in usable}, console.sources.open_store
    builds = OfEach("stores", usable, lambda each: look(each, open_store(each), console.receipts, now))
    answers = console.side_by_side.ask(
        builds.questions
        | {f"cluster {connection}": partial(_live, console, connection, usable) for connection in connections}
    )
    of_corpora = builds.answers(answers)
    seen = {corpus: _seen(answer) for corpus, answer in of_corpora.items()}
    asked = {connection: answers[f"cluster {connection}"] for connection in connections}
    told = {(each.connection, each.alias): of_alias(asked[each.connection], each.alias) for each in usable}
    live = {place: answer.value for place, answer in told.items() if answer.value is not None}
    unknown = {place: answer.problem for place, answer in told.items() if answer.problem is not None}
    return _Found(rows(wanted, seen, live, unknown, now), _problems(of_corpora.values(), asked, unknown))


def _problems(builds: Iterable[Block], asked: Mapping[str, Block], unknown: Mapping[tuple[str, str], str]) -> list[str]:
    """`asked`: by connection; `unknown`: by connection and alias, those of a connection that said nothing among them."""
    silent = {name: answer.problem for name, answer in asked.items() if answer.problem is not None}
    return [
        *{f"Builds: {answer.problem}" for answer in builds if not answer.asked},
        *(f"Connection '{name}': what is live is not known. {problem}" for name, problem in silent.items()),
        *(f"Alias '{alias}': {problem}" for (name, alias), problem in unknown.items() if name not in silent),
    ]


def _seen(answer: Block) -> Seen:
    """What was not asked is not known, and no store's fault."""
    if not answer.asked:
        return Seen()
    return Seen(problem=answer.problem) if answer.problem is not None else answer.value


def _looked_back(endings: Endings, found: Sequence[Row], part: slice, now: datetime) -> list[Row]:
    """That part of the rows, in the order of all that they show. Of one page alone everybody knows who is on it."""
    ordered = look_on(found, endings, now) if len(found) > A_PAGE else found
    return look_back(ordered[part], endings, now)


def _live(console: Console, connection: str, wanted: Sequence[Listed]) -> Answers[Live]:
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
