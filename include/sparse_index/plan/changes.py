"""Manifests of the corpus x manifest of the live build x vectors store -> the frozen plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

import duckdb

from sparse_index.builds.dead_letters import DeadLetter, letters_path, with_sources, write_letters
from sparse_index.builds.plan import BuildKind, Counts, Part, Plan, save_plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.place import Place
from sparse_index.corpus.shards import ShardScan
from sparse_index.creation.create import allocation_rules
from sparse_index.creation.trial import try_candidate
from sparse_index.errors import BuildError
from sparse_index.names import new_build_id
from sparse_index.plan import disk, guards
from sparse_index.plan.attached import Takeover
from sparse_index.plan.difference import Difference, Inputs
from sparse_index.plan.estimate import expected_seconds
from sparse_index.plan.observed import Live
from sparse_index.plan.seen import Attempt, Seen, look
from sparse_index.store.files import Store
from sparse_index.store.layout import build_folder, vectors_folder
from sparse_index.store.sql import connect, copy_to

PART_ITEMS = 2_000
# What one task can do within its time and memory, and (a little below) how many tasks Airflow maps by default.
LARGEST_PART_ITEMS = 100_000
MOST_PARTS = 1_000
_REASONS = {
    "null_id": "the row has no id",
    "empty_id": "the id is empty",
    "id_not_unicode": "the id holds bytes that are no UTF-8 (or U+FFFD, which stands for such)",
    "id_too_long": "the id is longer than 512 bytes of UTF-8",
}


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
    """Compare, decide, freeze. BuildError when a guard says no. Nothing is left in the cluster: before a full build an empty
    index like its candidate is made and deleted again."""
    attempt = Attempt(cluster, config, store, request, new_build_id(now, token), now)
    guards.require_room(cluster, config)
    seen = look(attempt, scans)
    with connect(store) as con:
        difference = Difference(con, store, config, _inputs(attempt, seen))
        difference.load()
        plan = _decided(attempt, seen, difference)
        _require_right(attempt, seen, difference, plan)
        plan = _tried_out(cluster, plan, seen)
        plan = _with_files(con, store, difference, plan)
    save_plan(store, plan)
    return plan


def _inputs(attempt: Attempt, seen: Seen) -> Inputs:
    config, request = attempt.config, attempt.request
    return Inputs(
        scans=seen.scans,
        live_manifest=seen.live.manifest,
        vectors={
            field: attempt.store.files(vectors_folder(fingerprint), ".parquet")
            for field, fingerprint in seen.fingerprints.items()
        },
        full=bool(seen.reasons),
        row_limit=request.row_limit,
        data_date=request.data_date if config.kind == "feed" else None,
        newest_day=_newest_day(config, request, seen.live),
    )


def _newest_day(config: CorpusConfig, request: RunRequest, live: Live) -> date | None:
    """The newest day of a feed's index when this build is live: it never goes back."""
    if config.kind == "snapshot":
        return None
    return max(request.data_date, live.data_date or request.data_date)


def _decided(attempt: Attempt, seen: Seen, difference: Difference) -> Plan:
    """The plan without its files."""
    config, request, live, counts = attempt.config, attempt.request, seen.live, difference.counts()
    live_bytes = disk.index_bytes(attempt.cluster, live.index) if live.index else 0
    return Plan(
        build_id=attempt.build_id,
        request=request,
        config=config,
        kind=_kind(seen, difference),
        reasons=list(seen.reasons) or _reasons_for_delta(seen.takeover, difference),
        created_at=attempt.now,
        fingerprint=seen.fingerprints[config.index.vector_field],
        fingerprints=dict(seen.fingerprints),
        live_index=live.index,
        live_build_id=live.meta.build_id if live.meta else None,
        counts=counts,
        manifest=f"{build_folder(config.alias, attempt.build_id)}/manifest.parquet",
        encode_parts=[],
        index_parts=[],
        promotes=request.row_limit is None,
        scans=list(seen.scans),
        schema_path=seen.schema_path,
        source_version=seen.source_version,
        mapping=seen.mapping,
        newest_day=_newest_day(config, request, live),
        notes=[
            *seen.notes,
            *disk.large_shard_note(config, live_bytes),
            *guards.skipped_days_note(config, request, live.data_date),
        ],
        disk_bytes=disk.candidate_bytes(config, counts, live_bytes) if live.index else None,
        seconds=expected_seconds(
            attempt.store, config, seen.fingerprints[config.index.vector_field], counts, difference.operations()
        ),
    )


def _kind(seen: Seen, difference: Difference) -> BuildKind:
    """What the corpus file owns on alias and index comes with the switch to a clone, though no document changed."""
    if seen.reasons:
        return BuildKind.FULL
    return BuildKind.DELTA if seen.takeover.changes or difference.changes_manifest() else BuildKind.NOTHING


def _reasons_for_delta(takeover: Takeover, difference: Difference) -> list[str]:
    return ["only what changed"] if difference.changes_manifest() else list(takeover.changes) or ["only what changed"]


