"""What a corpus file may say wrongly of vector fields, long texts and the other index: key, value and remedy of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparse_index.config.load import load_corpus
from sparse_index.errors import ConfigError

TEXT = "alias: things\nstore: /s\nsource: {uri: x, id_column: id, text_template: '{title}', columns: [title, price]}\n"
THERE = "encoder: {model: {source: model_id, model_id: m}}"
FILE = "encoder: {max_tokens: 128, model: {source: file, name: n, version: '1', path: m.zip}}"
DENSE = "encoder: {model: {source: file, name: n, version: '1', path: m.zip, model_config_body: {embedding_dimension: 384}}}"


@pytest.mark.parametrize(
    ("wrong", "key", "said", "remedy"),
    [
        (
            f"vectors: {{text_dense: {{kind: dense, dimension: 768, {DENSE}}}}}",
            "vectors.text_dense",
            "the model answers 384 numbers (model_config_body.embedding_dimension), dimension is 768",
            "correct the wrong one",
        ),
        (
            f"vectors: {{text_dense: {{kind: dense, dimension: 16001, {THERE}}}}}",
            "vectors.text_dense.dimension",
            "16001",
            "less than or equal to 16000",
        ),
        (
            f"vectors: {{one: {{kind: sparse, {THERE}}}, one: {{kind: sparse, {THERE}}}}}",
            "key 'one'",
            "is there twice",
            "line 4",
        ),
        (
            f"vectors: {{price: {{kind: sparse, {THERE}}}}}",
            "source.columns",
            "price",
            "rename it, or leave the column out",
        ),
        (
            f"vectors: {{a: {{kind: sparse, {THERE}}}}}\nsearch: {{sides: [a, b]}}",
            "search.sides=['a', 'b']",
            "vectors=['a']",
            "name what is there",
        ),
        (
            f"vectors: {{a: {{kind: sparse, {THERE}}}}}\n"
            "search: {sides: [a, bm25], fusion: {type: min_max, weights: {a: 0.5, b: 0.5}}}",
            "search.fusion",
            "'b': 0.5",
            "give each side a weight, and nothing else",
        ),
        (
            f"vectors: {{a: {{kind: sparse, {THERE}}}}}\n"
            "search: {sides: [a, bm25], fusion: {type: min_max, weights: {a: 0.5, bm25: 0.4}}}",
            "search.fusion",
            "the weights sum to 0.9",
            "sum to 1",
        ),
        (
            f"vectors: {{a: {{kind: sparse, index: sparse_vector, long_texts: passages, passages: {{tokens: 100}}, {FILE}}}}}",
            "vectors.a",
            "`index: sparse_vector` and `long_texts: passages` do not go together",
            "Write `index: rank_features`, or `long_texts: truncate`",
        ),
        (
            f"vectors: {{a: {{kind: sparse, index: sparse_vector, long_texts: max, passages: {{tokens: 100}}, {FILE}}}}}",
            "vectors.a",
            "`index: sparse_vector` and `long_texts: max` do not go together",
            "Write `index: rank_features`, or `long_texts: truncate`",
        ),
        (
            f"vectors: {{a: {{kind: dense, dimension: 384, long_texts: max, {DENSE}}}}}",
            "vectors.a",
            "`long_texts: max` is for sparse vectors",
            "Say `passages` or `truncate`",
        ),
        (
            f"vectors: {{a: {{kind: sparse, long_texts: passages, passages: {{tokens: 127}}, {FILE}}}}}",
            "vectors.a",
            "passages.tokens (127) and the two special tokens are more than the model reads (encoder.max_tokens 128)",
            "lower it",
        ),
        (
            f"vectors: {{a: {{kind: sparse, long_texts: passages, passages: {{tokens: 100, overlap: 51}}, {FILE}}}}}",
            "vectors.a.passages",
            "overlap (51) is more than half of tokens (100)",
            "lower it",
        ),
        (
            f"vectors: {{a: {{kind: sparse, passages: {{tokens: 100}}, {FILE}}}}}",
            "vectors.a",
            "passages is for `long_texts: passages` or `max`",
            "say one of them, or leave it out",
        ),
        (
            f"vectors: {{a: {{kind: sparse, long_texts: passages, {THERE}}}}}",
            "vectors.a",
            "`long_texts: passages` needs the model's own tokenizer",
            "name the model by `source: file` or `url`, not model_id",
        ),
        (
            f"vectors: {{a: {{kind: sparse, index: {{type: rank_features, n_postings: 600}}, {FILE}}}}}",
            "vectors.a.index",
            "only sparse_vector has n_postings",
            "leave that out, or write type: sparse_vector",
        ),
        (
            f"vectors: {{a: {{kind: sparse, index: sparse_vector, {FILE}}}, b: {{kind: dense, dimension: 3, {THERE}}}}}",
            "vectors",
            "a needs index.sparse, b needs index.knn",
            "Write `index: rank_features` for the sparse field, or make two corpora",
        ),
        (
            f"vectors: {{a: {{kind: sparse, text: 'no column', {THERE}}}}}",
            "vectors.a.text",
            "no column",
            "{title}",
        ),
    ],
)
def test_a_line_names_key_value_and_what_to_do(tmp_path: Path, wrong: str, key: str, said: str, remedy: str) -> None:
    path = tmp_path / "things.yaml"
    path.write_text(f"{TEXT}{wrong}\n")
    with pytest.raises(ConfigError) as caught:
        load_corpus(path, {})
    problems = str(caught.value)
    assert (key in problems, said in problems, remedy in problems) == (True, True, True), problems
