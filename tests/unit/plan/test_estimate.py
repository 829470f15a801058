"""Rates in, seconds with a range out."""

from __future__ import annotations

from typing import Any

import pytest

from sparse_index.plan.estimate import Speed, encoding_of, expected, indexing_of, one_after_another, probed

ENCODERS = {"f"}


def receipt(encoded: int, wall: float | None, seconds: float = 0.0, **other: Any) -> dict[str, Any]:
    stage = {"encoded": encoded, "seconds": seconds, "wall_seconds": wall, "parts_ended": 4}
    written = {"indexed": encoded, "deleted": 0, "wall_seconds": wall}
    return {"fingerprint": "f", "encode": stage, "index": written} | other


def each_of(*receipts: dict[str, Any], texts: int = 100, tasks: int = 2) -> Speed:
    speed = encoding_of(receipts, ENCODERS, texts, tasks)
    assert speed is not None
    return speed


def test_builds_with_much_of_the_work_count_together_and_small_ones_do_not() -> None:
    speed = each_of(receipt(9, 90.0), receipt(10, 20.0), receipt(100, 90.0))
    assert (speed.each, speed.low, speed.high) == (110 / 110, 0.8, 2.0)
    assert speed.because == "encoding 1.0 texts/s as 2 former builds did"


def test_where_all_were_small_they_count() -> None:
    assert each_of(receipt(2, 4.0), texts=1_000).each == 2.0


def test_of_a_former_version_tasks_are_taken_to_have_run_at_once() -> None:
    assert each_of(receipt(10, None, 20.0)).each == 1.0
    assert each_of(receipt(10, None, 20.0), tasks=1).each == 2.0
    assert each_of({"fingerprint": "f", "encode": {"encoded": 10, "seconds": 20.0}}).each == 2.0


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
    assert encoding_of(known, ENCODERS, 100, 2) is None


def test_several_encoders_are_known_together() -> None:
    two = receipt(10, 20.0, fingerprints={"a": "f", "b": "g"})
    assert encoding_of([two], {"f", "g"}, 10, 1) is not None


def test_writing_is_assumed_before_any_build_and_said_to_be() -> None:
    speed = indexing_of([], 10)
    assert speed.low < speed.each < speed.high
    assert "assumed" in speed.because
    assert indexing_of([receipt(10, 5.0)], 10).each == 0.5


def test_the_stages_follow_each_other() -> None:
    encoding, indexing = Speed(1.0, 0.5, 2.0, "encoding"), Speed(0.1, 0.1, 0.2, "writing")
    found = expected(10, encoding, 100, indexing)
    assert (found.seconds, found.low, found.high, found.because) == (20.0, 15.0, 40.0, "encoding; writing")
    assert expected(0, encoding, 10, indexing).because == "writing"
    nothing = expected(0, None, 0, indexing)
    assert (nothing.seconds, nothing.because) == (0.0, "")


def test_encoders_that_were_probed_take_their_own_time_each() -> None:
    speed = one_after_another([(30, probed(10, 10.0)), (10, probed(10, 2.0))])
    assert speed.each * 40 == pytest.approx(30 / 10 + 10 / 2)
    assert speed.low < speed.each < speed.high
    assert speed.because.count("as a probe with 10 of them did") == 2
