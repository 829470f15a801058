"""A cluster that does not answer at a run's end hides nothing of what is known without it."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config, make_plan
from fake_opensearch import fake_cluster, unreachable
from sparse_index.live.last_look import LastLook, last_look, live_sentence

PLAN = make_plan(corpus_config("things"), live_index="things--b20250228t060000-00000a")
AWAY = "the cluster could not be asked for alias, candidate and models ("


def silent(method: str, path: str, body: Any) -> Any:
    raise unreachable()


def first_answer_only(method: str, path: str, body: Any) -> Any:
    if path == "/things/_alias":
        return {PLAN.candidate: {"aliases": {"things": {}}}}
    raise unreachable()


@pytest.mark.parametrize(("promoted", "live"), [(True, PLAN.candidate), (False, PLAN.live_index)])
def test_what_the_run_knows_itself_stands_in_for_a_cluster_that_is_away(promoted: bool, live: str) -> None:
    seen = last_look(fake_cluster(silent), PLAN, promoted=promoted)
    assert (seen.live, seen.candidate_bytes) == (live, None)
    assert [said.startswith(AWAY) for said in seen.untidy] == [True]


def test_what_was_answered_counts_although_the_rest_was_not() -> None:
    seen = last_look(fake_cluster(first_answer_only), PLAN, promoted=False)
    assert seen.live == PLAN.candidate
    assert seen.untidy[0].startswith(AWAY)


def test_a_cluster_that_answers_is_believed() -> None:
    answers: dict[str, Any] = {f"/{PLAN.alias}/_alias": {"other": {"aliases": {PLAN.alias: {}}}}}
    cluster = fake_cluster(lambda method, path, body: answers.get(path, {}))
    assert last_look(cluster, PLAN, promoted=True) == LastLook("other", 0, [])


def test_a_run_without_a_plan_says_that_nobody_knows_what_is_live() -> None:
    assert live_sentence(fake_cluster(silent), "things").startswith(
        "The cluster could not be asked what 'things' is on ("
    )
