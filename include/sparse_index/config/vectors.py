"""The vector fields of a corpus: what each kind of them has to be told, and which of it is part of whose identity."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, model_validator

from sparse_index.config.encoder import EncoderConfig, FileModel, PruneType, Section, UrlModel

Space = Literal["cosinesimil", "l2", "innerproduct"]
# The kinds by their names, which are the tags of the union below.
FIELD_KINDS = ("sparse", "dense")


class SparseField(Section):
    """A field of weighted tokens, and the encoder that makes them."""

    kind: Literal["sparse"]
    encoder: EncoderConfig

    @property
    def vector_identity(self) -> dict[str, Any]:
        """What changes a vector beside the model and its token limit."""
        return {"pruning": self.encoder.pruning.model_dump(mode="json"), "token_format": "WORD"}

    @property
    def shape(self) -> Any:
        """What of it only a new index can have."""
        return self.kind


class DenseField(Section):
    """A field of `dimension` numbers a text, and the encoder that makes them. `space`: how two vectors are compared."""

    kind: Literal["dense"]
    encoder: EncoderConfig
    # The most that the engine lucene takes.
    dimension: Annotated[int, Field(strict=True, ge=1, le=16_000)]
    space: Space = "cosinesimil"

    @model_validator(mode="after")
    def _fits_its_encoder(self) -> DenseField:
        if self.encoder.pruning.type is not PruneType.NONE:
            raise ValueError("only sparse vectors are pruned: leave encoder.pruning out")
        if isinstance(self.encoder.model, FileModel | UrlModel):
            self._require_dimension(self.encoder.model.model_config_body or {})
        return self

    def _require_dimension(self, model_config: Mapping[str, object]) -> None:
        known = model_config.get("embedding_dimension")
        if known is None:
            raise ValueError(
                "a dense model is registered with what ML Commons has to know of it: give encoder.model.model_config_body "
                f"model_type, framework_type and embedding_dimension ({self.dimension})"
            )
        if known != self.dimension:
            raise ValueError(
                f"the model answers {known} numbers (model_config_body.embedding_dimension), dimension is "
                f"{self.dimension}: correct the wrong one"
            )

    @property
    def vector_identity(self) -> dict[str, Any]:
        """What changes a vector beside the model and its token limit."""
        model_config = self.encoder.model.model_dump(include={"model_config_body"})
        return {"kind": self.kind, "dimension": self.dimension, **model_config}

    @property
    def shape(self) -> Any:
        """What of it only a new index can have."""
        return {"kind": self.kind, "dimension": self.dimension, "space": self.space}


VectorField = SparseField | DenseField


def fingerprint(field: VectorField, content_sha256: str | None) -> str:
    """16 hex digits that name the vectors of this field's encoder.

    Everything that changes a vector is in it: the model's content hash (None: the catalogue's name and version
    stand for it), name, version, max tokens, and what its kind adds.
    """
    named = {"name", "version", "model_format", "model_id"}
    identity = {
        "content": content_sha256,
        "model": field.encoder.model.model_dump(include=named),
        "max_tokens": field.encoder.max_tokens,
        **field.vector_identity,
    }
    return hashlib.sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def with_first_field(raw: Any) -> Any:
    """A configuration with `vectors`, and the first of them as `encoder` and `index.vector_field` too: what works with one
    field works with that one."""
    fields, index = (raw.get("vectors"), raw.get("index", {})) if isinstance(raw, Mapping) else (None, None)
    if not isinstance(fields, Mapping) or not fields or not isinstance(index, Mapping):
        return raw
    name, first = next(iter(fields.items()))
    encoder = {"encoder": first["encoder"]} if isinstance(first, Mapping) and "encoder" in first else {}
    return {**encoder, **raw, "index": {"vector_field": name, **index}}
