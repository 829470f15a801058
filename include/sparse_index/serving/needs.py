"""The models that the queries of one corpus need, and that serving therefore keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import EncoderConfig, ExistingModel
from sparse_index.ml.predict import RERANKER, answers
from sparse_index.ml.served import serving_group
from sparse_index.ml.sources import Source, source_of
from sparse_index.names import serving_group_prefix
from sparse_index.query.rerank import reranks
from sparse_index.query.troubles import explained
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.kinds import vector_kind

# What a re-ranker is needed for; a vector field's model is needed for the field, by its name.
RERANK = "rerank"


@dataclass(frozen=True)
class Need:
    """A model of ours, for a vector field or for `RERANK`. `content_sha256`: of its zip, None for one of the catalogue.
    `answers`: whether the model of this id answers now, as this one would."""

    used_for: str
    source: Source
    content_sha256: str | None
    answers: Callable[[Cluster, str], bool]
    register_deadline_s: float
    deploy_deadline_s: float

    @property
    def group(self) -> str:
        return serving_group(self.source.model, self.content_sha256)


def needs_of(config: CorpusConfig) -> list[Need]:
    """Reads the model files. One model that serves two purposes is there twice, with one group."""
    return [_need(*model) for model in _models(config)]


def may_need(config: CorpusConfig, group: str) -> bool:
    """Whether a serving group is of a model called as one that the corpus needs, whatever its content: reads no model file."""
    return any(group.startswith(serving_group_prefix(source.model.name)) for _, source, _, _ in _models(config))


def _models(config: CorpusConfig) -> Iterator[tuple[str, Source, Callable[[Cluster, str], bool], EncoderConfig]]:
    """What each is used for, where it comes from, how it is asked, and how long to wait for it."""
    for name, field in config.vector_fields.items():
        encoder = field.encoder
        if encoder.lifecycle == "shared" and not isinstance(encoder.model, ExistingModel):
            kind = vector_kind(field)
            yield name, source_of(encoder.model, kind.function), partial(_encodes, kind=kind, field=name), encoder
    rerank = config.search.rerank
    if rerank is not None and not isinstance(rerank.model, ExistingModel):
        yield RERANK, source_of(rerank.model, RERANKER), reranks, EncoderConfig(model=rerank.model)


def _encodes(cluster: Cluster, model_id: str, *, kind: VectorKind, field: str) -> bool:
    with explained(cluster, model_id, kind.function, f"vector field '{field}'"):
        return answers(cluster, model_id, kind)


def _need(used_for: str, source: Source, asks: Callable[[Cluster, str], bool], patience: EncoderConfig) -> Need:
    return Need(
        used_for=used_for,
        source=source,
        content_sha256=source.content_sha256(),
        answers=asks,
        register_deadline_s=patience.register_deadline_s,
        deploy_deadline_s=patience.deploy_deadline_s,
    )


def given_models(config: CorpusConfig) -> dict[str, str]:
    """Vector field, or `RERANK` -> the id of a model that was there before us and that queries ask: used, and otherwise left
    alone."""
    models = {name: config.vector_fields[name].encoder.model for name in config.model_side_fields}
    if config.search.rerank is not None:
        models[RERANK] = config.search.rerank.model
    return {name: model.model_id for name, model in models.items() if isinstance(model, ExistingModel)}
