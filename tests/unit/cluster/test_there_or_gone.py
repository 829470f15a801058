"""A 404 means that something is not there, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from fake_opensearch import fake_cluster, http_error, unreachable
from sparse_index.cluster.client import Cluster
from sparse_index.errors import SparseIndexError, TerminalError, UnavailableError

GONE = http_error(404, "index_not_found_exception", "no such index [x]")
OTHERS = {
    "a wrong query": (http_error(400, "parsing_exception"), TerminalError),
    "a shard that is recovered": (http_error(404, "illegal_index_shard_state_exception"), UnavailableError),
    "no connection": (unreachable(), UnavailableError),
}


def answering(error: Exception | None) -> tuple[Cluster, list[tuple[Any, ...]]]:
    asked: list[tuple[Any, ...]] = []

    def answer(*request: Any) -> Any:
        asked.append(request)
        if error is not None:
            raise error
        return {"is": "there"}

    return fake_cluster(answer), asked


def test_what_is_there_is_found_and_removed() -> None:
    cluster, asked = answering(None)
    assert cluster.find("/x") == cluster.find("/x/_search", {"query": {}}) == {"is": "there"}
    assert cluster.remove("/x")
    assert cluster.remove("/x/_undeploy", "POST")
    assert [method for method, *_ in asked] == ["GET", "POST", "DELETE", "POST"]


def test_what_is_gone_is_none_and_no_error() -> None:
    cluster, _ = answering(GONE)
    assert cluster.find("/x") is None
    assert not cluster.remove("/x")


@pytest.mark.parametrize("case", OTHERS)
def test_another_refusal_is_an_error(case: str) -> None:
    error, ours = OTHERS[case]
    cluster, _ = answering(error)
    for call in (cluster.find, cluster.remove):
        with pytest.raises(SparseIndexError) as caught:
            call("/x")
        assert type(caught.value) is ours
