"""docker-compose.yaml and the files it mounts, as far as they can be checked without a container engine."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import stat
import threading
from fnmatch import fnmatch
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.fernet import Fernet

from sparse_index.config.alerts import ALERTS_VARIABLE, deployment_alerts
from sparse_index.config.corpus import CorpusConfig

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "docker-compose.yaml"
NODES = ["opensearch-1", "opensearch-2", "opensearch-ml"]
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?::(?P<kind>[?-])(?P<rest>[^}]*))?\}")
# Options that providers of the image define; those providers are not part of this environment.
PROVIDER_OPTIONS = {("celery", "result_backend")}
SERVICE_KEYS = {
    "build",
    "command",
    "depends_on",
    "environment",
    "healthcheck",
    "image",
    "mem_limit",
    "ports",
    "restart",
    "stop_grace_period",
    "ulimits",
    "user",
    "volumes",
}
CONDITIONS = {"service_healthy", "service_completed_successfully"}

Yaml = dict[str, Any]


def script(name: str) -> ModuleType:
    spec = spec_from_file_location(f"compose_{name}", ROOT / "docker" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def example_values() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def compose() -> Yaml:
    found: Yaml = yaml.safe_load(COMPOSE.read_text())
    return found


@pytest.fixture(scope="module")
def services(compose: Yaml) -> dict[str, Yaml]:
    found: dict[str, Yaml] = compose["services"]
    return found


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    assert script("certificates").main([str(folder), *NODES]) == 0
    return folder


def test_the_parts_that_were_asked_for_are_there(services: dict[str, Yaml]) -> None:
    airflow = {f"airflow-{part}" for part in ("apiserver", "scheduler", "dag-processor", "triggerer", "worker", "init")}
    assert airflow | {"postgres", "redis", "dashboards", *NODES} <= services.keys()


def test_services_use_known_keys_only(services: dict[str, Yaml]) -> None:
    unknown = {name: body.keys() - SERVICE_KEYS for name, body in services.items()}
    assert not {name: keys for name, keys in unknown.items() if keys}


def test_a_dependency_exists_and_can_reach_the_state_waited_for(services: dict[str, Yaml]) -> None:
    for name, body in services.items():
        for other, wait in body.get("depends_on", {}).items():
            assert wait["condition"] in CONDITIONS, (name, other)
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{name} waits for the health of {other}, which has no check"
            else:
                assert services[other].get("restart", "no") == "no", f"{name} waits for the end of {other}"


def test_services_that_stay_have_a_health_check(services: dict[str, Yaml]) -> None:
    assert [name for name, body in services.items() if "restart" in body and "healthcheck" not in body] == [
        "airflow-init"
    ]


def test_volumes_are_declared_used_and_bound_files_exist(compose: Yaml, services: dict[str, Yaml]) -> None:
    used = set()
    for body in services.values():
        for volume in body.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), source
                assert volume.endswith(":ro"), f"{volume}: the project's files are read, never written"
            else:
                used.add(source)
    assert used == set(compose["volumes"])


def test_ports_are_bound_to_loopback(services: dict[str, Yaml]) -> None:
    ports = [port for body in services.values() for port in body.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_images_are_pinned_and_ours_is_built_wherever_it_is_used(services: dict[str, Yaml]) -> None:
    for name, body in services.items():
        assert re.search(r":\d", body["image"]), name
        assert body["image"].startswith("sparse-index-airflow:") == ("build" in body), name


def test_every_variable_is_in_the_example_and_every_secret_is_demanded() -> None:
    found: dict[str, set[str | None]] = {}
    for match in VARIABLE.finditer(COMPOSE.read_text()):
        found.setdefault(match["name"], set()).add(match["kind"])
    example = example_values()
    assert found.keys() == example.keys()
    secrets = {name for name, value in example.items() if not value}
    assert {name for name in found if re.search("PASSWORD|SECRET|KEY", name)} == secrets
    for name in secrets:
        assert "?" in found[name], f"{name} must stop the start when it is empty"
        assert "-" not in found[name], f"{name} must have no default"


def test_whoever_tells_knows_whom(services: dict[str, Yaml]) -> None:
    """Tasks, the triggerer of late ones, the DAG processor of killed ones; until somebody is named the list is empty."""
    told = {
        services[f"airflow-{part}"]["environment"][ALERTS_VARIABLE] for part in ("worker", "triggerer", "dag-processor")
    }
    assert told == {"${SPARSE_INDEX_ALERTS:-[]}"}
    assert deployment_alerts({ALERTS_VARIABLE: example_values()[ALERTS_VARIABLE]}) == ()


def test_defaults_in_the_file_are_those_of_the_example() -> None:
    example = example_values()
    for match in VARIABLE.finditer(COMPOSE.read_text()):
        if match["kind"] == "-":
            assert match["rest"] == example[match["name"]], match["name"]


def test_every_airflow_variable_is_an_option_of_the_installed_airflow(services: dict[str, Yaml]) -> None:
    from airflow.configuration import conf

    known = {
        (section, option) for section, body in conf.configuration_description.items() for option in body["options"]
    }
    names = {name for body in services.values() for name in body["environment"] if name.startswith("AIRFLOW__")}
    assert names
    asked = {tuple(name.removeprefix("AIRFLOW__").lower().split("__")) for name in names}
    assert asked - known == PROVIDER_OPTIONS


def test_the_image_has_the_airflow_that_is_tested() -> None:
    requirements = (ROOT / "requirements.txt").read_text()
    (version,) = re.findall(r"^apache-airflow==(\S+)", requirements, re.MULTILINE)
    assert f"FROM apache/airflow:slim-{version}-python3.11" in (ROOT / "docker" / "Dockerfile").read_text()
    assert f"]=={version}" in (ROOT / "docker" / "requirements.txt").read_text()
    assert f"image: sparse-index-airflow:{version}" in COMPOSE.read_text()


def test_the_image_is_built_from_files_that_exist() -> None:
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    sources = [source for line in lines if line.startswith("COPY ") for source in line.split()[1:-1]]
    assert sources
    assert [source for source in sources if not (ROOT / source).is_file()] == []


def test_the_pool_and_the_connection_are_those_of_the_dags() -> None:
    init = (ROOT / "docker" / "airflow-init.sh").read_text()
    (pool,) = re.findall(r"airflow pools set (\S+)", init)
    assert f'"{pool}"' in (ROOT / "dags" / "daily_build.py").read_text()
    assert f'"{CorpusConfig.model_fields["connection"].default}"' in init


def test_certificates_match_the_names_in_opensearch_yml(certificates: Path) -> None:
    settings = yaml.safe_load((ROOT / "docker" / "opensearch" / "opensearch.yml").read_text())
    (admin_dn,) = settings["plugins.security.authcz.admin_dn"]
    (node_pattern,) = settings["plugins.security.nodes_dn"]
    assert subject(certificates / "admin" / "admin.pem") == admin_dn
    for node in NODES:
        assert fnmatch(subject(certificates / "nodes" / f"{node}.pem"), node_pattern)
    assert not fnmatch(admin_dn, node_pattern)
    assert settings["discovery.seed_hosts"] == NODES == settings["cluster.initial_cluster_manager_nodes"]


def subject(path: Path) -> str:
    return x509.load_pem_x509_certificate(path.read_bytes()).subject.rfc4514_string()


@pytest.mark.parametrize("host", ["opensearch-1", "localhost", "127.0.0.1"])
def test_a_client_with_the_authority_trusts_a_node(certificates: Path, host: str) -> None:
    assert handshake(certificates, host) == "trusted"


def test_a_client_does_not_trust_a_node_under_another_name(certificates: Path) -> None:
    assert "Hostname mismatch" in handshake(certificates, "opensearch-2")


def handshake(certificates: Path, host: str) -> str:
    """What a client that verifies `host` says of a server with the certificate of opensearch-1."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates / "nodes" / "opensearch-1.pem", certificates / "nodes" / "opensearch-1.key")
    client = ssl.create_default_context(cafile=certificates / "ca" / "ca.pem")
    near, far = socket.socketpair()
    answering = threading.Thread(target=answer, args=(server, far))
    answering.start()
    try:
        with near, client.wrap_socket(near, server_hostname=host):
            return "trusted"
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    finally:
        answering.join(timeout=120)


