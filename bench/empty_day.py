"""DAGs in which nothing happens, for bench/idle_day.py: what a day with nothing to do would take if this package did nothing.

`same_tasks` runs and skips what `daily_build` runs and skips on such a day; `chain` runs as many tasks, one after another.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator, TriggerRule, chain, cross_downstream
from airflow.sdk.exceptions import AirflowSkipException

CHAIN = ("preflight", "turn", "plan_shards", "scan", "plan_changes", "reserve", "prepare_candidate", "receipt")
START = datetime(2025, 1, 1, tzinfo=UTC)


class Nothing(BaseOperator):
    """A task in a process of its own. Gives `gives`; `None` skips it."""

    def __init__(self, *, gives: Any = "", part: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gives, self.part = gives, part

    def execute(self, context: Any) -> Any:
        if self.gives is None:
            raise AirflowSkipException
        return self.gives


class NothingAwaited(BaseSensorOperator):
    def poke(self, context: Any) -> bool:
        return True


with DAG("same_tasks", schedule=None, start_date=START) as same_tasks:
    preflight, turn = Nothing(task_id="preflight"), NothingAwaited(task_id="turn", mode="reschedule")
    shards = Nothing(task_id="plan_shards", gives=[{"number": 0}])
    scans, plan = Nothing.partial(task_id="scan").expand(part=shards.output), Nothing(task_id="plan_changes")
    reserve = Nothing(task_id="reserve", gives=None).as_setup()
    group, register = (Nothing(task_id=name).as_setup() for name in ("create_model_group", "register_model"))
    registered, deploy = (Nothing(task_id=name).as_setup() for name in ("wait_registered", "deploy_model"))
    deployed, prove = Nothing(task_id="wait_deployed").as_setup(), Nothing(task_id="prove_encoder")
    encoded = Nothing.partial(task_id="encode").expand(part=reserve.output)
    undeploy, delete_model = Nothing(task_id="undeploy_model"), Nothing(task_id="delete_model")
    delete_group = Nothing(task_id="delete_model_group")
    undeploy.as_teardown(setups=[reserve, deploy, deployed])
    delete_model.as_teardown(setups=[reserve, register, registered])
    delete_group.as_teardown(setups=[reserve, group])
    candidate = Nothing(task_id="prepare_candidate", gives=None, trigger_rule=TriggerRule.NONE_FAILED)
    indexed = Nothing.partial(task_id="index").expand(part=candidate.output)
    *checks, retire = (Nothing(task_id=name) for name in ("reconcile", "gate", "approve", "promote", "retire"))
    outcome = EmptyOperator(task_id="outcome", trigger_rule=TriggerRule.NONE_FAILED)
    receipt = Nothing(task_id="receipt").as_teardown(on_failure_fail_dagrun=True)
    chain(preflight, turn, shards, scans, plan, reserve)
    chain(reserve, group, register, registered, deploy, deployed, prove, encoded, undeploy, delete_model, delete_group)
    chain(plan, [encoded, candidate])
    chain([scans, deployed], [plan, encoded])  # by what these tasks give
    chain(encoded, candidate, indexed, *checks, retire)
    cross_downstream([undeploy, delete_model, delete_group, retire], [outcome, receipt])

with DAG("chain", schedule=None, start_date=START):
    chain(*(Nothing(task_id=name) for name in CHAIN))
