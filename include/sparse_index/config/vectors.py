"""The vector fields of a corpus."""

from __future__ import annotations

from typing import Literal

from sparse_index.config.encoder import EncoderConfig, Section


class VectorField(Section):
    """One vector field of the index: the kind of its vectors, and the encoder that makes them."""

    kind: Literal["sparse"] = "sparse"
    encoder: EncoderConfig
