"""The whole daily DAG on a real OpenSearch: a good day, idle days, and a failure in every stage.

After every one: no model and no group of ours, the alias where it was, at most one candidate beside it (promise P6).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_verbs import deployed, file_encoder, registered
from real_day import DEMO, ROWS, Day, RealDay
from sparse_index.builds.check import Verdict
from sparse_index.live.switch import switch_alias
from sparse_index.ml.groups import create_group
from sparse_index.ml.sources import FROM_FILE
from sparse_index.ml.verbs import get_model, remove_group
from sparse_index.names import group_name
from sparse_index.store.files import Store
from sparse_index.store.layout import build_folder
from waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("metadata_database")]

ENCODER = ("create_model_group", "register_model", "wait_registered", "deploy_model", "wait_deployed", "encode")
TEARDOWNS = ("undeploy_model", "delete_model", "delete_model_group")
NOTHING: dict[str, list[str]] = {"models": [], "groups": [], "candidates": []}


def documents(day: RealDay) -> int:
    return int(day.cluster.get(f"/{day.alias}/_count")["count"])


def test_a_good_day_then_an_idle_one_then_a_limited_trial(day: RealDay) -> None:
    first = day.run()
    assert first.state == "success", first.said
    assert set(first.tasks.values()) == {"success"}
    assert documents(day) == ROWS
    assert day.left_behind() == NOTHING
    assert "this build was promoted. Nothing is untidy." in first.xcoms["receipt"]["summary"]
    for stage in ("encode", "index"):
        assert first.progress[stage]["done"] == first.progress[stage]["total"] > 0
    assert_small(first)
    receipt = json.loads(Path(first.xcoms["receipt"]["receipt"]).read_text())
    proven, gated = ([check["name"] for check in receipt[stage]["checks"]] for stage in ("encoder", "gate"))
    assert gated[: len(proven) + 2] == [*proven, "counts", "stored vectors"] == ["encoder", "token limit", *gated[2:4]]

    assert_told(first, day)

    live = day.live()
    idle = day.run()
    assert idle.state == "success", idle.said
    assert {idle.tasks[task_id] for task_id in (*ENCODER, *TEARDOWNS, "index", "promote")} == {"skipped"}
    assert idle.xcoms["receipt"]["outcome"] == "nothing_changed"
    assert day.live() == live

    trial = day.run(row_limit=30)
    assert trial.state == "success", trial.said
    assert trial.tasks["gate"] == "success"
    assert trial.tasks["promote"] == "skipped"
    assert trial.xcoms["receipt"]["outcome"] == "not_promoted"
    assert day.live() == live
    assert len(day.left_behind()["candidates"]) == 1, "the trial's index stays, to be looked at"

    forced = day.run(mode="full")
    assert forced.state == "success", forced.said
    assert forced.tasks["encode"] == "skipped", "every vector is in the store"
    assert day.live() != live
    assert day.left_behind()["candidates"] == [live], "the former index is kept for a rollback, the trial is gone"


def assert_told(ended: Day, day: RealDay) -> None:
    """The receipt says what the run took, and the asset's event what it brought."""
    receipt = json.loads(Path(ended.xcoms["receipt"]["receipt"]).read_text())
    assert receipt["model"]["name"] == "toy-sparse"
    assert receipt["model"]["nodes"] == 1
    assert min(receipt["bytes"].values()) > 0
    assert receipt["wall_seconds"] > sum(receipt["stage_seconds"].values()) * 0.9 > 0
    assert receipt["waited_seconds"] == 0
    assert ended.news["build_id"] == receipt["build_id"]
    assert ended.news["index"] == day.live()
    assert (ended.news["documents"], ended.news["new"]) == (ROWS, ROWS)


def assert_small(ended: Day) -> None:
    """Names, paths and counts only: nothing of a document or a vector travels through Airflow."""
    for task_id, value in ended.xcoms.items():
        text = json.dumps(value)
        assert len(text) < 4_000, task_id
        assert "body" not in text, task_id
    assert set(ended.xcoms["gate"]) <= {"documents", "live_documents", *Verdict}
    assert set(ended.xcoms["prove_encoder"]) <= {"models", *Verdict}


