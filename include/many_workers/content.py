"""What an index holds, as one hash: two indices have the same one if all documents and vectors are equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import requests

PAGE = 1_000
TIMEOUT_S = 60


def content_hash(url: str, index: str) -> tuple[int, str]:
    """Number of documents, and sha256 (hex) over ids and sources in the order of ids."""
    lines = sorted(_lines(url, index))
    return len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _lines(url: str, index: str) -> Iterator[str]:
    with requests.Session() as session:
        path, body = f"/{index}/_search?scroll=1m", {"size": PAGE, "sort": ["_doc"]}
        while True:
            answer = session.post(f"{url}{path}", json=body, timeout=TIMEOUT_S)
            answer.raise_for_status()
            page = answer.json()
            if not page["hits"]["hits"]:
                return
            yield from (json.dumps([hit["_id"], hit["_source"]], sort_keys=True) for hit in page["hits"]["hits"])
            path, body = "/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]}
