"""Measure BM25 against the demonstration models on a running OpenSearch, over the committed judgements."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow.parquet as pq

from demo.judgements import (
    Judgement,
    Query,
    Split,
    WordingPair,
    corpus_path,
    grades_of,
    judgements_path,
    load_judgements,
    load_queries,
    queries_path,
)
from demo.model_server import ML_SETTINGS, MODELS_DIR, deployed, encode_dense, encode_sparse, similarities
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import QueryConfig
from sparse_index.errors import BuildError
from sparse_index.relevance.measures import NDCG, Judgements, Rankings, measure

Clause = Mapping[str, Any]
Ranker = Callable[[Query, Sequence[str]], list[str]]
_DEPTH = 10
_RERANKED = 50
_DENSE_DIMENSION = 64
BM25, SPARSE = "BM25", "sparse"
SYSTEMS = (BM25, "BM25, English stems", SPARSE, "sparse, query encoded too", "dense", "sparse, re-ranked")


@dataclass(frozen=True)
class Score:
    """Mean nDCG@10 of one system: over all documents, and over those that words alone cannot find."""

    corpus: str
    system: str
    everything: float
    held_out_pairs: float


@dataclass(frozen=True)
class Models:
    """Ids of the three deployed models."""

    sparse: str
    dense: str
    cross: str


@contextmanager
def demo_models(cluster: Cluster) -> Iterator[Models]:
    """Deploy the three models for the time of the block."""
    cluster.put("/_cluster/settings", {"persistent": ML_SETTINGS})
    with ExitStack() as stack:
        yield Models(
            *(stack.enter_context(deployed(cluster, MODELS_DIR / kind)) for kind in ("sparse", "dense", "cross"))
        )


def evaluate_corpus(cluster: Cluster, models: Models, corpus: str) -> list[Score]:
    """Index the committed corpus, run all held-out queries through every system, drop the index again."""
    index = f"demo-evaluation-{corpus}"
    queries = load_queries(queries_path(corpus), Split.HELD_OUT)
    judgements = load_judgements(judgements_path(corpus))
    try:
        texts = _index_corpus(cluster, models, corpus, index)
        rankers = _rankers(cluster, models, index, texts, queries)
        return [_score(corpus, name, ranker, queries, judgements) for name, ranker in rankers.items()]
    finally:
        cluster.remove(f"/{index}")


def _index_corpus(cluster: Cluster, models: Models, corpus: str, index: str) -> dict[str, str]:
    """Returns document id -> text."""
    table = pq.read_table(corpus_path(corpus), columns=["id", "title", "body"])
    texts = {row["id"]: f"{row['title']}. {row['body']}" for row in table.to_pylist()}
    sparse = encode_sparse(cluster, models.sparse, list(texts.values()))
    dense = encode_dense(cluster, models.dense, list(texts.values()))
    cluster.remove(f"/{index}")
    cluster.put(f"/{index}", _index_body())
    lines = (
        orjson.dumps({"index": {"_id": id_}}) + b"\n" + orjson.dumps({"text": text, "tokens": tokens, "vector": vector})
        for (id_, text), tokens, vector in zip(texts.items(), sparse, dense, strict=True)
    )
    answer = cluster.request("POST", f"/{index}/_bulk", b"\n".join(lines) + b"\n", params={"refresh": "true"})
    if answer["errors"]:
        raise BuildError(f"The cluster refused documents of '{corpus}': {answer['items'][0]}")
    return texts


def _index_body() -> dict[str, Any]:
    # Lucene's engine needs no native libraries; the default one ends a node that lacks them.
    method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}
    english = {"type": "text", "analyzer": "english"}
    return {
        "settings": {"number_of_shards": 1, "number_of_replicas": 0, "index.knn": True},
        "mappings": {
            "properties": {
                "text": {"type": "text", "fields": {"english": english}},
                "tokens": {"type": "rank_features"},
                "vector": {"type": "knn_vector", "dimension": _DENSE_DIMENSION, "method": method},
            }
        },
    }


def _rankers(
    cluster: Cluster, models: Models, index: str, texts: Mapping[str, str], queries: Sequence[Query]
) -> dict[str, Ranker]:
    query_texts = [query.text for query in queries]
    ids = [query.id for query in queries]
    words = {query.id: _own_words(cluster, index, query.text) for query in queries}
    tokens = dict(zip(ids, encode_sparse(cluster, models.sparse, query_texts), strict=True))
    vectors = dict(zip(ids, encode_dense(cluster, models.dense, query_texts), strict=True))

    def sparse(weights: Mapping[str, float], hidden: Sequence[str], size: int = _DEPTH) -> list[str]:
        return search(_neural_sparse(weights), hidden, size)

    def search(clause: Clause, hidden: Sequence[str], size: int = _DEPTH) -> list[str]:
        body = {
            "query": {"bool": {"must": clause, "must_not": {"ids": {"values": list(hidden)}}}},
            "size": size,
            "_source": False,
        }
        return [hit["_id"] for hit in cluster.post(f"/{index}/_search", body)["hits"]["hits"]]

    def reranked(query: Query, hidden: Sequence[str]) -> list[str]:
        found = sparse(words[query.id], hidden, _RERANKED)
        scores = similarities(cluster, models.cross, query.text, [texts[id_] for id_ in found]) if found else []
        ranked = sorted(zip(found, scores, strict=True), key=lambda pair: -pair[1])
        return [id_ for id_, _ in ranked[:_DEPTH]]

    rankers: tuple[Ranker, ...] = (
        lambda query, hidden: search({"match": {"text": query.text}}, hidden),
        lambda query, hidden: search({"match": {"text.english": query.text}}, hidden),
        lambda query, hidden: sparse(words[query.id], hidden),
        lambda query, hidden: sparse(tokens[query.id], hidden),
        lambda query, hidden: search(_exact_cosine(vectors[query.id]), hidden),
        reranked,
    )
    return dict(zip(SYSTEMS, rankers, strict=True))


def _own_words(cluster: Cluster, index: str, text: str) -> Mapping[str, float]:
    """As `sparse_index.query.search` does without a model, unless a corpus says otherwise: the query's words with weight 1."""
    analysed = cluster.post(f"/{index}/_analyze", {"analyzer": QueryConfig().analyzer, "text": text})
    return Counter(token["token"] for token in analysed["tokens"])


