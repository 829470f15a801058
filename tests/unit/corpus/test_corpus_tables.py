"""Tables of Delta Lake and Iceberg: the rows of one version, or a refusal that says why; never the files as they lie."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from pydantic import ValidationError
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import DataScan
from pyiceberg.transforms import IdentityTransform
from pyiceberg.utils.config import Config

from plan_help import config_at, corpus_documents, plan_shards, planned
from sparse_index.builds.ending import Ending
from sparse_index.builds.plan import Plan
from sparse_index.builds.receipt import receipt
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.iceberg import require_same_fields
from sparse_index.corpus.scan import scan_shard
from sparse_index.corpus.shards import Shard
from sparse_index.errors import ConfigError, CorpusError
from sparse_index.live.meta import Meta, meta_of
from sparse_index.store.files import Store

NOW = datetime(2026, 1, 3, tzinfo=UTC)
TODAY = datetime.now(UTC).date()


def rows(*numbers: int, title: str = "t", day: date | None = date(2026, 1, 1)) -> pa.Table:
    columns = {"id": [f"d{n}" for n in numbers], "title": [title] * len(numbers), "body": ["b"] * len(numbers)}
    return pa.table(columns | {"day": pa.array([day] * len(numbers), pa.date32())})


def table_config(folder: Path, uri: str, source_format: str, **source: Any) -> CorpusConfig:
    return config_at(folder, source={"uri": uri, "format": source_format, "max_shards": 1} | source)


def content(config: CorpusConfig, day: date = TODAY) -> dict[str | None, tuple[Any, ...]]:
    return {found.id: (found.fields["title"], found.fields.get("day")) for found in corpus_documents(config, day)}


@pytest.fixture
def delta(tmp_path: Path) -> str:
    """Version 0: d1, d2 of a day and of none, in two partitions; 1: d1 is new, d2 is gone; the old files still lie there."""
    uri = str(tmp_path / "delta")
    both = pa.concat_tables([rows(1, title="old"), rows(2, title="to be forgotten", day=None)])
    write_deltalake(uri, both, partition_by=["day"])
    write_deltalake(uri, rows(1, title="new"), mode="overwrite")
    return uri


def test_the_current_version_of_a_delta_table_is_read(tmp_path: Path, delta: str) -> None:
    assert content(table_config(tmp_path, delta, "delta")) == {"d1": ("new", "2026-01-01")}
    with pytest.raises(CorpusError, match=r"table of Delta Lake.*source\.format: delta"):
        plan_shards(config_at(tmp_path, source={"uri": delta}))


def test_a_version_may_be_named(tmp_path: Path, delta: str) -> None:
    config = table_config(tmp_path, delta, "delta", version=0)
    assert content(config) == {"d1": ("old", "2026-01-01"), "d2": ("to be forgotten", None)}
    with pytest.raises(CorpusError, match=r"cannot be read as a Delta table.*source\.version"):
        plan_shards(table_config(tmp_path, delta, "delta", version=9))


def committed_at(uri: str, version: int, when: datetime) -> None:
    path = Path(uri, "_delta_log", f"{version:020}.json")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if "commitInfo" in line:
            line["commitInfo"]["timestamp"] = int(when.timestamp() * 1000)
    path.write_text("\n".join(map(json.dumps, lines)))


def test_a_version_may_be_the_last_of_the_data_date(tmp_path: Path, delta: str) -> None:
    committed_at(delta, 0, datetime(2026, 1, 5, 23, 59, tzinfo=UTC))
    committed_at(delta, 1, datetime(2026, 1, 6, 0, 0, tzinfo=UTC))
    config = table_config(tmp_path, delta, "delta", version="data_date")
    assert content(config, date(2026, 1, 5))["d1"] == ("old", "2026-01-01")
    assert content(config, date(2026, 1, 6)) == content(config) == {"d1": ("new", "2026-01-01")}
    with pytest.raises(
        CorpusError, match=r"no version from before 2026-01-05 00:00 UTC; the oldest .* 2026-01-05 23:59"
    ):
        plan_shards(config, date(2026, 1, 4))


def test_a_run_reads_one_version_from_beginning_to_end(tmp_path: Path, delta: str) -> None:
    """Also a shard of many files: they are listed again by the task that reads them."""
    write_deltalake(delta, rows(3, title="new"), mode="append")
    config = table_config(tmp_path, delta, "delta")
    (shard,) = plan_shards(config, TODAY)
    assert (shard.source_version, shard.files) == ("2", 2)
    write_deltalake(delta, rows(4, title="newer"), mode="overwrite")
    manifest = Store(config.store).read_table(scan_shard(config, Store(config.store), shard).manifest)
    assert sorted(manifest["id"].to_pylist()) == ["d1", "d3"]


def test_an_unchanged_file_is_not_read_again_for_a_new_version(tmp_path: Path, delta: str) -> None:
    config = table_config(tmp_path, delta, "delta")
    store = Store(config.store)
    (before,) = plan_shards(config, TODAY)
    DeltaTable(delta).alter.set_table_properties({"delta.appendOnly": "false"})
    (after,) = plan_shards(config, TODAY)
    assert before.source_version != after.source_version
    assert scan_shard(config, store, before).manifest == scan_shard(config, store, after).manifest


def test_the_version_is_in_plan_meta_and_receipt(tmp_path: Path, delta: str) -> None:
    config = table_config(tmp_path, delta, "delta")
    plan = planned(config)
    assert Plan.model_validate_json(plan.model_dump_json()).source_version == "1"
    assert meta_of(plan).source_version == "1"
    assert receipt(Store(config.store), plan, Ending("failed", None, NOW))["source_version"] == "1"
    older = {name: value for name, value in meta_of(plan).model_dump().items() if name != "source_version"}
    assert Meta.model_validate(older).source_version is None
    shard = {name: value for name, value in plan_shards(config)[0].model_dump().items() if name != "source_version"}
    assert Shard.model_validate(shard).source_version is None


def test_a_column_that_was_added_later_is_null_in_older_files(tmp_path: Path, delta: str) -> None:
    more = rows(5).append_column("price", pa.array([7], pa.int64()))
    write_deltalake(delta, more, mode="append", schema_mode="merge")
    found = {each.id: each.fields["price"] for each in corpus_documents(table_config(tmp_path, delta, "delta"), TODAY)}
    assert found == {"d1": None, "d5": 7}


def test_a_checkpoint_stands_for_the_log_before_it(tmp_path: Path, delta: str) -> None:
    write_deltalake(delta, rows(7, title="later"), mode="append")
    DeltaTable(delta).create_checkpoint()
    write_deltalake(delta, rows(8, title="last"), mode="append")
    for version in range(3):
        Path(delta, "_delta_log", f"{version:020}.json").unlink()
    found = content(table_config(tmp_path, delta, "delta"))
    assert {number: title for number, (title, _) in found.items()} == {"d1": "new", "d7": "later", "d8": "last"}


ODD = {
    "city": pa.array(["New York", "a/b", "100%20", None]),
    "at": pa.array([datetime(2026, 1, 1, 10, 0, 0, 5, tzinfo=UTC)] * 4, pa.timestamp("us", "UTC")),
    "open": pa.array([True, False, None, True]),
    "level": pa.array([1, 2, 3, -4]),
    "cost": pa.array([Decimal("1.50"), Decimal("0.25"), None, Decimal("12345678.90")], pa.decimal128(10, 2)),
}


def odd_rows() -> pa.Table:
    return pa.table({"id": list("1234"), "title": ["t"] * 4, "body": ["b"] * 4} | ODD)


def assert_odd(config: CorpusConfig) -> None:
    found = {each.id: [each.fields[name] for name in ODD] for each in corpus_documents(config, TODAY)}
    at = "2026-01-01T10:00:00.000005Z"
    assert found == {
        "1": ["New York", at, True, 1, "1.50"],
        "2": ["a/b", at, False, 2, "0.25"],
        "3": ["100%20", at, None, 3, None],
        "4": [None, at, True, -4, "12345678.90"],
    }


def test_partitions_of_any_type_and_name_at_an_odd_place(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path / "plain"), odd_rows(), partition_by=list(ODD))
    uri = (tmp_path / "plain").rename(tmp_path / "sp ace [ü] 100%")
    assert_odd(table_config(tmp_path, str(uri), "delta"))


def add_commit(uri: str, version: int, *lines: dict[str, Any]) -> None:
    Path(uri, "_delta_log", f"{version:020}.json").write_text("\n".join(map(json.dumps, lines)))


def test_deletion_vectors_are_refused(tmp_path: Path, delta: str) -> None:
    (action,) = pa.table(DeltaTable(delta).get_add_actions()).to_pylist()
    features = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"]}
    protocol = {"protocol": features | {"writerFeatures": ["deletionVectors"]}}
    add_commit(delta, 2, protocol)
    assert content(table_config(tmp_path, delta, "delta")) == {"d1": ("new", "2026-01-01")}
    vector = {
        "storageType": "u",
        "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^",
        "offset": 1,
        "sizeInBytes": 36,
        "cardinality": 1,
    }
    add = {"path": action["path"], "size": action["size_bytes"], "modificationTime": 1, "dataChange": True}
    partition = {"partitionValues": {"day": "2026-01-01"}}
    remove = {"path": action["path"], "dataChange": True, "deletionTimestamp": 1} | partition
    add_commit(delta, 3, {"remove": remove}, {"add": add | partition | {"deletionVector": vector}})
    with pytest.raises(CorpusError, match=r"have deletion vectors: rows that are deleted are still in them.*REORG"):
        plan_shards(table_config(tmp_path, delta, "delta"))


def test_column_mapping_and_unknown_features_are_refused(tmp_path: Path) -> None:
    uri = str(tmp_path / "plain")
    write_deltalake(uri, rows(1))
    config = table_config(tmp_path, uri, "delta")
    first = [json.loads(line) for line in Path(uri, "_delta_log", f"{0:020}.json").read_text().splitlines()]
    (meta,) = (line["metaData"] for line in first if "metaData" in line)
    schema = json.loads(meta["schemaString"])
    for number, each in enumerate(schema["fields"], 1):
        each["metadata"] = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}"}
    settings = {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "4"}
    mapped = meta | {"schemaString": json.dumps(schema), "configuration": settings}
    add_commit(uri, 1, {"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}}, {"metaData": mapped})
    with pytest.raises(CorpusError, match=r"maps its columns \(name\): the files call them by other names"):
        plan_shards(config)
    strange = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["x"], "writerFeatures": ["x"]}
    add_commit(uri, 1, {"protocol": strange})
    with pytest.raises(CorpusError, match=r"cannot be read as a Delta table: .*'x' is not supported"):
        plan_shards(config)


@pytest.mark.parametrize(("source_format", "module"), [("delta", "deltalake"), ("iceberg", "pyiceberg.exceptions")])
def test_a_library_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source_format: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        ConfigError,
        match=rf"needs the package {module.split('.', maxsplit=1)[0]}, which is not installed.*\[{source_format}\]",
    ):
        plan_shards(table_config(tmp_path, str(tmp_path / "x"), source_format))


def test_no_table_is_said(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="cannot be read as a Delta table"):
        plan_shards(table_config(tmp_path, str(tmp_path / "corpus"), "delta"))
    (tmp_path / "x.metadata.json").write_text("{}")
    for name in ("corpus", "x.metadata.json", "x.metadata.json/x"):
        with pytest.raises(
            CorpusError, match=r"(?s)cannot be read as an Iceberg table.*iceberg://<catalog>.*version-hint"
        ):
            plan_shards(table_config(tmp_path, str(tmp_path / name), "iceberg"))


@pytest.mark.parametrize("version", [-1, 2**63, True, "7", "yesterday"])
def test_what_is_no_version_is_refused_by_the_configuration(tmp_path: Path, version: Any) -> None:
    with pytest.raises(ValidationError, match="version"):
        table_config(tmp_path, "t", "delta", version=version)


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlCatalog]:
    """The catalog `prod` of pyiceberg's configuration, with the table db.t: snapshot 1 has d1 and d2, the last one d2 new."""
    (tmp_path / "warehouse").mkdir()
    address = {"uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": f"file://{tmp_path}/warehouse"}
    for name, value in {"type": "sql", **address}.items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__PROD__{name.upper()}", value)
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())  # it reads the environment once, on import
    catalog = SqlCatalog("prod", **address)
    catalog.create_namespace("db")
    table = catalog.create_table("db.t", schema=rows(1).schema)
    with table.update_spec() as spec:
        spec.add_field("day", IdentityTransform(), "day")
    table.append(pa.concat_tables([rows(1, title="to be forgotten"), rows(2, title="old", day=None)]))
    table.overwrite(rows(2, title="new", day=None))
    yield catalog
    catalog.engine.dispose()


