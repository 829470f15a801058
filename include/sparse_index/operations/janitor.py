"""The janitor: look at everything, decide, and only then remove. A dry run stops before the last step."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from sparse_index.cluster import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError, SparseIndexError
from sparse_index.index.alias import observe_alias
from sparse_index.index.generations import remove_candidate
from sparse_index.index.meta import read_meta
from sparse_index.ml.commons import remove_build_models
from sparse_index.operations.cleanup import Action, Cleanup, Kind, plan_cleanup
from sparse_index.operations.compaction import compact
from sparse_index.operations.views import REPORTS, CorpusView, IsLive, view_corpus, view_store
from sparse_index.store import Store

log = logging.getLogger(__name__)

Clusters = Mapping[str, Cluster]


def janitor(
    clusters: Clusters,
    store: Store,
    configs: Sequence[CorpusConfig],
    *,
    now: datetime,
    is_live: IsLive,
    dry_run: bool,
) -> Cleanup:
    """Tidy one store and the corpora that use it (`configs`, all of them); `clusters`: connection name -> cluster.

    Gives what was planned; `BuildError` at the end, when all that could be done is done, for what could not be.
    """
    cleanup = look(clusters, store, configs, now=now, is_live=is_live)
    if not dry_run:
        clean(clusters, store, configs, cleanup)
    return cleanup


def look(
    clusters: Clusters, store: Store, configs: Sequence[CorpusConfig], *, now: datetime, is_live: IsLive
) -> Cleanup:
    """What there is to do; changes nothing. A corpus that cannot be looked at keeps all that is its own."""
    files = view_store(store)
    views: list[CorpusView] = []
    failures: list[str] = []
    for config in configs:
        try:
            views.append(view_corpus(clusters[config.connection], store, config, files, is_live))
        except SparseIndexError as error:
            failures.append(f"'{config.alias}' could not be looked at: {error.message}")
    return plan_cleanup(views, files, now, failures)


def clean(clusters: Clusters, store: Store, configs: Sequence[CorpusConfig], cleanup: Cleanup) -> None:
    """Do all of it; one failure does not stop the others. `BuildError` naming what failed or is unproven."""
    cluster_of = {config.alias: clusters[config.connection] for config in configs}
    problems = list(cleanup.unproven)
    for action in cleanup.actions:
        log.info("%s", action)
        try:
            problems += _do(cluster_of.get(action.alias), store, action)
        except SparseIndexError as error:
            problems.append(f"{action}: {error.message}")
    if problems:
        listed = "\n  ".join(problems)
        raise BuildError(f"{len(problems)} thing(s) could not be tidied up or proven dead; all else was:\n  {listed}")


def _do(cluster: Cluster | None, store: Store, action: Action) -> list[str]:
    """What stays after all, in words. What the cluster says is asked again: it may have changed since the look."""
    if action.kind is Kind.FILES:
        for path in action.paths:
            store.delete(path)
    elif action.kind is Kind.COMPACT:
        compact(store, action.target, action.paths)
    elif cluster is None:
        return [f"{action}: no connection to its cluster"]
    elif action.kind is Kind.MODELS:
        return list(remove_build_models(cluster, action.name).kept)
    else:
        return _remove_index(cluster, action)
    return []


def _remove_index(cluster: Cluster, action: Action) -> list[str]:
    meta = read_meta(cluster, action.name)
    went_live = meta is not None and meta.promoted_at is not None and action.name.endswith(meta.build_id.lower())
    if action.name in observe_alias(cluster, action.alias).members or (went_live and action.kind is Kind.CANDIDATE):
        return [f"{action.name} is left alone: it went live meanwhile"]
    remove_candidate(cluster, action.alias, action.name)
    return []


def save_cleanup(store: Store, cleanup: Cleanup) -> str:
    """Keep what was decided, for the task that does it and for people; gives the path in the store."""
    path = f"{REPORTS}/{cleanup.at:%Y%m%dT%H%M%S}.json"
    store.write_bytes(path, cleanup.model_dump_json(indent=2).encode())
    return path


def load_cleanup(store: Store, path: str) -> Cleanup:
    return Cleanup.model_validate_json(store.read_bytes(path))