def test_a_plan_alone_changes_nothing_in_the_cluster(day: RealDay) -> None:
    """What the next run that builds would remove and set is named."""
    dead = "20250101T000000-abcdef"
    group = group_name(day.alias, dead)
    create_group(day.cluster, group, "of a run that has ended")
    Store(day.config["store"]).write_json(f"{build_folder(day.alias, dead)}/receipt.json", {})
    before = with_setting(day, "false")
    try:
        ended = day.run(mode="plan_only")
        assert with_setting(day, before) == "false"
    finally:
        with_setting(day, before)
    assert ended.state == "success", ended.said
    assert ended.xcoms["receipt"]["outcome"] == "plan_only"
    assert ended.xcoms["preflight"] == {
        "former_settings": {},
        "swept": [],
        "left": [f"{group} is there: build {dead} has ended; the next run removes it"],
    }
    assert day.live() is None
    assert day.left_behind() == NOTHING | {"groups": [group]}


def with_setting(day: RealDay, value: str | None) -> str | None:
    """Whether models may come from files; gives what was set before."""
    there: dict[str, str] = day.cluster.get("/_cluster/settings", flat_settings="true")["persistent"]
    day.cluster.put("/_cluster/settings", {"persistent": {FROM_FILE: value}})
    return there.get(FROM_FILE)


def no_such_corpus(day: RealDay) -> None:
    day.config["source"]["uri"] = str(day.folder / "nothing" / "*.parquet")


def too_few_documents(day: RealDay) -> None:
    day.config["limits"] = {"min_documents": ROWS + 1}


def wrong_hash(day: RealDay) -> None:
    path = day.config["encoder"]["model"]["path"]
    day.config["encoder"]["model"] = {
        "source": "url",
        "name": "toy-sparse",
        "version": "1.0.0",
        "url": f"file://{path}",
        "sha256": "0" * 64,
    }


def no_model_inside(day: RealDay) -> None:
    model, packed = day.config["encoder"]["model"], day.folder / "packed.zip"
    with zipfile.ZipFile(model["path"]) as whole, zipfile.ZipFile(packed, "w") as spoilt:
        for name in whole.namelist():
            spoilt.writestr(name, b"not a model" if name.endswith(".pt") else whole.read(name))
    model["path"] = str(packed)


@pytest.mark.parametrize(
    ("spoil", "failing", "said"),
    [
        (no_such_corpus, "plan_shards", "No Parquet file"),
        (too_few_documents, "plan_changes", "min_documents"),
        (wrong_hash, "wait_registered", "sha256"),
        (no_model_inside, "wait_deployed", "not a ZIP archive"),
    ],
)
def test_a_wrong_configuration_fails_in_words_and_leaves_nothing(
    day: RealDay, spoil: Callable[[RealDay], None], failing: str, said: str
) -> None:
    spoil(day)
    ended = day.run()
    assert ended.state == "failed"
    assert ended.tasks[failing] == "failed"
    assert said in ended.said[failing]
    assert said in ended.said["receipt"], "the last word of the run gives the reason"
    assert day.live() is None
    assert day.left_behind() == NOTHING


def candidate_of(day: RealDay) -> str:
    return str(next(iter(day.cluster.get(f"/{day.alias}--b*/_alias"))))


def somebody_deletes_the_model(day: RealDay) -> None:
    answer = day.cluster.post("/_plugins/_ml/models/_search", {"query": {"term": {"name.keyword": "toy-sparse"}}})
    for hit in answer["hits"]["hits"]:
        day.cluster.post(f"/_plugins/_ml/models/{hit['_id']}/_undeploy")
        day.cluster.delete(f"/_plugins/_ml/models/{hit['_id']}")


def the_corpus_changes(day: RealDay) -> None:
    day.write_rows(ROWS - 1)


def an_index_takes_the_alias(day: RealDay) -> None:
    day.cluster.put(f"/{day.alias}")


def somebody_deletes_the_candidate(day: RealDay) -> None:
    day.cluster.delete(f"/{candidate_of(day)}")


def a_document_gets_lost(day: RealDay) -> None:
    index = candidate_of(day)
    day.cluster.post(f"/{index}/_refresh")
    found = day.cluster.get(f"/{index}/_search", {"size": 1, "_source": False})["hits"]["hits"][0]["_id"]
    day.cluster.delete(f"/{index}/_doc/{found}", refresh="true")


