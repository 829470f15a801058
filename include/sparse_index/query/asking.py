"""A question gets its hits: from one side, from several that the cluster or we make one of, in the re-ranker's order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sparse_index.cluster.client import Cluster
from sparse_index.config.search import RerankConfig, SearchMode
from sparse_index.errors import ConfigError, SparseIndexError
from sparse_index.query.answer import Hit, Via
from sparse_index.query.by_client import fused_by_client
from sparse_index.query.by_server import (
    fused_by_server,
    fuses_as_we_do,
    one_side,
    require_exact_intersection,
    reranked_by_server,
    tells_ranks,
)
from sparse_index.query.question import Question
from sparse_index.query.rerank import reranked_by_client, reranker_of
from sparse_index.query.wish import Findings, Wish, reranker

_RANKS_APART = (
    "This cluster ranks the candidates of each shard for themselves: documents of a shard with few good ones come too far up. "
    "Ask via client, or fuse by min_max."
)
_WHOLE = "The cluster re-ranked by whole columns, all `depth` hits: it knows nothing of {}. Ask via client."
_FUSION, _RERANKING, _RERANKER = "The cluster's own fusion", "The cluster's own re-ranking", "The re-ranker"


def asked(cluster: Cluster, question: Question, wish: Wish, found: Findings) -> Sequence[Hit]:
    """Best first, `wish.size` at most."""
    if wish.mode is SearchMode.RERANK:
        return _reranked(cluster, question, wish, found)
    with found.timed("search_s"):
        if wish.mode is SearchMode.HYBRID:
            return _fused(cluster, question, wish, wish.size, found)
        return one_side(cluster, question, next(iter(question.sides)), wish.size, found)


def _fused(cluster: Cluster, question: Question, wish: Wish, size: int, found: Findings) -> Sequence[Hit]:
    """By the cluster where that is asked for, or is the same; else by us, and where the cluster refuses: then it turns out
    which sides do answer."""
    refused: dict[str, SparseIndexError] = {}
    if _is_for_the_cluster(cluster, question, wish, found):
        try:
            return fused_by_server(cluster, question, size, found)
        except SparseIndexError as error:
            if wish.strict or isinstance(error, ConfigError):
                raise
            refused = {_FUSION: error}
    found.via = Via.CLIENT
    fused = fused_by_client(cluster, question, size, found)
    found.degrade(fused.failed or refused, raises=wish.strict)
    return fused.hits


def _is_for_the_cluster(cluster: Cluster, question: Question, wish: Wish, found: Findings) -> bool:
    """Whether it fuses. ConfigError where it is told to, and could not but be wrong."""
    is_common, is_same = question.config.search.combine == "intersection", fuses_as_we_do(question)
    if wish.via is not Via.SERVER:
        tells_all = tells_ranks(question) or not question.explain
        return wish.via is Via.AUTO and is_same and tells_all and not is_common
    if is_common:
        require_exact_intersection(cluster, question)
    if not is_same and _RANKS_APART not in found.notes:
        found.notes.append(_RANKS_APART)
    return True


def _reranked(cluster: Cluster, question: Question, wish: Wish, found: Findings) -> Sequence[Hit]:
    """By the cluster where that is asked for, or is the same; else by us, and where the cluster refuses: then it turns out
    whether a side or the re-ranker does not answer."""
    try:
        model_id = reranker_of(cluster, question.config, reranker(question.config))
    except SparseIndexError as error:
        found.degrade({_RERANKER: error}, raises=wish.strict)
        return _before(cluster, question, wish, found)[: wish.size]
    refused: dict[str, SparseIndexError] = {}
    try:
        hits = _reranked_there(cluster, question, wish, model_id, found)
    except ConfigError:
        raise
    except SparseIndexError as error:
        hits, refused = None, {_RERANKING: error}
    return _reranked_here(cluster, question, wish, model_id, refused, found) if hits is None else hits


def _reranked_there(
    cluster: Cluster, question: Question, wish: Wish, model_id: str, found: Findings
) -> Sequence[Hit] | None:
    """By the cluster within its search; None where that is for us."""
    rerank = reranker(question.config)
    unheeded = list(_unheeded(question, rerank))
    is_same = not unheeded and not question.explain
    if not (is_same or wish.via is Via.SERVER) or not _is_for_the_cluster(cluster, question, wish, found):
        return None
    with found.timed("search_s"):
        hits = reranked_by_server(cluster, question, rerank, model_id, wish.size, found)
    found.notes += [_WHOLE.format(", ".join(unheeded))] if unheeded else []
    return hits


def _reranked_here(
    cluster: Cluster,
    question: Question,
    wish: Wish,
    model_id: str,
    refused: Mapping[str, SparseIndexError],
    found: Findings,
) -> Sequence[Hit]:
    """The hits as they were fused where the re-ranker does not answer. `refused`: what the cluster said to a search that
    re-ranks, which is worth a word where no side and no model turns out to be the cause."""
    said = len(found.degraded)
    hits, failed = _read_again(cluster, question, _before(cluster, question, wish, found), model_id, found)
    cause = failed or found.degraded[said:]
    found.degrade(failed if cause else refused, raises=wish.strict)
    return hits[: wish.size]


def _before(cluster: Cluster, question: Question, wish: Wish, found: Findings) -> Sequence[Hit]:
    """What there is to re-rank, or to give as it is."""
    with found.timed("search_s"):
        return _fused(cluster, question, wish, max(reranker(question.config).depth, wish.size), found)


def _unheeded(question: Question, rerank: RerankConfig) -> Iterator[str]:
    """What our re-ranking heeds, and the cluster's does not."""
    yield from (f"search.rerank.{name}" for name in ("max_words", "budget_ms") if getattr(rerank, name) is not None)
    if rerank.weight != 1:
        yield "search.rerank.weight"
    yield from (f"the best passages of {side}" for side in question.divided)


def _read_again(
    cluster: Cluster, question: Question, hits: Sequence[Hit], model_id: str, found: Findings
) -> tuple[Sequence[Hit], dict[str, SparseIndexError]]:
    rerank = reranker(question.config)
    try:
        with found.timed("rerank_s"):
            done = reranked_by_client(cluster, question.config, rerank, model_id, question.text, hits, found.clock)
    except SparseIndexError as error:
        return hits, {_RERANKER: error}
    found.via = Via.CLIENT
    wanted = min(rerank.depth, len(hits))
    if done.read < wanted:
        found.notes.append(
            f"Only the first {done.read} of {wanted} hits were re-ranked: more would take longer than search.rerank.budget_ms "
            f"({rerank.budget_ms:g})."
        )
    return done.hits, {}
