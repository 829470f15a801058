"""The `airflow` block of a corpus file: what is refused, and with which words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from build_plans import corpus_config


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (
            {"queues": "a"},
            "queues is not known here; known are queue, pool, priority_weight, retries, executor, pod_over",
        ),
        ({"encode": {"index": {}}}, "index is not known here; known are queue"),
        ({"encode": {"memory": "4Gi", "cpu": 1}}, "cpu, memory is not known here"),
        ({"queue": ""}, "airflow.queue"),
        ({"queue": "q" * 257}, "at most 256 characters"),
        ({"retries": -1}, "greater than or equal to 0"),
        ({"priority_weight": 2**31}, "less than 2147483648"),
        ({"index": {"pod_override": "templates/small.yaml"}}, "'templates/small.yaml' is no whole path"),
    ],
)
def test_what_airflow_would_not_take_is_refused(block: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        corpus_config("things", airflow=block)


def test_the_block_decides_nothing_about_documents() -> None:
    assert corpus_config("things", airflow={"queue": "q"}).document_hash() == corpus_config("things").document_hash()