def test_an_iceberg_table_is_read_by_catalog_metadata_file_or_hint(tmp_path: Path, catalog: SqlCatalog) -> None:
    table = catalog.load_table("db.t")
    folder = Path(table.location().removeprefix("file://"))
    (folder / "metadata/version-hint.text").write_text(Path(table.metadata_location).name)
    for uri in ("iceberg://prod/db.t", table.metadata_location, str(folder)):
        assert content(table_config(tmp_path, uri, "iceberg")) == {"d2": ("new", None)}
    with pytest.raises(CorpusError, match=r"table of Iceberg.*source\.format: iceberg"):
        plan_shards(config_at(tmp_path, source={"uri": str(folder)}))


def test_a_folder_alone_does_not_say_which_of_iceberg_s_metadata_is_current(
    tmp_path: Path, catalog: SqlCatalog
) -> None:
    current = Path(catalog.load_table("db.t").metadata_location.removeprefix("file://"))
    config = table_config(tmp_path, str(current.parent.parent), "iceberg")
    with pytest.raises(CorpusError, match=r"cannot be read as an Iceberg table.*iceberg://<catalog>.*version-hint"):
        plan_shards(config)
    current.with_name("v1.metadata.json").write_bytes(current.read_bytes())
    current.with_name("version-hint.text").write_text("1")
    assert content(config) == {"d2": ("new", None)}


