"""The kinds there are, by their names in a corpus file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.vectors import VectorField
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.sparse import sparse_kind

KINDS: Mapping[str, Callable[[VectorField], VectorKind]] = MappingProxyType(
    {"sparse": lambda field: sparse_kind(field.encoder.pruning)}
)


def vector_kind(field: VectorField) -> VectorKind:
    return KINDS[field.kind](field)


def vector_kinds(config: CorpusConfig) -> dict[str, VectorKind]:
    """Vector field of the index -> the kind of its vectors."""
    return {name: vector_kind(field) for name, field in config.vector_fields.items()}
