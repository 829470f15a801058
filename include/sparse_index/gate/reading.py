"""What the gate reads: documents and hits of an index; texts' hashes in manifests; vectors in the store, as the JSON that a
document has of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import orjson
import pyarrow as pa
from duckdb import DuckDBPyConnection

from sparse_index.cluster.client import Cluster, Json
from sparse_index.gate.answers import Hits
from sparse_index.gate.sides import Side
from sparse_index.live.reading import searched
from sparse_index.store.files import Store
from sparse_index.store.manifests import rows_of
from sparse_index.store.sql import literal, parquet
from sparse_index.vectors.files import reading_vectors
from sparse_index.vectors.kind import Piece, Stored, VectorKind, in_source

_DOCUMENTS_AT_ONCE = 50


def drawn_ids(cluster: Cluster, side: Side, count: int, seed: str) -> list[str]:
    """Of random documents, the same ones for one seed."""
    random = {"function_score": {"random_score": {"seed": seed, "field": "_seq_no"}}}
    return list(hits_of(cluster, side, random, count)[0])


def vectors_there(cluster: Cluster, side: Side, fields: Collection[str], ids: Sequence[str]) -> dict[str, Json]:
    """Id -> the JSON of each vector field that it has, of those documents that are there."""
    found: dict[str, Json] = {}
    for start in range(0, len(ids), _DOCUMENTS_AT_ONCE):
        some = list(ids[start : start + _DOCUMENTS_AT_ONCE])
        body = {"size": len(some), "_source": in_source(fields), "query": {"ids": {"values": some}}}
        found |= {hit["_id"]: hit.get("_source", {}) for hit in searched(cluster, side.index, body)["hits"]["hits"]}
    return found


def hits_of(cluster: Cluster, side: Side, query: Json, size: int) -> tuple[Hits, float]:
    """(The best hits, milliseconds that the cluster took)."""
    body = {"size": min(size, side.attached.largest_page), "_source": False, "query": query}
    answer = searched(cluster, side.index, body)
    return {hit["_id"]: hit["_score"] for hit in answer["hits"]["hits"]}, float(answer["took"])


def text_hashes(con: DuckDBPyConnection, store: Store, side: Side, ids: Collection[str]) -> dict[str, str | None]:
    """Id -> hash of its text, None for a blank one; of those that the side's manifest has."""
    rows = f"SELECT id, text_hash FROM {_manifest(store, side)} WHERE NOT deleted AND id IN (SELECT unnest($ids))"
    return dict(con.execute(rows, {"ids": list(ids)}).fetchall())


def own_texts_of(
    con: DuckDBPyConnection, store: Store, side: Side, ids: Collection[str], field: str
) -> dict[str, list[str] | None]:
    """Id -> the hashes of its own texts in a vector field, None where there are none; of those that the side's manifest has."""
    hashes = f"list_transform(passages[{literal(field)}], lambda passage: passage.text_hash)"
    rows = f"FROM {rows_of(store, [side.meta.manifest])} WHERE NOT deleted"
    found = con.execute(f"SELECT id, {hashes} {rows} AND id IN (SELECT unnest($ids))", {"ids": list(ids)})
    return dict(found.fetchall())


def changed_ids(con: DuckDBPyConnection, store: Store, before: Side, after: Side, limit: int, seed: str) -> list[str]:
    """Of documents whose text is another one after than before, and never blank; the same ones for one seed."""
    rows = f"""
        SELECT id FROM {_manifest(store, before)} was JOIN {_manifest(store, after)} now USING (id)
        WHERE was.text_hash <> now.text_hash AND NOT was.deleted AND NOT now.deleted
        ORDER BY hash(id, {literal(seed)}) LIMIT {limit}"""
    return [row[0] for row in con.execute(rows).fetchall()]


def _manifest(store: Store, side: Side) -> str:
    return parquet(store, [side.meta.manifest])


def stored_vectors(
    con: DuckDBPyConnection, store: Store, fingerprint: str, kind: VectorKind, hashes: Collection[str]
) -> dict[str, Stored]:
    """Text hash -> what the store has of its vector; of those that it has. Of several files' the one that an index takes."""
    if not hashes:
        return {}
    return reading_vectors(store, fingerprint, partial(_stored_in, con, store, kind, hashes))


def _stored_in(
    con: DuckDBPyConnection, store: Store, kind: VectorKind, hashes: Collection[str], paths: Sequence[str]
) -> dict[str, Stored]:
    if not paths:
        return {}
    columns = ", ".join(("text_hash", *kind.columns.names))
    stored = f"{parquet(store, paths, 'filename')} WHERE text_hash IN (SELECT unnest($hashes))"
    last_wins = f"SELECT {columns} FROM {stored} ORDER BY filename DESC"
    rows = pa.table(con.sql(last_wins, params={"hashes": list(hashes)}).to_arrow_table())
    return {
        text_hash: {name: rows.column(name)[number] for name in kind.columns.names}
        for number, text_hash in enumerate(rows.column("text_hash").to_pylist())
    }


def vectors_wanted(kind: VectorKind, stored: Sequence[Stored]) -> list[Any] | None:
    """The vectors (JSON) that a document of texts with these has in a field of this kind; None where it has not the field."""
    value = kind.value([Piece(each) for each in stored])
    if value is None:
        return None
    vectors: list[Any] = orjson.loads(orjson.dumps(kind.vectors_in(value), option=orjson.OPT_SERIALIZE_NUMPY))
    return vectors
