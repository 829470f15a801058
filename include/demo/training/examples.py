"""Training examples: a query, a document that answers it, and one that nearly does.

Wordings of query and answer are always trained pairs (`demo.lexicon.is_trained_pair`): what the evaluation
measures on held-out pairs never stands side by side here. Neither does a held-out pair serve as a negative.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

from demo.documents import Draft, compose, draw_wording
from demo.grammar import Template
from demo.lexicon import Wording, is_trained_pair
from demo.scenes import CORPUS_NAMES, Scene, load_scene


@dataclass(frozen=True)
class Example:
    """One query with its answer and a near miss: the same document but for one concept of the query."""

    corpus: str
    query: str
    answer: str
    near_miss: str
    concepts: frozenset[str]
    answer_concepts: frozenset[str]
    near_miss_concepts: frozenset[str]


def document_text(draft: Draft) -> str:
    """Title and body as the demo corpora's text template joins them."""
    return f"{draft.title}. {draft.body}"


def examples(seed: int) -> Iterator[Example]:
    """An endless stream over all corpora."""
    rng = Random(seed)  # noqa: S311 - reproducible data, not security
    scenes = [load_scene(corpus) for corpus in CORPUS_NAMES]
    for _ in count():
        yield make_example(rng.choice(scenes), rng)


def make_example(scene: Scene, rng: Random) -> Example:
    """Draw a document, a query that it answers, and its near miss."""
    family = rng.choices(scene.families, scene.weights)[0]
    concepts = family.draw(rng)
    wordings = {role: draw_wording(concept, rng) for role, concept in concepts.items()}
    shape = rng.choice(scene.queries)
    asked = {role: trained_partner(wordings[role], rng) for role in shape.roles}
    changed = _change_one(wordings, family.draw(rng), shape.roles, rng)
    return Example(
        corpus=scene.corpus,
        query=write_query(scene, rng.choice(shape.templates), asked, rng),
        answer=document_text(compose(scene, "", family.category, wordings, rng)),
        near_miss=document_text(compose(scene, "", family.category, changed, rng)),
        concepts=_names(asked),
        answer_concepts=_names(wordings),
        near_miss_concepts=_names(changed),
    )


def trained_partner(wording: Wording, rng: Random) -> Wording:
    """Another way to say the same concept that training may show beside `wording`."""
    forms = (Wording(wording.concept, index) for index in range(len(wording.concept.forms)))
    return rng.choice([form for form in forms if is_trained_pair(wording, form)])


def write_query(scene: Scene, template: Template, asked: Mapping[str, Wording], rng: Random) -> str:
    """The query's text, lower case as people type it."""
    return template.render(scene.fillers.resolver(scene.role_texts(asked), rng)).lower()


def _change_one(
    wordings: Mapping[str, Wording], other: Mapping[str, object], asked_roles: Sequence[str], rng: Random
) -> dict[str, Wording]:
    changeable = [role for role in asked_roles if other[role] is not wordings[role].concept]
    if not changeable:
        return dict(wordings)
    role = rng.choice(changeable)
    concept = other[role]
    return {**wordings, role: draw_wording(concept, rng)}  # type: ignore[arg-type]


def _names(wordings: Mapping[str, Wording]) -> frozenset[str]:
    return frozenset(wording.concept.name for wording in wordings.values())
