"""Where the cluster's own fusion is not the one that we compute."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster
from sparse_index.cluster.client import Cluster
from sparse_index.live.attached import Attached
from sparse_index.query.answer import Found
from sparse_index.query.by_server import fused_by_server, fuses_as_we_do
from sparse_index.query.question import Question
from sparse_index.query.target import Target
from sparse_index.query.wish import nothing_yet


@pytest.mark.parametrize(
    ("fusion", "shards", "version", "same"),
    [
        ("rrf", 2, "2.19.1", False),
        ("rrf", 1, "2.19.1", True),
        ("min_max", 2, "2.19.1", True),
        ("rrf", 2, "3.6.0", True),
        ("rrf", 2, "3.10.0", True),
    ],
)
def test_an_old_cluster_ranks_each_shard_for_itself(fusion: str, shards: int, version: str, same: bool) -> None:
    settings = {"index.number_of_shards": str(shards), "index.version.created_string": version}
    target = Target("things--b1", attached=Attached(settings=settings))
    config = corpus_config("things", search={"fusion": fusion, "sides": ["bm25", "text_sparse"]})
    assert fuses_as_we_do(Question(config, target, "q", {"bm25": None}, [], explain=False)) is same


def test_where_nobody_may_look_the_cluster_is_asked() -> None:
    config = corpus_config("things", search={"sides": ["bm25", "text_sparse"]})
    assert fuses_as_we_do(Question(config, Target("things", known=False), "q", {"bm25": None}, [], explain=False))


def candidates(shards: int, explain: bool = True) -> tuple[Question, Cluster, list[Any]]:
    """Three documents, of which full text found two, with the name of an alias's filter among the matches; and what was asked."""
    matched = {
        "a": {"bm25": 1.0, "somebodys": 0.0},
        "b": {"bm25": 3.0, "title": 0.5},
        "c": {"title": 0.9},
    }
    scores, asked = {"a": 0.016, "b": 0.033, "c": 0.0164}, list[Any]()

    def answer(method: str, path: str, body: Any) -> Any:
        asked.append(body)
        names = body["query"].get("bool", {}).get("filter", [{}])[0].get("ids", {}).get("values") or list(matched)
        hits = [
            {"_id": name, "_score": scores[name], "_source": {"title": name}, "matched_queries": matched[name]}
            for name in names[: body["size"]]
        ]
        return {"hits": {"hits": hits}, "_shards": {"total": shards, "successful": shards}}

    config = corpus_config("things", search={"sides": ["bm25", "text_sparse"], "candidates": 2})
    target = Target("things--b1", attached=Attached(settings={"index.number_of_shards": str(shards)}))
    question = Question(config, target, "q", {"bm25": None, "title": None}, [], explain=explain)
    return question, fake_cluster(answer), asked


def test_ranks_follow_from_the_raw_scores_of_all_candidates() -> None:
    question, cluster, asked = candidates(shards=1)
    hits = fused_by_server(cluster, question, 2, nothing_yet())
    assert asked[0]["size"] == 4, "every candidate of both sides, whatever the page"
    assert [(hit.id, {side: (found.score, found.rank) for side, found in hit.sides.items()}) for hit in hits] == [
        ("b", {"bm25": (3.0, 1), "title": (0.5, 2)}),
        ("c", {"title": (0.9, 1)}),
    ]


def test_over_several_shards_nobody_knows_whose_candidate_a_document_was() -> None:
    question, cluster, asked = candidates(shards=3)
    hits = fused_by_server(cluster, question, 2, nothing_yet())
    assert asked[0]["size"] == 12
    assert {found.rank for hit in hits for found in hit.sides.values()} == {None}


def test_without_explanations_one_request_gives_the_page_and_names_of_others_are_passed_over() -> None:
    question, cluster, asked = candidates(shards=1, explain=False)
    hits = fused_by_server(cluster, question, 3, nothing_yet())
    assert (len(asked), asked[0]["size"]) == (1, 3)
    assert next(hit for hit in hits if hit.id == "a").sides == {"bm25": Found(1.0)}
