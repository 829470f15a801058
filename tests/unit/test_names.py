"""Build ids sort by time, and a candidate's and a group's name say whose they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sparse_index.names import (
    REDRIVES,
    Owner,
    candidate_name,
    group_name,
    is_by_hand,
    new_build_id,
    parse_candidate,
    parse_group,
    pipeline_name,
    pipeline_owner,
    rerank_pipeline_name,
    run_by_hand,
)

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))
TOKENS = st.text("0123456789abcdef", min_size=32, max_size=32)


@given(MOMENTS, st.timedeltas(timedelta(milliseconds=1), timedelta(days=400)), TOKENS, TOKENS)
def test_of_two_builds_the_later_one_has_the_greater_id(
    moment: datetime, later: timedelta, token: str, other: str
) -> None:
    assert new_build_id(moment, token) < new_build_id(moment + later, other)


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=400)), TOKENS, TOKENS)
def test_a_build_sorts_behind_the_one_that_it_comes_after(
    moment: datetime, ahead: timedelta, token: str, other: str
) -> None:
    before = new_build_id(moment + ahead, token)
    assert before < new_build_id(moment, other, before)
    assert new_build_id(moment + ahead, token, new_build_id(moment, other)) >= before


@given(MOMENTS, TOKENS)
def test_names_lead_back_to_the_alias_and_the_build(moment: datetime, token: str) -> None:
    owner = Owner("tickets", new_build_id(moment, token))
    assert parse_candidate(candidate_name(owner.alias, owner.build_id)) == owner
    assert parse_group(group_name(owner.alias, owner.build_id)) == owner


@given(MOMENTS, TOKENS)
def test_a_name_with_a_line_break_behind_it_is_nobodys(moment: datetime, token: str) -> None:
    build_id = new_build_id(moment, token)
    assert parse_candidate(f"{candidate_name('tickets', build_id)}\n") is None
    assert parse_group(f"{group_name('tickets', build_id)}\n") is None
    assert pipeline_owner(f"{pipeline_name('tickets', {})}\n") is None


@given(MOMENTS)
def test_a_run_of_the_command_line_says_so_in_its_id(moment: datetime) -> None:
    assert is_by_hand(run_by_hand(moment))
    assert is_by_hand(f"{REDRIVES}{run_by_hand(moment)}")
    for run_id in ("manual__cli__1", f"{REDRIVES}manual__1", "scheduled__2026-11-01", ""):
        assert not is_by_hand(run_id)


def test_a_pipeline_is_named_after_what_it_does() -> None:
    name = pipeline_name("tickets", {"a": 1, "b": [2]})
    assert name == pipeline_name("tickets", {"b": [2], "a": 1})
    assert name != pipeline_name("tickets", {"a": 1, "b": [3]})
    assert pipeline_owner(name) == "tickets"


def test_a_pipeline_of_somebody_else_is_nobodys_of_ours() -> None:
    for name in (
        "tickets",
        "tickets--q12",
        rerank_pipeline_name("tickets"),
        candidate_name("tickets", "20260101T000000-abcdef"),
    ):
        assert pipeline_owner(name) is None
