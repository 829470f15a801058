"""Pruning does what ML Commons' processor does; an answer of another shape is an error, never a short list."""

from math import inf

import orjson
import pytest

from kinds_of_vectors import SPARSE
from sparse_index.config.encoder import Pruning
from sparse_index.errors import ModelError
from sparse_index.vectors.kind import Refused
from sparse_index.vectors.sparse import parse_answer, sparse_kind, sparse_vector

WEIGHTS = {"a": 5.0, "b": 3.0, "c": 4.0, "d": 1.0}


def answer(*outputs: object) -> dict[str, object]:
    return {"inference_results": [{"output": [{"dataAsMap": {"response": [output]}}]} for output in outputs]}


def kept(weights: dict[str, float], kind: str, value: float | None) -> set[str]:
    return set(sparse_vector(weights, Pruning(type=kind, value=value)).tokens)


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


def remote(*calls: object) -> dict[str, object]:
    """What ML Commons makes of the JSON that a service answered to each call."""
    results = [{"response": body} if isinstance(body, list) else body for body in calls]
    return {"inference_results": [{"output": [{"name": "response", "dataAsMap": result}]} for result in results]}


@pytest.mark.parametrize(
    "given",
    [
        remote([{"a": 1.0}, {"b": 2, "c": 0.5}, {}]),
        remote({"response": [{"a": 1.0}, {"b": 2, "c": 0.5}, {}]}),
        remote([{"a": 1.0}, {"b": 2, "c": 0.5}], [{}]),
        remote([{"a": 1.0}], [{"b": 2, "c": 0.5}], [{}]),
        remote({"a": 1.0}, {"b": 2, "c": 0.5}, {}),
    ],
    ids=["one call", "an object with the list", "two calls", "a call a text", "a map a call"],
)
def test_reads_what_services_behind_connectors_answer(given: dict[str, object]) -> None:
    assert parse_answer(given, 3) == [{"a": 1.0}, {"b": 2, "c": 0.5}, {}]


def test_a_token_may_be_called_response() -> None:
    assert parse_answer(remote({"response": 1.5}), 1) == [{"response": 1.5}]


@pytest.mark.parametrize(
    "item", [None, "too long", {"error": "too long"}, {"a": "1"}, {"a": True}, {"a": 1.0, "b": None}]
)
def test_an_item_that_is_no_vector_is_refused_alone(item: object) -> None:
    first, refused, last = parse_answer(remote([{"a": 1.0}, item, {"b": 2.0}]), 3)
    assert (first, last) == ({"a": 1.0}, {"b": 2.0})
    assert isinstance(refused, Refused)
    assert orjson.dumps(item).decode() in refused.reason


@pytest.mark.parametrize(
    ("given", "expected", "shape"),
    [
        (
            answer({"a": 1.0}),
            2,
            "{inference_results: [1 x {output: [1 x {dataAsMap: {response: [1 x {1 numbers}]}}]}]}",
        ),
        (remote([{"a": 1.0}, {"b": 1.0}]), 1, "response: [2 x {1 numbers}]"),
        (remote([]), 2, "response: []"),
        (answer([0.1, 0.2]), 1, "response: [1 x [2 x float]]"),
        (remote([[{"a": 1.0}], [{"b": 1.0}]]), 2, "response: [2 x [1 x {1 numbers}]]"),
        (remote({"predictions": [{"a": 1.0}]}), 1, "{predictions: [1 x {1 numbers}]}"),
        (remote({"error": "out of memory"}), 1, "{error: str}"),
        ({"inference_results": [{"output": [{"name": "sentence_embedding", "data": [0.1]}]}]}, 1, "data: [1 x float]"),
        ({"inference_results": [{"output": []}]}, 1, "output: []"),
        ({}, 1, "{}"),
        (None, 1, "NoneType"),
    ],
)
def test_refuses_other_shapes_and_names_them(given: dict[str, object], expected: int, shape: str) -> None:
    with pytest.raises(ModelError, match="sparse encoding model") as caught:
        parse_answer(given, expected)
    assert shape in str(caught.value)
    assert "out of memory" not in str(caught.value)


def test_the_file_keeps_float32() -> None:
    table = SPARSE.table({"h": sparse_vector({"a": 0.045457043}, Pruning())})
    assert str(table.schema.field("weights").type) == "list<element: float>" or "float" in str(table.schema)
    assert table.column("weights").to_pylist()[0][0] == pytest.approx(0.045457043, rel=1e-7)


def test_a_document_without_a_common_token_and_a_query_without_tokens_match_nothing() -> None:
    kind = sparse_kind(Pruning())
    (stored,) = kind.table({"a": (["x", "y"], [2.0, 1.0]), "b": (["z"], [1.0])}).to_batches()
    assert kind.scores([{"x": 1.0, "y": 0.5}, {}, {"z": 2.0}], stored).tolist() == [
        [2.5, -inf],
        [-inf, -inf],
        [-inf, 2.0],
    ]
