"""The indices of a corpus: which is live, and which one can go back to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from sparse_index.cluster.client import Cluster, Json
from sparse_index.console.fields import count, lines, moment, text
from sparse_index.errors import SparseIndexError
from sparse_index.live.generations import OwnIndex, own_and_unreadable
from sparse_index.names import candidate_pattern
from sparse_index.store.files import Store
from sparse_index.store.layout import rollbacks_folder

# Rollbacks of a page: each is a file that has to be read.
SHOWN = 4


@dataclass(frozen=True)
class Generation:
    """`state`: live, previous, generation, withdrawn or candidate; `hindrance`: why one cannot go back to it, None when one can.
    `bytes`: of its primaries."""

    index: str
    state: str
    build_id: str
    documents: int | None
    bytes: int | None
    data_date: date
    fingerprint: str
    promoted_at: datetime | None
    withdrawn_at: datetime | None
    hindrance: str | None


@dataclass(frozen=True)
class Generations:
    """Newest first. `unreadable`: indices that are called like ours and do not say so."""

    indices: tuple[Generation, ...]
    unreadable: tuple[str, ...]


def generations(cluster: Cluster, alias: str) -> Generations:
    own, unreadable = own_and_unreadable(cluster, alias)
    sizes = _sizes(cluster, alias)
    previous = _previous(own)
    return Generations(
        tuple(_view(index, sizes.get(index.name), index.name == previous) for index in own), tuple(unreadable)
    )


def _previous(own: list[OwnIndex]) -> str | None:
    """What a rollback to `previous` would choose."""
    live = max((index.name for index in own if index.live), default=None)
    older = (index for index in own if index.is_generation and index.meta.withdrawn_at is None)
    return next((index.name for index in older if live is None or index.name < live), None)


def _view(index: OwnIndex, size: int | None, is_previous: bool) -> Generation:
    meta = index.meta
    return Generation(
        index.name,
        _state(index, is_previous),
        meta.build_id,
        meta.documents,
        size,
        meta.data_date,
        meta.fingerprint,
        meta.promoted_at,
        meta.withdrawn_at,
        next(_hindrances(index), None),
    )


def _state(index: OwnIndex, is_previous: bool) -> str:
    if index.live:
        return "live"
    if index.is_failed_candidate:
        return "candidate"
    if index.meta.withdrawn_at is not None:
        return "withdrawn"
    return "previous" if is_previous else "generation"


def _hindrances(index: OwnIndex) -> Iterator[str]:
    """What a rollback would refuse, as far as it can be seen from here: it looks at more."""
    if index.live:
        yield "it is live"
    if index.is_failed_candidate:
        yield "it never went live"
    if index.meta.state != "complete" or index.meta.documents is None:
        yield "it is not complete"
    if index.attached.is_closed:
        yield "it is closed: open it first"
    if index.attached.read_only is not None:
        yield f"it is read-only ({index.attached.read_only})"


def _sizes(cluster: Cluster, alias: str) -> dict[str, int]:
    """Bytes of the primaries by index; those of closed ones are not known."""
    answer: Json = cluster.get(
        f"/{candidate_pattern(alias)}/_stats/store", filter_path="indices.*.primaries.store.size_in_bytes"
    )
    found = {
        name: count(body, "primaries", "store", "size_in_bytes") for name, body in answer.get("indices", {}).items()
    }
    return {name: size for name, size in found.items() if size is not None}


@dataclass(frozen=True)
class PastRollback:
    """`run_id`: of the run that did it; of the command line, its own word."""

    at: datetime | None
    summary: str
    run_id: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PastRollbacks:
    """The newest first; `older`: how many others the store has."""

    shown: tuple[PastRollback, ...]
    older: int


def past_rollbacks(store: Store, alias: str) -> PastRollbacks:
    """The last four; a record that cannot be read says so."""
    paths = store.files(rollbacks_folder(alias), ".json")
    shown = tuple(_past(store, path) for path in reversed(paths[-SHOWN:]))
    return PastRollbacks(shown, len(paths) - len(shown))


def _past(store: Store, path: str) -> PastRollback:
    try:
        content = store.read_json(path)
    except (SparseIndexError, OSError, ValueError):
        content = None
    summary = text(content, "summary") or f"{path} in the store cannot be read"
    return PastRollback(moment(content, "at"), summary, text(content, "run_id"), lines(content, "notes"))
