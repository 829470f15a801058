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
    from sparse_index.ml.waits import Verdict

POLL_INTERVAL_S = 5.0


class ModelWaitTrigger(BaseTrigger):
    """Asks until the core's verdict on `wait` is done or failed; `wait` carries its own wall-clock deadline.

    Nothing in here decides: `sparse_index.ml.waits` does, for the sensor and for this loop alike. `memory` is the
    state the sensor saw last, so that a standstill counts from there (a restarted triggerer counts anew). There is
    nothing to cancel when the task is killed: ML Commons stops no registration and no deployment, so the teardowns,
    which run then too, look for what it made.
    """

    def __init__(
        self,
        conn_id: str,
        wait: dict[str, Any],
        memory: dict[str, Any] | None = None,
        poll_interval_s: float = POLL_INTERVAL_S,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conn_id = conn_id
        self.wait = wait
        self.memory = memory
        self.poll_interval_s = poll_interval_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("conn_id", "wait", "memory", "poll_interval_s")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from opensearch_ml.hooks import OpenSearchMLHook

        cluster = await OpenSearchMLHook(self.conn_id).async_cluster()
        try:
            verdict = await self._until_ended(cluster)
        finally:
            await cluster.close()
        yield TriggerEvent(verdict.model_dump(mode="json"))  # type: ignore[no-untyped-call]

    async def _until_ended(self, cluster: AsyncCluster) -> Verdict:
        from sparse_index.ml.waits import Memory, Verdict, Wait, look_async

        wait = Wait.model_validate(self.wait)
        memory = Memory.model_validate(self.memory) if self.memory else None
        while True:
            try:
                verdict = await look_async(cluster, wait, memory, time.time())
            except TerminalError as error:
                return Verdict(state="failed", detail=error.message)
            if verdict.state != "waiting":
                return verdict
            memory = verdict.memory
            await asyncio.sleep(self.poll_interval_s)
