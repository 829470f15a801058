"""Each check of the gate decides from what was seen, without a server."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinds_of_vectors import SPARSE
from sparse_index.config.gate import GateConfig
from sparse_index.gate.answers import Answers, differing, rank_biased_overlap, top_ten, unchanged_documents
from sparse_index.gate.counts import counts
from sparse_index.gate.drift import CHANGED_DOCUMENTS, Vectors, drift
from sparse_index.gate.pace import latency
from sparse_index.gate.stored import Sampled, hidden_share, same_float32, stored_vectors

VECTOR = {"a": 1.5, "b": 0.1}
NAMES = [f"d{number}" for number in range(20)]


LACKS = object()


def sampled(
    name: str, there: Any = VECTOR, store: Any = VECTOR, text_hash: str | None = "hash", known: bool = True
) -> Sampled:
    texts = {"v"} if text_hash else set()
    return Sampled(name, known, texts, {"v": there}, {} if store is LACKS else {"v": store})


def test_the_counts_are_those_of_the_books() -> None:
    assert counts(7, 7, 1, None).verdict == "pass"
    assert counts(7, 7, 1, 14).words == "7 documents, the live index has 14."
    half = counts(7, 14, 1, 14)
    assert (half.verdict, half.value, half.limit) == ("fail", 7, 14)
    assert counts(0, 0, 1, None).verdict == "fail"
    assert counts(7, None, 1, None).verdict == "fail"


def test_each_sampled_document_has_the_vector_of_its_text_or_none() -> None:
    good = [sampled("a"), sampled("blank", None, None, None), sampled("empty", None, None)]
    assert stored_vectors(good, 3).verdict == "pass"
    bad = {
        "stranger is not in the manifest": sampled("stranger", known=False),
        "other has another vector in v": sampled("other", {"a": 1.5, "b": 0.2}),
        "fewer has another vector in v": sampled("fewer", {"a": 1.5}),
        "bare has a text but no vector in v": sampled("bare", None),
        "lost has a text but no vector in v": sampled("lost", None, LACKS),
        "full has another vector in v": sampled("full", VECTOR, None),
        "blank has a vector in v but no text": sampled("blank", VECTOR, None, None),
    }
    for words, document in bad.items():
        check = stored_vectors([*good, document], 4)
        assert (check.verdict, check.value, check.limit) == ("fail", 1, 0)
        assert f"1 of 4 sampled documents (25.0%) differ from the store, such as: {words}." in check.words
    assert stored_vectors([], 0).verdict == "skipped"
    unseen = stored_vectors([*good, sampled("ghost", VECTOR, LACKS)], 4)
    assert (unseen.verdict, unseen.value) == ("undecided", 1)
    assert "1 of 4 sampled documents have a vector that the store lacks" in unseen.words


def test_numbers_are_compared_as_the_float32_they_mean() -> None:
    assert same_float32({"a": 0.1}, {"a": 0.10000000149011612})
    assert same_float32([0.1, 1], [0.10000000149011612, 1.0])
    assert not same_float32({"a": 0.1}, {"a": 0.1000001})
    assert not same_float32({"a": 0.1}, {"b": 0.1})


def test_a_sample_says_what_it_could_have_missed() -> None:
    words = stored_vectors([sampled(f"d{number}") for number in range(1_000)], 50_000).words
    assert "fewer than 0.30% of all are wrong" in words
    assert (1 - hidden_share(1_000)) ** 1_000 == pytest.approx(0.05)


def answers(live: dict[str, float], candidate: dict[str, float], asked: int = 10) -> list[Answers]:
    def ranked(hits: dict[str, float]) -> dict[str, float]:
        return dict(sorted(hits.items(), key=lambda hit: -hit[1]))

    return [Answers(asked, ranked(live), ranked(candidate))]


def scores(names: Sequence[str]) -> dict[str, float]:
    return {name: 100.0 - NAMES.index(name) for name in names}


def test_an_unchanged_document_keeps_its_score_exactly() -> None:
    live = scores(NAMES[:10])
    assert unchanged_documents("v", answers(live, live), NAMES, finds_all=True).verdict == "pass"
    moved = live | {"d3": live["d3"] * 1.001}
    check = unchanged_documents("v", answers(live, moved), NAMES, finds_all=True)
    assert (check.verdict, check.value) == ("fail", 1)
    assert "d3 scores 97.097, was 97" in check.words
    others = [name for name in NAMES if name != "d3"]
    assert unchanged_documents("v", answers(live, moved), others, finds_all=True).verdict == "pass", "its text changed"
    assert unchanged_documents("v", answers(live, moved), [], finds_all=True).verdict == "skipped"


def test_a_live_index_that_was_altered_is_told_from_a_bad_candidate_and_may_be_put_right() -> None:
    live = scores(NAMES[:10])
    given = answers(live, live | {"d3": 96.0, "d5": 94.0})
    assert differing(given, NAMES, finds_all=True) == {"d3", "d5"}
    for altered, accepted, verdict, remedy in (
        ({"d3"}, True, "fail", "The candidate does not hold what was encoded"),
        ({"d3", "d5"}, False, "fail", "accept_mass_change"),
        ({"d3", "d5"}, True, "undecided", "the live index has not"),
    ):
        check = unchanged_documents("v", given, NAMES, finds_all=True, altered_live=altered, accepted=accepted)
        assert (check.verdict, check.value) == (verdict, 2)
        assert remedy in check.words
    some = unchanged_documents("v", given, NAMES, finds_all=True, altered_live={"d3"})
    assert "such as: d5 scores 94, was 95. " in some.words, "what speaks against the candidate is named"


def test_an_unchanged_document_is_missed_only_above_both_last_scores() -> None:
    live = scores(NAMES[:10])
    pushed = {"new": 120.0} | scores(NAMES[:9])
    assert unchanged_documents("v", answers(live, pushed), NAMES, finds_all=True).verdict == "pass", (
        "below the last one"
    )
    lost = scores([name for name in NAMES[:11] if name != "d2"])
    check = unchanged_documents("v", answers(live, lost), NAMES, finds_all=True)
    assert (check.verdict, check.value) == ("fail", 1)
    assert "d2 is not found any more" in check.words
    assert unchanged_documents("v", answers(live, lost), NAMES, finds_all=False).verdict == "pass", (
        "an approximate search may"
    )
    few = scores(NAMES[:4])
    check = unchanged_documents("v", answers(few, scores(NAMES[:3])), NAMES, finds_all=True)
    assert check.verdict == "fail", "where fewer than asked for are found, none may be missing"
    check = unchanged_documents("v", answers(scores(NAMES[:3]), few), NAMES, finds_all=True)
    assert "d3 was not found before" in check.words


def test_the_first_ten_may_move_for_new_changed_and_deleted_documents_only() -> None:
    live = scores(NAMES[:12])
    assert top_ten("v", answers(live, live), NAMES, GateConfig(), finds_all=True).value == 0
    new = {"new": 120.0} | scores(NAMES[:11])
    assert top_ten("v", answers(live, new), NAMES, GateConfig(), finds_all=True).value == 0
    deleted = scores([name for name in NAMES[:13] if name != "d2"])
    unchanged = [name for name in NAMES if name != "d2"]
    assert top_ten("v", answers(live, deleted), unchanged, GateConfig(), finds_all=True).value == 0
    check = top_ten("v", answers(live, deleted), NAMES, GateConfig(), finds_all=True)
    assert (check.verdict, check.value) == ("fail", 0.1), "d2 did not change, and another one has its place"
    assert (
        top_ten("v", answers(live, deleted), NAMES, GateConfig(max_unexplained=0.1), finds_all=True).verdict == "pass"
    )
    assert "overlap by 0.900" in check.words
    tied = dict.fromkeys(NAMES, 1.0)
    other = dict(reversed(tied.items()))
    assert top_ten("v", [Answers(20, tied, other)], NAMES, GateConfig(), finds_all=True).value == 0, (
        "of equal scores any may be first"
    )
    assert top_ten("v", answers({}, {}), NAMES, GateConfig(), finds_all=True).verdict == "skipped"


def test_an_approximate_index_may_pass_over_as_many_on_either_side_as_its_recall_allows() -> None:
    live = scores(NAMES[:12])
    missed_on_both = scores([name for name in NAMES[:14] if name not in ("d2", "d3")])
    check = top_ten("v", answers(live, missed_on_both), NAMES, GateConfig(), finds_all=False)
    assert (check.verdict, check.value, check.limit) == ("pass", 0.2, 0.2)
    half = top_ten("v", answers(live, scores(NAMES[5:17])), NAMES, GateConfig(), finds_all=False)
    assert (half.verdict, half.value) == ("fail", 0.5)
    strict = GateConfig(min_recall=0.99, max_unexplained=0.1)
    assert top_ten("v", answers(live, live), NAMES, strict, finds_all=False).limit == 0.1
    assert top_ten("v", answers(live, live), NAMES, GateConfig(min_recall=0), finds_all=False).limit == 0.2


@given(st.permutations(range(12)), st.permutations(range(12)))
def test_rank_biased_overlap_is_one_for_the_same_order_and_symmetric(one: list[int], other: list[int]) -> None:
    left, right = [str(number) for number in one], [str(number) for number in other]
    assert rank_biased_overlap(left, left) == pytest.approx(1)
    assert 0 <= rank_biased_overlap(left, right) <= 1 + 1e-9
    assert rank_biased_overlap(left, right) == pytest.approx(rank_biased_overlap(right, left))
    assert rank_biased_overlap(left, [f"x{name}" for name in right]) == 0


def vectors(count: int, tokens: int, seed: int = 1) -> list[dict[str, float]]:
    chance = random.Random(seed)
    return [{f"t{number}": chance.uniform(1, 2) for number in range(tokens)} for _ in range(count)]


def test_too_many_empty_vectors_are_refused() -> None:
    check = drift("v", SPARSE.likeness, Vectors(texts=200, empty=20), 0.05)
    assert (check.verdict, check.value, check.limit) == ("fail", 0.1, 0.05)
    assert "20 of 200 sampled texts (10.0%) have no vector" in check.words
    assert drift("v", SPARSE.likeness, Vectors(texts=200, empty=10), 0.05).verdict == "pass"
    assert drift("v", SPARSE.likeness, Vectors(texts=0, empty=0), 0.05).verdict == "skipped"


def test_changed_documents_are_compared_with_what_they_were() -> None:
    before = vectors(CHANGED_DOCUMENTS, 10)
    alike = drift("v", SPARSE.likeness, Vectors(500, 0, before, vectors(CHANGED_DOCUMENTS, 11, seed=2)), 0.05)
    assert alike.verdict == "pass"
    assert "median of tokens 10 -> 11" in alike.words
    assert "t10 0% -> 100%" in alike.words
    shorter = drift("v", SPARSE.likeness, Vectors(500, 0, before, vectors(CHANGED_DOCUMENTS, 7)), 0.05)
    assert (shorter.verdict, shorter.limit) == ("fail", 0.25)
    assert shorter.value == pytest.approx(0.3)
    moved = Vectors(500, 0, before, vectors(CHANGED_DOCUMENTS, 7))
    assert drift("v", SPARSE.likeness, moved, 0.05, accepted=True).verdict == "undecided"
    few = Vectors(500, 0, before[:-1], vectors(CHANGED_DOCUMENTS - 1, 7))
    assert drift("v", SPARSE.likeness, few, 0.05).verdict == "pass", "too few to say"


def test_slower_searches_are_a_warning_unless_the_owner_says_otherwise() -> None:
    usual = [10.0] * 100
    assert latency(usual, [55.0] * 100, 2, "refuse").verdict == "pass", "less than 50 ms more"
    assert latency([100.0] * 100, [190.0] * 100, 2, "refuse").verdict == "pass", "less than twice as long"
    assert latency(usual, [70.0] * 100, 2, "warn").verdict == "undecided"
    slow = latency(usual, [70.0] * 100, 2, "refuse")
    assert (slow.verdict, slow.value, slow.limit) == ("fail", 70, 60)
