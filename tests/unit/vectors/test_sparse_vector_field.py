"""The kind of a sparse_vector field: ids of tokens in the document and in the query, and filters that are counted on."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from kinds_of_vectors import SPARSE
from sparse_index.config.encoder import Pruning
from sparse_index.config.vectors import TokenIndex
from sparse_index.errors import ConfigError, ModelError
from sparse_index.vectors.kind import Asked, VectorKind
from sparse_index.vectors.sparse_vector import sparse_vector_kind

IDS = {"money": 7, "back": 5, "refund": 30_000}
SILENT = sparse_vector_kind(Pruning(), TokenIndex(type="sparse_vector"))


def knowing() -> VectorKind:
    assert SILENT.with_ids is not None
    return SILENT.with_ids(IDS)


def stored(**weights: float) -> dict[str, pa.Scalar]:
    vector = SILENT.vector(weights)
    (batch,) = SILENT.table({"hash": vector} if vector else {}).to_batches()
    return {name: batch[name][0] for name in SILENT.columns.names}


def parameters(kind: VectorKind) -> Any:
    return kind.mapping["method"]["parameters"]


def test_the_store_has_words_and_the_document_has_ids() -> None:
    document = knowing().in_document(stored(money=1.5, refund=0.25))
    assert document == {"7": 1.5, "30000": 0.25}
    assert knowing().size(document) == 2
    assert knowing().as_output(document) == {"money": 1.0, "refund": pytest.approx(1 / 6)}
    matched = knowing().matched
    assert matched is not None
    assert matched({"money": 2.0, "back": 1.0}, document) == {"money": 3.0}
    assert matched({"money": 2.0}, None) == {}
    assert set(knowing().likeness.tokens(document)) == {"money", "refund"}


def test_an_index_has_room_for_weights_up_to_its_ceiling() -> None:
    assert SILENT.fitted is not None
    there = SILENT.fitted(3.2)
    assert there["method"]["parameters"]["quantization_ceiling_ingest"] == 3.5
    assert SILENT.outgrown(there, 3.5) == ""
    assert "weights go up to 3.51, and the live index counts all above 3.5" in SILENT.outgrown(there, 3.51)
    assert "above 3 as that" in SILENT.outgrown({"type": "sparse_vector"}, 3.51), "of an index that was told none"
    assert SPARSE.outgrown({"type": "rank_features"}, 1e6) == ""


def test_a_document_of_another_vocabulary_is_said_and_no_key_is_lost() -> None:
    with pytest.raises(ModelError, match=r"token id '8', which the model's tokenizer\.json does not know"):
        knowing().as_output({"8": 1.0})


def test_a_token_of_another_vocabulary_is_no_word_to_leave_out() -> None:
    with pytest.raises(ModelError, match=r"'euro', which the model's tokenizer.json does not know"):
        knowing().in_document(stored(euro=1.0))


def test_a_query_asks_for_as_many_as_are_wanted_and_leaves_unknown_words_out() -> None:
    clause = knowing().clause("v", {"money": 2.0, "euro": 1.0}, Asked(50))
    assert clause == {"neural_sparse": {"v": {"query_tokens": {"7": 2.0}, "method_parameters": {"k": 50}}}}
    assert knowing().clause("v", {"euro": 1.0}, Asked(50)) == {"match_none": {}}


def test_a_filter_stands_inside_and_is_exact_up_to_the_most_that_a_shard_gives() -> None:
    clause = knowing().clause("v", {"money": 2.0}, Asked(50, [{"term": {"shop": 1}}]))
    # A filter alone is no match.
    assert clause["function_score"]["min_score"] > 0
    method = clause["function_score"]["query"]["neural_sparse"]["v"]["method_parameters"]
    assert method == {"k": 10_000, "filter": {"bool": {"filter": [{"term": {"shop": 1}}]}}}


def test_nothing_is_written_or_asked_before_the_ids_are_known() -> None:
    for call in (lambda: SILENT.in_document(stored(money=1.0)), lambda: SILENT.clause("v", {"money": 1.0}, Asked(1))):
        with pytest.raises(ConfigError, match="ids of tokens"):
            call()


def test_parameters_are_generated_and_given_ones_are_kept() -> None:
    assert parameters(SILENT) == {"approximate_threshold": 1_000_000}
    given = sparse_vector_kind(Pruning(), TokenIndex(type="sparse_vector", approximate_threshold=5_000, n_postings=600))
    assert parameters(given) == {"approximate_threshold": 5_000, "n_postings": 600}


@pytest.mark.parametrize(("largest", "ceiling"), [(2.9, 3.0), (3.0, 3.0), (3.01, 3.5), (0.2, 0.5)])
def test_the_ceiling_is_above_every_weight(largest: float, ceiling: float) -> None:
    assert SILENT.fitted is not None
    method = SILENT.fitted(largest)["method"]["parameters"]
    assert method == {"approximate_threshold": 1_000_000, "quantization_ceiling_ingest": ceiling}
