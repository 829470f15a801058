"""The lexicon is broad, and no wording belongs to two concepts of one role."""

import re
from collections import defaultdict

import pytest

from demo.lexicon import bare, load_lexicon
from demo.scenes import CORPUS_NAMES, load_scene


def test_there_are_many_concepts_with_several_forms() -> None:
    forms = [len(concept.forms) for concept in load_lexicon().values()]
    assert len(forms) >= 60
    assert min(forms) >= 3
    assert max(forms) <= 6


def test_forms_of_a_concept_differ() -> None:
    for concept in load_lexicon().values():
        assert len({bare(form) for form in concept.forms}) == len(concept.forms), concept.name


def test_every_concept_is_used_and_some_are_shared() -> None:
    used_in = defaultdict(set)
    for corpus in CORPUS_NAMES:
        for family in load_scene(corpus).families:
            for by_first in family.options.values():
                for concepts in by_first.values():
                    for concept in concepts:
                        used_in[concept.name].add(corpus)
    assert used_in.keys() == load_lexicon().keys()
    assert sum(len(corpora) > 1 for corpora in used_in.values()) >= 3


@pytest.mark.parametrize("corpus", CORPUS_NAMES)
def test_fillers_do_not_name_concepts_by_accident(corpus: str) -> None:
    scene = load_scene(corpus)
    texts = [
        literal.lower()
        for templates in (*scene.fillers.alternatives.values(), *scene.parts.values(), scene.titles)
        for template in templates
        for literal in template.literals
    ]
    focus = {
        bare(form).lower()
        for family in scene.families
        for concepts in family.options[scene.focus].values()
        for concept in concepts
        for form in concept.forms
    }
    named = {form for form in focus for text in texts if re.search(rf"\b{re.escape(form)}\b", text)}
    assert named == set()


@pytest.mark.parametrize(("form", "alone"), [("my money back", "money back"), ("the office", "office"), ("rug", "rug")])
def test_bare_forms(form: str, alone: str) -> None:
    assert bare(form) == alone
