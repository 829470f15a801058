"""Where a task puts what does not fit into its memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sparse_index.store.files import Store


@contextmanager
def spill_folder(store: Store) -> Iterator[Path]:
    """A folder for what does not fit into memory, removed at the end; on the store's disk where it is local (/tmp may
    be small, or memory)."""
    root = Path(store.full("")) if store.is_local else None
    if root is not None:
        root.mkdir(parents=True, exist_ok=True)
    spill = Path(tempfile.mkdtemp(prefix=".spill-", suffix=".tmp", dir=root))
    try:
        yield spill
    finally:
        shutil.rmtree(spill, ignore_errors=True)
