"""`alerts` of a corpus file and of the deployment: what is taken, what is refused, and that no secret in it is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from build_plans import corpus_config, make_plan
from sparse_index.config.alerts import ALERTS_VARIABLE, deployment_alerts
from sparse_index.errors import ConfigError

SLACK: dict[str, Any] = {"notifier": "chat.Slack", "arguments": {"address": "https://hooks.example/s3cret"}}


def test_a_notifier_has_a_path_and_arguments() -> None:
    (alert,) = corpus_config("things", alerts=[SLACK]).alerts
    assert (alert.notifier, alert.arguments) == (SLACK["notifier"], SLACK["arguments"])
    assert corpus_config("things").alerts == ()


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"alerts": [{"notifier": "Slack"}]}, "alerts.0.notifier\n.*write package.module.Class"),
        ({"alerts": [{"notifier": "chat.Slack", "text": "x"}]}, "alerts.0.text"),
        ({"alerts": [{"arguments": {}}]}, "alerts.0.notifier"),
        ({"runbook_url": "page 7"}, "it is no link"),
        ({"late_after_minutes": 0}, "late_after_minutes"),
        ({"stale_after_hours": 0}, "stale_after_hours"),
    ],
)
def test_what_cannot_be_meant_is_refused(sections: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        corpus_config("things", **sections)


def test_no_argument_is_shown_or_kept_with_the_plan() -> None:
    config = corpus_config("things", alerts=[SLACK])
    kept = make_plan(config).model_dump_json()
    assert "s3cret" not in kept + repr(config)
    assert not config.has_secrets, "no task has to read the corpus file again for them"
    assert config.document_hash() == corpus_config("things").document_hash()


def test_the_deployment_names_notifiers_for_all() -> None:
    assert deployment_alerts({}) == deployment_alerts({ALERTS_VARIABLE: " "}) == ()
    (alert,) = deployment_alerts({ALERTS_VARIABLE: json.dumps([SLACK])})
    assert alert.notifier == "chat.Slack"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("chat.Slack s3cret", "it: Invalid JSON"),
        (json.dumps(SLACK), "it: Input should be a valid"),
        (json.dumps([SLACK | {"notifier": "s3cret"}]), "0.notifier: .*write package.module.Class"),
        (json.dumps([SLACK | {"s3cret": 1}]), "0.s3cret: Extra"),
    ],
)
def test_what_is_wrong_with_the_variable_is_said_and_no_value_of_it(given: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"SPARSE_INDEX_ALERTS cannot be used: {words}") as caught:
        deployment_alerts({ALERTS_VARIABLE: given})
    assert "hooks.example" not in caught.value.message
