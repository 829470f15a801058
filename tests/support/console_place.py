"""What the console finds in tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from opensearch_ml.console.sources import OperationRun
from sparse_index.cluster.client import Cluster
from sparse_index.console.listed import Listed
from sparse_index.errors import UnavailableError
from sparse_index.store.files import Store

BASE = "/airflow"
ROLES = ("viewer", "user", "op", "admin")
Visit = Callable[..., Any]


class Place:
    """What the console finds: corpora by hand, stores below a folder, a cluster that may be down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.corpora = [self.listed("news"), self.listed("tickets")]
        self.cluster: Cluster | None = None
        self.runs: list[OperationRun] = []
        self.hangs_s = 0.0
        self.hanging_stores: set[str] = set()
        self.plans: dict[tuple[str, str], str] = {}
        self.going_on: dict[tuple[str, str], bool] = {}

    def listed(self, name: str, **more: Any) -> Listed:
        store = str(self.folder / name)
        usual = Listed(name, f"sparse_index__{name}", name, store, "opensearch_default", "search-team")
        return replace(usual, **more)

    def store(self, name: str = "news") -> Store:
        return Store(str(self.folder / name))

    def open_store(self, listed: Listed) -> Store:
        if listed.corpus in self.hanging_stores:
            time.sleep(self.hangs_s)
        return Store(listed.store)

    def write(self, build_id: str, content: Any, name: str = "news") -> None:
        self.store(name).write_json(f"{name}/builds/{build_id}/receipt.json", content)

    @contextmanager
    def open_cluster(self, connection: str) -> Iterator[Cluster]:
        time.sleep(self.hangs_s)
        if self.cluster is None:
            raise UnavailableError(f"The cluster of '{connection}' does not answer.")
        yield self.cluster
