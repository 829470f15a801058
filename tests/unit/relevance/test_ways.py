"""What a tuner tries, and what the corpus file has to say for what it chooses."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import Pruning
from sparse_index.config.search import BM25, Fusion, SearchMode
from sparse_index.relevance.ways import Way, asking, current_way, mode_of, possible_ways, prunings, settings

SIDES = (BM25, "words", "meaning")
RERANK = {"model": {"source": "model_id", "model_id": "m9"}}
WEIGHTS = {"type": "min_max", "weights": {BM25: 0.6, "words": 0.4}}


def searched(**search: Any) -> CorpusConfig:
    encoder = corpus_config("tickets").encoder
    dense = {"kind": "dense", "dimension": 4, "encoder": {"model": {"source": "model_id", "model_id": "m1"}}}
    fields = {"words": {"kind": "sparse", "encoder": encoder}, "meaning": dense}
    return corpus_config("tickets", vectors=fields, search=search)


@pytest.mark.parametrize(
    "search",
    [
        {},
        {"mode": "bm25", "fusion": WEIGHTS, "sides": [BM25, "words"]},
        {"mode": "hybrid"},
        {"mode": "hybrid", "sides": ["words", BM25], "fusion": WEIGHTS, "candidates": 70},
        {"mode": "rerank", "rerank": RERANK, "sides": ["words"], "fusion": "min_max", "candidates": 200},
        {"mode": "rerank", "rerank": RERANK, "sides": ["meaning", "words"]},
    ],
)
def test_what_is_asked_now_is_among_the_ways_once_and_changes_nothing(search: dict[str, Any]) -> None:
    config = searched(**search)
    now, ways = current_way(config), possible_ways(config, SIDES)
    assert ways.count(now) == 1
    assert len({way.name for way in ways}) == len(ways)
    assert settings(config, now, reranks=config.search.mode is SearchMode.RERANK) == {}


def test_a_re_ranker_that_is_asked_stays_whatever_is_chosen_under_it() -> None:
    config = searched(mode="rerank", rerank=RERANK, sides=[BM25, "words"], fusion=WEIGHTS)
    alone = next(way for way in possible_ways(config, SIDES) if way.sides == ("words",))
    kept = settings(config, alone, reranks=True)
    assert kept == {"search.sides": ["words"], "search.fusion": "rrf"}, "weights of a side that is gone are refused"
    assert settings(config, alone, reranks=False) == {"search.mode": "sparse"}
    both = Way(("words", "meaning"), Fusion(), 20)
    assert settings(config, both, reranks=True) == {
        "search.sides": ["words", "meaning"],
        "search.fusion": "rrf",
        "search.candidates": 20,
    }
    assert settings(config, both, reranks=False)["search.mode"] == "hybrid"
    asked = asking(config, alone)
    assert (asked.sides, asked.search.fusion, asked.search.rerank) == (("words",), Fusion(), config.search.rerank)


def test_a_re_ranker_that_was_not_asked_is_asked_of_what_was_measured() -> None:
    config = searched(mode="sparse", rerank=RERANK, sides=[BM25, "words"])
    assert settings(config, current_way(config), reranks=True) == {"search.mode": "rerank", "search.sides": ["words"]}


def test_a_side_that_no_mode_asks_alone_is_asked_beside_others() -> None:
    encoder = corpus_config("tickets").encoder
    field = {"kind": "sparse", "encoder": encoder}
    config = corpus_config("tickets", vectors={"words": field, "titles": field})
    ways = possible_ways(config, (BM25, "words", "titles"))
    assert [way.sides for way in ways if len(way.sides) == 1] == [(BM25,), ("words",)]
    assert mode_of(config, Way(("titles",), Fusion(), 50)) is None
    assert possible_ways(config, ("titles",)) == [], "what is asked now was left out"


@pytest.mark.parametrize(
    ("stored", "ratios"),
    [
        ({"type": "none"}, [0.05, 0.1, 0.2, 0.3, 0.4]),
        ({"type": "max_ratio", "value": 0.1}, [0.2, 0.3, 0.4]),
        ({"type": "max_ratio", "value": 0.4}, []),
        ({"type": "top_k", "value": 64}, []),
        ({"type": "alpha_mass", "value": 0.9}, []),
    ],
)
def test_only_a_pruning_that_would_give_what_was_measured_is_offered(
    stored: dict[str, Any], ratios: list[float]
) -> None:
    none, *offered = prunings(Pruning.model_validate(stored))
    assert none == Pruning()
    assert [(each.type, each.value) for each in offered] == [("max_ratio", share) for share in ratios]
