"""Whether the searches of the live index suffer while texts are encoded: encoding is work that can wait."""

from __future__ import annotations

import logging

from sparse_index.cluster.client import Cluster
from sparse_index.errors import SparseIndexError
from sparse_index.timing import Clock

log = logging.getLogger(__name__)

EVERY_S = 10.0
FEWEST_SEARCHES = 20
SLOWER = 2.0
# A mean of a few milliseconds doubles by itself; nobody notices.
NOISE_MS = 5.0


class SearchWatch:
    """Looks every 10 s at the mean time of a query phase on `index` (None: nobody searches yet).

    What is usual comes from the index's whole life before this task, later from the fastest interval seen.
    """

    def __init__(self, cluster: Cluster, index: str | None, clock: Clock) -> None:
        self._cluster, self._index, self._clock = cluster, index, clock
        self._next_look = clock()
        self._counted = (0, 0)
        self._usual_ms: float | None = None

    def suffer(self) -> bool:
        """True when the searches since the last look took more than twice their usual time."""
        if self._index is None or self._clock() < self._next_look:
            return False
        self._next_look = self._clock() + EVERY_S
        mean_ms = self._mean_since_last_look(self._index)
        if mean_ms is None:
            return False
        usual_ms = self._usual_ms = mean_ms if self._usual_ms is None else min(self._usual_ms, mean_ms)
        slow = mean_ms > SLOWER * usual_ms + NOISE_MS
        if slow:
            log.warning(
                "Searches of %s take %.0f ms, usually %.0f: encoding gives way.", self._index, mean_ms, usual_ms
            )
        return slow

    def _mean_since_last_look(self, index: str) -> float | None:
        """Milliseconds; None when there were too few searches to tell, or nobody answers."""
        try:
            # Encoding waits for the answer, so it is asked for once only.
            stats = self._cluster.request("GET", f"/{index}/_stats/search", retry=None)["_all"]["total"]["search"]
        except SparseIndexError:
            return None
        total = int(stats["query_total"]), int(stats["query_time_in_millis"])
        searches, spent_ms = total[0] - self._counted[0], total[1] - self._counted[1]
        if 0 <= searches < FEWEST_SEARCHES:
            return None
        self._counted = total
        # A shard that moved counts from zero again.
        return spent_ms / searches if searches > 0 and spent_ms >= 0 else None
