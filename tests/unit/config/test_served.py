"""Which corpora have something to serve: those of today, which say nothing of it, have not."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from sparse_index.config.served import is_served, unserved_fields, why_unserved

OWN = {"source": "pretrained", "name": "m", "version": "1"}
GIVEN = {"source": "model_id", "model_id": "m1"}
PER_RUN, SHARED, THERE = {"model": OWN}, {"model": OWN, "lifecycle": "shared"}, {"model": GIVEN}
HYBRID = {"mode": "hybrid"}


def sparse(encoder: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "sparse", "encoder": encoder}


def dense(encoder: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "dense", "dimension": 3, "encoder": encoder}


@pytest.mark.parametrize(
    ("fields", "search", "served"),
    [
        ({"s": sparse(PER_RUN)}, {}, False),
        ({"s": sparse(PER_RUN), "d": dense(PER_RUN)}, {}, False),
        ({"s": sparse(PER_RUN)}, {"mode": "bm25"}, False),
        ({"s": sparse(SHARED)}, {}, True),
        ({"s": sparse(PER_RUN)}, {"sides": ["bm25", "s"]}, True),
        ({"s": sparse(THERE)}, {"query": {"s": "model"}}, True),
        ({"s": sparse(PER_RUN)}, {"rerank": {"model": GIVEN}}, True),
        ({"s": sparse(THERE), "d": dense(THERE)}, HYBRID, True),
        ({"s": sparse(PER_RUN), "d": dense(PER_RUN)}, HYBRID, False),
        ({"s": sparse(SHARED), "d": dense(PER_RUN)}, HYBRID, True),
    ],
)
def test_what_is_served(fields: dict[str, Any], search: dict[str, Any], served: bool) -> None:
    first = next(iter(fields.values()))["encoder"]
    config = corpus_config("things", vectors=fields, encoder=first, search=search)
    assert is_served(config) == served


def test_a_corpus_that_says_how_it_is_searched_and_does_not_get_it_is_told() -> None:
    vectors = {"s": sparse(PER_RUN), "d": dense(PER_RUN)}
    said = corpus_config("things", vectors=vectors, encoder=PER_RUN, search=HYBRID)
    assert unserved_fields(said) == ["d"]
    assert "each run deletes the model of d" in str(why_unserved(said))
    assert why_unserved(corpus_config("things", vectors=vectors, encoder=PER_RUN)) is None
    assert why_unserved(corpus_config("things", search={"sides": ["bm25", "text_sparse"]})) is None
