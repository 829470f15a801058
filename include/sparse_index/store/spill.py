"""Where a task puts what does not fit into its memory.

Beside a local store that is the store's disk (/tmp may be small, or memory), where the janitor finds what a killed task left.
Else it is the worker's temporary folder: there the next task of that worker removes it. Whose task lives is told by a lock on
the folder, which ends with its process, whatever number that has and whichever container it is in.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparse_index.store.files import Store

# Of a folder that is not locked yet, and of one that is.
_NEW, _OURS = ".begun-", ".spill-sparse-index-"


@contextmanager
def spill_folder(store: Store) -> Iterator[Path]:
    """A folder for what does not fit into memory, removed at the end."""
    if not store.is_local:
        with worker_folder() as spill:
            yield spill
        return
    root = Path(store.full(""))
    root.mkdir(parents=True, exist_ok=True)
    with _removed(Path(tempfile.mkdtemp(prefix=".spill-", suffix=".tmp", dir=root))) as spill:
        yield spill


@contextmanager
def worker_folder() -> Iterator[Path]:
    """A folder on the worker's own disk, removed at the end; first those that killed tasks left there."""
    _remove_those_of_the_dead(Path(tempfile.gettempdir()))
    new = Path(tempfile.mkdtemp(prefix=_NEW, suffix=".tmp"))
    with _locked(new), _removed(new.rename(new.with_name(new.name.replace(_NEW, _OURS, 1)))) as spill:
        yield spill


def _remove_those_of_the_dead(folder: Path) -> None:
    for left in folder.glob(f"{_OURS}*.tmp"):
        # Locked: its task lives. Or somebody else's, or gone meanwhile.
        with suppress(OSError), _locked(left):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """`OSError` when another process has it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


@contextmanager
def _removed(folder: Path) -> Iterator[Path]:
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