def the_vectors_get_lost(day: RealDay) -> None:
    index = candidate_of(day)
    script = {"source": "ctx._source.remove('text_sparse')", "lang": "painless"}
    day.cluster.put(f"/{index}/_settings", {"index.blocks.write": False})
    day.cluster.post(f"/{index}/_update_by_query", {"script": script}, refresh="true")


def somebody_moves_the_alias(day: RealDay) -> None:
    other = f"{day.alias}-other"
    day.cluster.put(f"/{other}")
    day.cluster.post("/_aliases", {"actions": [{"add": {"index": other, "alias": day.alias}}]})


@pytest.mark.parametrize(
    ("failing", "accident", "said"),
    [
        ("encode", somebody_deletes_the_model, "of this build is gone"),
        ("encode", the_corpus_changes, "changed"),
        ("prepare_candidate", an_index_takes_the_alias, "is the name of an index"),
        ("index", somebody_deletes_the_candidate, "The candidate is gone"),
        ("reconcile", a_document_gets_lost, "difference -1"),
        ("gate", the_vectors_get_lost, "vector"),
    ],
)
def test_an_accident_in_mid_run_fails_the_run_and_leaves_no_model(
    day: RealDay, failing: str, accident: Callable[[RealDay], None], said: str
) -> None:
    ended = day.run(before={failing: accident})
    assert ended.state == "failed"
    assert ended.tasks[failing] == "failed"
    assert said in ended.said[failing]
    assert {ended.tasks[task_id] for task_id in TEARDOWNS} == {"success"}
    left = day.left_behind()
    assert (left["models"], left["groups"]) == ([], [])
    assert len(left["candidates"]) <= 1


BREAKER = "plugins.ml_commons.jvm_heap_memory_threshold"


def the_breaker_opens(day: RealDay) -> None:
    day.cluster.put("/_cluster/settings", {"transient": {BREAKER: 1}})


def close_breaker(day: RealDay) -> None:
    day.cluster.put("/_cluster/settings", {"transient": {BREAKER: None}})


def refused_deployments(day: RealDay) -> int:
    query = {"bool": {"filter": [{"term": {"state": "FAILED"}}, {"term": {"task_type": "DEPLOY_MODEL"}}]}}
    return int(day.cluster.post("/_plugins/_ml/tasks/_search", {"query": query})["hits"]["total"]["value"])


def test_a_deployment_that_an_open_breaker_refused_is_asked_for_again(day: RealDay) -> None:
    refused = refused_deployments(day)

    def the_breaker_closes(day: RealDay) -> None:
        until(lambda: refused_deployments(day) > refused)
        close_breaker(day)

    try:
        ended = day.run(before={"deploy_model": the_breaker_opens, "wait_deployed": the_breaker_closes})
    finally:
        close_breaker(day)  # a run that failed before would leave it open to the tests that follow
    assert ended.state == "success", ended.said
    assert documents(day) == ROWS
    assert day.left_behind() == NOTHING


def test_a_model_that_a_search_pipeline_needs_is_kept_and_named(day: RealDay) -> None:
    pipelines: list[str] = []

    def a_pipeline_refers_to_it(day: RealDay) -> None:
        query = {"query": {"term": {"name.keyword": "toy-sparse"}}}
        model_id = day.cluster.post("/_plugins/_ml/models/_search", query)["hits"]["hits"][0]["_id"]
        body = {"request_processors": [{"neural_query_enricher": {"default_model_id": model_id}}]}
        day.cluster.put(f"/_search/pipeline/{day.alias}", body)
        pipelines.append(model_id)

    ended = day.run(before={"undeploy_model": a_pipeline_refers_to_it})
    day.cluster.delete(f"/_search/pipeline/{day.alias}")
    assert ended.tasks["promote"] == "success"
    assert ended.xcoms["delete_model"]["deleted"] == []
    assert pipelines[0] in ended.xcoms["delete_model"]["kept"][0]
    assert "Untidy: model group" in ended.xcoms["receipt"]["summary"]

    again = day.run()
    assert again.state == "success", again.said
    assert day.left_behind()["models"] == [], "preflight sweeps what the dead build left"


