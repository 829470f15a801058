"""The daily DAG as an ordinary user runs it: the shipped build role and nothing else, TLS verified, models private."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from everything import everything_in
from local_cluster import LocalCluster
from promises import check_promises
from real_day import ROWS, Day, RealDay, delete_everything
from secure_accounts import hardened, logins
from sparse_index.builds.plan import BuildKind, Plan, load_plan
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.roles import role_bodies
from sparse_index.store.files import Store

pytestmark = [pytest.mark.integration, pytest.mark.secure, pytest.mark.usefixtures("metadata_database")]
ROLE = "sparse_index_build"
WRONG = "no-hush-8041"
NOTHING: dict[str, list[str]] = {"models": [], "groups": [], "candidates": []}


@pytest.fixture
def builder(secure_server: LocalCluster, secure_cluster: Cluster) -> Iterator[tuple[str, ConnectionSettings]]:
    """An alias, and the login of a user who may build it."""
    alias = f"day-{uuid4().hex[:6]}"
    with hardened(secure_cluster):
        yield alias, logins(secure_server, secure_cluster, {ROLE: role_bodies(alias)[ROLE]})[ROLE]


@pytest.fixture
def day(
    builder: tuple[str, ConnectionSettings], secure_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RealDay]:
    """The corpus of that alias; the test looks at the cluster as its administrator."""
    alias, login = builder
    monkeypatch.setenv("AIRFLOW_CONN_OPENSEARCH_DEFAULT", json.dumps(connection(login)))
    day = RealDay(tmp_path / "day", secure_cluster, alias, monkeypatch)
    day.config |= {"cluster_settings": "check"}
    yield day
    delete_everything(secure_cluster, alias, tmp_path / "day")


def connection(login: ConnectionSettings) -> dict[str, Any]:
    who = {"login": login.username, "password": login.password}
    return {
        "conn_type": "opensearch",
        "host": login.host,
        "port": login.port,
        "extra": {"ca_certs": login.ca_certs},
    } | who


def plan_of(ended: Day) -> Plan:
    where = ended.xcoms["plan_changes"]
    return load_plan(Store(where["store"]), where["plan"])


def test_the_build_role_is_enough_for_a_first_day_and_the_day_after(
    day: RealDay,
    builder: tuple[str, ConnectionSettings],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the password is in nothing that either of them leaves, nor is a wrong one in what a run leaves that it stops."""
    caplog.set_level(logging.INFO)
    told = []
    for rows, kind in ((ROWS, BuildKind.FULL), (ROWS - 1, BuildKind.DELTA)):
        day.write_rows(rows)
        ended = day.run()
        assert ended.state == "success", ended.said
        plan = plan_of(ended)
        assert plan.kind is kind
        check_promises(day.cluster, Store(plan.config.store), plan)
        assert day.left_behind() == NOTHING | {"candidates": [plan.live_index] if plan.live_index else []}
        told.append(ended)
    wrong = connection(builder[1]) | {"password": WRONG}
    monkeypatch.setenv("AIRFLOW_CONN_OPENSEARCH_DEFAULT", json.dumps(wrong))
    told.append(day.run())
    assert told[-1].state == "failed"
    left = {"runs": json.dumps([asdict(ended) for ended in told], default=str), "log": caplog.text}
    left |= {"output": "".join(capfd.readouterr()), "index": json.dumps(day.cluster.get(f"/{day.live()}"))}
    texts = [*everything_in(day.folder / "store"), *left.items()]
    assert [name for name, text in texts if str(builder[1].password) in text or WRONG in text] == []
