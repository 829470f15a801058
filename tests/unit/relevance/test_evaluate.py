"""What is asked of an index, and what is said about its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparse_index.config.search import SearchMode
from sparse_index.query.answer import Answer, Hit, Times, Via
from sparse_index.relevance.evaluate import Ask, evaluate, in_words, per_query
from sparse_index.relevance.golden import GoldenQuery, GoldenSet

JUDGED = GoldenQuery(id="q1", text="money back")
CANARY = GoldenQuery(id="c1", text="screen", must=("d3", "d4"), within=3)
GOLDEN = GoldenSet((JUDGED, CANARY), {"q1": {"d2": 1}})


def answering(
    answers: Mapping[str, Sequence[str]], asked: list[GoldenQuery] | None = None, notes: tuple[str, ...] = ()
) -> Ask:
    """Engine scores rise from hit to hit: whoever believes them has the order upside down."""
    asked = [] if asked is None else asked

    def ask(mode: SearchMode, query: GoldenQuery, size: int) -> Answer:
        asked.append(query)
        hits = [Hit(id_, float(place), {}, "") for place, id_ in enumerate(answers[query.text][:size])]
        return Answer(query.text, mode, "things--b1", hits, Via.SERVER, Times(), notes=notes)

    return ask


def test_a_mode_is_measured_by_the_order_of_its_hits() -> None:
    ask = answering({"money back": ["d1", "d2"], "screen": ["d3", "d1", "d4"]})
    evaluation = evaluate(ask, GOLDEN, SearchMode.SPARSE)
    assert evaluation.measured is not None
    assert evaluation.measured.mean("RR@10") == 0.5
    assert (evaluation.canaries, evaluation.missing) == (1, {})
    rows = per_query([evaluation]).to_pylist()
    assert {"mode": "sparse", "query": "q1", "measure": "RR@10", "value": 0.5} in rows
    assert {row["query"] for row in rows} == {"q1"}


def test_a_canary_beyond_its_rank_is_missing_and_named() -> None:
    ask = answering({"money back": ["d2"], "screen": ["d3", "d1", "d2", "d4"]})
    lines = list(in_words([evaluate(ask, GOLDEN, SearchMode.BM25)], GOLDEN))
    assert lines[0] == "2 queries, 1 of them judged"
    assert lines[2].split() == ["bm25", "1.000", "1.000", "1.000", "1.000", "0", "of", "1"]
    assert lines[3:] == ["bm25: canary 'c1' did not find d4"]


def test_a_canary_may_look_deeper_than_the_measures() -> None:
    deep = GoldenSet((CANARY.model_copy(update={"within": 60, "must": ("d55",)}),), {})
    evaluation = evaluate(answering({"screen": [f"d{rank}" for rank in range(1, 61)]}), deep, SearchMode.BM25)
    assert evaluation.missing == {}


def test_without_judgements_there_are_no_figures() -> None:
    golden = GoldenSet((CANARY,), {})
    evaluation = evaluate(answering({"screen": []}), golden, SearchMode.BM25)
    assert evaluation.measured is None
    assert list(in_words([evaluation], golden))[2].split() == ["bm25", "-", "-", "-", "-", "0", "of", "1"]
    assert per_query([evaluation]).num_rows == 0


def test_without_canaries_none_is_counted() -> None:
    golden = GoldenSet((JUDGED,), {"q1": {"d2": 1}})
    assert list(in_words([evaluate(answering({"money back": ["d2"]}), golden, SearchMode.BM25)], golden))[2].endswith(
        " -"
    )


def test_a_query_is_asked_with_its_filters() -> None:
    asked: list[GoldenQuery] = []
    golden = GoldenSet((JUDGED.model_copy(update={"filters": ("lang=en",)}),), {"q1": {"d2": 1}})
    evaluate(answering({"money back": ["d2"]}, asked), golden, SearchMode.BM25)
    assert [query.filters for query in asked] == [("lang=en",)]


def test_what_else_there_is_to_say_of_an_answer_is_said_once_a_mode() -> None:
    ask = answering(
        {"money back": ["d2"], "screen": ["d3", "d4"]}, notes=("Only the first 4 of 9 hits were re-ranked.",)
    )
    *_, last = in_words([evaluate(ask, GOLDEN, SearchMode.RERANK)], GOLDEN)
    assert last == "rerank: of 2 answers there is more to say, of 'q1': Only the first 4 of 9 hits were re-ranked."
