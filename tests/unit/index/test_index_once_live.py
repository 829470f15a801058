"""An index from which a rollback took the alias: no task of its build, cleared or repeated, brings it back or writes to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from build_plans import NOW, corpus_config, make_plan
from fake_opensearch import fake_cluster
from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster
from sparse_index.errors import BuildError
from sparse_index.index.candidate import prepare_candidate
from sparse_index.index.promote import promote
from sparse_index.live.meta import meta_of
from sparse_index.store.files import Store

LIVE = "things--b20250228t060000-000abc"
PLAN = make_plan(corpus_config("things"), live_index=LIVE)


def after_a_rollback(**marks: Any) -> Cluster:
    """The alias is where PLAN saw it, and PLAN's own index is complete; nothing may be written."""
    meta = meta_of(PLAN).model_copy(update={"state": "complete", "documents": 1, "promoted_at": NOW} | marks)
    mapping = {"mappings": {"_meta": {"sparse_index": meta.model_dump(mode="json")}}}
    answers = {
        "/things/_alias": {LIVE: {"aliases": {"things": {}}}},
        f"/{PLAN.candidate}/_mapping": {PLAN.candidate: mapping},
        "/things--b*": {},
    }

    def answer(method: str, path: str, body: Any) -> Any:
        assert method == "GET", f"{method} {path}"
        return answers[path]

    return fake_cluster(answer)


def promoted(cluster: Cluster, plan: Plan) -> None:
    promote(cluster, plan, now=NOW)


def prepared(cluster: Cluster, plan: Plan) -> None:
    prepare_candidate(cluster, Store(plan.config.store), plan)


@pytest.mark.parametrize("task", [promoted, prepared])
@pytest.mark.parametrize(
    "marks", [{"withdrawn_at": NOW}, {}], ids=["withdrawn", "passed over by a rollback further back"]
)
def test_its_build_does_not_go_on(task: Callable[[Cluster, Plan], None], marks: dict[str, Any]) -> None:
    with pytest.raises(BuildError, match=f"was live before, .*roll back with generation {PLAN.build_id}"):
        task(after_a_rollback(**marks), PLAN)
