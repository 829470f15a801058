"""Searching a built index: both ways side by side, and what matched."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from uuid import uuid4

import pytest

from build_plans import remove_indices
from real_builds import built, planned, real_config, rows, text_hash_of, write_corpus
from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import SearchMode
from sparse_index.errors import ConfigError, TerminalError
from sparse_index.query.answer import Via
from sparse_index.query.encoding import Given
from sparse_index.query.search import search
from sparse_index.query.table import shown
from sparse_index.store.files import Store
from sparse_index.vectors.sparse import SparseVector

pytestmark = pytest.mark.integration
COUNT = 30


def word_vector(text_hash: str) -> SparseVector:
    """Every document gets 'refund'; its own weight follows from its hash."""
    return SparseVector(("refund", f"t{text_hash[:6]}"), (1.0 + int(text_hash[:4], 16) / 65_536, 0.5))


@pytest.fixture(scope="module")
def corpus(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CorpusConfig, Plan]]:
    config = real_config(f"search-{uuid4().hex[:8]}", tmp_path_factory.mktemp("search"))
    write_corpus(config, rows(COUNT))
    plan = planned(plain_cluster, config)
    built(plain_cluster, config, plan, vector=word_vector)
    yield config, plan
    remove_indices(plain_cluster, config.alias)


def test_sparse_finds_what_shares_no_word(plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan]) -> None:
    config, plan = corpus
    ask = partial(search, plain_cluster, config, "refund", explain=True)
    answer = ask()
    assert (answer.mode, answer.index, answer.via) == (SearchMode.SPARSE, plan.candidate, Via.SERVER)
    assert answer.made_by == {"text_sparse": "analyzer standard"}
    assert len(answer.hits) == 10
    assert all(hit.expansions == {"refund"} for hit in answer.hits)
    assert ask(mode=SearchMode.BM25).hits == []
    lines = list(shown(ask, config, None, None))
    assert any("+refund" in line for line in lines)
    assert lines[-1] == "     +token: not a word of the document, the model added it"


def test_the_score_is_the_sum_of_what_matched(plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan]) -> None:
    config, plan = corpus
    own = f"t{text_hash_of(Store(config.store), plan, 'd7')[:6]}"
    given = Given(tokens={"text_sparse": {"refund": 0.5, own: 4.0}})
    best = search(plain_cluster, config, "", given=given, explain=True).hits[0]
    assert best.id == "d7"
    assert set(best.matched) == {own, "refund"}
    # Lucene keeps nine bits of a weight.
    assert best.score == pytest.approx(sum(best.matched.values()), rel=0.01)
    assert (best.sides["text_sparse"].rank, best.sides["text_sparse"].score) == (1, best.score)
    assert "text_sparse" not in best.source


def test_bm25_names_the_words_that_matched(plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan]) -> None:
    config, _ = corpus
    hit = search(plain_cluster, config, "body number 12", mode=SearchMode.BM25, explain=True).hits[0]
    assert hit.id == "d12"
    assert {"body", "number", "12"} <= set(hit.matched)
    assert hit.text == "title 12. body number 12"
    assert hit.expansions == set()


def test_a_query_without_words_finds_nothing_and_says_so(
    plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan]
) -> None:
    config, _ = corpus
    answer = search(plain_cluster, config, "???")
    assert answer.hits == []
    assert answer.notes[0].startswith("text_sparse finds nothing: its vector of this query is empty")
    assert search(plain_cluster, config, "???", mode=SearchMode.BM25).hits == []


def test_no_indexed_text_column_is_said(plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan]) -> None:
    config, _ = corpus
    without = config.model_copy(update={"source": config.source.model_copy(update={"columns": ["stock"]})})
    with pytest.raises(ConfigError, match="Add one of title, body"):
        search(plain_cluster, without, "refund", mode=SearchMode.BM25)


@pytest.mark.parametrize("size", [0, -1, 10_001])
def test_a_size_that_no_search_gives_is_refused(
    plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan], size: int
) -> None:
    with pytest.raises(ConfigError, match=f"size {size}: one search of .* gives 1 to 10,000 hits"):
        search(plain_cluster, corpus[0], "refund", size=size)


def test_the_largest_page_is_given(plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan]) -> None:
    assert len(search(plain_cluster, corpus[0], "refund", size=10_000).hits) == COUNT


@pytest.mark.parametrize("mode", [SearchMode.DENSE, SearchMode.RERANK])
def test_a_mode_that_the_corpus_has_nothing_for_is_refused(
    plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan], mode: SearchMode
) -> None:
    with pytest.raises(ConfigError, match=f"Mode {mode} needs a"):
        search(plain_cluster, corpus[0], "refund", mode=mode)


@pytest.mark.parametrize("query", ["", " \n\t "])
def test_a_blank_query_is_refused(plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan], query: str) -> None:
    with pytest.raises(ConfigError, match="The query is blank"):
        search(plain_cluster, corpus[0], query)


@pytest.mark.parametrize("weight", [0, -1, 65])
def test_a_weight_that_no_query_has_is_refused(
    plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan], weight: float
) -> None:
    given = Given(tokens={"text_sparse": {"refund": weight}})
    with pytest.raises(TerminalError, match=f"Query token 'refund' has the weight {weight}: .* above 0 and at most 64"):
        search(plain_cluster, corpus[0], "", given=given)


def test_a_query_of_too_many_words_is_refused_in_so_many_words(
    plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan]
) -> None:
    long = " ".join(f"w{number}" for number in range(1_100))
    with pytest.raises(TerminalError, match=r"has 1,100 different tokens: one search takes 1,024\. Shorten it"):
        search(plain_cluster, corpus[0], long)
    with pytest.raises(TerminalError, match="more words than the cluster takes"):
        search(plain_cluster, corpus[0], long, mode=SearchMode.BM25)
    assert len(search(plain_cluster, corpus[0], "refund " * 1_500).hits) == 10


def test_an_index_that_is_not_there_is_named(plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan]) -> None:
    with pytest.raises(ConfigError, match="'nowhere' does not exist: there is nothing to search"):
        search(plain_cluster, corpus[0], "refund", index="nowhere")
