"""Links beside a task, to the console's page of what it did. Relative, so that they hold under any address of Airflow."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from opensearch_ml.console.views import CONSOLE
from opensearch_ml.dag_names import PREFIX

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

DASHBOARDS_VARIABLE = "SPARSE_INDEX_DASHBOARDS"
_INDEX_PAGE = "app/opensearch_index_management_dashboards#/index-detail"


class BuildLink(BaseOperatorLink):
    """The build of the task's run, also while it goes on."""

    name = "Build"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        return f"{CONSOLE}/runs/{_quoted(ti_key.dag_id)}/{_quoted(ti_key.run_id)}"


class GenerationsLink(BaseOperatorLink):
    """What is live, and what one can go back to."""

    name = "Generations"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        return f"{CONSOLE}/corpora/{_quoted(ti_key.dag_id.removeprefix(PREFIX))}/generations"


class JanitorLink(BaseOperatorLink):
    """What the janitor found in each store."""

    name = "Report"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        return f"{CONSOLE}/janitor"


class DashboardsLink(BaseOperatorLink):
    """The index that went live, in the OpenSearch Dashboards that the environment names."""

    name = "OpenSearch Dashboards"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        from airflow.sdk.execution_time.xcom import XCom

        promotion = XCom.get_value(ti_key=ti_key, key="return_value")
        base = dashboards()
        return f"{base}/{_INDEX_PAGE}/{_quoted(promotion['live'])}" if base and promotion else ""


def dashboards() -> str:
    """Their address; empty where none is named."""
    return os.environ.get(DASHBOARDS_VARIABLE, "").rstrip("/")


def promotion_links() -> tuple[BaseOperatorLink, ...]:
    return (GenerationsLink(), DashboardsLink()) if dashboards() else (GenerationsLink(),)


def show_while_it_runs(task: BaseOperator, context: Any, link: BaseOperatorLink) -> None:
    """Airflow itself keeps a task's links when it has ended."""
    ti = context["ti"]
    ti.xcom_push(key=link.xcom_key, value=link.get_link(task, ti_key=ti))


def _quoted(name: str) -> str:
    return quote(name, safe="")
