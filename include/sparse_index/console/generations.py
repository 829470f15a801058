"""The indices of a corpus: which is live, and which one can go back to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sparse_index.cluster.client import Cluster, Json
from sparse_index.console.fields import count, lines, moment, text
from sparse_index.errors import SparseIndexError
from sparse_index.live.generations import OwnIndex, own_and_unreadable, previous
from sparse_index.names import candidate_pattern
from sparse_index.store.files import Store
from sparse_index.store.layout import redrives_folder, rollbacks_folder

ROLLBACK, REDRIVE = "rollback", "redrive"
# Records of a page: each is a file that has to be read.
SHOWN = 3


@dataclass(frozen=True)
class Generation:
    """`state`: live, previous, generation, withdrawn or candidate; `hindrance`: why one cannot go back to it, None when one can.
    `bytes`: of its primaries. `fields`: of its documents; `document_hash`: over what they were made by."""

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
    fields: frozenset[str] = frozenset()
    document_hash: str = ""
    fingerprints: Mapping[str, str] = field(default_factory=dict)

    def fingerprint_of(self, field: str) -> str:
        """Of the encoder of a vector field."""
        return self.fingerprints.get(field, self.fingerprint)


@dataclass(frozen=True)
class Generations:
    """Newest first. `unreadable`: indices that are called like ours and do not say so."""

    indices: tuple[Generation, ...]
    unreadable: tuple[str, ...]


def generations(cluster: Cluster, alias: str) -> Generations:
    own, unreadable = own_and_unreadable(cluster, alias)
    sizes = _sizes(cluster, alias)
    before = previous(own)
    return Generations(tuple(_view(index, sizes.get(index.name), index is before) for index in own), tuple(unreadable))


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
        frozenset(index.attached.mapping.get("properties", {})),
        meta.document_hash,
        meta.fingerprints,
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
class Record:
    """`what`: rollback or redrive. `run_id`: of the run that did it; of the command line, its own word. Of a redrive, of the run
    that tried the letters."""

    what: str
    at: datetime | None
    summary: str
    run_id: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Records:
    """The newest first; `older`: how many others the store has."""

    shown: tuple[Record, ...]
    older: int


def records(store: Store, alias: str) -> Records:
    """What was done, whoever did it: the last three. One that cannot be read says so."""
    folders = {ROLLBACK: rollbacks_folder(alias), REDRIVE: redrives_folder(alias)}
    found = [(what, path) for what, folder in folders.items() for path in store.files(folder, ".json")]
    # Their names begin with the time.
    newest = sorted(found, key=lambda each: each[1].rsplit("/", 1)[-1], reverse=True)
    return Records(tuple(_record(store, what, path) for what, path in newest[:SHOWN]), len(newest[SHOWN:]))


def _record(store: Store, what: str, path: str) -> Record:
    try:
        content = store.read_json(path)
    except (SparseIndexError, OSError, ValueError):
        content = None
    summary = text(content, "summary") or f"{path} in the store cannot be read"
    return Record(what, moment(content, "at"), summary, text(content, "run_id"), lines(content, "notes"))
