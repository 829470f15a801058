"""The janitor: look at everything and decide; then look again, and remove what both looks agree on.

A dry run is the first look alone. Between the two may lie seconds or, when somebody clears the second task, days.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sparse_index.addresses import public_address
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.neighbours import Neighbours
from sparse_index.errors import BuildError, SparseIndexError
from sparse_index.forms import Form
from sparse_index.live.generations import is_being_copied, remove_candidate
from sparse_index.ml.verbs import remove_group
from sparse_index.operations.cleanup import Action, Cleanup, Kind, plan_cleanup
from sparse_index.operations.served import remove, unneeded
from sparse_index.operations.sightings import Clusters, Runs, view_corpora, view_store
from sparse_index.operations.stale import stale
from sparse_index.operations.unclaimed import unclaimed
from sparse_index.operations.vector_use import reasons_to_keep_vectors, view_vector_use
from sparse_index.store.files import Store
from sparse_index.store.layout import janitor_report_path
from sparse_index.timing import REAL_TIME, Timing
from sparse_index.vectors.compaction import compact, drop_sources

log = logging.getLogger(__name__)

# A run that begins meanwhile has not planned yet.
LOOK_COUNTS_S = 5.0
_NOBODY = Neighbours()
CLEANUP = Form(Cleanup, "what a janitor decided", "Let the janitor look anew.")


def by_store(configs: Iterable[CorpusConfig]) -> dict[str, list[CorpusConfig]]:
    """Public address of a store -> the corpora that use it. One place under two spellings is one store."""
    groups: dict[str, list[CorpusConfig]] = {}
    for config in configs:
        groups.setdefault(_place(config.store), []).append(config)
    return groups


def _place(uri: str) -> str:
    try:
        return Store(uri).address
    except SparseIndexError:  # who looks at it will say why
        return public_address(uri)


def look(
    clusters: Clusters,
    store: Store,
    configs: Sequence[CorpusConfig],
    *,
    now: datetime,
    runs: Runs | None,
    beside: Neighbours = _NOBODY,
) -> Cleanup:
    """What there is to do in one store and for all corpora that use it (`configs`); changes nothing.

    `runs`: what a scheduler knows, None where there is none. A corpus that cannot be looked at keeps all that is its own.
    `beside`: every corpus that is known, whichever its store; without, nobody knows whose something is that none of them claims.
    """
    files = view_store(store, now)
    views, failures = view_corpora(clusters, store, configs, files, runs)
    use = None if reasons_to_keep_vectors(views, files, failures) else view_vector_use(store, files, views, now)
    cleanup, (served, doubts) = plan_cleanup(views, files, now, failures, use), unneeded(clusters, store, configs)
    return cleanup.model_copy(
        update={
            "actions": [*cleanup.actions, *served],
            "notes": [*cleanup.notes, *doubts, *unclaimed(clusters, configs, beside)],
            "stale": stale(views, now),
        }
    )


def clean(
    clusters: Clusters,
    store: Store,
    configs: Sequence[CorpusConfig],
    decided: Cleanup,
    *,
    now: datetime,
    runs: Runs | None,
    timing: Timing = REAL_TIME,
    beside: Neighbours = _NOBODY,
) -> Cleanup:
    """Do what `decided` says and a look of now still says; gives what was done. One failure does not stop the others: in the end
    `BuildError` names what failed or is unproven. `beside`: every corpus that is known, whichever its store."""
    cleanup = decided.still_in(look(clusters, store, configs, now=now, runs=runs, beside=beside))
    cluster_of = {config.alias: clusters[config.connection] for config in configs if config.connection in clusters}

    def is_quiet() -> bool:
        files = view_store(store, now)
        views, failures = view_corpora(clusters, store, configs, files, runs)
        return not reasons_to_keep_vectors(views, files, failures)

    problems = list(cleanup.unproven)
    done: list[Action] = []
    passing: list[str] = []
    lately_quiet = _lately(is_quiet, timing)
    for action in cleanup.actions:
        log.info("%s", action)
        try:
            if action.kind in (Kind.PIPELINE, Kind.SERVED):
                stays = remove(clusters, store, configs, action, runs, timing, beside)
            else:
                stays = carry_out(cluster_of.get(action.alias), store, action, lately_quiet, timing)
            passing += stays
            done += [] if stays else [action]
        except (SparseIndexError, OSError) as error:
            waits = isinstance(error, SparseIndexError) and is_being_copied(error)
            (passing if waits else problems).append(f"{action}: {error}")
    for reason in passing:
        log.warning("Left for the next time: %s", reason)
    if problems:
        listed = "\n  ".join(problems)
        raise BuildError(f"{len(problems)} thing(s) could not be tidied up or proven dead; all else was:\n  {listed}")
    return cleanup.model_copy(
        update={"actions": done, "notes": [*cleanup.notes, *(f"left for the next time: {one}" for one in passing)]}
    )


def _lately(look: Callable[[], bool], timing: Timing) -> Callable[[], bool]:
    """`look`, whose answer counts for some seconds: it reads every plan of the store."""
    said, until = False, -math.inf

    def asked() -> bool:
        nonlocal said, until
        if timing.clock() >= until:
            said, until = look(), timing.clock() + LOOK_COUNTS_S
        return said

    return asked


def carry_out(
    cluster: Cluster | None, store: Store, action: Action, is_quiet: Callable[[], bool], timing: Timing
) -> list[str]:
    """Why it stays for now, in words; nothing when it was done. `BuildError` when a model is kept. `is_quiet`: whether still no
    run may count on a vector."""
    if action.kind is Kind.VECTORS and not is_quiet():
        return [f"{action.name} stay: a run may count on them"]
    if action.kind in (Kind.FILES, Kind.VECTORS):
        for path in action.paths:
            store.delete(path)
    elif action.kind is Kind.COMPACT:
        compact(store, action.merge)
    elif action.kind is Kind.MERGED:
        return drop_sources(store, action.merge, is_quiet)
    elif cluster is None:
        return [f"{action.name} stays: the cluster of '{action.alias}' cannot be reached"]
    elif action.kind is Kind.MODELS:
        kept = remove_group(cluster, action.name, timing).kept
        if kept:
            raise BuildError("; ".join(kept))
    else:
        remove_candidate(cluster, action.alias, action.name)
    return []


def save_cleanup(store: Store, cleanup: Cleanup) -> str:
    """Keep what was decided, for the task that does it and for people; gives the path in the store."""
    path = janitor_report_path(cleanup.at)
    CLEANUP.save(store, path, cleanup)
    return path


def load_cleanup(store: Store, path: str) -> Cleanup:
    return CLEANUP.load(store, path)
