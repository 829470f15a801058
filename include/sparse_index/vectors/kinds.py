"""The kinds there are, by their names in a corpus file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.vectors import DenseField, SparseField, VectorField
from sparse_index.vectors.dense import dense_kind
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.sparse import sparse_kind


def _sparse(field: SparseField) -> VectorKind:
    return sparse_kind(field.encoder.pruning)


def _dense(field: DenseField) -> VectorKind:
    return dense_kind(field.dimension, field.space)


# Each takes the fields of its own name.
KINDS: Mapping[str, Callable[[Any], VectorKind]] = MappingProxyType({"sparse": _sparse, "dense": _dense})


def vector_kind(field: VectorField) -> VectorKind:
    return KINDS[field.kind](field)


def vector_kinds(config: CorpusConfig) -> dict[str, VectorKind]:
    """Vector field of the index -> the kind of its vectors."""
    return {name: vector_kind(field) for name, field in config.vector_fields.items()}
