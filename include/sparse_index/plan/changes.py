"""Manifests of the corpus x manifest of the live build x vectors store -> the frozen plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb

from sparse_index.cluster import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.index.alias import observe_alias
from sparse_index.index.meta import Meta, read_meta
from sparse_index.ml.sources import resolve_fingerprint
from sparse_index.names import new_build_id
from sparse_index.plan.difference import Difference
from sparse_index.plan.guards import require_expected_change, require_forward_date
from sparse_index.plan.model import BuildKind, Counts, Mode, Part, Plan, RunRequest, ShardScan, save_plan
from sparse_index.plan.sql import connect, copy_to
from sparse_index.store import Store, build_folder, vectors_folder

PART_ITEMS = 2_000


def plan_changes(
    cluster: Cluster,
    config: CorpusConfig,
    store: Store,
    scans: Sequence[ShardScan],
    request: RunRequest,
    *,
    now: datetime,
    token: str,
) -> Plan:
    """Compare, decide, freeze. Nothing is written to the cluster; BuildError when a guard says no."""
    live = observe_alias(cluster, config.alias).require_sound().index
    meta = read_meta(cluster, live) if live else None
    require_forward_date(request, meta)
    fingerprint = resolve_fingerprint(cluster, config.encoder)
    reasons = _reasons_for_full(config, store, request, live, meta, fingerprint)
    build_id = new_build_id(now, token)
    with connect(store) as con:
        difference = Difference(con, store, config)
        difference.load(
            [scan.manifest for scan in scans],
            live_manifest=meta.manifest if meta is not None and store.exists(meta.manifest) else None,
            vectors=store.files(vectors_folder(fingerprint), ".parquet"),
            full=bool(reasons),
            row_limit=request.row_limit,
        )
        counts = difference.counts()
        require_closed(counts)
        require_expected_change(config, request, counts, difference.deleted_examples())
        kind = _kind(reasons, counts)
        plan = Plan(
            build_id=build_id,
            request=request,
            config=config,
            kind=kind,
            reasons=reasons or ["only what changed"],
            created_at=now,
            fingerprint=fingerprint,
            live_index=live,
            live_build_id=meta.build_id if meta else None,
            counts=counts,
            manifest=f"{build_folder(config.alias, build_id)}/manifest.parquet",
            encode_parts=[],
            index_parts=[],
            promotes=request.row_limit is None,
        )
        plan = _with_files(con, store, difference, plan)
    save_plan(store, plan)
    return plan


def require_closed(counts: Counts) -> None:
    """P1 at plan time: every row read is in exactly one line of the books."""
    lines = (
        counts.unchanged,
        counts.encoded,
        counts.reused,
        counts.blank,
        counts.duplicate_ids,
        counts.superseded,
        counts.dead_letters,
    )
    if sum(lines) != counts.rows_read:
        raise BuildError(
            f"The plan's books do not close: {counts.rows_read} rows read, {sum(lines)} accounted for: {counts}."
        )


def _reasons_for_full(
    config: CorpusConfig, store: Store, request: RunRequest, live: str | None, meta: Meta | None, fingerprint: str
) -> list[str]:
    if live is None:
        return [f"alias '{config.alias}' has no index yet"]
    if meta is None:
        return [f"{live} does not say what it was built from"]
    causes = {
        "full mode was asked for": request.mode is Mode.FULL,
        "a row limit was asked for": request.row_limit is not None,
        "the encoder changed": meta.fingerprint != fingerprint,
        "mapping, text template or shard count changed": meta.document_hash != config.document_hash(),
        "the live build's manifest is gone": meta.store != config.store or not store.exists(meta.manifest),
    }
    return [cause for cause, applies in causes.items() if applies]


def _kind(reasons: list[str], counts: Counts) -> BuildKind:
    if reasons:
        return BuildKind.FULL
    changes = counts.new + counts.text_changed + counts.fields_changed + counts.deleted
    return BuildKind.DELTA if changes else BuildKind.NOTHING


def _with_files(con: duckdb.DuckDBPyConnection, store: Store, difference: Difference, plan: Plan) -> Plan:
    """Write manifest, duplicates and parts; gives the plan that names them."""
    copy_to(con, store, difference.manifest_query(), plan.manifest)
    if plan.counts.duplicate_ids:
        copy_to(con, store, difference.duplicates_query(), f"{plan.folder}/duplicates.parquet")
    if plan.counts.dead_letters:
        letters = difference.dead_letters_query(plan.build_id, plan.created_at)
        copy_to(con, store, letters, f"{plan.folder}/dead_letters/scan.parquet")
    if not plan.builds:
        return plan
    return plan.model_copy(
        update={
            "encode_parts": _write_parts(con, store, plan, "encode", difference.encode_table()),
            "index_parts": _write_parts(con, store, plan, "index", difference.index_table()),
        }
    )


def _write_parts(con: duckdb.DuckDBPyConnection, store: Store, plan: Plan, stage: str, table: str) -> list[Part]:
    """Even, contiguous shares of `table` (ordered by its column `position`, from 0) as files."""
    items = int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
    count = min(-(-items // PART_ITEMS), plan.config.source.max_shards)
    parts = []
    for number in range(count):
        low, high = number * items // count, (number + 1) * items // count
        path = f"{plan.folder}/parts/{stage}-{number:05d}.parquet"
        rows = (
            f"SELECT * EXCLUDE (position) FROM {table} WHERE position >= {low} AND position < {high} ORDER BY position"
        )
        copy_to(con, store, rows, path)
        parts.append(Part(number=number, path=path, items=high - low))
    return parts
