"""Going back to a former generation: decided by one task, done by the next, so that a repeat does the same again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from opensearch_ml.dag_names import dag_id
from opensearch_ml.opened import PLAN_TASK, Corpus
from opensearch_ml.operators.base import CorpusOperator
from opensearch_ml.params import require_answers_taken
from opensearch_ml.turns import APPROVE, RETIRE, named, turn_holders
from sparse_index.errors import BuildError


class ChooseTargetOperator(CorpusOperator):
    """Which index the alias goes back to; `to`: `previous`, an index or a build id. Nothing is changed.

    Fails while a daily run is between its plan and the end of its `retire`, or one of the command line is at work: whichever
    of the two moved the alias second would be refused, and former indices are deleted after a promotion.
    """

    template_fields = ("corpus", "to", "replicas_follow")

    def __init__(self, *, to: str, replicas_follow: bool | str = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.to = to
        self.replicas_follow = replicas_follow

    def work(self, corpus: Corpus, context: Any) -> dict[str, Any]:
        from sparse_index.operations.rollback import choose_target, require_no_build_at_work

        require_answers_taken(context)
        self.log.info("Corpus '%s' goes back to: %s.", self.corpus, self.to)
        now, run_id = datetime.now(UTC), context["run_id"]
        require_no_build(context, dag_id(self.corpus))
        require_no_build_at_work(corpus.store, corpus.config.alias, now)
        follow = self.replicas_follow not in (False, "False")
        target = choose_target(corpus.cluster, corpus.config, self.to, now=now, run_id=run_id, replicas_follow=follow)
        self.log.info("'%s' goes back from %s to %s.", target.alias, target.former or "no index", target.index)
        self.log.info("Should it fail half-way, for good: trigger it again with generation %s.", target.index)
        return {"corpus": self.corpus} | target.model_dump(mode="json")


def require_no_build(context: Any, daily: str) -> None:
    """`BuildError` while a run of the DAG `daily` is about to move the alias itself, or to delete former indices. One whose
    `retire` failed holds up nobody, nor does one that has no plan yet: that is refused when the alias has moved."""
    states = context["ti"].get_task_states(dag_id=daily, task_ids=[PLAN_TASK, APPROVE, RETIRE])
    holders = turn_holders(states, own_run="", turn=PLAN_TASK, until=RETIRE)
    if holders:
        raise BuildError(
            f"Run {named(holders, states)} of {daily} is building an index: it would yet switch the alias, or delete former "
            "indices. Nothing was changed. Wait until it has ended, or mark it failed, then trigger the rollback anew."
        )


class RollBackOperator(CorpusOperator):
    """Checks the chosen index, gives it its replicas, switches the alias, and records what was done."""

    template_fields = ("corpus", "target")

    def __init__(self, *, target: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = target

    def work(self, corpus: Corpus, context: Any) -> dict[str, Any]:
        from sparse_index.operations.rollback import Target, roll_back

        target = Target.model_validate(self.target)
        done = roll_back(corpus.cluster, corpus.store, corpus.config, target, now=datetime.now(UTC))
        self.log.info("%s Recorded in %s.", done.summary, corpus.store.full(done.record))
        for note in done.notes:
            self.log.warning("Note: %s.", note)
        return done.model_dump(mode="json")
