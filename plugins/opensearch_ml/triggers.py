"""The wait for a model, in the triggerer's event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from sparse_index.errors import TerminalError

if TYPE_CHECKING:
    from sparse_index.cluster.client import AsyncCluster

POLL_INTERVAL_S = 5.0


class ModelWaitTrigger(BaseTrigger):
    """Asks until all that is `watched` is over, as the core says; each wait carries its own wall-clock deadline.

    Nothing in here decides: `sparse_index.ml.waits` does, for the sensor and for this loop alike. `watched` holds the
    states the sensor saw last, so that a standstill counts from there (a restarted triggerer counts anew). There is
    nothing to cancel when the task is killed: ML Commons stops no registration and no deployment, so the teardowns,
    which run then too, look for what it made.
    """

    def __init__(self, conn_id: str, watched: dict[str, Any], poll_interval_s: float = POLL_INTERVAL_S) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conn_id = conn_id
        self.watched = watched
        self.poll_interval_s = poll_interval_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("conn_id", "watched", "poll_interval_s")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from opensearch_ml.hooks import OpenSearchMLHook

        cluster = await OpenSearchMLHook(self.conn_id).async_cluster()
        try:
            ended = await self._until_over(cluster)
        finally:
            await cluster.close()
        yield TriggerEvent(ended)  # type: ignore[no-untyped-call]

    async def _until_over(self, cluster: AsyncCluster) -> dict[str, Any]:
        from sparse_index.ml.watching import Watched, look_at_async

        watched = Watched.model_validate(self.watched)
        while not watched.is_over:
            try:
                watched = await look_at_async(cluster, watched, time.time())
            except TerminalError as error:
                watched = watched.failed(error.message)
            if not watched.is_over:
                await asyncio.sleep(self.poll_interval_s)
        return watched.model_dump(mode="json")
