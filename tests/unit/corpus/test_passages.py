"""A text as passages: nothing is lost, nothing is too long, and an edit costs the passages that it touches."""

from __future__ import annotations

import random
import re

import pytest

from sparse_index.config.vectors import Passages
from sparse_index.corpus.passages import Passage, passages_of

SMALL = Passages(tokens=20, overlap=6)


def words(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]


def split(text: str, wanted: Passages = SMALL) -> list[Passage]:
    found = passages_of(text, words(text), wanted)
    assert [passage.number for passage in found] == list(range(len(found)))
    assert all(text[passage.start : passage.end] == passage.text for passage in found)
    return found


def texts(text: str, wanted: Passages = SMALL) -> list[str]:
    return [passage.text for passage in split(text, wanted)]


def sentence(number: int, size: int = 6) -> str:
    return " ".join(f"w{number}x{word}" for word in range(size - 1)) + "."


def test_a_short_text_is_one_passage_as_it_is() -> None:
    assert split(" My money back.\n") == [Passage(0, 1, 15, "My money back.")]


def test_a_text_without_tokens_is_one_passage() -> None:
    assert passages_of("\u200b\u200b", [], SMALL) == [Passage(0, 0, 2, "\u200b\u200b")]


def test_passages_end_where_sentences_do_and_begin_with_the_last_one_again() -> None:
    one, two, three, four, five = (sentence(number) for number in range(5))
    assert texts(f"{one} {two} {three} {four} {five}") == [f"{one} {two} {three}", f"{three} {four} {five}"]


def test_without_overlap_each_sentence_stands_once() -> None:
    one, two, three, four = (sentence(number) for number in range(4))
    assert texts(f"{one} {two} {three} {four}", Passages(tokens=20, overlap=0)) == [f"{one} {two} {three}", four]


def test_a_paragraph_that_half_fills_a_passage_ends_it_and_nothing_comes_again() -> None:
    first, second = f"{sentence(1)} {sentence(2)}", f"{sentence(3)} {sentence(4)}"
    assert texts(f"{first}\n\n{second}") == [first, second]


def test_short_paragraphs_stand_together() -> None:
    assert texts("A title\n\nby somebody\n \nA first sentence.") == ["A title\n\nby somebody\n \nA first sentence."]


def test_a_sentence_that_is_too_long_is_cut_between_words_and_overlaps() -> None:
    long = " ".join(f"w{number}" for number in range(50))
    found = texts(long)
    assert found[0] == " ".join(f"w{number}" for number in range(20))
    assert found[1].startswith("w14 w15")
    assert found[-1].endswith("w49")


def test_a_text_without_white_space_is_cut_all_the_same() -> None:
    text = "\u6c34" * 100
    found = passages_of(text, [(place, place + 1) for place in range(100)], SMALL)
    assert all(passage.end - passage.start <= 20 for passage in found)
    assert (found[0].start, found[-1].end) == (0, 100)


def test_chinese_sentences_end_without_white_space() -> None:
    one, two = "\u6c34" * 15 + "\u3002", "\u706b" * 15 + "\u3002"
    found = passages_of(one + two, [(place, place + 1) for place in range(32)], Passages(tokens=20, overlap=0))
    assert [passage.text for passage in found] == [one, two]


def test_white_space_that_a_token_holds_is_not_part_of_a_passage() -> None:
    assert passages_of("a b", [(0, 1), (1, 3)], SMALL) == [Passage(0, 0, 3, "a b")]
    assert passages_of(" a b ", [(0, 2), (2, 5)], SMALL)[0] == Passage(0, 1, 4, "a b")


@pytest.mark.parametrize(
    "wanted", [SMALL, Passages(tokens=20, overlap=6, boundary="word"), Passages(tokens=16, overlap=0)]
)
def test_every_token_is_in_a_passage_and_none_has_too_many(wanted: Passages) -> None:
    chance = random.Random(7)
    for _ in range(200):
        text = "".join(
            chance.choice(["word", " ", " ", ". ", "\n", "\n\n", "\u6c34", "!", "\u3002"]) for _ in range(150)
        )
        tokens = words(text)
        if not tokens:
            continue
        found = split(text, wanted)
        assert all(len(words(passage.text)) <= wanted.tokens for passage in found)
        covered = {place for passage in found for place in range(passage.start, passage.end)}
        assert covered >= {place for start, end in tokens for place in range(start, end)}
        assert [passage.start for passage in found] == sorted({passage.start for passage in found})


def test_an_edited_paragraph_costs_its_own_passages() -> None:
    paragraphs = [" ".join(sentence(10 * number + line) for line in range(5)) for number in range(20)]
    before = set(texts("\n\n".join(paragraphs)))
    paragraphs[3] = f"{sentence(999)} {paragraphs[3]}"
    after = texts("\n\n".join(paragraphs))
    new = [text for text in after if text not in before]
    assert len(new) == 3
    assert set(re.findall(r"w(\d+)x", " ".join(new))) == {"999", "30", "31", "32", "33", "34"}
