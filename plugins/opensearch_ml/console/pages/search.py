"""A query asked of a corpus in two ways, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import Field

from opensearch_ml.console.blocks import Block
from opensearch_ml.console.html import page
from opensearch_ml.console.pages.generations import indices_of
from opensearch_ml.console.permissions import CorpusWithContent, User
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.console.generations import Generations
from sparse_index.console.listed import Listed
from sparse_index.console.moved import BUILDS, Compared, Moved, compared
from sparse_index.console.otherwise import otherwise
from sparse_index.console.searching import MOST_HITS, Column, column, config_of, moves, usual_ways, way_of, ways
from sparse_index.errors import ConfigError
from sparse_index.query.wish import default_mode

if TYPE_CHECKING:
    from opensearch_ml.console.app import Console

router = APIRouter()
LONGEST_QUERY, LONGEST_FILTER, MOST_FILTERS = 500, 200, 10
LEFT, RIGHT = "left", "right"
_INDICES, _GOLDEN = "indices", "golden"
Said = Annotated[str, Query(max_length=200)]
Filter = Annotated[str, Field(max_length=LONGEST_FILTER)]


@dataclass(frozen=True)
class Side:
    """`said`: the way of searching, as the address says it. `moved`: id -> how its place differs from the one on the other side,
    in words. `otherwise`: what its index was built otherwise than the corpus is configured now."""

    name: str
    said: str
    block: Block
    moved: Mapping[str, str]
    otherwise: Sequence[str]


@router.get("/corpora/{corpus}/search")
def corpus_search(
    request: Request,
    listed: CorpusWithContent,
    user: User,
    q: Annotated[str, Query(max_length=LONGEST_QUERY)] = "",
    left: Said = "",
    right: Said = "",
    size: Annotated[int, Query(ge=1, le=MOST_HITS)] = 10,
    given: Annotated[list[Filter] | None, Query(alias="filter", max_length=MOST_FILTERS)] = None,
) -> HTMLResponse:
    try:
        config = config_of(listed)
    except ConfigError as error:
        return page(request, "search.html", listed=listed, problem=error.message)
    console: Console = request.app.state.console
    usual = usual_ways(config)
    said = {LEFT: left or str(usual[0]), RIGHT: right or str(usual[1])}
    filters = [each for each in given or () if each.strip()]
    ask = partial(_column, console, listed, config, q, size, filters)
    searches = {name: partial(ask, each) for name, each in said.items()} if q.strip() else {}
    others: dict[str, Callable[[], Any]] = {_INDICES: partial(indices_of, console, listed)}
    if not searches:
        others[_GOLDEN] = partial(_compared, console, listed)
    answers = console.searches.ask(user.get_id(), console.side_by_side, searches, others)
    return page(
        request,
        "search.html",
        listed=listed,
        problem=None,
        q=q,
        size=size,
        filters=filters,
        most_filters=MOST_FILTERS,
        said=said,
        ways=ways(config, answers[_INDICES].value),
        indices=answers[_INDICES],
        golden=answers.get(_GOLDEN),
        gates=BUILDS,
        link=partial(_link, default_mode(config)),
        gone=_gone(answers),
        sides=list(_sides(config, said, answers)) if q.strip() else [],
    )


def _compared(console: Console, listed: Listed) -> Compared | None:
    return compared(console.sources.open_store(listed), console.receipts, listed.alias)


def _gone(answers: Mapping[str, Block]) -> list[str]:
    """Indices of the golden queries that cannot be asked any more; none where nobody knows."""
    seen, found = answers.get(_GOLDEN, Block()).value, answers[_INDICES].value
    if seen is None or found is None:
        return []
    there = {each.index for each in found.indices}
    return [name for name in (seen.former, seen.candidate) if name not in there]


@dataclass(frozen=True)
class Link:
    """To both answers of a golden query; `without`: what this page cannot ask of it, in words."""

    href: str
    without: str | None


def _link(mode: SearchMode, seen: Compared, moved: Moved) -> Link:
    filters = [each for each in moved.filters or () if len(each) <= LONGEST_FILTER][:MOST_FILTERS]
    asked = {"q": moved.text[:LONGEST_QUERY], LEFT: f"{mode}@{seen.former}", RIGHT: f"{mode}@{seen.candidate}"}
    href = urlencode([*asked.items(), *(("filter", each) for each in filters)])
    return Link(f"?{href}", "; ".join(_without(moved, filters)) or None)


def _without(moved: Moved, filters: Sequence[str]) -> Iterator[str]:
    if len(moved.text) > LONGEST_QUERY:
        yield f"the text beyond its first {LONGEST_QUERY} characters"
    if moved.filters is None:
        yield "filters, which its build did not record"
    else:
        yield from (f"{each[:LONGEST_FILTER]}…" for each in moved.filters if each not in filters)


def _column(
    console: Console, listed: Listed, config: CorpusConfig, query: str, size: int, filters: Sequence[str], said: str
) -> Column:
    way = way_of(said)
    with console.sources.open_cluster(listed.connection) as cluster:
        return column(cluster, config, query, way, size, filters)


def _sides(config: CorpusConfig, said: Mapping[str, str], answers: Mapping[str, Block]) -> Iterator[Side]:
    for name, other in ((LEFT, RIGHT), (RIGHT, LEFT)):
        here, there = answers[name].value, answers[other].value
        moved = moves(here.ids, there.ids) if here is not None and there is not None else {}
        built = _otherwise(config, said[name], here, answers[_INDICES].value)
        yield Side(name, said[name], answers[name], moved, built)


def _otherwise(config: CorpusConfig, said: str, here: Column | None, found: Generations | None) -> Sequence[str]:
    """`here`: the answer, which says what was asked, even where that has gone by another name since."""
    try:
        way = way_of(said)
    except ConfigError:  # its column says why it names no way
        return ()
    return otherwise(config, found, here.answer.index if here else way.place, way.mode) if found else ()
