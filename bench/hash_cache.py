"""What a careful person writes in an afternoon instead of this package, for bench/day.py to run beside it.

Texts are hashed, vectors kept by hash in a file, documents written where anything of theirs changed and deleted where they are
gone. It works while nothing goes wrong. Killed half way, it has changed half of the live index, and lost the vectors that it
made; a model that answers nonsense, a file that is torn or a corpus that is half empty go live at once; there is no way back.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pyarrow.dataset as ds
from opensearchpy import OpenSearch, helpers

TEXTS_A_REQUEST, IN_FLIGHT = 8, 2
COLUMNS = ["id", "title", "body"]

Cache = dict[str, dict[str, Any]]


def day(client: OpenSearch, corpus: Path, model_id: str, index: str, kept: Path) -> None:
    """One day: `kept` holds vectors by text hash and row hashes by id."""
    vectors, before = pickle.loads(kept.read_bytes()) if kept.exists() else ({}, {})
    rows = ds.dataset(corpus).to_table(COLUMNS).to_pylist()
    texts = {row["id"]: f"{row['title']}. {row['body']}" for row in rows}
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    encode(client, model_id, {hashes[name]: text for name, text in texts.items()}, vectors)
    now = {row["id"]: hashlib.sha256(orjson.dumps(row)).hexdigest() for row in rows}
    changed = (
        row | {"text_sparse": vectors[hashes[row["id"]]]} for row in rows if now[row["id"]] != before.get(row["id"])
    )
    for answer in helpers.parallel_bulk(client, writes(index, changed, before.keys() - now.keys()), 4, 250):
        if not answer[0]:
            raise SystemExit(str(answer))
    client.indices.refresh(index=index)
    kept.write_bytes(pickle.dumps((vectors, now)))


def encode(client: OpenSearch, model_id: str, texts: dict[str, str], vectors: Cache) -> None:
    missing = [each for each in texts if each not in vectors]
    groups = [missing[first : first + TEXTS_A_REQUEST] for first in range(0, len(missing), TEXTS_A_REQUEST)]

    def ask(group: list[str]) -> Any:
        path, body = (
            f"/_plugins/_ml/_predict/sparse_encoding/{model_id}",
            {"text_docs": [texts[each] for each in group]},
        )
        return client.transport.perform_request("POST", path, body=body)

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        for group, answer in zip(groups, pool.map(ask, groups), strict=True):
            outputs = (output for result in answer["inference_results"] for output in result["output"])
            found = [vector for output in outputs for vector in output["dataAsMap"]["response"]]
            vectors.update(zip(group, found, strict=True))


def writes(index: str, changed: Iterator[dict[str, Any]], gone: set[str]) -> Iterator[dict[str, Any]]:
    for row in changed:
        yield {"_op_type": "index", "_index": index, "_id": row["id"], "_source": row}
    for name in gone:
        yield {"_op_type": "delete", "_index": index, "_id": name}
