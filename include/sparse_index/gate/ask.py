"""Asking a golden set of a candidate and of the index that is live."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sparse_index.builds.check import Check
from sparse_index.builds.plan import load_plan
from sparse_index.builds.reports import MovedQuery
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.errors import BuildError, ConfigError, ModelError
from sparse_index.gate.golden import GoldenAnswers, canaries_check, golden_check, not_answered, not_judged
from sparse_index.gate.moved import most_moved
from sparse_index.live.attached import observe_attached
from sparse_index.live.meta import Meta, read_meta
from sparse_index.query.pipelines import has_full_text
from sparse_index.query.wish import default_mode
from sparse_index.relevance.compare import TOP
from sparse_index.relevance.evaluate import asks, rank
from sparse_index.relevance.golden import GoldenSet, golden_of
from sparse_index.relevance.measures import Rankings
from sparse_index.relevance.unknown import unknown_documents
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path
from sparse_index.store.manifests import passages_differ, rows_of
from sparse_index.store.sql import connect

# For re-ranking what one query finds: enough for any. Without a limit the cluster would re-rank, all in one request.
_A_DAY_MS = 86_400_000.0
_ALTERED = f"""
    SELECT id FROM (SELECT unnest($ids) AS id)
    LEFT JOIN (SELECT id, text_hash, row_hash, passages FROM {{former}} WHERE NOT deleted) former USING (id)
    LEFT JOIN (SELECT id, text_hash, row_hash, passages FROM {{present}} WHERE NOT deleted) present USING (id)
    WHERE former.row_hash IS DISTINCT FROM present.row_hash OR former.text_hash IS DISTINCT FROM present.text_hash
        OR {passages_differ("former", "present")}"""


@dataclass(frozen=True)
class Judged:
    """`checks`: `golden` and `canaries`; `moved`: the queries that were answered otherwise than by the live index."""

    checks: Sequence[Check]
    moved: Sequence[MovedQuery] = ()


def judge(cluster: Cluster, store: Store, config: CorpusConfig, candidate: str, live: str | None) -> Judged:
    """`live`: None where there is none."""
    golden = golden_of(config.gate)
    if golden is None:
        return Judged(not_judged("gate.golden names no folder: what this corpus has to answer is not said."))
    try:
        asked = ask_golden(cluster, store, config, golden, candidate, live)
    except (ModelError, ConfigError) as error:
        return Judged(not_answered(f"{candidate} does not answer the golden queries: {error.message}"))
    return Judged((golden_check(asked, config.gate), canaries_check(asked)), most_moved(asked))


def ask_golden(
    cluster: Cluster, store: Store, config: CorpusConfig, golden: GoldenSet, candidate: str, live: str | None
) -> GoldenAnswers:
    """Each index is asked as searches of it are, but without haste: what is live, as it was configured when it was built."""
    ask = asks(cluster, _unhurried(config), candidate)
    found = rank(ask, golden, default_mode(config))
    unknown = unknown_documents(cluster, candidate, golden.judged_documents)
    gone = unknown_documents(cluster, candidate, golden.required_documents)
    former = _asked_as_it_was(cluster, store, config, golden, live)
    if isinstance(former, str):
        yardstick = rank(ask, golden, SearchMode.BM25) if has_full_text(config) else None
        return GoldenAnswers(golden, found, None, yardstick, unknown=unknown, gone=gone, alone=former)
    meta, rankings = former
    altered = _altered(store, meta, read_meta(cluster, candidate), _found(found, rankings))
    return GoldenAnswers(golden, found, rankings, altered=altered, unknown=unknown, gone=gone)


def _asked_as_it_was(
    cluster: Cluster, store: Store, present: CorpusConfig, golden: GoldenSet, live: str | None
) -> tuple[Meta, Rankings] | str:
    """Or why nothing can be compared with: a model that its build's configuration names may have gone meanwhile."""
    former = _as_it_was(cluster, store, present, live)
    if isinstance(former, str):
        return former
    try:
        ask = asks(cluster, _unhurried(former.config), former.index)
        return former.meta, rank(ask, golden, default_mode(former.config))
    except (ModelError, ConfigError) as error:
        return f"{live} cannot be asked as it was when it was built: {error.message}"


def _unhurried(config: CorpusConfig) -> CorpusConfig:
    """What is re-ranked within a time depends on what else the cluster does: that would be a verdict on the hour."""
    rerank = config.search.rerank
    if rerank is None or rerank.budget_ms is None:
        return config
    unhurried = rerank.model_copy(update={"budget_ms": _A_DAY_MS})
    return config.model_copy(update={"search": config.search.model_copy(update={"rerank": unhurried})})


@dataclass(frozen=True)
class _Live:
    """What is live, and the configuration of its build."""

    index: str
    meta: Meta
    config: CorpusConfig


def _as_it_was(cluster: Cluster, store: Store, present: CorpusConfig, live: str | None) -> _Live | str:
    """Or why it cannot be asked as its searches are. `present`: has the secrets, of which the store holds none."""
    if live is None:
        return "There is no live index."
    meta = read_meta(cluster, live)
    if meta is None:
        return f"{live} was not made by this package, or is gone."
    if observe_attached(cluster, live).is_closed:
        return f"{live} is closed."
    path = plan_path(meta.alias, meta.build_id)
    try:
        config = load_plan(store, path).config.with_secrets_of(present) if store.exists(path) else None
    except BuildError:
        config = None
    if config is None:
        return f"How {live} was configured is not known: {path} is not in the store, or of another version."
    return _Live(live, meta, config)


def _found(*rankings: Rankings) -> list[str]:
    return sorted({id_ for found in rankings for ids in found.values() for id_ in ids[:TOP]})


def _altered(store: Store, live: Meta, candidate: Meta | None, ids: Sequence[str]) -> Collection[str]:
    """Of `ids` those that came, changed or went between the two by the corpus's own doing; none where a manifest is gone, or
    the configuration makes other documents of the same rows."""
    if candidate is None or candidate.document_hash != live.document_hash:
        return frozenset()
    if not (store.exists(live.manifest) and store.exists(candidate.manifest)):
        return frozenset()
    former, present = rows_of(store, [live.manifest]), rows_of(store, [candidate.manifest])
    with connect(store) as con:
        rows = con.execute(_ALTERED.format(former=former, present=present), {"ids": list(ids)}).fetchall()
    return frozenset(id_ for (id_,) in rows)
