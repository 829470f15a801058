"""The searches of the story close the connection that they opened, whatever they find."""

from __future__ import annotations

from typing import Any

import pytest

from demo.story import Demo, search_lines
from fake_opensearch import fake_cluster, http_error
from sparse_index.cluster.client import Cluster
from sparse_index.errors import SparseIndexError


class ClosedDemo(Demo):
    """Its cluster gives `answer` to everything, and notes that it was closed."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self._answer = answer
        self.closed = False

    def cluster(self) -> Cluster:
        cluster = fake_cluster(self._answer)
        cluster.close = self._close  # type: ignore[method-assign]
        return cluster

    def _close(self) -> None:
        self.closed = True


def test_where_nothing_is_live() -> None:
    def answer(method: str, path: str, body: Any) -> Any:
        raise http_error(404, "index_not_found_exception")

    demo = ClosedDemo(answer)
    assert "does not exist yet" in "".join(search_lines(demo, ("refund",)))
    assert demo.closed


def test_where_the_cluster_refuses() -> None:
    def answer(method: str, path: str, body: Any) -> Any:
        raise http_error(400, "illegal_argument_exception")

    demo = ClosedDemo(answer)
    with pytest.raises(SparseIndexError):
        list(search_lines(demo, ("refund",)))
    assert demo.closed
