"""The vector fields of a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sparse_index.config.encoder import EncoderConfig, Section


class VectorField(Section):
    """One vector field of the index: the kind of its vectors, and the encoder that makes them."""

    kind: Literal["sparse"]
    encoder: EncoderConfig


def with_first_field(raw: Any) -> Any:
    """A configuration with `vectors`, and the first of them as `encoder` and `index.vector_field` too: what works with one
    field works with that one."""
    fields, index = (raw.get("vectors"), raw.get("index", {})) if isinstance(raw, Mapping) else (None, None)
    if not isinstance(fields, Mapping) or not fields or not isinstance(index, Mapping):
        return raw
    name, first = next(iter(fields.items()))
    encoder = {"encoder": first["encoder"]} if isinstance(first, Mapping) and "encoder" in first else {}
    return {**encoder, **raw, "index": {"vector_field": name, **index}}