def test_partitions_of_iceberg_are_of_any_type_and_name(tmp_path: Path, catalog: SqlCatalog) -> None:
    table = catalog.create_table("db.odd", schema=odd_rows().schema)
    with table.update_spec() as spec:
        for name in ODD:
            spec.add_field(name, IdentityTransform(), name)
    table.append(odd_rows())
    assert_odd(table_config(tmp_path, "iceberg://prod/db.odd", "iceberg"))


def test_a_snapshot_may_be_named_or_that_of_the_data_date(tmp_path: Path, catalog: SqlCatalog) -> None:
    first = catalog.load_table("db.t").metadata.snapshot_log[0]
    uri = "iceberg://prod/db.t"
    old = {"d1": ("to be forgotten", "2026-01-01"), "d2": ("old", None)}
    assert content(table_config(tmp_path, uri, "iceberg", version=first.snapshot_id)) == old
    assert content(table_config(tmp_path, uri, "iceberg", version="data_date")) == {"d2": ("new", None)}
    with pytest.raises(CorpusError, match="has no snapshot from before 2020-01-02"):
        plan_shards(table_config(tmp_path, uri, "iceberg", version="data_date"), date(2020, 1, 1))
    with pytest.raises(CorpusError, match="has no snapshot 77"):
        plan_shards(table_config(tmp_path, uri, "iceberg", version=77))
    (shard,) = plan_shards(table_config(tmp_path, uri, "iceberg"), TODAY)
    catalog.load_table("db.t").append(rows(9))
    config = table_config(tmp_path, uri, "iceberg")
    manifest = Store(config.store).read_table(scan_shard(config, Store(config.store), shard).manifest)
    assert manifest["id"].to_pylist() == ["d2"]


