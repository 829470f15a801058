"""A corpus on disk, a cluster that answers what planning asks, and plans made from both."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sparse_index.builds.plan import Plan
from sparse_index.builds.request import RunRequest
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.place import Place
from sparse_index.corpus.rows import Document, documents_at
from sparse_index.corpus.scan import scan_shard
from sparse_index.corpus.schema import load_schema
from sparse_index.corpus.shards import Shard
from sparse_index.errors import TerminalError
from sparse_index.plan import shards
from sparse_index.plan.changes import plan_changes
from sparse_index.store.files import Store

GIB = 2**30


@dataclass
class FakeCluster:
    """An alias, the index behind it with its mapping, settings, size and largest number, the disk of one node, the hash of the
    content of each model, and `others`: indices of the alias that are not live."""

    alias: str
    live: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    mapping: dict[str, Any] = field(default_factory=dict)
    made_by: str = "3.6.0"
    index_bytes: int = 1_000_000
    free_bytes: int = 90 * GIB
    largest: float = 1.0
    made: dict[str, Any] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)

    def request(self, _method: str, path: str, body: dict[str, Any], **_: object) -> dict[str, Any]:
        """Makes an index, or takes the delete by which a plan tries whether it may write."""
        if path.endswith("/_bulk"):
            return {"items": [{"delete": {"_id": "none", "status": 404, "result": "not_found"}}]}
        self.made = {path: {path[1:]: body}}
        return {"shards_acknowledged": True}

    def put(self, path: str, body: dict[str, Any], **_: object) -> None:
        """The one document that a trial writes, or the live index's `_meta`."""
        if path == f"/{self.live}/_mapping":
            self.meta = body["_meta"]["sparse_index"]

    def remove(self, path: str) -> bool:
        return self.made.pop(path, None) is not None

    def get(self, path: str, **_: object) -> dict[str, Any]:
        answer = self.find(path)
        if answer is None:
            raise TerminalError(f"GET {path}: 404", 404)
        return answer

    def find(self, path: str, **_: object) -> dict[str, Any] | None:
        answers: dict[str, Any] = {
            f"/{self.alias},{self.alias}--b*/_settings": {},
            f"/{self.alias}--b*": self.others,
            "/_cluster/health/*": _HEALTH,
            "/": {"version": {"number": "3.6.0"}},
            "/_cluster/settings": {"defaults": _DISK_SETTINGS},
            "/_nodes/stats/fs": {"nodes": {"n1": {"name": "n1", "roles": ["data"], "fs": {"total": self._disk()}}}},
        }
        if self.live is not None:
            mapping = {"_meta": {"sparse_index": self.meta}} | self.mapping
            settings = {"index.version.created_string": self.made_by}
            size = {"store": {"size_in_bytes": self.index_bytes}}
            answers |= {
                f"/{self.alias}/_alias": {self.live: {"aliases": {self.alias: {}}}},
                f"/{self.live}": {self.live: {"mappings": mapping, "settings": settings}},
                f"/{self.live}/_mapping": {self.live: {"mappings": mapping}},
                f"/{self.live}/_settings": {self.live: {"settings": settings}},
                f"/{self.live}/_stats/store": {"_all": {"primaries": size}},
            }
        answers |= {
            f"/_plugins/_ml/models/{name}": {"model_content_hash_value": one} for name, one in self.models.items()
        }
        answers |= self.made
        return answers.get(path)

    def post(self, path: str, body: dict[str, Any] | None = None, **_: str) -> dict[str, Any]:
        if body is None:
            return {"template": {}} if "_simulate_index" in path else {}
        assert path == f"/{self.live}/_search"
        return {"aggregations": {name: {"value": self.largest} for name in body["aggs"]}}

    def _disk(self) -> dict[str, int]:
        return {"total_in_bytes": 100 * GIB, "available_in_bytes": self.free_bytes}


_HEALTH = {"number_of_data_nodes": 1, "active_shards": 5, "initializing_shards": 0, "unassigned_shards": 0}
_DISK_SETTINGS = {
    "cluster": {"routing": {"allocation": {"disk": {"threshold_enabled": "true", "watermark": {"high": "90%"}}}}}
}


def config_at(folder: Path, **sections: Any) -> CorpusConfig:
    """A corpus at `folder`/corpus with the columns of `row`, its store beside it."""
    (folder / "corpus").mkdir(exist_ok=True)
    values: dict[str, Any] = {
        "alias": "things",
        "store": str(folder / "store"),
        "source": {"uri": str(folder / "corpus"), "id_column": "id", "text_template": "{title}. {body}"},
        "encoder": {"model": {"source": "pretrained", "name": "m", "version": "1"}},
    }
    for name, section in sections.items():
        values[name] = values.get(name, {}) | section if isinstance(section, dict) else section
    return CorpusConfig.model_validate(values)


