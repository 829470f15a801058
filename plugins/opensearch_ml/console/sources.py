"""Where the console's knowledge comes from: Airflow's database, its connections, the corpora's stores."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.models.dag import DagModel, DagTag
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, State, TaskInstanceState
from croniter import croniter
from sqlalchemy import Select, and_, func, or_, select

from opensearch_ml.console.declared import Declarations
from opensearch_ml.dag_names import broken_name, is_broken, is_broken_serving
from opensearch_ml.factory import BROKEN_TAG, TAG
from opensearch_ml.hooks import OpenSearchMLHook
from opensearch_ml.opened import PLAN_TASK
from opensearch_ml.params import data_date
from opensearch_ml.turns import APPROVE
from sparse_index.cluster.client import Cluster
from sparse_index.console.fields import at, text
from sparse_index.console.listed import FailedRun, Listed
from sparse_index.console.overview import STRIP
from sparse_index.errors import ConfigError
from sparse_index.store.files import Store

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

CLUSTER_TIMEOUT_S = 4.0
# Of all corpora together: so far back are the operations of one looked for, and so many are shown.
LOOKED_AT, SHOWN = 500, 20

# Of a task that has begun in the attempt of its run that goes on; also one of a DAG that has lost it since.
_WORKED = (TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.REMOVED)


@dataclass(frozen=True)
class OperationRun:
    """A run of one of the operations for one corpus; `who` started it, None for a run of the schedule; `asked`: the generation or
    the build that it was asked for."""

    dag_id: str
    run_id: str
    state: str
    at: datetime | None
    who: str | None
    asked: str | None = None


@dataclass(frozen=True)
class Sources:
    """`plan_of`: the path of the plan that a run (its DAG's id and its own) wrote, None before it has planned.
    `operations_on`: the newest runs of these DAGs for a corpus. `goes_on`: whether a run (its DAG's id and its own) goes on, None
    where Airflow knows no such run."""

    corpora: Callable[[], list[Listed]]
    open_store: Callable[[Listed], Store]
    open_cluster: Callable[[str], AbstractContextManager[Cluster]]
    plan_of: Callable[[str, str], str | None]
    operations_on: Callable[[str, Sequence[str]], list[OperationRun]]
    goes_on: Callable[[str, str], bool | None]


def real_sources() -> Sources:
    def open_store(listed: Listed) -> Store:
        return Store(listed.store)

    return Sources(DeclaredCorpora(), open_store, open_cluster, plan_of_run, runs_of_operations, run_goes_on)


class DeclaredCorpora:
    """Of every DAG that keeps an index up to date, and of every DAG whose file is broken. That of a corpus goes stale meanwhile
    and tells of it as before; for the minutes in which Airflow has both it is broken, too."""

    def __init__(self) -> None:
        self._declarations = Declarations()

    def __call__(self) -> list[Listed]:
        with create_session(scoped=False) as session:
            broken = list(_broken(session))
            by_name = {each.corpus: each for each in broken}
            declared = self._declarations.of(session)
            whole = [(dag, each) for dag, each in declared if each.corpus in by_name or not dag.is_stale]
            ids = [dag.dag_id for dag, _ in whole]
            feeds = {each.dag_id for _, each in whole if each.is_feed}
            running, failed = _running(session, ids), _failed(session, ids, feeds)
            asked = _asked(session, ids)
            known = [
                replace(
                    _of_dag(each, dag, dag.dag_id in running, failed.get(dag.dag_id, ())), asked=dag.dag_id in asked
                )
                for dag, each in whole
            ]
            names = {each.corpus for each in known}
            with_problems = (_with_problems(each, by_name.get(each.corpus)) for each in known)
            return [*with_problems, *(each for each in broken if each.corpus not in names)]


def _with_problems(listed: Listed, broken: Listed | None) -> Listed:
    return listed if broken is None else replace(listed, problems=broken.problems, broken_dag=broken.dag_id)


def _running(session: Session, ids: Sequence[str]) -> set[str]:
    """What is queued of a paused DAG waits for a person: it is not at work."""
    waits = and_(DagRun.state == DagRunState.QUEUED, DagModel.is_paused.is_(False))
    found = (
        select(DagRun.dag_id)
        .join(DagModel, DagModel.dag_id == DagRun.dag_id)
        .where(DagRun.dag_id.in_(ids), or_(DagRun.state == DagRunState.RUNNING, waits))
    )
    return set(session.scalars(found))


def _asked(session: Session, ids: Sequence[str]) -> set[str]:
    waits = TaskInstance.task_id == APPROVE, TaskInstance.state == TaskInstanceState.AWAITING_INPUT
    return set(session.scalars(select(TaskInstance.dag_id).where(TaskInstance.dag_id.in_(ids), *waits)))


def _failed(session: Session, ids: Sequence[str], feeds: Collection[str]) -> dict[str, tuple[FailedRun, ...]]:
    """By DAG, where the newest of its runs that have ended failed, and no plan of it is known; of a feed among its last runs the
    newest of each day, the newest day first."""
    place = func.row_number().over(partition_by=DagRun.dag_id, order_by=DagRun.id.desc())
    ended = DagRun.dag_id.in_(ids), DagRun.state.in_(State.finished_dr_states)
    last = select(DagRun.id, place.label("place")).where(*ended).subquery()
    wanted = or_(last.c.place == 1, and_(last.c.place <= STRIP, DagRun.dag_id.in_(feeds)))
    plan = _plan(DagRun.dag_id, DagRun.run_id).exists()
    found = select(DagRun, plan).join(last, last.c.id == DagRun.id).where(wanted).order_by(DagRun.id.desc())
    newest: dict[tuple[str, str | None], FailedRun | None] = {}
    for run, planned in session.execute(found):
        day = _day(run) if run.dag_id in feeds else None
        if day is None or not _is_trial(run):
            failed = run.state == DagRunState.FAILED and not planned
            newest.setdefault(
                (run.dag_id, day), FailedRun(run.run_id, run.end_date or run.run_after, day) if failed else None
            )
    return {dag: tuple(run for (its, _), run in newest.items() if its == dag and run) for dag, _ in newest}


def _day(run: DagRun) -> str | None:
    """Of a feed's run, as its tasks have it; None where it says none."""
    try:
        return str(data_date(text(run.conf, "data_date"), run.partition_key, run.logical_date or run.run_after))
    except ConfigError:
        return None


def _is_trial(run: DagRun) -> bool:
    """Whether it was a plan alone, or a build of some rows: it was to bring nobody anything."""
    return text(run.conf, "mode") == "plan_only" or at(run.conf, "row_limit") is not None


def _of_dag(listed: Listed, dag: DagModel, running: bool, failed: tuple[FailedRun, ...]) -> Listed:
    return replace(
        listed,
        description=dag.description or "",
        paused=bool(dag.is_paused),
        running=running,
        failed=failed,
        schedule=dag.timetable_description or dag.timetable_summary,
        period_s=period_of(dag.timetable_summary, datetime.now(UTC)),
    )


def period_of(timetable: str | None, now: datetime) -> float | None:
    """Seconds between two times of a cron expression: the longer of the wait that goes on and the one before it, so that nobody
    is late over a weekend without runs. None of what is no such expression."""
    try:
        coming = croniter(timetable or "", now).get_next(float)
        times = croniter(timetable or "", now)
        last, former = times.get_prev(float), times.get_prev(float)
        return float(max(coming - last, last - former))
    except (ValueError, KeyError, AttributeError):
        return None


def _broken(session: Session) -> Iterator[Listed]:
    """Whatever they are of: a corpus, a folder of corpora, a deployment. Only a serving DAG that Airflow refuses has its corpus
    in the list; Airflow's own list of DAGs shows it."""
    broken = (
        select(DagModel)
        .join(DagTag, DagTag.dag_id == DagModel.dag_id)
        .where(DagTag.name == BROKEN_TAG, DagModel.tags.any(DagTag.name == TAG), DagModel.is_stale.is_(False))
    )
    for dag in session.scalars(broken):
        if is_broken(dag.dag_id) and not is_broken_serving(dag.dag_id):
            saved = SerializedDagModel.get(dag.dag_id, session=session)
            doc = text(saved.data if saved else None, "dag", "doc_md") or ""
            problems = problems_in(doc) or (dag.description or "",)
            name, owner = broken_name(dag.dag_display_name), dag.owners or ""
            yield Listed(name, dag.dag_id, owner=owner, problems=problems, broken_dag=dag.dag_id)


def problems_in(doc: str) -> tuple[str, ...]:
    """The items of the list in a broken DAG's Markdown, as text."""
    return tuple(re.sub(r"\\(.)", r"\1", line[2:]) for line in doc.splitlines() if line.startswith("- "))


def _plan(dag: Any, run_id: Any) -> Select[Any]:
    """What the plan of a run (its DAG's id and its own) said of itself, in the attempt that goes on: of one that was cleared,
    and has not begun since, Airflow keeps what the former attempt left."""
    of_run = TaskInstance.dag_id == XComModel.dag_id, TaskInstance.run_id == XComModel.run_id
    its = select(TaskInstance.id).where(*of_run, TaskInstance.task_id == PLAN_TASK, TaskInstance.state.in_(_WORKED))
    return select(XComModel.value).where(
        XComModel.dag_id == dag,
        XComModel.run_id == run_id,
        XComModel.task_id == PLAN_TASK,
        XComModel.key == "return_value",
        its.exists(),
    )


def plan_of_run(dag: str, run_id: str) -> str | None:
    with create_session(scoped=False) as session:
        value: Any = session.scalar(_plan(dag, run_id))
    return text(value, "plan")


def run_goes_on(dag: str, run_id: str) -> bool | None:
    found = select(DagRun.state).where(DagRun.dag_id == dag, DagRun.run_id == run_id)
    with create_session(scoped=False) as session:
        state = session.scalar(found)
    return None if state is None else state not in State.finished_dr_states


def runs_of_operations(corpus: str, dag_ids: Sequence[str]) -> list[OperationRun]:
    newest = select(DagRun).where(DagRun.dag_id.in_(list(dag_ids))).order_by(DagRun.id.desc()).limit(LOOKED_AT)
    with create_session(scoped=False) as session:
        found = [_operation(run) for run in session.scalars(newest) if text(run.conf, "corpus") == corpus]
    return found[:SHOWN]


def _operation(run: DagRun) -> OperationRun:
    asked = text(run.conf, "generation") or text(run.conf, "build")
    began = run.start_date or run.queued_at
    return OperationRun(run.dag_id, run.run_id, str(run.state), began, run.triggering_user_name, asked)


@contextmanager
def open_cluster(connection: str) -> Iterator[Cluster]:
    """For a person who waits: never retried, and no request longer than 4 seconds."""
    settings = OpenSearchMLHook(connection).settings
    cluster = Cluster.connect(replace(settings, timeout_s=CLUSTER_TIMEOUT_S), attempts=1)
    try:
        yield cluster
    finally:
        cluster.close()
