"""What is asked of many builds that have ended: read once, and kept without the rest of their receipts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sparse_index.console.build import Ending, Sort, ending
from sparse_index.console.fields import text
from sparse_index.console.readers import read_each
from sparse_index.console.receipts import Found, read_once
from sparse_index.store.files import Store
from sparse_index.store.layout import receipt_path

# Of less than a kilobyte each.
MOST_KEPT = 20_000

# A build: its store, its alias, its id.
Place = tuple[Store, str, str]
Asked = TypeVar("Asked")


class OfBuilds(Generic[Asked]):
    """Safe to be used by many threads. What was read is not looked at again: builds that ended long ago hardly change."""

    def __init__(self, asked: Callable[[str, Found], Asked]) -> None:
        """`asked`: makes it of a build's id and its receipt."""
        self._asked = asked
        self._kept: OrderedDict[str, Asked] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, places: Sequence[Place]) -> list[Asked]:
        """Those of these builds, in their order; eight at a time from stores that are far away."""
        kept = [self._kept_at(place) for place in places]
        read = iter(self._read([place for place, found in zip(places, kept, strict=True) if found is None]))
        return [next(read) if found is None else found for found in kept]

    def _read(self, places: Sequence[Place]) -> list[Asked]:
        if all(store.is_local for store, _, _ in places):
            return [self._find(place) for place in places]
        return read_each(self._find, places)

    def _find(self, place: Place) -> Asked:
        store, alias, build_id = place
        found = read_once(store, receipt_path(alias, build_id))
        asked = self._asked(build_id, found)
        if found.content is not None and text(found.content, "outcome") != Sort.FAILED:  # its tasks may be cleared
            self._keep(place, asked)
        return asked

    def _kept_at(self, place: Place) -> Asked | None:
        with self._lock:
            found = self._kept.get(_address(place))
            if found is not None:
                self._kept.move_to_end(_address(place))
            return found

    def _keep(self, place: Place, asked: Asked) -> None:
        with self._lock:
            self._kept[_address(place)] = asked
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)


class Endings(OfBuilds[Ending]):
    """How they ended."""

    def __init__(self) -> None:
        super().__init__(ending)


def _address(place: Place) -> str:
    store, alias, build_id = place
    return store.full(receipt_path(alias, build_id))
