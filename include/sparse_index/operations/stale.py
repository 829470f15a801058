"""Corpora whose live data is older than their owner allows, whatever their runs said: no run is asked, only the live index."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import SparseIndexError, UnavailableError
from sparse_index.live.age import data_age_s
from sparse_index.live.generations import OwnIndex, readable_indices
from sparse_index.operations.sightings import Clusters, CorpusView

log = logging.getLogger(__name__)


def stale(views: Sequence[CorpusView], now: datetime) -> dict[str, str]:
    """Alias -> how old its data is, in words; only of those whose file has `stale_after_hours`."""
    said = {view.alias: _said(view.config, view.indices, now) for view in views}
    return {alias: words for alias, words in said.items() if words is not None}


def observe_stale(clusters: Clusters, configs: Sequence[CorpusConfig], now: datetime) -> dict[str, str]:
    """As `stale`, from two requests for each corpus: whoever waits to hear of it waits for no look at a large store. A corpus
    that cannot be asked is left out, and so is each of a cluster that is away; the look says why."""
    said: dict[str, str | None] = {}
    away: set[str | None] = set()
    for config in configs:
        if config.stale_after_hours is None or config.connection not in clusters or config.connection in away:
            continue
        try:
            said[config.alias] = _said(config, readable_indices(clusters[config.connection], config.alias), now)
        except UnavailableError:
            away.add(config.connection)
        except SparseIndexError as error:
            log.info("How old the data of '%s' are is not known: %s", config.alias, error)
    return {alias: words for alias, words in said.items() if words is not None}


def _said(config: CorpusConfig, indices: Sequence[OwnIndex], now: datetime) -> str | None:
    if config.stale_after_hours is None:
        return None
    live = next((index for index in indices if index.live), None)
    look = "Look whether its DAG is paused, and at its last runs"
    if live is None:
        return f"'{config.alias}' has no live index of ours, so its data is as old as can be. {look}."
    hours = data_age_s(live.meta, now) / 3600
    if hours <= config.stale_after_hours:
        return None
    return (
        f"'{config.alias}' shows the data of {live.meta.data_date} ({live.name}), {hours:,.0f} hours old; stale_after_hours "
        f"allows {config.stale_after_hours:g}. {look}."
    )
