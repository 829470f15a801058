"""The DAG that keeps what queries need: which corpora have one, its order, and days with it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import yaml
from airflow.providers.standard.operators.empty import EmptyOperator

from dag_help import load_dags
from opensearch_ml.corpora import corpus_config, folder_of
from opensearch_ml.dag_names import broken_serving_dag_id, serving_dag_id
from opensearch_ml.factory import BrokenCorpusOperator, serving_dags
from opensearch_ml.notifier import FailureNotifier
from real_serving import SEARCH
from sparse_index.config.airflow_rules import LONGEST_DAG_ID, LONGEST_NAME, corpus_name_problem
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import EncoderConfig
from sparse_index.errors import ConfigError
from sparse_index.ml import verbs
from sparse_index.ml.groups import models_called
from sparse_index.serving.needs import needs_of

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from real_day import RealDay


@pytest.fixture
def served(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, DAG]:
    """The DAGs of two corpora, one of which has something to serve."""
    found = yaml.safe_load((root / "tests" / "support" / "corpora" / "before" / "tickets.yaml").read_text())
    plain = {name: found[name] for name in ("alias", "store", "source", "encoder")}
    model = {"source": "pretrained", "name": "a", "version": "1"}
    shared = plain | {"alias": "other", "encoder": {"model": model, "lifecycle": "shared"}, "search": SEARCH}
    for name, content in (("plain", plain), ("shared", shared)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    return load_dags()


def test_a_store_that_cannot_be_opened_is_asked_for_its_own_builds_only(served: dict[str, DAG], tmp_path: Path) -> None:
    """It stopped serving for all corpora."""
    plain = tmp_path / "plain.yaml"
    plain.write_text(plain.read_text().replace("store: ", "store: nosuch://host/"))
    context: Any = {"dag": served["sparse_index__shared__serving"]}
    operator: Any = context["dag"].task_dict["look"]
    config = corpus_config(folder_of(context), "shared")
    serving = operator._serving(None, config, context)
    assert serving.goes_on is not None
    assert serving.goes_on("other", "20260101T000000-abcdef") is None
    with pytest.raises(ConfigError, match="nosuch://host/"):
        serving.goes_on("tickets", "20260101T000000-abcdef")


def test_only_a_corpus_with_something_to_serve_has_one(served: dict[str, DAG]) -> None:
    assert [name for name in served if name.endswith("__serving")] == ["sparse_index__shared__serving"]
    assert {"sparse_index__plain", "sparse_index__shared"} <= served.keys()


def test_it_looks_often_one_run_at_a_time_and_says_when_it_fails(served: dict[str, DAG]) -> None:
    dag = served["sparse_index__shared__serving"]
    schedule: Any = dag.schedule
    assert schedule == "*/15 * * * *"
    assert (dag.catchup, dag.max_active_runs, dag.dagrun_timeout) == (False, 1, None)
    assert "serving" in dag.tags
    for task in dag.tasks:
        assert isinstance(task.on_failure_callback, list), task.task_id
        (told,) = task.on_failure_callback
        assert isinstance(told, FailureNotifier), task.task_id


def test_models_are_waited_for_as_long_as_their_own_deadlines_say(served: dict[str, DAG]) -> None:
    allowed = served["sparse_index__shared__serving"].task_dict["models"].execution_timeout
    encoder = EncoderConfig.model_validate({"model": {"source": "pretrained", "name": "a", "version": "1"}})
    assert allowed is not None
    # An encoder for each of a few vector fields, and a re-ranker.
    assert allowed.total_seconds() > 4 * (encoder.register_deadline_s + 2 * encoder.deploy_deadline_s)


def test_what_a_search_would_miss_first_is_put_right_first(served: dict[str, DAG]) -> None:
    tasks = served["sparse_index__shared__serving"].task_dict
    assert list(tasks) == ["look", "models", "try", "point", "tidy"]
    for before, after in pairwise(tasks.values()):
        assert after.task_id in before.downstream_task_ids


@pytest.mark.usefixtures("served")
def test_one_that_airflow_refuses_says_why_and_harms_no_other(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text((tmp_path / "shared.yaml").read_text().replace("alias: other", "alias: twice"))

    def wire(corpus: str) -> None:
        for _ in range(2 if corpus == "twice" else 1):
            EmptyOperator(task_id="look")

    refused, good = sorted(serving_dags(wire, ""), key=lambda dag: "broken" not in dag.tags)
    assert (refused.dag_id, good.dag_id) == (broken_serving_dag_id("twice"), "sparse_index__shared__serving")
    assert "broken" not in good.tags
    (task,) = refused.tasks
    assert isinstance(task, BrokenCorpusOperator)
    assert "Airflow made no DAG of it: DuplicateTaskIdFound" in task.problems


@pytest.mark.usefixtures("served")
def test_only_the_one_that_a_task_needs_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "sparse_index__shared__serving")
    assert [name for name in load_dags() if name.startswith("sparse_index__")] == ["sparse_index__shared__serving"]


def test_no_corpus_can_be_called_like_it_and_a_long_name_is_cut() -> None:
    assert "rename the file" in str(corpus_name_problem("tickets__serving"))
    long = serving_dag_id("a" * LONGEST_NAME)
    assert len(long) == LONGEST_DAG_ID
    assert long != serving_dag_id("a" * (LONGEST_NAME - 1))


@pytest.fixture
def shared_day(day: RealDay) -> Iterator[RealDay]:
    """A corpus with a model of its own that queries share; in the end it is gone."""
    model = day.config["encoder"]["model"] | {"name": f"toy-{uuid4().hex[:6]}"}
    day.config |= {"encoder": {"model": model, "lifecycle": "shared"}, "search": SEARCH}
    yield day
    for name in day.cluster.find("/_search/pipeline") or {}:
        if name.startswith(f"{day.alias}--"):
            day.cluster.remove(f"/_search/pipeline/{name}")
    (need,) = needs_of(CorpusConfig.model_validate(day.config))
    assert verbs.remove_group(day.cluster, need.group).kept == (), "a pipeline names it"


@pytest.mark.integration
def test_days_with_a_shared_model(shared_day: RealDay) -> None:
    """Served, built, looked at; and a model that somebody undeployed comes back."""
    day = shared_day
    first = day.serve()
    assert set(first.tasks.values()) == {"success"}
    assert day.run().state == "success"
    body = {"query": {"hybrid": {"queries": [{"neural_sparse": {"text_sparse": {"query_text": "a broken screen"}}}]}}}
    assert day.cluster.post(f"/{day.alias}/_search", body)["hits"]["hits"]
    well = day.serve()
    assert well.tasks == {"look": "success"} | dict.fromkeys(("models", "try", "point", "tidy"), "skipped")
    (need,) = needs_of(CorpusConfig.model_validate(day.config))
    (model_id,) = models_called(day.cluster, need.group)
    verbs.undeploy(day.cluster, model_id)
    again = day.serve()
    assert set(again.tasks.values()) == {"success"}
    assert any(model_id in line for line in again.xcoms["models"])
    assert list(models_called(day.cluster, need.group)) == [model_id]
    assert day.left_behind()["groups"] == []
