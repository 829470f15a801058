"""What every operator shares: whose configuration, which connection, which plan, and what an error means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from opensearch_ml.corpora import corpus_config
from opensearch_ml.failures import retried_only_if_useful
from sparse_index.errors import BuildError

if TYPE_CHECKING:
    from opensearch_ml.hooks import OpenSearchMLHook
    from sparse_index.cluster import Cluster
    from sparse_index.config.corpus import CorpusConfig
    from sparse_index.plan.model import Plan
    from sparse_index.store import Store

PLAN_TASK = "plan_changes"


@dataclass(frozen=True)
class Corpus:
    """A corpus whose build is not planned yet."""

    hook: OpenSearchMLHook
    store: Store
    config: CorpusConfig

    @property
    def cluster(self) -> Cluster:
        return self.hook.cluster


@dataclass(frozen=True)
class Build:
    """A planned build. Its plan holds the configuration as it was at plan time."""

    hook: OpenSearchMLHook
    store: Store
    plan: Plan

    @property
    def cluster(self) -> Cluster:
        return self.hook.cluster


@contextmanager
def open_corpus(name: str) -> Iterator[Corpus]:
    """Corpus `name` as its file describes it now."""
    from opensearch_ml.hooks import OpenSearchMLHook
    from sparse_index.store import Store

    config = corpus_config(name)
    with OpenSearchMLHook(config.connection) as hook:
        yield Corpus(hook, Store(config.store), config)


def planned(context: Any, plan_task_id: str) -> tuple[Store, Plan] | None:
    """The plan that `plan_task_id` of this run wrote into the store; None when it wrote none.

    Where the corpus has addresses with secrets, these come from its file: neither XCom nor store has them.
    """
    from sparse_index.addresses import with_secret
    from sparse_index.plan.model import load_plan
    from sparse_index.store import Store

    where = context["ti"].xcom_pull(task_ids=plan_task_id)
    if where is None:
        return None
    secrets_of = where.get("secrets_of")
    if secrets_of is None:
        store = Store(where["store"])
        return store, load_plan(store, where["plan"])
    config = corpus_config(secrets_of)
    store = Store(with_secret(where["store"], config.store))
    return store, load_plan(store, where["plan"]).with_secrets_of(config)


@contextmanager
def open_build(context: Any, plan_task_id: str = PLAN_TASK) -> Iterator[Build]:
    """The build that `plan_task_id` planned, with its cluster connected."""
    from opensearch_ml.hooks import OpenSearchMLHook

    found = planned(context, plan_task_id)
    if found is None:
        raise BuildError(f"Task '{plan_task_id}' of this run left no plan. Trigger a new run.")
    store, plan = found
    with OpenSearchMLHook(plan.config.connection) as hook:
        yield Build(hook, store, plan)


class CorpusOperator(BaseOperator):
    """Works on a corpus by its configuration file; for the tasks before the plan."""

    template_fields: Sequence[str] = ("corpus",)

    def __init__(self, *, corpus: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.corpus = corpus

    def execute(self, context: Any) -> Any:
        with retried_only_if_useful(context), open_corpus(self.corpus) as corpus:
            return self.work(corpus, context)

    def work(self, corpus: Corpus, context: Any) -> Any:
        """The one call into the core; gives small JSON."""
        raise NotImplementedError


class BuildOperator(BaseOperator):
    """Works on a planned build; for every task after the plan."""

    template_fields: Sequence[str] = ("plan_task_id",)

    def __init__(self, *, plan_task_id: str = PLAN_TASK, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan_task_id = plan_task_id

    def execute(self, context: Any) -> Any:
        with retried_only_if_useful(context), open_build(context, self.plan_task_id) as build:
            return self.work(build, context)

    def work(self, build: Build, context: Any) -> Any:
        """The one call into the core; gives small JSON."""
        raise NotImplementedError
