"""The receipt: its first sentence, and the parts' reports added up."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from build_plans import NOW, corpus_config, make_plan
from sparse_index.builds.ending import Ending, Outcome, Stage
from sparse_index.builds.plan import Counts, Part, Plan
from sparse_index.builds.receipt import first_line, receipt_path, write_receipt
from sparse_index.builds.reports import EncodeResult
from sparse_index.store.files import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


@pytest.fixture
def plan(store: Store) -> Plan:
    parts = [Part(number=number, path=f"p{number}", items=10) for number in range(3)]
    return make_plan(corpus_config("tickets", store.root_uri), encode_parts=parts, counts=Counts(rows_read=30))


def finish(store: Store, plan: Plan, part: int, calls: int) -> None:
    result = EncodeResult(part=part, encoded=9, reused=0, dead_letters=1, predict_calls=calls, seconds=1.5)
    path = f"{plan.folder}/reports/encode-{part:05d}.json"
    store.write_bytes(path, orjson.dumps(result))


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
    }
    assert content["books"] is None
    assert store.read_json(receipt_path(plan)) == content


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
