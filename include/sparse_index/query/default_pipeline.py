"""The search pipeline that a corpus's index names as its default: made by serving, named by builds."""

from __future__ import annotations

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.served import is_served, unserved_fields
from sparse_index.errors import ConfigError
from sparse_index.ml import served
from sparse_index.ml.life import life_of
from sparse_index.query.pipelines import SearchPipeline, search_pipeline


def default_pipeline(cluster: Cluster, config: CorpusConfig) -> SearchPipeline | None:
    """What serving has put for this configuration; None where its searches need none. ConfigError while it is not there as
    it should be; what `served.require` raises where a model that it names does not answer."""
    if not is_served(config):
        return None
    require_served_fields(config)
    models = {name: _model(cluster, config, name) for name in config.model_side_fields}
    pipeline = search_pipeline(config, models)
    if (
        pipeline is not None
        and (cluster.find(f"/_search/pipeline/{pipeline.name}") or {}).get(pipeline.name) != pipeline.body
    ):
        raise ConfigError(
            f"The search pipeline {pipeline.name}, which searches of '{config.alias}' need, is not there as it should be: "
            f"{served.RUN_SERVING}."
        )
    return pipeline


def require_served_fields(config: CorpusConfig) -> None:
    """ConfigError when a model that encodes queries goes with each run."""
    gone = unserved_fields(config)
    if gone:
        raise ConfigError(
            f"Queries of '{config.alias}' are encoded by a model for {', '.join(gone)}, and each run deletes that model. Set "
            "lifecycle: shared in its encoder, or let the caller bring the vectors (search.query)."
        )


def _model(cluster: Cluster, config: CorpusConfig, name: str) -> str:
    field = config.vector_fields[name]
    content = life_of(field).content_sha256(cluster)
    return served.require(cluster, field, content, f"The model that encodes queries for '{name}'")
