"""The example of the docs: a DAG of somebody else's, scheduled on the index of a corpus."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Asset

from build_plans import corpus_config, make_plan
from sparse_index.builds.news import promotion_news
from sparse_index.builds.plan import Counts
from sparse_index.store.files import Store


@pytest.fixture(scope="module")
def bag(root: Path) -> DagBag:
    return DagBag(root / "docs" / "examples")


def awaited_by(bag: DagBag) -> Any:
    (asset,) = getattr(bag.dags["after_a_promotion"].timetable.asset_condition, "objects")  # noqa: B009
    return asset


def test_it_waits_for_the_asset_of_the_corpus_and_declares_none_itself(bag: DagBag, dag: DAG) -> None:
    assert bag.import_errors == {}
    (promoted,) = dag.get_task("promote").outlets
    assert isinstance(promoted, Asset)
    assert awaited_by(bag) == Asset.ref(name=promoted.name)


def test_it_reads_the_news_of_a_promotion(bag: DagBag, tmp_path: Path) -> None:
    read = getattr(bag.dags["after_a_promotion"].get_task("read_the_news"), "python_callable")  # noqa: B009
    store = Store(str(tmp_path))
    plan = make_plan(corpus_config("tickets", store.root_uri), counts=Counts(documents=1_200, new=3, deleted=1))
    (sentence,) = read({awaited_by(bag): [SimpleNamespace(extra=promotion_news(store, plan))]})
    assert sentence.startswith(f"{plan.candidate} holds 1,200 documents of 2025-03-01: 3 new, 0 changed, 1 deleted. /")
