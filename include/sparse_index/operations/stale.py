"""Corpora whose live data is older than their owner allows, whatever their runs said: no run is asked, only the live index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sparse_index.live.age import data_age_s
from sparse_index.operations.sightings import CorpusView


def stale(views: Sequence[CorpusView], now: datetime) -> dict[str, str]:
    """Alias -> how old its data is, in words; only of those whose file has `stale_after_hours`."""
    found = ((view, view.config.stale_after_hours) for view in views)
    said = {view.alias: _said(view, hours, now) for view, hours in found if hours is not None}
    return {alias: words for alias, words in said.items() if words is not None}


def _said(view: CorpusView, allowed_hours: float, now: datetime) -> str | None:
    live = next((index for index in view.indices if index.live), None)
    look = "Look whether its DAG is paused, and at its last runs"
    if live is None:
        return f"'{view.alias}' has no live index of ours, so its data is as old as can be. {look}."
    hours = data_age_s(live.meta, now) / 3600
    if hours <= allowed_hours:
        return None
    return (
        f"'{view.alias}' shows the data of {live.meta.data_date} ({live.name}), {hours:,.0f} hours old; stale_after_hours allows "
        f"{allowed_hours:g}. {look}."
    )
