"""Receipts as they lie in the store, read once as long as they do not change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sparse_index.builds.receipt import RECEIPT, read_receipt
from sparse_index.console.problems import in_words
from sparse_index.console.readers import read_each
from sparse_index.names import build_time
from sparse_index.store.files import Store, StoredFile
from sparse_index.store.layout import builds_folder, receipt_path

MOST_RECEIPTS = 2_000
MOST_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Found:
    """A receipt's content, and what is wrong with it in words. Content None: it cannot be read, or (without a problem) is not
    there."""

    content: Mapping[str, Any] | None = None
    problem: str | None = None


def build_ids(store: Store, alias: str) -> list[str]:
    """Of every build that left a folder, newest first. One listing of folders, never of the files in them."""
    return sorted((name for name in store.folders(builds_folder(alias)) if build_time(name)), reverse=True)


class Receipts:
    """Safe to be used by many threads. What was read is kept by path, size and time of change, at most 2,000 receipts or 32 MB of
    them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[StoredFile, Found]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, store: Store, alias: str, build_ids: Iterable[str]) -> list[Found]:
        """Those of these builds, in their order; eight at a time from a store that is far away."""
        paths = [receipt_path(alias, build_id) for build_id in build_ids]
        if len(paths) <= 1 or store.is_local:
            return [self._find(store, path) for path in paths]
        return read_each(lambda path: self._find(store, path), paths)

    def _find(self, store: Store, path: str) -> Found:
        try:
            file = store.stat(path)
            return Found() if file is None else self._read(store, file)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this receipt's alone
            return Found(problem=in_words(error))

    def _read(self, store: Store, file: StoredFile) -> Found:
        address = store.full(file.path)
        with self._lock:
            kept = self._kept.get(address)
            if kept is not None and kept[0] == file:
                self._kept.move_to_end(address)
                return kept[1]
        found = _read(store, file.path)
        with self._lock:
            self._keep(address, file, found)
        return found

    def _keep(self, address: str, file: StoredFile, found: Found) -> None:
        former = self._kept.pop(address, None)
        self._bytes += file.size_bytes - (former[0].size_bytes if former else 0)
        self._kept[address] = (file, found)
        while len(self._kept) > MOST_RECEIPTS or (self._bytes > MOST_BYTES and len(self._kept) > 1):
            _, (oldest, _) = self._kept.popitem(last=False)
            self._bytes -= oldest.size_bytes


def read_once(store: Store, path: str) -> Found:
    """For who keeps nothing of it but what he asks for."""
    try:
        return _read(store, path)
    except (FileNotFoundError, NotADirectoryError):
        return Found()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this receipt's alone
        return Found(problem=in_words(error))


def _read(store: Store, path: str) -> Found:
    try:
        content = read_receipt(store, path)
    except ValueError:
        return Found(problem=f"{path} in the store is torn: it is no JSON. What happened stands in the log of the run.")
    if not content:
        return Found(problem=f"{path} in the store is no receipt.")
    if RECEIPT.is_later(content):
        return Found(content, f"{path} was written by a later version: what this one knows of it is shown.")
    return Found(content)
