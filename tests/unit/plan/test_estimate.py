"""Former builds in, seconds with a range out."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from sparse_index.builds.plan import Estimate, Texts
from sparse_index.plan.estimate import encoding_of, indexing_of, probed, rest_of, together
from sparse_index.plan.former import Former, seconds_foreseeable

ENCODERS = frozenset({"f"})
DUE = Texts(100, 30_000)


def receipt(encoded: int, wall: float | None, seconds: float = 0.0, **other: Any) -> dict[str, Any]:
    """Of a full build with texts of 300 characters that took 20 s after its plan."""
    stage = {"encoded": encoded, "seconds": seconds, "wall_seconds": wall, "parts_ended": 4}
    known = {
        "outcome": "promoted",
        "kind": "full",
        "fingerprint": "f",
        "created_at": "2026-01-01T00:00:00+00:00",
        "ended_at": "2026-01-01T00:03:00+00:00",
        "planned": {"texts_to_encode": encoded, "chars_to_encode": 300 * encoded},
        "encode": stage,
        "index": {"indexed": encoded, "deleted": 0, "wall_seconds": wall},
        "stage_seconds": {"plan": 160.0, "gate": 1.0},
    }
    return known | other


def former(*receipts: dict[str, Any], tasks: int = 2) -> list[Former]:
    return [Former.of(each, tasks) for each in receipts]


def encoding(*receipts: dict[str, Any], due: Texts = DUE, tasks: int = 2) -> Estimate:
    found = encoding_of(former(*receipts, tasks=tasks), ENCODERS, due)
    assert found is not None
    return found


def test_builds_with_much_of_the_work_count_together_and_small_ones_do_not() -> None:
    found = encoding(receipt(9, 90.0), receipt(10, 20.0), receipt(100, 90.0))
    assert (found.seconds, found.low, found.high) == pytest.approx((100.0, 80.0, 200.0))
    assert found.because == "encoding 1.0 texts/s as 2 former builds did"


def test_where_all_were_small_they_count() -> None:
    assert encoding(receipt(2, 4.0), due=Texts(1_000, 300_000)).seconds == pytest.approx(2_000)


# Of one model on two cores: texts, characters, seconds of encode, index and all else.
RUNS = [
    (12_000, 3_786_363, 199.1, 7.0, 5.4),
    (9_000, 2_838_920, 163.0, 4.6, 5.6),
    (4_600, 2_783_673, 137.3, 3.7, 8.8),
    (200, 62_912, 3.7, 0.4, 4.0),
]


@pytest.mark.parametrize("known", [each for number in (1, 2, 3) for each in combinations(RUNS, number)])
def test_runs_of_more_than_two_minutes_are_foreseen_within_a_fifth_from_any_others(known: tuple[Any, ...]) -> None:
    builds = [
        Former(ENCODERS, "full", Texts(texts, chars), encode_s, texts, index_s, rest_s)
        for texts, chars, encode_s, index_s, rest_s in known
    ]
    for texts, chars, *seconds in [each for each in RUNS if each not in known and sum(each[2:]) > 120]:
        stages = [encoding_of(builds, ENCODERS, Texts(texts, chars)), indexing_of(builds, texts)]
        stages.append(rest_of(builds, "full", encodes=True))
        foreseen = together([each for each in stages if each is not None])
        assert foreseen.seconds == pytest.approx(sum(seconds), rel=0.2)
        assert foreseen.low < sum(seconds) < foreseen.high


def test_longer_texts_take_longer_and_each_text_something_by_itself() -> None:
    known = receipt(100, 37.5)
    (short, long) = (encoding(known, due=Texts(100, 100 * chars)) for chars in (100, 700))
    assert (short.seconds, long.seconds) == pytest.approx((17.5, 77.5))
    # As if only the texts, and as if only their characters counted.
    assert (long.low, long.high) == pytest.approx((37.5 * 1100 / 700 * 0.8, 37.5 * 7 / 3 * 1.2))


def test_texts_whose_length_a_former_version_did_not_tell_are_as_long_as_these() -> None:
    planned = {"texts_to_encode": 100}
    assert encoding(receipt(100, 40.0, planned=planned), due=Texts(50, 50_000)).seconds == 20.0


def test_what_a_stopped_build_encoded_was_as_long_as_all_it_was_to_encode() -> None:
    planned = {"texts_to_encode": 400, "chars_to_encode": 120_000}
    assert Former.of(receipt(100, 40.0, planned=planned), 1).texts == DUE


def test_of_a_former_version_tasks_are_taken_to_have_run_at_once() -> None:
    assert former(receipt(10, None, 20.0))[0].encode_s == 10.0
    assert former(receipt(10, None, 20.0), tasks=1)[0].encode_s == 20.0
    assert former({"encode": {"encoded": 10, "seconds": 20.0}})[0].encode_s == 20.0


@pytest.mark.parametrize(
    "known",
    [
        [],
        [{}],
        [{"encode": None, "fingerprint": "f"}],
        [receipt(0, 1.0)],
        [receipt(10, 10.0, fingerprint="other")],
        [receipt(10, 10.0, fingerprints={"a": "f", "b": "other"})],
    ],
    ids=["none", "empty", "failed before", "encoded nothing", "another encoder", "two encoders"],
)
def test_others_say_nothing_of_these_encoders(known: list[dict[str, Any]]) -> None:
    assert encoding_of(former(*known), ENCODERS, DUE) is None


def test_several_encoders_are_known_together() -> None:
    two = receipt(10, 20.0, fingerprints={"a": "f", "b": "g"})
    assert encoding_of(former(two), frozenset({"f", "g"}), DUE) is not None


def test_writing_is_assumed_before_any_build_and_said_to_be() -> None:
    found = indexing_of([], 10)
    assert found.low < found.seconds < found.high
    assert "assumed" in found.because
    assert indexing_of(former(receipt(10, 5.0)), 30).seconds == 15.0


def test_a_probe_is_of_its_own_texts_length() -> None:
    found = probed(Texts(100, 67_500), Texts(10, 3_000), 10.0)
    assert found.seconds == pytest.approx(20.0)
    assert found.low < found.seconds < found.high
    assert found.because == "encoding 5.0 texts/s as a probe with 10 of them did"


def test_all_else_is_that_of_the_middle_build_of_its_kind() -> None:
    known = former(
        *(receipt(10, seconds) for seconds in (1.0, 4.0, 9.0)),
        receipt(10, 0.0, kind="delta"),
        receipt(10, 0.0, outcome="failed"),
        receipt(0, 8.0),
    )
    found = rest_of(known, "full", encodes=True)
    assert (found.seconds, found.low, found.high) == (12.0, 2.0, 18.0)
    assert found.because == "all else takes 12 s as in 3 former builds"
    assert [rest_of(known, *asked, encodes=e).seconds for *asked, e in [("delta", True), ("full", False)]] == [
        20.0,
        4.0,
    ]
    assert rest_of(known, "delta", encodes=False).seconds == 12.0


def test_all_else_is_assumed_before_any_build_and_said_to_be() -> None:
    found = rest_of(former(receipt(10, 1.0, outcome="failed"), {}), "full", encodes=True)
    assert found.low < found.seconds < found.high
    assert "assumed" in found.because


def test_what_came_before_the_plan_and_a_persons_answer_are_not_foreseen() -> None:
    assert seconds_foreseeable(receipt(1, 1.0)) == 20.0
    stages = {"scan": 50.0, "plan_changes": 20.0, "approve": 100.0, "encode": 30.0}
    assert seconds_foreseeable(receipt(1, 1.0, stage_seconds=stages)) == 60.0
    assert seconds_foreseeable({}) is None


def test_a_build_that_lay_still_until_it_was_cleared_says_nothing_of_all_else() -> None:
    night = receipt(1, 1.0, created_at="2026-11-01T02:00:00+00:00", ended_at="2026-11-01T09:00:00+00:00")
    assert seconds_foreseeable(night) is None
    long = night | {"stage_seconds": {"encode": 24_000.0}}
    assert seconds_foreseeable(long) == 25_200.0


def test_the_stages_follow_each_other() -> None:
    stages = [
        Estimate(seconds=1.0, low=0.5, high=2.0, because="encoding"),
        Estimate(seconds=10.0, low=10.0, high=20.0, because="writing"),
    ]
    assert together(stages) == Estimate(seconds=11.0, low=10.5, high=22.0, because="encoding; writing")
