"""How findings become one message of one class, and the small readings behind them."""

from __future__ import annotations

import pytest

from sparse_index.cluster.disks import needed_bytes
from sparse_index.errors import (
    AccessError,
    BuildError,
    ConfigError,
    OverloadedError,
    SparseIndexError,
    UnavailableError,
)
from sparse_index.preflight.connection import parse_version
from sparse_index.preflight.findings import Findings, Problem, Readiness

GIB = 2**30


@pytest.mark.parametrize(
    ("kinds", "raised"),
    [
        ([AccessError], AccessError),
        ([AccessError, AccessError], AccessError),
        ([AccessError, BuildError], ConfigError),
        ([UnavailableError], UnavailableError),
        ([UnavailableError, BuildError], BuildError),
        ([UnavailableError, OverloadedError], UnavailableError),
    ],
)
def test_the_error_is_of_the_problems_own_class_where_they_agree(
    kinds: list[type[SparseIndexError]], raised: type[SparseIndexError]
) -> None:
    problems = tuple(Problem(f"reason {number}", kind) for number, kind in enumerate(kinds))
    with pytest.raises(SparseIndexError) as caught:
        Readiness("a", problems=problems).require_ready()
    assert type(caught.value) is raised
    assert caught.value.message.splitlines()[1:] == [f"  - reason {number}" for number in range(len(kinds))]


def test_one_failing_check_does_not_hide_the_next_and_no_permission_is_named_twice() -> None:
    findings = Findings()
    findings.permissions_named = frozenset({"cluster:monitor/state"})
    for message in ("first", "GET /_cat/plugins: no permissions for [cluster:monitor/state]", "third"):
        with findings.checking():
            raise BuildError(message)
    assert [problem.message for problem in findings.problems] == ["first", "third"]


def test_an_error_that_is_not_ours_is_not_swallowed() -> None:
    with pytest.raises(KeyError), Findings().checking():
        raise KeyError("a mistake of the program")


@pytest.mark.parametrize(
    ("watermark", "free"),
    [("90%", 10 * GIB), ("0.9", 10 * GIB), ("500mb", 500 * 2**20), ("1.5gb", 1.5 * GIB), ("", 0), ("max", 0)],
)
def test_a_watermark_is_a_share_or_free_bytes(watermark: str, free: float) -> None:
    assert needed_bytes(watermark, 100 * GIB) == pytest.approx(free)


def test_versions_compare_as_numbers() -> None:
    assert parse_version("2.9.0") < parse_version("2.19.0") <= parse_version("2.19.1-SNAPSHOT") < parse_version("3.0.0")
