"""Notifiers by their import path: what is wrong with one shows without sending, and one that fails stops no other."""

from __future__ import annotations

import re
from typing import Any

import pytest

from plain_notifiers import SENT
from sparse_index.alerts.message import LONGEST_SAID, Alert, Kind, Reader
from sparse_index.alerts.notifiers import problems, send
from sparse_index.config.alerts import AlertConfig

READER = Reader("news", "Ada", "mailto:ada@example.org", "https://wiki.example/news")
ALERT = Alert(Kind.FAILED, READER, "news failed", "the model is gone", "https://airflow.example/r", "docs/operate.md#x")


@pytest.fixture(autouse=True)
def nobody_told_yet() -> None:
    SENT.clear()


def alert(notifier: str, **arguments: Any) -> AlertConfig:
    return AlertConfig(notifier=notifier, arguments=arguments)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (
            alert("plain_notifiers.Pager"),
            r"plain_notifiers.Pager cannot be imported \(ImportError: plain_notifiers has no Pager\). Install its provider",
        ),
        (alert("no_such_thing.Pager"), "No module named 'no_such_thing'"),
        (alert("plain_notifiers.SENT"), "plain_notifiers.SENT is no notifier class"),
        (alert("builtins.dict"), "builtins.dict is no notifier class"),
        (alert("plain_notifiers.Service"), "does not take these arguments: missing a required argument: 'channel'"),
        (alert("plain_notifiers.Service", channel="#s", colour="red"), "got an unexpected keyword argument 'colour'"),
    ],
)
def test_what_would_keep_it_from_sending(one: AlertConfig, words: str) -> None:
    (found,) = problems([alert("plain_notifiers.Service", channel="#s"), one])
    assert re.search(words, found)
    assert SENT == []


def test_each_is_told_whatever_happens_to_another() -> None:
    unsent = send(
        ALERT,
        [alert("plain_notifiers.Down", channel="a"), alert("plain_notifiers.Service", channel="b")],
        {"run": "r1"},
    )
    assert SENT == [("b", {"run": "r1", "alert": ALERT})]
    (said,) = unsent
    assert said.startswith(
        "'news failed' was not sent by plain_notifiers.Down: ConnectionError: nobody at https://hooks.example/x"
    )
    assert "s3cret" not in said


def test_no_argument_of_a_notifier_is_in_the_reason_why_it_could_not_send() -> None:
    """The secret of a web hook is the path of its address, which clients also tell without the host."""
    hook = "https://hooks.example/services/T0/B0/x9"
    one = alert("plain_notifiers.Refused", channel=hook)
    one.arguments["headers"] = {"key": ["pager-key"], "proxy": ["http://[no address"]}
    (said,) = send(ALERT, [one], {})
    assert "ConnectionError: Max retries exceeded with url: *** (caused by ***, key ***)" in said


def test_a_message_says_what_where_and_whose() -> None:
    assert str(ALERT).splitlines() == [
        "news failed",
        "the model is gone",
        "Run: https://airflow.example/r",
        "What to do: docs/operate.md#x",
        "Runbook: https://wiki.example/news",
        "Owner: Ada, mailto:ada@example.org",
    ]
    bare = str(Alert(Kind.LATE, Reader("news", "Ada"), "news is late", "x" * 3000))
    assert bare.splitlines() == ["news is late", f"{'x' * LONGEST_SAID} … (cut)", "Owner: Ada"]
