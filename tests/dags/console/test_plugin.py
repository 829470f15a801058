"""The plugin: light in every process, one entry in the navigation, and never the end of the API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

HEAVY = ("fastapi", "pyarrow", "duckdb", "opensearchpy", "jinja2.environment")
LOADED = """
import json, sys
from airflow import plugins_manager
before = set(sys.modules)
loaded = [type(plugin).__name__ for plugin in plugins_manager._get_plugins()[0] if plugin.name == "sparse_index_console"]
views = [view for view in plugins_manager._get_ui_plugins()[0] if view["name"] == "Search"]
print(json.dumps({"loaded": loaded, "new": sorted(set(sys.modules) - before), "views": views,
                  "errors": plugins_manager.get_import_errors()}))
"""


def loaded(airflow_home: Path, root: Path, **variables: str) -> dict[str, Any]:
    environment = os.environ | {"AIRFLOW_HOME": str(airflow_home), "PYTHONPATH": f"{root / 'include'}"} | variables
    done = subprocess.run([sys.executable, "-c", LOADED], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_airflow_finds_it_once_and_nothing_heavy_comes_with_it(airflow_home: Path, root: Path) -> None:
    found = loaded(airflow_home, root)
    assert found["loaded"] == ["SearchConsole"]
    assert found["errors"] == {}
    assert [(view["destination"], view["url_route"], view["href"]) for view in found["views"]] == [
        ("nav", "search", "sparse-index/")
    ]
    heavy = [name for name in found["new"] if name.startswith(HEAVY)]
    assert heavy == []
    ours = [name for name in found["new"] if name.startswith(("opensearch_ml", "sparse_index"))]
    assert "opensearch_ml.console.app" not in ours


def test_tabs_are_there_for_who_wants_them_and_nothing_where_it_is_off(airflow_home: Path, root: Path) -> None:
    tabs = loaded(airflow_home, root, SPARSE_INDEX_CONSOLE_TABS="true")["views"]
    assert sorted(view["destination"] for view in tabs) == ["dag", "dag_run", "nav"]
    off = loaded(airflow_home, root, SPARSE_INDEX_CONSOLE="off")
    assert (off["loaded"], off["views"]) == (["SearchConsole"], [])


def test_an_app_that_cannot_be_built_says_why_and_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    import opensearch_ml.console.app
    import sparse_index_console

    def broken() -> FastAPI:
        raise ImportError("No module named 'markupsafe'")

    monkeypatch.setattr(opensearch_ml.console.app, "console_app", broken)
    apps = sparse_index_console.SearchConsole().fastapi_apps
    whole = FastAPI()
    whole.mount(apps[0]["url_prefix"], apps[0]["app"])
    answer = TestClient(whole).get("/sparse-index/")
    assert answer.status_code == 503
    assert "markupsafe" in answer.text