def _require_right(attempt: Attempt, seen: Seen, difference: Difference, plan: Plan) -> None:
    """Only what the guards let pass."""
    config, request, counts = attempt.config, attempt.request, plan.counts
    require_closed(counts)
    if plan.kind is not BuildKind.NOTHING:
        seen.takeover.require_right(config.alias)
    _keep_dead_letters(attempt.store, plan, difference)
    if config.kind == "feed":
        guards.require_kept_files(config, plan.reasons, difference.kept_files())
    guards.require_expected_change(config, request, counts, difference)
    guards.require_few_dead_letters(config, request, counts, letters_path(plan, "scan"))
    guards.require_few_unkept(config, request, counts, seen.findings)
    if plan.builds and plan.disk_bytes is not None:
        disk.require_disk(attempt.cluster, config, plan.disk_bytes)


def _tried_out(cluster: Cluster, plan: Plan, seen: Seen) -> Plan:
    """The plan with what is to be said about index templates; BuildError when its candidate cannot be made. Of a clone all
    is known but whether it finds a node."""
    cloned = seen.live.attached if plan.kind is BuildKind.DELTA else None
    rules = {} if cloned is None else allocation_rules(cloned.settings)
    if plan.kind is not BuildKind.FULL and not rules:
        return plan
    notes = try_candidate(cluster, plan.config, seen.mapping, rules)
    return plan.model_copy(update={"notes": plan.notes + notes})


def require_closed(counts: Counts) -> None:
    """P1 at plan time: every row read is in exactly one line of the books."""
    lines = (
        counts.unchanged,
        counts.encoded,
        counts.reused,
        counts.blank,
        counts.duplicate_ids,
        counts.superseded,
        counts.tombstones,
        counts.dead_letters,
    )
    if sum(lines) != counts.rows_read:
        raise BuildError(
            f"The plan's books do not close: {counts.rows_read} rows read, {sum(lines)} accounted for: {counts}. "
            "Nothing was changed; report this as a defect."
        )


def _keep_dead_letters(store: Store, plan: Plan, difference: Difference) -> None:
    """One letter a row that cannot be a document; one more than the limit is enough to refuse the build."""
    if plan.counts.dead_letters:
        letters = list(_letters(plan, difference))
        write_letters(store, letters_path(plan, "scan"), with_sources(plan, letters))


def _letters(plan: Plan, difference: Difference) -> Iterator[DeadLetter]:
    for row in difference.unusable_rows(plan.config.limits.max_dead_letters + 1):
        problem, at = row["problem"], plan.created_at
        reason = _REASONS.get(problem, problem)
        yield DeadLetter(row["id"], "scan", problem, reason, 1, plan.build_id, at, Place.of(row))


def _with_files(con: duckdb.DuckDBPyConnection, store: Store, difference: Difference, plan: Plan) -> Plan:
    """Write manifest, duplicates and parts; gives the plan that names them."""
    copy_to(con, store, difference.manifest_query(), plan.manifest)
    if plan.counts.duplicate_ids:
        copy_to(con, store, difference.duplicates_query(), f"{plan.folder}/duplicates.parquet")
    if not plan.builds:
        return plan
    return plan.model_copy(
        update={
            "encode_parts": list(_encode_parts(con, store, plan, difference)),
            "index_parts": list(_index_parts(con, store, plan, difference)),
        }
    )


def part_count(config: CorpusConfig, items: int) -> int:
    """Parts of 2,000 items, as many as `source.max_shards` at most, unless they would be too large; BuildError beyond 1,000."""
    count = max(min(-(-items // PART_ITEMS), config.source.max_shards), -(-items // LARGEST_PART_ITEMS))
    if count > MOST_PARTS:
        raise BuildError(
            f"'{config.alias}': {items} items are {count} parts of {LARGEST_PART_ITEMS}, and a run maps {MOST_PARTS} tasks at "
            "most. Nothing was changed; divide the corpus among several aliases, or begin with a part of it."
        )
    return count


def _encode_parts(con: duckdb.DuckDBPyConnection, store: Store, plan: Plan, difference: Difference) -> Iterator[Part]:
    """Of each vector field in turn; the numbers go on from field to field."""
    first = number = 0
    for field in plan.config.vector_fields:
        items = difference.texts_to_encode(field)
        for low, high in _shares(items, part_count(plan.config, items)):
            path = f"{plan.folder}/parts/encode-{number:05d}.parquet"
            copy_to(con, store, _share("encode", "position, turn, field", first + low, first + high), path)
            yield Part(number=number, path=path, items=high - low, field=field)
            number += 1
        first += items


def _index_parts(con: duckdb.DuckDBPyConnection, store: Store, plan: Plan, difference: Difference) -> Iterator[Part]:
    items = difference.operations()
    # A feed's day may change nothing but dates; the candidate is made and counted all the same.
    for number, (low, high) in enumerate(_shares(items, max(1, part_count(plan.config, items)))):
        path = f"{plan.folder}/parts/index-{number:05d}.parquet"
        copy_to(con, store, _share("operations", "position", low, high), path)
        yield Part(number=number, path=path, items=high - low)


def _shares(items: int, count: int) -> Iterator[tuple[int, int]]:
    """Even, contiguous ones: from, up to."""
    return ((number * items // count, (number + 1) * items // count) for number in range(count))


def _share(table: str, left_out: str, low: int, high: int) -> str:
    """SQL: the rows of a table whose `position`, which counts from 0, is in this share."""
    return f"SELECT * EXCLUDE ({left_out}) FROM {table} WHERE position >= {low} AND position < {high} ORDER BY position"
