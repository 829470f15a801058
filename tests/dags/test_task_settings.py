"""The `airflow` block of a corpus file: what its tasks get, and what breaks one corpus instead of all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from airflow.sdk import DAG

from dag_help import load_dags
from opensearch_ml.dag_names import broken_dag_id
from opensearch_ml.factory import BrokenCorpusOperator

EVERYTHING = """
airflow:
  queue: search
  pool: shared
  priority_weight: 7
  retries: 5
  executor: LocalExecutor
  pod_override: /templates/small.yaml
  encode: {queue: gpu, pool: gpu, pod_override: /templates/large.yaml}
  index: {priority_weight: 9, retries: 0}
"""
Written = Callable[[str], dict[str, DAG]]


@pytest.fixture
def written(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """The DAGs of two corpora, of which the first has this block."""
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    shutil.copy(root / "include" / "corpora" / "tickets.yaml", tmp_path / "first.yaml")
    shutil.copy(root / "include" / "corpora" / "news.yaml", tmp_path / "second.yaml")

    def dags(block: str) -> dict[str, DAG]:
        with (tmp_path / "first.yaml").open("a") as file:
            file.write(block)
        return load_dags()

    return dags


def test_every_task_of_the_corpus_has_what_the_block_says_and_parts_their_own(written: Written) -> None:
    dags = written(EVERYTHING)
    tasks = {task.task_id: task for name in ("", "__serving") for task in dags[f"sparse_index__first{name}"].tasks}
    assert {"encode", "index", "scan", "receipt", "look"} <= tasks.keys()
    for task_id, task in tasks.items():
        encodes, indexes = task_id in ("encode", "prove_encoder"), task_id == "index"
        assert task.queue == ("gpu" if encodes else "search")
        assert task.pool == ("gpu" if encodes else "shared")
        assert task.priority_weight == (9 if indexes else 7)
        assert task.retries == (0 if indexes else 5)
        assert task.executor == "LocalExecutor"
        template = "large" if encodes else "small"
        assert task.executor_config == {"pod_template_file": f"/templates/{template}.yaml"}


def test_a_file_without_the_block_leaves_all_to_dag_and_airflow(written: Written) -> None:
    tasks = {task.task_id: task for task in written("")["sparse_index__second"].tasks}
    assert {task.retries for task in tasks.values()} == {2, 8}
    assert {task.queue for task in tasks.values()} == {"default"}
    assert {name for name, task in tasks.items() if task.pool != "default_pool"} == {"encode"}
    assert [task for task in tasks.values() if task.executor or task.executor_config] == []


def test_the_corpus_file_says_how_many_tasks_encode_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the pool alone, which all runs share; of two vector fields the least counts."""
    source = {"uri": "/lake/x", "id_column": "id", "text_template": "{title}"}
    encoders = [{"model": {"source": "model_id", "model_id": "m"}, "parallel_tasks": number} for number in (5, 3)]
    fields = {f"f{number}": {"kind": "sparse", "encoder": encoder} for number, encoder in enumerate(encoders)}
    for name, said in (("one", {"encoder": encoders[0]}), ("two", {"vectors": fields})):
        described = {"alias": name, "store": "/store", "source": source} | said
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(described))
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    dags = load_dags()
    limits = {
        name: {task.task_id: task.max_active_tis_per_dagrun for task in dags[f"sparse_index__{name}"].tasks}
        for name in ("one", "two")
    }
    assert (limits["one"]["encode"], limits["two"]["encode"]) == (5, 3)
    assert {limit for task_id, limit in limits["one"].items() if task_id != "encode"} == {None}


@pytest.mark.parametrize("place", ["executor: Nowhere", "index: {executor: far.away.Nowhere}"])
def test_an_executor_that_airflow_does_not_have_breaks_only_that_corpus(written: Written, place: str) -> None:
    dags = written(f"\nairflow: {{{place}}}\n")
    (task,) = dags[broken_dag_id("first")].tasks
    assert isinstance(task, BrokenCorpusOperator)
    assert "Nowhere' is not among Airflow's own, [core] executor = LocalExecutor" in task.problems
    assert "sparse_index__first__serving" not in dags
    assert len(dags["sparse_index__second"].tasks) > 20


def test_the_executor_may_be_named_by_its_alias_or_its_class(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor,far:my.own.FarExecutor;team1=CeleryExecutor")
    from opensearch_ml.task_settings import executor_problem
    from sparse_index.config.tasks import AirflowConfig

    for name in ("LocalExecutor", "far", "FarExecutor", "my.own.FarExecutor", "CeleryExecutor"):
        assert executor_problem(AirflowConfig(executor=name)) is None
    assert executor_problem(AirflowConfig(executor="team1")) is not None
