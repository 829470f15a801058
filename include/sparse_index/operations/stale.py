"""Corpora whose live data is older than their owner allows, whatever their runs said: no run is asked, only the live index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import SparseIndexError, UnavailableError
from sparse_index.live.age import data_age_s
from sparse_index.live.generations import OwnIndex, readable_indices
from sparse_index.operations.sightings import Clusters, CorpusView, cluster_of


def stale(views: Sequence[CorpusView], now: datetime) -> dict[str, str]:
    """Alias -> how old its data is, in words; only of those whose file has `stale_after_hours`."""
    said = {view.alias: _said(view.config, view.indices, now) for view in views}
    return {alias: words for alias, words in said.items() if words is not None}


def observe_stale(
    clusters: Clusters, configs: Sequence[CorpusConfig], now: datetime
) -> tuple[dict[str, str], dict[str, str]]:
    """As `stale`, from two requests for each corpus: whoever waits to hear of it waits for no look at a large store; and alias ->
    why nobody knows how old its data is. A cluster that is away is waited for once."""
    old: dict[str, str] = {}
    unknown: dict[str, str] = {}
    away: dict[str | None, UnavailableError] = {}
    for config in (each for each in configs if each.stale_after_hours is not None):
        try:
            if config.connection in away:
                raise away[config.connection]
            words = _said(config, readable_indices(cluster_of(clusters, config), config.alias), now)
        except SparseIndexError as error:
            if isinstance(error, UnavailableError):
                away[config.connection] = error
            unknown[config.alias] = f"How old the data of '{config.alias}' is could not be seen: {error.message}"
        else:
            old |= {config.alias: words} if words is not None else {}
    return old, unknown


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
