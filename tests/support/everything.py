"""All that a folder says, for a test that looks for what must not be in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq


def everything_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file as its bytes say, and once more as its rows: they are compressed."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes().decode("latin-1")
            if path.suffix == ".parquet":
                yield path.name, str(pq.read_table(path, partitioning=None).to_pylist())
