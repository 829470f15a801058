"""A person's word where the gate is in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowTaskTimeout, TaskAwaitingInput
from airflow.sdk.execution_time.hitl import HITLUser

from opensearch_ml.alerts import answer_address, tell
from opensearch_ml.failures import retried_only_if_useful
from opensearch_ml.notifier import About
from opensearch_ml.opened import require_planned
from sparse_index.alerts.message import Alert, Kind

if TYPE_CHECKING:
    from sparse_index.gate.doubt import Question

ANSWER_KEY = "answer"
_SUBJECT = "May the candidate go live?"


class ApproveOperator(ApprovalOperator):
    """Asks whether the candidate may go live, where the corpus file says `gate.undecided: ask` and the gate was in doubt; else it
    asks nobody. Without an answer in time it is no, which skips what follows. Those whom the corpus `about` and the deployment
    name are told that it asks.

    The task waits in the state `awaiting_input`, without worker or triggerer. Who is asked what, and for how long, stands in
    the plan.
    """

    template_fields = ()

    def __init__(self, *, about: About, **kwargs: Any) -> None:
        # Subject and timeout are the plan's, which is not there yet; Airflow wants some.
        super().__init__(subject=_SUBJECT, defaults=self.REJECT, response_timeout=timedelta(hours=1), **kwargs)
        self.about = about

    def execute(self, context: Any) -> Any:
        from sparse_index.gate.doubt import question

        with retried_only_if_useful(context):
            asked = question(*require_planned(context))
        if asked is None:
            self.log.info("Nothing is in doubt, or nobody is asked: the build goes on.")
            return None
        self.subject, self.body = asked.subject, asked.body
        self.response_timeout = timedelta(hours=asked.hours)
        self.assigned_users = [HITLUser(id=user, name=user) for user in asked.users]
        try:
            return super().execute(context)
        except TaskAwaitingInput:
            # And not before: what Airflow did not take is asked again by the next attempt.
            try:
                self._tell(asked, context)
            except AirflowTaskTimeout:
                # To ask again would take back an answer that was given meanwhile.
                self.log.warning("Not everybody was told that an answer is waited for: a notifier did not end in time.")
            raise

    def _tell(self, asked: Question, context: Any) -> None:
        from sparse_index.console.remedies import remedy

        ti = context["ti"]
        who = f" Who may answer: {', '.join(asked.users)}." if asked.users else ""
        said = (
            f"Run {ti.run_id} waits for an answer, for {asked.hours:g} hours at most; without one it is no. Until then no other "
            f"run of this corpus goes on.{who}"
        )
        address = answer_address(ti.dag_id, ti.run_id, self.task_id)
        alert = Alert(Kind.ASKED, self.about.reader, asked.subject, said, address, remedy("approve"))
        tell(alert, self.about.config.alerts, context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Leaves the answer for the receipt: a no skips what follows, and with it what a task gives."""
        context["ti"].xcom_push(key=ANSWER_KEY, value=_in_words(event))
        with retried_only_if_useful(context):
            return super().execute_complete(context, event)


def is_no(answer: str) -> bool:
    """Whether an answer, as it was left for the receipt, keeps the candidate from going live."""
    return answer.startswith(ApproveOperator.REJECT)


def _in_words(event: Mapping[str, Any]) -> str:
    user = event.get("responded_by_user")
    who = f"by {user['name']}" if user else "because nobody answered in time"
    return f"{', '.join(event.get('chosen_options', []))} {who}, {event.get('responded_at')}"
