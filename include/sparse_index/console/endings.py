"""How builds ended, for whoever asks of many: read once, and kept without the rest of their receipts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from sparse_index.console.build import Ending, Sort, ending
from sparse_index.console.readers import read_each
from sparse_index.console.receipts import read_once
from sparse_index.store.files import Store
from sparse_index.store.layout import receipt_path

# Of less than a kilobyte each.
MOST_ENDINGS = 20_000

# A build: its store, its alias, its id.
Place = tuple[Store, str, str]


class Endings:
    """Safe to be used by many threads. What was read is not looked at again: builds that ended long ago hardly change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Ending] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, places: Sequence[Place]) -> list[Ending]:
        """Those of these builds, in their order; eight at a time from stores that are far away."""
        kept = [self._kept_at(place) for place in places]
        read = iter(self._read([place for place, found in zip(places, kept, strict=True) if found is None]))
        return [found or next(read) for found in kept]

    def _read(self, places: Sequence[Place]) -> list[Ending]:
        if all(store.is_local for store, _, _ in places):
            return [self._find(place) for place in places]
        return read_each(self._find, places)

    def _find(self, place: Place) -> Ending:
        store, alias, build_id = place
        found = read_once(store, receipt_path(alias, build_id))
        ended = ending(build_id, found)
        if found.content is not None and ended.sort is not Sort.FAILED:  # its tasks may be cleared
            self._keep(place, ended)
        return ended

    def _kept_at(self, place: Place) -> Ending | None:
        with self._lock:
            found = self._kept.get(_address(place))
            if found is not None:
                self._kept.move_to_end(_address(place))
            return found

    def _keep(self, place: Place, ended: Ending) -> None:
        with self._lock:
            self._kept[_address(place)] = ended
            while len(self._kept) > MOST_ENDINGS:
                self._kept.popitem(last=False)


def _address(place: Place) -> str:
    store, alias, build_id = place
    return store.full(receipt_path(alias, build_id))
