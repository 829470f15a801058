"""Documents leave an index that is closed for writing: through its write alias, open for as long as that takes.

Lucene keeps what was deleted, and the deletion itself, until a merge: at once only when even one deleted document makes a
segment worth it, and only when the shard's own retention lease, renewed every 30 seconds, lets go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import IndexConfig
from sparse_index.errors import AccessError, BuildError, TransientError
from sparse_index.index.bulk import BulkWriter, Write
from sparse_index.live.generations import OwnIndex
from sparse_index.live.reading import documents_in
from sparse_index.names import write_alias
from sparse_index.timing import Sleep, Timing

PAGE = 1_000
EXPUNGE_DEADLINE_S = 3_600.0
EXPUNGE_PAUSE_S = 5.0
# One forced merge may take longer; it goes on by itself, and the next look finds it done.
_MERGE_TIMEOUT_S = 300.0
# Why a copy has no node that never had one. After the whole cluster was restarted there is no telling.
_NEW = frozenset({"INDEX_CREATED", "REPLICA_ADDED"})
_EXPUNGE_ALL = "index.merge.policy.expunge_deletes_allowed"


def documents_there(cluster: Cluster, index: str, ids: pa.Array) -> int:
    """How many of these documents the index has. It is refreshed: a candidate whose build was killed never was."""
    cluster.post(f"/{index}/_refresh")
    return sum(_there(cluster, index, page) for page in _pages(ids))


def _there(cluster: Cluster, index: str, ids: Sequence[str]) -> int:
    return documents_in(cluster, index, {"ids": {"values": ids}})


def _pages(ids: pa.Array) -> Iterator[list[str]]:
    return (ids.slice(first, PAGE).to_pylist() for first in range(0, len(ids), PAGE))


def remove_documents(cluster: Cluster, index: OwnIndex, config: IndexConfig, ids: pa.Array, sleep: Sleep) -> None:
    """Delete them and refresh. Idempotent; a generation is closed for writing again in any case, `BuildError` when the
    cluster keeps one."""
    cluster.post(f"/{index.name}/_refresh")
    with _writable(cluster, index) as alias:
        writer = BulkWriter(
            cluster, alias, max_bytes=config.bulk_bytes, in_flight=config.bulk_requests_in_flight, sleep=sleep
        )
        pages = (page for page in _pages(ids) if _there(cluster, index.name, page))
        rejected = [item for outcome in writer.write(_deletes(pages)) for item in outcome.rejected]
        cluster.post(f"/{index.name}/_refresh")
    if rejected:
        raise BuildError(f"{len(rejected)} documents could not be deleted from {index.name}: {rejected[0].reason}")


def _deletes(pages: Iterator[list[str]]) -> Iterator[Write]:
    return (Write("delete", name) for page in pages for name in page)


@contextmanager
def _writable(cluster: Cluster, index: OwnIndex) -> Iterator[str]:
    """Its write alias. A candidate that never went live stays open, as it was."""
    alias = write_alias(index.name)
    try:
        cluster.put(f"/{index.name}/_settings", {"index.blocks.write": None})
        cluster.post("/_aliases", {"actions": [{"add": {"index": index.name, "alias": alias}}]})
        yield alias
    finally:
        if not index.is_failed_candidate:
            cluster.put(f"/{index.name}/_settings", {"index.blocks.write": True})
            cluster.post(
                "/_aliases", {"actions": [{"remove": {"index": index.name, "alias": alias, "must_exist": False}}]}
            )


def expunge(cluster: Cluster, index: str, timing: Timing) -> str | None:
    """Have Lucene drop what was deleted, in every copy; None when it has, else why not, in words."""
    deadline = timing.clock() + EXPUNGE_DEADLINE_S
    try:
        cluster.put(f"/{index}/_settings", {_EXPUNGE_ALL: 0})
        held = _held(cluster, index)
        while held.deleted:
            if timing.clock() >= deadline:
                return (
                    f"{index} still holds {held.deleted} deleted documents in its files: they go with its next merges"
                )
            _merge(cluster, index)
            held = _held(cluster, index)
            if held.deleted:
                timing.sleep(EXPUNGE_PAUSE_S)
        away = held.away - _never_there(cluster, index) if held.away else 0
    except AccessError as error:
        return f"the files of {index} may hold deleted documents until its next merges: {error.message}"
    finally:
        cluster.put(f"/{index}/_settings", {_EXPUNGE_ALL: None})
    if away <= 0:
        return None
    return (
        f"{away} of {held.copies} copies of the shards of {index} are on no node now: one that comes back with its old "
        "files may hold deleted documents until its next merges"
    )


@dataclass(frozen=True)
class _Held:
    """What the files of an index hold: `deleted` documents, in all copies that answer. `away`: copies that do not."""

    deleted: int
    copies: int
    away: int


def _held(cluster: Cluster, index: str) -> _Held:
    answer: Json = cluster.get(f"/{index}/_stats/docs")
    shards = answer["_shards"]
    # No copy at all: then there is no sum either.
    docs = answer["_all"]["total"].get("docs", {})
    return _Held(int(docs.get("deleted", 0)), shards["total"], shards["total"] - shards["successful"])


def _never_there(cluster: Cluster, index: str) -> int:
    """Copies that no node has had yet: there are too few, or rules keep them out."""
    copies: list[Json] = cluster.get(f"/_cat/shards/{index}", format="json", h="unassigned.reason")
    return sum(copy["unassigned.reason"] in _NEW for copy in copies)


def _merge(cluster: Cluster, index: str) -> None:
    params = {"only_expunge_deletes": "true"}
    try:
        cluster.request("POST", f"/{index}/_forcemerge", params=params, retry=None, timeout_s=_MERGE_TIMEOUT_S)
    except TransientError:
        return
