"""The manifest of what a candidate holds: the planned one, less what was rejected."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path

import pyarrow as pa
import pytest

from plan_help import config_at, planned, row, write
from sparse_index.books.final_manifest import write_final_manifest
from sparse_index.builds.plan import Plan
from sparse_index.errors import BuildError
from sparse_index.store.files import Store


def test_where_nothing_was_rejected_it_is_the_planned_one(tmp_path: Path) -> None:
    store, plan = _planned(tmp_path)
    assert store.read_bytes(write_final_manifest(store, plan, [])) == store.read_bytes(plan.manifest)


def test_it_leaves_out_what_was_rejected(tmp_path: Path) -> None:
    store, plan = _planned(tmp_path)
    store.write_table("letters.parquet", pa.table({"id": pa.array(["d2", None], pa.string())}))
    written = store.read_table(write_final_manifest(store, plan, ["letters.parquet"])).to_pylist()
    planned = store.read_table(plan.manifest).sort_by("id").to_pylist()
    assert sorted(written, key=itemgetter("id")) == [each for each in planned if each["id"] != "d2"]
    assert sorted(each["id"] for each in written) == ["d1", "d3", "d4", "d5"]


def test_a_planned_one_that_is_gone_is_said(tmp_path: Path) -> None:
    store, plan = _planned(tmp_path)
    store.delete(plan.manifest)
    with pytest.raises(BuildError, match=f"Build {plan.build_id}: its manifest .* is no longer in the store"):
        write_final_manifest(store, plan, [])


def _planned(folder: Path) -> tuple[Store, Plan]:
    config = config_at(folder)
    write(folder / "corpus", [row(number) for number in range(1, 6)])
    return Store(config.store), planned(config)
