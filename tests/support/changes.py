"""Every change that a process makes to cluster and store, one after another, and its end at one of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sparse_index.cluster.client import Cluster
from sparse_index.store.files import Store

_READS = ("_search", "_refresh", "_stats/docs", "_forcemerge")


class Killed(BaseException):
    """Nothing catches it; what a `finally` would still do is not done either."""


def killed() -> None:
    raise Killed


def kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Life:
    """Lets so many changes happen, and ends before the next, or, `afterwards`, when that is done and its maker does not yet know.
    `seen`: what was changed, in order."""

    left: float = float("inf")
    afterwards: bool = False
    end: Callable[[], None] = killed
    seen: list[str] = field(default_factory=list)

    def begun(self) -> None:
        if self.left <= 0 and not self.afterwards:
            self.end()

    def done(self, what: str) -> None:
        self.seen.append(what)
        self.left -= 1
        if self.left < 0:
            self.end()

    def watch(self, patch: pytest.MonkeyPatch) -> Life:
        """Over all that is changed from now on, until `patch` is undone."""
        request, writing, delete = Cluster.request, Store.writing, Store.delete

        def requested(cluster: Cluster, method: str, path: str, *more: Any, **options: Any) -> Any:
            if method == "GET" or path.endswith(_READS):
                return request(cluster, method, path, *more, **options)
            self.begun()
            answer = request(cluster, method, path, *more, **options)
            self.done(f"{method} {path}")
            return answer

        @contextmanager
        def written(store: Store, path: str) -> Iterator[Path]:
            with writing(store, path) as local:
                yield local
                self.begun()
            self.done(path)

        def deleted(store: Store, path: str) -> None:
            self.begun()
            delete(store, path)
            self.done(path)

        changes: dict[tuple[type, str], Callable[..., Any]] = {
            (Cluster, "request"): requested,
            (Store, "writing"): written,
            (Store, "delete"): deleted,
        }
        for (owner, name), changed in changes.items():
            patch.setattr(owner, name, changed)
        return self
