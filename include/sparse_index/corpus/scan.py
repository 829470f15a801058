"""One shard of the corpus becomes a manifest: a row per document with where it is and what it hashes to."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.fields import value_shape
from sparse_index.corpus.dataset import partitions_of
from sparse_index.corpus.files import ShardFile, shard_files
from sparse_index.corpus.oddities import Oddities
from sparse_index.corpus.parquet import open_parquet
from sparse_index.corpus.rows import DocumentBatch, batches_of_group
from sparse_index.corpus.schema import CorpusSchema, load_schema
from sparse_index.corpus.shards import Shard, ShardScan
from sparse_index.corpus.tokens import COLUMNS, Counting, countings, token_columns
from sparse_index.errors import BuildError
from sparse_index.progress import OnProgress, ProgressMeter, silent
from sparse_index.store.files import Store
from sparse_index.store.layout import manifests_folder
from sparse_index.timing import Clock

MAX_ID_BYTES = 512
WRITE_ROWS = 50_000
# Of documents with thousands of passages so many bytes are fewer.
WRITE_BYTES = 16_000_000
# U+FFFD stands for bytes that could not be decoded: different ids may look the same.
_UNDECODED = "\ufffd"
# Raise it when rendering, hashing or the columns of a manifest change: older manifests are then not taken over.
SCAN_VERSION = 5

# Hashes do not shrink more at a higher level, and a dictionary of them is thrown away.
_WRITTEN: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": ["file", "file_version", "row_group", "problem"],
}
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
        *COLUMNS,
    ]
)


def scan_shard(
    config: CorpusConfig,
    store: Store,
    shard: Shard,
    on_progress: OnProgress = silent,
    clock: Clock = time.monotonic,
) -> ShardScan:
    """Write the shard's manifest, unless the same content was scanned before under the same configuration.

    CorpusError naming file and row group when a row group is torn, or the file is no longer the planned one.
    """
    files, schema = shard_files(config.source, shard), load_schema(store, shard.schema_path)
    path = f"{manifests_folder(config.alias)}/{_digest(config, shard, files, schema)}.parquet"
    is_new = not _is_whole(store, path)
    if is_new:
        meter = ProgressMeter(f"scan shard {shard.number}", shard.rows, on_progress, unit="rows", clock=clock)
        oddities, counted = Oddities(), countings(config, store, shard.tokenizers)
        with store.writing(path) as local, pq.ParquetWriter(local, MANIFEST_SCHEMA, **_WRITTEN) as writer:
            for table in _tables(_manifest(config, schema.schema, shard, files, oddities, counted)):
                writer.write_table(table)
                meter.add(len(table))
            writer.add_key_value_metadata(oddities.footer())
    return ShardScan(shard=shard, manifest=path, rows=shard.rows, is_new=is_new)


def _is_whole(store: Store, path: str) -> bool:
    """A torn one would be taken as it is for ever: its name says what should be in it."""
    try:
        store.metadata(path)
    except (FileNotFoundError, BuildError):
        return False
    return True


def _digest(config: CorpusConfig, shard: Shard, files: Sequence[ShardFile], schema: CorpusSchema) -> str:
    content = shard.model_dump(exclude={"number", "corpus", "schema_path", "source_version", "live_index"})
    source = config.source.model_dump(exclude={"uri", "max_shards", "version"})
    shapes = [schema.identity, value_shape(config.index.fields), _lengths(config)]
    identity = orjson.dumps(
        [SCAN_VERSION, content, source, _folders(config, shard, files), *shapes], option=orjson.OPT_SORT_KEYS
    )
    return hashlib.sha256(identity).hexdigest()[:32]


def _folders(config: CorpusConfig, shard: Shard, files: Sequence[ShardFile]) -> list[Any]:
    """What the folders of each file say: they begin where the literal part of the address ends."""
    if config.source.format != "parquet":
        return []  # a table's version says it
    values_of = partitions_of(config.source, shard.source_version)
    return [sorted(values_of(file.uri).items()) for file in files]


def _lengths(config: CorpusConfig) -> dict[str, Any]:
    """What the corpus file says of long texts, by vector field."""
    named = {"text", "long_texts", "passages"}
    return {name: field.model_dump(include=named) for name, field in config.vector_fields.items()}


def _tables(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The batches as tables of about WRITE_ROWS rows or WRITE_BYTES: each becomes a row group."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows, size = rows + len(batch), size + batch.nbytes
        if rows >= WRITE_ROWS or size >= WRITE_BYTES:
            yield pa.Table.from_batches(waiting, MANIFEST_SCHEMA)
            waiting, rows, size = [], 0, 0
    yield pa.Table.from_batches(waiting, MANIFEST_SCHEMA)


def _manifest(
    config: CorpusConfig,
    schema: pa.Schema,
    shard: Shard,
    files: list[ShardFile],
    oddities: Oddities,
    counted: Mapping[str, Counting],
) -> Iterator[pa.RecordBatch]:
    partitions = partitions_of(config.source, shard.source_version)
    for file in files:
        with open_parquet(config.source.with_secret(file.uri), file.version) as parquet:
            row_groups = range(parquet.num_row_groups) if file.row_groups is None else file.row_groups
            for row_group in row_groups:
                first = 0
                for documents in batches_of_group(config, schema, partitions, parquet, file.uri, row_group):
                    oddities.add(documents)
                    yield _rows(file, row_group, first, documents, token_columns(counted, documents))
                    first += len(documents)


def _rows(
    file: ShardFile, row_group: int, first: int, documents: DocumentBatch, tokens: Sequence[pa.Array]
) -> pa.RecordBatch:
    """`first`: the number of the first row within its group."""
    rows, ids = len(documents), pa.array(documents.ids, pa.string())
    constants = {"file": file.uri, "file_version": file.version, "row_group": row_group, "data_date": None}
    columns = {
        "id": ids,
        "row": pa.array(np.arange(first, first + rows, dtype=np.int32)),
        "text_hash": documents.text_hashes,
        "row_hash": documents.row_hashes,
        "chars": pa.array(documents.chars, pa.int32()),
        "deleted": pa.array(documents.deleted),
        "problem": id_problems(ids),
        **dict(zip(COLUMNS.names, tokens, strict=True)),
    }
    arrays = [
        pa.repeat(pa.scalar(constants[field.name], field.type), rows)
        if field.name in constants
        else columns[field.name]
        for field in MANIFEST_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=MANIFEST_SCHEMA)


def id_problems(ids: pa.StringArray) -> pa.StringArray:
    """`id_problem` of each; the column as a whole tells of most that none has one."""
    lengths = pc.min_max(pc.binary_length(ids)).as_py()
    usual = ids.null_count == 0 and (lengths["min"] or 0) > 0 and lengths["max"] <= MAX_ID_BYTES
    if usual and not pc.any(pc.match_substring(ids, _UNDECODED)).as_py():
        return pa.nulls(len(ids), pa.string())
    return pa.array(map(id_problem, ids.to_pylist()), pa.string())


def id_problem(doc_id: str | None) -> str | None:
    """Why an id cannot be an OpenSearch `_id`; one bad `_id` would fail a whole bulk request."""
    if doc_id is None:
        return "null_id"
    if not doc_id:
        return "empty_id"
    if _UNDECODED in doc_id:
        return "id_not_unicode"
    return "id_too_long" if len(doc_id.encode()) > MAX_ID_BYTES else None
