"""Real answers and real silence of a cluster become our errors."""

from __future__ import annotations

import pickle

import pytest

from local_cluster.ports import find_free
from sparse_index.cluster.client import ATTEMPTS, MAX_WAIT_S, Cluster, ConnectionSettings
from sparse_index.errors import SparseIndexError, TerminalError, UnavailableError

pytestmark = pytest.mark.integration


def connect(port: int, waits: list[float]) -> Cluster:
    from opensearchpy import OpenSearch

    where = ConnectionSettings(host="127.0.0.1", port=port, use_ssl=False)
    return Cluster(OpenSearch(**where.client_arguments()), sleep=waits.append)


def test_a_closed_port_is_waited_for_about_a_minute_and_then_said() -> None:
    waits: list[float] = []
    with pytest.raises(UnavailableError, match="no answer from the cluster"):
        connect(find_free(), waits).get("/")
    assert len(waits) == ATTEMPTS - 1
    assert 45 < sum(waits) < 91
    assert MAX_WAIT_S / 2 < max(waits) < MAX_WAIT_S


def test_two_that_wait_do_not_come_back_together() -> None:
    one, other = list[float](), list[float]()
    for waits in (one, other):
        with pytest.raises(UnavailableError):
            connect(find_free(), waits).get("/")
    assert all(mine != theirs for mine, theirs in zip(one, other, strict=True))


def test_a_call_that_must_not_be_repeated_is_not() -> None:
    waits: list[float] = []
    with pytest.raises(UnavailableError):
        connect(find_free(), waits).post("/_plugins/_ml/models/_register", {}, retry=None)
    assert waits == []


def test_a_missing_index_is_terminal_and_keeps_its_status(plain_cluster: Cluster) -> None:
    with pytest.raises(TerminalError, match="index_not_found_exception") as caught:
        plain_cluster.get("/no-such-index/_mapping")
    assert caught.value.status == 404


def test_there_is_told_from_gone(plain_cluster: Cluster) -> None:
    plain_cluster.put("/here")
    index, found = plain_cluster.find("/here"), plain_cluster.find("/here/_search", {"query": {"match_all": {}}})
    assert index is not None
    assert index["here"]["mappings"] == {}
    assert found is not None
    assert found["hits"]["hits"] == []
    assert plain_cluster.remove("/here")
    assert not plain_cluster.remove("/here")
    assert plain_cluster.find("/here") is None
    assert plain_cluster.find("/here/_search", {"query": {"match_all": {}}}) is None


def test_a_refusal_is_not_taken_for_gone(plain_cluster: Cluster) -> None:
    with pytest.raises(TerminalError, match="refused with 400"):
        plain_cluster.find("/_search", {"query": {"no_such_query": {}}})
    with pytest.raises(TerminalError, match="refused with 405"):
        plain_cluster.remove("/_search")


def test_errors_survive_pickling(plain_cluster: Cluster) -> None:
    with pytest.raises(SparseIndexError) as caught:
        plain_cluster.get("/no-such-index/_count")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), again.args, again.status) == (type(caught.value), caught.value.args, 404)
