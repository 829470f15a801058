"""Pruning does what ML Commons' processor does; an answer of another shape is an error, never a short list."""

import pytest

from sparse_index.config.encoder import Pruning
from sparse_index.encode.vectors import parse_answer, sparse_vector, vectors_table
from sparse_index.errors import ModelError

WEIGHTS = {"a": 5.0, "b": 3.0, "c": 4.0, "d": 1.0}


def answer(*outputs: object) -> dict[str, object]:
    return {"inference_results": [{"output": [{"dataAsMap": {"response": [output]}}]} for output in outputs]}


def kept(weights: dict[str, float], kind: str, value: float | None) -> set[str]:
    return set(sparse_vector(weights, Pruning(type=kind, value=value)).tokens)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "value", "tokens"),
    [
        ("none", None, {"a", "b", "c", "d"}),
        ("top_k", 2, {"a", "c"}),
        ("top_k", 9, {"a", "b", "c", "d"}),
        ("max_ratio", 0.7, {"a", "c"}),
        ("max_ratio", 0.6, {"a", "c", "b"}),
        ("abs_value", 3.0, {"a", "c", "b"}),
        ("alpha_mass", 0.7, {"a", "c"}),
    ],
)
def test_prunes_as_ml_commons(kind: str, value: float | None, tokens: set[str]) -> None:
    assert kept(WEIGHTS, kind, value) == tokens


def test_alpha_mass_of_the_servers_own_test_case() -> None:
    assert kept({"a": 10.0, "b": 6.0, "c": 3.0, "d": 1.0}, "alpha_mass", 0.8) == {"a", "b"}


@pytest.mark.parametrize(("kind", "value"), [("alpha_mass", 0.5), ("abs_value", 2.0)])
def test_the_largest_weight_always_stays(kind: str, value: float) -> None:
    assert kept({"only": 1.5}, kind, value) == {"only"}


def test_weights_that_rank_features_refuses_are_dropped() -> None:
    vector = sparse_vector({"x": 0.0, "y": -1.0, "z": 0.25}, Pruning())
    assert (vector.tokens, vector.weights) == (("z",), (0.25,))


def test_largest_first_and_ties_by_token() -> None:
    assert sparse_vector({"b": 1.0, "a": 1.0, "c": 2.0}, Pruning()).tokens == ("c", "a", "b")


def test_reads_one_vector_a_text() -> None:
    assert parse_answer(answer({"a": 1.0}, {}), 2) == [{"a": 1.0}, {}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer({"a": 1.0}), 2),
        (answer([0.1, 0.2]), 1),
        ({"inference_results": [{"output": []}]}, 1),
        ({}, 1),
    ],
)
def test_refuses_other_shapes(given: dict[str, object], expected: int) -> None:
    with pytest.raises(ModelError, match="sparse encoding model"):
        parse_answer(given, expected)


def test_the_file_keeps_float32() -> None:
    table = vectors_table({"h": sparse_vector({"a": 0.045457043}, Pruning())})
    assert str(table.schema.field("weights").type) == "list<element: float>" or "float" in str(table.schema)
    assert table.column("weights").to_pylist()[0][0] == pytest.approx(0.045457043, rel=1e-7)
