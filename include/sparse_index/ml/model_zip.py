"""The zip of a model, opened by a worker."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO

import fsspec

from sparse_index.addresses import public_address
from sparse_index.config.encoder import FileModel, UrlModel
from sparse_index.store.files import Store
from sparse_index.store.refusals import in_our_words
from sparse_index.store.spill import spill_folder

_READ_BYTES = 10_000_000
# What reading raises of a zip that is of no use and will stay so: none, a torn one, another one than the corpus file names, or
# one at an address that nothing reads that is installed here.
UNREADABLE = (FileNotFoundError, NotADirectoryError, ValueError, ImportError, zipfile.BadZipFile, zlib.error, EOFError)


def opened_zip(store: Store, model: FileModel | UrlModel) -> AbstractContextManager[IO[bytes]]:
    """Raises what `opened` does, and ValueError where an address has another zip than the corpus file names."""
    return opened(model.path) if isinstance(model, FileModel) else _downloaded(store, model)


@contextmanager
def opened(address: str) -> Iterator[IO[bytes]]:
    """`UNREADABLE`, or in our words what is away for a moment or refused."""
    with in_our_words(f"The model's zip {public_address(address)}"):
        try:
            with fsspec.open(address, "rb") as file:
                yield file
        except IsADirectoryError as error:
            raise ValueError("it is a folder") from error


def _pieces(address: str) -> Iterator[bytes]:
    """A generator, so that what its reader fails at is not told of the zip."""
    with opened(address) as file:
        while data := file.read(_READ_BYTES):
            yield data


@contextmanager
def _downloaded(store: Store, model: UrlModel) -> Iterator[IO[bytes]]:
    """All of the zip, in a file: servers need not give parts of it, and only a whole one has the sha256 that is expected."""
    digest = hashlib.sha256()
    with spill_folder(store) as folder, (folder / "model.zip").open("w+b") as kept:
        for data in _pieces(model.url):
            digest.update(data)
            kept.write(data)
        if digest.hexdigest() != model.sha256:
            raise ValueError(f"its sha256 is {digest.hexdigest()}, the corpus file says {model.sha256}")
        kept.seek(0)
        yield kept