def row(number: int, body: str | None = "some words", price: int = 1) -> dict[str, Any]:
    return {"id": f"d{number}", "title": f"title {number}", "body": body, "price": price}


SCHEMA = pa.schema([("id", pa.string()), ("title", pa.string()), ("body", pa.string()), ("price", pa.int64())])


def write(
    folder: Path,
    rows: list[dict[str, Any]],
    name: str = "a.parquet",
    group_rows: int = 2,
    schema: pa.Schema | None = None,
) -> None:
    """A file with these rows; without `schema` it is SCHEMA where that fits, else what Arrow makes of the values."""
    usual = all(set(row) == set(SCHEMA.names) and isinstance(row["price"], int) for row in rows)
    table = pa.Table.from_pylist(rows, schema or (SCHEMA if usual else None))
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / name, row_group_size=group_rows)


def live_cluster(config: CorpusConfig, live: Plan | None, **answers: Any) -> FakeCluster:
    """The cluster on which the build of `live` was promoted, or an empty one."""
    if live is None:
        return FakeCluster(config.alias, **answers)
    meta = {
        "alias": config.alias,
        "build_id": live.build_id,
        "state": "complete",
        "data_date": live.data_date.isoformat(),
        "fingerprint": live.fingerprint,
        "fingerprints": live.fingerprints,
        "document_hash": live.config.document_hash(),
        "store": config.store,
        "manifest": live.manifest,
        "receipt": "",
    } | answers.pop("meta", {})
    assert live.mapping is not None
    values: dict[str, Any] = {"live": live.candidate, "meta": meta, "mapping": live.mapping} | answers
    return FakeCluster(config.alias, **values)


def plan_shards(config: CorpusConfig, day: date = date(2026, 1, 2)) -> list[Shard]:
    """The shards of a corpus that has no index yet."""
    request = RunRequest(run_id="test", data_date=day)
    return shards.plan_shards(FakeCluster(config.alias), config, Store(config.store), request)  # type: ignore[arg-type]


def schema_of(config: CorpusConfig, day: date = date(2026, 1, 2)) -> pa.Schema:
    """The types that a first run decides."""
    return load_schema(Store(config.store), plan_shards(config, day)[0].schema_path).schema


def corpus_documents(config: CorpusConfig, day: date = date(2026, 1, 2)) -> list[Document]:
    """Every row of the corpus as it would be indexed."""
    store = Store(config.store)
    scans = [scan_shard(config, store, shard) for shard in plan_shards(config, day)]
    rows = [item for scan in scans for item in store.read_table(scan.manifest).to_pylist()]
    places = map(Place.of, rows)
    found = list(documents_at(config, schema_of(config, day), places, scans[0].shard.source_version))
    assert [document.row_hash for document in found] == [item["row_hash"] for item in rows]
    return found


def planned(
    config: CorpusConfig,
    live: Plan | None = None,
    *,
    cluster: FakeCluster | None = None,
    now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    token: str = "abcdef00",
    **request: Any,
) -> Plan:
    """Scan and plan, with `live` promoted before."""
    store = Store(config.store)
    wanted = RunRequest(**({"run_id": "test", "data_date": date(2026, 1, 2)} | request))
    cluster = cluster or live_cluster(config, live)
    found = shards.plan_shards(cluster, config, store, wanted)  # type: ignore[arg-type]
    scans = [scan_shard(config, store, shard) for shard in found]
    return plan_changes(cluster, config, store, scans, wanted, now=now, token=token)  # type: ignore[arg-type]


def part_rows(config: CorpusConfig, plan: Plan, stage: str = "index") -> list[dict[str, Any]]:
    """The rows of all parts of a stage, in order."""
    store = Store(config.store)
    parts = plan.index_parts if stage == "index" else plan.encode_parts
    return [item for part in parts for item in store.read_table(part.path).to_pylist()]


def writes(config: CorpusConfig, plan: Plan) -> list[tuple[str, str]]:
    return sorted((item["op"], item["id"]) for item in part_rows(config, plan))


def add_vectors(config: CorpusConfig, plan: Plan) -> None:
    """What the encode stage leaves in the store for this plan."""
    hashes = [item["text_hash"] for item in part_rows(config, plan, "encode")]
    table = pa.table({"text_hash": hashes, "tokens": [["a"]] * len(hashes), "weights": [[1.0]] * len(hashes)})
    Store(config.store).write_table(f"vectors/{plan.fingerprint}/{plan.build_id}-p00000.parquet", table)
