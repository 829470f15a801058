"""Whether those who are to be told of a failed run hear of it."""

from __future__ import annotations

import argparse

from sparse_index.alerts.message import Alert, Kind, Reader
from sparse_index.alerts.notifiers import problems, send
from sparse_index.config.alerts import ALERTS_VARIABLE, deployment_alerts
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.load import load_beside_others
from sparse_index.errors import ConfigError, UnavailableError

_SAID = "This is a test: nothing has happened. Write down in docs/handoff.md on which day it arrived."


def alert_test(options: argparse.Namespace) -> None:
    """Send a test through every notifier of the corpus and of the deployment; fails when one of them does."""
    config = load_beside_others(options.corpus)
    alerts = [*config.alerts, *deployment_alerts()]
    if not alerts:
        raise ConfigError(
            f"{options.corpus.name} names no `alerts` and {ALERTS_VARIABLE} is not set: nobody is told of a failed run"
        )
    wrong = list(problems(alerts))
    if wrong:
        raise ConfigError("\n".join(wrong))
    unsent = send(_test(options.corpus.stem, config), alerts, {})
    print(f"{len(alerts) - len(unsent)} of {len(alerts)} notifier(s) took the test message. Look whether it arrived.")
    if unsent:
        raise UnavailableError("\n".join(unsent))


def _test(corpus: str, config: CorpusConfig) -> Alert:
    reader = Reader(corpus, config.owner, config.owner_url, config.runbook_url)
    return Alert(Kind.TEST, reader, f"Search index '{corpus}': a test of its alerts", _SAID)
