"""Going back to an index whose search pipeline needs a model that is silent: one that comes back is waited for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from build_plans import NOW, corpus_config, make_plan
from fake_generations import FakeGenerations
from fake_opensearch import fake_cluster, http_error
from sparse_index.cluster.client import Cluster
from sparse_index.errors import BuildError, UnavailableError
from sparse_index.live.meta import meta_of
from sparse_index.names import pipeline_name
from sparse_index.operations.rollback import Target, roll_back
from sparse_index.store.files import Store

CONFIG = corpus_config("things")
LIVE = "things--b20260102t030405-000abc"
PLAN = make_plan(CONFIG)
FORMER = PLAN.candidate
META = meta_of(PLAN).model_copy(update={"state": "complete", "documents": 1, "promoted_at": NOW})
TARGET = Target(alias="things", index=FORMER, former=LIVE, chosen_at=NOW, run_id="r1")
OURS = pipeline_name("things", {})
PIPELINE = {"request_processors": [{"neural_query_enricher": {"default_model_id": "m1"}}]}


def cluster(*, pipeline: Any, model_state: str | None) -> Cluster:
    """The former index names the pipeline `p`, and the model `m1`, which it names, is in no memory."""
    index = {
        "settings": {"index.search.default_pipeline": "p"},
        "mappings": {"_meta": {"sparse_index": META.model_dump(mode="json")}},
    }
    answers: dict[str, Any] = {
        "/things/_alias": {LIVE: {"aliases": {"things": {}}}},
        f"/{LIVE}": {LIVE: {}},
        f"/{FORMER}": {FORMER: index},
        f"/{FORMER}/_mapping": {FORMER: index},
        "/_search/pipeline/p": {"p": pipeline} if pipeline else None,
        "/_plugins/_ml/models/m1": {"algorithm": "SPARSE_ENCODING", "model_state": model_state}
        if model_state
        else None,
    }

    def answer(method: str, path: str, body: Any) -> Any:
        if "_predict" in path:
            raise http_error(400, "illegal_argument_exception", "Model not ready yet. Please deploy it first.")
        if answers[path] is None:
            raise http_error(404, "resource_not_found_exception")
        return answers[path]

    return fake_cluster(answer)


def went_back(cluster: Cluster, folder: Path) -> None:
    roll_back(cluster, Store(str(folder)), CONFIG, TARGET, now=NOW)


@pytest.mark.parametrize("state", ["DEPLOYED", "PARTIALLY_DEPLOYED", "DEPLOYING"])
def test_a_model_that_is_deployed_again_after_a_restart_is_waited_for(tmp_path: Path, state: str) -> None:
    with pytest.raises(UnavailableError, match=r"in its search pipeline 'p' does not answer for now: model m1 is said"):
        went_back(cluster(pipeline=PIPELINE, model_state=state), tmp_path)


@pytest.mark.parametrize("state", [None, "UNDEPLOYED", "DEPLOY_FAILED"])
def test_a_model_that_nobody_deploys_is_for_a_person(tmp_path: Path, state: str | None) -> None:
    with pytest.raises(BuildError, match=r"whose model m1 does not answer: searches would fail. Deploy it"):
        went_back(cluster(pipeline=PIPELINE, model_state=state), tmp_path)


def test_a_pipeline_that_is_gone_is_for_a_person(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="the search pipeline 'p', which does not exist"):
        went_back(cluster(pipeline=None, model_state=None), tmp_path)


def gone_back(*, live: str, pipelines: dict[str, Any], folder: Path) -> tuple[str | None, list[str]]:
    """Where the live index names the pipeline `live` and the former one none: what that names afterwards, and the notes."""
    things = FakeGenerations(CONFIG, "20260101T030405-000abc", "20260102T030405-000abc")
    former, bad = things.names
    things.settings[bad]["index.search.default_pipeline"] = live
    things.pipelines, things.answering = pipelines, {"m2"}
    target = Target(alias="things", index=former, former=bad, chosen_at=NOW, run_id="r1")
    notes = roll_back(things.cluster, Store(str(folder)), CONFIG, target, now=NOW).notes
    assert things.live == former
    return things.settings[former].get("index.search.default_pipeline"), notes


@pytest.mark.parametrize("name", [OURS, "theirs"])
def test_a_pipeline_of_the_live_index_that_somebody_deleted_is_not_put_onto_a_sound_one(
    tmp_path: Path, name: str
) -> None:
    named, notes = gone_back(live=name, pipelines={}, folder=tmp_path)
    assert named is None
    assert f"it names no search pipeline: '{name}', that of the former live index, is gone" in notes[-1]


def test_nor_is_one_of_ours_whose_model_is_silent(tmp_path: Path) -> None:
    named, notes = gone_back(live=OURS, pipelines={OURS: PIPELINE}, folder=tmp_path)
    assert (named, "is gone or its model does not answer" in notes[-1]) == (None, True)


@pytest.mark.parametrize("name", [OURS, "theirs"])
def test_a_sound_pipeline_of_the_live_index_goes_along(tmp_path: Path, name: str) -> None:
    answers = {"request_processors": [{"neural_query_enricher": {"default_model_id": "m2"}}]}
    named, notes = gone_back(live=name, pipelines={name: answers}, folder=tmp_path)
    assert (named, any("search pipeline" in note for note in notes)) == (name, False)


def test_somebody_elses_whose_model_is_silent_would_go_along_and_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="the search pipeline 'theirs', whose model m1 does not answer"):
        gone_back(live="theirs", pipelines={"theirs": PIPELINE}, folder=tmp_path)
