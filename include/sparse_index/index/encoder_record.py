"""What an encoder is, for whoever finds its vectors in the store: `vectors/<fingerprint>/encoder.json`."""

from __future__ import annotations

from typing import Any

from sparse_index.config.vectors import VectorField
from sparse_index.corpus.tokenizer import kept_tokenizer
from sparse_index.forms import Form
from sparse_index.store.files import Store
from sparse_index.store.layout import encoder_path
from sparse_index.values import Frozen
from sparse_index.vectors.files import largest_amount
from sparse_index.vectors.kinds import vector_kind


class EncoderRecord(Frozen):
    """`dimension`: numbers in a vector, None where it has tokens; `vocabulary`: how many tokens the model's tokenizer knows, None
    where the store has no tokenizer of it. `largest_weight`: the largest amount of any number in the store's vectors (no unit).
    `token_limit`: as the corpus file says. `origin`: the model, as the corpus file names it, without secrets."""

    kind: str
    dimension: int | None
    vocabulary: int | None
    largest_weight: float | None
    token_limit: int
    origin: dict[str, Any]


ENCODER = Form(EncoderRecord, "the record of an encoder", "Delete it: the next run that encodes writes it anew.")


def record_encoder(store: Store, fingerprint: str, field: VectorField) -> EncoderRecord:
    """Keep what is known of an encoder now; `field`: one that has it."""
    tokenizer = kept_tokenizer(store, fingerprint)
    record = EncoderRecord(
        kind=field.kind,
        dimension=vector_kind(field).dimension,
        vocabulary=len(tokenizer.ids) if tokenizer else None,
        largest_weight=largest_amount(store, fingerprint),
        token_limit=field.encoder.max_tokens,
        origin=field.encoder.model.model_dump(mode="json"),
    )
    ENCODER.save(store, encoder_path(fingerprint), record)
    return record
