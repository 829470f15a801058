"""What a golden set says of a candidate: the verdicts, and the words that go with them."""

from __future__ import annotations

from dataclasses import replace

from sparse_index.builds.check import Verdict
from sparse_index.config.gate import GateConfig
from sparse_index.gate.golden import GoldenAnswers, canaries_check, golden_check
from sparse_index.relevance.golden import GoldenQuery, GoldenSet

GATE = GateConfig(golden="/golden")
QUERIES = [GoldenQuery(id=f"q{n}", text=f"text {n}") for n in range(12)]
GOLDEN = GoldenSet(QUERIES, {query.id: {f"d{n}": 1} for n, query in enumerate(QUERIES)})
FOUND = {query.id: [f"d{n}"] for n, query in enumerate(QUERIES)}
LOST: dict[str, list[str]] = {query.id: ["other"] for query in QUERIES}
CANARIES = GoldenSet([GoldenQuery(id="c1", text="screen", must=("d3", "d4"), within=2)], {})


def test_the_live_index_is_what_a_candidate_is_compared_with() -> None:
    same = golden_check(GoldenAnswers(GOLDEN, FOUND, FOUND), GATE)
    assert (same.verdict, same.value, same.limit) == (Verdict.PASS, 0, 0.02)
    worse = golden_check(GoldenAnswers(GOLDEN, LOST, FOUND), GATE)
    assert (worse.verdict, worse.value) == (Verdict.FAIL, 1)
    assert "Lost most: q0 'text 0' (-1.000)" in worse.words


def test_losses_that_the_corpus_explains_are_set_apart() -> None:
    nothing: dict[str, list[str]] = {query.id: [] for query in QUERIES}
    some = golden_check(GoldenAnswers(GOLDEN, FOUND | {"q0": []}, FOUND, altered={"d0"}), GATE)
    assert (some.verdict, some.value) == (Verdict.PASS, 0)
    assert "1 further queries" in some.words
    every = golden_check(GoldenAnswers(GOLDEN, nothing, FOUND, altered={f"d{n}" for n in range(12)}), GATE)
    assert (every.verdict, every.value) == (Verdict.UNDECIDED, None)
    assert every.words.startswith(
        "nDCG@10, no judged query left to count: undecided; fewer than 10 judged queries decide nothing. 12 further queries"
    )


def test_below_the_floor_nothing_goes_live_whatever_was_live() -> None:
    floor = GATE.model_copy(update={"min_ndcg": 0.5})
    check = golden_check(GoldenAnswers(GOLDEN, LOST, LOST), floor)
    assert (check.verdict, check.value, check.limit) == (Verdict.FAIL, 0, 0.5)
    assert "below gate.min_ndcg" in check.words
    assert golden_check(GoldenAnswers(GOLDEN, FOUND, FOUND), floor).verdict is Verdict.PASS


def test_a_first_build_is_measured_against_bm25_and_a_worse_one_is_in_doubt() -> None:
    assert golden_check(GoldenAnswers(GOLDEN, FOUND, None, LOST), GATE).verdict is Verdict.PASS
    worse = golden_check(GoldenAnswers(GOLDEN, LOST, None, FOUND), GATE)
    assert worse.verdict is Verdict.UNDECIDED
    assert "BM25 of the same index 1.000, which is better: undecided" in worse.words


def test_a_first_build_in_which_no_text_is_indexed_has_no_yardstick() -> None:
    check = golden_check(GoldenAnswers(GOLDEN, FOUND, None), GATE)
    assert (check.verdict, check.value) == (Verdict.UNDECIDED, None)
    assert "no text is indexed in which BM25 could be asked the same: undecided" in check.words


def test_judgements_of_other_documents_are_counted_and_above_a_fifth_refused() -> None:
    asked = GoldenAnswers(GOLDEN, FOUND, FOUND, unknown=["d10", "d11"])
    assert golden_check(asked, GATE).words.endswith("2 of 12 judged documents are not in the index.")
    refused = golden_check(replace(asked, unknown=["d9", "d10", "d11"]), GATE)
    assert (refused.verdict, refused.value, refused.limit) == (Verdict.FAIL, 0.25, 0.2)
    assert "3 of 12 judged documents are not in the index, such as d9, d10, d11" in refused.words


def test_canaries_find_all_they_must_within_their_rank() -> None:
    assert canaries_check(GoldenAnswers(CANARIES, {"c1": ["d4", "d3"]}, None)).verdict is Verdict.PASS
    lost = canaries_check(GoldenAnswers(CANARIES, {"c1": ["d4", "x", "d3"]}, None))
    assert lost.verdict is Verdict.FAIL
    assert lost.words == "1 of 1 canaries miss a document: c1 'screen' did not find d3 among its first 2."
    gone = canaries_check(GoldenAnswers(CANARIES, {"c1": ["d4", "x"]}, None, gone=["d3"]))
    assert "did not find d3 (not in the index: correct its `must`) among its first 2" in gone.words


def test_what_there_is_nothing_to_say_about_is_skipped_with_its_reason() -> None:
    assert canaries_check(GoldenAnswers(GOLDEN, FOUND, FOUND)).verdict is Verdict.SKIPPED
    assert golden_check(GoldenAnswers(CANARIES, {"c1": []}, None), GATE).verdict is Verdict.SKIPPED
