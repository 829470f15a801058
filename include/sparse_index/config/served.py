"""Which corpora have something that serving keeps for their queries: a shared model, a re-ranker, a search pipeline."""

from __future__ import annotations

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import EncoderConfig, ExistingModel
from sparse_index.config.search import SearchConfig


def is_served(config: CorpusConfig) -> bool:
    """A corpus that says nothing of its searches, and shares no model, is not: nothing of it needs more than its index.

    Nor is one whose queries a model would encode that goes with each run: then whoever searches brings the vectors.
    """
    if config.search.rerank is not None or any(_is_shared(encoder) for encoder in _encoders(config).values()):
        return True
    fuses_or_encodes = len(config.sides) > 1 or bool(config.model_side_fields)
    return config.search != SearchConfig() and fuses_or_encodes and not unserved_fields(config)


def unserved_fields(config: CorpusConfig) -> list[str]:
    """The vector fields whose queries a model encodes that no query finds, because each run deletes it."""
    encoders = _encoders(config)
    return [name for name in config.model_side_fields if not _stays(encoders[name])]


def why_unserved(config: CorpusConfig) -> str | None:
    """What a corpus that says how it is searched does not get, and why, in words."""
    gone = unserved_fields(config)
    if is_served(config) or config.search == SearchConfig() or not gone:
        return None
    return (
        f"The cluster encodes no query of '{config.alias}': each run deletes the model of {', '.join(gone)}, and no index names "
        "a search pipeline. Set lifecycle: shared in its encoder, or name a model that is there (source: model_id)."
    )


def _stays(encoder: EncoderConfig) -> bool:
    return _is_shared(encoder) or isinstance(encoder.model, ExistingModel)


def _is_shared(encoder: EncoderConfig) -> bool:
    return encoder.lifecycle == "shared"


def _encoders(config: CorpusConfig) -> dict[str, EncoderConfig]:
    return {name: field.encoder for name, field in config.vector_fields.items()}
