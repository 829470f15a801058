"""A 404 means that something is not there, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from opensearchpy import NotFoundError

from fake_opensearch import fake_cluster, http_error, no_route, unreachable
from misbehaving_servers import Quiet, serving
from sparse_index.cluster.authorization import BearerToken
from sparse_index.cluster.client import AsyncCluster, Cluster, ConnectionSettings
from sparse_index.errors import SparseIndexError, TerminalError, UnavailableError

GONE = {
    "an index": http_error(404, "index_not_found_exception", "no such index [x]"),
    "a pipeline": NotFoundError(404, "{}", {}),
    "a role": NotFoundError(404, "", {"status": "NOT_FOUND", "message": "role 'x' not found."}),
    "a document": NotFoundError(404, "", {"_index": "x", "_id": "1", "found": False}),
    "an alias": NotFoundError(404, "", {"error": "alias [x] missing", "status": 404}),
}
OTHERS = {
    "a wrong query": (http_error(400, "parsing_exception"), TerminalError),
    "a shard that is recovered": (http_error(404, "illegal_index_shard_state_exception"), UnavailableError),
    "no connection": (unreachable(), UnavailableError),
    "a proxy without a cluster": (no_route(), UnavailableError),
    "a proxy that says nothing": (NotFoundError(404, "", None), UnavailableError),
    "a gateway in JSON": (NotFoundError(404, "", {"message": "no Route matched with those values"}), UnavailableError),
    "a service in JSON": (
        NotFoundError(404, "", {"status": 404, "error": "Not Found", "path": "/x"}),
        UnavailableError,
    ),
}
# (body, its type) -> whether it is OpenSearch that answers so.
BODIES = {
    (b"404 page not found\n", "text/plain; charset=utf-8"): False,
    (b"<html><head><title>404 Not Found</title></head></html>", "text/html"): False,
    (b"", ""): False,
    (b'{"error": {"type": "index_not_found_exception", "reason": "no such index [x]"}, "status": 404}', ""): True,
    (b"{}", "application/json; charset=UTF-8"): True,
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


@pytest.mark.parametrize("what", GONE)
def test_what_is_gone_is_none_and_no_error(what: str) -> None:
    cluster, _ = answering(GONE[what])
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


@pytest.fixture(params=BODIES, ids=lambda each: each[0][:20].decode() or "nothing")
def answered(request: pytest.FixtureRequest) -> Iterator[tuple[int, bool]]:
    """The port of a server that answers 404 so, and whether that is how OpenSearch does it."""
    body, kind = request.param

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.send_response(404)
            if kind:
                self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as port:
        yield port, BODIES[request.param]


async def found_in_triggerer(settings: ConnectionSettings) -> Any:
    cluster = AsyncCluster(settings)
    try:
        return await cluster.find("/x")
    finally:
        await cluster.close()


@pytest.mark.parametrize("token", [None, BearerToken("t0")], ids=["no login", "authorized"])
def test_every_client_tells_opensearch_from_what_is_in_front_of_it(
    answered: tuple[int, bool], token: BearerToken | None
) -> None:
    port, is_gone = answered
    settings = ConnectionSettings("127.0.0.1", port, use_ssl=False, authorize=token)
    if is_gone:
        assert Cluster.connect(settings, attempts=1).find("/x") is None
        assert asyncio.run(found_in_triggerer(settings)) is None
        return
    with pytest.raises(UnavailableError, match="something in front of the cluster"):
        Cluster.connect(settings, attempts=1).find("/x")
    with pytest.raises(UnavailableError, match="something in front of the cluster"):
        asyncio.run(found_in_triggerer(settings))
