"""A store that counts what is asked of it, and can pretend to be far away."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from sparse_index.store.files import Store, StoredFile


class CountingStore(Store):
    """`asked`: how often, by what; `most_at_once`: of the reads. With `read_s` each read takes so long, as far away."""

    def __init__(self, root: str, read_s: float = 0.0) -> None:
        super().__init__(root)
        self.asked: Counter[str] = Counter()
        self.most_at_once = 0
        self._read_s, self._reading, self._lock = read_s, 0, threading.Lock()

    @property
    def is_local(self) -> bool:
        return super().is_local and not self._read_s

    def folders(self, folder: str) -> list[str]:
        self._count("folders")
        return super().folders(folder)

    def files(self, folder: str, suffix: str = "") -> list[str]:
        self._count("files")
        return super().files(folder, suffix)

    def listing(self, folder: str = "") -> list[StoredFile]:
        self._count("listing")
        return super().listing(folder)

    def stat(self, path: str) -> StoredFile | None:
        self._count("stat")
        return super().stat(path)

    def read_bytes(self, path: str) -> bytes:
        self._count("read")
        with self._lock:
            self._reading += 1
            self.most_at_once = max(self.most_at_once, self._reading)
        time.sleep(self._read_s)
        with self._lock:
            self._reading -= 1
        return super().read_bytes(path)

    def read_table(
        self, path: str, columns: list[str] | None = None, row_groups: Sequence[int] | None = None
    ) -> pa.Table:
        self._count("table")
        return super().read_table(path, columns, row_groups)

    def _count(self, what: str) -> None:
        with self._lock:
            self.asked[what] += 1

    def taken(self) -> dict[str, Any]:
        """What was asked since the last time."""
        with self._lock:
            asked, self.asked = dict(self.asked), Counter()
        return asked
