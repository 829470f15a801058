"""Cluster settings that a corpus needs: what they were is told before anything is set, and nothing is set in vain."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster
from sparse_index.errors import ConfigError
from sparse_index.ml.settings import ensure_settings, settings_problem
from sparse_index.ml.sources import FROM_URL

MODEL = {"source": "url", "name": "splade", "version": "1", "url": "http://h/m.zip", "sha256": "ab" * 32}
CONFIG = corpus_config("things", encoder={"model": MODEL}, cluster_settings="ensure")


class Settings:
    """Of a cluster with an ML node. `said_before`: what was in the log when they were changed."""

    def __init__(self, **levels: dict[str, Any]) -> None:
        self.levels: dict[str, dict[str, Any]] = {"defaults": {FROM_URL: "false"}} | levels
        self.said_before: list[str] = []
        self.caplog: pytest.LogCaptureFixture | None = None

    def __call__(self, method: str, path: str, body: Any) -> Any:
        if path.startswith("/_nodes"):
            return {"nodes": {"n1": {"roles": ["ml"]}}}
        if method == "PUT":
            self.said_before = [] if self.caplog is None else self.caplog.messages[:]
            self.levels |= body
        return self.levels


def test_the_former_values_are_in_the_log_before_anything_is_set(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(persistent={FROM_URL: "off"})
    settings.caplog = caplog
    assert settings_problem(fake_cluster(settings), CONFIG) is None
    assert ensure_settings(fake_cluster(settings), CONFIG) == {FROM_URL: "off"}
    (said,) = settings.said_before
    assert f'PUT /_cluster/settings {{"persistent":{{"{FROM_URL}":"off"}}}}' in said
    assert settings.levels["persistent"] == {FROM_URL: "true"}
    assert ensure_settings(fake_cluster(settings), CONFIG) == {}


def test_nothing_is_set_that_a_transient_setting_overrides() -> None:
    settings = Settings(transient={FROM_URL: "false"})
    assert "a transient setting overrides it" in str(settings_problem(fake_cluster(settings), CONFIG))
    with pytest.raises(ConfigError, match="a transient setting overrides it"):
        ensure_settings(fake_cluster(settings), CONFIG)
    assert "persistent" not in settings.levels
