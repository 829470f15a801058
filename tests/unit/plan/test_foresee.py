"""The estimate of a plan: from receipts, from a probe where a model is at hand, or why there is none."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from build_plans import corpus_config, make_plan
from fake_opensearch import fake_cluster, http_error, timed_out
from fake_torch import OutOfMemoryError, Told, fake_torch, write_zip
from plan_help import config_at, live_cluster, planned, row, write
from sparse_index.builds.plan import Plan, load_plan, save_plan, saved_plans
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.where import PROBE_TIMEOUT_S
from sparse_index.plan.foresee import foreseen
from sparse_index.plan.in_words import plan_in_words
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path
from vanishing_store import VanishingStore

ROWS = 120


def planned_of(config: CorpusConfig, rows: int = ROWS, live: Plan | None = None, **request: Any) -> Plan:
    folder = Path(config.source.uri)
    write(folder, [row(number, body="alpha beta " * (number % 7 + 1)) for number in range(rows)])
    cluster = live_cluster(config, live, models={"m": "hash"})
    return planned(config, cluster=cluster, accept_mass_change=True, **request)


def existing(folder: Path, **encoder: Any) -> CorpusConfig:
    model = {"source": "model_id", "model_id": "m"}
    return config_at(folder, encoder={"model": model, **encoder})


def answering(predict: Any = None, cores: int = 2) -> Any:
    """A cluster whose model answers, or fails as `predict` does from its second request on; and what it was asked."""
    asked: list[Any] = []

    def handler(_method: str, path: str, body: Any) -> Any:
        if path.startswith("/_nodes/"):
            return {"nodes": {"n": {"roles": ["ml"], "os": {"allocated_processors": cores}}}}
        if "_predict" not in path:
            return {"model_content_hash_value": "hash"}
        asked.append(body["text_docs"])
        if predict is not None and len(asked) > 1:
            raise predict
        one = {"name": "response", "dataAsMap": {"response": [{"alpha": 1.0} for _ in body["text_docs"]]}}
        return {"inference_results": [{"output": [one]}]}

    return fake_cluster(handler), asked


def told(plan: Plan, cluster: Any = None, *, here: bool = True) -> tuple[Plan, str]:
    """The plan with its estimate, and the line of it that says so; the store has the same."""
    store = Store(plan.config.store)
    done = foreseen(cluster or answering()[0], store, plan, encodes_here=here, clock=time.monotonic)
    assert load_plan(store, plan_path(done.alias, done.build_id)) == done
    (line,) = (line.strip() for line in plan_in_words(done).splitlines() if "expected time" in line)
    return done, line.removeprefix("expected time from here: ")


def test_former_builds_that_had_work_tell_and_no_model_is_asked(tmp_path: Path) -> None:
    config = existing(tmp_path)
    first = planned_of(config, 100)
    receipt = {
        "outcome": "promoted",
        "fingerprint": first.fingerprint,
        "created_at": "2026-01-01T00:00:00Z",
        "ended_at": "2026-01-01T00:02:00Z",
        "planned": first.counts.model_dump(),
        "stage_seconds": {"plan": 30.0},
        "encode": {"encoded": 100, "seconds": 200.0, "wall_seconds": 50.0},
        "index": {"indexed": 100, "deleted": 0, "seconds": 10.0, "wall_seconds": 10.0},
    }
    store = Store(config.store)
    store.write_json(f"{first.folder}/receipt.json", receipt)
    for minute in range(40):
        idle = {"outcome": "nothing_changed", "encode": {"parts": 0}, "index": {"parts": 0}}
        store.write_json(f"things/builds/20270101T00{minute:02}00-000000/receipt.json", idle)
    cluster, asked = answering()
    plan, words = told(planned_of(config, 300, live=first), cluster)
    assert plan.writes == sum(part.items for part in plan.index_parts) == 200
    assert plan.seconds == pytest.approx(plan.counts.texts_to_encode * 0.5 + plan.writes * 0.1 + 30, rel=0.01)
    told_by = "writing 10.0 documents/s as a former build did; all else takes 30 s as in a former build"
    assert re.search(r"encoding 2\.0\d? texts/s as a former build did; " + re.escape(told_by), words)
    assert asked == []


def test_a_first_build_with_a_model_that_is_there_is_probed_with_a_tenth_of_its_texts(tmp_path: Path) -> None:
    cluster, asked = answering(cores=3)
    plan, words = told(planned_of(existing(tmp_path)), cluster)
    assert plan.estimate is not None
    assert plan.seconds == plan.estimate.seconds > 0
    # The look whether it answers, two rounds of warming up with a request a core, and then a tenth of the texts.
    warm_up, texts = asked[1:7], [text for request in asked[7:] for text in request]
    assert [len(request) for request in warm_up] == [1] * 6
    assert len(texts) == plan.counts.texts_to_encode // 10
    assert re.search(r"as a probe with \d+ of them did; writing is assumed .*; all else is assumed", words)


def test_no_question_to_a_model_keeps_a_plan_longer_than_a_probe_may(tmp_path: Path) -> None:
    cluster, asked = answering()
    transport: Any = cluster._client.transport
    answer, waits = transport.perform_request, list[Any]()

    def timed(method: str, path: str, params: Any = None, body: Any = None) -> Any:
        if "/_predict/" in path:
            waits.append(params.get("request_timeout"))
        return answer(method, path, params, body)

    transport.perform_request = timed
    told(planned_of(existing(tmp_path)), cluster)
    assert len(waits) == len(asked) > 1
    assert set(waits) == {PROBE_TIMEOUT_S}


def test_a_plan_that_is_only_asked_for_is_probed_too(tmp_path: Path) -> None:
    plan, words = told(planned_of(existing(tmp_path), mode="plan_only"))
    assert (plan.encode_parts, plan.estimate is not None) == ([], True)
    assert "as a probe" in words


@pytest.mark.parametrize(
    ("encoder", "rows", "request_", "error", "why"),
    [
        ({}, ROWS, {"probe": False}, None, "no probe was wanted"),
        ({}, 20, {}, None, "20 texts are too few for a probe"),
        ({}, ROWS, {}, http_error(500, "boom", "out of order"), "could not be probed: .*out of order"),
        ({}, ROWS, {}, timed_out(), "could not be probed: "),
        ({"model": {"source": "pretrained", "name": "n", "version": "1"}}, ROWS, {}, None, "registered only when"),
    ],
    ids=["not wanted", "few texts", "the model fails", "no answer in time", "a model of the build"],
)
def test_why_there_is_no_estimate_is_said_and_the_plan_stands(
    tmp_path: Path, encoder: dict[str, Any], rows: int, request_: dict[str, Any], error: Any, why: str
) -> None:
    config = existing(tmp_path, **encoder)
    plan, words = told(planned_of(config, rows, **request_), answering(error)[0])
    assert (plan.seconds, plan.estimate) == (None, None)
    assert words.startswith("unknown (no former build has done this work, and ")
    assert re.search(why, words)


def test_a_workers_model_is_probed_in_the_process_that_will_encode_and_in_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", fake_torch())
    model = {"source": "file", "name": "m", "version": "1", "path": str(write_zip(tmp_path / "model.zip"))}
    plan = planned_of(config_at(tmp_path, encoder={"model": model, "run_on": "worker"}))
    assert re.search(r"as a probe with (6|12) of them did", told(plan)[1])
    assert "the workers that encode for 'text_sparse' are others than this one" in told(plan, here=False)[1]
    for error in (RuntimeError("a torn program"), OutOfMemoryError("it is full")):
        monkeypatch.setitem(sys.modules, "torch", fake_torch(Told(unloadable={"cpu": error})))
        assert re.search("could not be probed: .*(a torn program|it is full)", told(plan)[1])
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "could not be probed: `encoder.run_on: worker` needs torch" in told(plan)[1]


def test_a_day_without_work_takes_no_time(tmp_path: Path) -> None:
    config = existing(tmp_path)
    first = planned_of(config, 100)
    plan, words = told(planned_of(config, 100, live=first))
    assert (plan.seconds, words) == (0.0, "0 min 00 s")


def test_builds_that_the_janitor_deletes_meanwhile_tell_nothing(tmp_path: Path) -> None:
    store = VanishingStore(str(tmp_path))
    plans = [make_plan(corpus_config("things")) for _ in range(2)]
    for plan in plans:
        save_plan(store, plan)
        store.write_json(f"{plan.folder}/receipt.json", {})
    assert [build_id for build_id, _ in saved_plans(store, "things")] == [plans[1].build_id]
    foreseen(
        fake_cluster(lambda *_: {}), store, make_plan(corpus_config("things")), encodes_here=False, clock=lambda: 0.0
    )
