"""The console's app in this process: its corpora and stores are made here, its permissions are Airflow's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from console_place import BASE, ROLES, Place, Visit


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(scope="session")
def tokens(metadata_database: None) -> dict[str, str]:
    """A token for each role of Airflow's simple auth manager."""
    from airflow.api_fastapi.app import init_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    manager = init_auth_manager(FastAPI())
    return {role: manager.generate_jwt(SimpleAuthManagerUser(username=role, role=role)) for role in ROLES}


@pytest.fixture
def deadline_s() -> float:
    """How long a page waits for its blocks."""
    return 120.0


@pytest.fixture
def app(place: Place, metadata_database: None, deadline_s: float) -> FastAPI:
    from opensearch_ml.console.app import Console, console_app
    from opensearch_ml.console.blocks import SideBySide
    from opensearch_ml.console.sources import Sources

    sources = Sources(
        lambda: place.corpora,
        place.open_store,
        place.open_cluster,
        lambda dag, run: place.plans.get((dag, run)),
        lambda corpus, dags: [run for run in place.runs if run.dag_id in dags],
        lambda dag, run: place.going_on.get((dag, run)),
    )
    return console_app(Console(sources, side_by_side=SideBySide(deadline_s)))


@pytest.fixture(scope="session", autouse=True)
def known_dags(metadata_database: None) -> None:
    """Airflow knows a DAG of `news` and one of `tickets`, to the session's end: runs of other tests may name them by then."""
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    names = [f"sparse_index__{name}" for name in ("news", "tickets")]
    with create_session() as session:
        session.merge(DagBundleModel(name="console-tests"))
        session.flush()
        for name in names:
            session.merge(DagModel(dag_id=name, bundle_name="console-tests", is_stale=False, max_active_tasks=1))  # type: ignore[no-untyped-call]


@pytest.fixture
def visit(app: FastAPI, tokens: dict[str, str]) -> Visit:
    """GET a page as somebody (a role, or nobody), by token or by cookie."""
    whole = FastAPI()
    whole.mount("/sparse-index", app)

    def visit(path: str, role: str | None = "viewer", *, cookie: bool = False) -> Any:
        client = TestClient(whole, root_path=BASE, follow_redirects=False)
        if role and cookie:
            client.cookies.set("_token", tokens[role])
        headers = {"Authorization": f"Bearer {tokens[role]}"} if role and not cookie else {}
        return client.get(f"{BASE}/sparse-index{path}", headers=headers)

    return visit
