"""What a task opens: its corpus, its build."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opensearch_ml.corpora import corpus_config, folder_of
from sparse_index.errors import BuildError

if TYPE_CHECKING:
    from opensearch_ml.hooks import OpenSearchMLHook
    from sparse_index.builds.plan import Plan
    from sparse_index.cluster.client import Cluster
    from sparse_index.config.corpus import CorpusConfig
    from sparse_index.ml.build_models import BuildModels
    from sparse_index.store.files import Store


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

    @property
    def models(self) -> BuildModels:
        from sparse_index.ml.build_models import build_models

        return build_models(self.plan.group, self.plan.encoders)


@contextmanager
def open_corpus(context: Any, name: str) -> Iterator[Corpus]:
    """Corpus `name` as its file describes it now."""
    from opensearch_ml.hooks import OpenSearchMLHook
    from sparse_index.store.files import Store

    config = corpus_config(folder_of(context), name)
    with OpenSearchMLHook(config.connection) as hook:
        yield Corpus(hook, Store(config.store), config)


def planned(context: Any) -> tuple[Store, Plan] | None:
    """The plan that this run wrote into the store; None when it wrote none.

    Where the corpus has addresses with secrets, these come from its file: neither XCom nor store has them.
    """
    from sparse_index.addresses import with_secret
    from sparse_index.builds.plan import load_plan
    from sparse_index.store.files import Store

    where = context["ti"].xcom_pull(task_ids=PLAN_TASK)
    if where is None:
        return None
    secrets_of = where.get("secrets_of")
    if secrets_of is None:
        store = Store(where["store"])
        return store, load_plan(store, where["plan"])
    config = corpus_config(folder_of(context), secrets_of)
    store = Store(with_secret(where["store"], config.store))
    return store, load_plan(store, where["plan"]).with_secrets_of(config)


def require_planned(context: Any) -> tuple[Store, Plan]:
    """For the tasks that do not run without a plan."""
    found = planned(context)
    if found is None:
        raise BuildError(f"Task '{PLAN_TASK}' of this run left no plan. Trigger a new run.")
    return found


@contextmanager
def open_build(context: Any) -> Iterator[Build]:
    """The build that this run has planned, with its cluster connected."""
    from opensearch_ml.hooks import OpenSearchMLHook

    store, plan = require_planned(context)
    with OpenSearchMLHook(plan.config.connection) as hook:
        yield Build(hook, store, plan)
