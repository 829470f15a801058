"""In which modes a corpus can be searched."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from sparse_index.query.wish import modes

MODEL = {"model": {"source": "model_id", "model_id": "m1"}}
BOTH = {
    "words": {"kind": "sparse", "encoder": MODEL},
    "meaning": {"kind": "dense", "dimension": 8, "encoder": MODEL},
}
RERANK = {"rerank": {"model": {"source": "model_id", "model_id": "r1"}}}


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({}, "bm25 sparse"),
        ({"vectors": BOTH}, "bm25 sparse dense hybrid"),
        ({"search": {"sides": ["bm25", "text_sparse"]} | RERANK}, "bm25 sparse hybrid rerank"),
        ({"source": {"columns": ["id"]}}, "sparse"),
        # Of words that are not indexed nothing is found, and no text is there to be re-ranked.
        ({"source": {"columns": ["id"]}, "search": {"sides": ["bm25", "text_sparse"]} | RERANK}, "sparse"),
        ({"source": {"columns": ["id"]}, "vectors": BOTH, "search": RERANK}, "sparse dense hybrid"),
    ],
)
def test_the_modes_of_a_corpus_are_those_that_it_has_something_for(sections: dict[str, Any], expected: str) -> None:
    assert " ".join(modes(corpus_config("news", **sections))) == expected
