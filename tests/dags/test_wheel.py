"""The package as a wheel: in an environment of its own, with neither PYTHONPATH nor a plugins folder, everything is there.

Airflow and the other packages come from the environment of the tests, by a `.pth` file; this repository is in none of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

from sparse_index import __version__

# Told by a Python of that environment, in words that JSON has.
ASK = """
import asyncio, json, sys
from importlib.metadata import version
from importlib.resources import files

from airflow import plugins_manager
from airflow.dag_processing.dagbag import DagBag
from airflow.models.connection import Connection
from airflow.providers_manager import ProvidersManager
from airflow.sdk.module_loading import import_string
import opensearch_ml, sparse_index
from sparse_index.roles import role_bodies

bag = DagBag(sys.argv[1])
providers = ProvidersManager()

async def event():  # as the triggerer: from what the database has of the trigger to what wakes the task
    wait = {"kind": "register", "model": "m", "task_id": "t1", "deadline_at": 0, "standstill_s": 1}
    of_trigger = import_string("opensearch_ml.triggers.ModelWaitTrigger")
    trigger = of_trigger(conn_id="nobody", watched={"waits": {"f1": wait}}, poll_interval_s=0.1)
    return (await anext(trigger.run())).payload["seen"]["f1"]

print(json.dumps({
    "core": sparse_index.__file__,
    "edge": opensearch_ml.__file__,
    "version": version("sparse-index-dags"),
    "errors": bag.import_errors,
    "dags": sorted(bag.dags),
    "console": [view["href"] for view in plugins_manager._get_ui_plugins()[0]],
    "pages": sorted(path.name for path in files("opensearch_ml.console").joinpath("assets").iterdir()),
    "roles": sorted(role_bodies("news")),
    "provider": providers.providers["sparse-index-dags"].version,
    "form": providers.field_behaviours["opensearch_ml"]["placeholders"],
    "fields": sorted(providers.connection_form_widgets),
    "event": asyncio.run(event()),
    "button": Connection.get_connection_from_secrets("nobody").test_connection(),
}))
"""


@pytest.fixture(scope="module")
def installed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment that has the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", symlinks=True)
    python = folder / "env" / "bin" / "python"
    install = ["install", "--quiet", "--no-deps", "--no-index", "--no-compile", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *install], check=True, capture_output=True)
    (packages,) = (folder / "env").glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_paths()["purelib"])
    return python


# The console, as the API server finds it: where it comes from, its pages' files, and what Airflow has to complain of.
ASK_FOR_CONSOLE = """
import json
from airflow import plugins_manager

apps, _ = plugins_manager.get_fastapi_plugins()
app = apps[0]["app"]
views = plugins_manager.get_plugin_info(["external_views"])
print(json.dumps({
    "apps": len(apps),
    "kind": type(app).__name__,
    "paths": sorted(app.openapi()["paths"]),
    "views": [view["name"] for plugin in views for view in plugin["external_views"]],
    "sources": [str(plugin["source"]) for plugin in plugins_manager.get_plugin_info(["source"])],
    "errors": plugins_manager.get_import_errors(),
}))
"""


def asked(python: Path, home: Path, script: str, *arguments: str, **settings: str) -> dict[str, Any]:
    """What the script tells, in an Airflow that has the wheel and nothing of this repository but what `settings` say."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHONPATH"))}
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API_AUTH__JWT_SECRET": "of-tests-only-" * 8,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    command = [str(python), "-W", "ignore", "-c", script, *arguments]
    done = subprocess.run(command, cwd=home, env=environment | settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.fixture(scope="module")
def told(installed: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(root / "dags", home / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "corpora").mkdir()
    text = (root / "include" / "corpora" / "news.yaml").read_text(encoding="utf-8")
    (home / "corpora" / "news.yaml").write_text(text, encoding="utf-8")
    return asked(
        installed,
        home,
        ASK,
        str(home / "dags"),
        SPARSE_INDEX_CORPORA=str(home / "corpora"),
        AIRFLOW_CONN_NOBODY=json.dumps({"conn_type": "opensearch_ml", "host": "127.0.0.1", "port": 9}),
    )


def test_both_packages_are_the_installed_ones(told: dict[str, Any], installed: Path) -> None:
    own = installed.parents[1]
    assert Path(told["core"]).is_relative_to(own)
    assert Path(told["edge"]).is_relative_to(own)


def test_a_trigger_runs_and_wakes_its_task(told: dict[str, Any]) -> None:
    assert told["event"]["state"] == "failed"
    assert "deadline" in told["event"]["detail"]


def test_all_dags_parse(told: dict[str, Any]) -> None:
    assert told["errors"] == {}
    operations = {f"sparse_index_{name}" for name in ("forget", "janitor", "redrive", "rollback")}
    assert set(told["dags"]) == operations | {"sparse_index__news", "sparse_index__news__serving"}


def test_the_console_is_there_with_its_files(told: dict[str, Any]) -> None:
    assert told["console"] == ["sparse-index/"]
    assert {"console.css", "console.js"} <= set(told["pages"])


def test_the_roles_are_inside(told: dict[str, Any]) -> None:
    assert told["roles"] == ["sparse_index_build", "sparse_index_read", "sparse_index_serve"]


def test_airflow_knows_the_package_in_its_version(told: dict[str, Any]) -> None:
    assert (told["version"], told["provider"]) == (__version__, __version__)


def test_the_connection_s_type_has_a_form_and_its_button_says_why_not(told: dict[str, Any]) -> None:
    assert told["form"]["host"] == "search.example.org, without scheme and path"
    assert {"extra__opensearch_ml__use_ssl", "extra__opensearch_ml__auth"} <= set(told["fields"])
    works, message = told["button"]
    assert works is False
    assert "Check host, port" in message


def test_the_console_is_there(installed: Path, tmp_path: Path) -> None:
    console = asked(installed, tmp_path, ASK_FOR_CONSOLE)
    assert (console["apps"], console["kind"], console["views"]) == (1, "FastAPI", ["Search"])
    assert {"/", "/corpora/{corpus}"} <= set(console["paths"])
    assert "sparse-index-dags" in console["sources"][0]
    assert console["errors"] == {}
    (packages,) = installed.parents[1].glob("lib/python*/site-packages")
    files = {file.suffix for file in (packages / "opensearch_ml" / "console").rglob("*.*")}
    assert {".html", ".css", ".js", ".svg"} <= files


def test_with_a_plugins_folder_beside_the_wheel_the_console_is_there_once(
    installed: Path, tmp_path: Path, root: Path
) -> None:
    console = asked(installed, tmp_path, ASK_FOR_CONSOLE, AIRFLOW__CORE__PLUGINS_FOLDER=str(root / "plugins"))
    assert (console["apps"], console["views"]) == (1, ["Search"])
    assert list(console["errors"].values()) == ["Plugin 'sparse_index_console' already registered, skipping"]
