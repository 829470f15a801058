"""The kinds there are, by their names in a corpus file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import Pruning
from sparse_index.config.vectors import DenseField, SparseField, TokenIndex, VectorField
from sparse_index.vectors.dense import dense_kind
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.long_texts import in_passages
from sparse_index.vectors.sparse import sparse_kind, strongest
from sparse_index.vectors.sparse_vector import sparse_vector_kind

_TOKEN_INDICES: Mapping[str, Callable[[Pruning, TokenIndex], VectorKind]] = MappingProxyType(
    {"rank_features": lambda pruning, _: sparse_kind(pruning), "sparse_vector": sparse_vector_kind}
)


def _sparse(field: SparseField) -> VectorKind:
    pruning = field.encoder.pruning
    kind = _TOKEN_INDICES[field.index.type](pruning, field.index)
    return replace(kind, combine=partial(strongest, pruning)) if field.long_texts == "max" else kind


def _dense(field: DenseField) -> VectorKind:
    return replace(dense_kind(field.dimension, field.space, field.engine), has_natives=field.knn_natives)


# Each takes the fields of its own name.
KINDS: Mapping[str, Callable[[Any], VectorKind]] = MappingProxyType({"sparse": _sparse, "dense": _dense})


def vector_kind(field: VectorField) -> VectorKind:
    kind = KINDS[field.kind](field)
    return in_passages(kind) if field.long_texts == "passages" else kind


def vector_kinds(config: CorpusConfig) -> dict[str, VectorKind]:
    """Vector field of the index -> the kind of its vectors."""
    return {name: vector_kind(field) for name, field in config.vector_fields.items()}
