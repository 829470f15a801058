"""What Airflow knows of the runs behind builds: what preflight and the janitor ask before they remove anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowRuntimeError

from opensearch_ml.dag_names import dag_id

if TYPE_CHECKING:
    from sparse_index.config.corpus import CorpusConfig
    from sparse_index.store.files import Store

_ENDED = frozenset({"success", "failed"})


def goes_on(context: Any, store: Store, dag: str, alias: str, build_id: str) -> bool | None:
    """Whether the run of the DAG `dag` that the build's plan names goes on; None when this Airflow knows no such run."""
    from sparse_index.builds.plan import planning_run

    run_id = planning_run(store, alias, build_id)
    state = run_state(context, dag, run_id) if run_id else None
    return None if state is None else state not in _ENDED


def run_state(context: Any, dag: str, run_id: str) -> str | None:
    """State of that run; None when there is no such run (a build of the command line, a deleted run).

    An Airflow that does not answer raises: nobody's silence is taken for a run's end.
    """
    from airflow.sdk.api.client import ServerResponseError

    try:
        state: str = context["ti"].get_dagrun_state(dag_id=dag, run_id=run_id)
    except AirflowRuntimeError as error:  # from a worker
        if (error.error.detail or {}).get("status_code") != 404:
            raise
        return None
    except ServerResponseError as error:  # from `dag.test()`
        if error.response.status_code != 404:
            raise
        return None
    return state


@dataclass(frozen=True)
class Home:
    """The daily DAG of a corpus, and the address of the store in which its builds are, secrets included."""

    dag_id: str
    store: str


def homes_of(configs: Mapping[str, CorpusConfig]) -> dict[str, Home]:
    """By alias; `configs` by the names of their files."""
    return {config.alias: Home(dag_id(name), config.store) for name, config in configs.items()}


@dataclass(frozen=True)
class AirflowRuns:
    """What janitor, forget and serving ask of Airflow. `homes`: by alias; `beside`: other DAGs that move an alias."""

    context: Any
    homes: Mapping[str, Home]
    beside: tuple[str, ...] = ()

    def goes_on(self, alias: str, build_id: str) -> bool | None:
        """Only now is the store of that corpus opened: one that cannot be must not stop what concerns others."""
        from sparse_index.store.files import Store

        home = self.homes[alias]
        return goes_on(self.context, Store(home.store), home.dag_id, alias, build_id)

    def is_running(self, alias: str) -> bool:
        count = self.context["ti"].get_dr_count
        return any(count(dag_id=dag, states=["running"]) for dag in (self.homes[alias].dag_id, *self.beside))
