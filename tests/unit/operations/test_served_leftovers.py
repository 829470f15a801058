"""What serving has left: a corpus that cannot be looked at keeps all, and says so; one that never had any is not looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster
from real_builds import MODEL_ZIP
from sparse_index.config.neighbours import Neighbours
from sparse_index.operations.cleanup import Action, Kind
from sparse_index.operations.served import remove, serving_cluster, unneeded
from sparse_index.serving.needs import needs_of
from sparse_index.serving.state import Memory, remember
from sparse_index.store.files import Store


def test_a_corpus_without_serving_that_never_had_any_costs_no_request(tmp_path: Path) -> None:
    def answer(method: str, path: str, body: Any) -> Any:
        pytest.fail(f"{method} {path}")

    config = corpus_config("things", str(tmp_path))
    assert unneeded({config.connection: fake_cluster(answer)}, Store(config.store), [config]) == ([], [])


def test_what_cannot_be_looked_at_stays_and_is_said(tmp_path: Path) -> None:
    config = corpus_config("things", str(tmp_path))
    store = Store(config.store)
    remember(store, "things", Memory(groups=["sparse-index-serving--a--000000000000"]))
    actions, doubts = unneeded({}, store, [config])
    assert actions == []
    assert "serves queries of 'things' could not be looked at, and stays: connection 'opensearch_default'" in doubts[0]


def test_a_model_that_a_corpus_of_another_store_needs_stays(tmp_path: Path) -> None:
    def answer(method: str, path: str, body: Any) -> Any:
        pytest.fail(f"{method} {path}")

    model = {"source": "file", "name": "toy-sparse", "version": "1.0.0", "path": str(MODEL_ZIP)}
    shared = corpus_config("other", str(tmp_path / "other"), encoder={"model": model, "lifecycle": "shared"})
    config, (need,) = corpus_config("things", str(tmp_path)), needs_of(shared)
    going = Action(
        kind=Kind.SERVED, alias="things", name=need.group, reason="no query of this corpus needs it any more"
    )
    clusters, store = {config.connection: fake_cluster(answer)}, Store(config.store)
    kept = remove(clusters, store, [config], going, None, beside=Neighbours([config, shared]))
    assert kept == [f"{need.group} stays: other needs it"]


def test_another_account_may_be_the_one_that_deletes() -> None:
    cluster, other = fake_cluster(lambda *_: {}), fake_cluster(lambda *_: {})
    clusters = {"opensearch_default": cluster, "serving": other}
    assert serving_cluster(clusters, corpus_config("things")) is cluster
    assert serving_cluster(clusters, corpus_config("things", serving_connection="serving")) is other
