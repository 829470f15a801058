"""The real servers and demo files that tests share. A server starts once a session, and only for tests that ask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos_table import chaos_table  # noqa: F401 - a fixture
from local_cluster import LocalCluster
from own_servers import server_of_this_run
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.ml import verbs

ROOT = Path(__file__).parents[1]

SECOND_LOOK_S = verbs.SECOND_LOOK_S
RACING = ("test_races", "test_killed_tasks", "test_killed_builds", "test_killed_forget", "test_attached", "test_feeds")
SETTINGS = {
    # A node that looks at its disk takes blocks away that a test has set (auto release): not while tests run.
    "cluster.info.update.interval": "24h",
    "plugins.ml_commons.only_run_on_ml_node": "false",
    "plugins.ml_commons.allow_registering_model_via_url": "true",
    "plugins.ml_commons.allow_registering_model_via_local_file": "true",
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """In place of xdist's own, where a file's tests stay together."""
    from scheduling import ByServer

    return ByServer(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real servers on a busy machine are slow or out of memory at times: what fails beside them is tried once more, and the
    last lines of the run name it (RERUN). Not what looks for races: one that is lost every second time would be green."""
    for item in items:
        if item.path.relative_to(ROOT / "tests").parts[0] != "unit" and item.path.stem not in RACING:
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What each layer of the tests costs, set-up included; of several workers the sum."""
    seconds: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                folders = Path(report.nodeid.partition("::")[0]).parts
                seconds["/".join(folders[: 3 if folders[1:3] == ("dags", "live") else 2])] += report.duration
    terminalreporter.section("minutes per layer")
    for layer, spent in sorted(seconds.items()):
        terminalreporter.write_line(f"{layer:20} {spent / 60:5.1f}")


@pytest.fixture(scope="session", autouse=True)
def hurried_removal() -> Iterator[None]:
    """A removal of models looks twice, for what is still in flight when a run is stopped: only tests that stop one wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verbs, "SECOND_LOOK_S", 0.2)
        yield


@pytest.fixture
def patient_removal(hurried_removal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long between the two looks as in a run."""
    monkeypatch.setattr(verbs, "SECOND_LOOK_S", SECOND_LOOK_S)


@pytest.fixture(scope="session")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """OpenSearch 3.6.0 without security, on a free port of the loopback address."""
    with server_of_this_run(tmp_path_factory.mktemp("plain"), "plain") as server:
        yield server


@pytest.fixture(scope="session")
def plain_settings(plain_server: LocalCluster) -> ConnectionSettings:
    return ConnectionSettings(host=plain_server.host, port=plain_server.port, use_ssl=False)


@pytest.fixture(scope="session")
def plain_cluster(plain_settings: ConnectionSettings) -> Iterator[Cluster]:
    cluster = Cluster.connect(plain_settings)
    cluster.put("/_cluster/settings", {"persistent": SETTINGS})
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def secure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """OpenSearch 2.19.1 with TLS, users and roles, on a free port of the loopback address."""
    with server_of_this_run(tmp_path_factory.mktemp("secure"), "secure") as server:
        yield server


@pytest.fixture(scope="session")
def secure_cluster(secure_server: LocalCluster) -> Iterator[Cluster]:
    """The secure server as its administrator."""
    settings = ConnectionSettings(
        host=secure_server.host,
        port=secure_server.port,
        username=secure_server.username,
        password=secure_server.password,
        ca_certs=str(secure_server.ca_certs),
    )
    cluster = Cluster.connect(settings)
    cluster.put("/_cluster/settings", {"persistent": SETTINGS})
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def toy_models() -> Path:
    """The folder of the toy models, which tests use for speed: `<kind>/model.zip` and `<kind>/config.json`."""
    return ROOT / "include" / "demo" / "toy_models"
