"""One shared model, whatever was there before: against a stand-in that behaves as the real servers were seen to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from build_plans import corpus_config
from fake_models import FakeModels
from fake_opensearch import http_error
from sparse_index.errors import ModelError
from sparse_index.serving.models import REDEPLOY_AFTER_S, STANDSTILL_S, delete_spare, ensure_model
from sparse_index.serving.needs import Need, needs_of
from sparse_index.timing import Timing


class Passing:
    """Time that passes when somebody sleeps; `then`: what happens at a second."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.then: dict[float, Callable[[], object]] = {}

    @property
    def timing(self) -> Timing:
        return Timing(
            lambda: self.now_s, self.sleep, lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(0, self.now_s)
        )

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        for moment in [moment for moment in self.then if moment <= self.now_s]:
            self.then.pop(moment)()


@pytest.fixture
def need(tmp_path: Path) -> Need:
    (tmp_path / "m.zip").write_bytes(b"a model")
    model = {"source": "file", "name": "splade", "version": "1", "path": str(tmp_path / "m.zip")}
    (need,) = needs_of(corpus_config("things", encoder={"model": model, "lifecycle": "shared"}))
    return need


def same(need: Need, **changes: Any) -> dict[str, Any]:
    return {"name": need.source.model.name, "model_content_hash_value": need.content_sha256} | changes


def test_what_is_not_there_is_registered_once_and_deployed(need: Need) -> None:
    models, time = FakeModels(), Passing()
    assert ensure_model(models.cluster, need, time.timing) == "m1"
    assert (list(models.models), models.deployed) == (["m1"], ["m1"])
    assert ensure_model(models.cluster, need, time.timing) == "m1"
    assert (list(models.models), models.deployed, time.now_s) == (["m1"], ["m1"], 0)


def test_what_somebody_registered_meanwhile_is_adopted(need: Need) -> None:
    models, time = FakeModels(), Passing()
    models.refusals = [http_error(409, "version_conflict_engine_exception", "version conflict")]
    time.then[1.0] = lambda: models.add("theirs", need.group, answers=True, **same(need))
    assert ensure_model(models.cluster, need, time.timing) == "theirs"
    assert list(models.models) == ["theirs"]


@pytest.mark.parametrize(
    "error", ["[n1]: Duplicate deploy model task", "[m1]: version conflict, required seqNo [444], primary term [2]"]
)
def test_a_deployment_beside_ours_is_no_failure(need: Need, error: str) -> None:
    models = FakeModels()
    models.failures = [error]
    assert ensure_model(models.cluster, need, Passing().timing) == "m1"
    assert models.deployed == ["m1"]


def test_a_deployment_that_fails_for_another_reason_is_told(need: Need) -> None:
    models = FakeModels()
    models.failures = ["no room"]
    with pytest.raises(ModelError, match="did not deploy: task t1 is FAILED: no room"):
        ensure_model(models.cluster, need, Passing().timing)


def test_any_other_refusal_is_told(need: Need) -> None:
    models = FakeModels()
    models.refusals = [http_error(400, "illegal_argument_exception", "no")]
    with pytest.raises(ModelError, match="splade was not registered"):
        ensure_model(models.cluster, need, Passing().timing)


def test_an_upload_that_nobody_goes_on_with_is_deleted_and_begun_anew(need: Need) -> None:
    models, time = FakeModels(), Passing()
    models.add("torn", need.group, **same(need, model_state="REGISTERING"))
    # Its next chunk comes once more, and then no more.
    time.then[STANDSTILL_S - 5] = lambda: models.chunks.update(torn=1)
    assert ensure_model(models.cluster, need, time.timing) == "m1"
    assert list(models.models) == ["m1"]
    assert 2 * STANDSTILL_S - 10 < time.now_s < 2 * STANDSTILL_S + 10


def test_what_a_node_works_at_is_waited_for(need: Need) -> None:
    models, time = FakeModels(), Passing()
    models.add("slow", need.group, **same(need, model_state="REGISTERING"))
    models.registering.add("slow")
    time.then[10 * STANDSTILL_S] = lambda: models.models["slow"].update(model_state="REGISTERED")
    assert ensure_model(models.cluster, need, time.timing) == "slow"
    assert list(models.models) == ["slow"]


def test_no_wait_is_for_ever(need: Need) -> None:
    models, time = FakeModels(), Passing()
    models.add("slow", need.group, **same(need, model_state="REGISTERING"))
    models.registering.add("slow")
    with pytest.raises(ModelError, match=r"was not registered within 1800 s: slow of group"):
        ensure_model(models.cluster, need, time.timing)


def test_after_a_restart_the_cluster_is_given_time_to_deploy_by_itself(need: Need) -> None:
    models, time = FakeModels(), Passing()
    models.add("m1", need.group, **same(need, model_state="DEPLOYED"))
    time.then[14.0] = lambda: models.answering.add("m1")
    assert ensure_model(models.cluster, need, time.timing) == "m1"
    assert models.deployed == []


def test_a_model_that_says_deployed_and_stays_silent_is_deployed_again(need: Need) -> None:
    models, time = FakeModels(), Passing()
    models.add("m1", need.group, **same(need, model_state="DEPLOYED"))
    assert ensure_model(models.cluster, need, time.timing) == "m1"
    assert models.deployed == ["m1"]
    assert time.now_s >= REDEPLOY_AFTER_S


def test_an_undeployed_model_is_deployed_at_once(need: Need) -> None:
    models, time = FakeModels(), Passing()
    models.add("m1", need.group, **same(need, model_state="UNDEPLOYED"))
    ensure_model(models.cluster, need, time.timing)
    assert (models.deployed, time.now_s) == (["m1"], 0)


def test_a_spare_that_somebody_still_registers_stays(need: Need) -> None:
    models, time = FakeModels(), Passing()
    models.add("m1", need.group, answers=True, **same(need))
    models.add("moving", need.group, **same(need, model_state="REGISTERING"))
    models.registering.add("moving")
    assert "is being registered now" in str(delete_spare(models.cluster, "moving", time.timing))
    models.registering.clear()
    assert delete_spare(models.cluster, "moving", time.timing) is None
    assert list(models.models) == ["m1"]
