"""The file system of an object store as DuckDB gets it, which asks four times what a file is whenever it opens one: some eighty
requests a file and plan, of which each takes a while where the store is far away."""

from __future__ import annotations

from typing import Any

from fsspec import AbstractFileSystem
from fsspec.asyn import AsyncFileSystem


class AskedOnce(AsyncFileSystem):  # type: ignore[misc] # fsspec has no types
    """Goes before the class of an object store: what that has said of a file that is there holds until `forget`. Who reads a
    file that was replaced meanwhile is refused by stores that know versions: it is asked for as what was there before."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._known: dict[str, Any] = {}
        super().__init__(*arguments, **options)

    async def _info(self, path: str, *arguments: Any, **options: Any) -> Any:
        name = self._strip_protocol(path)
        if name not in self._known:
            self._known[name] = await super()._info(path, *arguments, **options)
        return self._known[name]

    def forget(self) -> None:
        self._known.clear()


def asked_once(filesystem: AbstractFileSystem) -> AbstractFileSystem:
    """One like it, with connections of its own. Any but S3's is given back: what is no object store answers at little cost, and
    of other object stores nobody has seen that they refuse a former version."""
    if not isinstance(filesystem, AsyncFileSystem) or "s3" not in filesystem.protocol:
        return filesystem
    kind = type(filesystem)
    like_it = type(kind.__name__, (AskedOnce, kind), {})
    return like_it(*filesystem.storage_args, **filesystem.storage_options, skip_instance_cache=True)


def forget(filesystem: AbstractFileSystem) -> None:
    """What it knows of files, if it is one of these."""
    if isinstance(filesystem, AskedOnce):
        filesystem.forget()
