"""Write the text of one document from (corpus, seed, index) alone.

Because a document depends on nothing but these three, any row range can be made at any time, in any order.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from demo.grammar import Template
from demo.lexicon import Concept, Wording
from demo.scenes import Scene


@dataclass(frozen=True)
class Draft:
    """A document's text and what it is about."""

    id: str
    title: str
    body: str
    category: str
    wordings: Mapping[str, Wording]


def document_rng(corpus: str, seed: int, index: int, purpose: str = "text") -> Random:
    """The random source of one document; `purpose` keeps text, columns and edits independent of each other."""
    digest = hashlib.blake2b(f"{corpus}/{seed}/{index}/{purpose}".encode(), digest_size=8).digest()
    return Random(int.from_bytes(digest, "big"))


def draw_wordings(scene: Scene, rng: Random) -> tuple[str, dict[str, Wording]]:
    """A category and one wording for each role."""
    family = scene.draw_family(rng)
    return family.category, {role: draw_wording(concept, rng) for role, concept in family.draw(rng).items()}


def draw_wording(concept: Concept, rng: Random) -> Wording:
    """One of the concept's forms, all equally likely."""
    return Wording(concept, rng.randrange(len(concept.forms)))


def write_document(scene: Scene, seed: int, index: int) -> Draft:
    """Document number `index` (from 0) of a corpus."""
    rng = document_rng(scene.corpus, seed, index)
    category, wordings = draw_wordings(scene, rng)
    return compose(scene, f"{scene.id_prefix}-{index:08d}", category, wordings, rng)


def compose(scene: Scene, id_: str, category: str, wordings: Mapping[str, Wording], rng: Random) -> Draft:
    """Title and body for a given choice of wordings."""
    resolve = scene.fillers.resolver(scene.role_texts(wordings), rng)
    title = rng.choice(scene.titles).render(resolve)
    sentences = [template.render(resolve) for template in _choose_sentences(scene, rng)]
    return Draft(id_, title, " ".join(filter(None, sentences)), category, wordings)


def _choose_sentences(scene: Scene, rng: Random) -> list[Template]:
    """One template for each part, never the same one twice."""
    chosen: list[Template] = []
    for part in scene.order:
        template = rng.choice(scene.parts[part])
        while template in chosen:
            template = rng.choice(scene.parts[part])
        chosen.append(template)
    return chosen
