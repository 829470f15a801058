"""Where the console shows up in Airflow's UI, and what stands there when it cannot be loaded. Light: every process imports it."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

TABS_VARIABLE = "SPARSE_INDEX_CONSOLE_TABS"
# Without a leading slash: then it works with a base path, too.
CONSOLE = "sparse-index"


def external_views() -> list[dict[str, Any]]:
    """The entry in the navigation; tabs on each DAG and run of the deployment where somebody wants them."""
    views = [_view("nav", "search", f"{CONSOLE}/")]
    if os.environ.get(TABS_VARIABLE, "").lower() == "true":
        views += [
            _view("dag", "search-corpus", f"{CONSOLE}/dags/{{DAG_ID}}"),
            _view("dag_run", "search-build", f"{CONSOLE}/runs/{{DAG_ID}}/{{RUN_ID}}"),
        ]
    return views


def _view(destination: str, route: str, href: str) -> dict[str, Any]:
    return {
        "name": "Search",
        "href": href,
        "destination": destination,
        "url_route": route,
        "icon": f"{CONSOLE}/assets/search-light.svg",
        "icon_dark_mode": f"{CONSOLE}/assets/search-dark.svg",
    }


Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Broken:
    """An app that answers everything with 503 and why."""

    def __init__(self, why: str) -> None:
        self._body = f"The console cannot be shown: {why}\nThe whole reason stands in the API server's log.\n".encode()

    async def __call__(self, scope: Mapping[str, Any], receive: object, send: Send) -> None:
        if scope["type"] == "http":
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": self._body})


def app_or_reason() -> Any:
    """The console, or why there is none: an error in here would keep the API server from starting."""
    try:
        from opensearch_ml.console.app import console_app

        return console_app()
    except Exception as error:
        logging.getLogger(__name__).exception("The console cannot be shown.")
        return Broken(str(error))
