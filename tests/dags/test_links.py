"""Links beside tasks: to pages of the console, under whatever address Airflow has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from opensearch_ml.links import (
    BuildLink,
    DashboardsLink,
    GenerationsLink,
    JanitorLink,
    promotion_links,
    show_while_it_runs,
)

RUN = "manual__2026-01-02T03:04:05+00:00/é"
TI: Any = SimpleNamespace(dag_id="sparse_index__news", run_id=RUN)
TASK: Any = None


def links(dag: DAG, task_id: str) -> list[str]:
    return [link.name for link in dag.get_task(task_id).operator_extra_links]


def test_which_task_has_which(dag: DAG, dag_bag: DagBag, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [links(dag_bag.dags["sparse_index_janitor"], task_id) for task_id in ("look", "clean")] == [["Report"]] * 2
    for task_id in ("plan_changes", "encode", "index", "receipt"):
        assert links(dag, task_id) == ["Build"]
    assert links(dag, "promote") == ["Generations"]
    monkeypatch.setenv("SPARSE_INDEX_DASHBOARDS", "https://dashboards.example/")
    assert [link.name for link in promotion_links()] == ["Generations", "OpenSearch Dashboards"]


def test_they_are_relative_and_survive_what_a_run_id_holds() -> None:
    link = BuildLink().get_link(TASK, ti_key=TI)
    assert link.startswith("sparse-index/runs/sparse_index__news/")
    assert link.count("/") == 3
    assert unquote(link.rsplit("/", 1)[-1]) == RUN
    assert GenerationsLink().get_link(TASK, ti_key=TI) == "sparse-index/corpora/news/generations"
    assert JanitorLink().get_link(TASK, ti_key=TI) == "sparse-index/janitor"


def test_a_running_task_has_its_link_already() -> None:
    pushed: dict[str, str] = {}
    ti = SimpleNamespace(**vars(TI), xcom_push=lambda key, value: pushed.update({key: value}))
    show_while_it_runs(TASK, {"ti": ti}, BuildLink())
    assert pushed == {"_link_BuildLink": BuildLink().get_link(TASK, ti_key=TI)}


@pytest.mark.parametrize(
    ("promotion", "link"),
    [
        (
            {"live": "news--b1"},
            "https://osd/x/app/opensearch_index_management_dashboards#/index-detail/news--b1",
        ),
        (None, ""),
    ],
)
def test_the_index_that_went_live_in_the_dashboards(monkeypatch: pytest.MonkeyPatch, promotion: Any, link: str) -> None:
    monkeypatch.setenv("SPARSE_INDEX_DASHBOARDS", "https://osd/x/")
    monkeypatch.setattr("airflow.sdk.execution_time.xcom.XCom.get_value", lambda *, ti_key, key: promotion)
    assert DashboardsLink().get_link(TASK, ti_key=TI) == link
