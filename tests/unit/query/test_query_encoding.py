"""A query whose model is silent: an outage that passes where it is deployed again, a fault where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from build_plans import corpus_config
from fake_models import FakeModels
from fake_opensearch import fake_cluster
from sparse_index.errors import ModelError, UnavailableError
from sparse_index.query.encoding import NOTHING_GIVEN, analyzer_tokens, encoded
from sparse_index.query.target import Target

SHA = "ab" * 32
GROUP = f"sparse-index-serving--splade--{SHA[:12]}"
MODEL = {"source": "url", "name": "splade", "version": "1", "url": "http://h/m.zip", "sha256": SHA}
SHARED = {"model": MODEL, "lifecycle": "shared"}
GIVEN = {"model": {"source": "model_id", "model_id": "m1"}}

TOKENS = [
    {"token": "ref", "payload": "[40 9e 6f 23]"},
    {"token": "##und", "payload": "[41 a 4b e1]"},
    {"token": "ref", "payload": "[40 9e 6f 23]"},
    {"token": "word"},
    {"token": "much", "payload": "[44 7a 0 0]"},
]


@pytest.mark.parametrize(
    ("encoder", "silent"),
    [
        (SHARED, "No model encodes queries for 'text_sparse'"),
        (GIVEN, r"Model m1 .* does not answer \(its document says UNDEPLOYED\)"),
    ],
)
def test_the_document_of_a_silent_model_says_whether_it_comes_back(encoder: dict[str, Any], silent: str) -> None:
    config = corpus_config("things", encoder=encoder, search={"query": {"text_sparse": "model"}})
    models = FakeModels()
    its = {"name": "splade", "algorithm": "SPARSE_ENCODING", "model_content_hash_value": SHA}

    def ask() -> str:
        return encoded(models.cluster, config, Target("things"), "text_sparse", "q", NOTHING_GIVEN).made_by

    models.add("m1", GROUP, answers=True, **its)
    assert ask() == "model m1"
    models.answering.clear()
    with pytest.raises(UnavailableError, match="does not answer for now: model m1 is said to be deployed"):
        ask()
    models.models["m1"]["model_state"] = "UNDEPLOYED"
    with pytest.raises(ModelError, match=silent):
        ask()


@pytest.mark.parametrize(
    "detail",
    [
        {"analyzer": {"name": "bert-uncased", "tokens": TOKENS}},
        {"tokenizer": {"tokens": [{"token": "Ref"}]}, "tokenfilters": [{"tokens": []}, {"tokens": TOKENS}]},
        {"tokenizer": {"tokens": TOKENS}},
    ],
)
def test_an_analyzer_s_words_count_once_with_the_weight_that_it_gives_them(detail: dict[str, Any]) -> None:
    asked: list[Any] = []

    def answer(method: str, path: str, body: Any) -> Any:
        asked.append((method, path, body))
        return {"detail": detail}

    weights = analyzer_tokens(fake_cluster(answer), "things", "ref ref word", "bert-uncased")
    assert weights == {"ref": pytest.approx(4.9510665), "##und": pytest.approx(8.643525), "word": 1.0, "much": 64.0}
    wanted = {"analyzer": "bert-uncased", "text": "ref ref word", "explain": True, "attributes": ["payload"]}
    assert asked == [("GET", "/things/_analyze", wanted)]


def test_a_query_is_encoded_as_texts_are() -> None:
    asked: list[str] = []

    def answer(method: str, path: str, body: Any) -> Any:
        asked.append(body["text"])
        return {"detail": {"analyzer": {"tokens": TOKENS}}}

    encoded(
        fake_cluster(answer), corpus_config("things"), Target("things"), "text_sparse", "cafe\u0301\x00s", NOTHING_GIVEN
    )
    assert asked == ["caf\u00e9 s"]
