"""The last word of a run."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opensearch_ml.attempt import ended_stages, has_worked, left_by
from opensearch_ml.links import BuildLink
from opensearch_ml.metrics import send_metrics
from opensearch_ml.opened import PLAN_TASK, Corpus, planned
from opensearch_ml.operators.approval import ANSWER_KEY, is_no
from opensearch_ml.operators.base import CorpusOperator
from opensearch_ml.turns import APPROVE, TURN
from sparse_index.errors import BuildError, SparseIndexError, TerminalError, UnavailableError

if TYPE_CHECKING:
    from sparse_index.builds.ending import Ending, Stage
    from sparse_index.builds.metrics import Metric
    from sparse_index.builds.plan import Plan

log = logging.getLogger(__name__)


class ReceiptOperator(CorpusOperator):
    """Writes the receipt, and fails unless the build ended as it should.

    Hang it below everything as a teardown without setups and with `on_failure_fail_dagrun=True`: then it runs in every
    case, also when the run was marked failed in the UI, and no failed build can pass for a success.
    """

    operator_extra_links = (BuildLink(),)

    def work(self, corpus: Corpus, context: Any) -> dict[str, Any]:
        from sparse_index.builds.ending import failures
        from sparse_index.builds.metrics import NO_BUILD, build_metrics
        from sparse_index.builds.receipt import sentences, write_receipt
        from sparse_index.store.layout import receipt_path

        stages = ended_stages(context)
        try:
            found = planned(context) if has_worked(PLAN_TASK, stages) else None
        except (SparseIndexError, OSError) as error:
            told = [*_reasons(stages), _live(corpus, stages, context)]
            raise _after(told, "The plan of this run cannot be read", error) from error
        if found is None:
            send_metrics(self.corpus, corpus.config.owner, [NO_BUILD])
            raise BuildError(
                "\n".join([why(failures(stages)), "No build was planned.", _live(corpus, stages, context)])
            )
        store, plan = found
        ending = _ending(corpus, plan, stages, context)
        reasons = _reasons(stages) if ending.is_good else [why(failures(stages), ending.approval)]
        told = [*reasons, *sentences(plan, ending)]
        try:
            receipt = write_receipt(store, plan, ending)
        except (SparseIndexError, OSError) as error:
            raise _after(told, "There is no receipt", error) from error
        send_metrics(self.corpus, corpus.config.owner, [*build_metrics(receipt), *_of_live(corpus, ending)])
        where = store.full(receipt_path(plan.alias, plan.build_id))
        if not ending.is_good:
            raise BuildError("\n".join([*told, f"Receipt: {where}"]))
        self.log.info("%s Receipt: %s", receipt["summary"], where)
        return {"outcome": receipt["outcome"], "summary": receipt["summary"], "receipt": where}


def _reasons(stages: Sequence[Stage]) -> list[str]:
    """None where no task failed: then it is the receipt alone that is in the way."""
    from sparse_index.builds.ending import failures

    found = failures(stages)
    return [why(found)] if found else []


def _live(corpus: Corpus, stages: Sequence[Stage], context: Any) -> str:
    """Where there is no plan to tell it by."""
    from sparse_index.builds.ending import PROMOTE
    from sparse_index.live.last_look import live_sentence

    promotion = left_by(PROMOTE, stages, context)
    if promotion:
        return f"'{corpus.config.alias}' is on {promotion['live']}; this build was promoted."
    return live_sentence(lambda: corpus.cluster, corpus.config.alias)


def _after(told: Sequence[str], what: str, error: SparseIndexError | OSError) -> SparseIndexError:
    """An error as it was to Airflow, that hides nothing of what is known without the store: often that is what a stage failed of,
    too."""
    ours = error if isinstance(error, SparseIndexError) else UnavailableError(f"{type(error).__name__}: {error}")
    return type(ours)("\n".join([*told, f"{what}: {ours.message}"]), ours.status, ours.reason)


def why(reasons: Mapping[str, str], answered: str | None = None) -> str:
    """The reason comes first of all that a red receipt says: the page of a task shows the first error of its log. A person's no
    comes before all that failed beside it."""
    from sparse_index.builds.ending import ANSWERED

    said = [f"{ANSWERED} {answered}."] if answered and is_no(answered) else []
    said += [f"{task} failed: {reason}" for task, reason in reasons.items()]
    return "\n".join(said) or "No task failed: the run was stopped before its end."


def _ending(corpus: Corpus, plan: Plan, stages: Sequence[Stage], context: Any) -> Ending:
    from sparse_index.builds.ending import PROMOTE, RETIRE, Ending, outcome_of
    from sparse_index.live.last_look import last_look

    tasks = (PROMOTE, "preflight", RETIRE, TURN)
    promotion, settings, retired, waited = (left_by(task, stages, context) for task in tasks)
    answer = left_by(APPROVE, stages, context, ANSWER_KEY)
    # Not by the state of the task alone, which a person can set.
    switched = (promotion or {}).get("live") == plan.candidate
    if not switched and any(stage.name == PROMOTE for stage in stages):
        _require_an_answer(corpus, context)
    seen = last_look(lambda: corpus.cluster, plan, promoted=switched)
    return Ending(
        outcome=outcome_of(plan, stages, promoted=switched or plan.candidate == seen.live),
        live=seen.live,
        at=datetime.now(UTC),
        untidy=[*seen.untidy, *(settings or {}).get("left", []), *left(retired)],
        stages=stages,
        former_settings=(settings or {}).get("former_settings", {}),
        approval=answer,
        candidate_bytes=seen.candidate_bytes,
        wall_seconds=_seconds_since(context["dag_run"].start_date),
        waited_seconds=(waited or 0.0) + sum(stage.seconds for stage in stages if answer and stage.name == APPROVE),
    )


def _require_an_answer(corpus: Corpus, context: Any) -> None:
    """The answer to a switch may have got lost: then only the cluster knows what is live, and while there is another attempt the
    receipt waits for it. What no attempt would hear is no reason to leave no receipt."""
    from sparse_index.live.alias import observe_alias

    if context["ti"].try_number <= context["ti"].max_tries:
        with suppress(TerminalError):
            observe_alias(corpus.cluster, corpus.config.alias)


def _of_live(corpus: Corpus, ending: Ending) -> Iterator[Metric]:
    from sparse_index.live.age import live_metrics
    from sparse_index.live.meta import read_meta

    try:
        meta = read_meta(corpus.cluster, ending.live) if ending.live else None
    except SparseIndexError as error:  # the last word of a run does not wait for a number
        log.warning("No metrics of the live index: %s", error)
        return
    if meta:
        yield from live_metrics(meta, ending.at)


def _seconds_since(began: datetime | None) -> float | None:
    return None if began is None else (datetime.now(UTC) - began).total_seconds()


def left(retired: Any) -> list[str]:
    """What `retire` had to leave, in words; its former versions gave the deleted names alone."""
    return list(retired["left"]) if isinstance(retired, dict) else []
