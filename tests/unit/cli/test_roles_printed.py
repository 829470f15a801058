"""`roles` for a folder of corpora: whoever puts what it prints for one of them takes nothing from another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
import yaml

from fake_opensearch import fake_cluster
from sparse_index.cli.operations import roles
from sparse_index.config.load import load_corpus

CORPORA = {"tickets": "opensearch_default", "news": "opensearch_default", "legal": "of_the_lawyers"}


def silent(method: str, path: str, body: Any) -> Any:
    pytest.fail(f"{method} {path}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for alias, connection in CORPORA.items():
        values = {
            "alias": alias,
            "connection": connection,
            "store": "store",
            "source": {"uri": "corpus.parquet", "id_column": "id", "text_template": "{body}"},
            "encoder": {"model": {"source": "model_id", "model_id": "m1"}},
        }
        (tmp_path / f"{alias}.yaml").write_text(yaml.safe_dump(values))
    return tmp_path


def test_each_put_in_turn_leaves_every_corpus_its_permissions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put: dict[str, Any] = {}
    for alias in ("tickets", "news"):
        file = folder / f"{alias}.yaml"
        roles(argparse.Namespace(corpus=file), fake_cluster(silent), load_corpus(file))
        put |= yaml.safe_load(capsys.readouterr().out)
        patterns = {name: [rule["index_patterns"] for rule in role["index_permissions"]] for name, role in put.items()}
        assert patterns == {
            "sparse_index_build": [["news", "news--*", "tickets", "tickets--*"]],
            "sparse_index_serve": [["news", "news--*", "tickets", "tickets--*"]],
            "sparse_index_read": [["news", "tickets"]],
        }


def test_a_file_that_cannot_be_used_is_named_in_a_comment(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "news.yaml").write_text("alias: news")
    file = folder / "tickets.yaml"
    roles(argparse.Namespace(corpus=file), fake_cluster(silent), load_corpus(file))
    said = capsys.readouterr().out
    assert said.startswith("# The file of corpus 'news' cannot be used")
    assert yaml.safe_load(said)["sparse_index_read"]["index_permissions"][0]["index_patterns"] == ["tickets"]
