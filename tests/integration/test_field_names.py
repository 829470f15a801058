"""The names that are refused beforehand are those that this cluster would refuse, or change."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from sparse_index.cluster.client import Cluster
from sparse_index.config.field_names import METADATA_FIELDS, name_problem
from sparse_index.errors import TerminalError

pytestmark = pytest.mark.integration


@pytest.fixture
def index(plain_cluster: Cluster) -> Iterator[str]:
    name = f"names-{uuid4().hex[:8]}"
    yield name
    plain_cluster.delete(f"/{name}", ignore_unavailable="true")


def as_field(cluster: Cluster, index: str, name: str) -> list[str]:
    """Make a field of that name and a document with it; the names that the mapping then has."""
    cluster.put(f"/{index}", {"mappings": {"dynamic": "strict", "properties": {name: {"type": "long"}}}})
    cluster.put(f"/{index}/_doc/1", {name: 1})
    return list(cluster.get(f"/{index}/_mapping")[index]["mappings"]["properties"])


@pytest.mark.parametrize("name", ["", *sorted(METADATA_FIELDS)])
def test_what_the_cluster_refuses_is_refused_beforehand(plain_cluster: Cluster, index: str, name: str) -> None:
    assert name_problem(name) is not None
    with pytest.raises(TerminalError):
        as_field(plain_cluster, index, name)


def test_a_name_with_a_dot_would_become_an_object(plain_cluster: Cluster, index: str) -> None:
    assert name_problem("price.net") is not None
    assert as_field(plain_cluster, index, "price.net") == ["price"]


@pytest.mark.parametrize("name", ["_own", "a b", "é", "#", "Title"])
def test_what_the_cluster_takes_is_not_refused(plain_cluster: Cluster, index: str, name: str) -> None:
    assert name_problem(name) is None
    assert as_field(plain_cluster, index, name) == [name]
