"""One shard of the corpus becomes a manifest: a row per document with where it is and what it hashes to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.rows import Document, documents_of_group
from sparse_index.plan.model import Shard, ShardScan
from sparse_index.progress import ProgressMeter, Report, silent
from sparse_index.store import Store, manifests_folder

MAX_ID_BYTES = 512
WRITE_ROWS = 20_000

MANIFEST_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("file", pa.string()),
        ("file_version", pa.string()),
        ("row_group", pa.int32()),
        ("row", pa.int32()),
        ("text_hash", pa.string()),
        ("row_hash", pa.string()),
        ("chars", pa.int32()),
        ("data_date", pa.date32()),
        ("deleted", pa.bool_()),
        ("problem", pa.string()),
    ]
)


def scan_shard(config: CorpusConfig, store: Store, shard: Shard, report: Report = silent) -> ShardScan:
    """Write the shard's manifest, unless the same content was scanned before under the same configuration."""
    path = f"{manifests_folder(config.alias)}/{_digest(config, shard)}.parquet"
    if not store.exists(path):
        meter = ProgressMeter(f"scan shard {shard.number}", shard.rows, report)
        with store.writing(path) as local, pq.ParquetWriter(local, MANIFEST_SCHEMA, compression="zstd") as writer:
            rows = _manifest_rows(config, shard)
            while batch := list(islice(rows, WRITE_ROWS)):
                writer.write_table(pa.Table.from_pylist(batch, schema=MANIFEST_SCHEMA))
                meter.add(len(batch))
    return ShardScan(shard=shard, manifest=path, rows=shard.rows)


def _digest(config: CorpusConfig, shard: Shard) -> str:
    identity = [shard.model_dump(exclude={"number"}), config.source.model_dump(exclude={"uri", "max_shards"})]
    return hashlib.sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _manifest_rows(config: CorpusConfig, shard: Shard) -> Iterator[dict[str, Any]]:
    for number in range(shard.first_row_group, shard.first_row_group + shard.row_groups):
        for document in documents_of_group(config, shard.uri, shard.version, number):
            yield _manifest_row(document)


def _manifest_row(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "file": document.location.file,
        "file_version": document.location.file_version,
        "row_group": document.location.row_group,
        "row": document.location.row,
        "text_hash": document.text_hash,
        "row_hash": document.row_hash,
        "chars": document.chars,
        "data_date": None,
        "deleted": False,
        "problem": id_problem(document.id),
    }


def id_problem(doc_id: str | None) -> str | None:
    """Why an id cannot be an OpenSearch `_id`; one bad `_id` would fail a whole bulk request."""
    if doc_id is None:
        return "null_id"
    if not doc_id:
        return "empty_id"
    return "id_too_long" if len(doc_id.encode()) > MAX_ID_BYTES else None
