"""What Airflow knows of the runs behind builds: what preflight and the janitor ask before they remove anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowRuntimeError

if TYPE_CHECKING:
    from sparse_index.store.files import Store

_ENDED = frozenset({"success", "failed"})


def goes_on(context: Any, store: Store, dag_id: str, alias: str, build_id: str) -> bool | None:
    """Whether the run of `dag_id` that the build's plan names goes on; None when this Airflow knows no such run."""
    from sparse_index.builds.plan import planning_run

    run_id = planning_run(store, alias, build_id)
    state = run_state(context, dag_id, run_id) if run_id else None
    return None if state is None else state not in _ENDED


def run_state(context: Any, dag_id: str, run_id: str) -> str | None:
    """State of that run; None when there is no such run (a build of the command line, a deleted run).

    An Airflow that does not answer raises: nobody's silence is taken for a run's end.
    """
    from airflow.sdk.api.client import ServerResponseError

    try:
        state: str = context["ti"].get_dagrun_state(dag_id=dag_id, run_id=run_id)
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
class AirflowRuns:
    """What the janitor asks of Airflow. `dag_ids`: alias -> its daily DAG; `beside`: other DAGs that move an alias."""

    context: Any
    store: Store
    dag_ids: Mapping[str, str]
    beside: tuple[str, ...]

    def goes_on(self, alias: str, build_id: str) -> bool | None:
        return goes_on(self.context, self.store, self.dag_ids[alias], alias, build_id)

    def is_running(self, alias: str) -> bool:
        count = self.context["ti"].get_dr_count
        return any(count(dag_id=dag_id, states=["running"]) for dag_id in (self.dag_ids[alias], *self.beside))
