"""One text is asked for with the patience of a build, and given up for the reasons of a build."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fake_model_server import MODEL, FakeTime, ModelServer, Sometimes
from fake_opensearch import fake_cluster, http_error, timed_out, unreachable
from kinds_of_vectors import SPARSE
from sparse_index.config.encoder import EncoderConfig, ExistingModel
from sparse_index.encode.flight import BREAKER_PAUSE_S, TROUBLES_IN_A_ROW
from sparse_index.encode.one_text import output_of
from sparse_index.encode.predict import Predictor
from sparse_index.errors import AccessError, OverloadedError
from sparse_index.timing import Timing
from sparse_index.vectors.kind import Refused

WORDS = {"one": 1.0, "word": 1.0}


def asked(server: ModelServer, time: FakeTime | None = None) -> Any:
    time = time or FakeTime()
    config = EncoderConfig(model=ExistingModel(source="model_id", model_id=MODEL))
    predictor = Predictor(fake_cluster(server), MODEL, SPARSE, config.request_timeout_s)
    return output_of(predictor, "one word", config, Timing(time.clock, time.sleep))


def breaker() -> Exception:
    return http_error(429, "circuit_breaking_exception", "Memory Circuit Breaker is open")


def not_ready() -> Exception:
    return http_error(400, "illegal_argument_exception", "Model not ready yet. Please deploy the model first.")


@pytest.mark.parametrize("error", [breaker, not_ready, timed_out, unreachable])
def test_a_cluster_in_trouble_is_waited_for(error: Callable[[], Exception]) -> None:
    assert asked(ModelServer(Sometimes(error, first=3))) == WORDS


def test_an_open_breaker_gets_time_to_close() -> None:
    time = FakeTime()
    asked(ModelServer(Sometimes(breaker, first=2)), time)
    assert time.slept == [BREAKER_PAUSE_S, BREAKER_PAUSE_S]


def test_trouble_without_end_is_raised() -> None:
    server = ModelServer(Sometimes(breaker, first=1_000))
    with pytest.raises(OverloadedError):
        asked(server)
    assert len(server.requests) == TROUBLES_IN_A_ROW


def test_a_text_that_is_refused_once_only_has_its_output() -> None:
    assert asked(ModelServer(Sometimes(lambda: http_error(500, "null_pointer_exception", "no"), first=1))) == WORDS


def test_a_text_that_is_refused_twice_is_refused() -> None:
    server = ModelServer(Sometimes(lambda: http_error(500, "null_pointer_exception", "no"), first=2))
    assert asked(server) == Refused("null_pointer_exception: no")
    assert len(server.requests) == 2


@pytest.mark.parametrize("times", [1, 2])
def test_a_text_that_the_answer_leaves_out_is_asked_for_once_more(times: int) -> None:
    seen: list[str] = []
    server = ModelServer(refused=lambda text: seen.append(text) or len(seen) <= times)  # type: ignore[func-returns-value]
    said = asked(server)
    assert said == WORDS if times == 1 else isinstance(said, Refused)
    assert len(server.requests) == 2


def test_what_no_request_can_mend_is_raised_at_once() -> None:
    server = ModelServer(Sometimes(lambda: http_error(403, "security_exception", "no permission"), first=1_000))
    with pytest.raises(AccessError):
        asked(server)
    assert len(server.requests) == 1