def test_a_model_that_was_given_is_used_and_left_alone(day: RealDay) -> None:
    group = "somebody-elses-models"
    model_id = deployed(day.cluster, registered(day.cluster, file_encoder(DEMO / "toy_models/sparse/model.zip"), group))
    before = get_model(day.cluster, model_id)
    day.config["encoder"] = {"model": {"source": "model_id", "model_id": model_id}}
    ended = day.run()
    after = get_model(day.cluster, model_id)
    remove_group(day.cluster, group)
    assert ended.state == "success", ended.said
    assert documents(day) == ROWS
    assert ended.tasks["create_model_group"] == "success"
    assert day.left_behind()["groups"] == []
    assert after == before, "neither deployed again nor undeployed"


def test_two_models_live_and_go_in_the_tasks_of_one(day: RealDay) -> None:
    card = json.loads((DEMO / "toy_models/dense/config.json").read_text())
    dense = {
        "source": "file",
        "path": str(DEMO / "toy_models/dense/model.zip"),
        "model_config_body": card["model_config"],
    }
    dense |= {name: card[name] for name in ("name", "version", "model_format")}
    day.config["vectors"] = {
        "tokens": {"kind": "sparse", "encoder": day.config.pop("encoder")},
        "numbers": {"kind": "dense", "dimension": 64, "encoder": {"model": dense}},
    }
    ended = day.run()
    assert ended.state == "success", ended.said
    assert documents(day) == ROWS
    assert day.left_behind() == NOTHING
    models = ended.xcoms["wait_deployed"]
    assert ended.xcoms["wait_registered"] == models
    assert len(set(models.values())) == len(models) == 2
    assert sorted(ended.xcoms["delete_model"]["deleted"]) == sorted(models.values())
    assert_small(ended)


def test_a_cluster_that_is_not_there_fails_preflight_in_words(day: RealDay, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"conn_type": "opensearch", "host": "127.0.0.1", "port": 9, "extra": {"use_ssl": False}}
    monkeypatch.setenv("AIRFLOW_CONN_OPENSEARCH_DEFAULT", json.dumps(gone))
    monkeypatch.setattr("opensearch_ml.factory.PATIENT", {"retries": 0})
    monkeypatch.setattr("sparse_index.cluster.client.MAX_WAIT_S", 0.01)
    ended = day.run()
    assert ended.state == "failed"
    assert "no answer from the cluster" in ended.said["preflight"]


def test_a_lost_race_leaves_no_model_and_the_next_run_reuses_its_vectors(
    day: RealDay, told: list[dict[str, Any]]
) -> None:
    day.config["alerts"] = [{"notifier": "told.Keeps", "arguments": {"to": "#day"}}]
    lost = day.run(before={"promote": somebody_moves_the_alias})
    assert (lost.state, lost.tasks["promote"]) == ("failed", "failed")
    assert "Lost race" in lost.said["promote"]
    left = day.left_behind()
    assert (left["models"], left["groups"], len(left["candidates"])) == ([], [], 1)
    day.cluster.delete(f"/{day.alias}-other")
    (red,) = told
    title, said, *_ = red["text"].splitlines()
    assert title == f"sparse_index__day failed in 'promote' (run {lost.run_id})"
    assert said.startswith("promote failed: Lost race")

    again = day.run()
    assert again.state == "success", again.said
    assert again.tasks["encode"] == "skipped", "the vectors of the failed run are reused"
    assert documents(day) == ROWS
    assert [one["kind"] for one in told] == ["failed", "green"]
    assert f"Run {again.run_id} ended well. It was red since run {lost.run_id}" in told[-1]["text"]


def test_a_promoted_run_stays_one_when_the_next_has_promoted_before_its_receipt(day: RealDay) -> None:
    def the_next_run_promotes(day: RealDay) -> None:
        day.cluster.put(f"/{day.alias}-other")
        switch_alias(day.cluster, day.alias, former=day.live(), to=f"{day.alias}-other")

    ended = day.run(before={"retire": the_next_run_promotes})
    assert ended.state == "success", ended.said
    assert ended.xcoms["receipt"]["outcome"] == "promoted"
    assert f"'{day.alias}' is on {day.alias}-other" in ended.xcoms["receipt"]["summary"]


def test_a_promoted_run_that_is_stopped_before_its_end_is_red_and_says_what_is_live(day: RealDay) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    def stop(_: RealDay) -> None:
        raise AirflowFailException

    ended = day.run(before={"retire": stop})
    assert (ended.state, ended.tasks["receipt"]) == ("failed", "failed")
    assert f"'{day.alias}' is on {day.live()}" in ended.said["receipt"]
    assert documents(day) == ROWS
    assert day.left_behind() == NOTHING
