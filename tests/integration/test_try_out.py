"""`make try`: Parquet files that nobody has configured, nested columns and all, become searchable with a real model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo import try_out
from local_cluster import LocalCluster
from sparse_index.cluster.client import Cluster

pytestmark = pytest.mark.integration

TEXTS = [
    "the screen of my phone is cracked and I want my money back",
    "the fridge hums so loudly at night that nobody can sleep",
    "my parcel has not arrived although it was sent two weeks ago",
]
COLUMNS: dict[str, Any] = {
    "ticket": ["t1", "t2", "t3"],
    "text": TEXTS,
    "place": [{"city": "Ulm", "floors": [1, 2]}, None, {"city": "Kiel", "floors": []}],
    "stays": [[{"nights": 2}], [], None],
    "attributes": pa.array([[("colour", "red")], [], None], pa.map_(pa.string(), pa.string())),
    "the.price": [1, 2, 3],
}


@pytest.fixture
def root(
    tmp_path: Path, plain_server: LocalCluster, plain_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    monkeypatch.setattr(try_out, "start", lambda *_: plain_server)
    yield tmp_path
    plain_cluster.delete("/my-tickets--b*")


def test_from_parquet_to_a_search(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = root / "My Tickets.parquet"
    pq.write_table(pa.table(COLUMNS), file)
    assert try_out.main([str(file), "--query", "a cracked phone"], root) == 0
    said = capsys.readouterr().out
    assert "the.price: left out: 'the.price' has a dot" in said
    assert "this build was promoted" in said
    sparse_hit = said.partition("sparse\n")[2].splitlines()[0]
    assert "t1" in sparse_hit

    assert try_out.main([str(file)], root) == 0
    again = capsys.readouterr().out
    assert "is used as it is. Remove it to begin anew" in again
    assert "nothing changed" in again
    assert "nothing found" not in again


def test_what_cannot_be_tried_ends_with_what_to_pass(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(pa.table({"n": [1, 1], "text": TEXTS[:2]}), root / "bad.parquet")
    assert try_out.main([str(root / "bad.parquet")], root) == 1
    assert "pass --id COLUMN (make: ID=COLUMN)" in capsys.readouterr().err
