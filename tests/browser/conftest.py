"""One Airflow with the console in it, and one browser before it. They end with the one file of tests: Playwright keeps an event
loop in this thread, and Airflow a processor busy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from browsed import Visitor, Visitors, chromium, headless
from console_airflow import BASES, ConsoleAirflow, console_airflow
from sparse_index.cluster.client import Cluster, ConnectionSettings


@pytest.fixture(scope="module")
def program() -> str:
    """Asked for first: without a browser no server is started."""
    return chromium()


@pytest.fixture(scope="module")
def airflow(
    program: str,
    tmp_path_factory: pytest.TempPathFactory,
    plain_settings: ConnectionSettings,
    plain_cluster: Cluster,
) -> Iterator[ConsoleAirflow]:
    with console_airflow(tmp_path_factory.mktemp("console"), plain_settings, plain_cluster) as started:
        yield started


@pytest.fixture(scope="module")
def visitors(program: str, airflow: ConsoleAirflow) -> Iterator[Visitors]:
    with headless(program) as browser:
        yield Visitors(browser, airflow)


@pytest.fixture(params=BASES, ids=["at the root", "below a path"])
def base(request: pytest.FixtureRequest) -> str:
    """The path that Airflow is under."""
    return str(request.param)


@pytest.fixture
def viewer(visitors: Visitors, base: str) -> Iterator[Visitor]:
    """Somebody who may only read."""
    with visitors.visit(base, "viewer") as visitor:
        yield visitor