def test_columns_that_iceberg_renamed_or_replaced_are_refused(tmp_path: Path, catalog: SqlCatalog) -> None:
    table = catalog.load_table("db.t")
    config = table_config(tmp_path, "iceberg://prod/db.t", "iceberg")
    with table.update_schema() as update:
        update.rename_column("title", "headline")
    with table.update_schema() as update:
        update.add_column("title", table.schema().find_type("body"))
    with pytest.raises(
        CorpusError, match=r"columns were renamed or replaced since .*\(title, title\).*rewrite_data_files"
    ):
        plan_shards(config)


def test_what_iceberg_renamed_within_the_values_of_a_map_is_refused() -> None:
    def numbered(name: str, kind: pa.DataType, number: int) -> pa.Field:
        return pa.field(name, kind, metadata={"PARQUET:field_id": str(number)})

    def columns(inner: str) -> pa.Schema:
        value = numbered("value", pa.struct([numbered(inner, pa.string(), 4)]), 3)
        key = pa.field("key", pa.string(), nullable=False, metadata={"PARQUET:field_id": "2"})
        return pa.schema([numbered("m", pa.map_(key, value), 1)])

    require_same_fields(columns("a"), columns("a"), "a.parquet")
    with pytest.raises(CorpusError, match=r"renamed or replaced since .*\(m\.\{\}\.value\.a\)"):
        require_same_fields(columns("c"), columns("a"), "a.parquet")


