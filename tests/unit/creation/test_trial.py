"""An index that is made to be deleted again: what keeps it from being deleted does not hide what it was to show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster, http_error
from sparse_index.creation.trial import try_vectors
from sparse_index.errors import BuildError
from sparse_index.vectors.kind import Trial

TRIAL = Trial({"type": "nowhere"}, [], lambda field, number: {}, "why", "remedy")


def refuses(method: str, path: str, body: Any) -> Any:
    if method == "PUT":
        raise http_error(400, "mapper_parsing_exception", "No handler for type [nowhere]")
    if method == "DELETE":
        raise http_error(400, "snapshot_in_progress_exception", "it is being snapshotted")
    return {}


def test_a_trial_that_a_snapshot_copies_says_what_it_found() -> None:
    with pytest.raises(BuildError, match=r"refuses an index like .*No handler for type"):
        try_vectors(fake_cluster(refuses), corpus_config("things"), "v", TRIAL, datetime.now(UTC))
