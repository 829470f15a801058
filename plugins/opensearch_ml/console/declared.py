"""What the DAG of each corpus says of its search index. The row of its asset would not do: it says what whoever of all that
name the asset was parsed last made of it, and of a DAG that only waits for it that is nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.models.dag import DagModel
from airflow.models.dag_version import DagVersion
from airflow.models.serialized_dag import SerializedDagModel
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from opensearch_ml.assets import GROUP
from opensearch_ml.dag_names import PREFIX, dag_id
from sparse_index.console.fields import at, text
from sparse_index.console.listed import Listed

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# DAGs are some ten kilobytes each: so many are in memory at once.
AT_ONCE = 20


# The hash of a DAG's content, and what it declares of its corpus: nothing, where it keeps no index up to date.
Kept = tuple[str, Listed | None]
_UNREAD: Kept = ("", None)


class Declarations:
    """A DAG is read again when its content has changed. What is known is replaced as a whole, so threads may share it."""

    def __init__(self) -> None:
        self._kept: Mapping[str, Kept] = {}

    def of(self, session: Session) -> list[tuple[DagModel, Listed]]:
        """Every DAG that keeps a corpus's index up to date, with what it declares; a stale one, what it declared last."""
        there, kept = _there(session), self._kept
        changed = {dag: content for dag, (_, content) in there.items() if kept.get(dag, _UNREAD)[0] != content}
        self._kept = known = {dag: kept.get(dag, _UNREAD) for dag in there} | _read(session, changed)
        return [(model, listed) for dag, (model, _) in there.items() if (listed := known[dag][1]) is not None]


def _there(session: Session) -> Mapping[str, tuple[DagModel, str]]:
    """By id: the DAG, and the hash of its newest content."""
    other = aliased(DagVersion)
    newest = select(func.max(other.version_number)).where(other.dag_id == DagVersion.dag_id).scalar_subquery()
    found = (
        select(DagModel, SerializedDagModel.dag_hash)
        .join(DagVersion, DagVersion.dag_id == DagModel.dag_id)
        .join(SerializedDagModel, SerializedDagModel.dag_version_id == DagVersion.id)
        .where(DagModel.dag_id.startswith(PREFIX, autoescape=True), DagVersion.version_number == newest)
    )
    return {model.dag_id: (model, content) for model, content in session.execute(found)}


def _read(session: Session, changed: Mapping[str, str]) -> dict[str, Kept]:
    return {
        saved.dag_id: (changed[saved.dag_id], declared_in(saved.dag_id, saved.data))
        for some in _some(list(changed))
        for saved in SerializedDagModel.get_latest_serialized_dags(dag_ids=some, session=session)
    }


def _some(ids: Sequence[str]) -> Iterator[list[str]]:
    for first in range(0, len(ids), AT_ONCE):
        yield list(ids[first : first + AT_ONCE])


def declared_in(dag: str, content: Any) -> Listed | None:
    """What a DAG, as Airflow stores it, declares of its corpus; None where it keeps no index up to date."""
    for asset in _outlets(at(content, "dag", "tasks") or ()):
        corpus = text(asset, "extra", "corpus")
        if text(asset, "group") == GROUP and corpus is not None and dag_id(corpus) == dag:
            store, connection, owner = (text(asset, "extra", name) or "" for name in ("store", "connection", "owner"))
            searched = at(asset, "extra", "searched")
            return Listed(corpus, dag, text(asset, "name") or "", store, connection, owner, searched=searched)
    return None


def _outlets(tasks: Iterable[Any]) -> Iterator[Any]:
    for task in tasks:
        for outlet in at(task, "__var", "outlets") or ():
            yield at(outlet, "__var")
