"""How vectors of one kind are compared: with those that the same encoder made, and with what an index holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The values of a kind's columns, in their order; `vectors.kind` says what they are.
_Vector = tuple[Any, ...]


@dataclass(frozen=True)
class Likeness:
    """`whole`: all that an output holds, before anything is left out of it. `deviation` of two such vectors of one text, neither
    of them empty, 0 when they are equal; one encoder stays within `tolerance` of itself, in the unit that `unit` names. `doubt`:
    why vectors of so many different texts were not made by a model of this kind, a clause; "" when they may have been.

    Of the field's JSON in a document: `traits` are numbers by which many vectors are compared with many others, by name, and
    `tokens` the words in it, where a kind has any.
    """

    whole: Callable[[Any], _Vector]
    deviation: Callable[[_Vector, _Vector], float]
    tolerance: float
    unit: str
    doubt: Callable[[Sequence[_Vector]], str]
    traits: Callable[[Any], Mapping[str, float]]
    tokens: Callable[[Any], Iterable[str]]