def answer(context: ssl.SSLContext, connection: socket.socket) -> None:
    try:
        with connection, context.wrap_socket(connection, server_side=True):
            pass
    except OSError:
        return


def test_keys_are_for_their_owner_alone_and_the_authority_keeps_none(certificates: Path) -> None:
    keys = sorted(certificates.rglob("*.key"))
    assert [key.stem for key in keys] == ["admin", *NODES]
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_certificates_are_made_once(certificates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in certificates.rglob("*.*")}
    assert script("certificates").main([str(certificates), *NODES]) == 0
    assert {path: path.read_bytes() for path in certificates.rglob("*.*")} == before
    assert "are there, valid until" in capsys.readouterr().out


def test_a_node_without_certificate_is_named(certificates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert script("certificates").main([str(certificates), *NODES, "opensearch-3"]) == 1
    assert "opensearch-3" in capsys.readouterr().err


def test_own_certificates_without_the_administrator_s_are_named(
    certificates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the service that makes the users fails minutes later, on an empty folder."""
    shutil.copytree(certificates, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("admin"))
    assert script("certificates").main([str(tmp_path), *NODES]) == 1
    assert "lack admin/admin.key" in capsys.readouterr().err


def test_a_new_env_has_a_secret_for_every_open_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text())
    assert script("new_env").main(tmp_path) == 0
    values = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines() if line[:1].isupper())
    made = {name: value for name, value in values.items() if not example_values()[name]}
    assert len(set(made.values())) == len(made)
    assert all(len(value) in (44, 64) for value in made.values())
    Fernet(values["AIRFLOW_FERNET_KEY"])
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_an_existing_env_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env.example").write_text("A_PASSWORD=\n")
    (tmp_path / ".env").write_text("A_PASSWORD=mine\n")
    assert script("new_env").main(tmp_path) == 1
    assert (tmp_path / ".env").read_text() == "A_PASSWORD=mine\n"
    assert "left as it is" in capsys.readouterr().err


def test_no_account_is_built_in() -> None:
    users = yaml.safe_load((ROOT / "docker" / "opensearch" / "internal_users.yml").read_text())
    assert users.keys() == {"_meta"}


def test_the_build_account_gets_the_shipped_role_on_its_aliases_only(services: dict[str, Yaml]) -> None:
    environment = dict.fromkeys(services["opensearch-users"]["environment"], "x") | {
        "OPENSEARCH_BUILD_ALIASES": "tickets, legal"
    }
    bodies = script("opensearch_users").accounts(environment)
    role = bodies["roles/sparse_index_build"]
    (rule,) = role["index_permissions"]
    assert rule["index_patterns"] == ["tickets", "tickets--*", "legal", "legal--*"]
    assert "indices:data/write/bulk*" in rule["allowed_actions"]
    assert "cluster:admin/opensearch/ml/predict" in role["cluster_permissions"]
    assert bodies["rolesmapping/sparse_index_build"] == {"users": ["sparse_index_build"]}


def test_the_serving_account_is_another_one_that_may_write_search_pipelines(services: dict[str, Yaml]) -> None:
    environment = dict.fromkeys(services["opensearch-users"]["environment"], "x")
    bodies = script("opensearch_users").accounts(environment)
    put = "cluster:admin/search/pipeline/put"
    assert put in bodies["roles/sparse_index_serve"]["cluster_permissions"]
    assert put not in bodies["roles/sparse_index_build"]["cluster_permissions"]
    assert bodies["rolesmapping/sparse_index_serve"] == {"users": ["sparse_index_serve"]}
    connection = services["airflow-worker"]["environment"]["SPARSE_INDEX_SERVING_CONNECTION"]
    assert f'"{connection}": connection("serve")' in (ROOT / "docker" / "airflow-init.sh").read_text()
