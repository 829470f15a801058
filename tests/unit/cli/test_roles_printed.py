"""`roles` for a folder of corpora: whoever puts what it prints for one of them takes nothing from another."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sparse_index.cli.main import main
from sparse_index.cli.operations import roles
from sparse_index.store.files import Store

# Alias -> connection, and that of serving.
CORPORA = {
    "tickets": ("opensearch_default", None),
    "news": ("opensearch_default", "of_serving"),
    "legal": ("of_the_lawyers", "of_serving"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for alias, (connection, serving) in CORPORA.items():
        values = {
            "alias": alias,
            "connection": connection,
            "serving_connection": serving,
            "store": "store",
            "source": {"uri": "corpus.parquet", "id_column": "id", "text_template": "{body}"},
            "encoder": {"model": {"source": "model_id", "model_id": "m1"}},
        }
        (tmp_path / f"{alias}.yaml").write_text(yaml.safe_dump(values))
    return tmp_path


def put_by(printed: str) -> dict[str, Any]:
    """Role -> body of each request: a line that says where, then JSON to the next empty line."""
    requests = (text.split("\n", 1) for text in printed.strip().split("\n\n"))
    return {where.removeprefix("PUT _plugins/_security/api/roles/"): json.loads(body) for where, body in requests}


def patterns_of(role: dict[str, Any]) -> list[list[str]]:
    return [rule["index_patterns"] for rule in role["index_permissions"]]


def test_each_put_in_turn_leaves_every_corpus_its_permissions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put: dict[str, Any] = {}
    for alias in ("tickets", "news"):
        roles(argparse.Namespace(corpus=folder / f"{alias}.yaml"))
        put |= put_by(capsys.readouterr().out)
        assert patterns_of(put["sparse_index_build"]) == [["news", "news--*", "tickets", "tickets--*"]]
        assert patterns_of(put["sparse_index_read"]) == [["news", "tickets"]]


def test_corpora_of_two_accounts_that_one_account_serves_share_its_role(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for alias, built in (("news", ["news", "news--*", "tickets", "tickets--*"]), ("legal", ["legal", "legal--*"])):
        roles(argparse.Namespace(corpus=folder / f"{alias}.yaml"))
        put = put_by(capsys.readouterr().out)
        assert patterns_of(put["sparse_index_serve"]) == [["legal", "legal--*", "news", "news--*"]]
        assert patterns_of(put["sparse_index_build"]) == [built]
    roles(argparse.Namespace(corpus=folder / "tickets.yaml"))
    assert patterns_of(put_by(capsys.readouterr().out)["sparse_index_serve"]) == [["tickets", "tickets--*"]]


def test_a_file_that_cannot_be_used_is_named_in_a_comment(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "news.yaml").write_text("alias: news")
    roles(argparse.Namespace(corpus=folder / "tickets.yaml"))
    comment, printed = capsys.readouterr().out.split("\n", 1)
    assert comment.startswith("# The file of corpus 'news' cannot be used")
    assert patterns_of(put_by(printed)["sparse_index_read"]) == [["tickets"]]


def test_whoever_cannot_connect_reads_roles_and_receipts_all_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Store(str(folder / "store")).write_json("tickets/builds/20260102T030405-000abc/receipt.json", {"summary": "Live."})
    for command, said in (("roles", "PUT _plugins"), ("receipt", "Live.")):
        assert main([command, str(folder / "tickets.yaml"), "--url", "no address"]) == 0
        assert capsys.readouterr().out.startswith(said)
