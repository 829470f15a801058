"""The kind of a vector field, ready to ask an index: with the ids of its tokens where that holds ids."""

from __future__ import annotations

from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError
from sparse_index.ml.vocabulary import knowing_kind
from sparse_index.query.target import Target
from sparse_index.store.files import Store
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.kinds import vector_kind


def asking_kind(config: CorpusConfig, target: Target, name: str) -> VectorKind:
    """Of vector field `name` of the target. ConfigError where the ids cannot be had."""
    field = config.vector_fields[name]
    kind = vector_kind(field)
    if kind.with_ids is None:
        return kind
    if target.meta is None:
        raise ConfigError(
            f"'{target.name}' does not say which encoder made its vectors, so nobody knows the ids of a query's tokens. Build it "
            "first."
        )
    return knowing_kind(Store(config.store), field, target.meta.fingerprint_of(name))
