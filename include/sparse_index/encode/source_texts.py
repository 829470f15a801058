"""The texts of an encode part, rendered again from the corpus: in the order of the files, one batch in memory."""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import tee
from typing import Any

from sparse_index.builds.plan import Part, Plan
from sparse_index.corpus.place import Place
from sparse_index.corpus.render import hash_text
from sparse_index.corpus.rows import not_as_planned, texts_at
from sparse_index.corpus.schema import load_schema
from sparse_index.encode.texts import Text
from sparse_index.store.files import Store

_PART_ROWS = 2_000


def iter_texts(store: Store, plan: Plan, part: Part, skip: Set[str]) -> Iterator[Text]:
    """Texts of `part` whose hash is not in `skip`; `CorpusError` when a text is not the one that was planned."""
    planned, again = tee(row for row in _part_rows(store, part) if row["text_hash"] not in skip)
    schema = load_schema(store, plan.schema_path).schema
    there = texts_at(plan.config, schema, map(Place.of, again), plan.source_version)
    for row, (document_id, text) in zip(planned, there, strict=True):
        yield _verified(row, document_id, text)


def _part_rows(store: Store, part: Part) -> Iterator[dict[str, Any]]:
    for batch in store.batches(part.path, _PART_ROWS):
        yield from batch.to_pylist()


def _verified(row: dict[str, Any], document_id: str | None, text: str | None) -> Text:
    place = Place.of(row)
    if text is None or hash_text(text) != row["text_hash"]:
        raise not_as_planned(place, document_id, "the text is not the one")
    return Text(row["text_hash"], text, document_id or "", place)
