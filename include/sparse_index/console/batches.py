"""Many aliases in few requests. What the account may not read is refused by itself, and keeps nobody else from an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sparse_index.errors import AccessError

# Their names make an address, which may not be longer than 4 kB.
AT_ONCE = 20

Answer = TypeVar("Answer")
Ask = Callable[[Sequence[str]], Mapping[str, Answer]]


@dataclass(frozen=True)
class Answers(Generic[Answer]):
    """By alias; one of neither has nothing there."""

    found: Mapping[str, Answer]
    refused: Mapping[str, AccessError]


def ask_of(aliases: Sequence[str], ask: Ask[Answer]) -> Answers[Answer]:
    """`ask`: one request about all that it is given. `AccessError` where the account may do nothing at all."""
    found: dict[str, Answer] = {}
    refused: dict[str, AccessError] = {}
    for first in range(0, len(aliases), AT_ONCE):
        _ask(ask, aliases[first : first + AT_ONCE], found, refused)
    return Answers(found, refused)


def _ask(ask: Ask[Answer], some: Sequence[str], found: dict[str, Answer], refused: dict[str, AccessError]) -> None:
    """Where it is refused by halves: a server refuses a request as a whole because of one name in it."""
    try:
        found.update(ask(some))
    except AccessError as error:
        if error.status in (None, 401):  # the certificate, the login
            raise
        if len(some) == 1:
            refused[some[0]] = error
            return
        middle = len(some) // 2
        for half in (some[:middle], some[middle:]):
            _ask(ask, half, found, refused)
