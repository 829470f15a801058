"""How a query's text becomes what a vector field is asked with.

    model      a deployed model encodes it, as it encoded the documents
    analyzer   the query's own words, weighed by the analyzer (`bert-uncased`: how rare a word piece is) or each with 1: the
               documents' expansions do the work. Right for doc-only models and for the toy models, whose vocabulary is words.
               A model with word pieces needs its own tokenizer as the analyzer (ML Commons brings `bert-uncased` from 3.1 on):
               the corpus declares it
    tokens     the caller brings them

A daily run deletes its model, so without serving `analyzer` is the way that always works. Which model: the one that the
caller names, else the one that the default pipeline of the very index names, else the shared one of the index's encoder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from struct import unpack
from typing import Any

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import ExistingModel
from sparse_index.config.vectors import fingerprint
from sparse_index.corpus.render import normalise
from sparse_index.errors import ConfigError, ModelError, OverloadedError
from sparse_index.ml.life import life_of
from sparse_index.ml.predict import outputs
from sparse_index.ml.served import find_or_outage
from sparse_index.names import pipeline_name, pipeline_owner
from sparse_index.query.knowing import asking_kind
from sparse_index.query.target import Target
from sparse_index.query.troubles import explained
from sparse_index.vectors.kind import Asked, Refused, VectorKind
from sparse_index.vectors.kinds import vector_kind
from sparse_index.vectors.sparse import LARGEST_QUERY_WEIGHT, require_askable


@dataclass(frozen=True)
class Given:
    """What the caller brings: `models`, vector field -> id of the deployed one that encodes for it; `tokens`, vector field ->
    token -> weight; `analyzer`, instead of the corpus's, for the fields whose queries one may cut."""

    models: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    analyzer: str | None = None


NOTHING_GIVEN = Given()


