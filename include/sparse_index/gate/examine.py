"""All checks of a complete index, beside a live one where there is one: they look, the modules of the checks decide."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from duckdb import DuckDBPyConnection

from sparse_index.builds.check import Check, Verdict, skipped
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.gate.answers import TOP, TOP_TEN, UNCHANGED, Answers, Hits, differing, top_ten, unchanged_documents
from sparse_index.gate.counts import counts
from sparse_index.gate.drift import CHANGED_DOCUMENTS, Vectors, drift
from sparse_index.gate.pace import LATENCY, latency
from sparse_index.gate.reading import (
    changed_ids,
    drawn_ids,
    hits_of,
    own_texts_of,
    stored_vectors,
    text_hashes,
    vectors_there,
    vectors_wanted,
)
from sparse_index.gate.sides import Side
from sparse_index.gate.stored import Sampled
from sparse_index.gate.stored import stored_vectors as compared_with_store
from sparse_index.live.reading import documents_in
from sparse_index.ml.vocabulary import knowing_kinds
from sparse_index.store.files import Store
from sparse_index.vectors.kind import Asked, VectorKind

_MOST_QUERIES = 100
# Each finds up to 100 documents: a small index is seen with few.
_FEWEST_QUERIES = 5
_DOCUMENTS_A_QUERY = 50
# So many hits of each query are compared.
_HITS = 100
_CHANGED = 1_000
# The vectors of so many documents are in memory at once; fewer, and the store is read through more often.
_ALTERED_AT_ONCE = 1_000
_TIMED_QUERIES = 50
# What is slow is slow in each of them; one that passes ends it, cold or not.
_ROUNDS = 4
# A smaller index answers at once, whatever is wrong with it.
_SMALL = 1_000


@dataclass(frozen=True)
class Examined:
    """`candidate`: what is to be proven; `live`: None where there is nothing to compare it with, for the reason `alone`. `seed`:
    which documents are drawn. `accepts_change`: somebody has said that much may have changed. `con`: one for all that is read, as
    to open one takes longer than most of it."""

    cluster: Cluster
    store: Store
    con: DuckDBPyConnection
    config: CorpusConfig
    candidate: Side
    live: Side | None
    seed: str
    alone: str = "There is no live index."
    accepts_change: bool = False

    @cached_property
    def kinds(self) -> dict[str, VectorKind]:
        return knowing_kinds(self.store, self.config, self.candidate.meta.fingerprint_of)

    @cached_property
    def documents(self) -> int:
        return documents_in(self.cluster, self.candidate.index)

    @cached_property
    def sample(self) -> list[Sampled]:
        ids = drawn_ids(self.cluster, self.candidate, self.config.gate.sample, self.seed)
        return self.sampled(self.candidate, ids)

    def sampled(self, side: Side, ids: Sequence[str]) -> list[Sampled]:
        """Documents of one side, with what the store has for the same texts."""
        there = vectors_there(self.cluster, side, list(self.kinds), ids)
        hashes = text_hashes(self.con, self.store, side, ids)
        texts = {field: self.texts(side, field, ids) for field in self.kinds}
        stored = {field: self._stored(side, field, texts[field]) for field in self.kinds}
        return [
            Sampled(
                id=id_,
                known=id_ in hashes,
                with_text=frozenset(field for field in self.kinds if id_ in texts[field]),
                there={field: self._vectors(field, there.get(id_, {})) for field in self.kinds},
                store={field: found[id_] for field, found in stored.items() if id_ in found},
            )
            for id_ in ids
        ]

    def altered_live(self, live: Side, field: str, ids: Collection[str]) -> set[str]:
        """Of `ids` those that have in the candidate's field what the store has, and not in that of the live index."""
        ordered, altered = sorted(ids), set[str]()
        for start in range(0, len(ordered), _ALTERED_AT_ONCE):
            some = ordered[start : start + _ALTERED_AT_ONCE]
            wrong = [each.id for each in self.sampled(live, some) if each.problem_in(field)]
            there = self.sampled(self.candidate, wrong) if wrong else []
            altered |= {each.id for each in there if not each.problem_in(field) and not each.is_unseen_in(field)}
        return altered

    def _vectors(self, field: str, there: Json) -> list[Any] | None:
        return self.kinds[field].vectors_in(there[field]) if field in there else None

    def _stored(self, side: Side, field: str, texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Id -> the vectors that it has by the store."""
        kind, fingerprint = self.kinds[field], side.meta.fingerprint_of(field)
        wanted = {one for hashes in texts.values() for one in hashes}
        found = stored_vectors(self.con, self.store, fingerprint, kind, wanted)
        return {
            id_: vectors_wanted(kind, [found[one] for one in hashes])
            for id_, hashes in texts.items()
            if all(one in found for one in hashes)
        }

    def texts(self, side: Side, field: str, ids: Collection[str]) -> dict[str, list[str]]:
        """Id -> hashes of what has a vector in a field: the texts of its own, or the whole one; of those that have any."""
        own = {id_: hashes for id_, hashes in own_texts_of(self.con, self.store, side, ids, field).items() if hashes}
        if self.config.vector_fields[field].has_own_texts:
            return own
        whole = text_hashes(self.con, self.store, side, ids)
        return {id_: own.get(id_) or [one] for id_, one in whole.items() if one is not None}

    def queries(self, field: str) -> list[Json]:
        """Vectors of sampled texts, as they were encoded: what is like these documents."""
        kind, count = self.kinds[field], min(_MOST_QUERIES, max(self.documents // _DOCUMENTS_A_QUERY, _FEWEST_QUERIES))
        first = [vectors[0] for each in self.sample if (vectors := each.store.get(field))]
        vectors = [vector for vector in first if vector is not None]
        return [kind.clause(field, kind.as_output(vector), Asked(_HITS)) for vector in vectors[:count]]

    def answers(self, field: str, live: Side) -> list[Answers]:
        """Both sides are asked at once, each one query at a time."""
        asked, queries = (
            min(_HITS, live.attached.largest_page, self.candidate.attached.largest_page),
            self.queries(field),
        )
        with ThreadPoolExecutor(2) as both:
            found = both.map(lambda side: self._hits(side, queries, asked), (live, self.candidate))
            return [Answers(asked, *hits) for hits in zip(*found, strict=True)]

    def _hits(self, side: Side, queries: Sequence[Json], asked: int) -> list[Hits]:
        return [hits_of(self.cluster, side, query, asked)[0] for query in queries]


def checks(examined: Examined) -> Iterator[Check]:
    """Every one, whatever the others say."""
    books, live, config = examined.candidate.meta.documents, examined.live, examined.config
    yield counts(examined.documents, books, config.limits.min_documents, live.meta.documents if live else None)
    yield compared_with_store(examined.sample, examined.documents)
    for field in examined.kinds:
        yield from _of_field(examined, field)
    yield _latency(examined)


def _of_field(examined: Examined, field: str) -> Iterator[Check]:
    config, live, kind = examined.config, examined.live, examined.kinds[field]
    comparable = live if live is not None and examined.candidate.compares_with(live, field) else None
    vectors = _vectors(examined, field, comparable)
    yield drift(field, kind.likeness, vectors, config.limits.max_empty_share, accepted=examined.accepts_change)
    if comparable is None:
        why = examined.alone if live is None else "The live index has another encoder or another mapping of this field."
        yield from (skipped(name, f"{field}: {why}") for name in (UNCHANGED, TOP_TEN))
        return
    answers = examined.answers(field, comparable)
    unchanged = _unchanged(examined, comparable, field, answers)
    altered: set[str] = set()
    if kind.exact_scores:
        altered = examined.altered_live(comparable, field, differing(answers, unchanged, finds_all=kind.finds_all))
        yield unchanged_documents(
            field,
            answers,
            unchanged,
            finds_all=kind.finds_all,
            altered_live=altered,
            accepted=examined.accepts_change,
        )
    else:
        yield skipped(UNCHANGED, f"{field}: the scores of such a field are rounded, and not in every segment.")
    yield top_ten(field, answers, unchanged - altered, config.gate, finds_all=kind.finds_all)


def _vectors(examined: Examined, field: str, live: Side | None) -> Vectors:
    with_text = [each for each in examined.sample if field in each.with_text]
    empty = sum(each.there[field] is None for each in with_text)
    # Another template makes other texts of the same rows: that was asked for.
    if live is None or live.meta.document_hash != examined.candidate.meta.document_hash:
        return Vectors(len(with_text), empty)
    changed = changed_ids(examined.con, examined.store, live, examined.candidate, _CHANGED, examined.seed)
    if len(changed) < CHANGED_DOCUMENTS:
        return Vectors(len(with_text), empty)
    was, now = (vectors_there(examined.cluster, side, [field], changed) for side in (live, examined.candidate))
    both = [id_ for id_ in changed if field in was.get(id_, {}) and field in now.get(id_, {})]
    kind = examined.kinds[field]
    before, after = (list(_flat(kind, [side[id_][field] for id_ in both])) for side in (was, now))
    return Vectors(len(with_text), empty, before, after)


def _flat(kind: VectorKind, values: Iterable[Any]) -> Iterator[Any]:
    return (vector for value in values for vector in kind.vectors_in(value) if vector is not None)


def _unchanged(examined: Examined, live: Side, field: str, answers: Sequence[Answers]) -> set[str]:
    """Of the documents that were found, those that have the same text on both sides, whole or in the same passages."""
    found = {id_ for each in answers for id_ in (*each.live, *each.candidate)}
    was, now = (examined.texts(side, field, found) for side in (live, examined.candidate))
    return {id_ for id_, hashes in was.items() if now.get(id_) == hashes}


def _latency(examined: Examined) -> Check:
    live, field = examined.live, next(iter(examined.kinds))
    if live is None or live.mapping_of(field) != examined.candidate.mapping_of(field):
        return skipped(LATENCY, examined.alone if live is None else "The live index has other fields.")
    if examined.documents < _SMALL:
        return skipped(LATENCY, f"Fewer than {_SMALL:,} documents are found at once.")
    queries = examined.queries(field)[:_TIMED_QUERIES]
    if not queries:
        return skipped(LATENCY, "There is no vector to search with.")
    for _ in range(_ROUNDS):
        found = _timed(examined, live, queries)
        if found.verdict is Verdict.PASS:
            break
    return found


def _timed(examined: Examined, live: Side, queries: Sequence[Json]) -> Check:
    sides, gate = (live, examined.candidate), examined.config.gate
    took = [[hits_of(examined.cluster, side, query, TOP)[1] for side in sides] for query in queries]
    was, now = zip(*took, strict=True)
    return latency(was, now, gate.max_latency_factor, gate.latency)
