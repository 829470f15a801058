"""Fusion: worked examples, and what has to hold of any lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparse_index.config.search import Fusion
from sparse_index.query.fusion import fused, in_order, merged

RRF = Fusion()
MIN_MAX = Fusion(type="min_max")
SIDES = {"sparse": [("a", 9.0), ("b", 5.0), ("c", 1.0)], "dense": [("b", 0.9), ("d", 0.4)]}
scores = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-5, 50, width=32), max_size=8)
some_sides = st.dictionaries(st.sampled_from(["sparse", "dense", "bm25"]), scores, min_size=1)


def ranked(found: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(found.items(), key=lambda pair: -pair[1])


def test_ranks_are_added() -> None:
    assert dict(fused(RRF, SIDES, only_common=False)) == pytest.approx(
        {"b": 1 / 62 + 1 / 61, "a": 1 / 61, "d": 1 / 62, "c": 1 / 63}
    )
    assert [id_ for id_, _ in fused(RRF, SIDES, only_common=False)] == ["b", "a", "d", "c"]


def test_scores_are_scaled_and_the_worst_is_not_nothing() -> None:
    """As the cluster does: what is least gets 0.001, a side that lacks the document adds nothing."""
    found = dict(fused(MIN_MAX, SIDES, only_common=False))
    assert found == pytest.approx({"b": (0.5 + 1.0) / 2, "a": 0.5, "c": 0.0005, "d": 0.0005})


def test_a_weight_is_a_side_s_share() -> None:
    weighted = Fusion(type="min_max", weights={"sparse": 0.8, "dense": 0.2})
    assert dict(fused(weighted, SIDES, only_common=False))["b"] == pytest.approx(0.8 * 0.5 + 0.2 * 1.0)


def test_a_side_that_did_not_answer_leaves_its_weight_to_the_others() -> None:
    weighted = Fusion(type="min_max", weights={"sparse": 0.8, "dense": 0.2})
    alone = {"dense": SIDES["dense"]}
    assert dict(fused(weighted, alone, only_common=False)) == pytest.approx({"b": 1.0, "d": 0.001})
    none = Fusion(type="min_max", weights={"sparse": 1.0, "dense": 0.0})
    assert dict(fused(none, alone, only_common=False)) == pytest.approx({"b": 1.0, "d": 0.001})


def test_one_score_for_all_is_the_best() -> None:
    assert dict(fused(MIN_MAX, {"sparse": [("a", 3.0), ("b", 3.0)]}, only_common=False)) == {"a": 1.0, "b": 1.0}


def test_the_intersection_is_what_all_sides_have() -> None:
    assert [id_ for id_, _ in fused(RRF, SIDES, only_common=True)] == ["b"]
    assert fused(RRF, SIDES | {"bm25": []}, only_common=True) == []


def test_shards_are_merged_by_score() -> None:
    assert merged([[("a", 3.0), ("b", 1.0)], [], [("c", 2.0), ("d", 1.0)]]) == [
        ("a", 3.0),
        ("c", 2.0),
        ("b", 1.0),
        ("d", 1.0),
    ]


@given(some_sides, st.sampled_from([RRF, MIN_MAX]))
def test_fusion_keeps_every_document_once_in_falling_order(sides: dict[str, dict[str, float]], fusion: Fusion) -> None:
    lists = {side: ranked(found) for side, found in sides.items()}
    union = fused(fusion, lists, only_common=False)
    assert {id_ for id_, _ in union} == {id_ for found in sides.values() for id_ in found}
    assert len({id_ for id_, _ in union}) == len(union)
    assert [round(score, 6) for _, score in union] == sorted((round(score, 6) for _, score in union), reverse=True)
    assert all(score > 0 for _, score in union)
    common = fused(fusion, lists, only_common=True)
    assert common == [pair for pair in union if all(pair[0] in found for found in sides.values())]


def test_small_scores_are_as_far_apart_as_large_ones() -> None:
    small = {"a": 1.1e-7, "b": 1.2e-5, "c": 1.1e-5}
    assert [id_ for id_, _ in in_order(small)] == ["b", "c", "a"]
    assert [id_ for id_, _ in in_order({"b": 1.00000001e-5, "a": 1e-5})] == ["a", "b"], "float32 keeps no more"
