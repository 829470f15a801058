"""What the cluster answers by itself: one side alone, or several that it fuses, and re-ranks where it is asked to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.search import RerankConfig
from sparse_index.errors import ConfigError
from sparse_index.query.answer import Found, Hit
from sparse_index.query.documents import by_document, read_hits
from sparse_index.query.fusion import Ranked, in_order
from sparse_index.query.pipelines import RANK_CONSTANT, fusing, joined, reranking, text_fields
from sparse_index.query.question import Question, ours_alone
from sparse_index.query.troubles import searching
from sparse_index.query.wish import Findings

# From this version on `min_score` meets the fused scores.
_CUTS_FUSED_SCORES = (3, 5)
# The first that is known to rank a side's candidates over all shards; 2.19.1 ranks those of each shard for themselves.
_RANKS_OVER_SHARDS = (3, 6)


def one_side(cluster: Cluster, question: Question, side: str, size: int, noted: Findings) -> list[Hit]:
    """The answer of one side, in its own scores."""
    candidates = max(size, question.config.search.candidates)
    body = {"size": size, "query": question.clause(side, candidates), **question.fetched}
    with searching():
        raws = noted.hits(cluster.post(f"/{question.target.name}/_search", ours_alone(body)))
    best = [(raw["_id"], raw["_score"]) for raw in raws]
    return _hits(cluster, question, raws, best, by_document({side: best}), noted)


def fused_by_server(cluster: Cluster, question: Question, size: int, noted: Findings) -> list[Hit]:
    """One request, the fusion inline: the index's own pipeline may be another. The ranks of the sides stay unknown, but where
    explanations are asked for: then another page, of all candidates, tells them."""
    search, sides = question.config.search, list(question.sides)
    pipeline = fusing(search.fusion, sides)
    if not question.explain:
        raws = _asked(cluster, question, size, pipeline, question.fetched, noted)
        return _hits(cluster, question, raws, _best(raws, size), _scores(question, raws), noted)
    every = len(sides) * search.candidates * question.target.shards
    page = min(max(every, size), question.target.largest_page)
    raws = _asked(cluster, question, page, pipeline, {"_source": False}, noted)
    found = _places(question, raws) if tells_ranks(question) else _scores(question, raws)
    return read_hits(cluster, question, _best(raws, size), found, noted)


def reranked_by_server(
    cluster: Cluster, question: Question, rerank: RerankConfig, model_id: str, size: int, noted: Findings
) -> list[Hit]:
    """One request that gives `rerank.depth` hits in the re-ranker's order, and of them `size`; where that is more than were
    read, the others follow as they were fused."""
    config, sides = question.config, list(question.sides)
    read = reranking(rerank, text_fields(config), model_id, None)
    asked = {"ext": {"rerank": {"query_context": {"query_text": question.text}}}}
    pipeline = joined(fusing(config.search.fusion, sides), read)
    raws = _asked(cluster, question, rerank.depth, pipeline, question.fetched | asked, noted)
    hits = _hits(cluster, question, raws, _best(raws, size), _scores(question, raws), noted)
    if size <= rerank.depth:
        return hits
    ids = {hit.id for hit in hits}
    return [*hits, *(hit for hit in fused_by_server(cluster, question, size, noted) if hit.id not in ids)][:size]


def _asked(cluster: Cluster, question: Question, size: int, pipeline: Json, more: Json, noted: Findings) -> list[Json]:
    """Hits as the cluster gives them."""
    search, sides = question.config.search, list(question.sides)
    queries = [question.clause(side, search.candidates) for side in sides]
    # Without a depth of its own a side would give as many candidates as the page is long.
    hybrid = {"hybrid": {"pagination_depth": search.candidates, "queries": queries}}
    body = {"size": size, "query": hybrid, "search_pipeline": pipeline, **_common(question), **more}
    path = f"/{question.target.name}/_search"
    with searching():
        return noted.hits(cluster.post(path, body, include_named_queries_score="true"))


def _best(raws: Sequence[Json], size: int) -> Ranked:
    """The cluster's own order of equal scores is nobody's; those of one page are put in ours."""
    return in_order({raw["_id"]: raw["_score"] for raw in raws})[:size]


def _hits(
    cluster: Cluster,
    question: Question,
    raws: Sequence[Json],
    best: Ranked,
    found: Mapping[str, Mapping[str, Found]],
    noted: Findings,
) -> list[Hit]:
    """Of hits with their source; what is said of passages takes a closer look."""
    if question.divided:
        return read_hits(cluster, question, best, found, noted)
    there = {raw["_id"]: raw for raw in raws}
    return [question.hit(there[id_], score, found[id_]) for id_, score in best]


def _scores(question: Question, raws: Sequence[Json]) -> Mapping[str, Mapping[str, Found]]:
    """Id -> side -> its raw score. An alias's own filter may have a name, too."""
    return {
        raw["_id"]: {
            side: Found(score) for side, score in raw.get("matched_queries", {}).items() if side in question.sides
        }
        for raw in raws
    }


def tells_ranks(question: Question) -> bool:
    """Whether the raw scores of all candidates say which rank each has on its side: of several shards one cannot tell whose
    candidate a document was."""
    target, search = question.target, question.config.search
    return target.known and target.shards == 1 and len(question.sides) * search.candidates <= target.largest_page


def _places(question: Question, raws: Sequence[Json]) -> Mapping[str, Mapping[str, Found]]:
    """The cluster tells a side's score of other sides' candidates, too: those come after its own."""
    scores = {
        id_: {side: found.score for side, found in sides.items()} for id_, sides in _scores(question, raws).items()
    }
    ranked = {
        side: in_order({id_: each[side] for id_, each in scores.items() if side in each}) for side in question.sides
    }
    return by_document({side: each[: question.config.search.candidates] for side, each in ranked.items()})


def _common(question: Question) -> Json:
    """What leaves only documents that all sides have: no score of fewer sides is as high."""
    if question.config.search.combine == "union":
        return {}
    return {"min_score": (len(question.sides) - 1) / (RANK_CONSTANT + 1) + 1e-7}


def require_exact_intersection(cluster: Cluster, question: Question) -> None:
    """ConfigError where the cluster's `min_score` would not be the intersection: it has to tell every document of all sides
    from the best one of fewer."""
    search, sides = question.config.search, len(question.sides)
    worst = sides / (RANK_CONSTANT + search.candidates * question.target.shards)
    version = str(cluster.get("/")["version"]["number"])
    is_new = _major_minor(version) >= _CUTS_FUSED_SCORES
    if search.fusion.type != "rrf" or not is_new or worst <= (sides - 1) / (RANK_CONSTANT + 1):
        raise ConfigError(
            f"search.combine: the cluster ({version}) cannot intersect {sides} sides of {search.candidates} candidates on "
            f"{question.target.shards} shard(s) by {search.fusion.type} exactly (rrf, 3.5 and two sides of 61 can). Ask via "
            "client."
        )


def fuses_as_we_do(question: Question) -> bool:
    """Whether the cluster's fusion is the one that we compute. What the index was made by is taken for the cluster's version: an
    older one than it has now at worst."""
    target = question.target
    by_rank = question.config.search.fusion.type == "rrf"
    return not by_rank or target.shards == 1 or _major_minor(target.attached.made_by) >= _RANKS_OVER_SHARDS


def _major_minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
