"""Vector fields in a corpus file: the one of today in its short and its long form, and several of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import ExistingModel
from sparse_index.config.load import load_corpus
from sparse_index.errors import ConfigError

MODEL = {"source": "model_id", "model_id": "m"}
ADDRESS = "https://models.example/m.zip?sig=secret"
URL = {"source": "url", "name": "n", "version": "1", "url": ADDRESS, "sha256": "0" * 64}


def config(**sections: Any) -> CorpusConfig:
    source = {"uri": "/lake/x", "id_column": "id", "text_template": "{title}"}
    return CorpusConfig.model_validate({"alias": "things", "store": "/store", "source": source} | sections)


def test_the_short_form_is_one_field_of_the_long_one() -> None:
    encoder = {"model": URL, "max_tokens": 128}
    short = config(encoder=encoder, index={"vector_field": "vector", "shards": 2})
    long = config(vectors={"vector": {"kind": "sparse", "encoder": encoder}}, index={"shards": 2})
    assert long.vector_fields == short.vector_fields
    assert (long.encoder, long.index.vector_field) == (short.encoder, "vector")
    assert long.document_hash() == short.document_hash()


def test_several_fields_are_read_back_in_their_order_with_their_secrets() -> None:
    fields = {
        name: {"kind": "sparse", "encoder": {"model": MODEL | {"model_id": name}}} for name in ("title", "body", "all")
    }
    several = config(vectors=fields)
    back = CorpusConfig.model_validate_json(several.model_dump_json())
    assert back == several
    assert list(back.vector_fields) == ["title", "body", "all"]
    assert (back.index.vector_field, back.encoder.model) == (
        "title",
        ExistingModel(source="model_id", model_id="title"),
    )
    one = config(vectors={"vector": {"kind": "sparse", "encoder": {"model": URL}}})
    stored = CorpusConfig.model_validate_json(one.model_dump_json())
    assert "secret" not in one.model_dump_json()
    assert stored.with_secrets_of(one).vector_fields["vector"].encoder.model.url == ADDRESS  # type: ignore[union-attr]


def test_another_field_is_another_document_and_another_order_is_not() -> None:
    first, second = (
        {"a": {"kind": "sparse", "encoder": {"model": MODEL}}},
        {"b": {"kind": "sparse", "encoder": {"model": MODEL}}},
    )
    assert config(vectors=first | second).document_hash() == config(vectors=second | first).document_hash()
    assert config(vectors=first | second).document_hash() != config(vectors=first).document_hash()


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ("{a: {kind: sparse, encoder: {model: {source: nowhere}}}}", "vectors.a.encoder.model"),
        ("{a: {kind: dense, encoder: {model: {source: model_id, model_id: m}}}}", "vectors.a.kind: "),
        (
            "{_id: {kind: sparse, encoder: {model: {source: model_id, model_id: m}}}}",
            "'_id' is a field of OpenSearch's own",
        ),
    ],
)
def test_what_is_wrong_with_a_field_is_said_once_at_its_place(tmp_path: Path, vectors: str, message: str) -> None:
    path = tmp_path / "things.yaml"
    path.write_text(
        f'alias: things\nstore: /s\nsource: {{uri: x, id_column: id, text_template: "{{title}}"}}\nvectors: {vectors}\n'
    )
    with pytest.raises(ConfigError) as caught:
        load_corpus(path, {})
    problems = str(caught.value).splitlines()[1:]
    assert message in problems[0]
    assert not any(problem.startswith("  - encoder") for problem in problems)


def test_a_model_file_is_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "things.yaml"
    path.write_text(
        'alias: things\nstore: /s\nsource: {uri: x, id_column: id, text_template: "{title}"}\nvectors:\n'
        '  a: {kind: sparse, encoder: {model: {source: file, name: n, version: "1", path: models/m.zip}}}\n'
    )
    assert load_corpus(path, {}).vector_fields["a"].encoder.model.path == f"{tmp_path}/models/m.zip"  # type: ignore[union-attr]
