"""Whether people wait to hear that a corpus is well again: they were told of a failed run, and of no good one since."""

from __future__ import annotations

from datetime import datetime

from sparse_index.forms import Form
from sparse_index.store.files import Store
from sparse_index.values import Frozen


class Told(Frozen):
    """Of the first failed run since the last good one."""

    run_id: str
    at: datetime


_TOLD = Form(Told, "what was told of a failed run", "Delete it: only the message that all is well again gets lost.")


def told_path(alias: str, dag_id: str) -> str:
    return f"{alias}/alerts/{dag_id}.json"


def told_before(store: Store, path: str) -> Told | None:
    return _TOLD.find(store, path)


def remember(store: Store, path: str, told: Told) -> None:
    """Keeps the first one: "red since" is what people ask."""
    if told_before(store, path) is None:
        _TOLD.save(store, path, told)


def take_back(store: Store, path: str) -> None:
    """What was told holds no longer."""
    store.delete(path)
