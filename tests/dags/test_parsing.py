"""Parsing the DAG files asks nobody anything: no connection is opened and no database is read, however many corpora there are."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import sqlalchemy
from sqlalchemy.engine import Engine

from dag_help import load_bag
from opensearch_ml.dag_names import broken_dag_id


def refused(*_: Any, **__: Any) -> NoReturn:
    raise ConnectionError("while parsing nothing may be asked")


@pytest.fixture
def nothing_answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every socket and every statement of a database raises."""
    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, refused, raising=False)
    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refused)
    sqlalchemy.event.listen(Engine, "before_cursor_execute", refused)
    yield
    sqlalchemy.event.remove(Engine, "before_cursor_execute", refused)


@pytest.mark.usefixtures("nothing_answers")
def test_all_dag_files_are_parsed_without_a_socket_and_without_a_database(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (root / "include" / "corpora").glob("*.yaml"):
        shutil.copy(path, tmp_path)
    (tmp_path / "bad.yaml").write_text("alias: [not, text]")
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    bag = load_bag()
    assert bag.import_errors == {}
    assert len(bag.dags) > 8
    assert "broken" in bag.dags[broken_dag_id("bad")].tags


@pytest.mark.usefixtures("nothing_answers")
def test_the_trap_closes() -> None:
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", 9))
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(ConnectionError):
        connection.execute(sqlalchemy.text("select 1"))
    engine.dispose()
