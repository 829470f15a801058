"""The console in Airflow's UI: one entry named Search, and the app behind it, built when the API server asks for it."""

from __future__ import annotations

import logging
import os
from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/sparse-index"


class SearchConsole(AirflowPlugin):
    """`SPARSE_INDEX_CONSOLE=off` leaves it out; `SPARSE_INDEX_CONSOLE_TABS=true` adds a tab to every DAG and run."""

    name = "sparse_index_console"
    is_on = os.environ.get("SPARSE_INDEX_CONSOLE", "on").lower() != "off"
    external_views: list[Any] = []  # noqa: RUF012 - Airflow takes out what it refuses

    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        return [{"name": "Search", "app": _app(), "url_prefix": PREFIX}] if self.is_on else []


if SearchConsole.is_on:
    from opensearch_ml.console.views import external_views

    SearchConsole.external_views = external_views()


def _app() -> Any:
    """An error in here would keep the API server from starting."""
    try:
        from opensearch_ml.console.app import console_app

        return console_app()
    except Exception as error:
        logging.getLogger(__name__).exception("The console cannot be shown.")
        from opensearch_ml.console.views import Broken

        return Broken(str(error))
