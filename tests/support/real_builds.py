"""Small corpora and builds on a real cluster, with vectors made up instead of predicted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from build_plans import corpus_config
from sparse_index.books.reconcile import reconcile
from sparse_index.builds.dead_letters import DeadLetter, write_letters
from sparse_index.builds.folder import letters_path
from sparse_index.builds.plan import Plan, load_plan
from sparse_index.builds.reports import Books
from sparse_index.builds.request import Mode, RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.place import Place
from sparse_index.encode.part import encode_part
from sparse_index.gate.gate import gate
from sparse_index.index.candidate import prepare_candidate
from sparse_index.index.part import index_part
from sparse_index.index.promote import promote
from sparse_index.live.alias import observe_alias
from sparse_index.live.meta import read_meta
from sparse_index.pipeline import make_plan
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path
from sparse_index.vectors.files import PartFiles
from sparse_index.vectors.kind import Vector
from sparse_index.vectors.kinds import vector_kind
from sparse_index.vectors.sparse import SparseVector

ROOT = Path(__file__).parents[2]
MODEL_ZIP = ROOT / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("title", pa.string()),
        ("body", pa.string()),
        ("stock", pa.uint64()),
        ("seen", pa.timestamp("s")),
    ]
)

Row = dict[str, Any]
MakeVector = Callable[[str], Vector]
MakeConfig = Callable[..., CorpusConfig]


def rows(count: int) -> list[Row]:
    return [{"id": f"d{n}", "title": f"title {n}", "body": f"body number {n}", "stock": n} for n in range(count)]


def write_corpus(config: CorpusConfig, content: list[Row]) -> None:
    pq.write_table(pa.Table.from_pylist(content, schema=SCHEMA), config.source.uri, row_group_size=40)


def real_config(alias: str, folder: Path, **sections: Any) -> CorpusConfig:
    """A corpus in `folder`; the encoder is the toy model's file, of which only the fingerprint is needed."""
    model = {"source": "file", "name": "toy-sparse", "version": "1.0.0", "path": str(MODEL_ZIP)}
    sections["source"] = {"uri": str(folder / "corpus.parquet")} | sections.get("source", {})
    sections["encoder"] = {"model": model} | sections.get("encoder", {})
    sections["limits"] = {
        "max_changed_share": 1,
        "max_deleted_share": 1,
        "max_dead_letter_share": 1,
        "max_empty_share": 1,
    } | sections.get("limits", {})
    return corpus_config(alias, str(folder / "store"), **sections)


def planned(
    cluster: Cluster, config: CorpusConfig, mode: Mode = Mode.AUTO, *, accept_mass_change: bool = False
) -> Plan:
    request = RunRequest(
        run_id="test", data_date=datetime.now(UTC).date(), mode=mode, accept_mass_change=accept_mass_change
    )
    return make_plan(cluster, config, Store(config.store), request)


def made_up_vector(text_hash: str) -> SparseVector:
    """Three tokens whose float32 weights follow from the hash."""
    weights = sorted((float(np.float32(1 + int(text_hash[n : n + 4], 16) / 70_000)) for n in (0, 4, 8)), reverse=True)
    return SparseVector(tuple(text_hash[n : n + 4] for n in (12, 16, 20)), tuple(weights))


def make_vectors(store: Store, plan: Plan, without: Collection[str] = (), vector: MakeVector = made_up_vector) -> None:
    """What the encode stage would leave when the model refuses the text hashes in `without`."""
    for part in plan.encode_parts:
        hashes = store.read_table(part.path, ["text_hash"]).column("text_hash").to_pylist()
        files = PartFiles(store, plan.fingerprint, plan.build_id, part.number)
        vectors = {name: vector(name) for name in hashes if name not in without}
        files.write_chunk(vector_kind(plan.config.first_field).table(vectors))
        files.merge(len(vectors))
        refused = [_refused(plan, name) for name in hashes if name in without]
        write_letters(store, letters_path(plan, "encode", part.number), refused)


def _refused(plan: Plan, text_hash: str) -> DeadLetter:
    place = Place("corpus.parquet", "v1", 0, 0, text_hash)
    return DeadLetter(None, "encode", "predict_failed", "made by the test", 1, plan.build_id, plan.created_at, place)


def indexed(
    cluster: Cluster,
    config: CorpusConfig,
    plan: Plan,
    without: Collection[str] = (),
    vector: MakeVector = made_up_vector,
) -> None:
    """The plan up to the last bulk request."""
    store = Store(config.store)
    make_vectors(store, plan, without, vector)
    prepare_candidate(cluster, store, plan)
    for part in plan.index_parts:
        index_part(cluster, store, plan, part)


def built(
    cluster: Cluster,
    config: CorpusConfig,
    plan: Plan,
    without: Collection[str] = (),
    vector: MakeVector = made_up_vector,
) -> Books:
    """The whole build, promoted."""
    indexed(cluster, config, plan, without, vector)
    return closed(cluster, Store(config.store), plan)


def closed(cluster: Cluster, store: Store, plan: Plan) -> Books:
    """What follows the last bulk request, up to the promotion."""
    books = reconcile(cluster, store, plan)
    gate(cluster, store, plan)
    promote(cluster, plan, now=datetime.now(UTC))
    return books


def undisturbed(cluster: Cluster, plan: Plan, model_id: str) -> dict[str, Row]:
    """The whole build with the vectors of a deployed model; gives the documents."""
    store = Store(plan.config.store)
    for part in plan.encode_parts:
        encode_part(cluster, store, plan, part, {plan.fingerprint: model_id}, cores=2)
    prepare_candidate(cluster, store, plan)
    for part in plan.index_parts:
        index_part(cluster, store, plan, part)
    closed(cluster, store, plan)
    return documents(cluster, plan.alias)


def live_plan(cluster: Cluster, config: CorpusConfig) -> Plan:
    """The plan of the build that is live."""
    meta = read_meta(cluster, str(observe_alias(cluster, config.alias).index))
    assert meta is not None
    return load_plan(Store(config.store), plan_path(config.alias, meta.build_id))


def documents(cluster: Cluster, index: str) -> dict[str, Row]:
    """Every document of a small index: id -> source."""
    cluster.post(f"/{index}/_refresh")
    hits = cluster.get(f"/{index}/_search", {"size": 10_000})["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


def text_hash_of(store: Store, plan: Plan, document_id: str) -> str:
    manifest = store.read_table(plan.manifest, ["id", "text_hash"]).to_pylist()
    found: str = next(row["text_hash"] for row in manifest if row["id"] == document_id)
    return found
