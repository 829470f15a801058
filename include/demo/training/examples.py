"""Training examples: a query, a document that answers it, and one that nearly does.

Wordings of query and answer are always trained pairs (`demo.lexicon.is_trained_pair`): what the evaluation
measures on held-out pairs never stands side by side here. Neither does a held-out pair serve as a negative.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from demo.documents import Draft, compose, draw_wording
from demo.lexicon import Wording, is_trained_pair
from demo.relevance import write_query
from demo.scenes import CORPUS_NAMES, Family, Scene, load_scene

NEAR_MISSES = 2


@dataclass(frozen=True)
class Text:
    """A document's text and the concepts it is about."""

    text: str
    concepts: frozenset[str]


@dataclass(frozen=True)
class Example:
    """One query with its answer and near misses: the same document but for one concept of the query."""

    corpus: str
    query: Text
    answer: Text
    near_misses: tuple[Text, ...]


def document_text(draft: Draft) -> str:
    """Title and body as the demo corpora's text template joins them."""
    return f"{draft.title}. {draft.body}"


def examples(seed: int, forbidden_queries: frozenset[str]) -> Iterator[Example]:
    """An endless stream over all corpora, without the queries that the evaluation asks."""
    rng = Random(seed)
    scenes = [load_scene(corpus) for corpus in CORPUS_NAMES]
    while True:
        example = make_example(rng.choice(scenes), rng)
        if example.query.text not in forbidden_queries:
            yield example


def make_example(scene: Scene, rng: Random) -> Example:
    """Draw a document, a query that it answers, and near misses."""
    family = scene.draw_family(rng)
    wordings = {role: draw_wording(concept, rng) for role, concept in family.draw(rng).items()}
    shape = rng.choice(scene.queries)
    asked = {role: trained_partner(wordings[role], rng) for role in shape.roles}

    def write(written: Mapping[str, Wording]) -> Text:
        return Text(document_text(compose(scene, "", family.category, written, rng)), _names(written))

    query = write_query(scene, rng.choice(shape.templates), asked, rng)
    near_misses = tuple(write(_change_one(wordings, family, shape.roles, rng)) for _ in range(NEAR_MISSES))
    return Example(scene.corpus, Text(query, _names(asked)), write(wordings), near_misses)


def trained_partner(wording: Wording, rng: Random) -> Wording:
    """Another way to say the same concept that training may show beside `wording`."""
    forms = (Wording(wording.concept, index) for index in range(len(wording.concept.forms)))
    return rng.choice([form for form in forms if is_trained_pair(wording, form)])


def _change_one(
    wordings: Mapping[str, Wording], family: Family, asked_roles: Sequence[str], rng: Random
) -> dict[str, Wording]:
    """The same wordings with one of the asked concepts exchanged, where the family offers another one."""
    other = family.draw(rng)
    changeable = [role for role in asked_roles if other[role] is not wordings[role].concept]
    role = rng.choice(changeable or list(asked_roles))
    return {**wordings, role: draw_wording(other[role], rng)}


def _names(wordings: Mapping[str, Wording]) -> frozenset[str]:
    return frozenset(wording.concept.name for wording in wordings.values())
