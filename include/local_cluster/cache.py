"""The per-user folder that holds what all instances share: packages, server trees, Java runtimes."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local_cluster.errors import DOCKER_HINT, DiskFullError

FreeBytes = Callable[[Path], int]
MIB = 1024 * 1024
GIB = 1024 * MIB


def cache_folder() -> Path:
    """$SPARSE_INDEX_CACHE, or sparse-index below the user's cache folder."""
    explicit = os.environ.get("SPARSE_INDEX_CACHE")
    if explicit:
        return Path(explicit).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "sparse-index"


def free_bytes(path: Path) -> int:
    """Free room in bytes on the disk of `path`, which need not exist yet."""
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    return shutil.disk_usage(existing).free


def require_room(path: Path, needed_bytes: int, purpose: str, free: FreeBytes = free_bytes) -> None:
    """DiskFullError if the disk of `path` has less than `needed_bytes`."""
    available = free(path)
    if available < needed_bytes:
        raise DiskFullError(
            f"{purpose} needs {needed_bytes // MIB} MiB in {path}, but only {available // MIB} MiB are free. "
            f"Free some room, or set SPARSE_INDEX_CACHE (shared software) or --home (data) to another disk. "
            f"{DOCKER_HINT}"
        )


@contextmanager
def full_disk_named(path: Path, purpose: str) -> Iterator[None]:
    """Turns the system's "no space left on device" into a DiskFullError that says whose disk and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFullError(
            f"{purpose} filled the disk of {path}. Free some room, or set SPARSE_INDEX_CACHE (shared software) or --home "
            f"(data) to another disk, and run the same command again: a download goes on where it stopped. {DOCKER_HINT}"
        ) from error


@contextmanager
def exclusive(lock_file: Path) -> Iterator[None]:
    """Only one process at a time is inside; the lock ends with the process, so it cannot be left behind."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def built_atomically(target: Path) -> Iterator[Path]:
    """A temporary folder that becomes `target` when the block ends well, and is removed when it does not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield building
        building.chmod(0o755)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
