"""Make queries and judge every document of a corpus, from what both were written about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from demo.documents import Draft, write_document
from demo.grammar import Template
from demo.judgements import Judgement, Query, Split, WordingPair
from demo.lexicon import Wording, is_trained_pair
from demo.scenes import Scene, load_scene

QUERIES_PER_SPLIT = {Split.TRAIN: 40, Split.HELD_OUT: 60}
_FULL_ANSWERS_NEEDED = 3
_GRADE_FULL, _GRADE_MOST, _GRADE_SUBJECT = 3, 2, 1


@dataclass(frozen=True)
class Question:
    """A query's text and what it asks for."""

    text: str
    asked: Mapping[str, Wording]


def write_query(scene: Scene, template: Template, asked: Mapping[str, Wording], rng: Random) -> str:
    """The query's text, lower case as people type it."""
    return template.render(scene.fillers.resolver(scene.role_texts(asked), rng)).lower()


def grade(asked: Mapping[str, Wording], document: Mapping[str, Wording], focus: str) -> int:
    """3: every concept asked for; 2: the focus and one more; 1: the focus only; 0: not even the focus."""
    matched = [role for role, wording in asked.items() if document[role].concept is wording.concept]
    if focus not in matched:
        return 0
    if len(matched) == len(asked):
        return _GRADE_FULL
    return _GRADE_MOST if len(matched) > 1 else _GRADE_SUBJECT


def wording_pair(asked: Mapping[str, Wording], document: Mapping[str, Wording]) -> WordingPair:
    """Whether the concepts that a query and a relevant document have in common are worded alike."""
    shared = [(wording, document[role]) for role, wording in asked.items() if document[role].concept is wording.concept]
    if any(_words(left) & _words(right) for left, right in shared):
        return WordingPair.SAME
    return WordingPair.TRAINED if any(is_trained_pair(*pair) for pair in shared) else WordingPair.HELD_OUT


def _words(wording: Wording) -> set[str]:
    return set(wording.bare.replace("-", " ").split())


class DraftIndex:
    """Drafts by what they are about, so that judging a query does not read the whole corpus."""

    def __init__(self, scene: Scene, drafts: Sequence[Draft]) -> None:
        self.scene = scene
        self._by_focus: dict[str, list[Draft]] = {}
        for draft in drafts:
            self._by_focus.setdefault(draft.wordings[scene.focus].concept.name, []).append(draft)

    def graded(self, asked: Mapping[str, Wording]) -> Iterator[tuple[Draft, int, WordingPair]]:
        """Every relevant document with its grade, in corpus order."""
        for draft in self._by_focus.get(asked[self.scene.focus].concept.name, []):
            points = grade(asked, draft.wordings, self.scene.focus)
            yield draft, points, wording_pair(asked, draft.wordings)


def make_questions(index: DraftIndex, split: Split, rng: Random) -> list[Question]:
    """Distinct questions of a split, each with enough full answers to rank."""
    questions: dict[str, Question] = {}
    for question in _endless_questions(index.scene, split, rng):
        if question.text not in questions and _full_answers(index, split, question) >= _FULL_ANSWERS_NEEDED:
            questions[question.text] = question
        if len(questions) == QUERIES_PER_SPLIT[split]:
            break
    return list(questions.values())


def _endless_questions(scene: Scene, split: Split, rng: Random) -> Iterator[Question]:
    while True:
        concepts = scene.draw_family(rng).draw(rng)
        shape = rng.choice(scene.queries)
        asked = {
            role: Wording(concepts[role], _form_for(split, len(concepts[role].forms), rng)) for role in shape.roles
        }
        yield Question(write_query(scene, rng.choice(shape.templates), asked, rng), asked)


def _form_for(split: Split, forms: int, rng: Random) -> int:
    """Train queries use the hub form, which training pairs with all others; held-out queries never do."""
    return 0 if split is Split.TRAIN else rng.randrange(1, forms)


def _full_answers(index: DraftIndex, split: Split, question: Question) -> int:
    pairs = [pair for _, points, pair in index.graded(question.asked) if points == _GRADE_FULL]
    return len(pairs) if split is Split.TRAIN else pairs.count(WordingPair.HELD_OUT)


def make_benchmark(corpus: str, rows: int, seed: int) -> tuple[list[Query], list[Judgement]]:
    """Queries and complete judgements for the first `rows` documents of a corpus."""
    scene, rng = load_scene(corpus), Random(f"{corpus}/{seed}/queries")
    index = DraftIndex(scene, [write_document(scene, seed, number) for number in range(rows)])
    queries: list[Query] = []
    judgements: list[Judgement] = []
    for split in Split:
        for question in make_questions(index, split, rng):
            query_id = f"{corpus}-q{len(queries) + 1:03d}"
            wordings = {role: f"{wording.concept.name}: {wording.bare}" for role, wording in question.asked.items()}
            queries.append(Query(query_id, question.text, split, wordings))
            graded = index.graded(question.asked)
            judgements.extend(Judgement(query_id, draft.id, points, pair) for draft, points, pair in graded)
    return queries, judgements
