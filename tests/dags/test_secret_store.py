"""A store and a corpus behind a login: tasks after the plan take the password from the corpus file (promise P7)."""

from __future__ import annotations

import logging
from pathlib import Path

import fsspec
import pytest
from airflow.sdk import DAG

from build_plans import corpus_config, make_plan
from opensearch_ml.opened import planned
from opensearch_ml.operators.household import Household
from secret_store import Vault
from sparse_index.builds.plan import save_plan
from sparse_index.config.neighbours import Neighbours
from sparse_index.corpus.listing import list_parquet
from sparse_index.operations.janitor import by_store
from sparse_index.store.files import Store

CORPUS = """
alias: things
store: vault://me:${WORD}@host/store
source: {uri: "vault://me:${WORD}@host/corpus/*", id_column: id, text_template: "{title}"}
encoder: {model: {source: model_id, model_id: m1}}
"""


@pytest.fixture(autouse=True)
def vault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fsspec.register_implementation("vault", Vault, clobber=True)
    (tmp_path / "things.yaml").write_text(CORPUS)
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    monkeypatch.setenv("WORD", "hush")


class TaskInstance:
    def __init__(self, returned: dict[str, str]) -> None:
        self.returned = returned

    def xcom_pull(self, task_ids: str) -> dict[str, str]:
        return self.returned


def test_a_task_after_the_plan_opens_store_and_corpus_with_the_password_of_the_file() -> None:
    config = corpus_config("things", "vault://me:hush@host/store", source={"uri": "vault://me:hush@host/corpus/*"})
    path = save_plan(Store(config.store), make_plan(config))
    where = {"store": "vault://me@host/store", "plan": path, "secrets_of": "things"}
    found = planned({"ti": TaskInstance(where), "dag": DAG("things", schedule=None)})
    assert found is not None
    store, plan = found
    assert b"hush" not in store.read_bytes(path)
    assert (plan.config.store, plan.config.source.uri) == (config.store, config.source.uri)
    Vault.store.clear()


def test_files_of_a_host_that_paths_do_not_name_are_found_again() -> None:
    Vault(username="me", password="hush").pipe("/corpus/a.parquet", b"PAR1")
    config = corpus_config("things", source={"uri": "vault://me:hush@host/corpus/*"})
    (file,) = list_parquet(config.source.uri).files
    assert file == "vault://me@host/corpus/a.parquet"
    assert fsspec.open(config.source.with_secret(file)).open().read() == b"PAR1"
    Vault.store.clear()


def test_the_janitor_names_a_store_without_its_password_and_opens_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    here, there = (corpus_config(host, f"vault://me:hush@{host}/store") for host in ("one", "two"))
    stores = by_store([here, there])
    assert stores == {"vault://me@one/store": [here], "vault://me@two/store": [there]}
    assert Household(stores, {}, {}, Neighbours()).store("vault://me@one/store").root_uri == here.store
    assert "hush" not in caplog.text
