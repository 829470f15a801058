"""A corpus and a model behind signed addresses with a login: used by every task, written down by none (promise P7)."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from everything import everything_in
from misbehaving_servers import web_server
from real_day import ROWS, RealDay

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("metadata_database")]

SECRET = "hush8041"  # in the query and in the login; a word of its own, which no vocabulary has


def with_login(address: str) -> str:
    return address.replace("http://", f"http://me:{SECRET}-login@")


def test_no_secret_of_an_address_is_stored_passed_on_or_logged(
    day: RealDay, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    table = pq.read_table(day.folder / "corpus.parquet")
    rows = [*table.to_pylist(), {**table.slice(0, 1).to_pylist()[0], "id": None}]
    schema = pa.schema([field.with_nullable(True) for field in table.schema])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), day.folder / "corpus.parquet", row_group_size=50)
    model = day.config["encoder"]["model"]
    with ExitStack() as stack:
        files = (day.folder / "corpus.parquet", Path(model["path"]))
        servers = (web_server(path, {"ETag": '"one"'}, frozenset(["signed"])) for path in files)
        corpus, zipped = (with_login(stack.enter_context(server)) for server in servers)
        model["path"] = zipped
        day.config["source"]["uri"] = f"{corpus}-of-yesterday"
        expired = day.run()
        assert expired.state == "failed"
        assert "may have expired" in expired.said["plan_shards"]
        day.config["source"]["uri"] = corpus
        ended = day.run()
    assert ended.state == "success", ended.said
    live = day.live()
    assert day.cluster.get(f"/{live}/_count")["count"] == ROWS
    found = dict(everything_in(day.folder / "store"))
    assert {"plan.json", "receipt.json", "scan.parquet"} <= found.keys()
    told = {"runs": json.dumps([asdict(expired), asdict(ended)], default=str), "log": caplog.text}
    told |= {"output": "".join(capfd.readouterr()), "index": json.dumps(day.cluster.get(f"/{live}"))}
    assert [name for name, text in (*everything_in(day.folder / "store"), *told.items()) if SECRET in text] == []