@dataclass(frozen=True)
class Encoded:
    """`output`: what the field's `kind` takes for a query; `made_by`: in words."""

    kind: VectorKind
    output: Any
    made_by: str

    def clause(self, field: str, asked: Asked) -> Json:
        return self.kind.clause(field, self.output, asked)

    @property
    def tokens(self) -> Mapping[str, float]:
        """Token -> weight, the heaviest first; nothing where a person could read nothing from it."""
        if self.kind.matched is None:
            return {}
        return dict(sorted(self.output.items(), key=lambda item: -item[1]))

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be found with it."""
        return self.kind.is_empty(self.kind.vector(self.output))


def encoded(cluster: Cluster, config: CorpusConfig, target: Target, name: str, query: str, given: Given) -> Encoded:
    """The query for the vector field `name`. ModelError where no model answers; TerminalError for what the cluster would refuse;
    ConfigError for what the caller has to mend."""
    kind = asking_kind(config, target, name)
    found = Encoded(kind, *_made(cluster, config, target, name, normalise(query), given))
    # Whatever it is, the cluster would refuse the whole search for it.
    found.clause(name, Asked(1))
    return found


def knowing_models(cluster: Cluster, config: CorpusConfig, target: Target, sides: Iterable[str], given: Given) -> Given:
    """With the model of each of these sides that a model encodes for: who asks many queries looks it up once. Errors as of
    `encoded`."""
    fields = [name for name in sides if name in config.vector_fields and _way(config, name, given) == "model"]
    found = {name: given.models.get(name) or _model_of(cluster, config, target, name) for name in fields}
    return replace(given, models={**given.models, **found})


def _made(
    cluster: Cluster, config: CorpusConfig, target: Target, name: str, query: str, given: Given
) -> tuple[Any, str]:
    """The output, and what made it."""
    way = _way(config, name, given)
    if way == "tokens":
        return _tokens(name, given), "tokens"
    if way == "analyzer":
        analyzer = given.analyzer or config.query.analyzer
        return analyzer_tokens(cluster, target.name, query, analyzer), f"analyzer {analyzer}"
    model_id = given.models.get(name) or _model_of(cluster, config, target, name)
    kind = vector_kind(config.vector_fields[name])
    return _predicted(cluster, name, kind, model_id, query), f"model {model_id}"


def _way(config: CorpusConfig, name: str, given: Given) -> str:
    if name in given.tokens:
        return "tokens"
    if name in given.models:
        return "model"
    is_cut = given.analyzer is not None and "analyzer" in config.vector_fields[name].query_ways
    return "analyzer" if is_cut else config.query_way(name)


def _tokens(name: str, given: Given) -> Mapping[str, float]:
    if name not in given.tokens:
        raise ConfigError(
            f"search.query says that the caller brings the tokens for '{name}', and there are none. Give them, or say model or "
            "analyzer."
        )
    require_askable(given.tokens[name])
    return dict(given.tokens[name])


def analyzer_tokens(cluster: Cluster, index: str, query: str, analyzer: str) -> dict[str, float]:
    """The query's own words, each once, as the cluster weighs them where a search names the analyzer: by the payload that the
    analyzer gives a word, else 1; as far as a weight may go."""
    asked = {"analyzer": analyzer, "text": query, "explain": True, "attributes": ["payload"]}
    detail: Json = cluster.get(f"/{index}/_analyze", asked)["detail"]
    # One that the index puts together tells of each of its stages.
    last = detail.get("analyzer") or [detail.get("tokenizer"), *detail.get("tokenfilters", [])][-1]
    return {token["token"]: min(_weight(token.get("payload")), LARGEST_QUERY_WEIGHT) for token in last["tokens"]}


def _weight(payload: str | None) -> float:
    """`payload`: the bytes of a float32, like `[40 9e 6f 23]`."""
    if payload is None:
        return 1.0
    (weight,) = unpack(">f", bytes(int(byte, 16) for byte in payload.strip("[]").split()))
    return float(weight)


def _predicted(cluster: Cluster, name: str, kind: VectorKind, model_id: str, query: str) -> Any:
    with explained(cluster, model_id, kind.function, f"vector field '{name}'"):
        (output,) = outputs(cluster, model_id, kind, [query], retry=OverloadedError)
    if isinstance(output, Refused):
        raise ModelError(f"Model {model_id} does not encode the query for '{name}': {output.reason}.")
    return output


def _model_of(cluster: Cluster, config: CorpusConfig, target: Target, name: str) -> str:
    served = _enricher_models(cluster, target).get(config.vector_fields[name].path(name))
    found = served or _shared_model(cluster, config, target, name)
    if found is None:
        raise ModelError(
            f"No model encodes queries for '{name}' of {target.name}: neither its search pipeline names one, nor does a shared "
            "one answer. Run the corpus's serving, or give a deployed one (--model-id)."
        )
    return found


def _enricher_models(cluster: Cluster, target: Target) -> dict[str, str]:
    """Vector field -> model, as the index's own pipeline has them. ModelError for one of ours that is not what its name says:
    nobody knows whose models it names."""
    if target.pipeline is None:
        return {}
    body: Json = (cluster.find(f"/_search/pipeline/{target.pipeline}") or {}).get(target.pipeline, {})
    owner = pipeline_owner(target.pipeline)
    if body and owner is not None and pipeline_name(owner, body) != target.pipeline:
        raise ModelError(
            f"The search pipeline {target.pipeline} of {target.name} was changed by hand: its models may be of another encoder. "
            "Run the corpus's serving, which puts it back, or give a model (--model-id)."
        )
    enrichers = [each.get("neural_query_enricher", {}) for each in body.get("request_processors", [])]
    return {name: id_ for each in enrichers for name, id_ in each.get("neural_field_default_id", {}).items()}


def _shared_model(cluster: Cluster, config: CorpusConfig, target: Target, name: str) -> str | None:
    """Never that of another encoder than made the index's vectors."""
    vector_field = config.vector_fields[name]
    model = vector_field.encoder.model
    if target.meta is None and isinstance(model, ExistingModel):
        # Nothing to compare it with, and a login that may only search may not read its document.
        return model.model_id
    content = life_of(vector_field).content_sha256(cluster)
    if target.meta is not None and target.meta.fingerprint_of(name) != fingerprint(vector_field, content):
        raise ModelError(
            f"The vectors of '{name}' in {target.name} are of another encoder than the corpus file names now, and its search "
            "pipeline names none. Build the index anew, or give the model that encoded it (--model-id)."
        )
    if isinstance(model, ExistingModel):
        # It is asked itself: then it says why it does not answer.
        return model.model_id
    return find_or_outage(cluster, vector_field, content, f"The shared model of vector field '{name}'")
