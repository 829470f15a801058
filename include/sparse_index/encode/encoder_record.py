"""What an encoder is, for whoever finds its vectors in the store: `vectors/<fingerprint>/encoder.json`.

It says of each file of vectors what was read of it, so that the next build reads only what is new. It is a memory and no truth:
what it lacks, or says of a file of another size, is read anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import Field

from sparse_index.config.vectors import VectorField
from sparse_index.corpus.tokenizer import kept_tokenizer
from sparse_index.errors import BuildError
from sparse_index.forms import Form
from sparse_index.store.files import Store
from sparse_index.store.layout import encoder_path
from sparse_index.values import Frozen
from sparse_index.vectors.files import largest_in, vector_files
from sparse_index.vectors.kinds import vector_kind


class SeenFile(Frozen):
    """A file of vectors. `largest`: the largest amount of any number in it (no unit), None where it has none."""

    size_bytes: int
    largest: float | None


class EncoderRecord(Frozen):
    """`dimension`: numbers in a vector, None where it has tokens; `vocabulary`: how many tokens the model's tokenizer knows, None
    where the store has no tokenizer of it. `largest_weight`: the largest amount of any number in the store's vectors (no unit).
    `token_limit`: as the corpus file says. `origin`: the model, as the corpus file names it, without secrets. `files`: by
    path."""

    kind: str
    dimension: int | None
    vocabulary: int | None
    largest_weight: float | None
    token_limit: int
    origin: dict[str, Any]
    files: dict[str, SeenFile] = Field(default_factory=dict)


ENCODER = Form(EncoderRecord, "the record of an encoder", "Delete it: the next run that encodes writes it anew.")


def record_encoder(store: Store, fingerprint: str, field: VectorField) -> EncoderRecord:
    """Keep what is known of an encoder now; `field`: one that has it."""
    tokenizer, files = kept_tokenizer(store, fingerprint), _files(store, fingerprint)
    record = EncoderRecord(
        kind=field.kind,
        dimension=vector_kind(field).dimension,
        vocabulary=len(tokenizer.ids) if tokenizer else None,
        largest_weight=_largest(files),
        token_limit=field.encoder.max_tokens,
        origin=field.encoder.model.model_dump(mode="json"),
        files=files,
    )
    ENCODER.save(store, encoder_path(fingerprint), record)
    return record


def largest_amount(store: Store, fingerprint: str) -> float | None:
    """Of any number in the vectors of this encoder (no unit); None while there is none."""
    return _largest(_files(store, fingerprint))


def _largest(files: Mapping[str, SeenFile]) -> float | None:
    return max((file.largest for file in files.values() if file.largest is not None), default=None)


def _files(store: Store, fingerprint: str) -> dict[str, SeenFile]:
    known, found = _known(store, fingerprint), dict[str, SeenFile]()
    for file in vector_files(store, fingerprint):
        seen = known.get(file.path)
        if seen is not None and seen.size_bytes == file.size_bytes:
            found[file.path] = seen
            continue
        with suppress(FileNotFoundError):  # a chunk of another build, which has just become one file with others
            found[file.path] = SeenFile(size_bytes=file.size_bytes, largest=largest_in(store, file.path))
    return found


def _known(store: Store, fingerprint: str) -> dict[str, SeenFile]:
    try:
        record = ENCODER.find(store, encoder_path(fingerprint))
    except BuildError:  # torn, or of a later version: nothing rests on it
        return {}
    return record.files if record else {}
