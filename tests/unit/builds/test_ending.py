"""Which end a build had, from the stages that ended and the alias; and whether its run may be shown green."""

from __future__ import annotations

from datetime import date

import pytest

from build_plans import NOW, corpus_config, make_plan
from sparse_index.builds.ending import (
    GATE,
    RETIRE,
    Ending,
    Outcome,
    Stage,
    failures,
    outcome_of,
    stage_seconds,
)
from sparse_index.builds.plan import BuildKind
from sparse_index.builds.request import Mode, RunRequest

CONFIG = corpus_config("things", "store")
ALL_DONE = [Stage(GATE, 1.0), Stage(RETIRE, 1.0)]


def request(mode: Mode = Mode.AUTO) -> RunRequest:
    return RunRequest(run_id="r", data_date=date(2026, 1, 1), mode=mode)


@pytest.mark.parametrize("promoted", [True, False])
def test_a_build_without_work_says_why_it_had_none(promoted: bool) -> None:
    idle = make_plan(CONFIG, kind=BuildKind.NOTHING)
    assert outcome_of(idle, [], promoted=promoted) == "nothing_changed"
    planned = make_plan(CONFIG, request=request(Mode.PLAN_ONLY))
    assert outcome_of(planned, [], promoted=promoted) == "plan_only"


@pytest.mark.parametrize(
    ("promotes", "promoted", "stages", "outcome"),
    [
        (True, True, [], "promoted"),
        (True, False, ALL_DONE, "failed"),
        (False, False, ALL_DONE, "not_promoted"),
        (False, False, [Stage(GATE, 1.0, done=False, failure="no")], "failed"),
        (False, False, [Stage(GATE, 0.0, done=False)], "failed"),
    ],
)
def test_a_build_is_judged_by_the_alias_and_the_gate(
    promotes: bool, promoted: bool, stages: list[Stage], outcome: Outcome
) -> None:
    assert outcome_of(make_plan(CONFIG, promotes=promotes), stages, promoted=promoted) == outcome


@pytest.mark.parametrize(
    ("outcome", "stages", "is_good"),
    [
        ("promoted", ALL_DONE, True),
        ("promoted", [Stage(GATE, 1.0)], False),
        ("promoted", [Stage(RETIRE, 1.0, done=False, failure="no")], False),
        ("not_promoted", [], True),
        ("nothing_changed", [], True),
        ("plan_only", [], True),
        ("failed", ALL_DONE, False),
    ],
)
def test_what_promoted_and_did_not_come_to_its_end_is_not_good(
    outcome: Outcome, stages: list[Stage], is_good: bool
) -> None:
    assert Ending(outcome, None, NOW, stages=stages).is_good is is_good


def test_parts_are_named_when_they_fail_and_added_up_in_the_seconds() -> None:
    stages = [
        Stage("encode", 1.25, part=0),
        Stage("encode", 2.5, done=False, failure="the model is gone", part=1),
        Stage("promote", 0.0, done=False),
    ]
    assert stage_seconds(stages) == {"encode": 3.75, "promote": 0.0}
    assert failures(stages) == {"encode[1]": "the model is gone"}
