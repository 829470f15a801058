"""What a cluster does around a search: encode the query, fuse the sides' answers, re-rank. Pure functions.

The default search pipeline of an index is named after its content, so that it never changes under its name; that which
re-ranks is named after the alias, and follows what is live. Either *is* the whole way from a query's text to the hits: one that
a caller names replaces the default of the index, with its enricher.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sparse_index.cluster.client import Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import Fusion, RerankConfig
from sparse_index.errors import ConfigError
from sparse_index.names import pipeline_name, rerank_pipeline_name

# What a document gets for rank r (from 1) of a side: 1 / (RANK_CONSTANT + r).
RANK_CONSTANT = 60
# Of the module search-pipeline-common: they let a search re-rank more hits than it gives.
DEEPENING = frozenset({"oversample", "truncate_hits"})
# Where a processor names a model: its value, or each value of the mapping.
_MODEL_KEYS = ("model_id", "default_model_id", "neural_field_default_id")


@dataclass(frozen=True)
class SearchPipeline:
    """`body`: as `PUT /_search/pipeline/<name>` takes it."""

    name: str
    body: Json


def search_pipeline(config: CorpusConfig, models: Mapping[str, str]) -> SearchPipeline | None:
    """The default pipeline of the corpus's index; None where a search needs none: one side, and no model that encodes queries.

    `models`: vector field -> id of the model that encodes its queries; ConfigError when one lacks that needs it.
    """
    body = fusing_pipeline(config, models)
    if not config.model_side_fields and len(config.sides) < 2:
        return None
    return SearchPipeline(pipeline_name(config.alias, body), body)


def rerank_pipeline(config: CorpusConfig, before: Json, reranker: str, *, deepens: bool) -> SearchPipeline | None:
    """For a caller to name, never a default: a search without `ext.rerank` fails with it. None where nothing re-ranks.

    `before`: the pipeline that finds the hits. `reranker`: id of its model.
    `deepens`: whether the nodes have the processors `DEEPENING`; the caller asks for `rerank.top`
    hits then, else for `rerank.depth`.
    """
    rerank = config.search.rerank
    if rerank is None:
        return None
    around = reranking(rerank, text_fields(config), reranker, rerank.top if deepens else None)
    return SearchPipeline(rerank_pipeline_name(config.alias), joined(before, around))


def fusing_pipeline(config: CorpusConfig, models: Mapping[str, str]) -> Json:
    """From a query's text to the fused hits. `models`: as `search_pipeline` takes them."""
    return joined(_enricher(config, models), fusing(config.search.fusion, config.sides))


def joined(*bodies: Json) -> Json:
    """One pipeline that has the processors of all, those of a stage in their order."""
    stages = dict.fromkeys(stage for body in bodies for stage in body)
    return {stage: [processor for body in bodies for processor in body.get(stage, [])] for stage in stages}


def _enricher(config: CorpusConfig, models: Mapping[str, str]) -> Json:
    """Only for model-side fields: a query that names an analyzer is refused when it gets a model, too."""
    missing = [name for name in config.model_side_fields if name not in models]
    if missing:
        raise ConfigError(
            f"No model encodes the queries of '{config.alias}' for {', '.join(missing)}. Serve one first."
        )
    ids = {config.vector_fields[name].path(name): models[name] for name in config.model_side_fields}
    enricher: Json = {"neural_field_default_id": ids}
    if len(ids) < len(config.vector_fields):
        # It fails at the first field that it has no model for, after those that came before it in the query were served.
        enricher["ignore_failure"] = True
    return {"request_processors": [{"neural_query_enricher": enricher}]} if ids else {}


def fusing(fusion: Fusion, sides: Sequence[str]) -> Json:
    """The pipeline that makes one answer of those of the `sides`, in the order of the hybrid query."""
    if fusion.type == "rrf":
        ranked = {"combination": {"technique": "rrf", "rank_constant": RANK_CONSTANT}}
        return {"phase_results_processors": [{"score-ranker-processor": ranked}]}
    mean: Json = {"technique": "arithmetic_mean"}
    if fusion.weights is not None:
        # As the file has them: a pipeline is named after them. Those of fewer sides are not 1 together, which is refused.
        weights = fusion.weights if len(sides) == len(fusion.weights) else fusion.shares(sides)
        mean["parameters"] = {"weights": [weights[side] for side in sides]}
    scaled = {"normalization": {"technique": "min_max"}, "combination": mean}
    return {"phase_results_processors": [{"normalization-processor": scaled}]}


def reranking(rerank: RerankConfig, fields: Sequence[str], model_id: str, size: int | None) -> Json:
    """The pipeline that re-ranks `rerank.depth` hits of a search for `size`, cut to them; None: of one for `depth`."""
    # Without a look at `_source` every text is empty and every hit scores the same.
    read = {"rerank": {"ml_opensearch": {"model_id": model_id}, "context": {"document_fields": list(fields)}}}
    if size is None:
        return {"response_processors": [read]}
    deeper = {"oversample": {"sample_factor": rerank.depth / size}}
    return {"request_processors": [deeper], "response_processors": [read, {"truncate_hits": {}}]}


def models_named(body: Json) -> set[str]:
    """The ids of the models that a search pipeline names."""
    return set(_named(body))


def _named(body: object) -> Iterator[str]:
    if isinstance(body, list):
        for item in body:
            yield from _named(item)
    elif isinstance(body, Mapping):
        for key, value in body.items():
            if key not in _MODEL_KEYS:
                yield from _named(value)
            elif isinstance(value, Mapping):
                yield from map(str, value.values())
            else:
                yield str(value)


def has_full_text(config: CorpusConfig) -> bool:
    """Whether full-text search has anything to search in."""
    return bool(_indexed_text(config))


def _indexed_text(config: CorpusConfig) -> list[str]:
    indexed = config.source.columns
    return [name for name in config.source.text_columns if indexed is None or name in indexed]


def text_fields(config: CorpusConfig) -> list[str]:
    """The columns of the text template that are indexed; ConfigError without any."""
    fields = _indexed_text(config)
    if not fields:
        raise ConfigError(
            "None of the text template's columns is indexed (source.columns leaves them out), so BM25 has nothing to "
            f"search in, and a re-ranker nothing to read. Add one of {', '.join(config.source.text_columns)} to source.columns."
        )
    return fields
