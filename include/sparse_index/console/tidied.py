"""What the janitor found in a store lately: each of its looks keeps a report there."""

from __future__ import annotations

from dataclasses import dataclass

from sparse_index.console.problems import in_words
from sparse_index.operations.cleanup import Cleanup
from sparse_index.operations.janitor import load_cleanup
from sparse_index.store.files import Store
from sparse_index.store.layout import JANITOR, is_janitor_report

SHOWN = 3


@dataclass(frozen=True)
class Report:
    """One look; `path`: in the store. `problem`: why there is nothing `found` to show."""

    path: str
    found: Cleanup | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Reports:
    """The newest first, and how many `older` ones the store keeps."""

    shown: tuple[Report, ...]
    older: int


def last_reports(store: Store) -> Reports:
    """One that cannot be read says so."""
    paths = list(filter(is_janitor_report, store.files(JANITOR, ".json")))
    shown = tuple(_report(store, path) for path in reversed(paths[-SHOWN:]))
    return Reports(shown, len(paths) - len(shown))


def _report(store: Store, path: str) -> Report:
    try:
        return Report(path, load_cleanup(store, path))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this report's alone
        return Report(path, problem=in_words(error))
