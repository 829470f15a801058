"""A store that cannot be written: what is away for a moment ends no run for good, what is wrong does."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from build_plans import corpus_config
from sparse_index.errors import AccessError, ConfigError, SparseIndexError, UnavailableError
from sparse_index.preflight.findings import Findings
from sparse_index.preflight.storage import check_store
from sparse_index.store.files import Store


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.EIO, "Input/output error"), UnavailableError),
        (TimeoutError("no answer"), UnavailableError),
        (PermissionError("no"), AccessError),
        (NotADirectoryError("no folder"), ConfigError),
    ],
)
def test_what_is_away_for_a_moment_ends_no_run_for_good(
    tmp_path: Path, error: OSError, expected: type[SparseIndexError]
) -> None:
    def refused(address: str) -> None:
        raise error

    store, findings = Store(str(tmp_path)), Findings()
    store.filesystem = LocalFileSystem(skip_instance_cache=True)
    store.filesystem.rm_file = refused
    check_store(findings, corpus_config("things", str(tmp_path)), store, workers_share_files=True)
    (problem,) = findings.problems
    assert "cannot be written (" in problem.message
    assert problem.error is expected
