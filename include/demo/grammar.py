"""A tiny template language for text that reads as if people wrote it.

{role}          the wording of a concept, as it stands in a sentence
{role.bare}     the wording standing alone (no article)
{phrase}        a scene's phrase, chosen by the kind of its last concept ("screen is cracked" / "screen leaks")
{@filler}       one of a scene's fillers (names, cities, ...), which may hold templates themselves
{#}             a number of five digits
{...|cap}       the same with a capital first letter
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

_SLOT = re.compile(r"\{([@#]?[a-z_]*(?:\.bare)?)(\|cap)?\}")

Resolver = Callable[[str], str]


@dataclass(frozen=True)
class Template:
    """Literal texts and the slots between them: always one literal more than slots."""

    literals: tuple[str, ...]
    slots: tuple[tuple[str, bool], ...]

    def render(self, resolve: Resolver) -> str:
        """Fill every slot with what `resolve` gives for its name."""
        pieces = [self.literals[0]]
        for (name, capital), literal in zip(self.slots, self.literals[1:], strict=True):
            value = resolve(name)
            pieces.append(_capitalised(value) if capital else value)
            pieces.append(literal)
        return "".join(pieces)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def parse(source: str) -> Template:
    """Compile a template once; rendering millions of documents must not parse again."""
    pieces = _SLOT.split(source)
    return Template(
        literals=tuple(pieces[0::3]),
        slots=tuple((name, capital is not None) for name, capital in zip(pieces[1::3], pieces[2::3], strict=True)),
    )


def parse_all(sources: Sequence[str]) -> tuple[Template, ...]:
    """Compile a list of alternatives."""
    return tuple(parse(source) for source in sources)


@dataclass(frozen=True)
class Fillers:
    """Words that carry no meaning for the judgements: names, places, times. `steady` ones stay the same in a text."""

    alternatives: Mapping[str, tuple[Template, ...]]
    steady: frozenset[str]

    def resolver(self, roles: Mapping[str, str], rng: Random) -> Resolver:
        """A resolver for one document: `roles` are its concept slots, the rest is drawn from `rng`."""
        known = dict(roles)

        def resolve(name: str) -> str:
            if name in known:
                return known[name]
            if name == "#":
                return str(rng.randrange(10_000, 100_000))
            value = rng.choice(self.alternatives[name[1:]]).render(resolve)
            if name[1:] in self.steady:
                known[name] = value
            return value

        return resolve
