"""Vector fields in a corpus file: the one of today in its short and its long form, and several of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import ExistingModel
from sparse_index.config.load import load_corpus
from sparse_index.config.vectors import fingerprint
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
        ("{a: {kind: late, encoder: {model: {source: model_id, model_id: m}}}}", "vectors.a: Input tag 'late'"),
        (
            "{a: {kind: sparse, dimension: 3, encoder: {model: {source: model_id, model_id: m}}}}",
            "vectors.a.dimension: Extra inputs are not permitted",
        ),
        (
            "{a: {kind: dense, encoder: {model: {source: model_id, model_id: m}}}}",
            "vectors.a.dimension: Field required",
        ),
        (
            "{a: {kind: dense, dimension: 3, space: hamming, encoder: {model: {source: model_id, model_id: m}}}}",
            "vectors.a.space: Input should be 'cosinesimil', 'l2' or 'innerproduct'",
        ),
        (
            "{a: {kind: dense, dimension: 3, encoder: {model: {source: model_id, model_id: m}, "
            "pruning: {type: top_k, value: 2}}}}",
            "vectors.a: only sparse vectors are pruned",
        ),
        (
            '{a: {kind: dense, dimension: 768, encoder: {model: {source: file, name: n, version: "1", path: m.zip, '
            "model_config_body: {embedding_dimension: 384}}}}}",
            "vectors.a: the model answers 384 numbers (model_config_body.embedding_dimension), dimension is 768",
        ),
        (
            '{a: {kind: dense, dimension: 768, encoder: {model: {source: file, name: n, version: "1", path: m.zip}}}}',
            "vectors.a: a dense model is registered with what ML Commons has to know of it",
        ),
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


def dense(**settings: Any) -> dict[str, Any]:
    return {"v": {"kind": "dense", "dimension": 3, "encoder": {"model": MODEL}} | settings}


@pytest.mark.parametrize(
    ("settings", "same_vectors"),
    [
        ({"space": "l2"}, True),
        ({"engine": "faiss", "knn_natives": True}, True),
        ({"dimension": 4}, False),
        ({}, True),
    ],
)
def test_the_space_of_a_dense_field_is_the_indexs_and_the_dimension_the_vectors_too(
    settings: dict[str, Any], same_vectors: bool
) -> None:
    before, after = config(vectors=dense()), config(vectors=dense(**settings))
    assert (fingerprint(before.first_field, "1") == fingerprint(after.first_field, "1")) is same_vectors
    assert (before.document_hash() == after.document_hash()) is (before == after)


def test_a_dense_field_and_a_sparse_one_of_the_same_model_never_share_vectors() -> None:
    one, other = config(vectors=dense()), config(vectors={"v": {"kind": "sparse", "encoder": {"model": MODEL}}})
    assert fingerprint(one.first_field, "1") != fingerprint(other.first_field, "1")
    assert one.document_hash() != other.document_hash()


def test_what_a_dense_model_was_registered_with_is_part_of_its_identity() -> None:
    models = [URL | {"model_config_body": {"embedding_dimension": 3, "pooling_mode": mode}} for mode in ("MEAN", "CLS")]
    fields = [config(vectors=dense(encoder={"model": model})).first_field for model in models]
    assert fingerprint(fields[0], "1") != fingerprint(fields[1], "1")


def test_a_model_file_is_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "things.yaml"
    path.write_text(
        'alias: things\nstore: /s\nsource: {uri: x, id_column: id, text_template: "{title}"}\nvectors:\n'
        '  a: {kind: sparse, encoder: {model: {source: file, name: n, version: "1", path: models/m.zip}}}\n'
    )
    assert load_corpus(path, {}).vector_fields["a"].encoder.model.path == f"{tmp_path}/models/m.zip"  # type: ignore[union-attr]


def sparse(index: Any) -> dict[str, Any]:
    return {"a": {"kind": "sparse", "index": index, "encoder": {"model": MODEL}}}


def test_another_index_of_the_tokens_is_another_document_of_the_same_vectors() -> None:
    plain, words = config(vectors=sparse("rank_features")), config(vectors=sparse("sparse_vector"))
    more = config(vectors=sparse({"type": "sparse_vector", "n_postings": 600}))
    without = config(vectors={"a": {"kind": "sparse", "encoder": {"model": MODEL}}})
    assert plain.document_hash() == without.document_hash()
    assert len({plain.document_hash(), words.document_hash(), more.document_hash()}) == 3
    assert len({fingerprint(each.first_field, None) for each in (plain, words, more)}) == 1


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("seismic", "Input should be 'rank_features' or 'sparse_vector'"),
        ({"n_postings": 600}, "only sparse_vector has n_postings: leave that out, or write type: sparse_vector"),
        ({"type": "sparse_vector", "n_postings": 0}, "greater than or equal to 1"),
    ],
)
def test_an_index_that_cannot_be_is_refused(index: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(vectors=sparse(index))


def test_an_index_has_one_codec() -> None:
    dense = {"b": {"kind": "dense", "dimension": 3, "encoder": {"model": MODEL}}}
    assert config(vectors=sparse("rank_features") | dense)
    with pytest.raises(ValueError, match=r"an index with both \(a needs index.sparse, b needs index.knn\)"):
        config(vectors=sparse("sparse_vector") | dense)
