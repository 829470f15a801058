"""Airflow's REST API, as far as the demo and the failure tests need it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import requests

from local_airflow.settings import Login

READY_TIMEOUT_S = 180.0
POLL_S = 1.0
A_PAGE = 100


class AirflowApi:
    """One logged-in client."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._session = requests.Session()

    def wait_until_ready(self, dag_id: str, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return when `dag_id` is known; TimeoutError naming what was seen last."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._authenticate()
                self.get(f"/dags/{dag_id}")
            except requests.RequestException as error:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"Airflow at {self._login.url} does not show {dag_id}: {error}") from error
                time.sleep(POLL_S)
            else:
                return

    def get(self, path: str, **params: Any) -> Any:
        return self._call("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("POST", path, json=body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("PATCH", path, json=body)

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, logical_date: datetime | None = None) -> str:
        """Start a run, and unpause the DAG after it: then a run for the schedule's own date replaces the schedule's."""
        date = logical_date.isoformat() if logical_date else None
        run = self.post(f"/dags/{dag_id}/dagRuns", {"logical_date": date, "conf": dict(conf or {})})
        self.patch(f"/dags/{dag_id}", {"is_paused": False})
        return str(run["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """All of them; the API gives a hundred at most at once."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        found: list[dict[str, Any]] = []
        while True:
            answer = self.get(path, limit=A_PAGE, offset=len(found), order_by="id")
            found += answer["task_instances"]
            if len(found) >= answer["total_entries"] or not answer["task_instances"]:
                return found

    def xcom(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> Any:
        """What the task returned; None when it returned nothing."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        try:
            return self.get(path, map_index=map_index, deserialize=True)["value"]
        except requests.HTTPError as error:
            if error.response is not None and error.response.status_code == requests.codes.not_found:
                return None
            raise

    def _authenticate(self) -> None:
        body = {"username": self._login.username, "password": self._login.password}
        answer = self._session.post(f"{self._login.url}/auth/token", json=body, timeout=30)
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self._session.request(method, f"{self._login.url}/api/v2{path}", timeout=60, **arguments)
        answer.raise_for_status()
        return answer.json() if answer.content else None
