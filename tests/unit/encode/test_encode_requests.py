"""Encoding against a model server that misbehaves: every text comes out once, with a vector or a reason."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opensearchpy.exceptions import TransportError

from fake_model_server import MODEL, FakeTime, ModelServer, Sometimes
from fake_opensearch import fake_cluster, http_error, timed_out, unreachable
from kinds_of_vectors import SPARSE
from sparse_index.config.encoder import EncoderConfig, ExistingModel
from sparse_index.corpus.place import Place
from sparse_index.encode.flight import BREAKER_PAUSE_S, Encoding
from sparse_index.encode.governor import Governor
from sparse_index.encode.predict import Predictor
from sparse_index.encode.search_watch import SearchWatch
from sparse_index.encode.texts import Encoded, Rejected, Text, TextOutcome
from sparse_index.errors import AccessError, ModelError, OverloadedError, UnavailableError
from sparse_index.timing import Timing
from sparse_index.vectors.dense import dense_kind
from sparse_index.vectors.kind import VectorKind


def texts(count: int) -> list[Text]:
    return [Text("v", f"h{n}", f"word{n}", f"id{n}", Place("c.parquet", "v1", 0, n)) for n in range(count)]


def encode(server: ModelServer, items: list[Text], time: FakeTime | None = None, start: int = 2) -> list[TextOutcome]:
    return list(encoding(server, time or FakeTime(), Governor(start)).run(items))


def encoding(
    server: Any,
    time: FakeTime,
    governor: Governor,
    chunk_docs: int = 256,
    known_good: str | None = None,
    kind: VectorKind = SPARSE,
) -> Encoding:
    config = EncoderConfig(
        model=ExistingModel(source="model_id", model_id=MODEL), docs_per_request=8, chunk_docs=chunk_docs
    )
    cluster = fake_cluster(server)
    predictor = Predictor(cluster, MODEL, kind, config.request_timeout_s)
    searches = SearchWatch(cluster, None, time.clock)
    return Encoding(predictor, governor, config, Timing(time.clock, time.sleep), searches, known_good)


def hashes(outcomes: list[TextOutcome], kind: type[Encoded] | type[Rejected]) -> list[str]:
    return sorted(outcome.text.text_hash for outcome in outcomes if isinstance(outcome, kind))


def all_hashes(count: int) -> list[str]:
    return sorted(f"h{n}" for n in range(count))


def test_every_text_gets_its_own_vector() -> None:
    server = ModelServer()
    outcomes = encode(server, texts(100))
    assert hashes(outcomes, Encoded) == all_hashes(100)
    assert all(isinstance(o, Encoded) and o.vector[0] == (o.text.text,) for o in outcomes)
    assert sorted(map(len, server.requests), reverse=True) == [8] * 12 + [4]


def test_the_next_request_is_on_its_way_while_an_answer_is_read() -> None:
    second = threading.Event()

    def asked(_: list[str]) -> None:
        if len(server.requests) == 2:
            second.set()

    server = ModelServer(asked)
    work = encoding(server, FakeTime(), Governor(1, ceiling=1))
    outcomes = work.run(texts(24))
    next(outcomes)
    assert second.wait(10)
    assert work.texts_in_flight == 16
    assert len(list(outcomes)) == 23


def test_no_request_runs_ahead_when_a_kill_would_cost_more_than_half_a_chunk() -> None:
    server = ModelServer()
    outcomes = encoding(server, FakeTime(), Governor(1, ceiling=1), chunk_docs=24).run(texts(24))
    next(outcomes)
    assert len(server.requests) == 1
    assert len(list(outcomes)) == 23


def test_one_poisoned_text_is_one_rejection() -> None:
    def fault(asked: list[str]) -> None:
        if "word13" in asked:
            raise http_error(500, "null_pointer_exception", "poisoned")

    server = ModelServer(fault)
    outcomes = encode(server, texts(64))
    assert hashes(outcomes, Rejected) == ["h13"]
    assert len(hashes(outcomes, Encoded)) == 63
    rejected = next(outcome for outcome in outcomes if isinstance(outcome, Rejected))
    assert (rejected.error_class, rejected.attempt) == ("predict_failed", 3)
    assert "poisoned" in rejected.reason
    # 8 requests, for the bad one 8 -> 4 -> 2 -> 1 twice over, then alone, known to be good, alone, known to be good.
    assert len(server.requests) <= 8 + 2 * 3 + 4


def test_one_text_that_is_refused_among_others_is_asked_for_again_then_rejected_alone() -> None:
    server = ModelServer(refused=lambda text: text == "word13")
    outcomes = encode(server, texts(40))
    (rejected,) = (outcome for outcome in outcomes if isinstance(outcome, Rejected))
    assert (rejected.text.text, rejected.error_class, rejected.attempt) == ("word13", "predict_failed", 3)
    assert "instead of token weights the model answered null" in rejected.reason
    assert len(hashes(outcomes, Encoded)) == 39
    assert next(asked for asked in server.requests if len(asked) == 1) == ["word13"]


def test_a_text_that_is_refused_once_only_is_encoded() -> None:
    seen: list[str] = []

    def first_time(text: str) -> bool:
        seen.append(text)
        return text == "word3" and seen.count(text) == 1

    assert hashes(encode(ModelServer(refused=first_time), texts(8)), Encoded) == all_hashes(8)


def test_a_model_that_refuses_each_text_by_itself_is_at_fault() -> None:
    with pytest.raises(ModelError, match="refused the first 20 texts it got"):
        encode(ModelServer(refused=lambda text: True), texts(64))


def test_a_model_that_answers_nothing_usable_from_some_moment_on_ends_the_task_for_now() -> None:
    def fault(_: list[str]) -> None:
        assert len(server.requests) < 200, "this never ends"

    server = ModelServer(fault, refused=lambda text: len(server.requests) > 1)
    with pytest.raises(UnavailableError, match="refuses even a text that it encoded before"):
        list(encoding(server, FakeTime(), Governor(2), known_good="a probe").run(texts(64)))


def test_bad_texts_at_the_head_of_what_is_left_are_no_fault_of_a_model_that_was_proven() -> None:
    """As after a kill: the good texts before them are kept already."""
    bad = {f"word{number}" for number in range(25)}
    server = ModelServer(refused=lambda text: text in bad)
    outcomes = list(encoding(server, FakeTime(), Governor(2), known_good="a probe").run(texts(40)))
    assert (len(hashes(outcomes, Rejected)), len(hashes(outcomes, Encoded))) == (25, 15)


def test_numbers_that_are_not_finite_for_a_moment_are_asked_for_again() -> None:
    asked: list[str] = []

    def dense(method: str, path: str, body: Any) -> Any:
        asked.extend(body["text_docs"])
        good = len(asked) > 8
        data = [["NaN", 0, 1] if not good and text != "word0" else [1, 2, 3] for text in body["text_docs"]]
        return {"inference_results": [{"output": [{"data": numbers}]} for numbers in data]}

    work = encoding(dense, FakeTime(), Governor(1, ceiling=1), chunk_docs=8, kind=dense_kind(3, "l2"))
    outcomes = list(work.run(texts(16)))
    assert hashes(outcomes, Encoded) == all_hashes(16)
    assert all(isinstance(each, Encoded) and each.vector[0].tolist() == [1, 2, 3] for each in outcomes)


def test_a_text_without_tokens_gets_an_empty_vector_which_is_kept() -> None:
    items = [*texts(5), Text("v", "blank", " ", "idb", Place("c.parquet", "v1", 0, 9))]
    outcomes = encode(ModelServer(), items)
    assert hashes(outcomes, Rejected) == []
    assert [o.text.text_hash for o in outcomes if isinstance(o, Encoded) and SPARSE.is_empty(o.vector)] == ["blank"]


def test_a_node_that_goes_away_makes_no_dead_letters() -> None:
    server = ModelServer(Sometimes(lambda: http_error(500, "node_closed_exception"), first=4))
    assert hashes(encode(server, texts(16)), Encoded) == all_hashes(16)


def test_nodes_in_trouble_make_no_dead_letters_of_good_texts() -> None:
    def fault(asked: list[str]) -> None:
        if 10 <= len(server.requests) < 60:
            raise http_error(500, "translate_exception", "a node without memory")

    server = ModelServer(fault)
    assert hashes(encode(server, texts(200)), Encoded) == all_hashes(200)


@pytest.mark.parametrize(("count", "faults"), [(1, 2), (3, 8), (5, 12)])
def test_few_texts_are_no_dead_letters_of_a_node_that_goes_away_before_the_first_of_them(
    count: int, faults: int
) -> None:
    """What the encoder was proven with is known to be good."""
    server = ModelServer(
        Sometimes(lambda: http_error(500, "translate_exception", "a node without memory"), first=faults)
    )
    outcomes = list(encoding(server, FakeTime(), Governor(2), known_good="a probe").run(texts(count)))
    assert (hashes(outcomes, Encoded), hashes(outcomes, Rejected)) == (all_hashes(count), [])


def test_nodes_that_stay_in_trouble_end_the_task_for_now() -> None:
    def fault(asked: list[str]) -> None:
        if len(server.requests) > 10:
            raise http_error(500, "translate_exception", "a node without memory")

    server = ModelServer(fault)
    with pytest.raises(UnavailableError, match="refuses even a text that it encoded before"):
        encode(server, texts(200))


def test_the_breaker_is_waited_for() -> None:
    time = FakeTime()
    server = ModelServer(Sometimes(lambda: http_error(429, "circuit_breaking_exception", "open"), first=3))
    assert hashes(encode(server, texts(32), time), Encoded) == all_hashes(32)
    assert time.slept
    assert min(time.slept) >= BREAKER_PAUSE_S


def test_a_breaker_that_stays_open_ends_the_task() -> None:
    server = ModelServer(Sometimes(lambda: http_error(429, "circuit_breaking_exception", "open"), first=10**9))
    with pytest.raises(OverloadedError, match="open"):
        encode(server, texts(8))


def test_after_a_time_out_the_queue_drains_first() -> None:
    time = FakeTime()
    server = ModelServer(Sometimes(timed_out, first=2), busy=10)
    assert hashes(encode(server, texts(40), time), Encoded) == all_hashes(40)
    assert server.busy <= 1
    assert time.slept.count(2.0) >= 8


@pytest.mark.parametrize(
    "error",
    [
        timed_out,
        lambda: http_error(504, "gateway_timeout"),
        lambda: TransportError(408, "Request Timeout", None),
        lambda: TransportError(524, "<html>a timeout occurred</html>", None),
    ],
    ids=["ours", "a gateway's", "a load balancer's", "a network's"],
)
def test_long_texts_that_time_out_together_go_one_by_one(error: Callable[[], Exception]) -> None:
    def fault(asked: list[str]) -> None:
        if len(asked) > 2:
            raise error()

    server = ModelServer(fault)
    assert hashes(encode(server, texts(16)), Encoded) == all_hashes(16)


@pytest.mark.parametrize(
    ("error", "why"),
    [(timed_out, "request_timeout_s"), (lambda: http_error(504, "gateway_timeout"), r"gateway .* gave up \(504\)")],
)
def test_a_text_that_alone_always_times_out_becomes_a_dead_letter(error: Callable[[], Exception], why: str) -> None:
    def fault(asked: list[str]) -> None:
        if "word3" in asked:
            raise error()

    outcomes = encode(ModelServer(fault), texts(8))
    assert hashes(outcomes, Encoded) == [f"h{n}" for n in range(8) if n != 3]
    (rejected,) = (outcome for outcome in outcomes if isinstance(outcome, Rejected))
    assert (rejected.text.text_hash, rejected.error_class, rejected.attempt) == ("h3", "predict_timeout", 3)
    assert re.search(why, rejected.reason)


@pytest.mark.parametrize("known_good", [None, "word0"])
def test_where_no_text_is_answered_in_time_none_is_at_fault(known_good: str | None) -> None:
    server = ModelServer(Sometimes(timed_out, first=1_000))
    with pytest.raises(UnavailableError, match="row 3"):
        list(encoding(server, FakeTime(), Governor(1), known_good=known_good).run(texts(4)[3:]))


def test_a_restarting_cluster_is_waited_for() -> None:
    server = ModelServer(Sometimes(unreachable, first=5))
    assert hashes(encode(server, texts(16)), Encoded) == all_hashes(16)


def not_ready() -> Exception:
    return http_error(400, "illegal_argument_exception", "Model not ready yet. Please deploy the model first.")


def test_redeployment_is_waited_for_without_touching_the_model() -> None:
    time = FakeTime()
    server = ModelServer(Sometimes(not_ready, first=10))
    assert hashes(encode(server, texts(16), time), Encoded) == all_hashes(16)
    assert server.redeploys == 0


def test_a_model_that_does_not_come_back_is_deployed_once() -> None:
    time = FakeTime()
    server = ModelServer(Sometimes(not_ready, first=100))
    assert hashes(encode(server, texts(16), time), Encoded) == all_hashes(16)
    assert server.redeploys == 1


def test_a_model_that_never_comes_back_ends_the_task() -> None:
    server = ModelServer(Sometimes(not_ready, first=10**9))
    with pytest.raises(ModelError, match="was not ready again"):
        encode(server, texts(8))
    assert server.redeploys == 1


def test_a_model_that_is_gone_says_what_to_clear() -> None:
    server = ModelServer()
    server.model_is_there = False
    with pytest.raises(ModelError, match="'only failed' off"):
        Predictor(fake_cluster(server), MODEL, SPARSE, 1.0).require_model()


def test_a_model_that_refuses_everything_is_not_a_thousand_dead_letters() -> None:
    server = ModelServer(Sometimes(lambda: http_error(500, "translate_exception", "bad tensor"), first=10**9))
    with pytest.raises(ModelError, match="the model is at fault"):
        encode(server, texts(500))


def test_a_missing_permission_is_nobodys_dead_letter() -> None:
    server = ModelServer(Sometimes(lambda: http_error(403, "security_exception", "no permissions"), first=10**9))
    with pytest.raises(AccessError):
        encode(server, texts(8))


def test_a_model_that_answers_too_few_vectors_is_an_error() -> None:
    class Short(ModelServer):
        def predict(self, asked: list[str]) -> Any:
            answer = super().predict(asked)
            return {"inference_results": answer["inference_results"][1:]}

    with pytest.raises(ModelError, match=r"answer to 8 text\(s\) has another shape: .*\[7 x "):
        encode(Short(), texts(8))
