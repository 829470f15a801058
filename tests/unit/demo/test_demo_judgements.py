"""The evaluation protocol: what is held out really is, and judgements follow from what texts are about."""

import re
from collections import Counter
from itertools import islice

import pytest

from demo.documents import write_document
from demo.generate import COMMITTED_ROWS, COMMITTED_SEED
from demo.judgements import (
    Judgement,
    Query,
    Split,
    WordingPair,
    golden_folder,
    judgements_path,
    load_judgements,
    load_queries,
    queries_path,
)
from demo.lexicon import Concept, Wording, bare, is_trained_pair, load_lexicon
from demo.relevance import grade, make_benchmark, wording_pair
from demo.scenes import CORPUS_NAMES, load_scene
from demo.training.examples import examples
from sparse_index.relevance.golden import read_golden

FRUIT = Concept("fruit", "noun", ("an apple", "a pear", "red apple"))
TOOL = Concept("tool", "noun", ("a hammer", "a mallet", "a gavel"))
PLACE = Concept("place", "noun", ("the shed", "the barn", "the byre"))


@pytest.mark.parametrize("corpus", CORPUS_NAMES)
def test_committed_queries_and_judgements_are_what_the_code_makes(corpus: str) -> None:
    queries, judgements = make_benchmark(corpus, COMMITTED_ROWS, COMMITTED_SEED)
    assert load_queries(queries_path(corpus)) == queries
    by_query: dict[str, list[Judgement]] = {}
    for judgement in judgements:
        by_query.setdefault(judgement.query_id, []).append(judgement)
    assert load_judgements(judgements_path(corpus)) == by_query


@pytest.mark.parametrize("corpus", CORPUS_NAMES)
def test_the_golden_set_is_the_held_out_queries_with_their_judgements(corpus: str) -> None:
    golden = read_golden(golden_folder(corpus))
    held_out = load_queries(queries_path(corpus), Split.HELD_OUT)
    assert [(query.id, query.text) for query in golden.queries] == [(query.id, query.text) for query in held_out]
    judgements = load_judgements(judgements_path(corpus))
    assert golden.judgements == {
        query.id: {judgement.document_id: judgement.grade for judgement in judgements[query.id]} for query in held_out
    }


@pytest.mark.parametrize("corpus", CORPUS_NAMES)
def test_every_split_has_its_queries(corpus: str) -> None:
    counted = Counter(query.split for query in load_queries(queries_path(corpus)))
    assert counted == {Split.TRAIN: 40, Split.HELD_OUT: 60}
    assert len(load_queries(queries_path(corpus), Split.HELD_OUT)) == 60


@pytest.mark.parametrize("corpus", CORPUS_NAMES)
def test_held_out_documents_share_no_concept_word_with_their_query(corpus: str) -> None:
    scene, judgements = load_scene(corpus), load_judgements(judgements_path(corpus))
    for query in load_queries(queries_path(corpus), Split.HELD_OUT):
        unseen = [j for j in judgements[query.id] if j.wording is WordingPair.HELD_OUT]
        assert sum(judgement.grade == 3 for judgement in unseen) >= 3
        for judgement in unseen:
            index = int(judgement.document_id.rpartition("-")[2])
            drafted = write_document(scene, COMMITTED_SEED, index).wordings
            for role, wording in asked_wordings(query).items():
                same_concept = drafted[role].concept.name == wording.concept.name
                assert not same_concept or not is_trained_pair(wording, drafted[role])


def asked_wordings(query: Query) -> dict[str, Wording]:
    lexicon, asked = load_lexicon(), {}
    for role, text in query.wordings.items():
        name, form = text.split(": ", maxsplit=1)
        asked[role] = Wording(lexicon[name], [bare(f) for f in lexicon[name].forms].index(form))
    return asked


def test_training_never_puts_a_held_out_pair_side_by_side() -> None:
    lexicon = load_lexicon()
    for example in islice(examples(3, frozenset()), 400):
        for name in example.query.concepts & example.answer.concepts:
            said = [form for form in lexicon[name].forms if mentions(example.query.text, form)]
            answered = [form for form in lexicon[name].forms if mentions(example.answer.text, form)]
            assert said
            assert answered
            assert any(allowed(lexicon[name], left, right) for left in said for right in answered)


def mentions(text: str, form: str) -> bool:
    return re.search(rf"\b{re.escape(bare(form))}\b", text, re.IGNORECASE) is not None


def allowed(concept: Concept, left: str, right: str) -> bool:
    return is_trained_pair(Wording(concept, concept.forms.index(left)), Wording(concept, concept.forms.index(right)))


def test_forbidden_queries_never_train() -> None:
    first = next(examples(9, frozenset())).query.text
    assert all(example.query.text != first for example in islice(examples(9, frozenset({first})), 500))


@pytest.mark.parametrize("corpus", CORPUS_NAMES)
def test_texts_say_what_they_are_labelled_with(corpus: str) -> None:
    scene = load_scene(corpus)
    for index in range(300):
        draft = write_document(scene, COMMITTED_SEED, index)
        text = f"{draft.title} {draft.body}".lower()
        assert [w.text for w in draft.wordings.values() if w.text.lower() not in text] == []


def asked_for(**forms: int) -> dict[str, Wording]:
    concepts = {"fruit": FRUIT, "tool": TOOL, "place": PLACE}
    return {role: Wording(concepts[role], form) for role, form in forms.items()}


@pytest.mark.parametrize(
    ("document", "points"),
    [
        ({"fruit": FRUIT, "tool": TOOL, "place": PLACE}, 3),
        ({"fruit": FRUIT, "tool": TOOL, "place": FRUIT}, 2),
        ({"fruit": FRUIT, "tool": PLACE, "place": FRUIT}, 1),
        ({"fruit": TOOL, "tool": TOOL, "place": PLACE}, 0),
    ],
)
def test_grades(document: dict[str, Concept], points: int) -> None:
    wordings = {role: Wording(concept, 1) for role, concept in document.items()}
    assert grade(asked_for(fruit=0, tool=0, place=0), wordings, focus="fruit") == points


@pytest.mark.parametrize(
    ("asked", "document", "pair"),
    [
        ({"fruit": 1, "tool": 1}, {"fruit": 1, "tool": 2}, WordingPair.SAME),
        ({"fruit": 2}, {"fruit": 0}, WordingPair.SAME),  # "red apple" and "apple" share a word
        ({"fruit": 1, "tool": 1}, {"fruit": 0, "tool": 2}, WordingPair.TRAINED),
        ({"fruit": 1, "tool": 1}, {"fruit": 2, "tool": 2}, WordingPair.HELD_OUT),
    ],
)
def test_wording_pairs(asked: dict[str, int], document: dict[str, int], pair: WordingPair) -> None:
    assert wording_pair(asked_for(**asked), asked_for(**document)) is pair


def test_only_pairs_with_the_hub_are_trained() -> None:
    hub, second, third = (Wording(TOOL, form) for form in range(3))
    assert is_trained_pair(hub, third)
    assert is_trained_pair(second, hub)
    assert not is_trained_pair(second, third)
