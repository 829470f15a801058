"""The console in Airflow's UI: one entry named Search, and the app behind it, built when the API server asks for it."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class SearchConsole(AirflowPlugin):
    """`SPARSE_INDEX_CONSOLE=off` leaves it out; `SPARSE_INDEX_CONSOLE_TABS=true` adds a tab to every DAG and run."""

    name = "sparse_index_console"
    is_on = os.environ.get("SPARSE_INDEX_CONSOLE", "on").lower() != "off"
    external_views: list[Any] = []  # noqa: RUF012 - Airflow takes out what it refuses

    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        return [{"name": "Search", "app": app_or_reason(), "url_prefix": f"/{CONSOLE}"}] if self.is_on else []


if SearchConsole.is_on:
    from opensearch_ml.console.views import CONSOLE, app_or_reason, external_views

    SearchConsole.external_views = external_views()
