"""The texts of an encode part, rendered again from the corpus: in the order of the files, one batch in memory. A row is read once
for all vector fields that need a text of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from itertools import groupby, tee
from typing import Any

from sparse_index.builds.plan import Part, Plan
from sparse_index.corpus.hashes import hash_text
from sparse_index.corpus.place import Place
from sparse_index.corpus.rows import not_as_planned, texts_at
from sparse_index.corpus.schema import load_schema
from sparse_index.encode.texts import Text
from sparse_index.store.files import Store

_PART_ROWS = 2_000
_NOTHING: Mapping[str, Container[str]] = {}


def iter_texts(store: Store, plan: Plan, part: Part, skip: Mapping[str, Container[str]] = _NOTHING) -> Iterator[Text]:
    """Texts of `part` but for those whose hash is in `skip` of their vector field; `CorpusError` when a text is not the one that
    was planned."""
    rows = (row for row in _part_rows(store, plan, part) if row["text_hash"] not in skip.get(row["field"], ()))
    planned, again = tee(list(of_place) for _, of_place in groupby(rows, key=_where))
    schema = load_schema(store, plan.schema_path).schema
    places = (Place.of(of_place[0]) for of_place in again)
    templates = {name: plan.config.template_of(name) for name in texts_by_field(store, plan, part)}
    there = texts_at(plan.config, schema, places, dict.fromkeys(templates.values()), plan.source_version)
    for of_place, (document_id, texts) in zip(planned, there, strict=True):
        yield from (_verified(row, document_id, texts[templates[row["field"]]]) for row in of_place)


def texts_by_field(store: Store, plan: Plan, part: Part) -> Counter[str]:
    """How many texts of the part are for each vector field, of those that have any."""
    if "field" not in store.schema(part.path).names:
        return Counter({_of_all(plan, part): part.items})
    return Counter(store.read_table(part.path, ["field"]).column("field").to_pylist())


def _where(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The texts of one document come one after another."""
    return row["file"], row["file_version"], row["row_group"], row["row"]


def _part_rows(store: Store, plan: Plan, part: Part) -> Iterator[dict[str, Any]]:
    of_all = {"field": _of_all(plan, part)}
    for batch in store.batches(part.path, _PART_ROWS):
        yield from (of_all | row for row in batch.to_pylist())


def _of_all(plan: Plan, part: Part) -> str:
    """The vector field of all texts of a part that a former version planned."""
    return part.field or plan.config.index.vector_field


def _verified(row: dict[str, Any], document_id: str | None, text: str | None) -> Text:
    """A part that a former version planned knows of no passages."""
    place, passage = Place.of(row), slice(row.get("start"), row.get("end"))
    if text is None or hash_text(text[passage]) != row["text_hash"]:
        raise not_as_planned(place, document_id, "the text is not the one")
    return Text(row["field"], row["text_hash"], text[passage], document_id or "", place)
