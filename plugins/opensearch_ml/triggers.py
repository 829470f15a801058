"""The wait for a model, in the triggerer's event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from sparse_index.errors import SparseIndexError

if TYPE_CHECKING:
    from sparse_index.cluster import AsyncCluster


class ModelWaitTrigger(BaseTrigger):
    """Asks until the core's verdict on `wait` is done or failed; `wait` carries its own wall-clock deadline.

    Nothing in here decides: `sparse_index.ml.waits.check` does, for the sensor's poke and for this loop alike. There is
    nothing to cancel in the cluster when the task is killed: ML Commons cannot stop a registration or a deployment, so
    the teardowns, which run then too, look for what it made.
    """

    def __init__(self, conn_id: str, wait: dict[str, Any], poll_interval_s: float = 5.0) -> None:
        super().__init__()
        self.conn_id = conn_id
        self.wait = wait
        self.poll_interval_s = poll_interval_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"conn_id": self.conn_id, "wait": self.wait, "poll_interval_s": self.poll_interval_s}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        raise NotImplementedError
        yield
