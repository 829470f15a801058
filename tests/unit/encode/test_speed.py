"""The probe of a model's speed: bounded, spread over lengths, and blind to what is no vector."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from plan_help import config_at, planned, row, write
from sparse_index.encode.sample import evenly, sample_texts, spread
from sparse_index.encode.speed import BUDGET_S, texts_per_second
from sparse_index.errors import UnavailableError
from sparse_index.store.files import Store
from sparse_index.vectors.kind import Refused


class Model:
    """Answers after so many seconds of a clock of its own; each of its first `cold` answers takes a second more."""

    def __init__(self, seconds_each: float, *, cold: int = 0, refuses: bool = False) -> None:
        self.seconds_each, self.cold, self.refuses = seconds_each, cold, refuses
        self.now, self.asked, self._lock = 0.0, list[list[str]](), threading.Lock()

    def __call__(self, texts: Sequence[str]) -> Sequence[Any]:
        with self._lock:
            self.now += self.seconds_each * len(texts) + (len(self.asked) < self.cold)
            self.asked.append(list(texts))
        return [Refused("no") if self.refuses else {"a": 1.0} for _ in texts]

    def clock(self) -> float:
        return self.now


def probed(model: Model, texts: int, in_flight: int = 1, most: int | None = None) -> tuple[int, float] | None:
    different = [f"t{number}" for number in range(texts)]
    return texts_per_second(model, different, most or texts, in_flight, 8, model.clock)


def test_a_quick_model_is_asked_for_every_text_once_in_requests_like_a_builds() -> None:
    model = Model(0.01)
    assert probed(model, 40) == pytest.approx((24, 100.0)), "of the last three requests"
    warm_up, requests = model.asked[:2], model.asked[2:]
    assert warm_up == [["t20"], ["t20"]]
    assert [len(request) for request in requests] == [8] * 5


def test_a_model_that_is_only_slow_to_begin_is_as_quick_as_it_is_then() -> None:
    model = Model(0.01, cold=1)
    assert probed(model, 40) == pytest.approx((24, 100.0))
    assert [len(request) for request in model.asked[2:]] == [8] * 5
    colder = Model(0.01, cold=4)
    assert probed(colder, 40) == pytest.approx((20, 100.0)), "it was asked for one text at a time"


def test_a_quick_model_is_asked_again_until_the_time_is_over_or_it_was_asked_enough() -> None:
    model = Model(0.01)
    assert probed(model, 8, most=10_000) == pytest.approx((256, 100.0))
    assert model.now == pytest.approx(BUDGET_S, rel=0.02)
    assert probed(Model(0.01), 8, most=20) == pytest.approx((12, 100.0))


def test_a_slow_model_is_asked_no_longer_than_the_budget_and_one_text_at_a_time() -> None:
    model = Model(0.5)
    assert probed(model, 256) == pytest.approx((5, 2.0))
    assert model.now == 2 * 0.5 + BUDGET_S
    assert {len(request) for request in model.asked} == {1}


def test_a_model_that_refuses_all_has_no_speed_and_a_failure_is_passed_on() -> None:
    assert probed(Model(0.01, refuses=True), 10) is None

    def fails(_: Sequence[str]) -> Sequence[Any]:
        raise UnavailableError("gone")

    with pytest.raises(UnavailableError, match="gone"):
        texts_per_second(fails, ["a"], 1, 2, 1, lambda: 0.0)


def test_several_threads_share_the_texts() -> None:
    model = Model(0.0001)
    found = probed(model, 100, in_flight=4)
    assert found is not None
    assert 0 < found[0] <= 100
    assert sorted(text for request in model.asked[8:] for text in request) == sorted(f"t{n}" for n in range(100))


def test_whatever_is_asked_first_is_of_all_lengths() -> None:
    assert evenly(range(10), 3) == [1, 5, 8]
    assert evenly(range(2), 3) == [0, 1]
    assert evenly([], 3) == []
    assert spread(range(8)) == [0, 4, 2, 6, 1, 5, 3, 7]
    assert spread([1]) == [1]
    assert spread([]) == []


def test_a_sample_has_short_and_long_texts_and_passes_over_rows_without(tmp_path: Path) -> None:
    config = config_at(tmp_path, source={"text_template": "{body}"})
    bodies = [None, "", *("x" * (3 * number + 1) for number in range(50))]
    write(tmp_path / "corpus", [row(number, body=body) for number, body in enumerate(bodies)])
    texts = sample_texts(Store(config.store), planned(config), "text_sparse", 5)
    lengths = [len(text) for text in texts]
    assert len(lengths) == 5
    assert lengths[0] == min(lengths) < 30
    assert max(lengths) > 120


def test_a_field_with_texts_of_its_own_is_sampled_in_these(tmp_path: Path) -> None:
    model = {"source": "pretrained", "name": "m", "version": "1"}
    field = {"kind": "sparse", "text": "{title}", "encoder": {"model": model}}
    config = config_at(tmp_path, vectors={"v": field}, index={"vector_field": "v"}, encoder=field["encoder"])
    write(tmp_path / "corpus", [row(number) for number in range(3)])
    plan = planned(config)
    titles = sample_texts(Store(config.store), plan, "v", 10)
    assert set(titles) == {row(number)["title"] for number in range(3)}
