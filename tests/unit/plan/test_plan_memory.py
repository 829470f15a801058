"""Ten million documents in a task's memory, here in the small: a plan that has to spill is the plan that need not."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from plan_help import FakeCluster, config_at, plan_shards, row, write
from sparse_index.builds.plan import Plan
from sparse_index.builds.request import RunRequest
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.shards import ShardScan
from sparse_index.errors import UnavailableError
from sparse_index.plan.changes import plan_changes
from sparse_index.store import sql
from sparse_index.store.files import Store
from sparse_index.store.manifests import PASSAGES

# DuckDB's; the wide rows of a first plan, twice that many documents, are several times as large.
SCARCE_MB, ROWS = 56, 150_000
# Some ids come twice, and every third text does.
MANIFEST = f"""
COPY (SELECT 'document ' || CASE WHEN i % 10000 = 0 THEN 0 ELSE i END AS id, 'corpus.parquet' AS file, 'v' AS file_version,
        (i // 50000)::INT AS row_group, (i % 50000)::INT AS row,
        CASE WHEN i % 7 > 0 THEN md5('t' || (i - i % 3 // 2)) END AS text_hash, md5('r' || i) AS row_hash, 200::INT AS chars,
        NULL::DATE AS data_date, false AS deleted, NULL::VARCHAR AS problem, NULL::MAP(VARCHAR, INT) AS tokens,
        NULL::MAP(VARCHAR, INT) AS truncated, NULL::{PASSAGES} AS passages
      FROM range({ROWS}) numbers(i)) TO '{{path}}' (FORMAT parquet, ROW_GROUP_SIZE 10000)
"""


def test_a_plan_in_scarce_memory_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_at(tmp_path)
    write(tmp_path / "corpus", [row(1)])
    with monkeypatch.context() as patch:
        patch.setattr(sql, "spill_folder", lambda _: nullcontext("/dev/null/nowhere"))
        ample = first_plan(config, "abcdef00")
        monkeypatch.setattr(sql, "_OUTSIDE_DUCKDB_MB", sql.LEAST_MEMORY_MB - SCARCE_MB)
        with pytest.raises(UnavailableError):
            first_plan(config, "abcdef01")
    scarce = first_plan(config, "abcdef02")
    assert scarce.counts == ample.counts
    assert scarce.counts.duplicate_ids == ROWS // 10_000 - 1
    assert 0 < scarce.counts.texts_to_encode < scarce.counts.encoded
    for stage in ("encode_parts", "index_parts"):
        assert contents(config, scarce, stage) == contents(config, ample, stage)


def first_plan(config: CorpusConfig, token: str) -> Plan:
    store, path, shard = Store(config.store), "things/manifests/all.parquet", plan_shards(config)[0]
    with store.writing(path) as local:
        duckdb.sql(MANIFEST.format(path=local))
    cluster, request = FakeCluster(config.alias), RunRequest(run_id="test", data_date=date(2026, 1, 2))
    scans, now = [ShardScan(shard=shard, manifest=path, rows=ROWS)], datetime(2026, 1, 2, tzinfo=UTC)
    return plan_changes(cluster, config, store, scans, request, now=now, token=token)  # type: ignore[arg-type]


def contents(config: CorpusConfig, plan: Plan, stage: str) -> list[dict[str, list[Any]]]:
    return [Store(config.store).read_table(part.path).to_pydict() for part in getattr(plan, stage)]
