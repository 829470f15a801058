"""What a vector field has to know of its model's vocabulary before it can be written or asked."""

from __future__ import annotations

from collections.abc import Callable

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.vectors import VectorField
from sparse_index.corpus.tokenizer import NoTokenizer
from sparse_index.errors import ConfigError
from sparse_index.ml.tokenizer import find_tokenizer
from sparse_index.store.files import Store
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.kinds import vector_kind


def knowing_kinds(store: Store, config: CorpusConfig, fingerprint_of: Callable[[str], str]) -> dict[str, VectorKind]:
    """Vector field of the index -> its kind, which knows the ids of its tokens where it writes them. `fingerprint_of`: of the
    encoder of a field."""
    return {name: knowing_kind(store, field, fingerprint_of(name)) for name, field in config.vector_fields.items()}


def knowing_kind(store: Store, field: VectorField, fingerprint: str) -> VectorKind:
    """ConfigError where the ids cannot be had."""
    kind = vector_kind(field)
    return kind if kind.with_ids is None else kind.with_ids(_token_ids(store, field, fingerprint))


def _token_ids(store: Store, field: VectorField, fingerprint: str) -> dict[str, int]:
    found = find_tokenizer(store, field.encoder.model, fingerprint)
    if isinstance(found, NoTokenizer):
        raise ConfigError(
            f"`index: sparse_vector` holds ids of tokens, which only the model's tokenizer knows, and {found.why}. Name the "
            "model as a `file` or a `url`, or write `index: rank_features`."
        )
    return found.ids
