"""Whether a build still has a run: what preflight needs to know before it removes what a build left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowRuntimeError

if TYPE_CHECKING:
    from sparse_index.store import Store

_ENDED = frozenset({"success", "failed"})


def is_live(context: Any, store: Store, alias: str, build_id: str) -> bool:
    """False only for a build whose plan names a run of this DAG that has ended: what cannot be proven dead is live."""
    from sparse_index.plan.model import load_plan, plan_path

    path = plan_path(alias, build_id)
    if not store.exists(path):
        return True
    return run_state(context, load_plan(store, path).request.run_id) not in _ENDED


def run_state(context: Any, run_id: str) -> str | None:
    """State of that run of this DAG; None when there is no such run (a build of the command line, a deleted run)."""
    from airflow.sdk.api.client import ServerResponseError

    ti = context["ti"]
    try:
        state: str = ti.get_dagrun_state(dag_id=ti.dag_id, run_id=run_id)
    except (AirflowRuntimeError, ServerResponseError):  # from a worker; from `dag.test()`
        return None
    return state
