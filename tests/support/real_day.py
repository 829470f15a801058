"""Runs the real daily DAG against a real OpenSearch, and breaks what a test asks for just before a task."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from dag_help import load_dags
from sparse_index.cluster.client import Cluster
from sparse_index.ml.groups import marked_groups

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "include" / "demo"
ROWS = 120
_MINUTE = count()


@dataclass(frozen=True)
class Day:
    """How one run ended: its state and every task's, what failed tasks said, and what tasks left in Airflow; `news`: of the
    asset's event."""

    state: str
    tasks: dict[str, str]
    said: dict[str, str]
    xcoms: dict[str, Any]
    progress: dict[str, Any]
    run_id: str
    news: dict[str, Any]


@dataclass
class RealDay:
    """One corpus of 120 tickets with a store of its own; `config` may be edited before a run."""

    folder: Path
    cluster: Cluster
    alias: str
    monkeypatch: pytest.MonkeyPatch
    config: dict[str, Any] = field(default_factory=dict)
    actions: dict[str, Callable[[RealDay], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "corpora").mkdir(parents=True)
        self.monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(self.folder / "corpora"))
        self.config = {
            "alias": self.alias,
            "store": str(self.folder / "store"),
            "owner": "test",
            "cluster_settings": "ensure",
            "source": {
                "uri": str(self.folder / "corpus.parquet"),
                "id_column": "id",
                "text_template": "{title}. {body}",
            },
            "encoder": {
                "model": {
                    "source": "file",
                    "name": "toy-sparse",
                    "version": "1.0.0",
                    "path": str(DEMO / "toy_models" / "sparse" / "model.zip"),
                }
            },
            "index": {"replicas": 0},
        }
        self.write_rows(ROWS)
        self._interrupt_before_work()

    def write_rows(self, rows: int) -> None:
        table = pq.read_table(DEMO / "corpora" / "tickets" / "tickets.parquet").slice(0, rows)
        pq.write_table(table, self.folder / "corpus.parquet", row_group_size=50)

    def make_feed(self) -> Path:
        """Turn the corpus into a feed; gives the folder of its partitions, `day=yyyy-mm-dd`."""
        folder = self.folder / "partitions"
        source = {"uri": f"{folder}/day={{data_date}}", "columns": ["id", "title", "body"], "deleted_column": "deleted"}
        limits = {"max_changed_share": 1, "max_deleted_share": 1}
        self.config |= {"kind": "feed", "source": self.config["source"] | source, "limits": limits}
        return folder

    def run_partition(self, key: str) -> Day:
        """The run that the timetable makes for this partition; if there was one, it is cleared and runs again."""
        with self.monkeypatch.context() as patch:
            patch.setattr("airflow.models.dagrun.get_or_create_dagrun", partial(run_of_partition, key))
            return self._run(logical_date=None, params={})

    def run(self, before: dict[str, Callable[[RealDay], None]] | None = None, **params: Any) -> Day:
        """One run with these Params; `before[task_id]` is called once, when that task is about to work."""
        self.actions = dict(before or {})
        return self._run(datetime.now(UTC) - timedelta(days=1) + timedelta(minutes=next(_MINUTE)), params)

    def _run(self, logical_date: datetime | None, params: dict[str, Any]) -> Day:
        self.write_config()
        dag = load_dags()["sparse_index__day"]
        defaults = {name: dag.params[name] for name in dag.params}
        return _day(dag.test(run_after=logical_date, logical_date=logical_date, run_conf=defaults | params))

    def _interrupt_before_work(self) -> None:
        from opensearch_ml.operators.base import BuildOperator
        from opensearch_ml.sensors import ModelWaitSensor

        for kind in (BuildOperator, ModelWaitSensor):
            self.monkeypatch.setattr(kind, "execute", self._interrupted(vars(kind)["execute"]))

    def _interrupted(self, work: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def execute(task: Any, context: Any) -> Any:
            if action := self.actions.pop(task.task_id, None):
                action(self)
            return work(task, context)

        return execute

    def live(self) -> str | None:
        from sparse_index.live.alias import observe_alias

        return observe_alias(self.cluster, self.alias).index

    def left_behind(self) -> dict[str, list[str]]:
        """Models and model groups that carry this alias's mark, and its indices that are not live."""
        indices = self.cluster.get(f"/{self.alias}--b*/_alias", ignore_unavailable="true")
        return {
            "models": sorted(names_of(self.cluster, "models", "toy-sparse")),
            "groups": sorted(names_of(self.cluster, "model_groups", f"--{self.alias}--")),
            "candidates": sorted(name for name in indices if name != self.live()),
        }

    def operate(self, name: str, **params: Any) -> Day:
        """One run of an operations DAG for this corpus (the janitor's is for all)."""
        dag = load_dags()[f"sparse_index_{name}"]
        mine = params | ({} if name == "janitor" else {"corpus": "day"})
        when = datetime.now(UTC) - timedelta(days=1) + timedelta(minutes=next(_MINUTE))
        answers = {question: dag.params[question] for question in dag.params if question not in mine} | mine
        return _day(dag.test(run_after=when, logical_date=when, run_conf=answers))

    def serve(self) -> Day:
        """One run of the corpus's serving DAG."""
        self.write_config()
        dag = load_dags()["sparse_index__day__serving"]
        when = datetime.now(UTC) - timedelta(days=1) + timedelta(minutes=next(_MINUTE))
        return _day(dag.test(run_after=when, logical_date=when))

    def write_config(self) -> None:
        (self.folder / "corpora" / "day.yaml").write_text(yaml.safe_dump(self.config))


def names_of(cluster: Cluster, kind: str, part: str) -> list[str]:
    answer = cluster.find(f"/_plugins/_ml/{kind}/_search", {"size": 100, "query": {"match_all": {}}})
    names = (hit["_source"].get("name", "") for hit in (answer["hits"]["hits"] if answer else []))
    return [name for name in names if part in name]


def run_of_partition(key: str | None, *, dag: Any, session: Any, **about: Any) -> Any:
    """In place of what `dag.test()` makes runs with: it knows no partitions, and deletes the run that was there."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunType

    of_partition = DagRun.dag_id == dag.dag_id, DagRun.partition_key == key
    run = session.query(DagRun).filter(*of_partition).one_or_none()
    if run is None:
        return dag.create_dagrun(
            partition_key=key, run_type=DagRunType.MANUAL, state=DagRunState.RUNNING, session=session, **about
        )
    run.dag, run.state = dag, DagRunState.RUNNING  # `dag.test()` has cleared its tasks
    session.commit()
    return run


def _day(result: Any) -> Day:
    from airflow.models.asset import AssetEvent
    from airflow.models.task_state_store import TaskStateStoreModel
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    tasks: dict[str, str] = {}
    for ti in result.get_task_instances():
        tasks[ti.task_id] = str(ti.state)
    with create_session() as session:
        rows = session.query(XComModel).filter(XComModel.run_id == result.run_id).all()
        states = session.query(TaskStateStoreModel).filter(TaskStateStoreModel.run_id == result.run_id).all()
        returned = {row.task_id: row.value for row in rows if row.key == "return_value"}
        said = {row.task_id: str(row.value) for row in rows if row.key == "error"}
        progress = {row.task_id: json.loads(row.value) for row in states if row.key == "progress"}
        events = session.query(AssetEvent).filter(AssetEvent.source_run_id == result.run_id).all()
        news = {name: value for event in events for name, value in event.extra.items()}
    return Day(str(result.state), tasks, said, returned, progress, result.run_id, news)


def delete_everything(cluster: Cluster, alias: str, folder: Path) -> None:
    """So that one test's leftovers are not another test's."""
    from sparse_index.ml import verbs

    for group in marked_groups(cluster, alias):
        verbs.remove_group(cluster, group)
    for name in cluster.get(f"/{alias}*/_alias", ignore_unavailable="true", allow_no_indices="true"):
        cluster.delete(f"/{name}")
    shutil.rmtree(folder, ignore_errors=True)
