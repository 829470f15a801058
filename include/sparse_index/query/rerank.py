"""The last order of the best hits: a model reads the query and each text together, as far as the time allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, isfinite

from sparse_index.cluster.client import Cluster, Json
from sparse_index.cluster.cores import idle_ml_cores
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import ExistingModel
from sparse_index.config.search import Fusion, RerankConfig
from sparse_index.errors import ModelError, OverloadedError
from sparse_index.ml.predict import ANY_TEXT, RERANKER, is_there
from sparse_index.names import rerank_pipeline_name
from sparse_index.query.answer import Hit
from sparse_index.query.fusion import Ranked, fused, in_order
from sparse_index.query.pipelines import text_fields
from sparse_index.query.troubles import explained
from sparse_index.timing import Clock

# Pairs of each request of the first round, by which the rate is measured.
_TRIED = 2
# Pairs of a request, so that one to a slow model ends within the client's time.
_MOST = 25
Score = Callable[[Sequence[str]], list[float]]


@dataclass(frozen=True)
class Reranked:
    """`hits`: the re-ranked ones, then those that were not read, as they came. `read`: how many were."""

    hits: Sequence[Hit]
    read: int


def reranker_of(cluster: Cluster, config: CorpusConfig, rerank: RerankConfig) -> str:
    """The id of the model: the corpus file's, else the one that serving put into the pipeline for re-ranking."""
    if isinstance(rerank.model, ExistingModel):
        return rerank.model.model_id
    name = rerank_pipeline_name(config.alias)
    body: Json = (cluster.find(f"/_search/pipeline/{name}") or {}).get(name, {})
    ids = [
        each["rerank"]["ml_opensearch"]["model_id"] for each in body.get("response_processors", []) if "rerank" in each
    ]
    if not ids:
        raise ModelError(
            f"No model re-ranks for '{config.alias}': there is no pipeline {name}. Run the corpus's serving."
        )
    return str(ids[0])


def reranked_by_client(
    cluster: Cluster,
    config: CorpusConfig,
    rerank: RerankConfig,
    model_id: str,
    query: str,
    hits: Sequence[Hit],
    clock: Clock,
) -> Reranked:
    """The first `rerank.depth` of the hits, or as many as `rerank.budget_ms` allows."""
    ranked = [replace(hit, rank_before=rank) for rank, hit in enumerate(hits, start=1)]
    texts = [pair_text(config, hit, rerank.max_words) for hit in ranked[: rerank.depth]]

    def score(some: Sequence[str]) -> list[float]:
        return similarities(cluster, model_id, query, some)

    scores = scores_in_time(score, texts, idle_ml_cores(cluster), rerank.budget_ms, clock)
    read = {hit.id: hit for hit in ranked[: len(scores)]}
    best = [replace(read[id_], score=score) for id_, score in last_order(rerank.weight, read.values(), scores)]
    return Reranked([*best, *ranked[len(scores) :]], len(scores))


def last_order(weight: float, read: Iterable[Hit], scores: Sequence[float]) -> Ranked:
    """Of hits and the model's scores of them, with the share that these have (`RerankConfig.weight`)."""
    by_model = [(hit.id, score) for hit, score in zip(read, scores, strict=True)]
    if weight == 1:
        return in_order(dict(by_model))
    before = [(hit.id, hit.score) for hit in read]
    fusion = Fusion(type="min_max", weights={"model": weight, "before": 1 - weight})
    return fused(fusion, {"model": by_model, "before": before}, only_common=False)


def pair_text(config: CorpusConfig, hit: Hit, max_words: int | None) -> str:
    """What the model reads of a document: its best passage, else the columns of the template, cut to so many words."""
    if hit.passage is not None:
        text = hit.passage.text
    else:
        # The cluster's own re-ranking joins fields so, and both ways have to give the same scores.
        text = "".join(str(hit.source[name]) for name in text_fields(config) if hit.source.get(name) is not None)
    words = text.split()
    return text if max_words is None or len(words) <= max_words else " ".join(words[:max_words])


def scores_in_time(
    score: Score, texts: Sequence[str], requests: int, budget_ms: float | None, clock: Clock
) -> list[float]:
    """Scores of the first texts: of all, or of as many as take `budget_ms` at the rate of the first few; in so many requests
    at once."""
    with ThreadPoolExecutor(requests) as pool:
        if budget_ms is None:
            return _scored(pool, score, texts, requests)
        started = clock()
        tried = texts[: _TRIED * requests]
        scores = _scored(pool, score, tried, requests)
        spent_ms = max((clock() - started) * 1000, 0.001)
        more = max(0, int((budget_ms - spent_ms) * len(tried) / spent_ms)) if tried else 0
        return scores + _scored(pool, score, texts[len(tried) : len(tried) + more], requests)


def _scored(pool: ThreadPoolExecutor, score: Score, texts: Sequence[str], requests: int) -> list[float]:
    # Even shares, so that no request is waited for alone.
    count = max(requests, ceil(len(texts) / _MOST))
    bounds = [len(texts) * number // count for number in range(count + 1)]
    shares = [texts[low:high] for low, high in pairwise(bounds) if high > low]
    return [each for scores in pool.map(score, shares) for each in scores]


def similarities(cluster: Cluster, model_id: str, query: str, texts: Sequence[str]) -> list[float]:
    """How well each text answers the query, higher is better, no unit; ModelError for what is no such number."""
    with explained(cluster, model_id, RERANKER, "search.rerank"):
        return _similarities(cluster, model_id, query, texts)


def reranks(cluster: Cluster, model_id: str) -> bool:
    """Whether the model answers now; ModelError for what is no cross-encoder."""
    with explained(cluster, model_id, RERANKER, "search.rerank"):
        return is_there(lambda: _similarities(cluster, model_id, ANY_TEXT, [ANY_TEXT]))


def _similarities(cluster: Cluster, model_id: str, query: str, texts: Sequence[str]) -> list[float]:
    body = {"query_text": query, "text_docs": list(texts)}
    path = f"/_plugins/_ml/_predict/{RERANKER.lower()}/{model_id}"
    numbers = _numbers(model_id, cluster.post(path, body, retry=OverloadedError))
    several = next((len(each) for each in numbers if len(each) != 1), None)
    if several is not None:
        raise _no_scores(model_id, f"is no cross-encoder: it answers {several} numbers")
    if len(numbers) != len(texts):
        raise _no_scores(model_id, f"is no cross-encoder: it answers {len(numbers)} of {len(texts)} texts")
    scores = [score for (score,) in numbers]
    wrong = [score for score in scores if not isfinite(score)]
    if wrong:
        raise _no_scores(model_id, f"answers {wrong[0]} for {len(wrong)} of {len(texts)} texts")
    return scores


def _numbers(model_id: str, answer: Json) -> list[list[float]]:
    """What the model answers for each text."""
    try:
        return [[float(number) for number in result["output"][0]["data"]] for result in answer["inference_results"]]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _no_scores(model_id, "is no cross-encoder: it answers something else") from error


def _no_scores(model_id: str, what: str) -> ModelError:
    return ModelError(
        f"Model {model_id} of search.rerank {what} instead of one score a text. Name a model in search.rerank that gives one "
        "number for a query and a text, or leave search.rerank out."
    )
