"""The writes of one index part: part rows, their vectors and the corpus rows, three streams in one order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from sparse_index.builds.dead_letters import DeadLetter
from sparse_index.builds.empty_vectors import EmptyVector
from sparse_index.builds.folder import letters_files
from sparse_index.builds.plan import BuildKind, Part, Plan
from sparse_index.corpus.place import Place
from sparse_index.corpus.rows import Document, documents_at, not_as_planned
from sparse_index.corpus.schema import load_schema
from sparse_index.errors import BuildError
from sparse_index.index.bulk import Write
from sparse_index.index.join import TextVector, part_rows, planned_passages, vectors_of
from sparse_index.ml.vocabulary import knowing_kinds
from sparse_index.store.files import Store
from sparse_index.store.layout import vectors_folder
from sparse_index.timing import Now
from sparse_index.vectors.kind import Piece

# Vector field -> the texts of a document in it.
_OfFields = Mapping[str, Sequence[TextVector]]
_JSON = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class PartWrites:
    """Iterate once. Afterwards `rejected` holds the documents whose text was refused at encode or that have a value which
    cannot be kept, `removals` says how many of them were deleted from a clone for that, and `empty` names the vectors that
    were left out of a document because there is nothing in them."""

    def __init__(self, store: Store, plan: Plan, part: Part, now: Now) -> None:
        self._store, self._plan, self._part, self._now = store, plan, part, now
        self._refusals = _Refusals(store, plan, now)
        self._kinds = knowing_kinds(store, plan.config, plan.fingerprint_of)
        self.rejected: list[DeadLetter] = []
        self.removals = 0
        self.empty: list[EmptyVector] = []

    def __iter__(self) -> Iterator[Write]:
        rows = corpus_rows(self._store, self._plan, self._part)
        for joined, vectors in zip(part_rows(self._store, self._part), self._vectors(), strict=True):
            if joined["op"] == "delete":
                yield Write("delete", joined["id"])
                continue
            place, row = Place.of(joined), _verified(next(rows), joined)
            lost = _lost(vectors)
            if row.problem is not None:
                yield from self._reject(self._unkept(row, place))
            elif lost is not None:
                yield from self._reject(self._refusals.letter(joined["id"], place, *lost))
            else:
                yield Write("index", joined["id"], place, self._document(row, joined, vectors))

    def _vectors(self) -> Iterator[_OfFields]:
        """Of each row of the part."""
        of_field = [vectors_of(self._store, self._plan, self._part, name) for name in self._kinds]
        return (dict(zip(self._kinds, vectors, strict=True)) for vectors in zip(*of_field, strict=True))

    def _document(self, row: Document, joined: Mapping[str, Any], vectors: _OfFields) -> bytes:
        found = {
            name: self._kinds[name].value([*_pieces(name, row.text_of(name) or "", joined, texts)])
            for name, texts in vectors.items()
            if texts
        }
        # A text with letters and no vector is a defect of the model or of the text (a script its vocabulary lacks): the
        # document is invisible to a search in that field, so a person gets to see it.
        empty = (name for name, value in found.items() if value is None)
        self.empty += [EmptyVector(str(row.id), name, Place.of(joined)) for name in empty]
        return _json(row.fields | found)

    def _unkept(self, row: Document, place: Place) -> DeadLetter:
        reason, build_id = row.problem or "", self._plan.build_id
        return DeadLetter(row.id, "index", "value_not_kept", reason, 1, build_id, self._now(), place)

    def _reject(self, letter: DeadLetter) -> Iterator[Write]:
        """A clone still holds yesterday's version: out with it."""
        self.rejected.append(letter)
        if self._plan.kind is BuildKind.DELTA and letter.id is not None:
            self.removals += 1
            yield Write("delete", letter.id, letter.place)


def without_vectors(store: Store, plan: Plan, part: Part) -> Iterator[Write]:
    """The part's documents as they are written, but for their vectors."""
    rows = corpus_rows(store, plan, part)
    for joined in part_rows(store, part):
        yield Write("index", joined["id"], Place.of(joined), _json(_verified(next(rows), joined).fields))


def _lost(vectors: _OfFields) -> tuple[str, str] | None:
    """The first text that the store has no vector of, and its vector field."""
    lost = ((name, text.text_hash) for name, texts in vectors.items() for text in texts if text.stored is None)
    return next(lost, None)


def _pieces(field: str, text: str, joined: Mapping[str, Any], texts: Sequence[TextVector]) -> Iterator[Piece]:
    """The vectors of a document's texts, each with the passage that it is of, where the field has texts of its own."""
    spans = [(passage["start"], passage["end"]) for passage in planned_passages(joined.get("passages"), field)]
    for number, (_, stored) in enumerate(texts):
        if stored is not None and spans:
            start, end = spans[number]
            yield Piece(stored, {"number": number, "start": start, "end": end, "text": text[start:end]})
        elif stored is not None:
            yield Piece(stored)


def _json(fields: Mapping[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in fields.items() if value is not None}, option=_JSON)


class _Refusals:
    """Why a text has no vector, from the dead letters of the encode stage; read when first asked. BuildError when it was
    not refused: such a document is lost, not rejected."""

    def __init__(self, store: Store, plan: Plan, now: Now) -> None:
        self._store, self._plan, self._now = store, plan, now
        self._known: dict[str, tuple[str, str, int]] | None = None

    def letter(self, document_id: str, place: Place, field: str, text_hash: str) -> DeadLetter:
        if self._known is None:
            self._known = self._read()
        known = self._known.get(text_hash)
        if known is None:
            folder = vectors_folder(self._plan.fingerprint_of(field))
            raise BuildError(
                f"Document {document_id} of build {self._plan.build_id}: {folder} in the store "
                f"has no vector for its text (hash {text_hash}), and no encode task of the build refused it. A file there "
                "was deleted since the plan was made. Trigger a new run: it encodes what is missing."
            )
        error_class, reason, attempt = known
        return DeadLetter(document_id, "encode", error_class, reason, attempt, self._plan.build_id, self._now(), place)

    def _read(self) -> dict[str, tuple[str, str, int]]:
        columns = ["text_hash", "error_class", "reason", "attempt"]
        tables = (self._store.read_table(path, columns) for path in letters_files(self._store, self._plan, ["encode"]))
        rows = (row for table in tables for row in table.to_pylist())
        return {row["text_hash"]: (row["error_class"], row["reason"], row["attempt"]) for row in rows}


def corpus_rows(store: Store, plan: Plan, part: Part) -> Iterator[Document]:
    """The corpus rows of the part's `index` writes, in the part's order."""
    rows = (row for row in part_rows(store, part) if row["op"] == "index")
    schema = load_schema(store, plan.schema_path).schema
    return documents_at(plan.config, schema, map(Place.of, rows), plan.source_version)


def _verified(row: Document, joined: Mapping[str, Any]) -> Document:
    """A row of an earlier day has no planned hash: that one was made in the types of its day."""
    planned = joined["row_hash"]
    if row.id != joined["id"] or (planned is not None and row.row_hash != planned):
        raise not_as_planned(Place.of(joined), joined["id"], "not the row")
    return row
