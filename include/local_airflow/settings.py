"""What the services find in their environment: everything below one home folder, everything on the loopback address."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from local_cluster.home import write_private
from local_cluster.ports import HOST, find_free

USER = "admin"
POOL = "sparse_index_encode"
POOL_SLOTS = 2


@dataclass(frozen=True)
class Login:
    """Where the UI is and how to get in."""

    url: str
    port: int
    username: str
    password: str
    jwt_secret: str


def login_of(home: Path) -> Login:
    """The login of the Airflow in `home`; made up at the first call, the same afterwards."""
    file = home / "login.json"
    if file.exists():
        return Login(**json.loads(file.read_text(encoding="utf-8")))
    port = find_free()
    login = Login(f"http://{HOST}:{port}", port, USER, secrets.token_urlsafe(12), secrets.token_hex(64))
    home.mkdir(parents=True, exist_ok=True)
    # The login last: whoever finds it finds what Airflow knows of it.
    write_private(home / "passwords.json", json.dumps({USER: login.password}))
    write_private(file, json.dumps(asdict(login)))
    return login


def environment(root: Path, home: Path, opensearch: Mapping[str, object]) -> dict[str, str]:
    """The environment of every Airflow process. `opensearch`: host and port of a server without security."""
    login = login_of(home)
    connection = {
        "conn_type": "opensearch",
        "host": opensearch["host"],
        "port": opensearch["port"],
        # The local server speaks plain HTTP on the loopback address; a real one never should.
        "extra": {"use_ssl": False, "verify_certs": False},
    }
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(root / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # On a busy machine SQLite's own patience, 5 s, is too short for processes that write beside each other.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home.absolute() / 'airflow.db'}?timeout=60",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{login.url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{login.username}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(login.port),
        "AIRFLOW__API__BASE_URL": login.url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": login.jwt_secret,
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW_CONN_OPENSEARCH_DEFAULT": json.dumps(connection),
        "PYTHONPATH": f"{root / 'include'}{os.pathsep}{root / 'plugins'}",
        "SPARSE_INDEX_STORE": str(home.parent / "store"),
    }
