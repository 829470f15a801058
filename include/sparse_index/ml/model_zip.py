"""The zip of a model, opened by a worker."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO

import fsspec

from sparse_index.config.encoder import FileModel, UrlModel
from sparse_index.store.files import Store
from sparse_index.store.sql import spill_folder

_READ_BYTES = 10_000_000


def opened_zip(store: Store, model: FileModel | UrlModel) -> AbstractContextManager[IO[bytes]]:
    """Opening raises what the file system says, and ValueError where an address has another zip than the corpus file names."""
    return _opened(model.path) if isinstance(model, FileModel) else _downloaded(store, model)


@contextmanager
def _opened(address: str) -> Iterator[IO[bytes]]:
    with fsspec.open(address, "rb") as file:
        yield file


@contextmanager
def _downloaded(store: Store, model: UrlModel) -> Iterator[IO[bytes]]:
    """All of the zip, in a file: servers need not give parts of it, and only a whole one has the sha256 that is expected."""
    digest = hashlib.sha256()
    with spill_folder(store) as folder, (folder / "model.zip").open("w+b") as kept:
        with _opened(model.url) as file:
            while data := file.read(_READ_BYTES):
                digest.update(data)
                kept.write(data)
        if digest.hexdigest() != model.sha256:
            raise ValueError(f"its sha256 is {digest.hexdigest()}, the corpus file says {model.sha256}")
        kept.seek(0)
        yield kept
