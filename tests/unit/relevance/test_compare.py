"""The verdict over judged queries: by its rules, by hand, and by how often chance misleads it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from scipy import stats

from sparse_index.relevance.compare import Comparison, compare, in_words, is_explained, student
from sparse_index.relevance.measures import JUDGED, MEASURES, Measured

MAX_DROP = 0.02
Shares = Callable[[str, float, int, int], Mapping[str, float]]


def measured(values: Sequence[float], judged: float = 0.8) -> Measured:
    ids = [f"q{number:03d}" for number in range(len(values))]
    of_query = dict(zip(ids, values, strict=True))
    return Measured({name: dict.fromkeys(ids, judged) if name == JUDGED else of_query for name in MEASURES})


def compared(differences: Sequence[float], live: float = 0.5, **given: object) -> Comparison:
    """Each query scores `live` on the live index."""
    before, after = measured([live] * len(differences)), measured([live + d for d in differences])
    return compare(before, after, max_drop=MAX_DROP, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [10, 49, 50, 200])
def test_the_interval_is_students_by_scipy_each_bound_at_95_or_below_fifty_queries_97_5(count: int) -> None:
    draw = random.Random(count)
    values = [draw.gauss(-0.01, 0.1) for _ in range(count)]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.90 if count >= 50 else 0.95)
    assert (student(values).low, student(values).high) == pytest.approx(tuple(expected))


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.01, -0.01] * 25, "pass"),  # no worse is shown
        ([0.2, -0.19] * 25, "undecided"),  # equal, by too little evidence
        ([-0.1, 0.0] * 25, "fail"),  # worse is shown
        ([-0.012, -0.010] * 25, "pass"),  # worse for certain, but within what the owner lets go
        ([-0.023, -0.016] * 25, "undecided"),  # for certain, and just on the border
        ([-0.05] * 12, "fail"),  # all alike: no spread at all
        ([-0.5] * 9, "undecided"),  # fewer than ten are never enough
        ([0.3] * 9, "undecided"),
        ([0.0] * 9, "pass"),  # but that nothing changed needs no statistics
        ([0.0] * 50, "pass"),
        ([0.0] * 24 + [-0.9], "undecided"),  # one lost query of 25
    ],
)
def test_verdicts(differences: list[float], verdict: str) -> None:
    assert compared(differences).verdict == verdict


def test_in_words_with_what_lost_most_and_what_does_not_show() -> None:
    comparison = compared([-0.4, 0.3, -0.2] + [0.1, -0.1] * 24)
    texts = {f"q{number:03d}": f"text {number}" for number in range(51)}
    spread = stats.tstd([-0.4, 0.3, -0.2] + [0.1, -0.1] * 24) / 51**0.5
    said = in_words(comparison, texts)
    assert said.startswith(
        "nDCG@10 0.500 -> 0.494 (-0.006, 90 % interval -0.035 to +0.023) over 51 queries: undecided; "
    )
    assert f"a drop under {2.487 * spread:.3f} does not show (2.49 sd / sqrt n)." in said
    assert "Lost most: q000 'text 0' (-0.400), q002 'text 2' (-0.200), q004 'text 4' (-0.100)." in said
    assert "Judged@10 0.80 -> 0.80" in said
    assert "judge what is found" not in said


def test_below_fifty_queries_the_words_say_the_stricter_interval() -> None:
    said = in_words(compared([0.2, -0.21] * 10), {f"q{number:03d}": "text" for number in range(20)})
    assert "95 % interval" in said
    assert "(2.80 sd / sqrt n)" in said


def test_below_ten_queries_the_words_say_that_they_decide_nothing() -> None:
    said = in_words(compared([-0.5] * 9), {f"q{number:03d}": "text" for number in range(9)})
    assert "over 9 queries: undecided; fewer than 10 judged queries decide nothing." in said
    assert "interval" not in said


def test_explained_queries_are_counted_apart() -> None:
    ids = {f"q{number:03d}" for number in range(12)}
    comparison = compared([-0.9, -0.5] + [0.0] * 10, explained={"q000", "q001"})
    assert comparison.verdict == "pass"
    assert comparison.explained.keys() == {"q000", "q001"}
    said = in_words(comparison, dict.fromkeys(ids, "text"))
    assert "over 10 queries: pass, the figure of none has changed." in said
    assert "2 further queries differ only by documents that came, changed or went (mean -0.700)" in said
    assert "Lost most" not in said


def test_nothing_is_left_to_count_when_all_is_explained() -> None:
    every = {f"q{number:03d}" for number in range(12)}
    said = in_words(compared([-0.4, 0.1] + [0.0] * 10, explained=every), {})
    assert said.startswith(
        "nDCG@10, no judged query left to count: undecided; fewer than 10 judged queries decide nothing"
    )
    unchanged = compared([0.0] * 12, explained=every)
    assert unchanged.verdict == "pass"
    assert "left to count: pass, the figure of none has changed" in in_words(unchanged, {})


def test_answers_that_nobody_judged_ask_for_judgements() -> None:
    comparison = compare(measured([0.5] * 10), measured([0.5] * 10, judged=0.4), max_drop=MAX_DROP)
    assert "Judged@10 0.80 -> 0.40. Fewer than half of the first ten are judged" in in_words(comparison, {})


def test_two_sets_of_queries_are_not_compared() -> None:
    with pytest.raises(ValueError, match="not asked the same queries"):
        compare(measured([0.5]), measured([0.5, 0.5]), max_drop=MAX_DROP)


LIVE = [f"d{number}" for number in range(10)]


@pytest.mark.parametrize(
    ("candidate", "altered", "explained"),
    [
        (LIVE, {"d1"}, False),  # nothing differs
        (["new", *LIVE[:9]], {"new"}, True),  # a new document pushed one down
        ([*LIVE[1:], "d10"], {"d0"}, True),  # one was deleted, the next moved up
        ([*LIVE[1:5], "d0", *LIVE[5:]], {"d0"}, True),  # one changed its text and its rank
        (["new", *LIVE[1:]], {"new"}, False),  # d0 is gone, and nothing of the corpus explains it
        ([LIVE[1], LIVE[0], *LIVE[2:]], {"new"}, False),  # the order of unaltered documents changed
        ([*LIVE[:9], "d10"], set(), False),
        (["n1", "n2", *LIVE[:8]], {"n1"}, False),  # half of an explanation
    ],
)
def test_what_the_corpus_own_changes_explain(candidate: list[str], altered: set[str], explained: bool) -> None:
    assert is_explained(LIVE, candidate, altered) is explained
    assert is_explained(candidate, LIVE, altered) is explained, "gains are judged as losses are"


def test_a_list_that_was_not_full_explains_no_further_document() -> None:
    assert not is_explained(["gone", "a"], ["a", "b"], {"gone"})
    assert is_explained(["gone", "a"], ["a"], {"gone"})
    assert is_explained(LIVE[:8], ["n1", "n2", "n3", *LIVE[:7]], {"n1", "n2", "n3"})


@pytest.fixture
def shares(monkeypatch: pytest.MonkeyPatch) -> Shares:
    """Verdict -> its share of so many golden sets, as `bench/verdicts.py` draws them."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "bench"))
    import verdicts

    def drawn(shape: str, mean: float, count: int, draws: int) -> Mapping[str, float]:
        return verdicts.shares(getattr(verdicts, shape), mean, count, draws, MAX_DROP)

    return drawn


@pytest.mark.parametrize("count", [10, 25, 50, 200])
@pytest.mark.parametrize("shape", ["another_encoder", "the_same_encoder"])
def test_chance_passes_a_drop_on_the_border_and_fails_an_equal_candidate_in_one_case_of_twenty(
    shares: Shares, shape: str, count: int
) -> None:
    """The border is the worst case for a false pass; 7 % leaves room for the chance of 500 draws."""
    assert shares(shape, -MAX_DROP, count, 500)["pass"] <= 0.07
    assert shares(shape, 0.0, count, 500)["fail"] <= 0.07


def test_enough_queries_decide(shares: Shares) -> None:
    assert shares("another_encoder", -0.08, 200, 200)["fail"] > 0.95
    assert shares("the_same_encoder", 0.0, 200, 200)["pass"] > 0.95
