"""A model that a node does not let go keeps no other one: its error waits until all others are through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sparse_index.errors import ModelError


@contextmanager
def held_models() -> Iterator[dict[str, ModelError]]:
    """Model id -> why it is held, filled by `noting` inside the block; one ModelError of them all at its end."""
    held: dict[str, ModelError] = {}
    yield held
    if held:
        raise ModelError(" ".join(error.message for error in held.values()))


@contextmanager
def noting(held: dict[str, ModelError], model_id: str) -> Iterator[None]:
    try:
        yield
    except ModelError as error:
        held[model_id] = error
