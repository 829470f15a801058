"""Searching a built index: both ways side by side, and what matched."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from build_plans import remove_indices
from real_builds import built, planned, real_config, rows, text_hash_of, write_corpus
from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError
from sparse_index.query.search import search
from sparse_index.query.table import side_by_side
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
    config, _ = corpus
    results = search(plain_cluster, config, "refund", size=10)
    assert results.bm25 == []
    assert len(results.sparse) == 10
    assert results.tokens.weights == {"refund": 1.0}
    assert all(hit.expansions == {"refund"} for hit in results.sparse)
    lines = list(side_by_side(results))
    assert any("+refund" in line for line in lines)
    assert lines[-1] == "     +token: not a word of the document, the model added it"


def test_the_score_is_the_sum_of_what_matched(plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan]) -> None:
    config, plan = corpus
    own = f"t{text_hash_of(Store(config.store), plan, 'd7')[:6]}"
    best = search(plain_cluster, config, "", query_tokens={"refund": 0.5, own: 4.0}).sparse[0]
    assert best.id == "d7"
    assert set(best.matched) == {own, "refund"}
    # Lucene keeps nine bits of a weight.
    assert best.score == pytest.approx(sum(best.matched.values()), rel=0.01)
    assert "text_sparse" not in best.source


def test_bm25_names_the_words_that_matched(plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan]) -> None:
    config, _ = corpus
    hit = search(plain_cluster, config, "body number 12").bm25[0]
    assert hit.id == "d12"
    assert {"body", "number", "12"} <= set(hit.matched)
    assert hit.text == "title 12. body number 12"
    assert hit.expansions == set()


def test_a_query_without_words_finds_nothing(plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan]) -> None:
    config, _ = corpus
    results = search(plain_cluster, config, "???")
    assert (results.bm25, results.sparse) == ([], [])


def test_no_indexed_text_column_is_said(plain_cluster: Cluster, corpus: tuple[CorpusConfig, Plan]) -> None:
    config, _ = corpus
    without = config.model_copy(update={"source": config.source.model_copy(update={"columns": ["stock"]})})
    with pytest.raises(ConfigError, match="Add one of title, body"):
        search(plain_cluster, without, "refund")
