"""The ways to ask a corpus, and what two answers have in common."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from build_plans import corpus_config
from sparse_index.config.search import SearchMode
from sparse_index.console.generations import Generation, Generations
from sparse_index.console.listed import Listed
from sparse_index.console.searching import Way, config_of, moves, usual_ways, way_of, ways
from sparse_index.errors import ConfigError


def test_full_text_is_compared_with_the_corpus_s_own_mode() -> None:
    assert [str(way) for way in usual_ways(corpus_config("news"))] == ["bm25@live", "sparse@live"]
    without_text = corpus_config("news", source={"columns": ["id"]})
    assert [str(way) for way in usual_ways(without_text)] == ["sparse@live", "sparse@live"]


def test_former_generations_are_offered_where_they_are_known() -> None:
    def generation(index: str, state: str) -> Generation:
        return Generation(index, state, "b", 1, 1, date(2026, 11, 1), "f", None, None, None)

    found = Generations((generation("c", "candidate"), generation("b", "live"), generation("a", "previous")), ())
    config = corpus_config("news", source={"columns": ["id"]})
    assert [way.place for way in ways(config, found)] == ["live", "candidate", "a"]
    assert [way.place for way in ways(config, None)] == ["live", "candidate"]


def test_a_way_is_read_as_it_is_written() -> None:
    way = Way(SearchMode.SPARSE, "news--b20261101t000000-000000")
    assert way_of(str(way)) == way


@pytest.mark.parametrize("said", ["", "sparse", "sparse@", "best@live", "SPARSE@live", "@live"])
def test_what_names_no_way_is_refused(said: str) -> None:
    with pytest.raises(ConfigError, match="as in bm25@live"):
        way_of(said)


@pytest.mark.parametrize("searched", [None, {}, {"alias": "News!"}, [], "x"])
def test_a_corpus_that_does_not_say_how_it_is_searched_says_what_to_do(searched: Any) -> None:
    with pytest.raises(ConfigError, match="Install the same version"):
        config_of(Listed("news", "sparse_index__news", "news", searched=searched))


def test_what_does_not_go_together_is_said_in_its_own_words() -> None:
    searched = corpus_config("news").model_dump(mode="json", exclude_defaults=True)
    searched["source"] |= {"deleted_column": "gone"}
    with pytest.raises(ConfigError, match=r"source\.deleted_column=gone \| a snapshot deletes what it no longer holds"):
        config_of(Listed("news", "sparse_index__news", "news", searched=searched))


def test_documents_are_marked_with_how_far_they_moved() -> None:
    assert moves(["a", "b", "c", "d"], ["b", "x", "y", "d", "a"]) == {
        "a": "4 higher here",
        "b": "1 lower here",
        "c": "only here",
    }
    assert moves([], ["a"]) == {}
