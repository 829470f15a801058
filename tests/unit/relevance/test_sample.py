"""Canaries that are drawn from an index."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster
from sparse_index.cluster.client import Cluster
from sparse_index.config.search import SearchMode
from sparse_index.errors import ConfigError
from sparse_index.query.answer import Answer, Hit, Times, Via
from sparse_index.relevance.evaluate import Ask
from sparse_index.relevance.golden import GoldenQuery
from sparse_index.relevance.sample import Sample, sample_canaries


def index_of(field: str, *documents: tuple[str, str]) -> Cluster:
    """Documents (id, value of `field`) that are drawn in the order given, as many as are asked for."""

    def answer(method: str, path: str, body: Any) -> Any:
        assert (method, path) == ("POST", "/tickets/_search")
        assert body["_source"] == [field]
        hits = [{"_id": id_, "_source": {field: value}} for id_, value in documents]
        return {"hits": {"hits": hits[: body["size"]]}}

    return fake_cluster(answer)


def knowing(*documents: tuple[str, str]) -> Ask:
    """Finds the documents with that very title, in the order given."""

    def ask(mode: SearchMode, query: GoldenQuery, size: int) -> Answer:
        assert mode is SearchMode.SPARSE
        hits = [Hit(id_, 1.0, {}, "") for id_, title in documents if title.strip() == query.text][:size]
        return Answer(query.text, mode, "tickets--b1", hits, Via.SERVER, Times())

    return ask


def sampled(count: int, *documents: tuple[str, str]) -> Sample:
    return sample_canaries(index_of("title", *documents), corpus_config("tickets"), knowing(*documents), count)


def test_a_document_is_asked_for_by_its_title() -> None:
    found = sampled(2, ("t1", " Cracked screen "), ("t2", "Login"), ("t3", "Late"))
    assert found.canaries == [
        GoldenQuery(id="canary-001", text="Cracked screen", must=("t1",)),
        GoldenQuery(id="canary-002", text="Login", must=("t2",)),
    ]
    assert found.lost == []


def test_a_title_drawn_before_and_a_blank_one_are_left_out() -> None:
    found = sampled(3, ("t1", "Login"), ("t2", "Login"), ("t3", " "))
    assert [query.must for query in found.canaries] == [("t1",)]


def test_a_title_that_finds_others_first_is_no_canary_and_is_said() -> None:
    """Sixty documents have the title: which of them stands among the first ten is the cluster's affair."""
    others = [(f"other{number}", "Login") for number in range(60)]
    drawn = index_of("title", ("t1", "Login"), ("t2", "Late"))
    found = sample_canaries(drawn, corpus_config("tickets"), knowing(*others, ("t1", "Login"), ("t2", "Late")), 5)
    assert [query.must for query in found.canaries] == [("t2",)]
    assert found.lost == ["Login"]


def test_the_title_is_the_first_column_that_is_indexed() -> None:
    config, body = corpus_config("tickets", source={"columns": ["body"]}), ("t1", "my parcel is late")
    assert sample_canaries(index_of("body", body), config, knowing(body), 1).canaries[0].text == "my parcel is late"


def test_where_there_is_no_title() -> None:
    with pytest.raises(ConfigError, match="no document with a 'title' to draw"):
        sampled(5)
    price = corpus_config("tickets", source={"columns": ["price"]})
    with pytest.raises(ConfigError, match=r"Add one to source\.columns"):
        sample_canaries(index_of("title"), price, knowing(), 5)
