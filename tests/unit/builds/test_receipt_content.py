"""The receipt: its first sentence, and the parts' reports added up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build_plans import NOW, corpus_config, make_plan
from property_help import examples
from sparse_index.builds.check import Check, Verdict
from sparse_index.builds.ending import Ending, Outcome, Stage
from sparse_index.builds.plan import Counts, Part, Plan
from sparse_index.builds.receipt import (
    LATEST,
    SCHEMA_VERSION,
    first_line,
    receipt_lines,
    saved_receipt,
    write_receipt,
)
from sparse_index.builds.reports import (
    ENCODED,
    PROVEN,
    EncodeResult,
    EncoderReport,
    UsedModel,
    encoder_report,
    encoder_report_path,
)
from sparse_index.store.files import Store
from sparse_index.store.layout import receipt_path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


@pytest.fixture
def plan(store: Store) -> Plan:
    parts = [Part(number=number, path=f"p{number}", items=10) for number in range(3)]
    return make_plan(
        corpus_config("tickets", store.root_uri), encode_parts=parts, counts=Counts(rows_read=30, texts_to_encode=30)
    )


def finish(store: Store, plan: Plan, part: int, calls: int, ended_at: float | None = None) -> None:
    result = EncodeResult(
        part, encoded=9, encoded_before=0, dead_letters=1, predict_calls=calls, seconds=1.5, ended_at=ended_at
    )
    ENCODED.save(store, f"{plan.folder}/reports/encode-{part:05d}.json", result)


def test_parts_are_added_up_and_unended_ones_show(store: Store, plan: Plan) -> None:
    finish(store, plan, 0, calls=3)
    finish(store, plan, 2, calls=4)
    content = write_receipt(store, plan, Ending("failed", None, NOW, stages=[Stage("encode", 4.0)]))
    assert content["encode"] == {
        "parts": 3,
        "parts_ended": 2,
        "encoded": 18,
        "reused": 0,
        "dead_letters": 2,
        "predict_calls": 7,
        "seconds": 3.0,
        "wall_seconds": None,
    }
    assert content["books"] is None
    assert store.read_json(receipt_path(plan.alias, plan.build_id)) == content


@pytest.mark.parametrize(
    ("ends", "wall"),
    [((11.5, 11.5, 11.5), 1.5), ((11.5, 12.5, 20.0), 4.0), ((20.0, 11.5, 12.0), 3.5), ((11.5, None, 12.5), None)],
    ids=["at once", "one beside another, one later", "in any order", "one by a former version"],
)
def test_wall_seconds_are_those_in_which_a_task_was_at_work(
    store: Store, plan: Plan, ends: tuple[float | None, ...], wall: float | None
) -> None:
    for part, ended_at in enumerate(ends):
        finish(store, plan, part, 1, ended_at)
    assert write_receipt(store, plan, Ending("failed", None, NOW))["encode"]["wall_seconds"] == wall


@pytest.mark.parametrize(
    ("outcome", "live", "untidy", "sentence"),
    [
        ("promoted", "tickets--b1", [], "'tickets' is on tickets--b1; this build was promoted. Nothing is untidy."),
        (
            "failed",
            None,
            ["model m1 is still deployed"],
            "'tickets' has no live index; this build failed. Untidy: model m1",
        ),
        ("nothing_changed", "tickets--b1", [], "nothing had changed"),
    ],
)
def test_the_first_line_says_what_is_live_and_what_is_untidy(
    plan: Plan, outcome: Outcome, live: str | None, untidy: list[str], sentence: str
) -> None:
    assert sentence in first_line(plan, Ending(outcome, live, NOW, untidy=untidy))


def test_it_says_which_model_encoded_and_what_was_checked_of_it(store: Store, plan: Plan) -> None:
    check = Check("encoder", Verdict.PASS, 0.0, 1e-3, "as before")
    model = UsedModel("toy-sparse", "1.0.0", "m1", nodes=2)
    PROVEN.save(store, encoder_report_path(plan), EncoderReport([check], {plan.fingerprint: model}))
    content = write_receipt(store, plan, Ending("promoted", plan.candidate, NOW))
    assert content["model"] == {"name": "toy-sparse", "version": "1.0.0", "id": "m1", "nodes": 2, "run_on": "cluster"}
    assert content["models"] == {}, "there is one vector field"
    assert [each["name"] for each in content["encoder"]["checks"]] == ["encoder"]


def test_with_several_vector_fields_it_names_the_model_of_each(store: Store, plan: Plan) -> None:
    plan = plan.model_copy(update={"fingerprints": {"title": "fff", "body": plan.fingerprint}})
    used = {"fff": UsedModel("a", "1", "m1", 1), plan.fingerprint: UsedModel("b", "2", "m2", 1)}
    PROVEN.save(store, encoder_report_path(plan), EncoderReport([], used))
    content = write_receipt(store, plan, Ending("promoted", plan.candidate, NOW))
    assert content["model"]["id"] == "m2"
    assert {fingerprint: model["id"] for fingerprint, model in content["models"].items()} == {
        "fff": "m1",
        plan.fingerprint: "m2",
    }


def test_a_proof_of_a_former_version_names_no_model(store: Store, plan: Plan) -> None:
    store.write_json(encoder_report_path(plan), {"checks": []})
    assert encoder_report(store, plan) == EncoderReport([])
    assert write_receipt(store, plan, Ending("failed", None, NOW))["model"] is None


def test_bytes_are_of_the_builds_own_files(store: Store, plan: Plan) -> None:
    ours = f"vectors/{plan.fingerprint}/{plan.build_id}-p00000"
    for path, size in ((f"{ours}.parquet", 100), (f"{ours}-c12.parquet", 20), (f"{plan.folder}/manifest.parquet", 7)):
        store.write_bytes(path, b"x" * size)
    for path in (f"vectors/{plan.fingerprint}/20240101T000000-abcdef-p00000.parquet", "vectors/other/x.parquet"):
        store.write_bytes(path, b"x" * 1_000)
    content = write_receipt(store, plan, Ending("promoted", plan.candidate, NOW, candidate_bytes=5_000))
    assert content["bytes"] == {"candidate": 5_000, "store": 7, "vectors": 120}


def test_times_and_partition(store: Store, plan: Plan) -> None:
    ending = Ending("promoted", plan.candidate, NOW, wall_seconds=12.34567, waited_seconds=0.0)
    content = write_receipt(store, plan, ending)
    assert (content["wall_seconds"], content["waited_seconds"]) == (12.346, 0.0)
    assert content["partition"] is None, "a snapshot has none"
    assert content["schema_version"] == SCHEMA_VERSION
    source = plan.config.source.model_copy(update={"uri": "day={data_date}"})
    feed = plan.model_copy(update={"config": plan.config.model_copy(update={"kind": "feed", "source": source})})
    of_the_feed = write_receipt(store, feed, ending)
    assert of_the_feed["partition"] == "2025-03-01"
    assert "; partition 2025-03-01: this build was promoted." in of_the_feed["summary"]


FULL: dict[str, Any] = {
    "summary": "a sentence",
    "outcome": "promoted",
    "untidy": ["a thing"],
    "failures": {"gate": "no"},
    "planned": {"rows_read": 3, "fields": {}},
    "model": {"name": "m", "version": None, "id": "i", "nodes": 1},
    "models": {},
    "encoder": {"checks": [{"name": "e", "verdict": "pass", "value": 1.0, "limit": None, "words": "w"}]},
    "gate": {"documents": 3, "checks": [{"name": "g", "verdict": "fail", "value": None, "limit": 1, "words": "w"}]},
    "encode": {"parts": 1, "encoded": 3, "seconds": 1.0},
    "bytes": {"candidate": None, "store": 3, "vectors": 0},
    "partition": None,
    "wall_seconds": None,
    "waited_seconds": 1.5,
    "form": 1,
    "letters": [{"stage": "index", "error_class": "e", "reason": "r", "letters": 2}],
    "schema_version": 3,
    "of_a_later_version": {"new": [1]},
}


@given(names=st.sets(st.sampled_from(sorted(FULL))))
@examples(60)
def test_any_of_its_fields_may_be_missing(names: set[str]) -> None:
    store, content = Store("memory://any-subset"), {name: FULL[name] for name in names}
    path = "tickets/builds/20250301T060000-abcdef/receipt.json"
    store.write_json(path, content)
    assert saved_receipt(store, "tickets", LATEST) == (path, content)
    lines = list(receipt_lines(content))
    assert lines[0] == content.get("summary", "")
    assert all(any(name.replace("_", " ") in line for line in lines) for name in names & {"outcome", "encode", "bytes"})
