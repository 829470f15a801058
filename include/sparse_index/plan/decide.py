"""The plan, decided: a pure function of what was seen and of the difference."""

from __future__ import annotations

from collections.abc import Iterator

from sparse_index.builds.plan import BuildKind, Part, Plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.plan.difference import Changes, Inputs
from sparse_index.plan.disk import candidate_bytes, large_shard_note
from sparse_index.plan.estimate import expected_seconds
from sparse_index.plan.guards import skipped_days_note
from sparse_index.plan.observed import Observed
from sparse_index.plan.reasons import reasons_for_full
from sparse_index.plan.takeover import Takeover, plan_takeover
from sparse_index.store.layout import build_folder

PART_ITEMS = 2_000
# What one task can do within its time and memory, and (a little below) how many tasks Airflow maps by default.
LARGEST_PART_ITEMS = 100_000
MOST_PARTS = 1_000


def inputs_of(seen: Observed) -> Inputs:
    """What is to be compared."""
    config, request = seen.config, seen.request
    return Inputs(
        scans=seen.scanned.manifests,
        live_manifest=seen.live.manifest,
        vectors=seen.vectors,
        full=bool(reasons_for_full(seen)),
        row_limit=request.row_limit,
        data_date=request.data_date if config.kind == "feed" else None,
        newest_day=seen.newest_day,
    )


def decide(seen: Observed, changes: Changes) -> Plan:
    """The whole plan, its parts too, whose files are yet to be written. BuildError when they would be too many."""
    config, request, live, counts = seen.config, seen.request, seen.live, changes.counts
    takeover, reasons = plan_takeover(seen), reasons_for_full(seen)
    plan = Plan(
        build_id=seen.build_id,
        request=request,
        config=config,
        kind=_kind(reasons, takeover, changes),
        reasons=reasons or _reasons_for_delta(takeover, changes),
        created_at=seen.now,
        fingerprint=seen.fingerprints[config.index.vector_field],
        fingerprints=dict(seen.fingerprints),
        live_index=live.index,
        live_build_id=live.meta.build_id if live.meta else None,
        counts=counts,
        manifest=f"{build_folder(config.alias, seen.build_id)}/manifest.parquet",
        encode_parts=[],
        index_parts=[],
        promotes=request.row_limit is None,
        scans=list(seen.scanned.manifests),
        schema_path=seen.scanned.schema_path,
        source_version=seen.scanned.source_version,
        mapping=seen.mapping,
        newest_day=seen.newest_day,
        notes=_notes(seen, takeover),
        disk_bytes=candidate_bytes(config, changes, seen.live_bytes) if live.index else None,
        seconds=expected_seconds(seen, changes),
    )
    return _with_parts(plan, changes) if plan.makes_candidate else plan


def _kind(reasons: list[str], takeover: Takeover, changes: Changes) -> BuildKind:
    """What the corpus file owns on alias and index comes with the switch to a clone, though no document changed."""
    if reasons:
        return BuildKind.FULL
    return BuildKind.DELTA if takeover.changes or changes.differs else BuildKind.NOTHING


def _reasons_for_delta(takeover: Takeover, changes: Changes) -> list[str]:
    return ["only what changed"] if changes.differs else list(takeover.changes) or ["only what changed"]


def _notes(seen: Observed, takeover: Takeover) -> list[str]:
    """What a person should know beside the numbers."""
    return [
        *seen.scanned.schema.notes,
        *seen.scanned.oddities.notes(),
        *takeover.notes,
        *large_shard_note(seen.config, seen.live_bytes),
        *skipped_days_note(seen),
    ]


def _with_parts(plan: Plan, changes: Changes) -> Plan:
    # A feed's day may change nothing but dates; the candidate is made and counted all the same.
    count = max(1, part_count(plan.config, changes.writes))
    index = [
        Part(number=number, path=_part_path(plan, "index", number), items=items)
        for number, items in enumerate(_shares(changes.writes, count))
    ]
    return plan.model_copy(update={"encode_parts": _encode_parts(plan), "index_parts": index})


def _encode_parts(plan: Plan) -> list[Part]:
    """Of each vector field in turn; the numbers go on from field to field."""
    fields = plan.config.vector_fields
    # Of a single field the plan's own line tells.
    texts = {name: plan.counts.fields.get(name, plan.counts).texts_to_encode for name in fields}
    shares = (
        (field, items) for field in fields for items in _shares(texts[field], part_count(plan.config, texts[field]))
    )
    return [
        Part(number=number, path=_part_path(plan, "encode", number), items=items, field=field)
        for number, (field, items) in enumerate(shares)
    ]


def _part_path(plan: Plan, stage: str, number: int) -> str:
    return f"{plan.folder}/parts/{stage}-{number:05d}.parquet"


def _shares(items: int, count: int) -> Iterator[int]:
    """So many even parts of `items`."""
    return ((number + 1) * items // count - number * items // count for number in range(count))


def part_count(config: CorpusConfig, items: int) -> int:
    """Parts of 2,000 items, as many as `source.max_shards` at most, unless they would be too large; BuildError beyond 1,000."""
    count = max(min(-(-items // PART_ITEMS), config.source.max_shards), -(-items // LARGEST_PART_ITEMS))
    if count > MOST_PARTS:
        raise BuildError(
            f"'{config.alias}': {items} items are {count} parts of {LARGEST_PART_ITEMS}, and a run maps {MOST_PARTS} tasks at "
            "most. Nothing was changed; divide the corpus among several aliases, or begin with a part of it."
        )
    return count
