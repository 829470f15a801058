"""Our own bulk writer: bodies by bytes, few requests in flight, failed items only repeated, every item accounted for.

(The client's `parallel_bulk` hangs for ever at the first rejected document; `streaming_bulk` does not repeat a 429.)
Writes carry explicit ids, so a whole request may be repeated: the result is the same.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Literal

import orjson

from sparse_index.cluster.client import Cluster
from sparse_index.cluster.errors import of_status
from sparse_index.corpus.place import Place
from sparse_index.errors import (
    AccessError,
    BuildError,
    OverloadedError,
    TerminalError,
    TransientError,
)
from sparse_index.timing import Sleep

log = logging.getLogger(__name__)

ITEM_ATTEMPTS = 8
LONGEST_PAUSE_S = 30.0
REQUEST_TIMEOUT_S = 120.0
# What may become of a write that is no error; an ingest pipeline that drops a document answers `noop`.
_RESULTS = {"index": {"created", "updated"}, "delete": {"deleted", "not_found"}}


@dataclass(frozen=True)
class Write:
    """One line of a bulk body (two for `index`); `place` leads back to its row, None for one that left the corpus."""

    action: Literal["index", "delete"]
    id: str
    place: Place | None = None
    document: bytes = b""

    def lines(self) -> bytes:
        head = orjson.dumps({self.action: {"_id": self.id}})
        return b"%b\n%b\n" % (head, self.document) if self.action == "index" else head + b"\n"


@dataclass(frozen=True)
class RejectedItem:
    """A write the cluster refuses for good."""

    write: Write
    error_class: str
    reason: str
    attempt: int


@dataclass(frozen=True)
class BulkOutcome:
    """What became of some writes: `indexed + deleted + len(rejected)` is how many there were."""

    indexed: int = 0
    deleted: int = 0
    rejected: tuple[RejectedItem, ...] = ()
    bytes_sent: int = 0

    @property
    def writes(self) -> int:
        return self.indexed + self.deleted + len(self.rejected)

    def __add__(self, other: BulkOutcome) -> BulkOutcome:
        return BulkOutcome(
            self.indexed + other.indexed,
            self.deleted + other.deleted,
            self.rejected + other.rejected,
            self.bytes_sent + other.bytes_sent,
        )


class _Item(Enum):
    DONE = auto()
    AGAIN = auto()
    REJECTED = auto()


@dataclass
class _Sorted:
    """The items of one answer, sorted by what to do with them; `refusal`: why the last of `again` was refused."""

    done: list[Write] = field(default_factory=list)
    again: list[Write] = field(default_factory=list)
    rejected: list[RejectedItem] = field(default_factory=list)
    refusal: str = ""


def bodies(writes: Iterable[Write], max_bytes: int) -> Iterator[list[Write]]:
    """Writes grouped so that a body stays within `max_bytes` (a single larger one goes alone)."""
    batch: list[Write] = []
    size = 0
    for write in writes:
        length = len(write.document) + len(write.id) + 40
        if batch and size + length > max_bytes:
            yield batch
            batch, size = [], 0
        batch.append(write)
        size += length
    if batch:
        yield batch


class BulkWriter:
    """Sends writes through `write_alias`; `require_alias` keeps a late request from re-creating a deleted index."""

    def __init__(
        self,
        cluster: Cluster,
        write_alias: str,
        *,
        max_bytes: int,
        in_flight: int,
        sleep: Sleep,
    ) -> None:
        self._cluster, self._write_alias = cluster, write_alias
        self._max_bytes, self._in_flight, self._sleep = max_bytes, in_flight, sleep

    def write(self, writes: Iterable[Write]) -> Iterator[BulkOutcome]:
        """One outcome per body, as they end; raises at the first error that concerns all documents."""
        batches = bodies(writes, self._max_bytes)
        with ThreadPoolExecutor(self._in_flight, thread_name_prefix="bulk") as pool:
            flying: dict[Future[BulkOutcome], int] = {}
            for batch in batches:
                flying[pool.submit(self._send, batch)] = len(batch)
                if len(flying) >= self._in_flight:
                    yield from _ended(flying)
            while flying:
                yield from _ended(flying)

    def _send(self, batch: Sequence[Write]) -> BulkOutcome:
        outcome, pending, refusal = BulkOutcome(), list(batch), ""
        for attempt in range(1, ITEM_ATTEMPTS + 1):
            body = b"".join(write.lines() for write in pending)
            try:
                answer = self._post(body)
            except TerminalError as error:
                return outcome + self._refused(pending, error, attempt)
            items = _sort(pending, answer, attempt)
            outcome += _counted(items, len(body))
            if not items.again:
                return outcome
            pending, refusal = items.again, items.refusal
            self._pause(attempt, len(pending))
        raise OverloadedError(
            f"Bulk into {self._write_alias}: {len(pending)} items were refused {ITEM_ATTEMPTS} times, the last one with "
            f"{refusal}. Where the cluster is too busy, lower index.bulk_requests_in_flight or the parallel tasks; where nodes "
            "come and go, look at its health. Then run again.",
            429,
            refusal,
        )

    def _post(self, body: bytes) -> Any:
        path, params = f"/{self._write_alias}/_bulk", {"require_alias": "true"}
        return self._cluster.request("POST", path, body, params=params, timeout_s=REQUEST_TIMEOUT_S)

    def _refused(self, pending: Sequence[Write], error: TerminalError, attempt: int) -> BulkOutcome:
        """A whole body was refused: halve it down to the one write at fault (400 and 413 only)."""
        if error.status not in (400, 413):
            raise error
        if len(pending) == 1:
            reason = error.reason or error.message
            return BulkOutcome(rejected=(RejectedItem(pending[0], f"bulk_request_{error.status}", reason, attempt),))
        middle = len(pending) // 2
        return self._send(pending[:middle]) + self._send(pending[middle:])

    def _pause(self, attempt: int, items: int) -> None:
        # Jitter: tasks that were refused together must not come back together.
        pause_s = min(2.0**attempt, LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)  # noqa: S311
        log.warning("Bulk into %s: %d items refused for now; again in %.1f s.", self._write_alias, items, pause_s)
        self._sleep(pause_s)


def _ended(flying: dict[Future[BulkOutcome], int]) -> Iterator[BulkOutcome]:
    done, _ = wait(flying, return_when=FIRST_COMPLETED)
    for future in done:
        expected = flying.pop(future)
        outcome = future.result()
        if outcome.writes != expected:
            raise BuildError(f"Bulk: {expected} operations went out, {outcome.writes} came back; the books are open.")
        yield outcome


def _counted(items: _Sorted, size: int) -> BulkOutcome:
    indexed = sum(write.action == "index" for write in items.done)
    return BulkOutcome(indexed, len(items.done) - indexed, tuple(items.rejected), size)


def _sort(sent: Sequence[Write], answer: Any, attempt: int) -> _Sorted:
    results = [next(iter(item.values())) for item in answer["items"]]
    if len(results) != len(sent):
        raise BuildError(f"Bulk: {len(sent)} operations went out, the answer has {len(results)} items.")
    items = _Sorted()
    for write, result in zip(sent, results, strict=True):
        kind = _judge(write, result)
        if kind is _Item.DONE:
            items.done.append(write)
        elif kind is _Item.AGAIN:
            items.again.append(write)
            items.refusal = f"{': '.join(_error_of(result))} ({result['status']})"
        else:
            items.rejected.append(RejectedItem(write, *_error_of(result), attempt))
    return items


def _judge(write: Write, result: Any) -> _Item:
    """DONE also for a delete of what is not there (404 without an error)."""
    if "error" not in result:
        _require_done(write, result)
        return _Item.DONE
    if isinstance(of_status(result["status"], ": ".join(_error_of(result)), "Bulk"), TransientError):
        return _Item.AGAIN
    _raise_if_common(result)
    return _Item.REJECTED


def _require_done(write: Write, result: Any) -> None:
    if result.get("_id") != write.id or result.get("result") not in _RESULTS[write.action]:
        raise BuildError(
            f"Bulk: the {write.action} of document {write.id} was accepted, but became '{result.get('result')}' of "
            f"document {result.get('_id')}: an ingest pipeline drops documents or changes their ids on the way into the "
            "candidate. Nothing was promoted. Find it (GET _ingest/pipeline), take it away from this index, then start a new run."
        )


def _raise_if_common(result: Any) -> None:
    """Errors that hide in single items although they concern every document."""
    status = result["status"]
    error_class, reason = _error_of(result)
    what = f"Bulk: {error_class}: {reason}"
    if status in (401, 403) and error_class == "security_exception":
        raise AccessError(f"{what}. The role needs indices:data/write/bulk*; see docs/security.md.", status, reason)
    if error_class == "cluster_block_exception":
        raise TerminalError(
            f"{what}. A block on the candidate refuses writes (a full disk sets one; reconcile sets one at the end): "
            "free disk or start a new run.",
            status,
            reason,
        )
    if error_class == "index_not_found_exception":
        raise BuildError(f"{what}. The candidate is gone (another run removed it?); start a new run.", status, reason)
    if status >= 500:
        raise TerminalError(f"{what} (status {status}). See the cluster's log.", status, reason)


def _error_of(result: Any) -> tuple[str, str]:
    error = result["error"]
    cause = error.get("caused_by") or {}
    reason = f"{error.get('reason', '')}" + (f" ({cause['reason']})" if cause.get("reason") else "")
    return str(error.get("type", "unknown")), reason
