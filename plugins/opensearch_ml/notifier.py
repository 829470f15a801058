"""Says once, in words, that a run failed."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseNotifier


class FailureNotifier(BaseNotifier):
    """Logs one readable message: corpus, run, stage and what went wrong.

    The receipt task's own error already names what is live, what is untidy and where the receipt is, so the DAG hangs
    this on the receipt and on the teardowns only: one message a failed run, however many parts failed. To reach people,
    put a notifier of the Slack, SMTP or PagerDuty provider beside it in the same list.
    """

    def notify(self, context: Any) -> None:
        self.log.error("%s", failure_message(context))


def failure_message(context: Any) -> str:
    """Which task of which run failed, and its error in full."""
    task = context["ti"]
    error = context.get("exception") or "no error was given; see the task's log"
    return f"{task.dag_id} failed in '{task.task_id}' (run {task.run_id}).\n{error}"
