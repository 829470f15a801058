"""The first run after an upgrade is an ordinary one: hashes frozen from version 88f86ee, and a live build that it left."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plan_help import config_at, plan_shards, planned
from sparse_index.builds.plan import BuildKind, Plan, save_plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.load import load_corpus
from sparse_index.corpus.scan import scan_shard
from sparse_index.ml.life import encoder_fingerprint
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "include" / "demo"
# The demo's corpus files as that version had them.
BEFORE = ROOT / "tests" / "support" / "corpora" / "before"
ROWS = 40
# What a plan of that version does not have.
NEW = {
    "": {"schema_path", "source_version", "mapping", "fingerprints"},
    "config": {"vectors", "search", "gate"},
    "config.source": {"format", "version", "partitions", "partition_types"},
    "config.index": {"fields", "analysis", "alias", "settings"},
    "config.limits": {"max_empty_share", "max_truncated_share"},
    "config.retention": {"vectors_days"},
}


def column(kind: pa.DataType, value: Callable[[int], Any]) -> pa.Array:
    return pa.array([value(row) if row % 5 else None for row in range(ROWS)], kind)


def wide_table() -> pa.Table:
    """A column of each type that the former version took."""
    second, zone = 10**9, "Europe/Berlin"
    return pa.table(
        {
            "id": pa.array([f"w{row}" for row in range(ROWS)]),
            "title": pa.array([f"t {row} \u00e9" for row in range(ROWS)]),
            "int8": column(pa.int8(), lambda row: row),
            "int64": column(pa.int64(), lambda row: 2**60 + row),
            "uint64": column(pa.uint64(), lambda row: 2**64 - 1 - row),
            "float": column(pa.float32(), lambda row: row / 10),
            "double": column(pa.float64(), lambda row: row / 10),
            "nan": pa.array([float("nan") if row % 3 == 0 else row / 3 for row in range(ROWS)]),
            "flag": column(pa.bool_(), lambda row: row % 2 == 0),
            "day": column(pa.date32(), lambda row: date(1999, 1, 1) + timedelta(row * 400)),
            "millis": column(pa.timestamp("ms"), lambda row: second * 1000 + row * 1000 + row % 2 * 120),
            "micros": column(pa.timestamp("us", "UTC"), lambda row: second * 10**6 + row * 100),
            "nanos": column(pa.timestamp("ns"), lambda row: second * 10**9 + row),
            "zoned": column(pa.timestamp("us", zone), lambda row: second * 10**6 + row * 100),
            "price": column(pa.decimal128(10, 2), lambda row: Decimal(row) / 100),
            "exact": column(pa.decimal128(18, 4), lambda row: Decimal(row * 7) / 100),
            "large": column(pa.decimal128(30, 4), lambda row: Decimal(row) / 100),
            "words": column(pa.list_(pa.string()), lambda row: ["a", None, "b"][: row % 4]),
            "numbers": column(pa.list_(pa.int32()), lambda row: [row, 2]),
            "days": column(pa.list_(pa.date32()), lambda _: [date(2020, 1, 1)]),
            "code": column(pa.string(), lambda row: "xyz"[row % 3]).dictionary_encode(),
        }
    )


def wide_config(folder: Path, **sections: Any) -> CorpusConfig:
    template = "{title} {int8} {double} {day} {micros} {price} {flag} {nan}"
    source = {"text_template": template} | sections.pop("source", {})
    config = config_at(folder, source=source, **sections)
    corpus = Path(config.source.address(date(2026, 1, 2)))
    corpus.mkdir(parents=True, exist_ok=True)
    pq.write_table(wide_table(), corpus / "a.parquet", row_group_size=17)
    return config


def digest(config: CorpusConfig) -> str:
    """Over id, text hash and row hash of every row."""
    store, found = Store(config.store), hashlib.blake2b(digest_size=16)
    for shard in plan_shards(config):
        for row in store.read_table(scan_shard(config, store, shard).manifest).to_pylist():
            found.update(f"{row['id']} {row['text_hash']} {row['row_hash']}\n".encode())
    return found.hexdigest()


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    """The former corpus files, beside the corpora and the model where they look for them."""
    folder = shutil.copytree(BEFORE, tmp_path / "corpora")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "corpora").symlink_to(DEMO / "corpora")
    (tmp_path / "demo" / "models").symlink_to(DEMO / "toy_models")
    return folder


@pytest.mark.parametrize(
    ("name", "document_hash", "rows"),
    [
        ("legal", "1a34639265f0a546", "6e00c9143d322f514e2bf99385fd6270"),
        ("news", "8c47052b081ca99c", "7883297bd495391168a75eddaae95575"),
        ("products", "1a34639265f0a546", "f23263dea347cfc2304c33f662fddefb"),
        ("tickets", "1a34639265f0a546", "8d80d34240c5366da9766884a3d84795"),
    ],
)
def test_a_former_corpus_file_has_the_hashes_that_it_had(
    tmp_path: Path, corpora: Path, name: str, document_hash: str, rows: str
) -> None:
    config = load_corpus(corpora / f"{name}.yaml").model_copy(update={"store": str(tmp_path)})
    assert config.document_hash() == document_hash
    assert encoder_fingerprint(None, config.first_field) == "e63f8441ee72569c"  # type: ignore[arg-type]
    assert digest(config) == rows


def test_a_row_of_each_type_has_the_hash_that_it_had(tmp_path: Path) -> None:
    assert digest(wide_config(tmp_path)) == "91c4e80faef926a09daea474c16ea99b"


def left_by_the_former_version(config: CorpusConfig, plan: Plan) -> None:
    store, path = Store(config.store), plan_path(config.alias, plan.build_id)
    save_plan(store, plan)
    raw = store.read_json(path)
    for section, names in NEW.items():
        for name in names:
            del within(raw, section.split(".") if section else [])[name]
    store.write_json(path, raw)
    table = store.read_table(plan.manifest)
    store.write_table(plan.manifest, table.drop_columns(["tokens", "truncated"]))


def within(raw: dict[str, Any], path: Iterable[str]) -> dict[str, Any]:
    for name in path:
        raw = raw[name]
    return raw


def test_the_next_run_of_a_snapshot_finds_nothing_changed(tmp_path: Path) -> None:
    config = wide_config(tmp_path)
    live = planned(config)
    left_by_the_former_version(config, live)
    assert planned(config, live, token="abcdef01").kind is BuildKind.NOTHING


def test_the_next_day_of_a_feed_is_a_delta(tmp_path: Path) -> None:
    columns = [name for name in wide_table().column_names if name != "id"]
    source = {"uri": str(tmp_path / "corpus" / "of={data_date}"), "columns": columns}
    config = wide_config(tmp_path, kind="feed", source=source)
    live = planned(config)
    left_by_the_former_version(config, live)
    again = planned(config, live, token="abcdef01")
    assert (again.kind, again.counts.unchanged) == (BuildKind.NOTHING, ROWS)
    day = tmp_path / "corpus" / "of=2026-01-03"
    day.mkdir()
    pq.write_table(wide_table().slice(0, 3), day / "a.parquet")
    later = datetime(2026, 1, 4, 1, tzinfo=UTC)
    following = planned(config, live, data_date=date(2026, 1, 3), now=later, token="abcdef02")
    assert (following.kind, following.counts.unchanged, following.reasons) == (
        BuildKind.DELTA,
        3,
        ["only what changed"],
    )
