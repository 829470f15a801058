"""Files that a command writes where a person says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sparse_index.errors import ConfigError


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """`ConfigError` where `place` cannot be written."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{place} cannot be written ({error.strerror or error}). Name another place.") from error
