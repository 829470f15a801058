"""From the corpus's files to a frozen plan."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from airflow.sdk.configuration import conf

from opensearch_ml.links import BuildLink
from opensearch_ml.opened import Corpus
from opensearch_ml.operators.base import CorpusOperator
from opensearch_ml.params import require_answers_taken, run_request
from opensearch_ml.progress import show_progress
from opensearch_ml.runs import goes_on
from opensearch_ml.task_settings import executors_of
from opensearch_ml.turns import require_own_turn

SHARDS_TASK = "plan_shards"
_LOCAL_EXECUTORS = frozenset({"LocalExecutor", "SequentialExecutor", "DebugExecutor"})


class PreflightOperator(CorpusOperator):
    """Everything that would make the build fail later, named at once.

    Removes what dead runs left, unless only a plan is asked for. Gives the cluster settings that it changed, with their former
    values, what it removed, and what stays of former runs.
    """

    def work(self, corpus: Corpus, context: Any) -> dict[str, Any]:
        from sparse_index.builds.request import Mode
        from sparse_index.preflight.examine import preflight

        require_answers_taken(context)
        ready = preflight(
            corpus.cluster,
            corpus.config,
            corpus.store,
            goes_on=partial(goes_on, context, corpus.store, context["ti"].dag_id, corpus.config.alias),
            changes=run_request(context).mode is not Mode.PLAN_ONLY,
            workers_share_files=workers_share_files(conf.get("core", "executor")),
        )
        self.log.info("%s", ready)
        found = {"swept": list(ready.swept), "left": list(ready.left)}
        return {"former_settings": dict(ready.former_settings)} | found


def workers_share_files(executors: str) -> bool:
    """Whether every executor of Airflow's setting runs its tasks on this machine; all of them, since the operations' tasks are
    not where a corpus file sends its own. In a pod of the KubernetesExecutor the setting is the pod's own: templates name a
    local executor there."""
    if os.environ.get("AIRFLOW_IS_K8S_EXECUTOR_POD"):
        return False
    return all(name in _LOCAL_EXECUTORS for _, name in executors_of(executors))


class PlanShardsOperator(CorpusOperator):
    """Row groups -> shards, and one type for each column; reads the files' metadata only.

    Gives the list that `ScanOperator` is mapped over.
    Of a feed, those of the partition of the run's data date.
    """

    def work(self, corpus: Corpus, context: Any) -> list[dict[str, Any]]:
        from sparse_index.corpus.shards import shards_in_words
        from sparse_index.plan.shards import plan_shards

        request, config = run_request(context), corpus.config
        if config.kind == "feed":
            self.log.info("Partition %s of the feed '%s'.", request.data_date, config.alias)
        shards = plan_shards(corpus.cluster, config, corpus.store, request)
        self.log.info("'%s': %s", config.alias, shards_in_words(shards))
        return [shard.model_dump(mode="json") for shard in shards]


class ScanOperator(CorpusOperator):
    """One shard -> its manifest in the store; an unchanged shard is not read again."""

    template_fields = ("corpus", "shard")

    def __init__(self, *, shard: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shard = shard

    def work(self, corpus: Corpus, context: Any) -> dict[str, Any]:
        from sparse_index.corpus.scan import scan_shard
        from sparse_index.corpus.shards import Shard

        scan = scan_shard(corpus.config, corpus.store, Shard.model_validate(self.shard), show_progress(context))
        self.log.info("%s", scan)
        # What a former version's shard does not say stays unsaid.
        return scan.model_dump(mode="json", exclude_unset=True)


class PlanChangesOperator(CorpusOperator):
    """Manifests x live manifest x vectors store -> the frozen plan, which every later task reads from the store."""

    template_fields = ("corpus", "scans")
    operator_extra_links = (BuildLink(),)

    def __init__(self, *, scans: Sequence[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scans = scans

    def work(self, corpus: Corpus, context: Any) -> dict[str, Any]:
        from sparse_index.addresses import public_address
        from sparse_index.corpus.shards import Shard, ShardScan, scans_of
        from sparse_index.plan.changes import plan_changes
        from sparse_index.plan.foresee import foreseen
        from sparse_index.plan.in_words import plan_in_words
        from sparse_index.store.layout import plan_path

        require_own_turn(context["ti"])
        shards = [Shard.model_validate(shard) for shard in context["ti"].xcom_pull(task_ids=SHARDS_TASK)]
        scans = scans_of(shards, [ShardScan.model_validate(scan) for scan in self.scans[:]])
        plan = plan_changes(
            corpus.cluster,
            corpus.config,
            corpus.store,
            scans,
            run_request(context),
            now=datetime.now(UTC),
            token=uuid.uuid4().hex,
        )
        # Where tasks load a model themselves, they do so in other processes, on whatever machines they have.
        plan = foreseen(corpus.cluster, corpus.store, plan, encodes_here=False, clock=time.monotonic)
        self.log.info("%s", plan_in_words(plan))
        writes = sum(part.items for part in plan.index_parts)
        self.log.info(
            "The plan is frozen: %s, %s texts to encode, %s documents to write or delete.",
            *(plan.kind, f"{plan.counts.texts_to_encode:,}", f"{writes:,}"),
        )
        return {
            "store": public_address(corpus.config.store),
            "secrets_of": self.corpus if corpus.config.has_secrets else None,
            "plan": plan_path(plan.alias, plan.build_id),
            "build_id": plan.build_id,
            "kind": plan.kind.value,
            "counts": plan.counts.model_dump(),
        }
