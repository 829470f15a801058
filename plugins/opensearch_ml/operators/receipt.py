"""The last word of a run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from opensearch_ml.failures import ERROR_KEY
from opensearch_ml.opened import PLAN_TASK, Corpus, planned
from opensearch_ml.operators.base import CorpusOperator
from sparse_index.errors import BuildError

if TYPE_CHECKING:
    from sparse_index.builds.plan import Plan
    from sparse_index.builds.receipt import Ending, Outcome

_FAILED: Final = "failed"
_PROMOTED: Final = "promoted"
_LAST_TASK: Final = "retire"


class ReceiptOperator(CorpusOperator):
    """Writes the receipt, and fails unless the build ended as it should.

    Hang it below everything as a teardown without setups and with `on_failure_fail_dagrun=True`: then it runs in every
    case, also when the run was marked failed in the UI, and no failed build can pass for a success.
    """

    template_fields = ("corpus", "plan_task_id")

    def __init__(self, *, plan_task_id: str = PLAN_TASK, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan_task_id = plan_task_id

    def work(self, corpus: Corpus, context: Any) -> dict[str, Any]:
        from sparse_index.builds.receipt import receipt_path, write_receipt

        found = planned(context, self.plan_task_id)
        if found is None:
            raise BuildError(f"No build was planned. {_live_sentence(corpus)} {_why(failures(context))}")
        store, plan = found
        receipt = write_receipt(store, plan, _ending(corpus, plan, context))
        where = store.full(receipt_path(plan))
        if receipt["outcome"] == _FAILED or cut_short(receipt["outcome"], ended_tasks(context)):
            raise BuildError(f"{receipt['summary']} {_why(receipt['failures'])}\nReceipt: {where}")
        self.log.info("%s Receipt: %s", receipt["summary"], where)
        return {"outcome": receipt["outcome"], "summary": receipt["summary"], "receipt": where}


def cut_short(outcome: str, tasks: list[dict[str, Any]]) -> bool:
    """Promoted, but failed or stopped (marked failed in the UI) before the last task's end: no run to be shown green."""
    last_ended = any(task["task_id"] == _LAST_TASK and task["state"] == "success" for task in tasks)
    return outcome == _PROMOTED and not last_ended


def ended_tasks(context: Any) -> list[dict[str, Any]]:
    """task_id, map_index, state and duration (seconds) of every task of this run that has ended."""
    ti = context["ti"]
    return list(ti.get_task_breadcrumbs(dag_id=ti.dag_id, run_id=ti.run_id))


def stage_seconds(tasks: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds of work per task id; the parts of a mapped task are added up."""
    seconds: dict[str, float] = {}
    for task in tasks:
        seconds[task["task_id"]] = round(seconds.get(task["task_id"], 0.0) + (task["duration"] or 0.0), 1)
    return seconds


def failures(context: Any) -> dict[str, str]:
    """Task id (with the part of a mapped one) -> what it said, for every failed task of this run."""
    failed = (task for task in ended_tasks(context) if task["state"] == "failed")
    return {_label(task): _message(context, task) for task in failed}


def _label(task: dict[str, Any]) -> str:
    return task["task_id"] if task["map_index"] < 0 else f"{task['task_id']}[{task['map_index']}]"


def _message(context: Any, task: dict[str, Any]) -> str:
    said = context["ti"].xcom_pull(task_ids=task["task_id"], map_indexes=task["map_index"], key=ERROR_KEY)
    return str(said or "no reason was left; see its log")


def _why(reasons: Mapping[str, str]) -> str:
    if not reasons:
        return "No task failed: the run was stopped before its end."
    return "\n".join(["Failed:", *(f"  {task}: {reason}" for task, reason in reasons.items())])


def _live_sentence(corpus: Corpus) -> str:
    from sparse_index.live.alias import observe_alias

    live = observe_alias(corpus.cluster, corpus.config.alias).index
    return f"'{corpus.config.alias}' {f'is on {live}, as before' if live else 'has no live index'}."


def _ending(corpus: Corpus, plan: Plan, context: Any) -> Ending:
    from sparse_index.builds.receipt import Ending
    from sparse_index.live.alias import observe_alias
    from sparse_index.ml.life import life_of

    live = observe_alias(corpus.cluster, plan.alias).index
    passed, promotion, settings, retired = context["ti"].xcom_pull(
        task_ids=["gate", "promote", "preflight", _LAST_TASK]
    )
    promoted = plan.candidate in (live, (promotion or {}).get("live"))
    return Ending(
        outcome=outcome_of(plan, promoted=promoted, gate_passed=passed is not None),
        live=live,
        at=datetime.now(UTC),
        untidy=[
            *life_of(plan.config.encoder).remains(corpus.cluster, plan.group),
            *(settings or {}).get("left", []),
            *left(retired),
        ],
        failures=failures(context),
        stage_seconds=stage_seconds(ended_tasks(context)),
        former_settings=(settings or {}).get("former_settings", {}),
    )


def outcome_of(plan: Plan, *, promoted: bool, gate_passed: bool) -> Outcome:
    """How the build ended. `promoted`: the alias is on the candidate (a promote that died after the switch has promoted),
    or was put there by this run (the next run may have moved it on by now)."""
    if not plan.builds:
        return plan.outcome_when_idle
    if promoted:
        return _PROMOTED
    return "not_promoted" if gate_passed and not plan.promotes else _FAILED


def left(retired: Any) -> list[str]:
    """What `retire` had to leave, in words; its former versions gave the deleted names alone."""
    return list(retired["left"]) if isinstance(retired, dict) else []
