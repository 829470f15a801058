"""Corpus files become DAGs; a broken file becomes a DAG that says why, and harms no other."""

from __future__ import annotations

import shutil

import pytest
from airflow.sdk.exceptions import AirflowFailException

from dag_help import load_dags
from opensearch_ml.factory import PREFIX

BROKEN = """
alias: My--Alias
store: ""
sauce: {}
source: {uri: x.parquet, id_column: id, text_template: "no column"}
"""


@pytest.fixture
def corpora(tmp_path, root, monkeypatch):
    shutil.copy(root / "include" / "corpora" / "tickets.yaml", tmp_path / "good.yaml")
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    return tmp_path


def test_a_broken_file_fails_with_all_its_problems_in_one_message(corpora) -> None:
    (corpora / "bad.yaml").write_text(BROKEN)
    dags = load_dags()
    assert {dag_id for dag_id in dags if dag_id.startswith(PREFIX)} == {"sparse_index__good", "sparse_index__bad"}
    assert "broken" not in dags["sparse_index__good"].tags
    bad = dags["sparse_index__bad"]
    assert "broken" in bad.tags
    assert bad.timetable.can_be_scheduled is False
    with pytest.raises(AirflowFailException) as caught:
        bad.tasks[0].execute({})
    for problem in ("bad.yaml", "sauce", "alias", "encoder", "text_template"):
        assert problem in str(caught.value)


def test_text_that_is_no_yaml_breaks_only_its_own_dag(corpora) -> None:
    (corpora / "bad.yaml").write_text("alias: [tickets")
    dags = load_dags()
    assert "broken" in dags["sparse_index__bad"].tags
    assert "not YAML" in dags["sparse_index__bad"].tasks[0].problems


def test_two_files_with_one_alias_are_both_broken_and_name_each_other(corpora) -> None:
    shutil.copy(corpora / "good.yaml", corpora / "twin.yaml")
    dags = load_dags()
    assert "twin.yaml" in dags["sparse_index__good"].tasks[0].problems
    assert "good.yaml" in dags["sparse_index__twin"].tasks[0].problems


def test_only_the_dag_that_a_task_needs_is_built(corpora, monkeypatch) -> None:
    (corpora / "bad.yaml").write_text(BROKEN)
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "sparse_index__good")
    assert {dag_id for dag_id in load_dags() if dag_id.startswith(PREFIX)} == {"sparse_index__good"}


def test_the_demo_starts_unpaused(corpora, monkeypatch) -> None:
    monkeypatch.setenv("SPARSE_INDEX_DEMO", "1")
    assert load_dags()["sparse_index__good"].is_paused_upon_creation is False
