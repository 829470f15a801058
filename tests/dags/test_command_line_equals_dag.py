"""The core alone builds the very index that the DAG builds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from local_cluster import LocalCluster
from real_day import ROWS, RealDay, delete_everything
from sparse_index.cli.main import main
from sparse_index.cluster.client import Cluster

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("metadata_database")]


def documents(cluster: Cluster, alias: str) -> dict[str, dict[str, Any]]:
    hits = cluster.post(f"/{alias}/_search", {"size": 1000, "query": {"match_all": {}}})["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


def test_dag_and_command_line_build_the_same_documents(
    day: RealDay, plain_server: LocalCluster, tmp_path: Path
) -> None:
    assert day.run().state == "success"
    alone = day.config | {"alias": f"{day.alias}-cli", "store": str(tmp_path / "another-store")}
    file = tmp_path / "alone.yaml"
    file.write_text(yaml.safe_dump(alone))
    try:
        assert main(["run", str(file), "--url", plain_server.url]) == 0
        by_dag, by_hand = (documents(day.cluster, alias) for alias in (day.alias, alone["alias"]))
        assert len(by_dag) == ROWS
        assert by_dag == by_hand
    finally:
        delete_everything(day.cluster, alone["alias"], tmp_path / "another-store")
