"""All corpora, their clusters and their stores: for operations that must know everybody who shares a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from opensearch_ml.corpora import folder_of
from opensearch_ml.dag_names import FORGET_DAG, JANITOR_DAG, ROLLBACK_DAG
from opensearch_ml.failures import retried_only_if_useful
from opensearch_ml.runs import AirflowRuns, Home, homes_of
from sparse_index.errors import SparseIndexError

if TYPE_CHECKING:
    from sparse_index.cluster.client import Cluster
    from sparse_index.config.corpus import CorpusConfig
    from sparse_index.config.neighbours import Neighbours
    from sparse_index.store.files import Store

# The DAGs, beside a corpus's own, that change what corpora share, write into their stores or move an alias.
_BESIDE = (ROLLBACK_DAG, JANITOR_DAG, FORGET_DAG)


@dataclass(frozen=True)
class Household:
    """All corpora whose files can be used, by the store they share; the clusters that could be opened, by connection;
    `homes`: by alias; `neighbours`: all corpora of all stores, and what is broken."""

    stores: dict[str, list[CorpusConfig]]
    clusters: dict[str, Cluster]
    homes: dict[str, Home]
    neighbours: Neighbours

    def store(self, uri: str) -> Store:
        """Opened with the secrets that its corpora have for it."""
        from sparse_index.addresses import with_secret
        from sparse_index.store.files import Store

        configs = self.stores.get(uri)
        return Store(with_secret(uri, configs[0].store) if configs else uri)

    def runs(self, context: Any, *also: str) -> AirflowRuns:
        """`also`: further DAGs whose runs are waited for."""
        own = context["ti"].dag_id
        return AirflowRuns(context, self.homes, beside=tuple(dag for dag in (*_BESIDE, *also) if dag != own))


class HouseholdOperator(BaseOperator):
    """Works on stores, with all corpora that share them."""

    def execute(self, context: Any) -> Any:
        with retried_only_if_useful(context), self.household(context) as household:
            return self.work(household, context)

    def work(self, household: Household, context: Any) -> Any:
        """Gives small JSON."""
        raise NotImplementedError

    @contextmanager
    def household(self, context: Any) -> Iterator[Household]:
        from sparse_index.config.load import BrokenCorpus, load_all
        from sparse_index.config.neighbours import neighbours
        from sparse_index.operations.janitor import by_store

        found = load_all(folder_of(context))
        configs = {name: config for name, config in found.items() if not isinstance(config, BrokenCorpus)}
        for name in sorted(found.keys() - configs.keys()):
            self.log.warning("The file of corpus '%s' cannot be used (see its DAG): all that is its own stays.", name)
        with ExitStack() as stack:
            clusters = {}
            asked = {(config.connection, config.serving_connection) for config in configs.values()}
            for conn_id in sorted({conn_id for both in asked for conn_id in both if conn_id is not None}):
                cluster = self._opened(stack, conn_id)
                if cluster is not None:
                    clusters[conn_id] = cluster
            yield Household(by_store(configs.values()), clusters, homes_of(configs), neighbours(found))

    def _opened(self, stack: ExitStack, conn_id: str) -> Cluster | None:
        from opensearch_ml.hooks import OpenSearchMLHook

        try:
            return stack.enter_context(OpenSearchMLHook(conn_id)).cluster
        except SparseIndexError as error:
            self.log.warning("Connection '%s' cannot be opened: %s", conn_id, error)
            return None
