"""A cluster that does not answer at a run's end hides nothing of what is known without it."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config, make_plan
from fake_models import FakeModels
from fake_opensearch import fake_cluster, unreachable
from sparse_index.builds.plan import Counts, Part
from sparse_index.live.last_look import LastLook, last_look, live_sentence

PLAN = make_plan(corpus_config("things"), live_index="things--b20250228t060000-00000a")
URL = {"source": "url", "name": "m", "version": "1", "url": "http://h/m.zip", "sha256": "ab" * 32}
AWAY = "the cluster could not be asked for alias, candidate and models ("


def silent(method: str, path: str, body: Any) -> Any:
    raise unreachable()


def first_answer_only(method: str, path: str, body: Any) -> Any:
    if path == "/things/_alias":
        return {PLAN.candidate: {"aliases": {"things": {}}}}
    raise unreachable()


@pytest.mark.parametrize(("promoted", "live"), [(True, PLAN.candidate), (False, PLAN.live_index)])
def test_what_the_run_knows_itself_stands_in_for_a_cluster_that_is_away(promoted: bool, live: str) -> None:
    seen = last_look(lambda: fake_cluster(silent), PLAN, promoted=promoted)
    assert (seen.live, seen.candidate_bytes) == (live, None)
    assert [said.startswith(AWAY) for said in seen.untidy] == [True]


def test_what_was_answered_counts_although_the_rest_was_not() -> None:
    seen = last_look(lambda: fake_cluster(first_answer_only), PLAN, promoted=False)
    assert seen.live == PLAN.candidate
    assert seen.untidy[0].startswith(AWAY)


def test_a_cluster_that_answers_is_believed() -> None:
    answers: dict[str, Any] = {f"/{PLAN.alias}/_alias": {"other": {"aliases": {PLAN.alias: {}}}}}
    cluster = fake_cluster(lambda method, path, body: answers.get(path, {}))
    assert last_look(lambda: cluster, PLAN, promoted=True) == LastLook("other", 0, [])


class Kept(FakeModels):
    """A search pipeline names the model `m1`."""

    def answer(self, method: str, path: str, body: Any) -> Any:
        if path == "/_search/pipeline":
            return {"mine": {"request_processors": [{"neural_query_enricher": {"default_model_id": "m1"}}]}}
        return super().answer(method, path, body)


def test_of_models_that_are_still_there_each_is_told_once_with_what_keeps_it() -> None:
    config = corpus_config("things", encoder={"model": URL})
    part = Part(number=0, path="p", items=1)
    plan = make_plan(config, encode_parts=[part], counts=Counts(texts_to_encode=1))
    models = Kept()
    models.add("m1", plan.group)
    models.add("m2", plan.group)
    kept = "model m1 is kept: search pipeline 'mine' refers to it"
    assert last_look(lambda: models.cluster, plan, promoted=True).untidy == [
        f"model group {plan.group}",
        kept,
        "model m2",
    ]


def test_a_run_without_a_plan_says_that_nobody_knows_what_is_live() -> None:
    assert live_sentence(lambda: fake_cluster(silent), "things").startswith(
        "The cluster could not be asked what 'things' is on ("
    )
