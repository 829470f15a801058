"""One choice of the proposal with its reason, and the columns that a person names."""

from __future__ import annotations

from dataclasses import dataclass

from sparse_index.errors import ConfigError
from sparse_index.proposal.look import Look, Seen


@dataclass(frozen=True)
class Chosen:
    """A value of the proposal and why it is that."""

    value: str
    reason: str


def column_named(look: Look, name: str, option: str) -> Seen:
    found = next((seen for seen in look.columns if seen.name == name), None)
    if found is None:
        names = ", ".join(seen.name for seen in look.columns)
        raise ConfigError(f"{option} names '{name}', which is no column of {look.address} (there are: {names}).")
    return found


def kind_of(seen: Seen) -> str:
    return "of different types in different files" if seen.kind is None else str(seen.kind)
