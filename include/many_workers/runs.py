"""One run, watched through an API that may be away for a while, and where its tasks ran."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from local_airflow.api import AirflowApi

DEADLINE_S = 900.0
POLL_S = 0.5
ENDED = ("success", "failed")


@dataclass(frozen=True)
class MappedTask:
    """A task instance that runs or ran; `tries`: how often it was begun, `worker`: where, the last time."""

    task_id: str
    index: int
    worker: str
    tries: int
    state: str

    def __str__(self) -> str:
        return f"{self.task_id}[{self.index}]" if self.index >= 0 else self.task_id


@dataclass(frozen=True)
class Run:
    """`began`: on the monotonic clock, seconds."""

    api: AirflowApi
    dag_id: str
    run_id: str
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def begin(cls, api: AirflowApi, dag_id: str) -> Run:
        return cls(api, dag_id, api.trigger(dag_id))

    def tasks(self) -> list[MappedTask]:
        found = _asked(lambda: self.api.task_instances(self.dag_id, self.run_id))
        return [
            MappedTask(one["task_id"], one["map_index"], one["hostname"] or "", one["try_number"], one["state"] or "")
            for one in found
        ]

    def wait_for_running(self, task_id: str) -> MappedTask:
        """An instance of that task which a worker has begun; TimeoutError when none comes."""

        def running() -> MappedTask | None:
            return next((one for one in self.tasks() if (one.task_id, one.state) == (task_id, "running")), None)

        found: MappedTask = self._until(f"a running {task_id}", running)
        return found

    def ends(self) -> tuple[str, float]:
        """Its last state, and the seconds that it took."""
        state = self._until("the end", lambda: (now := self._state()) in ENDED and now)
        seconds = time.monotonic() - self.began
        print(f"  run {self.run_id}: {state} in {seconds:.0f} s", flush=True)
        return state, seconds

    def _state(self) -> str:
        return str(_asked(lambda: self.api.run_state(self.dag_id, self.run_id)))

    def _until(self, what: str, seen: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + DEADLINE_S
        while not (found := seen()):
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"Run {self.run_id}: not seen within {DEADLINE_S:.0f} s: {what}. Look at it in the UI."
                )
            if (state := self._state()) in ENDED and not seen():
                raise RuntimeError(f"Run {self.run_id} is {state}, and there was not {what}.")
            time.sleep(POLL_S)
        return found


def _asked(question: Callable[[], Any]) -> Any:
    """The API server answers with errors while its database is away."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            return question()
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)
