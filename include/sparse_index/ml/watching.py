"""Several waits at once: asked in turn until all are done or one has failed, here or in the triggerer's event loop."""

from __future__ import annotations

import math

from pydantic import Field

from sparse_index.cluster.client import AsyncCluster, Cluster
from sparse_index.ml.waits import POLL_S, Memory, Wait, WaitStatus, look, look_async, require_done
from sparse_index.timing import REAL_TIME, Timing, pauses
from sparse_index.values import Frozen


class Watched(Frozen):
    """`waits`, by whatever their caller tells them apart, and what was last `seen` of each. What is in `seen` alone needed
    no wait. It crosses processes."""

    waits: dict[str, Wait]
    seen: dict[str, WaitStatus] = Field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether all are done or one has failed: then nobody needs the others."""
        states = {self.seen[key].state if key in self.seen else "waiting" for key in self.waits}
        return "failed" in states or "waiting" not in states

    @property
    def in_words(self) -> str:
        seen = [
            f"{wait.model or 'model'}: {self.seen[key].detail}" for key, wait in self.waits.items() if key in self.seen
        ]
        return "; ".join(seen) or "every model was there already"

    def pending(self) -> dict[str, tuple[Wait, Memory | None]]:
        """What to ask for, with what is remembered of it."""
        statuses = {key: self.seen.get(key) for key in self.waits}
        return {
            key: (self.waits[key], status.memory if status else None)
            for key, status in statuses.items()
            if status is None or status.state == "waiting"
        }

    def now_seen(self, statuses: dict[str, WaitStatus]) -> Watched:
        return self.model_copy(update={"seen": {**self.seen, **statuses}})

    def failed(self, why: str) -> Watched:
        """When nobody could ask any more."""
        return self.now_seen({key: WaitStatus(state="failed", detail=why) for key in self.pending()})

    def model_ids(self) -> dict[str, str]:
        """The model of each; raises like `require_done`, for one that failed rather than for one that still waits."""
        failed_first = sorted(self.waits, key=lambda key: self.seen[key].state != "failed")
        waited_for = {key: require_done(self.waits[key], self.seen[key]) for key in failed_first}
        return {key: waited_for.get(key, str(status.model_id)) for key, status in self.seen.items()}


def look_at(cluster: Cluster, watched: Watched, now: float) -> Watched:
    """One poll of each that still waits."""
    return watched.now_seen(
        {key: look(cluster, wait, memory, now) for key, (wait, memory) in watched.pending().items()}
    )


async def look_at_async(cluster: AsyncCluster, watched: Watched, now: float) -> Watched:
    """`look_at` for the triggerer's event loop."""
    return watched.now_seen(
        {key: await look_async(cluster, wait, memory, now) for key, (wait, memory) in watched.pending().items()}
    )


def watch(
    cluster: Cluster,
    watched: Watched,
    *,
    patience_s: float = math.inf,
    timing: Timing = REAL_TIME,
    poll_s: float = POLL_S,
) -> Watched:
    """Ask until it is over, or for `patience_s` seconds; often at first, then every `poll_s`."""
    patience_ends, pause = _epoch_s(timing) + patience_s, pauses(poll_s)
    watched = look_at(cluster, watched, _epoch_s(timing))
    while not watched.is_over and _epoch_s(timing) < patience_ends:
        timing.sleep(next(pause))
        watched = look_at(cluster, watched, _epoch_s(timing))
    return watched


def _epoch_s(timing: Timing) -> float:
    return timing.now().timestamp()


def wait_until(cluster: Cluster, wait: Wait, *, timing: Timing = REAL_TIME, poll_s: float = POLL_S) -> str:
    """Ask until one wait is done; gives the model id, or raises ModelError with the last state seen."""
    (model_id,) = watch(cluster, Watched(waits={"": wait}), timing=timing, poll_s=poll_s).model_ids().values()
    return model_id
