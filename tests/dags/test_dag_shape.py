"""The wiring of dags/daily_build.py: what must stay upstream of what, and what each task may do when it fails."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import DAG, TriggerRule

from opensearch_ml.sensors import TurnSensor
from sparse_index.builds.ending import GATE, PROMOTE, RETIRE

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

SETUPS = {"reserve", "create_model_group", "register_model", "wait_registered", "deploy_model", "wait_deployed"}
TEARDOWNS = {"undeploy_model", "delete_model", "delete_model_group"}


def test_the_folder_imports_without_errors(dag_bag: DagBag) -> None:
    assert dag_bag.import_errors == {}


def test_every_corpus_file_has_its_dag_and_none_is_broken(dag_bag: DagBag, corpus_names: list[str]) -> None:
    assert corpus_names
    corpora = {dag_id for dag_id, dag in dag_bag.dags.items() if "operations" not in dag.tags}
    assert corpora == {f"sparse_index__{name}{end}" for name in corpus_names for end in ("", "__serving")}
    assert [dag.dag_id for dag in dag_bag.dags.values() if "broken" in dag.tags] == []


def test_the_tasks_that_decide_how_a_build_ended_bear_the_names_that_the_core_knows(dag: DAG) -> None:
    assert {GATE, PROMOTE, RETIRE} <= set(dag.task_ids)


def test_a_daily_dag_never_catches_up_and_starts_paused(dag: DAG) -> None:
    assert dag.catchup is False
    assert dag.is_paused_upon_creation is True
    assert dag.dagrun_timeout is None, "it would skip the teardowns"
    assert dag.doc_md
    assert {"sparse-index"} <= dag.tags


def test_every_task_has_an_owner_retries_and_a_timeout(dag: DAG) -> None:
    for task in dag.tasks:
        assert task.owner != "airflow", task.task_id
        # These two wait for nodes that start again and for other runs' models.
        assert task.retries == (8 if task.task_id in ("preflight", "wait_deployed") else 2), task.task_id
        assert task.execution_timeout is not None, task.task_id


def test_what_grows_with_the_corpus_has_a_day(dag: DAG) -> None:
    """`plan_shards` reads the metadata of every file."""
    for task_id in ("plan_shards", "scan", "plan_changes", "encode", "index", "reconcile", "gate"):
        assert dag.get_task(task_id).execution_timeout == timedelta(hours=24), task_id


def test_every_param_has_a_default_and_a_description(dag: DAG) -> None:
    assert set(dag.params) == {"mode", "data_date", "row_limit", "force_older_date", "accept_mass_change"}
    for name in dag.params:
        param = dag.params.get_param(name)
        param.resolve()
        assert param.description, name


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("plan_changes", "scan"),
        ("scan", "plan_shards"),
        ("plan_shards", "turn"),
        ("turn", "preflight"),
        ("promote", "approve"),
        ("approve", "gate"),
        ("gate", "reconcile"),
        ("reconcile", "index"),
        ("index", "prepare_candidate"),
        ("prepare_candidate", "encode"),
        ("retire", "promote"),
        ("encode", "prove_encoder"),
        ("prove_encoder", "wait_deployed"),
        ("undeploy_model", "encode"),
        ("delete_model", "undeploy_model"),
        ("delete_model_group", "delete_model"),
        ("outcome", "retire"),
        ("receipt", "retire"),
    ],
)
def test_order_that_must_hold(dag: DAG, later: str, earlier: str) -> None:
    assert earlier in dag.get_task(later).get_flat_relative_ids(upstream=True)


def test_the_teardowns_wait_for_nothing_of_the_index(dag: DAG) -> None:
    index_tasks = {"prepare_candidate", "index", "reconcile", "gate", "promote", "retire"}
    for task_id in TEARDOWNS:
        assert not index_tasks & dag.get_task(task_id).get_flat_relative_ids(upstream=True)


def test_setups_and_teardowns(dag: DAG) -> None:
    assert {task.task_id for task in dag.tasks if task.is_setup} == SETUPS
    assert {task.task_id for task in dag.tasks if task.is_teardown} == TEARDOWNS | {"receipt"}


@pytest.mark.parametrize(
    ("teardown", "setups"),
    [
        ("undeploy_model", {"reserve", "deploy_model", "wait_deployed"}),
        ("delete_model", {"reserve", "register_model", "wait_registered"}),
        ("delete_model_group", {"reserve", "create_model_group"}),
        ("receipt", set()),
    ],
)
def test_each_teardown_runs_when_reserve_or_one_of_its_verbs_succeeded(
    dag: DAG, teardown: str, setups: set[str]
) -> None:
    task = dag.get_task(teardown)
    assert {up.task_id for up in task.upstream_list if up.is_setup} == setups
    assert task.trigger_rule is TriggerRule.ALL_DONE_SETUP_SUCCESS


def test_two_leaves_decide_the_run(dag: DAG) -> None:
    assert {task.task_id for task in dag.leaves} == {"outcome", "receipt"}
    assert dag.get_task("receipt").on_failure_fail_dagrun is True
    assert not any(dag.get_task(task_id).on_failure_fail_dagrun for task_id in TEARDOWNS)
    assert dag.get_task("outcome").trigger_rule is TriggerRule.NONE_FAILED
    assert dag.get_task("outcome").upstream_task_ids == TEARDOWNS | {"retire"}
    assert dag.get_task("receipt").upstream_task_ids == TEARDOWNS | {"retire"}


def test_only_prepare_candidate_and_outcome_leave_the_default_rule(dag: DAG) -> None:
    ordinary = [task for task in dag.tasks if not task.is_teardown]
    special = {task.task_id for task in ordinary if task.trigger_rule is not TriggerRule.ALL_SUCCESS}
    assert special == {"prepare_candidate", "outcome"}


def test_the_pool_is_on_encode_alone(dag: DAG) -> None:
    assert {task.task_id for task in dag.tasks if task.pool == "sparse_index_encode"} == {"encode"}


def test_one_look_at_the_turn_at_a_time(dag: DAG) -> None:
    turn = dag.get_task("turn")
    assert isinstance(turn, TurnSensor)
    assert turn.mode == "reschedule"
    assert turn.poke_interval == 10
    assert turn.max_active_tis_per_dag == 1
    assert turn.oldest_first, "a snapshot of an older day would be refused"
    assert PROMOTE in dag.task_ids


def test_promotion_is_announced_as_an_asset(dag: DAG) -> None:
    assert [asset.name for asset in dag.get_task("promote").outlets] == ["tickets"]


def test_the_daily_wiring_fits_on_two_screens(root: Path) -> None:
    for path in (root / "dags").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 80, path.name


def test_the_empty_day_of_the_bench_has_the_shape_of_a_build(dag: DAG, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "bench"))
    import empty_day

    def shape(of: DAG) -> dict[str, object]:
        return {
            task.task_id: (task.upstream_task_ids, task.trigger_rule, task.is_setup, task.is_teardown, task.is_mapped)
            for task in of.tasks
        }

    assert shape(empty_day.same_tasks) == shape(dag)
