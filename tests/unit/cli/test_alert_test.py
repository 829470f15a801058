"""`alert-test`: whether those who are to be told hear of it, tried before it is needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from plain_notifiers import SENT
from sparse_index.cli.main import main

SERVICE = {"notifier": "plain_notifiers.Service", "arguments": {"channel": "#news"}}
DOWN = SERVICE | {"notifier": "plain_notifiers.Down"}


@pytest.fixture(autouse=True)
def nobody_told_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARSE_INDEX_ALERTS", raising=False)
    SENT.clear()


def tried(folder: Path, *alerts: dict[str, Any]) -> int:
    corpus = {
        "alias": "news",
        "owner": "Ada",
        "store": "store",
        "source": {"uri": "corpus.parquet", "id_column": "id", "text_template": "{title}"},
        "encoder": {"model": {"source": "model_id", "model_id": "m1"}},
        "alerts": list(alerts),
    }
    (folder / "news.yaml").write_text(yaml.safe_dump(corpus))
    return main(["alert-test", str(folder / "news.yaml")])


def test_every_notifier_of_file_and_deployment_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(
        "SPARSE_INDEX_ALERTS", json.dumps([{"notifier": "plain_notifiers.Service", "arguments": {"channel": "all"}}])
    )
    assert tried(tmp_path, SERVICE) == 0
    assert "2 of 2 notifier(s) took the test message." in capsys.readouterr().out
    assert [channel for channel, _ in SENT] == ["#news", "all"]
    alert = SENT[0][1]["alert"]
    assert (alert.kind, alert.title, alert.owner) == ("test", "Search index 'news': a test of its alerts", "Ada")


def test_one_that_does_not_send_fails_the_command_after_all_were_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tried(tmp_path, DOWN, SERVICE) == 1
    assert len(SENT) == 1
    said = capsys.readouterr()
    assert "1 of 2 notifier(s)" in said.out
    assert "was not sent by plain_notifiers.Down: ConnectionError: nobody at https://hooks.example/x" in said.err
    assert "s3cret" not in said.err


def test_nobody_to_tell_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tried(tmp_path) == 1
    assert "news.yaml names no `alerts` and SPARSE_INDEX_ALERTS is not set" in capsys.readouterr().err


def test_what_cannot_be_made_is_said_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tried(tmp_path, SERVICE, SERVICE | {"arguments": {}}) == 1
    assert "missing a required argument: 'channel'" in capsys.readouterr().err
    assert SENT == []
