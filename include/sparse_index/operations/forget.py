"""Forgetting documents: what a privacy officer asks for.

Given ids, their documents leave every index of the corpus (the live one, the generations kept for a rollback, candidates
that never went live), and what the store has of them goes: rows of manifests and parts, dead letters, messages that name
them, scans in which they are, and the vectors that no other document of any corpus of the store needs. What stays is a record
without ids or content. The books stay closed: `_meta.documents` is corrected with each index.

A row is what leads to a document's vectors and indices, so rows go last, in an order that a kill at any point leaves
something to begin with: run it again and it ends where it would have ended.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.forms import Form
from sparse_index.index.removal import documents_there, expunge, remove_documents
from sparse_index.live.generations import OwnIndex
from sparse_index.live.meta import read_meta, write_meta
from sparse_index.operations.messages import forget_messages
from sparse_index.operations.sightings import Clusters, CorpusView, Runs, StoreView, view_corpora, view_store
from sparse_index.operations.traces import Traces, is_letters, traces_of
from sparse_index.operations.vector_use import kept_manifests, manifest_of, reasons_to_wait
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME, Timing
from sparse_index.values import Frozen

log = logging.getLogger(__name__)

REMAINS = (
    "what the corpus still holds comes back with the next run as new: remove it there",
    "snapshots of the cluster, backups of the store and the logs of former runs are out of reach",
)


@dataclass(frozen=True)
class Site:
    """One store with all corpora that use it (`configs`), and the one of them whose documents are to be forgotten. `runs`:
    what a scheduler knows, None where there is none."""

    clusters: Clusters
    store: Store
    configs: Sequence[CorpusConfig]
    config: CorpusConfig
    runs: Runs | None

    @property
    def cluster(self) -> Cluster:
        return self.clusters[self.config.connection]


class Forgotten(Frozen):
    """The record of one request, at `record` in the store. `ids`: asked for, of which `not_there` have no row; `documents`: by
    index; `rows` of manifests and parts, `dead_letters`, `vectors`: removed. `ended_at`: None while it is not done."""

    alias: str
    run_id: str
    begun_at: datetime
    ended_at: datetime | None = None
    ids: int
    not_there: int
    documents: dict[str, int]
    rows: int
    dead_letters: int
    vectors: int
    notes: list[str]
    record: str

    def __str__(self) -> str:
        listed = ", ".join(f"{name} {count}" for name, count in self.documents.items()) or "no index"
        state = "to be forgotten" if self.ended_at is None else "forgotten"
        return (
            f"'{self.alias}': {self.ids} id(s) {state}, {self.not_there} of them not there. Documents: {listed}; rows: "
            f"{self.rows}; dead letters: {self.dead_letters}; vectors: {self.vectors}."
        )


FORGOTTEN = Form(Forgotten, "the record of a request to forget", "Ask for it anew.")


@dataclass(frozen=True)
class _Survey:
    """`manifests`: the kept ones, by encoder fingerprint."""

    files: StoreView
    view: CorpusView
    manifests: Mapping[str, Sequence[str]]

    @property
    def identity(self) -> tuple[list[str], list[str]]:
        return [index.name for index in self.view.indices], [build.build_id for build in self.view.builds]

    def manifests_of(self, index: OwnIndex) -> list[str]:
        """Its manifest, where it is in the store."""
        there = {file.path for file in self.files.files}
        return [path for path in [manifest_of(index, there)] if path in there]


def look(site: Site, ids: pa.Array, *, now: datetime, run_id: str) -> Forgotten:
    """What there is of `ids`; changes nothing but that the record is begun. `BuildError` while anything of the store runs, or
    when an index cannot be written."""
    survey = _survey(site, now)
    alias = site.config.alias
    documents = {index.name: documents_there(site.cluster, index.name, ids) for index in survey.view.indices}
    with traces_of(site.store, survey.files, alias, ids) as traces:
        letters = sum(rows for path, rows in traces.rows.items() if is_letters(path))
        found = Forgotten(
            alias=alias,
            run_id=run_id,
            begun_at=now,
            ids=len(ids),
            not_there=len(ids) - traces.known,
            documents={name: count for name, count in documents.items() if count},
            rows=sum(traces.rows.values()) - letters,
            dead_letters=letters,
            vectors=sum(len(hashes) for _, hashes in _vectors(traces, survey)),
            notes=[],
            record=f"{alias}/forgotten/{now:%Y%m%dT%H%M%S%f}.json",
        )
    return _saved(site.store, found)


def forget(site: Site, ids: pa.Array, begun: Forgotten, timing: Timing = REAL_TIME) -> Forgotten:
    """Do it, and end the record. Idempotent; `BuildError` when something is in the way, or a run began meanwhile."""
    survey = _survey(site, timing.now())
    with traces_of(site.store, survey.files, site.config.alias, ids) as traces:
        for path, hashes in _vectors(traces, survey):
            traces.remove_vectors(path, hashes)
        for fingerprint, manifests in survey.manifests.items():
            traces.remove_probe_texts(fingerprint, manifests)
        forget_messages(site.store, survey.files, traces)
        notes = _forget_documents(site, survey, traces, ids, timing)
        for path in traces.rows:
            traces.remove_rows(path)
        _remove_leftovers(site, survey)
    if _survey(site, timing.now()).identity != survey.identity:
        raise BuildError(
            f"A run of '{begun.alias}' has begun and ended meanwhile, and may have taken the documents along. Forget them again."
        )
    return _saved(site.store, begun.model_copy(update={"ended_at": timing.now(), "notes": [*notes, *REMAINS]}))


def _survey(site: Site, now: datetime) -> _Survey:
    """What there is, when nobody is at work and everything can be written."""
    files = view_store(site.store, now)
    views, failures = view_corpora(site.clusters, site.store, site.configs, files, site.runs)
    manifests, doubts = kept_manifests(files, views)
    reasons = [*failures, *reasons_to_wait(views, files, failures), *doubts.values()]
    own = [view for view in views if view.alias == site.config.alias]
    reasons += [_closed(index) for view in own for index in view.indices if _closed(index)]
    if reasons:
        listed = "\n  ".join(dict.fromkeys(reasons))
        raise BuildError(
            f"Nothing of '{site.config.alias}' can be forgotten now. Wait until what runs has ended (a run, a rollback, a "
            f"redrive, the janitor), mend the rest, then forget again:\n  {listed}"
        )
    return _Survey(files, own[0], manifests)


def _closed(index: OwnIndex) -> str:
    """Why nothing can be deleted from it, in words."""
    if index.attached.is_closed:
        return f"{index.name} is closed: POST /{index.name}/_open, or delete it"
    block = index.attached.read_only
    return f'{index.name} is read-only: PUT /{index.name}/_settings {{"{block}": null}}, or delete it' if block else ""


def _vectors(traces: Traces, survey: _Survey) -> Iterator[tuple[str, set[str]]]:
    for fingerprint in survey.files.fingerprints:
        yield from traces.vectors(fingerprint, survey.manifests[fingerprint]).items()


def _forget_documents(site: Site, survey: _Survey, traces: Traces, ids: pa.Array, timing: Timing) -> list[str]:
    """From every index that has any, or whose manifest does; gives what Lucene still holds, in words."""
    held = []
    for index in survey.view.indices:
        manifests = survey.manifests_of(index)
        if not traces.rows.keys().isdisjoint(manifests) or documents_there(site.cluster, index.name, ids):
            log.info("%s: documents are deleted.", index.name)
            remove_documents(site.cluster, index, site.config.index, ids, timing.sleep)
            _correct_meta(site.cluster, index.name, sum(map(traces.remaining, manifests)) if manifests else None)
            held.append(index.name)
    notes = (expunge(site.cluster, name, timing) for name in held)
    return [note for note in notes if note]


def _correct_meta(cluster: Cluster, index: str, documents: int | None) -> None:
    """What its books say now; a candidate whose books were never closed says nothing."""
    meta = read_meta(cluster, index)
    if meta is not None and meta.documents is not None and documents is not None:
        write_meta(cluster, index, meta.model_copy(update={"documents": documents}))


def _remove_leftovers(site: Site, survey: _Survey) -> None:
    """What killed writers of this corpus left may hold anything; none of them lives."""
    for file in survey.files.under(site.config.alias, ""):
        if file.is_leftover:
            site.store.delete(file.path)


def _saved(store: Store, record: Forgotten) -> Forgotten:
    FORGOTTEN.save(store, record.record, record)
    return record


def load_forgotten(store: Store, path: str) -> Forgotten:
    return FORGOTTEN.load(store, path)
