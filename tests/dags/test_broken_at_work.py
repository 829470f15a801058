"""A corpus file that breaks while a run is at work: Airflow leaves the run alone, and goes on with it when the file is right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dag_help import DAGS, store_dags
from opensearch_ml.dag_names import broken_dag_id

pytestmark = pytest.mark.usefixtures("metadata_database")
CORPUS = "breaks"
DAG_ID, RUN_ID = f"sparse_index__{CORPUS}", "at-work"


@pytest.fixture
def file(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Of the corpus, in a folder of its own; all that Airflow learns of it goes afterwards."""
    from airflow.api.common.delete_dag import delete_dag
    from airflow.models.dag import DagModel
    from airflow.models.taskinstance import TaskInstance

    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    monkeypatch.setenv(
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL", "0"
    )  # each parse is stored, also a second one
    path = tmp_path / f"{CORPUS}.yaml"
    path.write_text((root / "include" / "corpora" / "tickets.yaml").read_text())
    store_dags()
    with database() as session:
        begin_a_run(session)
    yield path
    with database() as session:
        session.query(TaskInstance).filter_by(dag_id=DAG_ID).update({"state": "success"})  # what runs is not deleted
        ours = (DAG_ID, f"{DAG_ID}__serving", broken_dag_id(CORPUS))
        there = [dag.dag_id for dag in session.query(DagModel).filter(DagModel.dag_id.in_(ours))]
    for dag_id in there:
        delete_dag(dag_id)


@contextmanager
def database() -> Iterator[Any]:
    from airflow.utils.session import create_session

    with create_session() as session:
        yield session


def begin_a_run(session: Any) -> None:
    from airflow.models.dag import DagModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    session.query(DagModel).filter_by(dag_id=DAG_ID).update({"is_paused": False})
    saved = SerializedDagModel.get(DAG_ID, session=session)
    assert saved is not None
    earlier = datetime.now(UTC) - timedelta(hours=1)
    run = saved.dag.create_dagrun(
        run_id=RUN_ID,
        logical_date=earlier,
        run_after=earlier,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.RUNNING,
        session=session,
    )
    for ti in run.get_task_instances(session=session):
        ti.state = "running" if ti.task_id == "preflight" else None


def airflow_parses() -> None:
    """All files; the DAG processor drops what it found no more, without its patience of a minute."""
    from airflow.dag_processing.manager import DagFileInfo, DagFileProcessorManager

    began = datetime.now(UTC)
    store_dags()
    files = [DagFileInfo(path, "dags-folder") for path in DAGS.glob("*.py")]
    manager = DagFileProcessorManager(max_runs=1, stale_dag_threshold=0)
    manager.deactivate_stale_dags(last_parsed=dict.fromkeys(files, began))


def schedule() -> list[str]:
    """One look of the scheduler; gives the runs of the corpus that it looks at."""
    from airflow.models.dagbag import DBDagBag
    from airflow.models.dagrun import DagRun

    with database() as session:
        looked_at = [run for run in DagRun.get_running_dag_runs_to_examine(session) if run.dag_id == DAG_ID]
        for run in looked_at:
            run.dag = DBDagBag().get_dag_for_run(run, session)
            run.task_instance_scheduling_decisions(session=session)
        return [run.run_id for run in looked_at]


def states() -> dict[str, str | None]:
    from airflow.models.taskinstance import TaskInstance

    with database() as session:
        found = session.query(TaskInstance).filter_by(dag_id=DAG_ID, run_id=RUN_ID).all()
        return {ti.task_id: ti.state for ti in found if ti.map_index < 0}


def test_a_run_at_work_outlives_a_file_that_breaks(file: Path) -> None:
    good = file.read_text()
    assert schedule() == [RUN_ID]
    before = states()
    file.write_text("alias: [")
    airflow_parses()
    assert schedule() == [], "nothing is done about it while its DAG is away"
    assert states() == before
    file.write_text(good)
    airflow_parses()
    assert schedule() == [RUN_ID]
    assert states() == before
