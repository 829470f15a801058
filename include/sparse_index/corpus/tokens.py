"""What a vector field's model makes of each text: how many tokens, how many of them it never reads, or which passages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.vectors import Passages
from sparse_index.corpus.hashes import hash_text
from sparse_index.corpus.passages import passages_of
from sparse_index.corpus.rows import DocumentBatch
from sparse_index.corpus.tokenizer import ModelTokenizer, kept_tokenizer
from sparse_index.errors import BuildError
from sparse_index.store.files import Store
from sparse_index.store.layout import tokenizer_path

_PASSAGE = pa.struct([("text_hash", pa.string()), ("start", pa.int32()), ("end", pa.int32())])
# Columns of a manifest, each with an entry a vector field.
COLUMNS = pa.schema(
    [
        ("tokens", pa.map_(pa.string(), pa.int32())),
        ("truncated", pa.map_(pa.string(), pa.int32())),
        ("passages", pa.map_(pa.string(), pa.list_(_PASSAGE))),
    ]
)


@dataclass(frozen=True)
class TextOf:
    """One text in one vector field: `tokens`, those that are `truncated`, and the `passages` where it is divided, or
    where the field has a template of its own."""

    tokens: int | None = None
    truncated: int | None = None
    passages: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Counting:
    """Of one vector field. `reads`: the most tokens of a text that its model reads, special ones among them. `all_texts`: else
    one in 16, always the same ones: counting takes twenty times as long as all the rest of a scan. `divided`: how texts become
    passages, if they do."""

    tokenizer: ModelTokenizer
    reads: int
    all_texts: bool
    divided: Passages | None = None

    def chooses(self, text_hash: str) -> bool:
        return self.all_texts or text_hash.startswith("0")

    def look(self, texts: Sequence[str]) -> Iterator[TextOf]:
        if self.divided is None:
            yield from (TextOf(tokens, max(0, tokens - self.reads)) for tokens in self.tokenizer.counts(texts))
            return
        for text, spans in zip(texts, self.tokenizer.spans(texts), strict=True):
            passages = [
                {"text_hash": hash_text(passage.text), "start": passage.start, "end": passage.end}
                for passage in passages_of(text, spans, self.divided)
            ]
            yield TextOf(len(spans) + self.tokenizer.special, 0, passages)


def countings(config: CorpusConfig, store: Store, fingerprints: Mapping[str, str]) -> dict[str, Counting]:
    """Of the vector fields in `fingerprints`, whose tokenizers the store has; BuildError when one that has to be there is not."""
    for name, field in config.vector_fields.items():
        if field.divided is not None and name not in fingerprints:
            raise BuildError(
                f"'{config.alias}': the texts of {name} have been divided into passages only since this run began. Trigger a new "
                "run."
            )
    return {name: _counting(config, store, name, fingerprint) for name, fingerprint in fingerprints.items()}


def _counting(config: CorpusConfig, store: Store, name: str, fingerprint: str) -> Counting:
    tokenizer = kept_tokenizer(store, fingerprint)
    if tokenizer is None:
        raise BuildError(
            f"{tokenizer_path(fingerprint)} in the store is gone, or torn, since this run began. Trigger a new run: it fetches "
            "the tokenizer again."
        )
    field = config.vector_fields[name]
    # ML Commons obeys the model's own file; where that does not cut, the configured limit is all that is known.
    reads = tokenizer.cut_at or field.encoder.max_tokens
    return Counting(tokenizer, reads, all_texts=field.long_texts is not None, divided=field.divided)


def token_columns(counted: Mapping[str, Counting], batch: DocumentBatch) -> list[pa.Array]:
    """COLUMNS, a value a row; null where there is no text, or nobody looked."""
    fields = dict.fromkeys([*batch.own_texts, *counted])
    if not fields:
        return [pa.nulls(len(batch), column.type) for column in COLUMNS]
    columns: dict[str, list[Any]] = {name: [None] * len(batch) for name in COLUMNS.names}
    for field in fields:
        for row, found in _looked_at(batch, field, counted.get(field)):
            for name, values in columns.items():
                if (value := getattr(found, name)) is not None:
                    values[row] = [*(values[row] or ()), (field, value)]
    return [pa.array(columns[column.name], column.type) for column in COLUMNS]


def _looked_at(batch: DocumentBatch, field: str, counting: Counting | None) -> Iterator[tuple[int, TextOf]]:
    """The rows that have something to say of a field; a text of its own that stays whole is its one passage."""
    texts = {row: text for row, text in enumerate(batch.texts_of(field)) if text}
    if field in batch.own_texts and (counting is None or counting.divided is None):
        whole = ((row, {"text_hash": hash_text(text), "start": 0, "end": len(text)}) for row, text in texts.items())
        yield from ((row, TextOf(passages=[passage])) for row, passage in whole)
    if counting is not None:
        hashes = (
            {row: hash_text(text) for row, text in texts.items()}
            if field in batch.own_texts
            else batch.text_hashes.to_pylist()
        )
        rows = [row for row in texts if counting.chooses(hashes[row])]
        yield from zip(rows, counting.look([texts[row] for row in rows]), strict=True)
