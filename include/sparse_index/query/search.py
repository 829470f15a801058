"""BM25 and sparse search side by side, with what matched.

Where the query's tokens come from:

    model      a deployed sparse model encodes the query, as it encoded the documents
    analyzer   the query's own words, each with weight 1: the documents' expansions do the work. Right for doc-only
               models and for the demo models, whose vocabulary is words. A model with word pieces needs its own
               tokenizer as the analyzer (ML Commons brings `bert-uncased` from 3.1 on): the corpus declares it
    tokens     the caller brings them

A daily run deletes its model, so without a shared model `analyzer` is the mode that always works.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.vectors import SparseField
from sparse_index.errors import ConfigError, ModelError
from sparse_index.ml.predict import outputs
from sparse_index.vectors.kind import Asked, Refused, VectorKind
from sparse_index.vectors.kinds import vector_kinds

_MARKED = re.compile(r"<em>(.*?)</em>")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class QueryTokens:
    """Tokens of a query with their weights, and which way they were made (model, analyzer, tokens)."""

    weights: Mapping[str, float]
    made_by: str


@dataclass(frozen=True)
class Hit:
    """`text`: the text columns that are indexed, in the template's order. `matched`: for sparse, token -> its share of the
    score; for BM25, the matching words (no share known: 0)."""

    id: str
    score: float
    source: Mapping[str, Any]
    text: str
    matched: Mapping[str, float] = field(default_factory=dict)

    @property
    def expansions(self) -> set[str]:
        """Matched tokens that are no words of the document: the model added them."""
        return set(self.matched) - set(_WORD.findall(self.text.lower()))


@dataclass(frozen=True)
class SearchResults:
    """Both result lists, best first, and the tokens that the sparse one was asked with."""

    query: str
    tokens: QueryTokens
    bm25: Sequence[Hit]
    sparse: Sequence[Hit]


def search(
    cluster: Cluster,
    config: CorpusConfig,
    query: str,
    *,
    size: int = 5,
    query_tokens: Mapping[str, float] | None = None,
    model_id: str | None = None,
    analyzer: str | None = None,
    index: str | None = None,
) -> SearchResults:
    """Ask the alias (or `index`) both ways, of several vector fields the first. `query_tokens` win over `model_id`, which wins
    over `analyzer` (None: the one that the corpus declares)."""
    target = index or config.alias
    tokens = _tokens(cluster, config, target, query, query_tokens, model_id, analyzer or config.query.analyzer)
    return SearchResults(
        query=query,
        tokens=tokens,
        bm25=bm25_hits(cluster, config, target, query, size),
        sparse=sparse_hits(cluster, config, target, tokens, size),
    )


def _tokens(
    cluster: Cluster,
    config: CorpusConfig,
    index: str,
    query: str,
    given: Mapping[str, float] | None,
    model_id: str | None,
    analyzer: str,
) -> QueryTokens:
    if given is not None:
        return QueryTokens(dict(given), "tokens")
    if model_id is not None:
        return QueryTokens(model_tokens(cluster, config, model_id, query), "model")
    return QueryTokens(analyzer_tokens(cluster, index, query, analyzer), f"analyzer {analyzer}")


def _first_field(config: CorpusConfig) -> tuple[str, VectorKind]:
    """ConfigError where it has no tokens."""
    name, kind = next(iter(vector_kinds(config).items()))
    if not isinstance(config.vector_fields[name], SparseField):
        raise ConfigError(
            f"The first vector field of '{config.alias}', '{name}', holds no tokens, and `search` asks for tokens only so far. "
            f"Ask the index for it with a `{kind.query_word}` query, or put a sparse field first."
        )
    return name, kind


def model_tokens(cluster: Cluster, config: CorpusConfig, model_id: str, query: str) -> dict[str, float]:
    """Weights > 0 that the deployed model `model_id` gives the query's tokens."""
    _, kind = _first_field(config)
    (weights,) = outputs(cluster, model_id, kind, [query])
    if isinstance(weights, Refused):
        raise ModelError(f"Model {model_id} does not encode the query: {weights.reason}.")
    return {token: weight for token, weight in weights.items() if weight > 0}


def analyzer_tokens(cluster: Cluster, index: str, query: str, analyzer: str) -> dict[str, float]:
    """The query's own words, each with weight 1 (twice the same word: weight 2)."""
    answer: Json = cluster.get(f"/{index}/_analyze", {"analyzer": analyzer, "text": query})
    weights: dict[str, float] = {}
    for token in answer["tokens"]:
        weights[token["token"]] = weights.get(token["token"], 0.0) + 1.0
    return weights


def bm25_hits(cluster: Cluster, config: CorpusConfig, index: str, query: str, size: int) -> list[Hit]:
    """Full-text search in the columns of the text template, each by the analyzer of its field. A field of numbers or dates
    passes over words that are none."""
    fields = _text_fields(config)
    body = {
        "size": size,
        "_source": {"excludes": list(config.vector_fields)},
        "query": {"multi_match": {"query": query, "fields": fields, "type": "most_fields", "lenient": True}},
        "highlight": {"fields": {name: {"number_of_fragments": 0} for name in fields}},
    }
    hits = cluster.get(f"/{index}/_search", body)["hits"]["hits"]
    return [_hit(config, hit, hit["_source"], _marked_words(hit)) for hit in hits]


def _hit(config: CorpusConfig, hit: Json, source: Mapping[str, Any], matched: Mapping[str, float]) -> Hit:
    text = ". ".join(str(source[name]) for name in config.source.text_columns if source.get(name) is not None)
    return Hit(hit["_id"], hit["_score"], source, text, matched)


def _text_fields(config: CorpusConfig) -> list[str]:
    indexed = config.source.columns
    fields = [name for name in config.source.text_columns if indexed is None or name in indexed]
    if not fields:
        raise ConfigError(
            "None of the text template's columns is indexed (source.columns leaves them out), so BM25 has nothing to "
            f"search in. Add one of {', '.join(config.source.text_columns)} to source.columns."
        )
    return fields


def _marked_words(hit: Json) -> dict[str, float]:
    fragments = (fragment for field_ in hit.get("highlight", {}).values() for fragment in field_)
    return {word.lower(): 0.0 for fragment in fragments for word in _MARKED.findall(fragment)}


def sparse_hits(cluster: Cluster, config: CorpusConfig, index: str, tokens: QueryTokens, size: int) -> list[Hit]:
    """Score: sum over the common tokens of query weight x document weight."""
    if not tokens.weights:
        return []
    vector_field, kind = _first_field(config)
    body = {"size": size, "query": kind.clause(vector_field, tokens.weights, Asked(size))}
    hits = cluster.get(f"/{index}/_search", body)["hits"]["hits"]
    return [_sparse_hit(config, hit, vector_field, tokens.weights) for hit in hits]


def _sparse_hit(config: CorpusConfig, hit: Json, vector_field: str, query: Mapping[str, float]) -> Hit:
    source = dict(hit["_source"])
    vector = source.pop(vector_field, {})
    shares = {token: query[token] * weight for token, weight in vector.items() if token in query}
    matched = dict(sorted(shares.items(), key=lambda share: -share[1]))
    return _hit(config, hit, source, matched)
