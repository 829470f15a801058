"""Canaries that are drawn from an index."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster
from sparse_index.cluster.client import Cluster
from sparse_index.errors import ConfigError
from sparse_index.relevance.golden import GoldenQuery
from sparse_index.relevance.sample import sample_canaries


def index_of(field: str, *documents: tuple[str, str]) -> Cluster:
    """Documents (id, value of `field`) that are drawn in the order given, as many as are asked for."""

    def answer(method: str, path: str, body: Any) -> Any:
        assert (method, path) == ("POST", "/tickets/_search")
        assert body["_source"] == [field]
        hits = [{"_id": id_, "_source": {field: value}} for id_, value in documents]
        return {"hits": {"hits": hits[: body["size"]]}}

    return fake_cluster(answer)


def test_a_document_is_asked_for_by_its_title() -> None:
    cluster = index_of("title", ("t1", " Cracked screen "), ("t2", "Login"), ("t3", "Late"))
    assert sample_canaries(cluster, corpus_config("tickets"), 2) == [
        GoldenQuery(id="canary-001", text="Cracked screen", must=("t1",)),
        GoldenQuery(id="canary-002", text="Login", must=("t2",)),
    ]


def test_a_title_drawn_before_and_a_blank_one_are_left_out() -> None:
    cluster = index_of("title", ("t1", "Login"), ("t2", "Login"), ("t3", " "))
    assert [query.must for query in sample_canaries(cluster, corpus_config("tickets"), 3)] == [("t1",)]


def test_the_title_is_the_first_column_that_is_indexed() -> None:
    config = corpus_config("tickets", source={"columns": ["body"]})
    assert sample_canaries(index_of("body", ("t1", "my parcel is late")), config, 1)[0].text == "my parcel is late"


def test_where_there_is_no_title() -> None:
    with pytest.raises(ConfigError, match="no document with a 'title' to draw"):
        sample_canaries(index_of("title"), corpus_config("tickets"), 5)
    with pytest.raises(ConfigError, match=r"Add one to source\.columns"):
        sample_canaries(index_of("title"), corpus_config("tickets", source={"columns": ["price"]}), 5)