def _neural_sparse(tokens: Mapping[str, float]) -> Clause:
    return {"neural_sparse": {"tokens": {"query_tokens": dict(tokens)}}} if tokens else {"match_none": {}}


def _exact_cosine(vector: Sequence[float]) -> Clause:
    params = {"field": "vector", "query_value": list(vector), "space_type": "cosinesimil"}
    script = {"lang": "knn", "source": "knn_score", "params": params}
    return {"script_score": {"query": {"match_all": {}}, "script": script}}


def _score(
    corpus: str,
    system: str,
    ranker: Ranker,
    queries: Iterable[Query],
    judgements: Mapping[str, Sequence[Judgement]],
) -> Score:
    everything: dict[str, dict[str, int]] = {}
    held_out: dict[str, dict[str, int]] = {}
    rankings: dict[str, list[str]] = {}
    unspoilt: dict[str, list[str]] = {}
    for query in queries:
        judged = judgements[query.id]
        unseen = [judgement for judgement in judged if judgement.wording is WordingPair.HELD_OUT]
        hidden = [judgement.document_id for judgement in judged if judgement.wording is not WordingPair.HELD_OUT]
        everything[query.id], held_out[query.id] = grades_of(judged), grades_of(unseen)
        rankings[query.id], unspoilt[query.id] = ranker(query, []), ranker(query, hidden)
    return Score(corpus, system, _mean_ndcg(rankings, everything), _mean_ndcg(unspoilt, held_out))


def _mean_ndcg(rankings: Rankings, judgements: Judgements) -> float:
    return measure(rankings, judgements).mean(NDCG)


def table(scores: Sequence[Score]) -> str:
    """A Markdown table: one row a corpus and view, one column a system."""
    views = (("all documents", "everything"), ("held-out wordings only", "held_out_pairs"))
    lines = [f"| corpus | documents ranked | {' | '.join(SYSTEMS)} |", "|---|---|" + "--:|" * len(SYSTEMS)]
    for corpus in dict.fromkeys(score.corpus for score in scores):
        of_corpus = {score.system: score for score in scores if score.corpus == corpus}
        for label, field in views:
            cells = " | ".join(f"{getattr(of_corpus[system], field):.3f}" for system in SYSTEMS)
            lines.append(f"| {corpus} | {label} | {cells} |")
    return "\n".join(lines)