def test_a_column_that_iceberg_dropped_is_gone_and_an_added_one_null(tmp_path: Path, catalog: SqlCatalog) -> None:
    table = catalog.load_table("db.t")
    with table.update_schema() as update:
        update.add_column("price", table.schema().find_type("day"))
    config = table_config(tmp_path, "iceberg://prod/db.t", "iceberg")
    assert {each.fields["price"] for each in corpus_documents(config, TODAY)} == {None}
    with table.update_schema() as update:
        update.delete_column("price")
    assert all("price" not in each.fields for each in corpus_documents(config, TODAY))


def test_merge_on_read_deletes_are_refused(
    tmp_path: Path, catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyiceberg cannot write them: a task of its scan is made to have one."""
    planned_files = DataScan.plan_files

    def with_deletes(self: DataScan) -> list[Any]:
        tasks = list(planned_files(self))
        for task in tasks:
            task.delete_files = {task.file}
        return tasks

    monkeypatch.setattr(DataScan, "plan_files", with_deletes)
    with pytest.raises(CorpusError, match=r"merge on read.*still in them"):
        plan_shards(table_config(tmp_path, "iceberg://prod/db.t", "iceberg"))


def test_a_file_that_was_added_from_elsewhere_has_its_partition_from_the_metadata(
    tmp_path: Path, catalog: SqlCatalog
) -> None:
    table = catalog.create_table("db.added", schema=rows(1).schema)
    with table.update_spec() as spec:
        spec.add_field("day", IdentityTransform(), "day")
    path = tmp_path / "elsewhere/day=2026-01-01/a.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(rows(1), path)
    table.add_files([str(path)])
    pq.write_table(rows(1).drop_columns(["day"]), path)
    assert content(table_config(tmp_path, "iceberg://prod/db.added", "iceberg")) == {"d1": ("t", "2026-01-01")}
