"""Make queries and judge every document of a corpus, from what both were written about."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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


def make_questions(scene: Scene, split: Split, drafts: Sequence[Draft], rng: Random) -> list[Question]:
    """Distinct questions of a split, each with enough full answers to rank."""
    questions: dict[str, Question] = {}
    for question in _endless_questions(scene, split, rng):
        if question.text not in questions and _full_answers(scene, split, question, drafts) >= _FULL_ANSWERS_NEEDED:
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


def _full_answers(scene: Scene, split: Split, question: Question, drafts: Iterable[Draft]) -> int:
    full = [d.wordings for d in drafts if grade(question.asked, d.wordings, scene.focus) == _GRADE_FULL]
    if split is Split.TRAIN:
        return len(full)
    return sum(wording_pair(question.asked, wordings) is WordingPair.HELD_OUT for wordings in full)


def judge(scene: Scene, query_id: str, question: Question, drafts: Iterable[Draft]) -> Iterator[Judgement]:
    """One judgement for every document that is relevant at all."""
    for draft in drafts:
        points = grade(question.asked, draft.wordings, scene.focus)
        if points > 0:
            yield Judgement(query_id, draft.id, points, wording_pair(question.asked, draft.wordings))


def make_benchmark(corpus: str, rows: int, seed: int) -> tuple[list[Query], list[Judgement]]:
    """Queries and complete judgements for the first `rows` documents of a corpus."""
    scene, rng = load_scene(corpus), Random(f"{corpus}/{seed}/queries")
    drafts = [write_document(scene, seed, index) for index in range(rows)]
    queries: list[Query] = []
    judgements: list[Judgement] = []
    for split in Split:
        for question in make_questions(scene, split, drafts, rng):
            query_id = f"{corpus}-q{len(queries) + 1:03d}"
            wordings = {role: f"{wording.concept.name}: {wording.bare}" for role, wording in question.asked.items()}
            queries.append(Query(query_id, question.text, split, wordings))
            judgements.extend(judge(scene, query_id, question, drafts))
    return queries, judgements
