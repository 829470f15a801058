"""What the receipt's task makes of Airflow's own account of a run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.observability import stats

from build_plans import corpus_config, make_plan
from fake_opensearch import fake_cluster, unreachable
from opensearch_ml.failures import ERROR_KEY
from opensearch_ml.opened import PLAN_TASK
from opensearch_ml.operators.receipt import ReceiptOperator, ended_stages
from sparse_index.builds.ending import PROMOTE, Stage
from sparse_index.builds.plan import save_plan
from sparse_index.cluster.client import Cluster
from sparse_index.errors import BuildError, ConfigError, SparseIndexError, UnavailableError
from sparse_index.store.files import Store
from sparse_index.store.layout import receipt_path

SAID = {("encode", 1): "the model is gone"}


def task(task_id: str, state: str, map_index: int = -1, duration: float | None = 2.0) -> dict[str, object]:
    return {"task_id": task_id, "map_index": map_index, "state": state, "duration": duration}


def test_tasks_become_stages_with_their_parts_and_what_they_said() -> None:
    tasks = [
        task("preflight", "success"),
        task("encode", "success", 0),
        task("encode", "failed", 1),
        task("turn", "failed"),
        task("promote", "upstream_failed", duration=None),
    ]
    ti = SimpleNamespace(
        dag_id="d",
        run_id="r",
        get_task_breadcrumbs=lambda dag_id, run_id: tasks,
        xcom_pull=lambda task_ids, map_indexes, key: SAID.get((task_ids, map_indexes)),
    )
    assert ended_stages({"ti": ti}) == [
        Stage("preflight", 2.0),
        Stage("encode", 2.0, part=0),
        Stage("encode", 2.0, done=False, failure="the model is gone", part=1),
        Stage("turn", 2.0, done=False, failure="no reason was left; see its log"),
        Stage("promote", 0.0, done=False),
    ]


def unreachable_cluster() -> Cluster:
    def silent(method: str, path: str, body: Any) -> Any:
        raise unreachable()

    return fake_cluster(silent)


class Away(SimpleNamespace):
    """A corpus whose cluster does not answer."""

    @property
    def cluster(self) -> Cluster:
        return unreachable_cluster()


class NoConnection(SimpleNamespace):
    """A corpus whose connection cannot be opened any more."""

    @property
    def cluster(self) -> Cluster:
        raise ConfigError("extra `use_ssl` must be true or false")


def in_a_run_that_failed(
    tmp_path: Path,
    path: str | None,
    failed: str = "index",
    attempt: int = 1,
    kind: type[SimpleNamespace] = Away,
) -> tuple[Any, Any]:
    """Its corpus, of this `kind`, and the context of its receipt, which has three retries."""
    said = {PLAN_TASK: path and {"store": str(tmp_path), "plan": path}, ERROR_KEY: "no answer from the cluster"}
    ti = SimpleNamespace(
        dag_id="d",
        run_id="r",
        try_number=attempt,
        max_tries=3,
        get_task_breadcrumbs=lambda dag_id, run_id: [task(failed, "failed")],
        xcom_pull=lambda task_ids, key="", **_: [None] * 4 if isinstance(task_ids, list) else said.get(key or task_ids),
    )
    corpus = kind(config=corpus_config("things", str(tmp_path)))
    return corpus, {"ti": ti, "dag_run": SimpleNamespace(start_date=None)}


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    monkeypatch.setattr(stats, "incr", lambda name, count, tags: sent.append(name))
    return sent


def test_a_cluster_that_is_away_hides_neither_receipt_nor_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(corpus_config("things", str(tmp_path)), live_index="things--b20250228t060000-00000a")
    sent = counted(monkeypatch)
    corpus, context = in_a_run_that_failed(tmp_path, save_plan(Store(str(tmp_path)), plan))
    with pytest.raises(
        BuildError, match=r"^index failed: no answer from the cluster\n'things' is on things--b20250228t"
    ):
        ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)
    (untidy,) = Store(str(tmp_path)).read_json(receipt_path(plan.alias, plan.build_id))["untidy"]
    assert untidy.startswith("the cluster could not be asked")
    assert sent == ["sparse_index.builds.failed"]


def test_a_run_without_a_plan_says_why_although_the_cluster_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = counted(monkeypatch)
    corpus, context = in_a_run_that_failed(tmp_path, None)
    with pytest.raises(
        BuildError, match=r"^index failed: no answer .*\nNo build was planned\.\nThe cluster could not be"
    ):
        ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)
    assert sent == ["sparse_index.builds.failed"]


@pytest.mark.parametrize("failed", ["index", PROMOTE])
def test_a_connection_that_cannot_be_opened_hides_neither_receipt_nor_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failed: str
) -> None:
    sent = counted(monkeypatch)
    plan = make_plan(corpus_config("things", str(tmp_path)))
    corpus, context = in_a_run_that_failed(tmp_path, save_plan(Store(str(tmp_path)), plan), failed, kind=NoConnection)
    with pytest.raises(BuildError, match=f"^{failed} failed: no answer from the cluster\n"):
        ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)
    (untidy,) = Store(str(tmp_path)).read_json(receipt_path(plan.alias, plan.build_id))["untidy"]
    assert "extra `use_ssl` must be true or false" in untidy
    assert sent == ["sparse_index.builds.failed"]


def test_a_run_without_a_plan_says_why_although_the_connection_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = counted(monkeypatch)
    corpus, context = in_a_run_that_failed(tmp_path, None, kind=NoConnection)
    with pytest.raises(BuildError, match=r"^index failed: no answer .*\nNo build was planned\.\nThe cluster could not"):
        ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)
    assert sent == ["sparse_index.builds.failed"]


def test_after_a_switch_without_an_answer_the_receipt_waits_for_the_cluster_as_long_as_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alias may have moved: nobody but the cluster knows what is live. A clear lets Airflow count on, to further attempts."""
    counted(monkeypatch)
    store, plan = Store(str(tmp_path)), make_plan(corpus_config("things", str(tmp_path)))
    path = save_plan(store, plan)
    expected: dict[int, type[SparseIndexError]] = {1: UnavailableError, 3: UnavailableError, 4: BuildError}
    for attempt, error in expected.items():
        corpus, context = in_a_run_that_failed(tmp_path, path, PROMOTE, attempt)
        with pytest.raises(error):
            ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)
        assert store.exists(receipt_path(plan.alias, plan.build_id)) == (attempt == 4)
