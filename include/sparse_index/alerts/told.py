"""Whether people wait to hear that a corpus is well again: they were told of a failed run, and of no good one since."""

from __future__ import annotations

from datetime import date, datetime

from sparse_index.forms import Form
from sparse_index.store.files import Store
from sparse_index.values import Frozen


class Told(Frozen):
    """Of the first failed run since the last good one. `days`: of a feed, those whose runs failed and that no good run has
    brought since; `well`: a good run was told of meanwhile, so that these days alone are waited for."""

    run_id: str
    at: datetime
    days: frozenset[date] = frozenset()
    well: bool = False

    def without(self, day: date | None) -> Told | None:
        """What still waits for good news after a good run, of `day` in a feed; None: nothing."""
        days = self.days - {day}
        return self.model_copy(update={"days": days, "well": True}) if days else None


_TOLD = Form(Told, "what was told of a failed run", "Delete it: only the message that all is well again gets lost.")


def told_path(alias: str, dag_id: str) -> str:
    return f"{alias}/alerts/{dag_id}.json"


def told_before(store: Store, path: str) -> Told | None:
    return _TOLD.find(store, path)


def remember(store: Store, path: str, told: Told) -> None:
    """Keeps the first one: "red since" is what people ask. The days of all add up."""
    before = told_before(store, path)
    first = told if before is None or before.well else before
    now = first.model_copy(update={"days": told.days | (before.days if before else frozenset())})
    if now != before:
        _TOLD.save(store, path, now)


def take_back(store: Store, path: str, rest: Told | None = None) -> None:
    """What was told holds no longer, but for the `rest`."""
    if rest is None:
        store.delete(path)
    else:
        _TOLD.save(store, path, rest)
