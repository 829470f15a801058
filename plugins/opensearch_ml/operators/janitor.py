"""The janitor's two tasks: a look at every store and every corpus, and what both this look and the next decide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError, AirflowSkipException

from opensearch_ml.corpora import corpora_folder
from opensearch_ml.dead_runs import AirflowRuns
from opensearch_ml.factory import ROLLBACK_DAG, dag_id
from opensearch_ml.failures import retried_only_if_useful
from sparse_index.errors import BuildError, SparseIndexError

if TYPE_CHECKING:
    from sparse_index.cluster import Cluster
    from sparse_index.config.corpus import CorpusConfig
    from sparse_index.store import Store


@dataclass(frozen=True)
class Household:
    """All corpora whose files can be used, by the store they share; the clusters that could be opened, by connection;
    `dag_ids`: alias -> daily DAG."""

    stores: dict[str, list[CorpusConfig]]
    clusters: dict[str, Cluster]
    dag_ids: dict[str, str]

    def store(self, uri: str) -> Store:
        """Opened with the secrets that its corpora have for it."""
        from sparse_index.addresses import with_secret
        from sparse_index.store import Store

        configs = self.stores.get(uri)
        return Store(with_secret(uri, configs[0].store) if configs else uri)

    def runs(self, context: Any, store: Store) -> AirflowRuns:
        return AirflowRuns(context, store, self.dag_ids, beside=(ROLLBACK_DAG,))


class JanitorOperator(BaseOperator):
    """What the two tasks share: every error of one store is told, and stops no other."""

    def execute(self, context: Any) -> Any:
        with retried_only_if_useful(context), self.household() as household:
            return self.work(household, context)

    def work(self, household: Household, context: Any) -> Any:
        """Gives small JSON."""
        raise NotImplementedError

    @contextmanager
    def household(self) -> Iterator[Household]:
        from sparse_index.config.load import BrokenCorpus, load_all
        from sparse_index.operations.janitor import by_store

        found = load_all(corpora_folder())
        configs = {name: config for name, config in found.items() if not isinstance(config, BrokenCorpus)}
        for name in sorted(found.keys() - configs.keys()):
            self.log.warning("The file of corpus '%s' cannot be used (see its DAG): all that is its own stays.", name)
        with ExitStack() as stack:
            clusters = {}
            for conn_id in sorted({config.connection for config in configs.values()}):
                cluster = self._opened(stack, conn_id)
                if cluster is not None:
                    clusters[conn_id] = cluster
            dag_ids = {config.alias: dag_id(name) for name, config in configs.items()}
            yield Household(by_store(configs.values()), clusters, dag_ids)

    def _opened(self, stack: ExitStack, conn_id: str) -> Cluster | None:
        from opensearch_ml.hooks import OpenSearchMLHook

        try:
            return stack.enter_context(OpenSearchMLHook(conn_id)).cluster
        except (SparseIndexError, AirflowNotFoundException, AirflowRuntimeError) as error:
            self.log.warning("Connection '%s' cannot be opened: %s", conn_id, error)
            return None


class JanitorLookOperator(JanitorOperator):
    """What there is to tidy up, printed and kept in each store; nothing else is changed.

    Gives, for each store, where the report is and how much there is to do, or why the store could not be looked at.
    """

    def work(self, household: Household, context: Any) -> list[dict[str, Any]]:
        return [self._looked(household, uri, context) for uri in household.stores]

    def _looked(self, household: Household, uri: str, context: Any) -> dict[str, Any]:
        from sparse_index.operations.janitor import look, save_cleanup

        try:
            store, now = household.store(uri), datetime.now(UTC)
            runs = household.runs(context, store)
            cleanup = look(household.clusters, store, household.stores[uri], now=now, runs=runs)
            path = save_cleanup(store, cleanup)
        except (SparseIndexError, OSError) as error:
            self.log.error("Store %s could not be looked at: %s", uri, error)
            return {"store": uri, "problem": str(error)}
        self.log.info("Store %s: %s\nReport: %s", uri, cleanup, store.full(path))
        counts = {"actions": len(cleanup.actions), "unproven": len(cleanup.unproven)}
        return {"store": uri, "report": path} | counts


class JanitorCleanOperator(JanitorOperator):
    """Does what the look decided, as far as it still holds; skips itself in a dry run.

    Fails at its end when something could not be done or needs a person; all else was done.
    """

    template_fields = ("found", "only_look")

    def __init__(self, *, found: list[dict[str, Any]], only_look: bool | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.found = found
        self.only_look = only_look

    def execute(self, context: Any) -> Any:
        # A rendered template is text. Whatever is not clearly "no" is a dry run.
        if self.only_look not in (False, "False"):
            raise AirflowSkipException("A dry run: the log of 'look' says what would be done.")
        return super().execute(context)

    def work(self, household: Household, context: Any) -> dict[str, int]:
        done = 0
        problems: list[str] = []
        for entry in self.found[:]:
            try:
                done += self._cleaned(household, entry, context)
            except (SparseIndexError, OSError) as error:
                problems.append(f"Store {entry['store']}: {error}")
        if problems:
            raise BuildError("\n".join(problems))
        return {"done": done}

    def _cleaned(self, household: Household, entry: dict[str, Any], context: Any) -> int:
        from sparse_index.operations.janitor import clean, load_cleanup

        if "problem" in entry:
            raise BuildError(f"it could not be looked at: {entry['problem']}")
        store, now = household.store(entry["store"]), datetime.now(UTC)
        decided, configs = load_cleanup(store, entry["report"]), household.stores.get(entry["store"], [])
        cleanup = clean(household.clusters, store, configs, decided, now=now, runs=household.runs(context, store))
        self.log.info("Store %s: %d of %d thing(s) done.", entry["store"], len(cleanup.actions), len(decided.actions))
        return len(cleanup.actions)
