"""The hashes that are the identity of texts and rows. Works on whole columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

_HASH_BYTES = 16


def hash_text(text: str) -> str:
    return _digest(text).hex()


def hash_texts(texts: Sequence[str | None]) -> pa.StringArray:
    """Of each text its hash, null of None. The texts have no lone surrogates."""
    there = [text for text in texts if text is not None]
    hashes = _as_hex(_digests(map(str.encode, there)))
    if len(there) == len(texts):
        return hashes
    number = iter(range(len(there)))
    return hashes.take(pa.array([None if text is None else next(number) for text in texts], pa.int32()))


def hash_rows(
    ids: Sequence[str | None],
    texts: Sequence[str | None],
    fields: Mapping[str, Sequence[Any]],
    problems: Mapping[int, str],
) -> pa.StringArray:
    """For each row 32 hex digits over its id, its text and every field, names and values exactly as they are indexed.

    A row with one of the `problems` is another than the one with null in the value's place.
    """
    names = sorted(fields)
    # The names go in once for all rows, as BLAKE2's personalisation.
    person = hashlib.blake2b(orjson.dumps(names), digest_size=_HASH_BYTES).digest()
    rows = zip(ids, texts, *(fields[name] for name in names), strict=True)
    digests = _digests(map(orjson.dumps, rows), person)
    for row, problem in problems.items():
        digests[row] = _digest(f"{digests[row].hex()} {problem}")
    return _as_hex(digests)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=_HASH_BYTES).digest()


def _digests(contents: Iterable[bytes], person: bytes = b"") -> list[bytes]:
    """A copy costs less than a beginning."""
    begun = hashlib.blake2b(digest_size=_HASH_BYTES, person=person).copy
    digests = []
    for content in contents:
        hashed = begun()
        hashed.update(content)
        digests.append(hashed.digest())
    return digests


def _as_hex(digests: Sequence[bytes]) -> pa.StringArray:
    ends = np.arange(len(digests) + 1, dtype=np.int32) * (2 * _HASH_BYTES)
    digits = b"".join(digests).hex().encode()
    return pa.StringArray.from_buffers(len(digests), pa.py_buffer(ends), pa.py_buffer(digits))
