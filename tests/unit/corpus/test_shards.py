"""Which scans are of this run's shards."""

from __future__ import annotations

import pytest

from sparse_index.corpus.shards import Shard, ShardScan, scans_of
from sparse_index.errors import BuildError


def shard(number: int, version: str = "now") -> Shard:
    return Shard(number=number, uri=f"{number}.parquet", version=version, first_row_group=0, row_groups=1, rows=10)


def scan(of: Shard) -> ShardScan:
    return ShardScan(shard=of, manifest=f"{of.version}-{of.number}", rows=of.rows)


def test_what_an_earlier_attempt_left_of_shards_that_are_gone_is_not_read() -> None:
    """The corpus was compacted to fewer files before the run was cleared."""
    former = [scan(shard(number, "before")) for number in (2, 3)]
    now = [shard(0), shard(1)]
    assert scans_of(now, [*map(scan, now), *former]) == [scan(now[0]), scan(now[1])]


@pytest.mark.parametrize("found", [[], [scan(shard(1, "before"))]])
def test_a_shard_without_a_scan_of_its_own_stops_the_run(found: list[ShardScan]) -> None:
    with pytest.raises(BuildError, match=r"1 of 2 shard\(s\) have no scan in this run, .* shard 1, 1.parquet"):
        scans_of([shard(0), shard(1)], [scan(shard(0)), *found])
