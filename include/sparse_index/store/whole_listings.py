"""File systems whose listings are whole, or fail: fsspec's walk, find and glob pass over sub-folders that they cannot list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.asyn import AsyncFileSystem

# Where a disk is mounted it has a folder of its own for what a check of it finds, which administrators alone may list.
LOST_AND_FOUND = "/lost+found"


def with_whole_listings(filesystem: AbstractFileSystem) -> AbstractFileSystem:
    """The same file system; a listing of it raises what any of its folders raises, unless that folder is gone meanwhile."""
    if isinstance(filesystem, _Whole):
        return filesystem
    kind: Any = type(filesystem)
    return _whole(kind)(*filesystem.storage_args, **filesystem.storage_options)


class _Whole:
    """Marks what needs no further wrapping."""


@cache
def _whole(kind: Any) -> Any:
    class WholeAsync(_Whole, kind):  # type: ignore[misc]
        async def _walk(self, path: str, *args: Any, on_error: object = None, **kwargs: Any) -> AsyncIterator[Any]:
            async for found in super()._walk(path, *args, on_error=_unless_gone, **kwargs):
                yield found

    class Whole(_Whole, kind):  # type: ignore[misc]
        def walk(self, path: str, *args: Any, on_error: object = None, **kwargs: Any) -> Iterator[Any]:
            return super().walk(path, *args, on_error=_unless_gone, **kwargs)  # type: ignore[no-any-return]

    made: Any = WholeAsync if issubclass(kind, AsyncFileSystem) else Whole
    # Who lets the file systems of that kind be made anew means these, too.
    made._cache = kind._cache
    return made


def _unless_gone(error: OSError) -> None:
    own = str(error.filename or "").endswith(LOST_AND_FOUND)
    if not own and not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error
