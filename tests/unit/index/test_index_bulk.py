"""The bulk writer: every write comes back as written or rejected, whatever the cluster answers."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier
from typing import Any

import orjson
import pytest

from fake_opensearch import fake_cluster, http_error
from sparse_index.corpus.place import Place
from sparse_index.errors import AccessError, BuildError, OverloadedError, TerminalError
from sparse_index.index.bulk import ITEM_ATTEMPTS, BulkOutcome, BulkWriter, Write, bodies

NOWHERE = Place("corpus.parquet", "v1", 0, 0)
Judge = Callable[[str, str], dict[str, Any] | None]


def index_op(number: int, size: int = 20) -> Write:
    return Write("index", f"id-{number}", NOWHERE, orjson.dumps({"body": "x" * size}))


def delete_op(number: int) -> Write:
    return Write("delete", f"id-{number}", NOWHERE)


def parse(body: bytes) -> list[tuple[str, str]]:
    """(action, id) of every write of a bulk body."""
    lines = iter(body.splitlines())
    writes = []
    for line in lines:
        action, head = next(iter(orjson.loads(line).items()))
        if action == "index":
            orjson.loads(next(lines))
        writes.append((action, head["_id"]))
    return writes


class FakeIndex:
    """Accepts writes; `judge(action, id)` gives the error of an item, or None."""

    def __init__(self, judge: Judge = lambda action, id_: None) -> None:
        self.judge = judge
        self.ids: list[str] = []
        self.requests: list[int] = []

    def __call__(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        writes = parse(body)
        self.requests.append(len(writes))
        return {"items": [self.item(action, id_) for action, id_ in writes]}

    def item(self, action: str, id_: str) -> dict[str, Any]:
        error = self.judge(action, id_)
        if error is not None:
            return {action: error}
        self.ids.append(id_)
        return {action: done_item(action, id_)}


def done_item(action: str, id_: str) -> dict[str, Any]:
    return {"_id": id_, "status": 200, "result": {"index": "created", "delete": "deleted"}[action]}


def error_item(status: int, kind: str, reason: str = "why") -> dict[str, Any]:
    return {"status": status, "error": {"type": kind, "reason": reason}}


def write(handler: Any, writes: list[Write], max_bytes: int = 2_000) -> BulkOutcome:
    writer = BulkWriter(fake_cluster(handler), "c-w", max_bytes=max_bytes, in_flight=2, sleep=lambda _: None)
    return sum(writer.write(writes), BulkOutcome())


def test_everything_is_written_once() -> None:
    index = FakeIndex()
    outcome = write(index, [*(index_op(n) for n in range(500)), *(delete_op(n) for n in range(500, 600))])
    assert (outcome.indexed, outcome.deleted, outcome.rejected) == (500, 100, ())
    assert sorted(index.ids) == sorted(f"id-{n}" for n in range(600))


def test_as_many_requests_as_it_may_are_in_the_cluster_at_once() -> None:
    index, together = FakeIndex(), Barrier(2, timeout=60)

    def two_at_once(method: str, path: str, body: bytes) -> dict[str, Any]:
        together.wait()
        return index(method, path, body)

    write(two_at_once, [index_op(n, size=2_000) for n in range(4)])
    assert index.requests == [1] * 4


def test_bodies_stay_within_their_bytes() -> None:
    batches = list(bodies([*(index_op(n) for n in range(100)), index_op(100, size=5_000)], 2_000))
    sizes = [sum(len(write.lines()) for write in batch) for batch in batches]
    assert all(size <= 2_000 for size in sizes[:-1])
    assert [write.id for write in batches[-1]] == ["id-100"]
    assert sum(map(len, batches)) == 101


def test_only_refused_items_are_sent_again() -> None:
    busy = {"id-1": 2, "id-2": 1}

    def judge(action: str, id_: str) -> dict[str, Any] | None:
        busy[id_] = busy.get(id_, 0) - 1
        return error_item(429, "rejected_execution_exception") if busy[id_] >= 0 else None

    index = FakeIndex(judge)
    outcome = write(index, [index_op(n) for n in range(5)])
    assert outcome.indexed == 5
    assert index.requests == [5, 2, 1]


def test_items_refused_for_ever_stop_the_task() -> None:
    index = FakeIndex(lambda action, id_: error_item(429, "rejected_execution_exception"))
    with pytest.raises(
        OverloadedError, match=r"3 items were refused 8 times.* rejected_execution_exception: .*\(429\)"
    ):
        write(index, [index_op(n) for n in range(3)])
    assert len(index.requests) == ITEM_ATTEMPTS


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (503, "cluster_block_exception"),
        (500, "node_closed_exception"),
        (500, "node_disconnected_exception"),
        (404, "shard_not_found_exception"),
    ],
)
def test_a_cluster_that_is_not_ready_is_waited_for(status: int, kind: str) -> None:
    starting = [error_item(status, kind)]
    assert write(FakeIndex(lambda action, id_: starting.pop() if starting else None), [index_op(1)]).indexed == 1


def test_a_document_the_mapping_refuses_is_rejected_at_once() -> None:
    index = FakeIndex(lambda action, id_: error_item(400, "mapper_parsing_exception") if id_ == "id-3" else None)
    outcome = write(index, [index_op(n) for n in range(10)])
    assert outcome.indexed == 9
    assert [(item.write.id, item.error_class) for item in outcome.rejected] == [("id-3", "mapper_parsing_exception")]
    assert sum(index.requests) == 10


def test_deleting_what_is_not_there_is_fine() -> None:
    index = FakeIndex(lambda action, id_: {"_id": id_, "status": 404, "result": "not_found"})
    assert write(index, [delete_op(n) for n in range(3)]).deleted == 3


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (index_op(0), {"_id": "id-0", "status": 200, "result": "noop"}),
        (index_op(0), {"_id": "another", "status": 201, "result": "created"}),
        (index_op(0), {"_id": "id-0", "status": 200, "result": "deleted"}),
        (delete_op(0), {"_id": "id-0", "status": 200, "result": "noop"}),
    ],
    ids=["dropped", "another id", "not what was asked for", "delete dropped"],
)
def test_what_an_ingest_pipeline_made_of_a_document_is_not_written(sent: Write, answer: Any) -> None:
    with pytest.raises(BuildError, match=r"document id-0 was accepted, but became .* an ingest pipeline drops"):
        write(FakeIndex(lambda action, id_: answer), [sent])


@pytest.mark.parametrize("status", [400, 413])
def test_a_refused_body_is_halved_down_to_the_one_document(status: int) -> None:
    index = FakeIndex()

    def handler(method: str, path: str, body: bytes) -> Any:
        if any(id_ == "id-77" for _, id_ in parse(body)):
            raise http_error(status, "illegal_argument_exception", "id is too long")
        return index(method, path, body)

    outcome = write(handler, [index_op(n) for n in range(100)], max_bytes=100_000)
    assert outcome.indexed == 99
    assert [item.write.id for item in outcome.rejected] == ["id-77"]
    assert "id is too long" in outcome.rejected[0].reason
    assert sorted(index.ids) == sorted(f"id-{n}" for n in range(100) if n != 77)


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (403, "security_exception", AccessError),
        (403, "cluster_block_exception", TerminalError),
        (429, "cluster_block_exception", TerminalError),
        (404, "index_not_found_exception", BuildError),
        (500, "translate_exception", TerminalError),
    ],
)
def test_errors_that_concern_everything_are_no_dead_letters(status: int, kind: str, error: type[Exception]) -> None:
    index = FakeIndex(lambda action, id_: error_item(status, kind))
    with pytest.raises(error, match=kind):
        write(index, [index_op(1)])
    assert index.requests == [1]


def test_an_answer_with_an_item_less_opens_the_books() -> None:
    with pytest.raises(BuildError, match="2 operations went out, the answer has 1"):
        write(lambda *_: {"items": [{"index": {"status": 201}}]}, [index_op(1), index_op(2)])
