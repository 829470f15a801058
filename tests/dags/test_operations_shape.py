"""The wiring of the operations DAGs: three places for an operator, each the same for every corpus."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG

from dag_help import load_dags
from opensearch_ml.dag_names import FORGET_DAG, JANITOR_DAG, REDRIVE_DAG, ROLLBACK_DAG, kind_of
from opensearch_ml.notifier import FailureNotifier
from opensearch_ml.opened import PLAN_TASK
from opensearch_ml.operators.forget import ForgettingOperator
from opensearch_ml.operators.redrive import RunEndSensor
from opensearch_ml.turns import APPROVE, RETIRE
from sparse_index.operations.rollback import DEADLINE_S

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

FORMS = {
    "rollback": {"corpus", "generation", "replicas_follow"},
    "redrive": {"corpus", "build"},
    "forget": {"corpus", "ids"},
    "janitor": {"dry_run"},
}


@pytest.fixture(params=FORMS)
def operation(dag_bag: DagBag, request: pytest.FixtureRequest) -> DAG:
    return dag_bag.dags[f"sparse_index_{request.param}"]


def test_there_is_one_dag_for_each_operation(dag_bag: DagBag) -> None:
    found = {dag_id for dag_id, dag in dag_bag.dags.items() if "operations" in dag.tags}
    assert found == {f"sparse_index_{name}" for name in FORMS}
    assert {ROLLBACK_DAG, JANITOR_DAG, FORGET_DAG, REDRIVE_DAG} <= found


def test_an_operation_says_what_it_does_and_fails_loudly(operation: DAG) -> None:
    assert (operation.doc_md or "").startswith("# ")
    assert operation.description
    assert operation.dagrun_timeout is None
    assert operation.catchup is False
    assert {"sparse-index", "operations"} == operation.tags
    for task in operation.tasks:
        assert task.owner == "sparse-index", task.task_id
        assert task.execution_timeout is not None, task.task_id
        assert task.retries == (0 if task.task_id == "run_corpus" else 2)
        assert isinstance(task.on_failure_callback, list), task.task_id
        (told,) = task.on_failure_callback
        assert isinstance(told, FailureNotifier), task.task_id


def test_a_rollback_is_not_ended_before_its_own_wait_says_what_it_saw(dag_bag: DagBag) -> None:
    allowed = dag_bag.dags[ROLLBACK_DAG].task_dict["roll_back"].execution_timeout
    assert allowed is not None
    assert allowed.total_seconds() > 2 * DEADLINE_S


@pytest.mark.parametrize(
    ("dag_id", "tasks"),
    [
        (JANITOR_DAG, {"look", "clean"}),
        (FORGET_DAG, {"look", "forget"}),
        (REDRIVE_DAG, {"settle_letters"}),
        ("sparse_index__tickets", {"plan_shards", "scan", "plan_changes", "encode", "index", "reconcile", "gate"}),
    ],
)
def test_what_takes_longer_with_more_documents_has_a_day(dag_bag: DagBag, dag_id: str, tasks: set[str]) -> None:
    found = dag_bag.dags[dag_id].tasks
    assert {task.task_id for task in found if task.execution_timeout == timedelta(hours=24)} == tasks


def test_every_question_of_a_form_is_explained(dag_bag: DagBag) -> None:
    for name, questions in FORMS.items():
        params = dag_bag.dags[f"sparse_index_{name}"].params
        assert set(params) == questions
        assert all(params.get_param(question).description for question in questions)


def test_a_form_offers_every_corpus_and_chooses_none_by_itself(dag_bag: DagBag, corpus_names: list[str]) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    for name in ("rollback", "redrive", "forget"):
        param = dag_bag.dags[f"sparse_index_{name}"].params.get_param("corpus")
        assert param.schema["enum"] == corpus_names
        with pytest.raises(ParamValidationError):
            param.resolve()
        with pytest.raises(ParamValidationError):
            param.resolve("nothing-like-it")
        assert param.resolve("tickets") == "tickets"


def test_what_a_person_triggers_works_at_once_and_the_janitor_begins_paused_and_dry(dag_bag: DagBag) -> None:
    for name in ("rollback", "redrive", "forget"):
        dag = dag_bag.dags[f"sparse_index_{name}"]
        assert dag.is_paused_upon_creation is False
        assert dag.timetable.can_be_scheduled is False
    janitor = dag_bag.dags["sparse_index_janitor"]
    assert janitor.is_paused_upon_creation is True
    assert janitor.timetable.can_be_scheduled is True
    assert janitor.max_active_runs == 1
    assert janitor.params["dry_run"] is True


@pytest.mark.parametrize("page", ["docs/operate.md", "docs/deploy.md"])
def test_the_pages_say_to_unpause_whatever_begins_paused(dag_bag: DagBag, root: Path, page: str) -> None:
    names = {
        "daily": "sparse_index__<name>",
        "serving": "sparse_index__<name>__serving",
        "janitor": "sparse_index_janitor",
    }
    assert {kind_of(dag_id) for dag_id, dag in dag_bag.dags.items() if dag.is_paused_upon_creation} == names.keys()
    said = (line for line in (root / page).read_text().split("\n\n") if "begins paused" in line)
    assert any(all(f"`{name}`" in line for name in names.values()) for line in said)


def test_a_scheduled_janitor_cleans_only_where_somebody_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for said, dry in (("yes", True), ("clean", False)):
        monkeypatch.setenv("SPARSE_INDEX_JANITOR", said)
        assert load_dags()["sparse_index_janitor"].params["dry_run"] is dry


def test_a_rollback_asks_for_the_tasks_that_the_daily_dag_has(dag: DAG) -> None:
    assert {PLAN_TASK, APPROVE, RETIRE} <= set(dag.task_ids)


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("rollback", ["choose_target", "roll_back"]),
        ("redrive", ["select_letters", "run_corpus", "wait_for_run", "settle_letters"]),
        ("forget", ["look", "forget"]),
        ("janitor", ["look", "clean"]),
    ],
)
def test_the_order_of_the_tasks(dag_bag: DagBag, name: str, order: list[str]) -> None:
    dag = dag_bag.dags[f"sparse_index_{name}"]
    tasks = dag.topological_sort()  # type: ignore[no-untyped-call]
    assert [task.task_id for task in tasks] == order
    for earlier, later in pairwise(order):
        assert earlier in dag.get_task(later).upstream_task_ids


def test_ids_of_documents_to_forget_come_from_a_file_alone(dag_bag: DagBag) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    dag = dag_bag.dags["sparse_index_forget"]
    assert dag.max_active_runs == 1
    with pytest.raises(ParamValidationError):
        dag.params.get_param("ids").resolve()
    for task in dag.tasks:
        assert isinstance(task, ForgettingOperator)
        assert (task.corpus, task.ids) == ("{{ params.corpus }}", "{{ params.ids }}")


def test_a_redrive_starts_the_corpus_s_own_dag_for_the_right_day_and_waits(dag_bag: DagBag) -> None:
    task = dag_bag.dags["sparse_index_redrive"].get_task("run_corpus")
    assert isinstance(task, TriggerDagRunOperator)
    assert task.trigger_dag_id == "sparse_index__{{ params.corpus }}"
    assert isinstance(task.conf, dict)
    assert set(task.conf) == {"data_date"}
    assert (task.wait_for_completion, task.fail_when_dag_is_paused) == (False, True)
    wait = dag_bag.dags["sparse_index_redrive"].get_task("wait_for_run")
    assert isinstance(wait, RunEndSensor)
    assert (wait.of_dag, wait.of_run) == (task.trigger_dag_id, task.trigger_run_id)


def test_a_folder_without_any_corpus_harms_no_operation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    assert set(load_dags()) > {f"sparse_index_{name}" for name in FORMS}, "and one that says so"
