"""Scenes: what a corpus talks about, read from `scenes/<corpus>.yaml`.

A scene lists families (which concepts go together), the sentences documents are made of, and how people search.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from demo.grammar import Fillers, Template, parse, parse_all
from demo.lexicon import Concept, Wording, load_lexicon

_SCENES_DIR = Path(__file__).with_name("scenes")
CORPUS_NAMES = ("tickets", "products", "legal", "news")
_ANY = ""


@dataclass(frozen=True)
class Family:
    """Concepts that occur together. A role's options may depend on the concept of the first role."""

    category: str
    weight: int
    options: Mapping[str, Mapping[str, tuple[Concept, ...]]]

    def draw(self, rng: Random) -> dict[str, Concept]:
        """One concept for each role, in role order."""
        drawn: dict[str, Concept] = {}
        for role, by_first in self.options.items():
            first = next(iter(drawn.values())).name if drawn else _ANY
            drawn[role] = rng.choice(by_first.get(first) or by_first[_ANY])
        return drawn


@dataclass(frozen=True)
class QueryShape:
    """Which roles a query names, and the ways to write it."""

    roles: tuple[str, ...]
    templates: tuple[Template, ...]


@dataclass(frozen=True)
class Scene:
    """Everything needed to write documents and queries of one corpus."""

    corpus: str
    id_prefix: str
    focus: str
    families: tuple[Family, ...]
    phrases: Mapping[str, Mapping[str, Template]]
    fillers: Fillers
    titles: tuple[Template, ...]
    parts: Mapping[str, tuple[Template, ...]]
    order: tuple[str, ...]
    updates: tuple[Template, ...]
    queries: tuple[QueryShape, ...]

    def draw_family(self, rng: Random) -> Family:
        """A family, as often as its weight says."""
        return rng.choices(self.families, [family.weight for family in self.families])[0]

    def role_texts(self, wordings: Mapping[str, Wording]) -> dict[str, str]:
        """Values of all `{role}`, `{role.bare}` and `{phrase}` slots for a choice of wordings."""
        texts = {role: wording.text for role, wording in wordings.items()}
        texts |= {f"{role}.bare": wording.bare for role, wording in wordings.items()}
        focus = wordings.get(self.focus)
        for name, by_kind in self.phrases.items() if focus else ():
            slots = {slot for slot, _ in by_kind[focus.concept.kind].slots} if focus else set()
            if focus and slots <= texts.keys():
                texts[name] = by_kind[focus.concept.kind].render(texts.__getitem__)
        return texts


@cache
def load_scene(corpus: str) -> Scene:
    """Read and compile the scene of a corpus. Raises ValueError for an unknown corpus name."""
    if corpus not in CORPUS_NAMES:
        raise ValueError(f"There is no demo corpus {corpus!r}; choose one of {', '.join(CORPUS_NAMES)}.")
    raw = yaml.safe_load((_SCENES_DIR / f"{corpus}.yaml").read_text(encoding="utf-8"))
    return Scene(
        corpus=corpus,
        id_prefix=raw["id_prefix"],
        focus=raw["focus"],
        families=tuple(_family(entry, raw["roles"]) for entry in raw["families"]),
        phrases={name: _by_kind(kinds) for name, kinds in raw.get("phrases", {}).items()},
        fillers=Fillers({name: parse_all(texts) for name, texts in raw["fillers"].items()}, frozenset(raw["steady"])),
        titles=parse_all(raw["titles"]),
        parts={name: parse_all(texts) for name, texts in raw["parts"].items()},
        order=tuple(raw["order"]),
        updates=parse_all(raw["updates"]),
        queries=tuple(QueryShape(tuple(q["roles"]), parse_all(q["templates"])) for q in raw["queries"]),
    )


def _by_kind(kinds: Mapping[str, str]) -> dict[str, Template]:
    return {kind: parse(source) for kind, source in kinds.items()}


def _family(entry: Mapping[str, Any], roles: Sequence[str]) -> Family:
    return Family(entry["category"], entry["weight"], {role: _options(entry[role]) for role in roles})


def _options(raw: list[str] | dict[str, list[str]]) -> dict[str, tuple[Concept, ...]]:
    by_first = raw if isinstance(raw, dict) else {_ANY: raw}
    lexicon = load_lexicon()
    return {first: tuple(lexicon[name] for name in names) for first, names in by_first.items()}
