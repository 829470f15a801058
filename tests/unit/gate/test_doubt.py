"""What becomes of a doubt: refused, asked about, passed or accepted, as the corpus file, its default or a person says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from build_plans import corpus_config, make_plan
from sparse_index.builds.check import Check, Verdict
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import GATE, GateReport, gate_report_path
from sparse_index.builds.request import RunRequest
from sparse_index.gate.doubt import Way, question, refusal, way_of
from sparse_index.live.meta import Meta, meta_of
from sparse_index.store.files import Store

DOUBT = Check("golden", Verdict.UNDECIDED, 0.03, 0.02, "nDCG@10 0.5 -> 0.47: undecided.")
SURE = Check("golden", Verdict.PASS, 0.0, 0.02, "as good")
SLOW = Check("latency", Verdict.UNDECIDED, 3.0, 2.0, "slower, which is a warning")


def plan_with(store: str = "memory://store", request: dict[str, Any] | None = None, **gate: Any) -> Plan:
    plan = make_plan(corpus_config("things", store, gate=gate))
    asked = RunRequest(run_id="test", data_date=plan.request.data_date, **request or {})
    return plan.model_copy(update={"request": asked, "live_index": "things--bold"})


def live_with(fingerprint: str) -> Meta:
    return meta_of(make_plan(corpus_config("things"), fingerprint=fingerprint))


@pytest.mark.parametrize(
    ("gate", "live", "way"),
    [
        ({}, None, "pass"),  # nothing is live that could be lost
        ({}, live_with("0123456789abcdef"), "pass"),
        ({}, live_with("another"), "refuse"),
        ({"undecided": "pass"}, live_with("another"), "pass"),
        ({"undecided": "ask"}, live_with("0123456789abcdef"), "ask"),
        ({"undecided": "refuse"}, None, "refuse"),
    ],
)
def test_another_encoder_has_to_show_that_it_is_no_worse(gate: dict[str, Any], live: Meta | None, way: Way) -> None:
    assert way_of(plan_with(**gate), live) == way


def test_a_doubt_is_refused_unless_it_is_let_go() -> None:
    assert "--accept-undecided REASON" in str(refusal([SURE, DOUBT], plan_with(), "refuse", can_ask=True))
    assert refusal([DOUBT], plan_with(), "pass", can_ask=False) is None
    assert refusal([DOUBT], plan_with(), "ask", can_ask=True) is None
    assert "which only Airflow can" in str(refusal([DOUBT], plan_with(), "ask", can_ask=False))
    accepted = plan_with(request={"accept_undecided": "measured elsewhere"})
    assert refusal([DOUBT], accepted, "refuse", can_ask=False) is None


def test_only_the_judgements_are_in_doubt() -> None:
    assert refusal([SURE, SLOW], plan_with(), "refuse", can_ask=False) is None


@pytest.mark.parametrize(
    ("gate", "checks", "asked"),
    [
        ({"undecided": "ask"}, (DOUBT,), True),
        ({"undecided": "ask"}, (SURE, SLOW), False),
        ({"undecided": "ask", "approval": {"when": "always"}}, (SURE,), True),
        ({"undecided": "pass"}, (DOUBT,), False),
        ({}, (DOUBT,), False),
    ],
)
def test_who_is_asked(tmp_path: Path, gate: dict[str, Any], checks: tuple[Check, ...], asked: bool) -> None:
    plan, store = plan_with(str(tmp_path), **gate), Store(str(tmp_path))
    numbers: dict[str, Any] = {
        "documents": 1,
        "live_documents": 1,
        "sampled": 1,
        "tokens_min": 1,
        "tokens_median": 1,
        "tokens_max": 1,
    }
    GATE.save(store, gate_report_path(plan), GateReport(**numbers, checks=list(checks)))
    assert (question(store, plan) is not None) is asked
    assert question(store, plan.model_copy(update={"promotes": False})) is None


def test_the_question_says_what_each_answer_does_and_shows_the_table(tmp_path: Path) -> None:
    plan, store = (
        plan_with(str(tmp_path), undecided="ask", approval={"hours": 1.5, "users": ["vera"]}),
        Store(str(tmp_path)),
    )
    numbers: dict[str, Any] = {
        "documents": 1,
        "live_documents": 1,
        "sampled": 1,
        "tokens_min": 1,
        "tokens_median": 1,
        "tokens_max": 1,
    }
    GATE.save(store, gate_report_path(plan), GateReport(**numbers, checks=[DOUBT]))
    asked = question(store, plan)
    assert asked is not None
    assert (asked.hours, asked.users) == (1.5, ("vera",))
    assert asked.subject == f"May 'things' go to {plan.candidate}?"
    assert "no answer within 1.5 hours, leaves it on things--bold" in asked.body
    assert "nDCG@10 0.5 -> 0.47: undecided." in asked.body


def test_without_a_report_nobody_is_asked(tmp_path: Path) -> None:
    assert question(Store(str(tmp_path)), plan_with(str(tmp_path), undecided="ask")) is None
