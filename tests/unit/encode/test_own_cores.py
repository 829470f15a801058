"""The cores of a container, not of its machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sparse_index.encode.own_cores import own_cores

HERE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", HERE),
        ("50000 100000", 1),
        ("150000 100000", min(HERE, 2)),
        (f"{100000 * (HERE + 5)} 100000", HERE),
        ("", HERE),
        (None, HERE),
    ],
)
def test_no_more_than_it_is_bound_to_and_its_quota_has(tmp_path: Path, quota: str | None, cores: int) -> None:
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(quota)
    assert own_cores(file) == cores


def test_what_a_process_is_bound_to_counts(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert own_cores(tmp_path / "none") == 1
    finally:
        os.sched_setaffinity(0, before)
