"""The best documents for some queries by exact scores, computed from the vectors in the store: what a search would find that
looks at every document. Nothing is encoded, no index is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sparse_index.config.corpus import CorpusConfig
from sparse_index.query.fusion import Ranked
from sparse_index.store.files import Store
from sparse_index.store.manifests import rows_of
from sparse_index.store.sql import connect, literal, parquet
from sparse_index.vectors.files import vector_paths
from sparse_index.vectors.kind import Stored, VectorKind

OWNERS = "owners"
_ROWS_AT_ONCE = 2_000
_WANTED = "IN (SELECT unnest($names))"


class FieldVectors:
    """The stored vectors of one vector field for the documents of a manifest, each of which has one text there or several."""

    def __init__(self, store: Store, config: CorpusConfig, field: str, fingerprint: str, manifest: str) -> None:
        self._store = store
        own = config.vector_fields[field].has_own_texts
        text = f"unnest(passages[{literal(field)}]).text_hash" if own else "text_hash"
        rows = f"SELECT id, {text} AS text_hash FROM {rows_of(store, [manifest])} WHERE NOT deleted"
        self._texts = f"(SELECT * FROM ({rows}) WHERE text_hash IS NOT NULL)"
        # Texts that stand in the same documents have one `owners`, of which only the best one counts.
        self._owned = f"(SELECT text_hash, hash(sum(hash(id))) AS {OWNERS} FROM {self._texts} GROUP BY text_hash)"
        self._paths = vector_paths(store, fingerprint)

    def sample(self, size: int, seed: str) -> list[Stored]:
        """The same stored vectors for the same seed."""
        query = f"{self._stored()} ORDER BY hash(text_hash, $seed) LIMIT {size}"
        with connect(self._store) as con:
            rows = con.sql(query, params={"seed": seed}).to_arrow_table().combine_chunks()
        return [{name: rows[name][row] for name in rows.column_names} for row in range(len(rows))]

    def each_once(self) -> Iterator[pa.RecordBatch]:
        """Every text's vector, and its OWNERS. Of several files' vectors of a text one: either will do."""
        if not self._paths:
            return
        with connect(self._store) as con:
            # Of a relation: what is executed is copied whole before its first batch.
            owned = f"SELECT * FROM ({self._stored()}) JOIN {self._owned} USING (text_hash)"
            yield from con.sql(owned).to_arrow_reader(_ROWS_AT_ONCE)

    def hashes_of(self, ids: set[str]) -> dict[str, list[str]]:
        """Of the texts of each of these documents."""
        query = f"SELECT id, list(text_hash) FROM {self._texts} WHERE id {_WANTED} GROUP BY id"
        return dict(self._rows(query, sorted(ids)))

    def most_owners(self) -> int:
        """Different OWNERS of the texts of one document: 1 where no text is shared, however many it has."""
        of_one = f"SELECT count(DISTINCT {OWNERS}) AS owners FROM {self._texts} JOIN {self._owned} USING (text_hash) GROUP BY id"
        ((most,),) = self._rows(f"SELECT max(owners) FROM ({of_one})")
        return int(most or 1)

    def documents(self, found: Sequence[Sequence[tuple[str, float]]], size: int) -> list[Ranked]:
        """Text hashes with scores -> the first `size` documents, each as good as its best text; of equal scores by id."""
        ids = self._ids(sorted({text_hash for texts in found for text_hash, _ in texts}), size)
        ranked: list[Ranked] = []
        for texts in found:
            best: dict[str, float] = {}
            for text_hash, score in texts:
                best |= {name: max(score, best.get(name, score)) for name in ids.get(text_hash, ())}
            ranked.append(sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))[:size])
        return ranked

    def _ids(self, hashes: Sequence[str], size: int) -> dict[str, list[str]]:
        """Of the first documents with each of these texts: more than are looked for need not be told apart."""
        query = f"SELECT text_hash, min(id, {size}) FROM {self._texts} WHERE text_hash {_WANTED} GROUP BY text_hash"
        return dict(self._rows(query, hashes))

    def _stored(self) -> str:
        """SQL: of the texts of the documents, each once: of several files' the one that an index takes."""
        files = parquet(self._store, self._paths, "filename")
        taken = f"SELECT text_hash, min(filename) AS taken FROM {files} GROUP BY text_hash HAVING count(*) > 1"
        copies = f"SELECT text_hash, filename FROM {files} JOIN ({taken}) USING (text_hash) WHERE filename <> taken"
        return f"""SELECT * EXCLUDE (filename) FROM {files} ANTI JOIN ({copies}) USING (text_hash, filename)
                   WHERE text_hash IN (SELECT text_hash FROM {self._texts})"""

    def _rows(self, query: str, names: Sequence[str] | None = None) -> list[tuple[Any, ...]]:
        with connect(self._store) as con:
            return con.execute(query, {} if names is None else {"names": list(names)}).fetchall()


class BestTexts:
    """The `size` best texts for each of some queries (`outputs`, as their kind takes them), of the vectors seen so far; of those
    with the same OWNERS one, with the score of the best."""

    def __init__(self, kind: VectorKind, outputs: Sequence[Any], size: int) -> None:
        self._kind, self._outputs, self._size = kind, outputs, size
        self._scores = np.full((len(outputs), 0), -np.inf)
        self._owners = np.empty((len(outputs), 0), dtype=np.uint64)
        self._hashes = np.empty((len(outputs), 0), dtype=object)
        self.elements = 0
        self.vectors = 0

    def add(self, stored: pa.RecordBatch) -> None:
        scores, *named = self._of_owners(stored)
        new = self._cut(scores, *(np.broadcast_to(each, scores.shape) for each in named))
        known = (self._scores, self._owners, self._hashes)
        scores, owners, hashes = _in_order(*(np.hstack(each) for each in zip(known, new, strict=True)))
        scores[:, 1:][owners[:, 1:] == owners[:, :-1]] = -np.inf
        self._scores, self._owners, self._hashes = self._cut(scores, owners, hashes)
        self.vectors += len(stored)
        self.elements += sum(len(stored[name].flatten()) for name in self._kind.columns.names[:1])

    def _of_owners(self, stored: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(Scores, OWNERS, hash of a text), a column for each of the OWNERS."""
        owners, hashes = stored[OWNERS].to_numpy(), np.array(stored["text_hash"].to_pylist(), dtype=object)
        order = np.argsort(owners, kind="stable")
        different, firsts = np.unique(owners[order], return_index=True)
        scores = self._kind.scores(self._outputs, stored)[:, order]
        return np.maximum.reduceat(scores, firsts, axis=1), different, hashes[order][firsts]

    def _cut(self, scores: np.ndarray, *named: np.ndarray) -> list[np.ndarray]:
        """The best columns of each row."""
        if scores.shape[1] <= self._size:
            return [scores, *named]
        best = np.argpartition(-scores, self._size - 1, axis=1)[:, : self._size]
        return [np.take_along_axis(each, best, axis=1) for each in (scores, *named)]

    def texts(self) -> list[list[tuple[str, float]]]:
        """Text hash and score of those that match, in no order, a list for each query."""
        return [
            [(text_hash, float(score)) for text_hash, score in zip(hashes, scores, strict=True) if score > -np.inf]
            for hashes, scores in zip(self._hashes, self._scores, strict=True)
        ]


def _in_order(scores: np.ndarray, owners: np.ndarray, hashes: np.ndarray) -> list[np.ndarray]:
    """Each row by OWNERS, and of the same ones the best first."""
    order = np.lexsort((-scores, owners), axis=-1)
    return [np.take_along_axis(each, order, axis=1) for each in (scores, owners, hashes)]
